//! The inputs of one head, which three of the exercises share.

use crate::{
    given::{Block, Output},
    traffic::Sizes,
};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Field, Fields, field,
    judge::{Expected, close},
};
use ch03_scaled_dot_product::{attention, exercises::oracle};
use ndarray::{Array2, array};
use serde::{Deserialize, Serialize};

/// `q` n×d, `k` m×d, `v` m×d_v, whether causal, and how large the tiles are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inputs {
    pub(super) about: String,
    pub(super) q: Array2<f32>,
    pub(super) k: Array2<f32>,
    pub(super) v: Array2<f32>,
    pub(super) causal: bool,
    pub(super) block: Block,
    /// Whether the memory in use is measured, which takes a case that is large enough.
    pub(super) measured: bool,
}

impl Inputs {
    /// Standard normal inputs of these sizes.
    pub(super) fn normal(
        random: &mut Random,
        (n, m): (usize, usize),
        (d, d_v): (usize, usize),
        causal: bool,
        (block_q, block_k): (usize, usize),
    ) -> Self {
        Inputs {
            about: String::new(),
            q: random.normal((n, d)),
            k: random.normal((m, d)),
            v: random.normal((m, d_v)),
            causal,
            block: Block {
                q: block_q,
                k: block_k,
            },
            measured: false,
        }
    }

    /// The same, with something to say about it.
    pub(super) fn about(mut self, about: &str) -> Self {
        self.about = about.into();
        self
    }

    /// The scores 0, ln 2 and ln 4 over the values 1, 4 and 2.
    pub(super) fn by_hand() -> Self {
        let (ln2, ln4) = (2.0_f32.ln(), 4.0_f32.ln());
        Inputs {
            about: "by hand: weights 1/7, 2/7, 4/7".into(),
            q: array![[1.0, 1.0, 1.0, 1.0]],
            k: array![
                [0.0, 0.0, 0.0, 0.0],
                [2.0 * ln2, 0.0, 0.0, 0.0],
                [2.0 * ln4, 0.0, 0.0, 0.0]
            ],
            v: array![[1.0], [4.0], [2.0]],
            causal: false,
            block: Block { q: 1, k: 2 },
            measured: false,
        }
    }

    /// Scores of about ±10 000; those of query 0 are all far below zero.
    pub(super) fn large(mut self) -> Self {
        self.q *= 100.0;
        self.k *= 100.0;
        self.k.mapv_inplace(f32::abs);
        self.q.row_mut(0).mapv_inplace(|x| -x.abs());
        self.about("scores of about ±10000")
    }

    pub(super) fn mask(&self) -> Mask {
        if self.causal {
            Mask::Causal
        } else {
            Mask::None
        }
    }

    /// For counting.
    pub(super) fn head(&self) -> Sizes {
        let ((n, d), (m, d_v)) = (self.q.dim(), self.v.dim());
        let causal = self.causal;
        Sizes {
            n,
            m,
            d,
            d_v,
            causal,
        }
    }

    /// What is right, and how far from it plain f32 arithmetic may be.
    pub(super) fn judge(&self, output: &Output) -> Result<(), String> {
        let (q, k, v) = (self.q.view(), self.k.view(), self.v.view());
        let exact = oracle::attention::<f64>(q, k, v, &self.mask());
        let product = attention(q, k, v, &self.mask());
        let loops = oracle::attention::<f32>(q, k, v, &self.mask());
        let expected = Expected::new(exact.out, &[&product.out, &loops.out]);
        close("out", &output.out, &expected)?;
        let expected = Expected::new(exact.lse, &[&product.lse, &loops.lse]);
        close("lse", &output.lse, &expected)
    }

    /// `n=5 m=7 d=4 d_v=3, causal`, and what it is about.
    pub(super) fn sizes(&self) -> String {
        let ((n, d), (m, d_v)) = (self.q.dim(), self.v.dim());
        let causal = if self.causal { ", causal" } else { "" };
        format!("n={n} m={m} d={d} d_v={d_v}{causal}")
    }

    pub(super) fn remark(&self) -> String {
        match self.about.as_str() {
            "" => String::new(),
            about => format!(", {about}"),
        }
    }

    pub(super) fn tensors(&self) -> Vec<Field> {
        vec![
            field("q", &self.q),
            field("k", &self.k),
            field("v", &self.v),
            field("mask", self.mask().to_string()),
        ]
    }
}

/// With the block sizes.
impl Fields for Inputs {
    fn fields(&self) -> Vec<Field> {
        let mut fields = self.tensors();
        let Block { q, k } = self.block;
        fields.push(field("block", format!("q = {q}, k = {k}")));
        fields
    }

    fn label(&self) -> String {
        let Block { q, k } = self.block;
        format!("{}, tiles {q}×{k}{}", self.sizes(), self.remark())
    }
}
