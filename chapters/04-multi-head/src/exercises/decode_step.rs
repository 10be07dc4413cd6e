//! 4.8 `decode_step`

use super::{
    multi_head_attention::{mix, project, random_layer},
    rope::{by_columns, other},
};
use crate::{
    attend_heads,
    given::{AttentionLayer, Decoded, Kept, Layout, Rotary},
    oracle, turned_from,
};
use attn_core::Mask;
use attn_exercise::{
    Field, SOME_VALUES, Value, exercise, field, fields, given, pairwise, some_values,
};
use ch03_scaled_dot_product::{masked_scores, softmax_rows};
use ndarray::{
    Array, Array1, Array2, Array3, ArrayView1, ArrayView2, Axis, Ix1, Ix2, NdFloat, array,
    concatenate, s,
};
use std::f32::consts::FRAC_PI_2;

given! { Kept { keys [h m d], values [h m d_v], padding [padding] } }
fields! { Decoded { out, key, value } }

exercise! {
    /// A layer, the new token, what was kept of those before, its position, and how positions turn.
    crate::decode_step: (layer: AttentionLayer, x: Array1<f32>[d_model], kept: Kept, start: usize, rotary: Rotary) -> Decoded;

    exact: |c| exact::<f64>(c);
    plain: |c| [exact::<f32>(c), c.call(by_slices)];
    steps: |c| {
        let parts = Parts::of(&c.layer, c.x.view(), &c.kept, c.start, c.rotary);
        let (keys, _) = parts.joined();
        let scores = Array2::from_shape_fn((c.layer.h, keys.dim().1), |(head, j)| {
            let key: ArrayView1<f32> = keys.slice(s![head, j, ..]);
            let q: ArrayView1<f32> = parts.q.slice(s![head, 0, ..]);
            q.dot(&key) / (key.len() as f32).sqrt()
        });
        [field("q, turned", &parts.q), field("scores of each head, before the padding is hidden", &scores)]
    };

    cases: |random| {
        use Layout::{Half, Interleaved};
        let mut of = |about: &str, (padding, m): (usize, usize), (h, d, d_v, d_model): (usize, usize, usize, usize), start, layout, kind| {
            let layer = random_layer(random, (h, d, d_v), (d_model, d_model));
            let (keys, mut values) = (random.normal((h, m, d)), random.normal((h, m, d_v)));
            // What lies in the padding is nobody's value.
            values.slice_mut(s![.., ..padding, ..]).mapv_inplace(|x: f32| 100.0 * x);
            let kept = Kept { keys, values, padding };
            case(about, (layer, some_values(kind, d_model, random), kept, start, Rotary { base: 100.0, layout }))
        };
        let mut cases = vec![
            by_hand(),
            of("nothing is kept yet", (0, 0), (2, 4, 3, 6), 0, Interleaved, 0),
            of("", (0, 5), (2, 4, 3, 6), 5, Half, 0),
            of("", (2, 5), (2, 4, 4, 8), 3, Interleaved, 0),
            of("only padding is kept", (4, 4), (2, 4, 2, 6), 0, Half, 0),
            of("old tokens were dropped", (0, 6), (3, 6, 4, 9), 40, Interleaved, 0),
            of("nothing is kept, and it is not the first token", (0, 0), (2, 4, 3, 6), 9, Half, 0),
            of("far on in a text", (0, 6), (2, 4, 3, 6), 1500, Interleaved, 0),
            of("", (7, 31), (4, 8, 8, 32), 24, Half, 0),
            of("", (0, 127), (4, 8, 8, 32), 127, Interleaved, 0),
        ];
        let levels = [3, 2, 3, 4, 4, 3, 3, 2, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[h, d, d_v, d_model, padding, more, start, layout, kind]| {
            let start = [0, 4, 11][start];
            of("small", (padding, padding + more), (h + 1, 2 * d + 2, d_v + 1, d_model + 1), start, [Interleaved, Half][layout], kind)
        }));
        cases
    };

    never {
        "d = 1": "the numbers are turned in pairs";
        "d_model < d_memory": "the keys and values come from the sequence itself";
        "d_model > d_memory": "the keys and values come from the sequence itself";
        "m < padding": "the padding is among what is kept";
    }

    right (layer, x, kept, start, rotary) {
        "slices, and no mask" => by_slices(layer, x, kept, start, rotary);
        "f64 inside" => {
            let (keys, values) = (kept.keys.mapv(f64::from), kept.values.mapv(f64::from));
            let x = x.mapv(f64::from).insert_axis(Axis(0));
            let (out, key, value) = oracle::decode_step(layer, &x, (&keys, &values), kept.padding, start, rotary);
            let narrow = |x: f64| x as f32;
            Decoded { out: out.mapv(narrow), key: key.mapv(narrow), value: value.mapv(narrow) }
        };
        // The order of the keys does not matter, as long as the padding is known.
        "the new key first" => {
            let parts = Parts::of(layer, x, kept, start, rotary);
            let keys = concatenate![Axis(1), parts.key, kept.keys];
            let values = concatenate![Axis(1), parts.value, kept.values];
            let mask = Mask::padding((0..keys.dim().1).map(|j| j == 0 || j > kept.padding));
            parts.decoded(layer, &attend_heads(parts.q.view(), keys.view(), values.view(), &mask))
        };
    }

    mistakes (layer, x, kept, start, rotary) {
        "position-0": "the new query and key are turned by position 0, which is not at all, as if the token were the first; it stands at `start`"
            => crate::decode_step(layer, x, kept, 0, rotary);
        "padding-ignored": "the padding is not hidden: with a single query there seems to be nothing to mask, but what lies in these places is no token"
            => Parts { seen: vec![true; kept.keys.dim().1 + 1], ..Parts::of(layer, x, kept, start, rotary) }.finish(layer);
        "kept-turned-again": "the kept keys are turned again, together with the new one; they were turned when they were kept"
            => turned_again(layer, x, kept, start, rotary, start.saturating_sub(kept.keys.dim().1), start);
        "kept-turned-again-from-0": "the kept keys are turned again, from position 0 on, and the new one after them; they were turned when they were kept"
            => turned_again(layer, x, kept, start, rotary, 0, kept.keys.dim().1);
        "kept-turned-again-from-start": "the kept keys are turned again, from `start` on, and the new one after them; they were turned when they were kept"
            => turned_again(layer, x, kept, start, rotary, start, start + kept.keys.dim().1);
        "not-appended": "the new key and value are not among those that are attended to: the token does not see itself"
            => {
                let mut parts = Parts::of(layer, x, kept, start, rotary);
                if let Some(new) = parts.seen.last_mut() {
                    *new = false;
                }
                parts.finish(layer)
            };
        "itself-only": "only the new key is attended to: what is kept is not looked at"
            => {
                let m = kept.keys.dim().1;
                Parts { seen: (0..=m).map(|j| j == m).collect(), ..Parts::of(layer, x, kept, start, rotary) }.finish(layer)
            };
        "top-left": "the causal mask is aligned top-left: the single query sees place 0 alone"
            => {
                let m = kept.keys.dim().1;
                Parts { seen: (0..=m).map(|j| j == 0).collect(), ..Parts::of(layer, x, kept, start, rotary) }.finish(layer)
            };
        "top-left-and-padding": "the causal mask is aligned top-left, so that the single query sees place 0 alone, and not even that if it is padding"
            => {
                let m = kept.keys.dim().1;
                Parts { seen: (0..=m).map(|j| j == 0 && kept.padding == 0).collect(), ..Parts::of(layer, x, kept, start, rotary) }.finish(layer)
            };
        "number-of-kept": "the position is taken to be the number of kept places; it is `start`, since padding has no position, and old tokens may have been dropped"
            => crate::decode_step(layer, x, kept, kept.keys.dim().1, rotary);
        "number-of-tokens": "the position is taken to be the number of kept tokens; it is `start`, since old tokens may have been dropped"
            => crate::decode_step(layer, x, kept, kept.keys.dim().1 - kept.padding, rotary);
        "start-and-kept": "the position is taken to be `start` and the number of kept places together; `start` is all of it"
            => crate::decode_step(layer, x, kept, start + kept.keys.dim().1, rotary);
        "one-ahead": "the position is one too far: the new token stands at `start`, not behind it"
            => crate::decode_step(layer, x, kept, start + 1, rotary);
        "heads-as-positions": "the query and the key, a row for each head, are turned all at once: head a is turned by position start + a. Every head stands at `start`"
            => {
                let mut parts = Parts::of(layer, x, kept, start, rotary);
                let [q, key, _] = raw(layer, x);
                (parts.q, parts.key) = (as_positions(q, start, rotary), as_positions(key, start, rotary));
                parts.finish(layer)
            };
        "query-only": "only the new query is turned; the new key has to be turned too, by the same position"
            => {
                let [_, key, _] = raw(layer, x);
                Parts { key, ..Parts::of(layer, x, kept, start, rotary) }.finish(layer)
            };
        "key-only": "only the new key is turned; the new query has to be turned too, by the same position"
            => {
                let [q, ..] = raw(layer, x);
                Parts { q, ..Parts::of(layer, x, kept, start, rotary) }.finish(layer)
            };
        "kept-unturned": "the key that is returned is not turned: those that are kept are, so the next step would compare it wrongly"
            => {
                let [_, key, _] = raw(layer, x);
                Decoded { key: key.index_axis_move(Axis(1), 0), ..crate::decode_step(layer, x, kept, start, rotary) }
            };
        "value-turned": "the new value is turned too; values arrive as they are"
            => {
                let parts = Parts::of(layer, x, kept, start, rotary);
                Parts { value: turned_from(start, parts.value.clone(), rotary), ..parts }.finish(layer)
            };
        "even-value-turned": "the new value is turned too where its width is even; values arrive as they are"
            => {
                let mut parts = Parts::of(layer, x, kept, start, rotary);
                if parts.value.dim().2.is_multiple_of(2) {
                    parts.value = turned_from(start, parts.value, rotary);
                }
                parts.finish(layer)
            };
        "before-split": "query and key are turned before they are split into heads: the pairs and their speeds are those of the whole width"
            => {
                let whole = |w: &Array2<f32>| {
                    let row = x.dot(w).insert_axis(Axis(0));
                    crate::split_heads(crate::rope(row.view(), start, rotary).view(), layer.h)
                };
                Parts { q: whole(&layer.w_q), key: whole(&layer.w_k), ..Parts::of(layer, x, kept, start, rotary) }.finish(layer)
            };
        "other-layout": "the new query and key are turned in the other layout"
            => crate::decode_step(layer, x, kept, start, Rotary { layout: other(rotary.layout), ..rotary });
        "padding-on-the-right": "as many places are hidden on the right, the new token among them; the padding is on the left"
            => {
                let m = kept.keys.dim().1;
                Parts { seen: (0..=m).map(|j| j + kept.padding <= m).collect(), ..Parts::of(layer, x, kept, start, rotary) }.finish(layer)
            };
        "last-kept-hidden": "the last of the kept places are hidden instead of the first: the padding is on the left"
            => {
                let m = kept.keys.dim().1;
                Parts { seen: (0..=m).map(|j| j == m || j + kept.padding < m).collect(), ..Parts::of(layer, x, kept, start, rotary) }.finish(layer)
            };
        "one-hidden-too-many": "one place too many is hidden: the first token stands in place number `padding`"
            => Parts { seen: (0..=kept.keys.dim().1).map(|j| j > kept.padding).collect(), ..Parts::of(layer, x, kept, start, rotary) }.finish(layer);
        "one-hidden-too-few": "one place too few is hidden: place number padding − 1 is padding"
            => Parts { seen: (0..=kept.keys.dim().1).map(|j| j + 1 >= kept.padding).collect(), ..Parts::of(layer, x, kept, start, rotary) }.finish(layer);
        "polarity": "the padding alone is seen, and everything else hidden: `true` means that a key may be seen"
            => Parts { seen: (0..=kept.keys.dim().1).map(|j| j < kept.padding).collect(), ..Parts::of(layer, x, kept, start, rotary) }.finish(layer);
        "new-key-first": "the new key stands before the kept ones, and the mask takes it for padding"
            => {
                let parts = Parts::of(layer, x, kept, start, rotary);
                let keys = concatenate![Axis(1), parts.key, kept.keys];
                let values = concatenate![Axis(1), parts.value, kept.values];
                let mask = Mask::Padding(parts.seen.iter().copied().collect());
                parts.decoded(layer, &attend_heads(parts.q.view(), keys.view(), values.view(), &mask))
            };
        "last-place-overwritten": "the new key and value replace the last of those that are kept, instead of standing after it"
            => {
                let mut parts = Parts::of(layer, x, kept, start, rotary);
                if let Some(last) = kept.keys.dim().1.checked_sub(1) {
                    parts.seen[last] = false;
                }
                parts.finish(layer)
            };
        "padding-zeroed": "keys and values of the padding are set to zero instead of hidden: a score of 0 still has its weight"
            => {
                let mut zeroed = kept.clone();
                for kept in [&mut zeroed.keys, &mut zeroed.values] {
                    kept.slice_mut(s![.., ..zeroed.padding, ..]).fill(0.0);
                }
                Parts { seen: vec![true; kept.keys.dim().1 + 1], ..Parts::of(layer, x, &zeroed, start, rotary) }.finish(layer)
            };
        "no-w-o": "the merged heads are returned as they are: the product with W_o is missing"
            => {
                let identity = AttentionLayer { w_o: Array2::eye(layer.w_o.nrows()), ..layer.clone() };
                crate::decode_step(&identity, x, kept, start, rotary)
            };
        "key-of-w-q": "the new key is made by w_q instead of w_k"
            => crate::decode_step(&AttentionLayer { w_k: layer.w_q.clone(), ..layer.clone() }, x, kept, start, rotary);
        "scaled-twice": "the scores are divided by √d twice: attention of chapter 3 has done it already"
            => {
                let mut parts = Parts::of(layer, x, kept, start, rotary);
                parts.q /= (parts.q.dim().2 as f32).sqrt();
                parts.finish(layer)
            };
        "residual": "x is added to the result; that is done by the block around it, later"
            => {
                let right = crate::decode_step(layer, x, kept, start, rotary);
                Decoded { out: &right.out + &x, ..right }
            };
    }

    within {
        rope: |rope, (layer, x, kept, start, rotary)| {
            let turn = |mut heads: Array3<f32>| {
                for mut head in heads.outer_iter_mut() {
                    let turned = rope(head.view(), start, rotary);
                    head.assign(&turned);
                }
                heads
            };
            let [q, key, _] = raw(layer, x);
            Parts { q: turn(q), key: turn(key), ..Parts::of(layer, x, kept, start, rotary) }.finish(layer)
        };
    }
}

/// One place of padding, with a value of 1000, and the first token of task 5. The second pair makes
/// a quarter turn per position: the new token has the score 0 with the kept one and ln 3 with itself.
fn by_hand() -> Case {
    let s = (2.0 * 3.0_f32.ln()).sqrt();
    let second_pair = array![[0.0, 0.0, s, 0.0], [0.0; 4]];
    let layer = AttentionLayer {
        w_q: second_pair.clone(),
        w_k: second_pair,
        w_v: array![[0.0, 0.0], [4.0, 0.0]],
        w_o: array![[1.0, 10.0], [0.0, 1.0]],
        h: 1,
    };
    let kept = Kept {
        keys: array![[[9.0, 9.0, 9.0, 9.0], [0.0, 0.0, s, 0.0]]],
        values: array![[[1000.0, 1000.0], [0.0, 0.0]]],
        padding: 1,
    };
    let rotary = Rotary { base: FRAC_PI_2.recip().powi(2), layout: Layout::Interleaved };
    case("by hand: weights 0, 1/4 and 3/4", (layer, array![1.0, 1.0], kept, 1, rotary))
}

fn exact<F: NdFloat>(c: &Case) -> Vec<Field>
where
    Value: for<'a> From<&'a Array<F, Ix1>> + for<'a> From<&'a Array<F, Ix2>>,
{
    let wide = |x: f32| F::from(x).expect("f32 fits every float");
    let (keys, values) = (c.kept.keys.mapv(wide), c.kept.values.mapv(wide));
    let x = c.x.mapv(wide).insert_axis(Axis(0));
    let kept = (&keys, &values);
    let (out, key, value) =
        oracle::decode_step(&c.layer, &x, kept, c.kept.padding, c.start, c.rotary);
    vec![field("out", &out), field("key", &key), field("value", &value)]
}

/// The query, key and value of the new token, not turned, each (h, 1, d).
fn raw(layer: &AttentionLayer, x: ArrayView1<f32>) -> [Array3<f32>; 3] {
    let x = x.insert_axis(Axis(0));
    project(layer, x, x)
}

/// A row for each head, turned as if the rows were positions.
fn as_positions(heads: Array3<f32>, start: usize, rotary: Rotary) -> Array3<f32> {
    let rows = heads.index_axis(Axis(1), 0);
    crate::rope(rows, start, rotary).insert_axis(Axis(1))
}

/// What the attention of one step is made of.
struct Parts {
    /// The new token's, (h, 1, d).
    q: Array3<f32>,
    key: Array3<f32>,
    value: Array3<f32>,
    kept: Kept,
    /// Which of the m + 1 places are seen.
    seen: Vec<bool>,
}

impl Parts {
    /// As they should be.
    fn of(
        layer: &AttentionLayer,
        x: ArrayView1<f32>,
        kept: &Kept,
        start: usize,
        rotary: Rotary,
    ) -> Self {
        let [q, key, value] = raw(layer, x);
        let [q, key] = [q, key].map(|heads| turned_from(start, heads, rotary));
        let seen = (0..=kept.keys.dim().1).map(|j| j >= kept.padding).collect();
        Parts { q, key, value, kept: kept.clone(), seen }
    }

    /// The kept keys and values, and the new ones after them.
    fn joined(&self) -> (Array3<f32>, Array3<f32>) {
        let Kept { keys, values, .. } = &self.kept;
        (concatenate![Axis(1), *keys, self.key], concatenate![Axis(1), *values, self.value])
    }

    fn finish(&self, layer: &AttentionLayer) -> Decoded {
        let (keys, values) = self.joined();
        let mask = Mask::Padding(self.seen.iter().copied().collect());
        self.decoded(layer, &attend_heads(self.q.view(), keys.view(), values.view(), &mask))
    }

    /// The answer, with these heads.
    fn decoded(&self, layer: &AttentionLayer, heads: &Array3<f32>) -> Decoded {
        Decoded {
            out: mix(layer, heads).index_axis_move(Axis(0), 0),
            key: self.key.index_axis(Axis(1), 0).to_owned(),
            value: self.value.index_axis(Axis(1), 0).to_owned(),
        }
    }
}

/// The kept keys turned once more, from position `from`, and the new one turned by `at`.
fn turned_again(
    layer: &AttentionLayer,
    x: ArrayView1<f32>,
    kept: &Kept,
    start: usize,
    rotary: Rotary,
    from: usize,
    at: usize,
) -> Decoded {
    let mut parts = Parts::of(layer, x, kept, start, rotary);
    let [_, key, _] = raw(layer, x);
    parts.key = turned_from(at, key, rotary);
    parts.kept.keys = turned_from(from, parts.kept.keys, rotary);
    parts.finish(layer)
}

/// Each head from its own slices of the weights; what is padding is cut off, and W_o adds up.
fn by_slices(
    layer: &AttentionLayer,
    x: ArrayView1<f32>,
    kept: &Kept,
    start: usize,
    rotary: Rotary,
) -> Decoded {
    let (h, d, d_v) = (layer.h, kept.keys.dim().2, kept.values.dim().2);
    let x = x.insert_axis(Axis(0));
    let mut out = Array1::zeros(layer.w_o.ncols());
    let (mut new_keys, mut new_values) = (Array2::zeros((h, d)), Array2::zeros((h, d_v)));
    for head in 0..h {
        let (own, own_v) = (head * d..(head + 1) * d, head * d_v..(head + 1) * d_v);
        let turned = |w: ArrayView2<f32>| by_columns(x.dot(&w).view(), start, rotary);
        let q = turned(layer.w_q.slice(s![.., own.clone()]));
        let key = turned(layer.w_k.slice(s![.., own]));
        let value = x.dot(&layer.w_v.slice(s![.., own_v.clone()]));
        let keys = concatenate![Axis(0), kept.keys.slice(s![head, kept.padding.., ..]), key];
        let values = concatenate![Axis(0), kept.values.slice(s![head, kept.padding.., ..]), value];
        let weights = softmax_rows(masked_scores(q.view(), keys.view(), &Mask::None).view());
        out += &weights.dot(&values).dot(&layer.w_o.slice(s![own_v, ..])).row(0);
        new_keys.row_mut(head).assign(&key.row(0));
        new_values.row_mut(head).assign(&value.row(0));
    }
    Decoded { out, key: new_keys, value: new_values }
}
