//! The sizes of DeepSeek-V2, and what follows from them: what is kept, what the forms cost, and how
//! large a product of two matrices is. Everything is counted, nothing is measured.

use crate::{cheaper_form, given::Shape};

/// DeepSeek-V2: arXiv:2405.04434, §3.1.2.
pub const V2: Shape = Shape { h: 128, d: 128, d_r: 64, d_v: 128, d_c: 512 };

/// Its other widths, ibidem.
pub const V2_D_MODEL: usize = 5120;
/// What its queries are made of.
pub const V2_D_Q: usize = 1536;
/// Its layers.
pub const V2_LAYERS: usize = 60;

/// What a layer keeps of each token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Keys and values of groups: of every head, of some groups, of one.
    Groups {
        /// How many.
        h_kv: usize,
        /// The width of a key, and of a value.
        d: usize,
    },
    /// A latent and a rotary key.
    Latent(Shape),
    /// The keys and values that the latents are expanded to, and the rotary key.
    Expanded(Shape),
}

impl Cache {
    /// Numbers per token and layer.
    pub fn numbers(self) -> usize {
        match self {
            Cache::Groups { h_kv, d } => 2 * h_kv * d,
            Cache::Latent(shape) => shape.d_c + shape.d_r,
            Cache::Expanded(shape) => shape.h * (shape.d + shape.d_v) + shape.d_r,
        }
    }
}

/// What can be kept in V2's shape, by the name of the way.
pub const CACHES: [(&str, Cache); 5] = [
    ("MLA, keys and values kept", Cache::Expanded(V2)),
    ("MHA", Cache::Groups { h_kv: V2.h, d: V2.d }),
    ("GQA, 8 groups", Cache::Groups { h_kv: 8, d: V2.d }),
    ("MLA", Cache::Latent(V2)),
    ("MQA", Cache::Groups { h_kv: 1, d: V2.d }),
];

/// Numbers per token of a whole model, and bits of each.
#[derive(Clone, Copy, Debug)]
pub struct Deployed {
    /// What a layer keeps.
    pub cache: Cache,
    /// Layers.
    pub layers: usize,
    /// Bits of a number.
    pub bits: usize,
}

/// DeepSeek 67B: 8 groups of 128, 95 layers (DeepSeek LLM, arXiv:2401.02954, Table 2).
pub const DEEPSEEK_67B: Deployed =
    Deployed { cache: Cache::Groups { h_kv: 8, d: 128 }, layers: 95, bits: 16 };

/// DeepSeek-V2 with numbers of 16 bits.
pub const DEEPSEEK_V2: Deployed =
    Deployed { cache: Cache::Latent(V2), layers: V2_LAYERS, bits: 16 };

impl Deployed {
    /// Bits per token.
    pub fn bits_per_token(self) -> usize {
        self.cache.numbers() * self.layers * self.bits
    }
}

/// Which share of `other` is saved, in percent.
pub fn saved(kept: usize, other: usize) -> f64 {
    100.0 * (1.0 - kept as f64 / other as f64)
}

/// How many numbers two matrices a×b and b×c have, and how many their product has.
pub fn apart_and_together(a: usize, b: usize, c: usize) -> (usize, usize) {
    (a * b + b * c, a * c)
}

/// FLOPs of one pair of query and token in one head: naive, absorbed.
pub fn flops_per_pair(shape: Shape) -> (usize, usize) {
    (2 * (shape.d + shape.d_r + shape.d_v), 2 * (shape.d_c + shape.d_r + shape.d_c))
}

/// FLOPs of W_UK and W_UV for one row of one head.
pub fn flops_through(shape: Shape) -> usize {
    2 * shape.d_c * (shape.d + shape.d_v)
}

/// The absorbed form is the cheaper one where 1/n − 1/m is more than 1 divided by this.
pub fn crossover(shape: Shape) -> f64 {
    let (naive, absorbed) = flops_per_pair(shape);
    flops_through(shape) as f64 / (absorbed as f64 - naive as f64)
}

/// FLOPs of the form that keeps keys and values: those of the new tokens are made, and attended to.
pub fn expanded_flops(shape: Shape, n: usize, m: usize) -> usize {
    shape.h * (n * flops_through(shape) + n * m * flops_per_pair(shape).0)
}

/// FLOPs of all three for one call: naive, absorbed, and with keys and values kept.
pub fn three(shape: Shape, n: usize, m: usize) -> [usize; 3] {
    let costs = cheaper_form(&shape, n, m);
    [costs.naive, costs.absorbed, expanded_flops(shape, n, m)]
}

/// FLOPs per number that is read, of one new token among many: each number that is kept takes part in
/// the products of every head that shares it.
pub fn flops_per_number(cache: Cache, h: usize) -> f64 {
    match cache {
        Cache::Groups { h_kv, .. } => 2.0 * h as f64 / h_kv as f64,
        Cache::Latent(shape) => (shape.h * flops_per_pair(shape).1) as f64 / cache.numbers() as f64,
        Cache::Expanded(shape) => {
            (shape.h * flops_per_pair(shape).0) as f64 / cache.numbers() as f64
        }
    }
}
