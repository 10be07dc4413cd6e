//! 3.6 `attention_backward`

use super::{
    attention::{Case as Inputs, dense_with_empty_row, random_case},
    oracle,
};
use crate::{Gradients, masked_scores, softmax_backward, softmax_rows};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each},
};
use ndarray::{Array2, ArrayView2, Axis, Zip};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body =
    fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, &Mask, ArrayView2<f32>) -> Gradients;

/// The inputs of attention and the gradient with respect to its output, n×d_v.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    inputs: Inputs,
    d_out: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let mut fields = self.inputs.fields();
        fields.push(field("d_out", &self.d_out));
        fields
    }

    fn label(&self) -> String {
        self.inputs.label()
    }
}

impl Fields for Gradients {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("dq", &self.dq),
            field("dk", &self.dk),
            field("dv", &self.dv),
        ]
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Gradients> {
    Exercise {
        id: "3.6",
        cases,
        answer: |attention_backward, Case { inputs, d_out }| {
            let Inputs { q, k, v, mask, .. } = inputs;
            attention_backward(q.view(), k.view(), v.view(), mask, d_out.view())
        },
        judge,
        solution: crate::attention_backward,
        mistakes: mistakes(),
        steps,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let dense = dense_with_empty_row(&mut random, 5, 6);
    let mut case = |about, (n, m), (d, d_v), mask| Case {
        inputs: random_case(&mut random, about, (n, m), (d, d_v), mask),
        d_out: random.normal((n, d_v)),
    };
    vec![
        case("", (3, 4), (4, 2), Mask::None),
        case("", (1, 1), (1, 1), Mask::None),
        case("", (4, 6), (8, 3), Mask::Causal),
        case(
            "the first two queries see nothing",
            (5, 3),
            (4, 4),
            Mask::Causal,
        ),
        case("row 1 empty", (5, 6), (3, 5), dense),
        case("", (31, 33), (16, 8), Mask::Prefix(5)),
        case("", (65, 63), (32, 16), Mask::Causal),
    ]
}

fn judge(cases: &[Case], answers: &[Gradients]) -> Result<(), Finding> {
    each(cases, answers, |Case { inputs, d_out }, answer| {
        let Inputs { q, k, v, mask, .. } = inputs;
        let (q, k, v, d_out) = (q.view(), k.view(), v.view(), d_out.view());
        let exact = oracle::attention_backward::<f64>(q, k, v, mask, d_out);
        let product = crate::attention_backward(q, k, v, mask, d_out);
        let loops = oracle::attention_backward::<f32>(q, k, v, mask, d_out);
        let expected = Expected::new(exact.dv, &[&product.dv, &loops.dv]);
        close("dv", &answer.dv, &expected)?;
        let expected = Expected::new(exact.dq, &[&product.dq, &loops.dq]);
        close("dq", &answer.dq, &expected)?;
        let expected = Expected::new(exact.dk, &[&product.dk, &loops.dk]);
        close("dk", &answer.dk, &expected)
    })
}

fn steps(Case { inputs, d_out }: &Case) -> Vec<Field> {
    let Inputs { q, k, v, mask, .. } = inputs;
    let weights = softmax_rows(masked_scores(q.view(), k.view(), mask).view());
    let d_weights = d_out.dot(&v.t());
    let d_scores = softmax_backward(weights.view(), d_weights.view());
    vec![
        field("weights", &weights),
        field("d_weights", &d_weights),
        field("d_scores", &d_scores),
    ]
}

/// Where the gradients of a variant come from.
struct Parts {
    weights: Array2<f32>,
    d_weights: Array2<f32>,
    d_scores: Array2<f32>,
    scale: f32,
}

fn parts(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    d_out: ArrayView2<f32>,
) -> Parts {
    let weights = softmax_rows(masked_scores(q, k, mask).view());
    Parts::of(weights, q.ncols(), v, d_out)
}

impl Parts {
    /// Of these weights, with queries of width `d`.
    fn of(weights: Array2<f32>, d: usize, v: ArrayView2<f32>, d_out: ArrayView2<f32>) -> Self {
        let d_weights = d_out.dot(&v.t());
        Parts {
            d_scores: softmax_backward(weights.view(), d_weights.view()),
            scale: 1.0 / (d as f32).sqrt(),
            weights,
            d_weights,
        }
    }

    /// The gradients, with these factors in place of 1/√d.
    fn gradients(
        &self,
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        d_out: ArrayView2<f32>,
        (scale_q, scale_k): (f32, f32),
    ) -> Gradients {
        Gradients {
            dq: self.d_scores.dot(&k) * scale_q,
            dk: self.d_scores.t().dot(&q) * scale_k,
            dv: self.weights.t().dot(&d_out),
        }
    }
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "dk-unscaled",
            when: "dk is not divided by √d",
            body: |q, k, v, mask, d_out| {
                let parts = parts(q, k, v, mask, d_out);
                parts.gradients(q, k, d_out, (parts.scale, 1.0))
            },
        },
        Mistake {
            name: "dq-unscaled",
            when: "dq is not divided by √d",
            body: |q, k, v, mask, d_out| {
                let parts = parts(q, k, v, mask, d_out);
                parts.gradients(q, k, d_out, (1.0, parts.scale))
            },
        },
        Mistake {
            name: "both-unscaled",
            when: "neither dq nor dk is divided by √d: the scale was forgotten on the way back",
            body: |q, k, v, mask, d_out| {
                parts(q, k, v, mask, d_out).gradients(q, k, d_out, (1.0, 1.0))
            },
        },
        Mistake {
            name: "scaled-twice",
            when: "dq and dk are divided by √d twice",
            body: |q, k, v, mask, d_out| {
                let parts = parts(q, k, v, mask, d_out);
                let twice = parts.scale * parts.scale;
                parts.gradients(q, k, d_out, (twice, twice))
            },
        },
        Mistake {
            name: "no-row-term",
            when: "the softmax's gradient lacks the subtraction of the row's sum",
            body: |q, k, v, mask, d_out| {
                let mut parts = parts(q, k, v, mask, d_out);
                parts.d_scores = &parts.weights * &parts.d_weights;
                parts.gradients(q, k, d_out, (parts.scale, parts.scale))
            },
        },
        Mistake {
            name: "no-softmax",
            when: "the step back through the softmax is left out: the gradient of the weights is used as that of the scores",
            body: |q, k, v, mask, d_out| {
                let mut parts = parts(q, k, v, mask, d_out);
                parts.d_scores = parts.d_weights.clone();
                parts.gradients(q, k, d_out, (parts.scale, parts.scale))
            },
        },
        Mistake {
            name: "swapped",
            when: "dq and dk stand in each other's place",
            body: |q, k, v, mask, d_out| {
                let Gradients { dq, dk, dv } = crate::attention_backward(q, k, v, mask, d_out);
                Gradients { dq: dk, dk: dq, dv }
            },
        },
        Mistake {
            name: "mask-after-softmax",
            when: "the mask is applied to the weights after the softmax, so that they no longer sum to one",
            body: |q, k, v, mask, d_out| {
                let mut weights = softmax_rows(masked_scores(q, k, &Mask::None).view());
                Zip::from(&mut weights)
                    .and(&crate::allowed(mask, q.nrows(), k.nrows()))
                    .for_each(|w, &may| *w = if may { *w } else { 0.0 });
                let parts = Parts::of(weights, q.ncols(), v, d_out);
                parts.gradients(q, k, d_out, (parts.scale, parts.scale))
            },
        },
        Mistake {
            name: "finite-mask",
            when: "forbidden scores are set to −1e9 instead of −∞: a row that may attend to nothing gets equal weights, and gradients",
            body: |q, k, v, mask, d_out| {
                let mut scores = masked_scores(q, k, mask);
                scores.mapv_inplace(|s| s.max(-1e9));
                let parts = Parts::of(softmax_rows(scores.view()), q.ncols(), v, d_out);
                parts.gradients(q, k, d_out, (parts.scale, parts.scale))
            },
        },
        Mistake {
            name: "row-term-of-d-out",
            when: "the row's sum is taken over d_out alone; it is over d_out · out",
            body: |q, k, v, mask, d_out| {
                let mut parts = parts(q, k, v, mask, d_out);
                let sums = d_out.sum_axis(Axis(1)).insert_axis(Axis(1));
                parts.d_scores = &parts.weights * &(&parts.d_weights - &sums);
                parts.gradients(q, k, d_out, (parts.scale, parts.scale))
            },
        },
        Mistake {
            name: "mask-forgotten",
            when: "the weights are computed again without the mask",
            body: |q, k, v, _, d_out| crate::attention_backward(q, k, v, &Mask::None, d_out),
        },
        Mistake {
            name: "unscaled-weights",
            when: "the weights are computed again from scores that are not divided by √d",
            body: |q, k, v, mask, d_out| {
                let wide = &q * (q.ncols() as f32).sqrt();
                let parts = parts(wide.view(), k, v, mask, d_out);
                parts.gradients(q, k, d_out, (parts.scale, parts.scale))
            },
        },
        Mistake {
            name: "dv-from-d-scores",
            when: "dv is computed from the gradient of the scores instead of the weights",
            body: |q, k, v, mask, d_out| {
                let parts = parts(q, k, v, mask, d_out);
                Gradients {
                    dv: parts.d_scores.t().dot(&d_out),
                    ..crate::attention_backward(q, k, v, mask, d_out)
                }
            },
        },
        Mistake {
            name: "dv-from-d-weights",
            when: "dv is computed from the gradient of the weights instead of the weights",
            body: |q, k, v, mask, d_out| {
                let parts = parts(q, k, v, mask, d_out);
                Gradients {
                    dv: parts.d_weights.t().dot(&d_out),
                    ..crate::attention_backward(q, k, v, mask, d_out)
                }
            },
        },
    ]
}
