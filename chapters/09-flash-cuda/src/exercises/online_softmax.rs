//! 9.1 `online_softmax`

use super::{
    Answer, Body, Case,
    answer::{self, answer, each, is_right},
    body::Gap,
};
use crate::Rung;
use attn_exercise::{Exercise, Field, Finding, Mistake, field};
use ndarray::{Array2, Axis};

const GAP: Gap = Gap {
    id: "9.1",
    item: "online_softmax",
    rung: Rung::Tiled,
    probe: "",
};

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Answer> {
    Exercise {
        id: GAP.id,
        cases,
        answer: |body, case| answer(&GAP, body, case),
        judge: |cases, answers| -> Result<(), Finding> { each(cases, answers, is_right) },
        solution: Body::Kernel,
        mistakes: mistakes(),
        steps,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut scores = [0.0; 33];
    scores[32] = 32.0_f32.ln();
    // Each tile's largest score is larger than the one's before, or smaller.
    let slope = |up: bool| {
        (0..96)
            .map(|j| {
                if up {
                    j as f32 / 4.0
                } else {
                    -(j as f32) / 4.0
                }
            })
            .collect::<Vec<f32>>()
    };
    vec![
        Case::by_hand(&scores)
            .about("by hand: 32 scores of 0 and, in the second tile, one of ln 32"),
        Case::random(seed, 5, 70, false),
        Case::by_hand(&slope(true)).about("each tile has larger scores"),
        Case::by_hand(&slope(false)).about("each tile has smaller scores"),
        Case::random(seed + 1, 33, 33, true),
        Case::random(seed + 2, 9, 3, true).about("the first six queries see nothing"),
        Case::random(seed + 3, 4, 65, false)
            .times(60.0)
            .about("scores of about ±60"),
        Case::by_hand(&[-200.0, -199.0, -198.0]).about("scores of about −200"),
    ]
}

/// What is known of each row after each tile of 32 keys.
fn steps(case: &Case) -> Vec<Field> {
    let scores = case.scores(0);
    let tiles = scores.len_of(Axis(1)).div_ceil(32);
    let [mut maxima, mut corrections, mut sums] =
        [(); 3].map(|()| Array2::<f64>::zeros((scores.nrows(), tiles)));
    for (i, row) in scores.outer_iter().enumerate() {
        let (mut row_max, mut row_sum) = (f64::NEG_INFINITY, 0.0);
        for (t, tile) in row.axis_chunks_iter(Axis(0), 32).enumerate() {
            let new_max = tile.fold(row_max, |max: f64, score| max.max(*score));
            let shift = if new_max.is_finite() { new_max } else { 0.0 };
            let correction = (row_max - shift).exp();
            row_sum = row_sum * correction + tile.mapv(|score| (score - shift).exp()).sum();
            row_max = new_max;
            maxima[[i, t]] = row_max;
            corrections[[i, t]] = correction;
            sums[[i, t]] = row_sum;
        }
    }
    let mut fields = vec![
        field("row_max after each tile", &maxima),
        field("the correction that each tile returns", &corrections),
        field("row_sum after each tile", &sums),
    ];
    fields.extend(answer::steps(case));
    fields
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "sum-not-rescaled",
            when: "the sum so far is not multiplied by the correction, only the output is: they are relative to different maxima",
            body: Body::Changed(&[("    row_sum *= correction;\n", "")]),
        },
        Mistake {
            name: "output-not-rescaled",
            when: "1 is returned in place of the correction: the sum is brought to the new maximum, the output so far is not",
            body: Body::Changed(&[("return correction;", "return 1.0f;")]),
        },
        Mistake {
            name: "maximum-of-the-tile",
            when: "the new maximum is that of the tile alone: where the tile before had a larger one, the correction overflows or grows",
            body: Body::Changed(&[(
                "float new_max = row_max;",
                "float new_max = MINUS_INFINITY;",
            )]),
        },
        Mistake {
            name: "maximum-from-zero",
            when: "the maximum is looked for from 0 on, so that the exponentials of very negative scores are all zero",
            body: Body::Changed(&[(
                "float new_max = row_max;",
                "float new_max = fmaxf(row_max, 0.0f);",
            )]),
        },
        Mistake {
            name: "maximum-not-kept",
            when: "the new maximum is not stored in `row_max`, so that the next tile starts from −∞ again",
            body: Body::Changed(&[("    row_max = new_max;\n", "")]),
        },
        Mistake {
            name: "correction-upside-down",
            when: "the correction is exp(new − old) in place of exp(old − new)",
            body: Body::Changed(&[("__expf(row_max - shift)", "__expf(shift - row_max)")]),
        },
        Mistake {
            name: "correction-too-late",
            when: "the maximum is stored before the correction is computed from it, which is then always 1",
            body: Body::Changed(&[
                ("    row_max = new_max;\n", ""),
                (
                    "const float correction = __expf(row_max - shift);",
                    "row_max = new_max;\n    const float correction = new_max == MINUS_INFINITY ? 0.0f : 1.0f;",
                ),
            ]),
        },
        Mistake {
            name: "empty-row-nan",
            when: "a row that has seen nothing so far is not taken out: −∞ − (−∞) is NaN",
            body: Body::Changed(&[("new_max == MINUS_INFINITY ? 0.0f : new_max", "new_max")]),
        },
        Mistake {
            name: "early-return",
            when: "a row that has seen nothing returns at once and leaves its scores, which are −∞ and are taken for weights",
            body: Body::Changed(&[(
                "const float shift = new_max == MINUS_INFINITY ? 0.0f : new_max;",
                "if (new_max == MINUS_INFINITY) return 1.0f;\n    const float shift = new_max;",
            )]),
        },
        Mistake {
            name: "sum-corrected-too-late",
            when: "the weights of this tile are multiplied by the correction as well: only what was summed up before is relative to the old maximum",
            body: Body::Changed(&[
                ("    row_sum *= correction;\n", ""),
                (
                    "    row_max = new_max;\n",
                    "    row_sum *= correction;\n    row_max = new_max;\n",
                ),
            ]),
        },
        Mistake {
            name: "scores-left",
            when: "the scores are summed up as exponentials, but not overwritten by them",
            body: Body::Changed(&[(
                "        scores[j] = __expf(scores[j] - shift);\n        row_sum += scores[j];",
                "        row_sum += __expf(scores[j] - shift);",
            )]),
        },
        Mistake {
            name: "sum-of-the-tile",
            when: "the sum starts anew in each tile",
            body: Body::Changed(&[("row_sum *= correction;", "row_sum = 0.0f;")]),
        },
        Mistake {
            name: "sum-left-out",
            when: "the weights are not added to the sum",
            body: Body::Changed(&[("        row_sum += scores[j];\n", "")]),
        },
        Mistake {
            name: "no-maximum",
            when: "no maximum is taken out, so that large scores overflow",
            body: Body::Changed(&[
                (
                    "const float shift = new_max == MINUS_INFINITY ? 0.0f : new_max;",
                    "const float shift = 0.0f;",
                ),
                (
                    "const float correction = __expf(row_max - shift);",
                    "const float correction = 1.0f;",
                ),
                ("    row_max = new_max;\n", "    row_max = 0.0f;\n"),
            ]),
        },
        Mistake {
            name: "power-of-two",
            when: "exp2f is used where exp is meant, without the factor log₂ e",
            body: Body::Changed(&[
                ("scores[j] = __expf(", "scores[j] = exp2f("),
                ("= __expf(row_max - shift)", "= exp2f(row_max - shift)"),
            ]),
        },
    ]
}
