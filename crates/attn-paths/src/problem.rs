//! What the paths are given.

use attn_core::{Mask, random::Random};
use ndarray::{Array2, Array3, ArrayView2, Axis};

/// What kind of attention is asked for. Two paths are compared wherever both can take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// No mask: every query sees every key, and there may be more or fewer keys than queries.
    Every,
    /// Causal, n = m: a whole text at once.
    Whole,
    /// Causal, n < m: the last tokens of a text.
    Chunk,
    /// n = 1: one new token, which sees the whole text.
    Step,
    /// Causal, n ≤ m, and several query heads share a head of keys and values.
    Groups,
    /// One new token, and shared heads.
    GroupStep,
    /// Causal, n > m: the first queries see nothing.
    Behind,
}

impl Setting {
    /// All of them.
    pub const ALL: [Setting; 7] = [
        Setting::Every,
        Setting::Whole,
        Setting::Chunk,
        Setting::Step,
        Setting::Groups,
        Setting::GroupStep,
        Setting::Behind,
    ];

    /// As many heads of keys as of queries.
    pub const OWN_KEYS: &[Setting] =
        &[Setting::Every, Setting::Whole, Setting::Chunk, Setting::Step, Setting::Behind];

    /// Causal, and each query has a key of its own.
    pub const CAUSAL: &[Setting] =
        &[Setting::Whole, Setting::Chunk, Setting::Step, Setting::Groups, Setting::GroupStep];

    /// Both of these.
    pub const CAUSAL_OWN_KEYS: &[Setting] = &[Setting::Whole, Setting::Chunk, Setting::Step];

    /// One query.
    pub const STEPS: &[Setting] = &[Setting::Step, Setting::GroupStep];

    /// A word or two, for the head of a column.
    pub fn name(self) -> &'static str {
        match self {
            Setting::Every => "no mask",
            Setting::Whole => "whole text",
            Setting::Chunk => "chunk",
            Setting::Step => "one token",
            Setting::Groups => "shared keys",
            Setting::GroupStep => "shared keys, one token",
            Setting::Behind => "n > m",
        }
    }

    /// What it is, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Setting::Every => "every query sees every key; n and m are any numbers",
            Setting::Whole => "causal, n = m",
            Setting::Chunk => "causal, n < m: the last tokens of a text",
            Setting::Step => "n = 1: a new token sees everything before it and itself",
            Setting::Groups => "causal, n ≤ m, h_kv < h",
            Setting::GroupStep => "n = 1, h_kv < h",
            Setting::Behind => "causal, n > m: the first n − m queries see nothing",
        }
    }
}

/// One call of attention: queries, keys and values of all heads, standard normal.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which kind it is.
    pub setting: Setting,
    /// (h, n, d).
    pub q: Array3<f32>,
    /// (h_kv, m, d).
    pub k: Array3<f32>,
    /// (h_kv, m, d_v).
    pub v: Array3<f32>,
    /// Whether query i sees only the keys up to m − n + i.
    pub causal: bool,
}

impl Problem {
    /// The mask, as chapter 3 takes it.
    pub fn mask(&self) -> Mask {
        if self.causal { Mask::Causal } else { Mask::None }
    }

    /// Queries of a head, and keys of a head.
    pub fn lengths(&self) -> (usize, usize) {
        (self.q.len_of(Axis(1)), self.k.len_of(Axis(1)))
    }

    /// Query heads, and heads of keys and values.
    pub fn heads(&self) -> (usize, usize) {
        (self.q.len_of(Axis(0)), self.k.len_of(Axis(0)))
    }

    /// The width of queries and keys, and of values.
    pub fn widths(&self) -> (usize, usize) {
        (self.q.len_of(Axis(2)), self.v.len_of(Axis(2)))
    }

    /// What `attend` gives for the queries n×d, keys m×d and values m×d_v of each query head by itself;
    /// with shared keys, neighbouring query heads get the same ones. (h, n, d_v).
    pub fn by_head(
        &self,
        attend: impl Fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>) -> Array2<f64>,
    ) -> Array3<f64> {
        let ((h, h_kv), (n, _), (_, d_v)) = (self.heads(), self.lengths(), self.widths());
        let mut out = Array3::zeros((h, n, d_v));
        for (head, mut out) in out.outer_iter_mut().enumerate() {
            let group = head / (h / h_kv);
            let [k, v] = [&self.k, &self.v].map(|x| x.index_axis(Axis(0), group));
            out.assign(&attend(self.q.index_axis(Axis(0), head), k, v));
        }
        out
    }

    /// Its sizes, for a message.
    pub fn about(&self) -> String {
        let ((h, h_kv), (n, m), (d, d_v)) = (self.heads(), self.lengths(), self.widths());
        let name = self.setting.name();
        format!("{name}: h={h} h_kv={h_kv} n={n} m={m} d={d} d_v={d_v}")
    }
}

/// Problems of every kind, seeded: with d even and d_v any number, and with d = d_v = 64 for the kernels
/// of chapter 9, which are compiled for that width.
pub fn problems() -> Vec<Problem> {
    let mut random = Random::new(2017);
    let mut list = Vec::new();
    for setting in Setting::ALL {
        for round in 0..5 {
            let (d, d_v) = match round {
                4 => (64, 64),
                _ => (2 + 2 * random.below(5), 1 + random.below(9)),
            };
            let h_kv = 1 + random.below(3);
            // A first problem of one key, where softmax has nothing to choose.
            let (few, more) = match round {
                0 => (1, 1 + random.below(2)),
                _ => (2 + random.below(9), 1 + random.below(30)),
            };
            let (h, n, m) = match setting {
                Setting::Every if round % 2 == 0 => (h_kv, few + more, few),
                Setting::Every => (h_kv, few, few + more),
                Setting::Whole => (h_kv, few + more - 1, few + more - 1),
                Setting::Chunk => (h_kv, few, few + more),
                Setting::Step => (h_kv, 1, few + more - 1),
                Setting::Groups => (h_kv * (2 + random.below(3)), few, few + more - 1),
                Setting::GroupStep => (h_kv * (2 + random.below(3)), 1, few + more - 1),
                Setting::Behind => (h_kv, few + more, few),
            };
            list.push(Problem {
                setting,
                q: random.normal((h, n, d)),
                k: random.normal((h_kv, m, d)),
                v: random.normal((h_kv, m, d_v)),
                causal: setting != Setting::Every,
            });
        }
    }
    list
}
