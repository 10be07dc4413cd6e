//! What the answers are tried on.

use crate::{Inputs, Sizes};
use attn_core::{Mask, random::Random};
use attn_exercise::{Choices, Field, Fields, Input, Regimes, Value, field, some_values};
use attn_oracle::{self as oracle, Output};
use ndarray::{Array2, Array3, ArrayView2, Axis, NdFloat, s, stack};
use serde::{Deserialize, Serialize};

/// Attention's inputs, with a remark.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    /// As the host takes them.
    pub inputs: Inputs,
}

impl Case {
    /// Standard normal inputs of one head of width 64.
    pub(crate) fn random(random: &mut Random, n: usize, m: usize, causal: bool) -> Self {
        Self::heads(random, [1, 1], n, m, 64, causal)
    }

    /// Standard normal inputs of so many query and key/value heads.
    pub(crate) fn heads(
        random: &mut Random,
        [heads, kv_heads]: [usize; 2],
        n: usize,
        m: usize,
        d: usize,
        causal: bool,
    ) -> Self {
        let mut normal = |heads, rows| random.normal((heads, rows, d));
        let (q, k, v) = (normal(heads, n), normal(kv_heads, m), normal(kv_heads, m));
        Case { about: String::new(), inputs: Inputs { q, k, v, causal } }
    }

    /// One query and keys with these scores; the values are 0 but for the last key's, which are 4.
    pub(crate) fn by_hand(scores: &[f32]) -> Self {
        let m = scores.len();
        let mut case = Case::random(&mut Random::new(0), 1, m, false);
        let Inputs { q, k, v, .. } = &mut case.inputs;
        q.fill(0.0);
        k.fill(0.0);
        v.fill(0.0);
        // √64 = 8, and the other entries add nothing.
        q[[0, 0, 0]] = 8.0;
        k.slice_mut(s![0, .., 0]).assign(&ndarray::aview1(scores));
        v.slice_mut(s![0, m - 1, ..]).fill(4.0);
        case
    }

    /// The same with scores that many times as large.
    pub(crate) fn times(mut self, factor: f32) -> Self {
        self.inputs.q *= factor;
        self
    }

    pub(crate) fn about(mut self, about: &str) -> Self {
        self.about = about.into();
        self
    }

    /// Small cases in which every two sizes are <, = and >, each mask meets each size of 1, and each input is large, tiny
    /// and all of one number; with `most_n` queries at most.
    pub(crate) fn small(random: &mut Random, most_n: usize) -> Vec<Self> {
        let rows = [
            ([1, 1], [2, 3], true, [1, 2, 3]),
            ([2, 2], [2, 2], true, [2, 3, 1]),
            ([3, 3], [2, 1], true, [3, 1, 2]),
            ([2, 1], [1, 1], false, [0; 3]),
            ([1, 1], [1, 3], false, [0; 3]),
            ([1, 1], [1, 1], true, [0; 3]),
        ];
        let small = rows.map(|(heads, [n, m], causal, [q, k, v])| {
            let mut case = Self::heads(random, heads, n.min(most_n), m, 64, causal).about("small");
            let inputs = &mut case.inputs;
            inputs.q = some_values(q, inputs.q.raw_dim(), random);
            inputs.k = some_values(k, inputs.k.raw_dim(), random);
            inputs.v = some_values(v, inputs.v.raw_dim(), random);
            case
        });
        small.into()
    }

    pub(crate) fn sizes(&self) -> Sizes {
        self.inputs.sizes().expect("the cases are sound")
    }

    fn mask(&self) -> Mask {
        if self.inputs.causal { Mask::Causal } else { Mask::None }
    }

    /// Queries, keys and values of a query head.
    fn head(&self, head: usize) -> [ArrayView2<'_, f32>; 3] {
        let Inputs { q, k, v, .. } = &self.inputs;
        let kv_head = head / self.sizes().group();
        [(q, head), (k, kv_head), (v, kv_head)].map(|(array, head)| array.slice(s![head, .., ..]))
    }

    /// The scores of a head (n, m), exactly; −∞ where a query does not see a key.
    pub(crate) fn scores(&self, head: usize) -> Array2<f64> {
        let [q, k, _] = self.head(head);
        oracle::scores(q, k, &self.mask())
    }

    /// `out` (h, n, d) and `lse` (h, n) in plain loops over any float.
    pub(super) fn attention<F: NdFloat>(&self) -> Vec<Field>
    where
        for<'a> Value: From<&'a Array3<F>> + From<&'a Array2<F>>,
    {
        let heads = (0..self.sizes().heads).map(|head| self.head(head));
        let heads: Vec<Output<F>> =
            heads.map(|[q, k, v]| oracle::attention(q, k, v, &self.mask())).collect();
        let out: Vec<_> = heads.iter().map(|head| head.out.view()).collect();
        let lse: Vec<_> = heads.iter().map(|head| head.lse.view()).collect();
        let even = "heads of the same shape";
        vec![
            field("out", &stack(Axis(0), &out).expect(even)),
            field("lse", &stack(Axis(0), &lse).expect(even)),
        ]
    }

    /// The case with every number moved by about one unit in its last place.
    pub(super) fn nudged(&self, pattern: usize) -> Self {
        let mut case = self.clone();
        let Inputs { q, k, v, .. } = &mut case.inputs;
        (*q, *k, *v) = (q.nudged(pattern), k.nudged(pattern), v.nudged(pattern));
        case
    }
}

impl Regimes for Case {
    fn inputs(&self) -> Choices<'_> {
        let Inputs { q, k, v, causal } = &self.inputs;
        // The width is no size among others: it is written into what is compiled.
        vec![
            ("q", &["h", "n"], q),
            ("k", &["h_kv", "m"], k),
            ("v", &[], v),
            ("causal", &[], causal),
        ]
    }

    fn altered(&self) -> Vec<(String, Self)> {
        let altered = ["q", "k", "v", "causal"].map(|name| {
            let mut case = self.clone();
            let Inputs { q, k, v, causal } = &mut case.inputs;
            match name {
                "q" => *q = q.altered().swap_remove(0),
                "k" => *k = k.altered().swap_remove(0),
                "v" => *v = v.altered().swap_remove(0),
                _ => *causal = !*causal,
            }
            (format!("that mistakes {name}"), case)
        });
        altered.into()
    }
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let Inputs { q, k, v, .. } = &self.inputs;
        vec![field("q", q), field("k", k), field("v", v)]
    }

    fn label(&self) -> String {
        let ((h, n, d), (h_kv, m, _)) = (self.inputs.q.dim(), self.inputs.k.dim());
        let heads = match (h, h_kv) {
            (1, 1) => String::new(),
            _ => format!("h={h} h_kv={h_kv} "),
        };
        let causal = if self.inputs.causal { ", causal" } else { "" };
        let about = if self.about.is_empty() { "" } else { ", " };
        format!("{heads}n={n} m={m} d={d}{causal}{about}{}", self.about)
    }
}
