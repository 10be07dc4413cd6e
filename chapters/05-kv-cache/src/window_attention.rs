use crate::given::{RingCache, expect_ring};
use attn_core::Mask;
use ch03_scaled_dot_product::attention;
use ndarray::{Array3, ArrayView3, Axis, s};

// ANCHOR: window_attention
/// Attention with a window: each token of a chunk sees itself and the w − 1 tokens before it, where w
/// is the ring's window. The ring holds what was there before the chunk, and afterwards the last w
/// tokens.
///
/// Shapes: `q` and `k` (h, n, d), turned already; `v` (h, n, d_v); out (h, n, d_v). The key of the
/// token at position p lies in slot p mod w, and nothing is ever moved. The memory is that of w
/// tokens, however long the text; n may be larger than w.
///
/// ```
/// use ch05_kv_cache::{given::RingCache, window_attention};
/// use ndarray::{Array3, array};
/// // A window of two. All keys are equal, so what a token finds is the mean of the last two values.
/// let mut ring = RingCache::new(1, 2, 1, 1);
/// let same = Array3::ones((1, 3, 1));
/// let v = array![[[2.0], [4.0], [8.0]]];
/// let out = window_attention(&mut ring, same.view(), same.view(), v.view());
/// assert_eq!(out, array![[[2.0], [3.0], [6.0]]]);
/// assert_eq!(ring.values, array![[[8.0], [4.0]]]); // the third token took the first one's slot
/// ```
#[track_caller]
pub fn window_attention(
    ring: &mut RingCache,
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
) -> Array3<f32> {
    expect_ring(ring, q, k, v);
    // SOLUTION 5.6: token by token: put it into its slot, then attend to the slots in use
    let (h, n, _) = q.dim();
    let window = ring.window();
    let mut out = Array3::zeros((h, n, v.dim().2));
    for i in 0..n {
        let slot = ring.tokens % window;
        ring.keys.slice_mut(s![.., slot, ..]).assign(&k.slice(s![.., i, ..]));
        ring.values.slice_mut(s![.., slot, ..]).assign(&v.slice(s![.., i, ..]));
        ring.tokens += 1;
        // The softmax does not mind in which order the keys come, and all of them are in the window.
        let used = ring.tokens.min(window);
        for head in 0..h {
            let keys = ring.keys.slice(s![head, ..used, ..]);
            let values = ring.values.slice(s![head, ..used, ..]);
            let q = q.slice(s![head, i..i + 1, ..]);
            let found = attention(q, keys, values, &Mask::None).out; // 1×d_v
            out.slice_mut(s![head, i, ..]).assign(&found.index_axis(Axis(0), 0));
        }
    }
    out
    // END SOLUTION
}
// ANCHOR_END: window_attention
