//! 9.5 `merge`: merge the splits

use super::{
    Answer, Body, Case,
    answer::{self, answer, each, is_right},
    body::Gap,
};
use crate::{Rung, Sizes, rung::SPLITS};
use attn_exercise::{Exercise, Field, Finding, Mistake, field};
use ndarray::{Array2, s};

const GAP: Gap = Gap {
    id: "9.5",
    item: "merge",
    rung: Rung::Split,
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
    let ln5 = 5.0_f32.ln();
    vec![
        Case::by_hand(&[0.0, 0.0, 0.0, 0.0, 0.0, ln5])
            .about("by hand: a key a split, scores of 0 but for the last, ln 5"),
        Case::random(seed, 1, 70, false),
        Case::random(seed + 1, 1, 4, false).about("two splits have no keys"),
        Case::random(seed + 2, 1, 1, false).about("five splits have no keys"),
        Case::heads(seed + 3, (6, 2), 1, 129, true),
        Case::by_hand(&[200.0, 199.0, 198.0, 197.0, 200.0, 201.0]).about("scores of about 200"),
        Case::by_hand(&[-200.0, -199.0, -201.0, -200.0, -202.0, -198.0])
            .about("scores of about −200"),
        Case::wide(seed + 4, 1, 40, false),
    ]
}

/// What the splits leave.
fn steps(case: &Case) -> Vec<Field> {
    let Sizes { heads, m, .. } = case.sizes();
    let size = m.div_ceil(SPLITS);
    let lse = Array2::from_shape_fn((heads, SPLITS), |(head, split)| {
        let range = |split: usize| (split * size).min(m);
        let scores = case.scores(head);
        let scores = scores.slice(s![0, range(split)..range(split + 1)]);
        let most = scores.fold(f64::NEG_INFINITY, |most: f64, score| most.max(*score));
        let shift = if most.is_finite() { most } else { 0.0 };
        most + scores.mapv(|score| (score - shift).exp()).sum().ln()
    });
    let mut fields = vec![field("part_lse, exactly", &lse)];
    fields.extend(answer::steps(case));
    fields
}

const WEIGHT: &str = "const float weight = __expf(part_lse[head * splits + s] - shift);";
const OUT: &str = "out[head * D + c] = total > 0.0f ? sum / total : 0.0f;";
/// The same without a guard, which is as right: some key is always seen.
const DIVIDED: &str = "out[head * D + c] = sum / total;";
const SHIFT: &str = "const float shift = most == MINUS_INFINITY ? 0.0f : most;";
const LSE: &str = "if (c == 0) lse[head] = most + __logf(total);";
const PART: &str = "parts[(head * splits + s) * D + c]";

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "no-maximum",
            when: "exp is taken of the lse as it is, so that a large one overflows and very negative ones give 0 / 0: take out the largest first, as in every softmax",
            body: Body::Changed(&[
                (SHIFT, "const float shift = 0.0f;"),
                (OUT, DIVIDED),
                (LSE, "if (c == 0) lse[head] = __logf(total);"),
            ]),
        },
        Mistake {
            name: "plain-mean",
            when: "all splits count the same: but each was divided by a sum of its own",
            body: Body::Changed(&[(WEIGHT, "const float weight = 1.0f;")]),
        },
        Mistake {
            name: "mean-of-those-with-keys",
            when: "all splits that have keys count the same: but each was divided by a sum of its own",
            body: Body::Changed(&[(
                WEIGHT,
                "const float weight = part_lse[head * splits + s] > MINUS_INFINITY ? 1.0f : 0.0f;",
            )]),
        },
        Mistake {
            name: "not-divided",
            when: "the weighted parts are summed up, but not divided by the sum of the weights",
            body: Body::Changed(&[(OUT, "out[head * D + c] = sum;")]),
        },
        Mistake {
            name: "lse-as-weight",
            when: "a part is weighed with its lse itself: it is a logarithm, the weight is its exponential",
            body: Body::Changed(&[(WEIGHT, "const float weight = part_lse[head * splits + s];")]),
        },
        Mistake {
            name: "lse-as-weight-and-divided",
            when: "a part is weighed with its lse itself, and their sum divided by: it is a logarithm, the weight is its exponential",
            body: Body::Changed(&[
                (WEIGHT, "const float weight = part_lse[head * splits + s];"),
                (OUT, DIVIDED),
                (LSE, "if (c == 0) lse[head] = __logf(total);"),
            ]),
        },
        Mistake {
            name: "overflow",
            when: "exp is taken of the lse as it is: take out the largest first, as in every softmax",
            body: Body::Changed(&[
                (SHIFT, "const float shift = 0.0f;"),
                (LSE, "if (c == 0) lse[head] = __logf(total);"),
            ]),
        },
        Mistake {
            name: "maximum-from-zero",
            when: "the largest lse is looked for from 0 on, so that the weights of very negative ones are all zero",
            body: Body::Changed(&[("float most = MINUS_INFINITY;", "float most = 0.0f;")]),
        },
        Mistake {
            name: "maximum-from-zero-and-divided",
            when: "the largest lse is looked for from 0 on, so that the weights of very negative ones are all zero, and so is what is divided by",
            body: Body::Changed(&[
                ("float most = MINUS_INFINITY;", "float most = 0.0f;"),
                (OUT, DIVIDED),
            ]),
        },
        Mistake {
            name: "lse-without-maximum",
            when: "the largest lse is not added back to the logarithm",
            body: Body::Changed(&[(LSE, "if (c == 0) lse[head] = __logf(total);")]),
        },
        Mistake {
            name: "lse-is-the-maximum",
            when: "the largest lse is returned for the sum of all of them",
            body: Body::Changed(&[(LSE, "if (c == 0) lse[head] = most;")]),
        },
        Mistake {
            name: "lse-not-written",
            when: "`out` is written and `lse` is not",
            body: Body::Changed(&[(LSE, "")]),
        },
        Mistake {
            name: "lse-summed",
            when: "the logarithms are added up: that is the logarithm of a product",
            body: Body::Changed(&[
                (
                    "        total += weight;\n",
                    "        total += weight;\n        logs += part_lse[head * splits + s];\n",
                ),
                (
                    "float total = 0.0f, sum = 0.0f;",
                    "float total = 0.0f, sum = 0.0f, logs = 0.0f;",
                ),
                (LSE, "if (c == 0) lse[head] = logs;"),
            ]),
        },
        Mistake {
            name: "last-split-forgotten",
            when: "the last split is left out",
            body: Body::Changed(&[
                (
                    "for (int s = 0; s < splits; ++s) {",
                    "for (int s = 0; s < splits - 1; ++s) {",
                ),
                (
                    "for (int s = 0; s < splits; ++s) most",
                    "for (int s = 0; s < splits - 1; ++s) most",
                ),
            ]),
        },
        Mistake {
            name: "first-head",
            when: "every head merges the parts of the first",
            body: Body::Changed(&[
                (WEIGHT, "const float weight = __expf(part_lse[s] - shift);"),
                (PART, "parts[s * D + c]"),
            ]),
        },
        Mistake {
            name: "out-of-the-first-head",
            when: "every head writes its result into the first head's row of `out`",
            body: Body::Changed(&[(OUT, "out[c] = total > 0.0f ? sum / total : 0.0f;")]),
        },
        Mistake {
            name: "width-written-out",
            when: "64 stands for D, which it is for d = 64 alone",
            body: Body::Changed(&[
                (PART, "parts[(head * splits + s) * 64 + c]"),
                (
                    OUT,
                    "out[head * 64 + c] = total > 0.0f ? sum / total : 0.0f;",
                ),
            ]),
        },
        Mistake {
            name: "one-split-too-many",
            when: "the loop ends with ≤: the last turn reads the next head's first split, or past the end",
            body: Body::Changed(&[(
                "for (int s = 0; s < splits; ++s) {",
                "for (int s = 0; s <= splits; ++s) {",
            )]),
        },
        Mistake {
            name: "axes-swapped",
            when: "parts is read as (splits, h, d), but it is (h, splits, d)",
            body: Body::Changed(&[(PART, "parts[(s * gridDim.x + head) * D + c]")]),
        },
    ]
}
