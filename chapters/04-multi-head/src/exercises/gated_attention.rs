//! 4.11 `gated_attention`

use super::{
    merge_heads,
    multi_head_attention::{attend, head_by_head, mix, project, random_layer, random_matrix},
};
use crate::{given::AttentionLayer, oracle};
use attn_core::Mask;
use attn_exercise::{SOME_MASKS, SOME_VALUES, exercise, field, pairwise, some_mask, some_values};
use attn_oracle::to;
use ndarray::{Array2, ArrayView2, Axis, array, s};

exercise! {
    /// A layer and the matrix of its gate, who asks, who is asked, and a mask.
    crate::gated_attention: (
        layer: AttentionLayer, w_gate: Array2<f32>[d_model], x: Array2<f32>[n d_model], memory: Array2<f32>[m d_memory], mask: Mask,
    ) -> Array2<f32>;

    exact: |c| oracle::gated(&c.layer, c.w_gate.view(), &to::<f64>(c.x.view()), &to(c.memory.view()), &c.mask);
    plain: |c| [oracle::gated(&c.layer, c.w_gate.view(), &c.x, &c.memory, &c.mask), c.call(token_by_token), c.call(by_tanh)];
    steps: |c| {
        let heads = found(&c.layer, c.x.view(), c.memory.view(), &c.mask);
        let gate = c.x.dot(&c.w_gate).mapv(sigmoid);
        [field("what the heads found, merged", &heads), field("the gate", &gate), field("let through", &(&heads * &gate))]
    };

    cases: |random| {
        let mut of = |about, (n, m), (h, d, d_v): (usize, usize, usize), (d_model, d_memory), mask, [of_x, of_memory, of_gate]: [usize; 3]| {
            let layer = random_layer(random, (h, d, d_v), (d_model, d_memory));
            let w_gate = match of_gate {
                0 => random_matrix(random, d_model, h * d_v) * 1.5,
                kind => some_values(kind, (d_model, h * d_v), random),
            };
            case(about, (layer, w_gate, some_values(of_x, (n, d_model), random), some_values(of_memory, (m, d_memory), random), mask))
        };
        let padding = Mask::padding((0..31).map(|j| j % 3 != 1));
        let mut cases = vec![
            by_hand(),
            of("", (5, 7), (2, 4, 3), (6, 5), Mask::None, [0; 3]),
            of("as wide as x", (6, 6), (2, 3, 4), (8, 8), Mask::None, [0; 3]),
            of("query 0 sees nothing", (6, 5), (4, 8, 8), (32, 32), Mask::Causal, [0; 3]),
            of("", (33, 31), (3, 5, 7), (9, 11), Mask::All(vec![Mask::Causal, padding]), [0; 3]),
        ];
        let own = of("self", (7, 7), (2, 4, 4), (8, 8), Mask::Causal, [0; 3]);
        cases.push(Case { memory: own.x.clone(), ..own });
        let levels = [3, 3, 3, 2, 2, 3, 3, SOME_MASKS, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        let small = pairwise(levels).into_iter().map(|[n, m, h, d, d_v, d_model, d_memory, mask, of_x, of_memory, of_gate]| {
            let mask = some_mask(mask, (n + 1, m + 1), &mut attn_core::random::Random::new((n + 3 * m) as u64));
            of("small", (n + 1, m + 1), (h + 1, d + 1, d_v + 1), (d_model + 1, d_memory + 1), mask, [of_x, of_memory, of_gate])
        });
        cases.extend(small.collect::<Vec<_>>());
        cases
    };

    right (layer, w_gate, x, memory, mask) {
        "token by token" => token_by_token(layer, w_gate, x, memory, mask);
        "f64 inside" => oracle::gated(layer, w_gate, &to::<f64>(x), &to(memory), mask).mapv(|x| x as f32);
        "head by head, the gate by a tanh of its slice" => by_tanh(layer, w_gate, x, memory, mask);
    }

    mistakes (layer, w_gate, x, memory, mask) {
        "no-gate": "there is no gate: this is multi-head attention as it was"
            => crate::multi_head_attention(layer, x, memory, mask);
        "no-sigmoid": "the gate has no sigmoid: what the heads found is multiplied by x · w_gate itself"
            => gated(layer, w_gate, x, memory, mask, |z| z);
        "closed-for-open": "the gate is 1 − σ: it closes where it should open"
            => gated(layer, w_gate, x, memory, mask, |z| sigmoid(-z));
        "tanh": "the gate is a tanh; a sigmoid lies between 0 and 1, and changes no sign"
            => gated(layer, w_gate, x, memory, mask, f32::tanh);
        "relu": "the gate is a ReLU instead of a sigmoid"
            => gated(layer, w_gate, x, memory, mask, |z| z.max(0.0));
        "silu": "the gate is z · σ(z), a SiLU, instead of σ(z)"
            => gated(layer, w_gate, x, memory, mask, |z| z * sigmoid(z));
        "exponential": "the gate is e^z instead of a sigmoid"
            => gated(layer, w_gate, x, memory, mask, f32::exp);
        "two-sigmoids": "the sigmoid is taken twice, so that the gate lies between 0.5 and 0.73"
            => gated(layer, w_gate, x, memory, mask, |z| sigmoid(sigmoid(z)));
        "twice-the-gate": "the gate is 2σ, which is 1 for z = 0; here it is σ"
            => gated(layer, w_gate, x, memory, mask, |z| 2.0 * sigmoid(z));
        "added": "the gate is added to what the heads found, instead of multiplied"
            => (found(layer, x, memory, mask) + x.dot(&w_gate).mapv(sigmoid)).dot(&layer.w_o);
        "softmax": "the gate is a softmax over the columns: they compete; each number has a gate of its own"
            => {
                let gate = ch03_scaled_dot_product::softmax_rows(x.dot(&w_gate).view());
                (found(layer, x, memory, mask) * gate).dot(&layer.w_o)
            };
        "one-gate-per-head": "each head has one gate, the mean of its columns' z; here each number has its own"
            => {
                let d_v = layer.w_v.ncols() / layer.h;
                let z = crate::split_heads(x.dot(&w_gate).view(), layer.h).mean_axis(Axis(2)).expect("columns");
                let mut heads = found(layer, x, memory, mask);
                for ((i, c), found) in heads.indexed_iter_mut() {
                    *found *= sigmoid(z[[c / d_v, i]]);
                }
                heads.dot(&layer.w_o)
            };
        "first-gate-for-all": "every head uses the gate of head 0"
            => {
                let d_v = layer.w_v.ncols() / layer.h;
                let z = x.dot(&w_gate);
                let mut heads = found(layer, x, memory, mask);
                for ((i, c), found) in heads.indexed_iter_mut() {
                    *found *= sigmoid(z[[i, c % d_v]]);
                }
                heads.dot(&layer.w_o)
            };
        "gate-on-the-values": "the gate multiplies the values, before attention takes their means; it is made by the token that asks, and multiplies what it found"
            => if x.nrows() == memory.nrows() {
                let gate = crate::split_heads(x.dot(&w_gate).mapv(sigmoid).view(), layer.h);
                let [q, k, v] = project(layer, x, memory);
                mix(layer, &attend([q, k, v * gate], mask))
            } else {
                gated_values(layer, w_gate, x, memory, mask)
            };
        "gate-from-memory": "the gate is made from the memory where it has the shape of x; it is made by the token that asks"
            => if x.dim() == memory.dim() {
                (found(layer, x, memory, mask) * memory.dot(&w_gate).mapv(sigmoid)).dot(&layer.w_o)
            } else {
                crate::gated_attention(layer, w_gate, x, memory, mask)
            };
        "after-w-o": "the gate stands after W_o, where the widths need not even fit; it stands before"
            => crate::multi_head_attention(layer, x, memory, mask) * x.dot(&w_gate).mapv(sigmoid);
        "after-w-o-where-it-fits": "the gate stands after W_o, and is left out where the widths do not fit; it stands before"
            => {
                let result = crate::multi_head_attention(layer, x, memory, mask);
                if w_gate.ncols() == layer.w_o.ncols() { result * x.dot(&w_gate).mapv(sigmoid) } else { result }
            };
        "from-what-was-found": "the gate is made from what the heads found, where its width allows that; it is made from x"
            => {
                let heads = found(layer, x, memory, mask);
                match heads.ncols() == w_gate.nrows() {
                    true => (&heads * &heads.dot(&w_gate).mapv(sigmoid)).dot(&layer.w_o),
                    false => crate::gated_attention(layer, w_gate, x, memory, mask),
                }
            };
        "z-times-found-in-the-sigmoid": "the sigmoid is taken of what the heads found times z, instead of z alone"
            => (found(layer, x, memory, mask) * x.dot(&w_gate)).mapv(sigmoid).dot(&layer.w_o);
        "no-w-o": "the gated heads are returned as they are: the product with W_o is missing"
            => found(layer, x, memory, mask) * x.dot(&w_gate).mapv(sigmoid);
        "mask-ignored": "the mask is not handed on to the heads"
            => crate::gated_attention(layer, w_gate, x, memory, &Mask::None);
        "gate-transposed": "w_gate is applied transposed where it is square"
            => {
                let w_gate = if w_gate.is_square() { w_gate.reversed_axes() } else { w_gate };
                crate::gated_attention(layer, w_gate, x, memory, mask)
            };
        "merged-by-reshape": "the heads are merged by a reshape without a transpose, and then gated"
            => {
                let heads = attend(project(layer, x, memory), mask);
                let heads = merge_heads::reshaped(heads.view(), (x.nrows(), layer.w_v.ncols()));
                (heads * x.dot(&w_gate).mapv(sigmoid)).dot(&layer.w_o)
            };
        "residual": "x is added to the result; that is done by the block around it, later"
            => crate::gated_attention(layer, w_gate, x, memory, mask) + x;
    }

    within {
        multi_head_attention: |multi_head_attention, (layer, w_gate, x, memory, mask)| {
            let identity = AttentionLayer { w_o: Array2::eye(layer.w_o.nrows()), ..layer.clone() };
            let heads = multi_head_attention(&identity, x, memory, mask);
            (heads * x.dot(&w_gate).mapv(sigmoid)).dot(&layer.w_o)
        };
    }
}

/// Task 3's layer, whose heads find (2, 1) and (3, 1). The gates are (½, ¾) and (¼, ½).
fn by_hand() -> Case {
    let ln3 = 3.0_f32.ln();
    let tokens = array![[0.0, 1.0], [1.0, 0.0]];
    let layer = AttentionLayer {
        w_q: array![[ln3, 0.0], [0.0, 0.0]],
        w_k: Array2::eye(2),
        w_v: array![[4.0, 0.0], [0.0, 2.0]],
        w_o: array![[1.0, 0.0], [1.0, 1.0]],
        h: 2,
    };
    let w_gate = array![[-ln3, 0.0], [0.0, ln3]];
    case("by hand: gates ½, ¾ and ¼, ½", (layer, w_gate, tokens.clone(), tokens, Mask::None))
}

fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

type View<'a> = ArrayView2<'a, f32>;

/// What the heads found, merged: n × h·d_v.
fn found(layer: &AttentionLayer, x: View, memory: View, mask: &Mask) -> Array2<f32> {
    crate::merge_heads(attend(project(layer, x, memory), mask).view())
}

/// The layer with another function of z as its gate.
fn gated(
    layer: &AttentionLayer,
    w_gate: View,
    x: View,
    memory: View,
    mask: &Mask,
    gate: fn(f32) -> f32,
) -> Array2<f32> {
    (found(layer, x, memory, mask) * x.dot(&w_gate).mapv(gate)).dot(&layer.w_o)
}

/// The values gated by the memory's own tokens, where its width allows that.
fn gated_values(
    layer: &AttentionLayer,
    w_gate: View,
    x: View,
    memory: View,
    mask: &Mask,
) -> Array2<f32> {
    if memory.ncols() != w_gate.nrows() {
        return crate::gated_attention(layer, w_gate, x, memory, mask);
    }
    let gate = crate::split_heads(memory.dot(&w_gate).mapv(sigmoid).view(), layer.h);
    let [q, k, v] = project(layer, x, memory);
    mix(layer, &attend([q, k, v * gate], mask))
}

/// One token after the other, with a layer whose W_o holds its gate.
fn token_by_token(
    layer: &AttentionLayer,
    w_gate: View,
    x: View,
    memory: View,
    mask: &Mask,
) -> Array2<f32> {
    let table = ch03_scaled_dot_product::allowed(mask, x.nrows(), memory.nrows());
    let mut out = Array2::zeros((x.nrows(), layer.w_o.ncols()));
    for i in 0..x.nrows() {
        let token = x.slice(s![i..=i, ..]);
        let gate = token.dot(&w_gate).mapv(|z| z.exp().recip());
        let mut w_o = layer.w_o.clone();
        for (mut row, closed) in w_o.rows_mut().into_iter().zip(gate.row(0)) {
            row /= 1.0 + closed;
        }
        let own = AttentionLayer { w_o, ..layer.clone() };
        let seen = Mask::Dense(table.slice(s![i..=i, ..]).to_owned());
        out.row_mut(i).assign(&head_by_head(&own, token, memory, &seen).row(0));
    }
    out
}

/// σ(z) = ½ (1 + tanh(z/2)), which is exactly 0 where the quotient is e^z: no less right.
fn by_tanh(
    layer: &AttentionLayer,
    w_gate: View,
    x: View,
    memory: View,
    mask: &Mask,
) -> Array2<f32> {
    let d_v = layer.w_v.ncols() / layer.h;
    let mut heads = attend(project(layer, x, memory), mask);
    for (head, mut found) in heads.outer_iter_mut().enumerate() {
        let gate = x.dot(&w_gate.slice(s![.., head * d_v..(head + 1) * d_v]));
        found *= &gate.mapv(|z| 0.5 * (1.0 + (0.5 * z).tanh()));
    }
    mix(layer, &heads)
}
