//! 9.2 `tiled`: place the barriers

use super::{
    Answer, Body, Case,
    answer::{answer, each, is_right, steps},
    body::Gap,
};
use crate::Rung;
use attn_exercise::{Exercise, Finding, Mistake};

const GAP: Gap = Gap {
    id: "9.2",
    item: "tiled",
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
    vec![
        Case::random(seed, 1, 1, false),
        Case::random(seed + 1, 8, 32, false).about("one tile"),
        Case::random(seed + 2, 8, 96, false).about("three tiles"),
        Case::random(seed + 3, 33, 65, true),
        Case::heads(seed + 4, (4, 2), 3, 40, true),
    ]
}

/// The four barriers with enough around them to be told apart.
const AFTER_LOAD: &str = "        __syncthreads();\n        // 2.";
const AFTER_SCORES: &str = "        __syncthreads();\n        // 3.";
const AFTER_SOFTMAX: &str = "        __syncthreads();\n        // 4.";
const AFTER_SUM: &str = "        __syncthreads();\n    }\n";
const LOOP: &str = "    for (int start = 0; start < m; start += KEYS) {\n";
const QUERIES: &str = "    const float* queries = q";
const SOFTMAX: &str = "            correction[thread] = online_softmax(scores[thread], row_max[thread], row_sum[thread]);";

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "none-at-all",
            when: "there is no barrier at all",
            body: Body::Changed(&[
                (AFTER_LOAD, "        // 2."),
                (AFTER_SCORES, "        // 3."),
                (AFTER_SOFTMAX, "        // 4."),
                (AFTER_SUM, "    }\n"),
            ]),
        },
        Mistake {
            name: "once-before-the-loop",
            when: "the only barrier stands before the loop, where nothing is shared yet but the queries",
            body: Body::Changed(&[
                (
                    LOOP,
                    "    __syncthreads();\n    for (int start = 0; start < m; start += KEYS) {\n",
                ),
                (AFTER_LOAD, "        // 2."),
                (AFTER_SCORES, "        // 3."),
                (AFTER_SOFTMAX, "        // 4."),
                (AFTER_SUM, "    }\n"),
            ]),
        },
        Mistake {
            name: "none-after-loading",
            when: "there is no barrier between loading the tile and computing with it: a warp reads what another has yet to write",
            body: Body::Changed(&[(AFTER_LOAD, "        // 2.")]),
        },
        Mistake {
            name: "none-after-the-scores",
            when: "there is no barrier between the scores and the softmax: a thread of the first warp reads rows that other warps have yet to write",
            body: Body::Changed(&[(AFTER_SCORES, "        // 3.")]),
        },
        Mistake {
            name: "none-after-the-softmax",
            when: "there is no barrier between the softmax and the sum: the other warps go on with weights that the first has yet to write",
            body: Body::Changed(&[(AFTER_SOFTMAX, "        // 4.")]),
        },
        Mistake {
            name: "none-before-the-next-tile",
            when: "there is no barrier at the end of a tile: a fast warp overwrites the tile that a slow one still reads",
            body: Body::Changed(&[(AFTER_SUM, "    }\n")]),
        },
        Mistake {
            name: "only-after-loading",
            when: "the only barrier is the one after loading",
            body: Body::Changed(&[
                (AFTER_SCORES, "        // 3."),
                (AFTER_SOFTMAX, "        // 4."),
                (AFTER_SUM, "    }\n"),
            ]),
        },
        Mistake {
            name: "only-around-the-tile",
            when: "there are barriers around the tile, but none around the softmax, whose scores pass from warp to warp as well",
            body: Body::Changed(&[
                (AFTER_SCORES, "        // 3."),
                (AFTER_SOFTMAX, "        // 4."),
            ]),
        },
        Mistake {
            name: "within-a-warp",
            when: "__syncwarp() takes the place of __syncthreads(): it waits for the lanes of one warp, and the tile is shared by all",
            body: Body::Changed(&[
                (AFTER_LOAD, "        __syncwarp();\n        // 2."),
                (AFTER_SCORES, "        __syncwarp();\n        // 3."),
                (AFTER_SOFTMAX, "        __syncwarp();\n        // 4."),
                (AFTER_SUM, "        __syncwarp();\n    }\n"),
            ]),
        },
        Mistake {
            name: "in-a-branch",
            when: "a barrier stands in the branch that only some threads take: the others never come to it",
            body: Body::Changed(&[
                (
                    SOFTMAX,
                    "        {\n            correction[thread] = online_softmax(scores[thread], row_max[thread], row_sum[thread]);\n            __syncthreads();\n        }",
                ),
                (AFTER_SOFTMAX, "        // 4."),
            ]),
        },
        Mistake {
            name: "early-return",
            when: "warps without a query return at the start: they are missing at the barriers, and their share of the tile is never loaded",
            body: Body::Changed(&[(
                QUERIES,
                "    if (i >= n) return;\n    const float* queries = q",
            )]),
        },
        Mistake {
            name: "once-after-the-loop",
            when: "a barrier stands behind the loop in place of at the end of each turn",
            body: Body::Changed(&[(AFTER_SUM, "    }\n    __syncthreads();\n")]),
        },
    ]
}
