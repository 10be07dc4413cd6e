use crate::{
    flash_forward,
    given::{Block, HeadsOutput, Traffic, expect_block, expect_heads},
};
use ndarray::{Array2, Array3, ArrayView3, Axis};

// ANCHOR: flash_heads
/// [`flash_forward`] for every head, where groups of query heads share a key and value head:
/// grouped-query attention. Query heads `0 … h/h_kv − 1` read key head 0, the next `h/h_kv` key
/// head 1, and so on.
///
/// Shapes: `q` h×n×d, `k` h_kv×m×d, `v` h_kv×m×d_v; `out` h×n×d_v, `lse` h×n. With h_kv = h each
/// head has its own keys, with h_kv = 1 all share them. No key or value is copied to repeat it.
///
/// ```
/// use ch08_flash_cpu::{flash_heads, given::{Block, Traffic}};
/// use ndarray::Array3;
/// let (q, k, v) = (Array3::ones((6, 4, 8)), Array3::ones((2, 5, 8)), Array3::ones((2, 5, 3)));
/// let block = Block { q: 2, k: 2 };
/// let result = flash_heads(q.view(), k.view(), v.view(), true, block, &mut Traffic::default());
/// assert_eq!((result.out.dim(), result.lse.dim()), ((6, 4, 3), (6, 4)));
/// ```
#[track_caller]
pub fn flash_heads(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> HeadsOutput {
    expect_heads(q, k, v);
    expect_block(block);
    // SOLUTION 8.4: every query head with the keys and values of its group
    let ((h, n, _), (h_kv, _, d_v)) = (q.dim(), v.dim());
    let mut result = HeadsOutput { out: Array3::zeros((h, n, d_v)), lse: Array2::zeros((h, n)) };
    for (head, q) in q.outer_iter().enumerate() {
        let group = head / (h / h_kv);
        let (k, v) = (k.index_axis(Axis(0), group), v.index_axis(Axis(0), group));
        let one = flash_forward(q, k, v, causal, block, traffic);
        result.out.index_axis_mut(Axis(0), head).assign(&one.out);
        result.lse.row_mut(head).assign(&one.lse);
    }
    result
    // END SOLUTION
}
// ANCHOR_END: flash_heads
