use crate::given::expect_mask;
use attn_core::Mask;
use ndarray::{Array2, Zip};

// ANCHOR: allowed
/// Which keys each of `n` queries may attend to, among `m` keys: `table[i,j]` is `true` where query
/// `i` may attend to key `j`.
///
/// * `Mask::None`: all of them.
/// * `Mask::Causal`: the keys up to the query's own. The last query belongs to the last key, the one
///   before it to the key before; with more queries than keys the first ones see nothing.
/// * `Mask::Prefix(p)`: the first `p` keys, and also whatever `Causal` allows.
/// * `Mask::Padding(keys)`: keys `j` with `keys[j]`.
/// * `Mask::Dense(table)`: the table itself.
/// * `Mask::All(masks)`: what all of the masks allow; everything, if there are none.
///
/// ```
/// use {attn_core::Mask, ch03_scaled_dot_product::allowed, ndarray::array};
/// // Two queries, three keys: the last query sees all of them.
/// assert_eq!(allowed(&Mask::Causal, 2, 3), array![[true, true, false], [true, true, true]]);
/// ```
#[track_caller]
pub fn allowed(mask: &Mask, n: usize, m: usize) -> Array2<bool> {
    expect_mask(mask, n, m);
    // SOLUTION 3.2: the n×m table of who may attend to whom
    // j ≤ m − n + i, with the subtraction moved across so that it cannot wrap below zero.
    let causal = |i: usize, j: usize| j + n <= m + i;
    match mask {
        Mask::None => Array2::from_elem((n, m), true),
        Mask::Causal => Array2::from_shape_fn((n, m), |(i, j)| causal(i, j)),
        Mask::Prefix(p) => Array2::from_shape_fn((n, m), |(i, j)| j < *p || causal(i, j)),
        Mask::Padding(keys) => Array2::from_shape_fn((n, m), |(_, j)| keys[j]),
        Mask::Dense(table) => table.clone(),
        Mask::All(masks) => {
            let mut both = Array2::from_elem((n, m), true);
            for mask in masks {
                Zip::from(&mut both).and(&allowed(mask, n, m)).for_each(|a, &b| *a &= b);
            }
            both
        }
    }
    // END SOLUTION
}
// ANCHOR_END: allowed
