use crate::given::{Block, Output, Traffic, Visit};
use attn_core::shape::expect_equal;
use ch08_flash_cpu::given::{expect_block, expect_shapes, weigh};
use ndarray::{Array1, Array2, ArrayView2, s};

// ANCHOR: block_sparse
/// Attention on the tiles of chapter 8, where a query tile visits the key tiles of its list alone.
/// `visits[t]` is the list of query tile t. A tile of queries is loaded once, a tile of keys and one of
/// values for each visit; each output tile is stored once.
///
/// Shapes: q n×d, k m×d, v m×d_v; `out` n×d_v, `lse` n; ⌈n / block.q⌉ lists. A query that sees nothing
/// gives zeros and −∞. Costs 2·(d + d_v) FLOPs for each pair in a visited tile, seen or not.
///
/// ```
/// use ch12_sparse::{block_sparse, given::{Block, Traffic, Visit}};
/// use ndarray::array;
/// let (q, k, v) = (array![[1.0], [1.0]], array![[0.5], [0.5]], array![[1.0], [4.0]]);
/// let visits = [vec![Visit { tile: 0, open: None }], vec![Visit { tile: 1, open: None }]];
/// let mut traffic = Traffic::default();
/// let result = block_sparse(q.view(), k.view(), v.view(), &visits, Block { q: 1, k: 1 }, &mut traffic);
/// assert_eq!(result.out, array![[1.0], [4.0]]);
/// assert_eq!(traffic.tiles, 6); // two of queries, two of keys and two of values
/// ```
#[track_caller]
pub fn block_sparse(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    visits: &[Vec<Visit>],
    block: Block,
    traffic: &mut Traffic,
) -> Output {
    expect_shapes(q, k, v);
    expect_block(block);
    expect_equal(("lists of visits", visits.len()), ("query tiles", q.nrows().div_ceil(block.q)));
    // SOLUTION 12.5: chapter 8's loop, over the visits of a query tile in the place of all key tiles
    let ((n, d), (m, d_v)) = (q.dim(), v.dim());
    let scale = 1.0 / (d as f32).sqrt();
    let mut result =
        Output { out: Array2::zeros((n, d_v)), lse: Array1::from_elem(n, f32::NEG_INFINITY) };
    for (t, visits) in visits.iter().enumerate() {
        let queries = t * block.q..n.min((t + 1) * block.q);
        let rows = queries.len();
        let q_tile = traffic.load(q.slice(s![queries.clone(), ..]));
        let mut row_max = Array1::from_elem(rows, f32::NEG_INFINITY);
        let mut row_sum = Array1::<f32>::zeros(rows);
        let mut out = Array2::<f32>::zeros((rows, d_v));
        for Visit { tile, open } in visits {
            let keys = tile * block.k..m.min((tile + 1) * block.k);
            let k_tile = traffic.load(k.slice(s![keys.clone(), ..]));
            let v_tile = traffic.load(v.slice(s![keys, ..]));
            let mut weights = q_tile.dot(&k_tile.t()) * scale; // rows × keys; scores so far
            if let Some(open) = open {
                weights.zip_mut_with(open, |score, &open| {
                    if !open {
                        *score = f32::NEG_INFINITY
                    }
                });
            }
            for (r, mut row) in weights.rows_mut().into_iter().enumerate() {
                let old_max = row_max[r];
                row_max[r] = row.fold(old_max, |max, &score| max.max(score));
                // As in chapter 8: a row that has seen nothing yet must not meet −∞ − (−∞).
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
                result.lse[queries.start + r] = row_max[r] + row_sum[r].ln();
            }
        }
        traffic.store(&out, result.out.slice_mut(s![queries, ..]));
    }
    result
    // END SOLUTION
}
// ANCHOR_END: block_sparse
