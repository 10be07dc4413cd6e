use crate::given::{Costs, Form, Shape};

// ANCHOR: cheaper_form
/// What one call of each form costs, for `n` new tokens among `m` that are kept, in FLOPs: a
/// multiplication and an addition are two. Counted are the matrix products of all heads, over all
/// n·m pairs, from the queries to the heads; the projections before and after are the same in both.
///
/// ```
/// use ch07_mla::{cheaper_form, given::{Form, Shape}};
/// // One new token among many: the naive form makes keys and values of them all.
/// let shape = Shape { h: 2, d: 16, d_r: 8, d_v: 16, d_c: 32 };
/// assert_eq!(cheaper_form(&shape, 1, 1000).cheaper, Form::Absorbed);
/// assert_eq!(cheaper_form(&shape, 1000, 1000).cheaper, Form::Naive);
/// ```
pub fn cheaper_form(shape: &Shape, n: usize, m: usize) -> Costs {
    // SOLUTION 7.8: count both forms, then compare
    let &Shape { h, d, d_r, d_v, d_c } = shape;
    let through_weights = 2 * d_c * (d + d_v); // W_UK and W_UV, for one row of one head
    let naive = h * (m * through_weights + n * m * 2 * (d + d_r + d_v));
    let absorbed = h * (n * through_weights + n * m * 2 * (d_c + d_r + d_c));
    let cheaper = if absorbed < naive { Form::Absorbed } else { Form::Naive };
    Costs { naive, absorbed, cheaper }
    // END SOLUTION
}
// ANCHOR_END: cheaper_form
