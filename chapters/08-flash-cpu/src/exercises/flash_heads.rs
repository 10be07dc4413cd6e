//! 8.4 `flash_heads`

use super::kept::{Kept, measure_copies};
use crate::given::{Block, HeadsOutput, Output, Traffic};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ch03_scaled_dot_product::{attention, exercises::oracle};
use ndarray::{Array2, Array3, ArrayView3, Axis, concatenate};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body =
    fn(ArrayView3<f32>, ArrayView3<f32>, ArrayView3<f32>, bool, Block, &mut Traffic) -> HeadsOutput;

/// `q` h×n×d, `k` h_kv×m×d, `v` h_kv×m×d_v, whether causal, and how large the tiles are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    q: Array3<f32>,
    k: Array3<f32>,
    v: Array3<f32>,
    causal: bool,
    block: Block,
    /// Whether the memory in use is measured, which takes a case that is large enough.
    measured: bool,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let Block { q, k } = self.block;
        vec![
            field("q", &self.q),
            field("k", &self.k),
            field("v", &self.v),
            field(
                "mask",
                if self.causal { "causal" } else { "none" }.to_string(),
            ),
            field("block", format!("q = {q}, k = {k}")),
        ]
    }

    fn label(&self) -> String {
        let ((h, n, d), (h_kv, m, d_v)) = (self.q.dim(), self.v.dim());
        let causal = if self.causal { ", causal" } else { "" };
        let measured = if self.measured {
            ", memory is measured"
        } else {
            ""
        };
        format!("h={h} h_kv={h_kv} n={n} m={m} d={d} d_v={d_v}{causal}{measured}")
    }
}

/// What came out, what was moved for it, and what was held meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    output: HeadsOutput,
    traffic: Traffic,
    kept: Kept,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("out", &self.output.out),
            field("lse", &self.output.lse),
            field("traffic", super::flash_forward::say(&self.traffic)),
            field("memory", String::from(self.kept)),
        ]
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Answer> {
    Exercise {
        id: "8.4",
        cases,
        answer,
        judge,
        solution: crate::flash_heads,
        mistakes: mistakes(),
        steps: |case| {
            let (h, h_kv) = (case.q.len_of(Axis(0)), case.k.len_of(Axis(0)));
            let heads = (0..h).map(|head| format!("{head} reads {}", head * h_kv / h));
            let heads = heads.collect::<Vec<_>>().join(", ");
            vec![field("query head … reads key head", heads)]
        },
    }
}

fn answer(flash_heads: &Body, case: &Case) -> Answer {
    let Case { q, k, v, .. } = case;
    let mut traffic = Traffic::default();
    let (q, k, v) = (q.view(), k.view(), v.view());
    let mut run = || flash_heads(q, k, v, case.causal, case.block, &mut traffic);
    let (output, kept) = if case.measured {
        let ((h, n, _), (_, m, d_v)) = (q.dim(), v.dim());
        measure_copies(4 * m * d_v, 4 * h * n * (d_v + 1), run)
    } else {
        (run(), Kept::UNKNOWN)
    };
    Answer {
        output,
        traffic,
        kept,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut case = |(h, h_kv), (n, m), (d, d_v), causal| Case {
        q: random.normal((h, n, d)),
        k: random.normal((h_kv, m, d)),
        v: random.normal((h_kv, m, d_v)),
        causal,
        block: Block { q: 4, k: 3 },
        measured: false,
    };
    let mut cases = vec![
        case((1, 1), (2, 3), (4, 2), false),
        case((3, 3), (4, 5), (4, 2), false),
        case((6, 2), (3, 5), (4, 3), false),
        case((6, 3), (5, 7), (8, 4), true),
        case((4, 1), (3, 4), (4, 4), true),
        case((8, 4), (31, 33), (16, 8), true),
        case((4, 2), (5, 3), (4, 2), true),
    ];
    cases.push(Case {
        block: Block { q: 4, k: 32 },
        measured: true,
        ..case((4, 2), (2, 2000), (16, 16), false)
    });
    cases
}

fn judge(cases: &[Case], answers: &[Answer]) -> Result<(), Finding> {
    each(cases, answers, |case, answer| {
        let Answer {
            output,
            traffic,
            kept,
        } = answer;
        let (h, h_kv) = (case.q.len_of(Axis(0)), case.k.len_of(Axis(0)));
        let ((_, n, d), (_, m, d_v)) = (case.q.dim(), case.v.dim());
        require(output.out.dim() == (h, n, d_v), || {
            let (a, b, c) = output.out.dim();
            format!("out has shape {a}×{b}×{c}, should be {h}×{n}×{d_v}")
        })?;
        require(output.lse.dim() == (h, n), || {
            let (a, b) = output.lse.dim();
            format!("lse has shape {a}×{b}, should be {h}×{n}")
        })?;
        let mask = if case.causal {
            Mask::Causal
        } else {
            Mask::None
        };
        for head in 0..h {
            let group = head * h_kv / h;
            let q = case.q.index_axis(Axis(0), head);
            let k = case.k.index_axis(Axis(0), group);
            let v = case.v.index_axis(Axis(0), group);
            let exact = oracle::attention::<f64>(q, k, v, &mask);
            let product = attention(q, k, v, &mask);
            let loops = oracle::attention::<f32>(q, k, v, &mask);
            let (out, lse) = (
                output.out.index_axis(Axis(0), head).to_owned(),
                output.lse.row(head).to_owned(),
            );
            let expected = Expected::new(exact.out, &[&product.out, &loops.out]);
            close(&format!("head {head}: out"), &out, &expected)?;
            let expected = Expected::new(exact.lse, &[&product.lse, &loops.lse]);
            close(&format!("head {head}: lse"), &lse, &expected)?;
        }
        let causal = case.causal;
        let one = crate::traffic::Sizes {
            n,
            m,
            d,
            d_v,
            causal,
        }
        .flash(case.block);
        let right = one.loaded * h as u64;
        require(traffic.loaded == right, || {
            let got = traffic.loaded;
            let heads = if h == 1 { "head" } else { "heads" };
            format!(
                "{got} bytes were loaded, should be {right}: {h} {heads} of {}",
                one.loaded
            )
        })?;
        kept.judge(n, m)
    })
}

/// Every head with the key head that `group` gives for it.
fn grouped(
    (q, k, v): (ArrayView3<f32>, ArrayView3<f32>, ArrayView3<f32>),
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
    group: fn(head: usize, h: usize, h_kv: usize) -> usize,
) -> HeadsOutput {
    let (h, h_kv) = (q.len_of(Axis(0)), k.len_of(Axis(0)));
    let one = |head: usize| {
        let group = group(head, h, h_kv);
        let q = q.index_axis(Axis(0), head);
        let (k, v) = (k.index_axis(Axis(0), group), v.index_axis(Axis(0), group));
        crate::flash_forward(q, k, v, causal, block, traffic)
    };
    stack((0..h).map(one).collect())
}

fn stack(heads: Vec<Output>) -> HeadsOutput {
    let out: Vec<_> = heads.iter().map(|head| head.out.view()).collect();
    let lse: Vec<_> = heads.iter().map(|head| head.lse.view()).collect();
    HeadsOutput {
        out: ndarray::stack(Axis(0), &out).expect("one shape"),
        lse: ndarray::stack(Axis(0), &lse).expect("one length"),
    }
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "modulo",
            when: "query head i reads key head i mod h_kv; groups are neighbours: i / (h / h_kv)",
            body: |q, k, v, causal, block, traffic| {
                grouped((q, k, v), causal, block, traffic, |head, _, h_kv| {
                    head % h_kv
                })
            },
        },
        Mistake {
            name: "divided-by-h-kv",
            when: "query head i reads key head i / h_kv; a group has h / h_kv heads",
            body: |q, k, v, causal, block, traffic| {
                grouped((q, k, v), causal, block, traffic, |head, _, h_kv| {
                    head / h_kv
                })
            },
        },
        Mistake {
            name: "own-number",
            when: "each query head reads the key head of its own number, and there are only h_kv of them",
            body: |q, k, v, causal, block, traffic| {
                grouped((q, k, v), causal, block, traffic, |head, _, _| head)
            },
        },
        Mistake {
            name: "clamped",
            when: "each query head reads the key head of its own number, and those beyond the last one read the last",
            body: |q, k, v, causal, block, traffic| {
                grouped((q, k, v), causal, block, traffic, |head, _, h_kv| {
                    head.min(h_kv - 1)
                })
            },
        },
        Mistake {
            name: "first-key-head",
            when: "all query heads read key head 0",
            body: |q, k, v, causal, block, traffic| {
                grouped((q, k, v), causal, block, traffic, |_, _, _| 0)
            },
        },
        Mistake {
            name: "reversed",
            when: "the groups are counted from the last key head backwards",
            body: |q, k, v, causal, block, traffic| {
                grouped((q, k, v), causal, block, traffic, |head, h, h_kv| {
                    h_kv - 1 - head / (h / h_kv)
                })
            },
        },
        Mistake {
            name: "one-out-a-group",
            when: "each group gives one output, that of its first head: h_kv heads come back instead of h",
            body: |q, k, v, causal, block, traffic| {
                let (h, h_kv) = (q.len_of(Axis(0)), k.len_of(Axis(0)));
                let firsts: Vec<_> = (0..h_kv)
                    .map(|group| q.slice_axis(Axis(0), (group * (h / h_kv)..).into()))
                    .map(|rest| rest.slice_axis_move(Axis(0), (..1).into()))
                    .collect();
                let firsts = concatenate(Axis(0), &firsts).expect("one shape");
                let group = |head, _, _| head;
                grouped((firsts.view(), k, v), causal, block, traffic, group)
            },
        },
        Mistake {
            name: "mean-of-the-group",
            when: "the outputs of a group are averaged: heads share keys and values, their queries and outputs are their own",
            body: |q, k, v, causal, block, traffic| {
                let (h, h_kv) = (q.len_of(Axis(0)), k.len_of(Axis(0)));
                let mut result = crate::flash_heads(q, k, v, causal, block, traffic);
                for mut group in result.out.axis_chunks_iter_mut(Axis(0), h / h_kv) {
                    let mean = group.mean_axis(Axis(0)).expect("a head");
                    group
                        .outer_iter_mut()
                        .for_each(|mut head| head.assign(&mean));
                }
                result
            },
        },
        Mistake {
            name: "lse-left-zero",
            when: "lse is never filled: each head's log-sum-exp has to be copied as its rows of out are",
            body: |q, k, v, causal, block, traffic| {
                let HeadsOutput { out, lse } = crate::flash_heads(q, k, v, causal, block, traffic);
                HeadsOutput {
                    out,
                    lse: Array2::zeros(lse.dim()),
                }
            },
        },
        Mistake {
            name: "fresh-traffic",
            when: "the numbers are right, but each head counts in a Traffic of its own: pass on the one that is given",
            body: |q, k, v, causal, block, _| {
                crate::flash_heads(q, k, v, causal, block, &mut Traffic::default())
            },
        },
        Mistake {
            name: "keys-repeated",
            when: "the numbers are right, but keys or values are copied, as when they are repeated for each query head: a view of the group's head, index_axis(Axis(0), group), copies nothing",
            body: |q, k, v, causal, block, traffic| {
                let group = q.len_of(Axis(0)) / k.len_of(Axis(0));
                let heads: Vec<usize> = (0..q.len_of(Axis(0))).map(|head| head / group).collect();
                let (k, v) = (k.select(Axis(0), &heads), v.select(Axis(0), &heads));
                crate::flash_heads(q, k.view(), v.view(), causal, block, traffic)
            },
        },
    ]
}
