use crate::given::expect_heads;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3};

// ANCHOR: split_heads
/// Deals the columns of a sequence out to `h` heads: each head gets every token, and of each token
/// its own d = width / h columns, which lie side by side.
///
/// Shapes: n × h·d in, (h, n, d) out. Copies n·h·d numbers, computes nothing.
///
/// ```
/// use ch04_multi_head::split_heads;
/// use ndarray::array;
/// // Two tokens of width 2, dealt out to two heads of width 1.
/// let heads = split_heads(array![[1.0, 2.0], [3.0, 4.0]].view(), 2);
/// assert_eq!(heads, array![[[1.0], [3.0]], [[2.0], [4.0]]]);
/// ```
#[track_caller]
pub fn split_heads(x: ArrayView2<f32>, h: usize) -> Array3<f32> {
    expect_heads("width", x.ncols(), h);
    // SOLUTION 4.1: give every head its columns of every token
    let (n, d) = (x.nrows(), x.ncols() / h);
    Array3::from_shape_fn((h, n, d), |(head, i, c)| x[[i, head * d + c]])
    // END SOLUTION
}
// ANCHOR_END: split_heads

// ANCHOR: merge_heads
/// Puts the heads of each token side by side again, the inverse of [`split_heads`].
///
/// Shapes: (h, n, d) in, n × h·d out.
///
/// ```
/// use ch04_multi_head::merge_heads;
/// use ndarray::array;
/// let merged = merge_heads(array![[[1.0], [3.0]], [[2.0], [4.0]]].view());
/// assert_eq!(merged, array![[1.0, 2.0], [3.0, 4.0]]);
/// ```
pub fn merge_heads(x: ArrayView3<f32>) -> Array2<f32> {
    // SOLUTION 4.2: put the heads of every token side by side
    let (h, n, d) = x.dim();
    Array2::from_shape_fn((n, h * d), |(i, column)| x[[column / d, i, column % d]])
    // END SOLUTION
}
// ANCHOR_END: merge_heads
