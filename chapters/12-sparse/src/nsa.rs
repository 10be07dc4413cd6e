//! Native sparse attention: three branches, and a gate for each.

use crate::{
    block_importance, compressed_attention,
    given::{Pattern, Work, expect_tokens},
    pattern_row, select_blocks, sparse_attention,
};
use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2};

/// The sizes of native sparse attention, in tokens and blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// Tokens of a span, the paper's l.
    pub length: usize,
    /// From the beginning of one span to that of the next, the paper's d.
    pub stride: usize,
    /// Tokens of a block, the paper's l′.
    pub block: usize,
    /// Blocks that are read, the paper's n: the first and two local ones among them.
    pub count: usize,
    /// The window, the paper's w.
    pub window: usize,
}

impl Sizes {
    /// Those of the paper's model (§4.1).
    pub const PAPER: Sizes = Sizes { length: 32, stride: 16, block: 64, count: 16, window: 512 };

    /// How many keys a query reads when the text has `tokens`: spans, the blocks that were chosen, the
    /// window.
    ///
    /// ```
    /// assert_eq!(ch12_sparse::nsa::Sizes::PAPER.keys(65_536), 4_095 + 1_024 + 512);
    /// ```
    pub fn keys(self, tokens: usize) -> usize {
        let spans = crate::given::spans(tokens, self.length, self.stride);
        spans + (self.count * self.block).min(tokens) + self.window.min(tokens)
    }
}

/// Attention in three branches: to compressed spans, to the blocks that those show to be important, and to
/// a window. Each is a softmax of its own; the gates weigh their results, and need not sum to 1.
///
/// Shapes: q and k n×d, v n×d_v, `gates` n×3 in the order of the branches, between 0 and 1; out n×d_v. One head;
/// in the paper each branch has keys and values of its own, and the heads of a group choose blocks together.
/// (Yuan et al., [arXiv:2502.11089](https://arxiv.org/abs/2502.11089), Eq 5.)
///
/// # Panics
/// As the functions of the branches.
#[track_caller]
pub fn nsa_attention(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    gates: ArrayView2<f64>,
    sizes: Sizes,
) -> Array2<f64> {
    expect_tokens(q, k, v);
    expect_equal(("rows of gates", gates.nrows()), ("queries", q.nrows()));
    expect_equal(("gates", gates.ncols()), ("branches", 3));
    let n = q.nrows();
    let compressed = compressed_attention(q, k, v, sizes.length, sizes.stride);
    let importance =
        block_importance(compressed.weights.view(), sizes.length, sizes.stride, sizes.block);
    let selected: Vec<Vec<usize>> = (0..n)
        .map(|t| {
            let blocks = select_blocks(importance.row(t), t, sizes.block, sizes.count);
            let tokens = blocks.into_iter().flat_map(|b| b * sizes.block..(b + 1) * sizes.block);
            tokens.filter(|&j| j <= t).collect()
        })
        .collect();
    let near = Pattern::window(sizes.window);
    let near: Vec<Vec<usize>> = (0..n).map(|t| pattern_row(&near, t, n)).collect();
    let mut work = Work::default();
    let branches = [
        compressed.out,
        sparse_attention(q, k, v, &selected, &mut work),
        sparse_attention(q, k, v, &near, &mut work),
    ];
    let mut out = Array2::zeros(v.dim());
    for (branch, gate) in branches.iter().zip(gates.columns()) {
        for (mut out, (branch, &gate)) in
            out.rows_mut().into_iter().zip(branch.rows().into_iter().zip(gate))
        {
            out.scaled_add(gate, &branch);
        }
    }
    out
}
