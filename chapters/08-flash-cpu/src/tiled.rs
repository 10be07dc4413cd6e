use crate::given::{Block, Output, Traffic, expect_block, expect_shapes, seen, weigh};
use ndarray::{Array1, Array2, ArrayView2, s};

// ANCHOR: flash_forward
/// Attention of one head, tile by tile: the forward pass of FlashAttention.
///
/// Each tile of `block.q` queries is loaded once. For it, tiles of `block.k` keys and values are
/// loaded in order, as far as its last query sees; for each, the scores are computed, and the rows'
/// states are brought up to date. Then the tile of the output is stored once. Tiles at the ends may
/// have fewer rows; a key tile that the mask hides in part is loaded whole.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse` n. Causal is aligned bottom-right. A
/// query that sees nothing gives zeros and −∞. Costs 2·n·m·(d + d_v) FLOPs, half of it if causal and
/// n = m, and beside the results only as much memory as a few tiles. (Dao, FlashAttention-2,
/// Algorithm 1.)
///
/// ```
/// use ch08_flash_cpu::{flash_forward, given::{Block, Traffic}};
/// use ndarray::array;
/// let (q, k, v) = (array![[1.0]], array![[0.5], [0.5]], array![[1.0], [4.0]]);
/// let mut traffic = Traffic::default();
/// let result = flash_forward(q.view(), k.view(), v.view(), false, Block { q: 1, k: 1 }, &mut traffic);
/// assert_eq!(result.out, array![[2.5]]); // two equal scores: the mean of the values
/// assert_eq!(traffic.tiles, 5); // one of queries, two of keys and two of values
/// ```
#[track_caller]
pub fn flash_forward(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> Output {
    expect_shapes(q, k, v);
    expect_block(block);
    // SOLUTION 8.3: for each query tile, let the key tiles pass by and keep a state a row
    let ((n, d), (m, d_v)) = (q.dim(), v.dim());
    let scale = 1.0 / (d as f32).sqrt();
    let mut result =
        Output { out: Array2::zeros((n, d_v)), lse: Array1::from_elem(n, f32::NEG_INFINITY) };
    for first in (0..n).step_by(block.q) {
        let rows = block.q.min(n - first);
        let q_tile = traffic.load(q.slice(s![first..first + rows, ..]));
        let mut row_max = Array1::from_elem(rows, f32::NEG_INFINITY);
        let mut row_sum = Array1::<f32>::zeros(rows);
        let mut out = Array2::<f32>::zeros((rows, d_v));
        // No query of the tile sees further than its last one.
        let end = seen(first + rows - 1, n, m, causal);
        for key in (0..end).step_by(block.k) {
            let keys = key..m.min(key + block.k);
            let k_tile = traffic.load(k.slice(s![keys.clone(), ..]));
            let v_tile = traffic.load(v.slice(s![keys, ..]));
            let mut weights = q_tile.dot(&k_tile.t()) * scale; // rows × keys; scores so far
            for (r, mut row) in weights.rows_mut().into_iter().enumerate() {
                let open = seen(first + r, n, m, causal).saturating_sub(key);
                let open = open.min(row.len());
                row.slice_mut(s![open..]).fill(f32::NEG_INFINITY);
                let old_max = row_max[r];
                row_max[r] = row.fold(old_max, |max, &score| max.max(score));
                // A row that has seen nothing yet has the maximum −∞. Any other number will do
                // there: exp(−∞ − 0) is 0, where exp(−∞ − (−∞)) is NaN.
                let shift = if row_max[r] == f32::NEG_INFINITY { 0.0 } else { row_max[r] };
                row.mapv_inplace(|score| (score - shift).exp());
                let old = (old_max - shift).exp();
                row_sum[r] = old * row_sum[r] + row.sum();
                out.row_mut(r).mapv_inplace(|x| old * x);
            }
            out += &weigh(&weights, &v_tile);
        }
        for (r, mut row) in out.rows_mut().into_iter().enumerate() {
            if row_sum[r] != 0.0 {
                row /= row_sum[r];
                result.lse[first + r] = row_max[r] + row_sum[r].ln();
            }
        }
        traffic.store(&out, result.out.slice_mut(s![first..first + rows, ..]));
    }
    result
    // END SOLUTION
}
// ANCHOR_END: flash_forward
