//! 8.5 `flash_backward`

mod mistakes;
mod recipe;

use super::{
    flash_forward::{say, tiles_were},
    inputs::Inputs,
    kept::{Kept, Scale},
};
use crate::{
    given::{Block, Gradients, Output, Traffic},
    traffic::Sizes,
};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, field,
    judge::{Expected, close, each, require},
};
use ch03_scaled_dot_product::{attention_backward, exercises::oracle};
use ndarray::{Array2, ArrayView2, Axis, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(
    ArrayView2<f32>,
    ArrayView2<f32>,
    ArrayView2<f32>,
    bool,
    &Output,
    ArrayView2<f32>,
    Block,
    &mut Traffic,
) -> Gradients;

/// The inputs of the forward pass, what it gave, and the gradient with respect to its output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    inputs: Inputs,
    forward: Output,
    d_out: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let mut fields = self.inputs.fields();
        fields.push(field("out", &self.forward.out));
        fields.push(field("lse", &self.forward.lse));
        fields.push(field("d_out", &self.d_out));
        fields
    }

    fn label(&self) -> String {
        self.inputs.label()
    }
}

/// What came out, what was moved for it, and what was held meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    gradients: Gradients,
    traffic: Traffic,
    kept: Kept,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        let mut fields = self.gradients.fields();
        fields.push(field("traffic", say(&self.traffic)));
        fields.push(field("memory", String::from(self.kept)));
        fields
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Answer> {
    Exercise {
        id: "8.5",
        cases,
        answer,
        judge,
        solution: crate::flash_backward,
        mistakes: mistakes::mistakes(),
        steps: |case| {
            let row_dot = (&case.d_out * &case.forward.out).sum_axis(Axis(1));
            let Inputs { q, k, .. } = &case.inputs;
            let scores = q.dot(&k.t()) / (q.ncols() as f32).sqrt();
            let lse = case.forward.lse.view().insert_axis(Axis(1));
            vec![
                field("D", &row_dot),
                field("exp(scores − lse), before the mask", &(scores - lse).exp()),
                field(
                    "traffic",
                    say(&case.inputs.head().flash_backward(case.inputs.block)),
                ),
            ]
        },
    }
}

fn answer(flash_backward: &Body, case: &Case) -> Answer {
    let Case {
        inputs,
        forward,
        d_out,
    } = case;
    let Inputs { q, k, v, .. } = inputs;
    let (causal, block) = (inputs.causal, inputs.block);
    let mut traffic = Traffic::default();
    let mut run = || {
        let (q, k, v, d_out) = (q.view(), k.view(), v.view(), d_out.view());
        flash_backward(q, k, v, causal, forward, d_out, block, &mut traffic)
    };
    let (gradients, kept) = if inputs.measured {
        let scale = Scale {
            n: q.nrows(),
            m: k.nrows(),
            rows: block.q,
            results: 4 * (q.len() + k.len() + v.len()),
        };
        scale.measure(run)
    } else {
        (run(), Kept::UNKNOWN)
    };
    Answer {
        gradients,
        traffic,
        kept,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let with = |inputs: Inputs, d_out| {
        let Inputs { q, k, v, .. } = &inputs;
        let (q, k, v) = (q.view(), k.view(), v.view());
        let traffic = &mut Traffic::default();
        Case {
            forward: crate::flash_forward(q, k, v, inputs.causal, inputs.block, traffic),
            d_out,
            inputs,
        }
    };
    let mut case = |sizes: (usize, usize), widths: (usize, usize), causal, block, about: &str| {
        let inputs = Inputs::normal(&mut random, sizes, widths, causal, block);
        with(inputs.about(about), random.normal((sizes.0, widths.1)))
    };
    let mut cases = vec![
        case((4, 6), (4, 3), false, (2, 3), ""),
        case(
            (5, 7),
            (4, 2),
            false,
            (2, 3),
            "the last tiles have fewer rows",
        ),
        case((1, 1), (1, 1), false, (4, 4), ""),
        case((6, 6), (8, 3), true, (2, 2), ""),
        case((3, 7), (4, 4), true, (2, 3), ""),
        case(
            (7, 3),
            (4, 4),
            true,
            (3, 2),
            "the first four queries see nothing",
        ),
        case((33, 31), (16, 8), true, (8, 4), ""),
        case((65, 63), (32, 16), false, (16, 24), ""),
    ];
    let mut measured = case((512, 512), (4, 4), true, (32, 16), "memory is measured");
    measured.inputs.measured = true;
    let by_hand = with(Inputs::by_hand(), array![[1.0]]);
    cases.insert(0, by_hand);
    cases.push(measured);
    cases
}

fn judge(cases: &[Case], answers: &[Answer]) -> Result<(), Finding> {
    each(cases, answers, |case, answer| {
        let Case { inputs, d_out, .. } = case;
        let (q, k, v) = (inputs.q.view(), inputs.k.view(), inputs.v.view());
        let (mask, d_out) = (inputs.mask(), d_out.view());
        let exact = if inputs.measured {
            // The oracle's Jacobian would take minutes at this size.
            let wide = attention_backward(q, k, v, &mask, d_out);
            oracle::Backward {
                dq: wide.dq.mapv(f64::from),
                dk: wide.dk.mapv(f64::from),
                dv: wide.dv.mapv(f64::from),
            }
        } else {
            oracle::attention_backward::<f64>(q, k, v, &mask, d_out)
        };
        let plain = attention_backward(q, k, v, &mask, d_out);
        // Chapter 3's loops, and this chapter's tiles: weights from lse round once more.
        let (causal, block) = (inputs.causal, inputs.block);
        let traffic = &mut Traffic::default();
        let tiles = crate::flash_backward(q, k, v, causal, &case.forward, d_out, block, traffic);
        let got = &answer.gradients;
        let expected = Expected::new(exact.dv, &[&plain.dv, &tiles.dv]);
        close("dv", &got.dv, &expected)?;
        let expected = Expected::new(exact.dq, &[&plain.dq, &tiles.dq]);
        close("dq", &got.dq, &expected)?;
        let expected = Expected::new(exact.dk, &[&plain.dk, &tiles.dk]);
        close("dk", &got.dk, &expected)?;
        expect_traffic(&answer.traffic, &inputs.head(), block)?;
        answer.kept.judge(q.nrows(), k.nrows())
    })
}

/// Refuses another traffic than the closed form's.
fn expect_traffic(got: &Traffic, sizes: &Sizes, block: Block) -> Result<(), String> {
    let right = sizes.flash_backward(block);
    let (queries, pairs) = (sizes.query_tiles(block), sizes.visited(block));
    require(got.tiles == right.tiles, || {
        format!(
            "{} loaded, should be {}: {queries} each of q, out and d_out, {pairs} each of k, v, dk and dv",
            tiles_were(got.tiles),
            right.tiles
        )
    })?;
    require(got.loaded == right.loaded, || {
        let (got, right) = (got.loaded, right.loaded);
        format!("{got} bytes were loaded, should be {right}: every tile whole")
    })?;
    require(got.stored == right.stored, || {
        let (got, right) = (got.stored, right.stored);
        format!(
            "{got} bytes were stored, should be {right}: dq once, dk and dv for each of {pairs} pairs of tiles"
        )
    })
}
