//! 4.3 `multi_head_attention`

mod mistakes;

use super::{
    oracle,
    random::{Widths, layer},
};
use crate::{given::AttentionLayer, split_heads};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Exercise, Field, Fields, Finding, field,
    judge::{Expected, close, each},
};
use ch03_scaled_dot_product::allowed;
use ndarray::{Array2, ArrayView2, array, s};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&AttentionLayer, ArrayView2<f32>, ArrayView2<f32>, &Mask) -> Array2<f32>;

/// A layer, who asks (n × d_model), who is asked (m × d_memory), and a mask.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    layer: AttentionLayer,
    x: Array2<f32>,
    memory: Array2<f32>,
    mask: Mask,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let (n, m) = (self.x.nrows(), self.memory.nrows());
        vec![
            field("x", &self.x),
            field("memory", &self.memory),
            field("w_q", &self.layer.w_q),
            field("w_k", &self.layer.w_k),
            field("w_v", &self.layer.w_v),
            field("w_o", &self.layer.w_o),
            field("h", self.layer.h.to_string()),
            field("mask", &allowed(&self.mask, n, m)),
        ]
    }

    fn label(&self) -> String {
        let Case { about, mask, .. } = self;
        let (n, m, h) = (self.x.nrows(), self.memory.nrows(), self.layer.h);
        let (d, d_v) = (self.layer.w_q.ncols() / h, self.layer.w_v.ncols() / h);
        format!("n={n} m={m} h={h} d={d} d_v={d_v}, mask {mask}, {about}")
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "4.3",
        cases,
        answer: |attention, case| {
            let Case { x, memory, .. } = case;
            attention(&case.layer, x.view(), memory.view(), &case.mask)
        },
        judge,
        solution: crate::multi_head_attention,
        mistakes: mistakes::all(),
        steps,
    }
}

/// Two heads of width 1 on two tokens. Head 0 compares first coordinates and finds weights 1/4 and
/// 3/4 for the second query; head 1 sees scores of 0, and averages.
fn by_hand() -> Case {
    let ln3 = 3.0_f32.ln();
    let identity = array![[1.0, 0.0], [0.0, 1.0]];
    Case {
        about: "by hand: weights 1/4, 3/4 and 1/2, 1/2".into(),
        layer: AttentionLayer {
            w_q: array![[ln3, 0.0], [0.0, 0.0]],
            w_k: identity.clone(),
            w_v: array![[4.0, 0.0], [0.0, 2.0]],
            w_o: array![[1.0, 0.0], [1.0, 1.0]],
            h: 2,
        },
        x: array![[0.0, 1.0], [1.0, 0.0]],
        memory: array![[0.0, 1.0], [1.0, 0.0]],
        mask: Mask::None,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut case = |about: &str, (n, m), widths: Widths, mask| Case {
        about: about.into(),
        layer: layer(&mut random, widths),
        x: random.normal((n, widths.d_model)),
        memory: random.normal((m, widths.d_memory)),
        mask,
    };
    let widths = |h, d, d_v, d_model, d_memory| Widths {
        h,
        d,
        d_v,
        d_model,
        d_memory,
    };
    let square = widths(4, 8, 8, 32, 32);
    let mut cases = vec![
        by_hand(),
        case("one head", (4, 6), widths(1, 4, 4, 4, 4), Mask::None),
        case("cross", (6, 6), square, Mask::None),
        case("cross", (5, 7), widths(2, 4, 3, 6, 5), Mask::None),
        case("one token", (1, 1), widths(3, 1, 2, 4, 4), Mask::None),
        case("cross", (7, 5), square, Mask::None),
        case("cross, query 0 sees nothing", (6, 5), square, Mask::Causal),
        case("cross", (33, 31), widths(3, 5, 7, 9, 11), Mask::Prefix(4)),
        case("cross", (127, 129), widths(8, 8, 8, 16, 24), Mask::Causal),
    ];
    let keys = Mask::padding((0..31).map(|j| j % 3 != 1));
    for (n, mask) in [
        (6, Mask::Causal),
        (32, Mask::Causal),
        (31, Mask::All(vec![Mask::Causal, keys])),
    ] {
        let mut own = case("self", (n, 1), square, mask);
        own.memory = own.x.clone();
        cases.push(own);
    }
    // Two neighbours that differ in head 1 alone, whose columns of w_o lead to other outputs.
    let mut quiet = case("w_o does not mix heads", (4, 6), square, Mask::None);
    for ((i, j), weight) in quiet.layer.w_o.indexed_iter_mut() {
        if i / 8 != j / 8 {
            *weight = 0.0;
        }
    }
    let mut loud = quiet.clone();
    loud.about = "as before, but head 1 has other weights".into();
    for weights in [
        &mut loud.layer.w_q,
        &mut loud.layer.w_k,
        &mut loud.layer.w_v,
    ] {
        weights.slice_mut(s![.., 8..16]).mapv_inplace(|w| -2.0 * w);
    }
    cases.extend([quiet, loud]);
    cases
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |case, out| {
        let Case {
            layer,
            x,
            memory,
            mask,
            ..
        } = case;
        let wide = |x: &Array2<f32>| oracle::to::<f64>(x.view());
        let exact = oracle::multi_head(layer, &wide(x), &wide(memory), None, mask);
        let product = crate::multi_head_attention(layer, x.view(), memory.view(), mask);
        let loops = oracle::multi_head(layer, x, memory, None, mask);
        close("out", out, &Expected::new(exact, &[&product, &loops]))
    })?;
    isolated(cases, answers)
}

/// Between the neighbours that differ in head 1: outputs that W_o takes from the other heads alone
/// have to be the same.
fn isolated(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    for (i, (case, answer)) in cases.windows(2).zip(answers.windows(2)).enumerate() {
        let [a, b] = case else { unreachable!() };
        if a.x != b.x || a.layer.w_o != b.layer.w_o {
            continue;
        }
        for column in (0..8).chain(16..32) {
            if answer[0].column(column) != answer[1].column(column) {
                let what = format!(
                    "out column {column} changes with the weights of head 1, which it takes nothing from"
                );
                return Err(Finding { case: i + 1, what });
            }
        }
    }
    Ok(())
}

fn steps(case: &Case) -> Vec<Field> {
    let Case {
        layer,
        x,
        memory,
        mask,
        ..
    } = case;
    let split = |x: &Array2<f32>, w: &Array2<f32>| split_heads(x.dot(w).view(), layer.h);
    let (q, k, v) = (
        split(x, &layer.w_q),
        split(memory, &layer.w_k),
        split(memory, &layer.w_v),
    );
    let heads = crate::attend_heads(q.view(), k.view(), v.view(), mask);
    vec![
        field("q", &q),
        field("k", &k),
        field("v", &v),
        field("heads", &heads),
        field("heads, merged", &crate::merge_heads(heads.view())),
    ]
}
