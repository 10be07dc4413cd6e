//! 8.7 `varlen`

use super::flash_forward::say;
use crate::{
    given::{Block, Output, Traffic},
    traffic::Sizes,
};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ch03_scaled_dot_product::{attention, exercises::oracle};
use ndarray::{Array1, Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(
    ArrayView2<f32>,
    ArrayView2<f32>,
    ArrayView2<f32>,
    &[usize],
    &[usize],
    bool,
    Block,
    &mut Traffic,
) -> Output;

/// All sequences' rows one after the other, and where each sequence starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    q: Array2<f32>,
    k: Array2<f32>,
    v: Array2<f32>,
    q_starts: Vec<usize>,
    k_starts: Vec<usize>,
    causal: bool,
}

const BLOCK: Block = Block { q: 4, k: 3 };

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("q", &self.q),
            field("k", &self.k),
            field("v", &self.v),
            field("q_starts", format!("{:?}", self.q_starts)),
            field("k_starts", format!("{:?}", self.k_starts)),
            field("allowed", &self.table()),
        ]
    }

    fn label(&self) -> String {
        let (q, k) = (&self.q_starts, &self.k_starts);
        let causal = if self.causal { ", causal" } else { "" };
        let about = match self.about.as_str() {
            "" => String::new(),
            about => format!(", {about}"),
        };
        format!("queries {q:?}, keys {k:?}{causal}{about}")
    }
}

impl Case {
    /// (queries, keys) of each sequence.
    fn sequences(&self) -> impl Iterator<Item = (&[usize], &[usize])> {
        self.q_starts.windows(2).zip(self.k_starts.windows(2))
    }

    /// Who may attend to whom, all sequences together.
    fn table(&self) -> Array2<bool> {
        Array2::from_shape_fn((self.q.nrows(), self.k.nrows()), |(i, j)| {
            self.sequences().any(|(q, k)| {
                let together = (q[0]..q[1]).contains(&i) && (k[0]..k[1]).contains(&j);
                together
                    && (!self.causal || (j - k[0]) + (q[1] - q[0]) <= (k[1] - k[0]) + (i - q[0]))
            })
        })
    }
}

/// What came out, and what was moved for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    output: Output,
    traffic: Traffic,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        let mut fields = self.output.fields();
        fields.push(field("traffic", say(&self.traffic)));
        fields
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Answer> {
    Exercise {
        id: "8.7",
        cases,
        answer,
        judge,
        solution: crate::varlen,
        mistakes: mistakes(),
        steps: |case| {
            let sequence = |(q, k): (&[usize], &[usize])| {
                format!("queries {}..{} with keys {}..{}", q[0], q[1], k[0], k[1])
            };
            let sequences: Vec<String> = case.sequences().map(sequence).collect();
            vec![field("sequences", sequences.join("\n"))]
        },
    }
}

fn answer(varlen: &Body, case: &Case) -> Answer {
    let (q, k, v) = (case.q.view(), case.k.view(), case.v.view());
    let mut traffic = Traffic::default();
    let (q_starts, k_starts) = (&case.q_starts, &case.k_starts);
    Answer {
        output: varlen(
            q,
            k,
            v,
            q_starts,
            k_starts,
            case.causal,
            BLOCK,
            &mut traffic,
        ),
        traffic,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut case = |about: &str, q_starts: &[usize], k_starts: &[usize], causal| {
        let last = |starts: &[usize]| starts.last().copied().unwrap_or(0);
        let (n, m) = (last(q_starts), last(k_starts));
        Case {
            about: about.into(),
            q: random.normal((n, 4)),
            k: random.normal((m, 4)),
            v: random.normal((m, 3)),
            q_starts: q_starts.into(),
            k_starts: k_starts.into(),
            causal,
        }
    };
    vec![
        case("", &[0, 2, 5], &[0, 2, 5], false),
        case("", &[0, 3, 5], &[0, 3, 5], true),
        case("one sequence", &[0, 5], &[0, 7], true),
        case(
            "a new token for each of three caches",
            &[0, 1, 2, 3],
            &[0, 4, 6, 13],
            true,
        ),
        case("the second is empty", &[0, 2, 2, 6], &[0, 3, 3, 9], false),
        case("queries without keys", &[0, 2, 4], &[0, 0, 3], false),
        case("more queries than keys", &[0, 5, 9], &[0, 2, 8], true),
        case("", &[0, 31, 64, 65], &[0, 33, 64, 97], true),
    ]
}

fn judge(cases: &[Case], answers: &[Answer]) -> Result<(), Finding> {
    each(cases, answers, |case, Answer { output, traffic }| {
        let (q, k, v) = (case.q.view(), case.k.view(), case.v.view());
        let mask = Mask::Dense(case.table());
        let exact = oracle::attention::<f64>(q, k, v, &mask);
        let product = attention(q, k, v, &mask);
        let loops = oracle::attention::<f32>(q, k, v, &mask);
        let expected = Expected::new(exact.out, &[&product.out, &loops.out]);
        close("out", &output.out, &expected)?;
        let expected = Expected::new(exact.lse, &[&product.lse, &loops.lse]);
        close("lse", &output.lse, &expected)?;
        let of = |(q, k): (&[usize], &[usize])| {
            let sizes = Sizes {
                n: q[1] - q[0],
                m: k[1] - k[0],
                d: case.q.ncols(),
                d_v: case.v.ncols(),
                causal: case.causal,
            };
            sizes.flash(BLOCK).loaded
        };
        let right: u64 = case.sequences().map(of).sum();
        require(traffic.loaded == right, || {
            let got = traffic.loaded;
            format!(
                "{got} bytes were loaded, should be {right}: what the sequences cost by themselves"
            )
        })
    })
}

/// One sequence after the other, by itself, with these borders.
fn by_sequence(
    (q, k, v): (ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>),
    borders: impl Iterator<Item = ([usize; 2], [usize; 2])>,
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> Output {
    let mut result = Output {
        out: Array2::zeros((q.nrows(), v.ncols())),
        lse: Array1::zeros(q.nrows()),
    };
    for (queries, keys) in borders {
        let (rows, keys) = (queries[0]..queries[1], keys[0]..keys[1]);
        let q = q.slice(s![rows.clone(), ..]);
        let (k, v) = (k.slice(s![keys.clone(), ..]), v.slice(s![keys, ..]));
        let one = crate::flash_forward(q, k, v, causal, block, traffic);
        result.out.slice_mut(s![rows.clone(), ..]).assign(&one.out);
        result.lse.slice_mut(s![rows]).assign(&one.lse);
    }
    result
}

fn pairs<'a>(
    q_starts: &'a [usize],
    k_starts: &'a [usize],
) -> impl Iterator<Item = ([usize; 2], [usize; 2])> + 'a {
    let both = q_starts.windows(2).zip(k_starts.windows(2));
    both.map(|(q, k)| ([q[0], q[1]], [k[0], k[1]]))
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "borders-ignored",
            when: "all is taken for one long sequence: queries see the keys of other sequences",
            body: |q, k, v, _, _, causal, block, traffic| {
                crate::flash_forward(q, k, v, causal, block, traffic)
            },
        },
        Mistake {
            name: "query-starts-for-keys",
            when: "the keys are cut where the queries are; sequences have as many keys as k_starts says",
            body: |q, k, v, q_starts, _, causal, block, traffic| {
                by_sequence((q, k, v), pairs(q_starts, q_starts), causal, block, traffic)
            },
        },
        Mistake {
            name: "first-sequence-only",
            when: "only the first sequence is computed",
            body: |q, k, v, q_starts, k_starts, causal, block, traffic| {
                by_sequence(
                    (q, k, v),
                    pairs(q_starts, k_starts).take(1),
                    causal,
                    block,
                    traffic,
                )
            },
        },
        Mistake {
            name: "last-sequence-forgotten",
            when: "the last sequence is left out: there is one start more than there are sequences",
            body: |q, k, v, q_starts, k_starts, causal, block, traffic| {
                let but_last = pairs(q_starts, k_starts).take(q_starts.len().saturating_sub(2));
                by_sequence((q, k, v), but_last, causal, block, traffic)
            },
        },
        Mistake {
            name: "keys-from-zero",
            when: "every sequence sees the keys from the very first on, those of earlier sequences too",
            body: |q, k, v, q_starts, k_starts, causal, block, traffic| {
                let from_zero = pairs(q_starts, k_starts).map(|(q, k)| (q, [0, k[1]]));
                by_sequence((q, k, v), from_zero, causal, block, traffic)
            },
        },
        Mistake {
            name: "last-key-dropped",
            when: "the last key of each sequence is left out; a start is where the sequence before it ends",
            body: |q, k, v, q_starts, k_starts, causal, block, traffic| {
                let dropped = pairs(q_starts, k_starts)
                    .map(|(q, k)| (q, [k[0], k[1].saturating_sub(1).max(k[0])]));
                by_sequence((q, k, v), dropped, causal, block, traffic)
            },
        },
        Mistake {
            name: "causal-ignored",
            when: "every query sees all keys of its sequence, causal or not",
            body: |q, k, v, q_starts, k_starts, _, block, traffic| {
                by_sequence((q, k, v), pairs(q_starts, k_starts), false, block, traffic)
            },
        },
        Mistake {
            name: "top-left",
            when: "causal is aligned top-left in each sequence, so that a new token sees only the first key of its cache",
            body: |q, k, v, q_starts, k_starts, causal, block, traffic| {
                // Bottom-right on the first keys, as many as there are queries, is top-left.
                let cut = pairs(q_starts, k_starts).map(|(q, k)| {
                    let keys = if causal {
                        (k[1] - k[0]).min(q[1] - q[0])
                    } else {
                        k[1] - k[0]
                    };
                    (q, [k[0], k[0] + keys])
                });
                by_sequence((q, k, v), cut, causal, block, traffic)
            },
        },
        Mistake {
            name: "lse-left-zero",
            when: "lse is never filled: each sequence's log-sum-exp has to be copied as its rows of out are",
            body: |q, k, v, q_starts, k_starts, causal, block, traffic| {
                let pairs = pairs(q_starts, k_starts);
                let output = by_sequence((q, k, v), pairs, causal, block, traffic);
                Output {
                    lse: Array1::zeros(q.nrows()),
                    ..output
                }
            },
        },
        Mistake {
            name: "keyless-skipped",
            when: "sequences without keys are passed over: their queries see nothing, and then the log-sum-exp is −∞, not 0",
            body: |q, k, v, q_starts, k_starts, causal, block, traffic| {
                let with_keys = pairs(q_starts, k_starts).filter(|(_, k)| k[0] < k[1]);
                by_sequence((q, k, v), with_keys, causal, block, traffic)
            },
        },
        Mistake {
            name: "fresh-traffic",
            when: "the numbers are right, but each sequence counts in a Traffic of its own: pass on the one that is given",
            body: |q, k, v, q_starts, k_starts, causal, block, _| {
                let none = &mut Traffic::default();
                by_sequence((q, k, v), pairs(q_starts, k_starts), causal, block, none)
            },
        },
        Mistake {
            name: "padded",
            when: "the numbers are right, but every pair of sequences is computed and masked: the cost is that of one long sequence",
            body: |q, k, v, q_starts, k_starts, causal, block, traffic| {
                let none = &mut Traffic::default();
                let output = by_sequence((q, k, v), pairs(q_starts, k_starts), causal, block, none);
                crate::flash_forward(q, k, v, false, block, traffic);
                output
            },
        },
    ]
}
