//! What attention is given, and its sizes.

use crate::Error;
use attn_core::random::Random;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

/// Queries, keys and values of all heads: `q` (h, n, d), `k` and `v` (h_kv, m, d).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inputs {
    /// Queries (h, n, d).
    pub q: Array3<f32>,
    /// Keys (h_kv, m, d).
    pub k: Array3<f32>,
    /// Values (h_kv, m, d).
    pub v: Array3<f32>,
    /// Whether query i sees only the keys up to m − n + i.
    pub causal: bool,
}

/// The sizes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; each serves `heads / kv_heads` query heads.
    pub kv_heads: usize,
    /// Queries of a head.
    pub n: usize,
    /// Keys of a head.
    pub m: usize,
    /// Numbers of a query, of a key and of a value.
    pub d: usize,
}

impl Sizes {
    /// Query heads that share a key/value head.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

impl Inputs {
    /// Standard normal ones.
    pub fn random(seed: u64, sizes: Sizes, causal: bool) -> Self {
        let Sizes { heads, kv_heads, n, m, d } = sizes;
        let mut random = Random::new(seed);
        Inputs {
            q: random.normal((heads, n, d)),
            k: random.normal((kv_heads, m, d)),
            v: random.normal((kv_heads, m, d)),
            causal,
        }
    }

    /// The sizes, if they fit together.
    ///
    /// # Errors
    /// [`Error::Sizes`] names what does not fit, with both sizes.
    pub fn sizes(&self) -> Result<Sizes, Error> {
        let ((heads, n, d), (kv_heads, m, width)) = (self.q.dim(), self.k.dim());
        let refuse = |what: String| Err(Error::Sizes(what));
        if width != d {
            return refuse(format!("key width {width} ≠ query width {d}"));
        }
        if self.v.dim() != self.k.dim() {
            return refuse(format!(
                "v is {:?} and k is {:?}: here they have the same shape",
                self.v.dim(),
                self.k.dim()
            ));
        }
        if [heads, n, d, kv_heads, m].contains(&0) {
            return refuse(format!(
                "q is {:?} and k is {:?}: no size may be 0",
                self.q.dim(),
                self.k.dim()
            ));
        }
        if heads % kv_heads != 0 {
            return refuse(format!(
                "{heads} query heads cannot share {kv_heads} key/value heads evenly"
            ));
        }
        // Kernels count rows and keys in 32 bits.
        if [heads * n * d, kv_heads * m * d, heads * n * m]
            .iter()
            .any(|count| *count > i32::MAX as usize)
        {
            return refuse(format!(
                "{heads} heads, n = {n}, m = {m}, d = {d} are more numbers than these kernels can count"
            ));
        }
        Ok(Sizes { heads, kv_heads, n, m, d })
    }
}
