//! What the answers are tried on.

use crate::{Inputs, Sizes};
use attn_core::Mask;
use attn_exercise::{Field, Fields, field};
use ch03_scaled_dot_product::exercises::oracle;
use ndarray::{Array2, Array3, ArrayView2, Axis, s, stack};
use serde::{Deserialize, Serialize};

/// Attention's inputs: `q` (h, n, d), `k` and `v` (h_kv, m, d), d = 64.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    q: Array3<f32>,
    k: Array3<f32>,
    v: Array3<f32>,
    causal: bool,
}

/// The width of every case: the committed PTX is for it.
pub(super) const D: usize = 64;

impl Case {
    /// Standard normal inputs, one head.
    pub(super) fn random(seed: u64, n: usize, m: usize, causal: bool) -> Self {
        Self::heads(seed, (1, 1), n, m, causal)
    }

    /// Standard normal inputs of so many query and key/value heads.
    pub(super) fn heads(
        seed: u64,
        (heads, kv_heads): (usize, usize),
        n: usize,
        m: usize,
        causal: bool,
    ) -> Self {
        let Inputs { q, k, v, causal } = Inputs::random(
            seed,
            Sizes {
                heads,
                kv_heads,
                n,
                m,
                d: D,
            },
            causal,
        );
        Case {
            about: String::new(),
            q,
            k,
            v,
            causal,
        }
    }

    /// One query and keys with these scores; the values are 0 but for the last key's, which are 4.
    pub(super) fn by_hand(scores: &[f32]) -> Self {
        let mut case = Case::random(0, 1, scores.len(), false);
        for array in [&mut case.q, &mut case.k, &mut case.v] {
            array.fill(0.0);
        }
        // √64 = 8, and the other entries add nothing.
        case.q[[0, 0, 0]] = 8.0;
        scores
            .iter()
            .enumerate()
            .for_each(|(j, score)| case.k[[0, j, 0]] = *score);
        case.v.slice_mut(s![0, scores.len() - 1, ..]).fill(4.0);
        case
    }

    /// The same with scores that many times as large.
    pub(super) fn times(mut self, factor: f32) -> Self {
        self.q *= factor;
        self
    }

    pub(super) fn about(mut self, about: &str) -> Self {
        self.about = about.into();
        self
    }

    /// As the host takes them.
    pub(super) fn inputs(&self) -> Inputs {
        let Case {
            q, k, v, causal, ..
        } = self.clone();
        Inputs { q, k, v, causal }
    }

    pub(super) fn sizes(&self) -> Sizes {
        self.inputs().sizes().expect("the cases are sound")
    }

    /// `out` and `lse` by plain loops in f64, and twice in f32: the same loops, and tiles of 32 keys with the online softmax
    /// and exponentials that are powers of two, as a GPU's are.
    pub(super) fn results(&self) -> Results {
        let mask = if self.causal {
            Mask::Causal
        } else {
            Mask::None
        };
        let each = |head: usize| {
            let kv = head / self.sizes().group();
            let [k, v] = [&self.k, &self.v].map(|array| array.slice(s![kv, .., ..]));
            (self.q.slice(s![head, .., ..]), k, v)
        };
        let heads = 0..self.q.len_of(Axis(0));
        let exact: Vec<_> = heads
            .clone()
            .map(|head| oracle::attention::<f64>(each(head).0, each(head).1, each(head).2, &mask))
            .collect();
        let loops: Vec<_> = heads
            .clone()
            .map(|head| oracle::attention::<f32>(each(head).0, each(head).1, each(head).2, &mask))
            .collect();
        let tiles: Vec<_> = heads
            .map(|head| in_tiles(each(head).0, each(head).1, each(head).2, self.causal))
            .collect();
        let expect = "heads of the same shape";
        Results {
            out: stack(
                Axis(0),
                &exact.iter().map(|head| head.out.view()).collect::<Vec<_>>(),
            )
            .expect(expect),
            lse: stack(
                Axis(0),
                &exact.iter().map(|head| head.lse.view()).collect::<Vec<_>>(),
            )
            .expect(expect),
            plain_out: [
                stack(
                    Axis(0),
                    &loops.iter().map(|head| head.out.view()).collect::<Vec<_>>(),
                )
                .expect(expect),
                stack(
                    Axis(0),
                    &tiles.iter().map(|(out, _)| out.view()).collect::<Vec<_>>(),
                )
                .expect(expect),
            ],
            plain_lse: [
                stack(
                    Axis(0),
                    &loops.iter().map(|head| head.lse.view()).collect::<Vec<_>>(),
                )
                .expect(expect),
                stack(
                    Axis(0),
                    &tiles.iter().map(|(_, lse)| lse.row(0)).collect::<Vec<_>>(),
                )
                .expect(expect),
            ],
        }
    }
}

/// What has to come out: exactly, and in two plain f32 orders.
pub(super) struct Results {
    pub out: Array3<f64>,
    pub lse: Array2<f64>,
    pub plain_out: [Array3<f32>; 2],
    pub plain_lse: [Array2<f32>; 2],
}

/// One head in tiles of 32 keys: `out` n×d, and `lse` 1×n.
fn in_tiles(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
) -> (Array2<f32>, Array2<f32>) {
    let ((n, d), m) = (q.dim(), k.nrows());
    let (mut out, mut lse) = (Array2::zeros((n, d)), Array2::zeros((1, n)));
    let exp = |x: f32| (x * std::f32::consts::LOG2_E).exp2();
    for i in 0..n {
        let end = if causal {
            (m + i + 1).saturating_sub(n).min(m)
        } else {
            m
        };
        let (mut row_max, mut row_sum, mut sum) = (f32::NEG_INFINITY, 0.0_f32, vec![0.0_f32; d]);
        for start in (0..end).step_by(32) {
            let keys = start..(start + 32).min(end);
            let scores: Vec<f32> = keys
                .clone()
                .map(|j| q.row(i).dot(&k.row(j)) / (d as f32).sqrt())
                .collect();
            let new_max = scores.iter().fold(row_max, |max, score| max.max(*score));
            let correction = exp(row_max - new_max);
            row_sum *= correction;
            sum.iter_mut().for_each(|sum| *sum *= correction);
            for (j, score) in keys.zip(scores) {
                let weight = exp(score - new_max);
                row_sum += weight;
                sum.iter_mut()
                    .zip(v.row(j))
                    .for_each(|(sum, value)| *sum += weight * value);
            }
            row_max = new_max;
        }
        let total = if row_sum > 0.0 { row_sum } else { 1.0 };
        sum.iter()
            .enumerate()
            .for_each(|(c, sum)| out[[i, c]] = sum / total);
        lse[[0, i]] = row_max + row_sum.ln();
    }
    (out, lse)
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("q", &self.q),
            field("k", &self.k),
            field("v", &self.v),
        ]
    }

    fn label(&self) -> String {
        let Sizes {
            heads,
            kv_heads,
            n,
            m,
            d,
        } = self.sizes();
        let heads = match (heads, kv_heads) {
            (1, 1) => String::new(),
            (h, h_kv) => format!("h={h} h_kv={h_kv} "),
        };
        let causal = if self.causal { ", causal" } else { "" };
        let about = if self.about.is_empty() {
            String::new()
        } else {
            format!(", {}", self.about)
        };
        format!("{heads}n={n} m={m} d={d}{causal}{about}")
    }
}
