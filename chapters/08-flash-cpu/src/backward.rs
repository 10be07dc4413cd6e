use crate::given::{
    Block, Gradients, Output, Traffic, expect_block, expect_forward, expect_shapes, seen,
};
use ndarray::{Array2, ArrayView2, Axis, s};

// ANCHOR: flash_backward
/// The gradients of attention, tile by tile, with the weights computed again: the backward pass of
/// FlashAttention.
///
/// As on the way forward, queries are outside: each tile of `block.q` rows of `q`, `out` and `d_out`
/// is loaded once. For it, tiles of `block.k` keys and values are loaded in order, as far as its
/// last query sees, and the weights of each pair of tiles are made again from `forward.lse`. The
/// shares of `dk` and `dv` are added in slow memory; a tile of `dq` is stored once, when it is
/// complete.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v, `d_out` n×d_v; `forward` is what the forward pass gave;
/// each gradient in the shape of its input. A query that saw nothing has no gradient. Costs five
/// products where the forward pass has two, and beside the results only as much memory as a few
/// tiles. (Dao, FlashAttention-2, Algorithm 2, which has the keys outside.)
///
/// ```
/// use ch08_flash_cpu::{flash_backward, given::{Block, Output, Traffic}};
/// use ndarray::array;
/// let (one, block) = (array![[1.0]], Block { q: 1, k: 1 });
/// let (x, forward) = (one.view(), Output { out: array![[1.0]], lse: array![1.0] });
/// let gradients = flash_backward(x, x, x, false, &forward, x, block, &mut Traffic::default());
/// assert_eq!(gradients.dq, array![[0.0]]); // a single key has all the weight, whatever its score
/// assert_eq!(gradients.dv, array![[1.0]]);
/// ```
#[track_caller]
#[allow(clippy::too_many_arguments)] // four tensors, what the forward pass gave, and how
pub fn flash_backward(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    forward: &Output,
    d_out: ArrayView2<f32>,
    block: Block,
    traffic: &mut Traffic,
) -> Gradients {
    expect_shapes(q, k, v);
    expect_forward((q.nrows(), v.ncols()), forward.out.dim(), forward.lse.len(), d_out.dim());
    expect_block(block);
    // SOLUTION 8.5: the weights again from lse, tile by tile, and the gradients that they add
    let ((n, d), m) = (q.dim(), k.nrows());
    let scale = 1.0 / (d as f32).sqrt();
    let mut gradients = Gradients {
        dq: Array2::zeros(q.dim()),
        dk: Array2::zeros(k.dim()),
        dv: Array2::zeros(v.dim()),
    };
    for first in (0..n).step_by(block.q) {
        let queries = first..n.min(first + block.q);
        let q = traffic.load(q.slice(s![queries.clone(), ..]));
        let out = traffic.load(forward.out.slice(s![queries.clone(), ..]));
        let d_out = traffic.load(d_out.slice(s![queries.clone(), ..]));
        let lse = forward.lse.slice(s![queries.clone()]);
        let row_dot = (&d_out * &out).sum_axis(Axis(1)).insert_axis(Axis(1)); // rows × 1
        let mut dq = Array2::zeros(q.dim());
        for key in (0..seen(queries.end - 1, n, m, causal)).step_by(block.k) {
            let keys = key..m.min(key + block.k);
            let k = traffic.load(k.slice(s![keys.clone(), ..]));
            let v = traffic.load(v.slice(s![keys.clone(), ..]));
            let mut weights = q.dot(&k.t()) * scale; // rows × keys; scores so far
            for (r, mut row) in weights.rows_mut().into_iter().enumerate() {
                let open = seen(first + r, n, m, causal).saturating_sub(key);
                let open = open.min(row.len());
                let lse = lse[r];
                row.slice_mut(s![..open]).mapv_inplace(|score| (score - lse).exp());
                row.slice_mut(s![open..]).fill(0.0);
                // A query that saw only keys with the score −∞: −∞ − (−∞) again.
                if lse == f32::NEG_INFINITY {
                    row.fill(0.0);
                }
            }
            let d_products = &weights * &(d_out.dot(&v.t()) - &row_dot) * scale; // rows × keys
            dq += &d_products.dot(&k);
            let dk = gradients.dk.slice_mut(s![keys.clone(), ..]);
            traffic.add(&d_products.t().dot(&q), dk);
            let dv = gradients.dv.slice_mut(s![keys, ..]);
            traffic.add(&weights.t().dot(&d_out), dv);
        }
        traffic.store(&dq, gradients.dq.slice_mut(s![queries, ..]));
    }
    gradients
    // END SOLUTION
}
// ANCHOR_END: flash_backward
