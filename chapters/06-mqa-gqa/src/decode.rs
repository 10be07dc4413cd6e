use crate::given::{Cache, expect_groups};
use ch03_scaled_dot_product::softmax_rows;
use ndarray::{Array2, ArrayView2, s};

// ANCHOR: grouped_decode
/// The attention of one step of decoding: the queries of a single new token to everything in a cache,
/// reading each key and value once.
///
/// Shapes: `q` h×d, one query per head; the cache holds h_kv heads of m keys and values; h×d_v out.
/// Reads h_kv·m·(d + d_v) numbers of the cache, however many query heads share them. Shazeer,
/// arXiv:1911.02150, §3.1.
///
/// ```
/// use ch06_mqa_gqa::{Cache, grouped_decode};
/// use ndarray::array;
/// // Four query heads on one head of keys and values with a single key: four numbers are read.
/// let cache = Cache::new(array![[[2.0, 0.0]]], array![[[5.0, 6.0]]]);
/// let q = array![[1.0, 0.0], [0.0, 1.0], [2.0, 3.0], [0.0, 0.0]];
/// let out = grouped_decode(q.view(), &cache);
/// assert_eq!(out.row(3), array![5.0, 6.0]);
/// assert_eq!(cache.numbers_read(), 4);
/// ```
#[track_caller]
pub fn grouped_decode(q: ArrayView2<f32>, cache: &Cache) -> Array2<f32> {
    expect_groups(q.nrows(), cache.kv_heads());
    // SOLUTION 6.3: the queries of a group are the rows of one matrix, which meets its keys once
    let group = q.nrows() / cache.kv_heads();
    let mut out = Array2::zeros((q.nrows(), cache.value_width()));
    for shared in 0..cache.kv_heads() {
        let own = s![shared * group..(shared + 1) * group, ..];
        let (keys, values) = cache.read(shared);
        let scores = q.slice(own).dot(&keys.t()) / (q.ncols() as f32).sqrt(); // group×m
        out.slice_mut(own).assign(&softmax_rows(scores.view()).dot(&values));
    }
    out
    // END SOLUTION
}
// ANCHOR_END: grouped_decode
