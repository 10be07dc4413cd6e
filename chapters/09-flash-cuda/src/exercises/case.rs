//! What the answers are tried on.

use crate::{Inputs, Sizes};
use attn_core::Mask;
use attn_exercise::{Field, Fields, field};
use ch03_scaled_dot_product::exercises::oracle;
use ndarray::{
    Array, Array1, Array2, Array3, ArrayView, ArrayView2, Axis, Dimension, RemoveAxis, s, stack,
};
use serde::{Deserialize, Serialize};

/// Attention's inputs: `q` (h, n, d), `k` and `v` (h_kv, m, d), d = 64 unless told otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    q: Array3<f32>,
    k: Array3<f32>,
    v: Array3<f32>,
    causal: bool,
}

impl Case {
    /// Standard normal inputs, one head.
    pub(super) fn random(seed: u64, n: usize, m: usize, causal: bool) -> Self {
        Self::heads(seed, (1, 1), n, m, causal)
    }

    /// Two heads of width 128.
    pub(super) fn wide(seed: u64, n: usize, m: usize, causal: bool) -> Self {
        let sizes = Sizes {
            heads: 2,
            kv_heads: 2,
            n,
            m,
            d: 128,
        };
        Self::of(seed, sizes, causal)
    }

    /// Standard normal inputs of so many query and key/value heads.
    pub(super) fn heads(
        seed: u64,
        (heads, kv_heads): (usize, usize),
        n: usize,
        m: usize,
        causal: bool,
    ) -> Self {
        let sizes = Sizes {
            heads,
            kv_heads,
            n,
            m,
            d: 64,
        };
        Self::of(seed, sizes, causal)
    }

    fn of(seed: u64, sizes: Sizes, causal: bool) -> Self {
        let Inputs { q, k, v, causal } = Inputs::random(seed, sizes, causal);
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

    /// The scores of a head (n, m), exactly; −∞ where a query does not see a key.
    pub(super) fn scores(&self, head: usize) -> Array2<f64> {
        let Sizes { n, m, d, .. } = self.sizes();
        let kv_head = head / self.sizes().group();
        let [q, k] = [(&self.q, head), (&self.k, kv_head)]
            .map(|(array, head)| array.slice(s![head, .., ..]).mapv(f64::from));
        let mut scores = q.dot(&k.t()) / (d as f64).sqrt();
        for ((i, j), score) in scores.indexed_iter_mut() {
            if self.causal && j + n > m + i {
                *score = f64::NEG_INFINITY;
            }
        }
        scores
    }

    /// What has to come out, head by head.
    pub(super) fn results(&self) -> Results {
        let (group, mask) = (
            self.sizes().group(),
            if self.causal {
                Mask::Causal
            } else {
                Mask::None
            },
        );
        let heads = self.q.outer_iter().enumerate().map(|(head, q)| {
            let [k, v] = [&self.k, &self.v].map(|array| array.slice(s![head / group, .., ..]));
            let exact = oracle::attention::<f64>(q, k, v, &mask);
            let loops = oracle::attention::<f32>(q, k, v, &mask);
            let tiles = Tiles::of(q, k, v, self.causal);
            Head {
                out: exact.out,
                lse: exact.lse,
                plain_out: [loops.out, tiles.out, tiles.out_by_lse],
                plain_lse: [loops.lse, tiles.lse],
            }
        });
        let heads: Vec<Head> = heads.collect();
        Results {
            out: stacked(&heads, |head| head.out.view()),
            lse: stacked(&heads, |head| head.lse.view()),
            plain_out: [0, 1, 2].map(|way| stacked(&heads, |head| head.plain_out[way].view())),
            plain_lse: [0, 1].map(|way| stacked(&heads, |head| head.plain_lse[way].view())),
        }
    }
}

/// `out` (h, n, d) and `lse` (h, n): exactly, and in plain f32 orders, which say how far an answer may be off.
pub(super) struct Results {
    pub out: Array3<f64>,
    pub lse: Array2<f64>,
    pub plain_out: [Array3<f32>; 3],
    pub plain_lse: [Array2<f32>; 2],
}

/// The same of one head.
struct Head {
    out: Array2<f64>,
    lse: Array1<f64>,
    plain_out: [Array2<f32>; 3],
    plain_lse: [Array1<f32>; 2],
}

/// One array of all heads.
fn stacked<T: Clone, D: Dimension<Larger: RemoveAxis>>(
    heads: &[Head],
    part: impl Fn(&Head) -> ArrayView<T, D>,
) -> Array<T, D::Larger> {
    let parts: Vec<_> = heads.iter().map(part).collect();
    stack(Axis(0), &parts).expect("heads of the same shape")
}

/// One head in f32 as a kernel goes about it: tiles of 32 keys, and exponentials that are powers of two.
struct Tiles {
    out: Array2<f32>,
    lse: Array1<f32>,
    /// `out` once more, from weights that are exp(score − lse): what merging by the lse amounts to.
    out_by_lse: Array2<f32>,
}

impl Tiles {
    fn of(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, causal: bool) -> Self {
        let ((n, d), m) = (q.dim(), k.nrows());
        let mut tiles = Tiles {
            out: Array2::zeros((n, d)),
            lse: Array1::from_elem(n, f32::NEG_INFINITY),
            out_by_lse: Array2::zeros((n, d)),
        };
        let exp = |x: f32| (x * std::f32::consts::LOG2_E).exp2();
        for i in 0..n {
            let end = if causal {
                (m + i + 1).saturating_sub(n)
            } else {
                m
            };
            if end == 0 {
                continue;
            }
            let score = |j: usize| q.row(i).dot(&k.row(j)) / (d as f32).sqrt();
            let scores: Vec<f32> = (0..end).map(score).collect();
            let (mut row_max, mut row_sum) = (f32::NEG_INFINITY, 0.0_f32);
            let mut sum: Array1<f32> = Array1::zeros(d);
            for (tile, scores) in scores.chunks(32).enumerate() {
                let new_max = scores.iter().fold(row_max, |max, score| max.max(*score));
                let correction = exp(row_max - new_max);
                row_sum *= correction;
                sum *= correction;
                for (j, score) in scores.iter().enumerate() {
                    let weight = exp(score - new_max);
                    row_sum += weight;
                    sum.scaled_add(weight, &v.row(32 * tile + j));
                }
                row_max = new_max;
            }
            tiles.out.row_mut(i).assign(&(sum / row_sum));
            tiles.lse[i] = row_max + row_sum.ln();
            for (j, score) in scores.iter().enumerate() {
                tiles
                    .out_by_lse
                    .row_mut(i)
                    .scaled_add(exp(score - tiles.lse[i]), &v.row(j));
            }
        }
        tiles
    }
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
