//! A whole layer: what happens to a chunk of tokens, from the residual stream and back.

use crate::{
    functions::Functions,
    given::{Down, Form, Latents, Queries, QueryWeights, Shape, Up, causal_softmax},
    seeded,
};
use attn_core::random::Random;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

// ANCHOR: layer
/// The weights of a layer of multi-head latent attention.
#[derive(Clone, Debug)]
pub struct Mla {
    /// Make what is kept of a token.
    pub down: Down,
    /// Make the queries.
    pub queries: QueryWeights,
    /// Make keys and values of what is kept.
    pub up: Up,
    /// W_O of each head, (h, d_v, d_model).
    pub w_o: Array3<f64>,
}

impl Mla {
    /// What the layer gives for a chunk of new tokens, n × d_model in and out. What is kept of them
    /// is put behind that of the tokens before, and their positions go on from there.
    ///
    /// # Panics
    /// If `x` or `kept` has another width than the weights.
    pub fn attend(
        &self,
        functions: Functions,
        form: Form,
        x: ArrayView2<f64>,
        kept: &mut Latents,
    ) -> Array2<f64> {
        let start = kept.len();
        kept.append(&(functions.compress)(&self.down, x, start));
        let queries = (functions.queries)(&self.queries, x, start);
        let heads = match form {
            Form::Naive => (functions.mla_naive)(&queries, kept, &self.up),
            Form::Absorbed => (functions.mla_absorbed)(&queries, kept, &self.up).heads,
        };
        mixed(heads.view(), self.w_o.view())
    }
}

/// The sum of what W_O makes of each head: (h, n, d_v) and (h, d_v, d_model) in, n × d_model out.
pub fn mixed(heads: ArrayView3<f64>, w_o: ArrayView3<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((heads.dim().1, w_o.dim().2));
    for (head, w_o) in heads.outer_iter().zip(w_o.outer_iter()) {
        out += &head.dot(&w_o);
    }
    out
}
// ANCHOR_END: layer

impl Mla {
    /// A layer with seeded weights; its queries are made of the token where `d_q` is `None`.
    pub fn seeded(random: &mut Random, d_model: usize, d_q: Option<usize>, shape: Shape) -> Self {
        let Shape { h, d, d_r, d_v, d_c } = shape;
        let down = seeded::down(random, d_model, d_c, d_r);
        let queries = seeded::query_weights(random, d_model, d_q, (h, d, d_r));
        Mla {
            queries: QueryWeights { base: down.base, ..queries },
            down,
            up: seeded::up(random, shape),
            w_o: seeded::weights(random, h * d_v, (h, d_v, d_model)),
        }
    }
}

/// The third way: keys and values are made once, when a token comes, and kept.
#[derive(Clone, Debug)]
pub struct Expanded {
    /// The content part of every head's keys, (h, m, d).
    pub k: Array3<f64>,
    /// The rotary keys, m × d_r.
    pub k_r: Array2<f64>,
    /// The values, (h, m, d_v).
    pub v: Array3<f64>,
}

impl Expanded {
    /// Nothing yet.
    pub fn empty(up: &Up, d_r: usize) -> Self {
        let ((h, _, d), (_, _, d_v)) = (up.w_uk.dim(), up.w_uv.dim());
        Expanded {
            k: Array3::zeros((h, 0, d)),
            k_r: Array2::zeros((0, d_r)),
            v: Array3::zeros((h, 0, d_v)),
        }
    }

    /// Keys and values of new tokens, behind the others.
    ///
    /// # Panics
    /// If the widths differ.
    pub fn append(&mut self, new: &Latents, up: &Up) {
        let expand = |w: &Array3<f64>| {
            let (h, _, width) = w.dim();
            let mut all = Array3::zeros((h, new.len(), width));
            for (mut own, w) in all.outer_iter_mut().zip(w.outer_iter()) {
                own.assign(&new.c.dot(&w));
            }
            all
        };
        self.k.append(Axis(1), expand(&up.w_uk).view()).expect("the widths of W_UK");
        self.v.append(Axis(1), expand(&up.w_uv).view()).expect("the widths of W_UV");
        self.k_r.append(Axis(0), new.k_r.view()).expect("the width of W_KR");
    }

    /// The heads, (h, n, d_v), of queries for the last n tokens.
    pub fn attend(&self, queries: &Queries) -> Array3<f64> {
        let ((h, n, d), d_r) = (queries.content.dim(), self.k_r.ncols());
        let scale = ((d + d_r) as f64).sqrt();
        let mut out = Array3::zeros((h, n, self.v.dim().2));
        for (head, mut out) in out.outer_iter_mut().enumerate() {
            let [q, q_r, k, v] = [&queries.content, &queries.rotary, &self.k, &self.v]
                .map(|x| x.index_axis(Axis(0), head));
            let scores = (q.dot(&k.t()) + q_r.dot(&self.k_r.t())) / scale;
            out.assign(&causal_softmax(scores.view()).dot(&v));
        }
        out
    }

    /// How many tokens are kept.
    pub fn len(&self) -> usize {
        self.k_r.nrows()
    }

    /// Whether no token is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many numbers are kept.
    pub fn numbers(&self) -> usize {
        self.k.len() + self.k_r.len() + self.v.len()
    }
}
