//! 4.5 `rotary_self_attention`

mod mistakes;

use super::{
    oracle,
    random::{Widths, layer},
};
use crate::{
    given::{AttentionLayer, Layout, Rotary},
    split_heads, turned,
};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Exercise, Field, Fields, Finding, field,
    judge::{Expected, close, each},
};
use ch03_scaled_dot_product::allowed;
use ndarray::{Array2, ArrayView2, array};
use serde::{Deserialize, Serialize};
use std::f32::consts::FRAC_PI_2;

/// What is written.
pub type Body = fn(&AttentionLayer, ArrayView2<f32>, Rotary, &Mask) -> Array2<f32>;

/// A layer, a sequence (n × d_model), how positions turn, and a mask.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    layer: AttentionLayer,
    x: Array2<f32>,
    rotary: Rotary,
    mask: Mask,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let n = self.x.nrows();
        vec![
            field("x", &self.x),
            field("w_q", &self.layer.w_q),
            field("w_k", &self.layer.w_k),
            field("w_v", &self.layer.w_v),
            field("w_o", &self.layer.w_o),
            field("h", self.layer.h.to_string()),
            field("base", self.rotary.base),
            field("layout", format!("{:?}", self.rotary.layout)),
            field("mask", &allowed(&self.mask, n, n)),
        ]
    }

    fn label(&self) -> String {
        let Case { about, mask, .. } = self;
        let (n, h) = (self.x.nrows(), self.layer.h);
        let (d, d_v) = (self.layer.w_q.ncols() / h, self.layer.w_v.ncols() / h);
        let layout = match self.rotary.layout {
            Layout::Interleaved => "interleaved",
            Layout::Half => "half",
        };
        format!("n={n} h={h} d={d} d_v={d_v}, mask {mask}, {layout}{about}")
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "4.5",
        cases,
        answer: |attention, case| attention(&case.layer, case.x.view(), case.rotary, &case.mask),
        judge,
        solution: crate::rotary_self_attention,
        mistakes: mistakes::all(),
        steps,
    }
}

/// Two tokens with the same query and key, and the values 0 and 4. The second pair makes a quarter
/// turn a position: a token has the score ln 3 with itself and 0 with its neighbour.
fn by_hand() -> Case {
    let s = (2.0 * 3.0_f32.ln()).sqrt();
    let second_pair = array![[0.0, 0.0, s, 0.0], [0.0; 4]];
    Case {
        about: ", by hand: weights 3/4 and 1/4".into(),
        layer: AttentionLayer {
            w_q: second_pair.clone(),
            w_k: second_pair,
            w_v: array![[0.0, 0.0], [4.0, 0.0]],
            w_o: array![[1.0, 10.0], [0.0, 1.0]],
            h: 1,
        },
        x: array![[1.0, 0.0], [1.0, 1.0]],
        rotary: Rotary {
            base: FRAC_PI_2.recip().powi(2),
            layout: Layout::Interleaved,
        },
        mask: Mask::None,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut case = |n, (h, d, d_v, d_model), layout, mask| {
        let widths = Widths {
            h,
            d,
            d_v,
            d_model,
            d_memory: d_model,
        };
        Case {
            about: String::new(),
            layer: layer(&mut random, widths),
            x: random.normal((n, d_model)),
            rotary: Rotary {
                base: 100.0,
                layout,
            },
            mask,
        }
    };
    let keys = Mask::padding((0..31).map(|j| j % 3 != 1));
    let both = Mask::All(vec![Mask::Causal, keys]);
    use Layout::{Half, Interleaved};
    vec![
        by_hand(),
        case(1, (2, 2, 2, 6), Interleaved, Mask::None),
        case(4, (1, 4, 4, 6), Half, Mask::None),
        case(5, (2, 4, 2, 6), Interleaved, Mask::None),
        case(6, (4, 6, 6, 24), Half, Mask::Causal),
        case(31, (3, 8, 6, 16), Interleaved, both),
        case(33, (3, 8, 6, 16), Half, Mask::Prefix(5)),
        case(127, (4, 8, 8, 32), Interleaved, Mask::Causal),
        case(7, (2, 4, 3, 5), Half, Mask::None),
    ]
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |case, out| {
        let Case {
            layer,
            x,
            rotary,
            mask,
            ..
        } = case;
        let wide = oracle::to::<f64>(x.view());
        let exact = oracle::multi_head(layer, &wide, &wide, Some(*rotary), mask);
        let product = crate::rotary_self_attention(layer, x.view(), *rotary, mask);
        let loops = oracle::multi_head(layer, x, x, Some(*rotary), mask);
        close("out", out, &Expected::new(exact, &[&product, &loops]))
    })
}

fn steps(case: &Case) -> Vec<Field> {
    let Case {
        layer, x, rotary, ..
    } = case;
    let split = |w: &Array2<f32>| split_heads(x.dot(w).view(), layer.h);
    let (q, k) = (split(&layer.w_q), split(&layer.w_k));
    vec![
        field("q", &q),
        field("q, turned", &turned(q.clone(), *rotary)),
        field("k", &k),
        field("k, turned", &turned(k.clone(), *rotary)),
    ]
}
