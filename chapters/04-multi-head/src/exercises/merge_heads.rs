//! 4.2 `merge_heads`

use super::split_heads::{SIZES, by_slices, marked};
use attn_exercise::{SOME_VALUES, exercise, field, pairwise, some_values};
use ndarray::{Array2, ArrayView3, Axis, concatenate, s};

exercise! {
    /// Heads, (h, n, d).
    crate::merge_heads: (x: ndarray::Array3<f32>[h n d]) -> Array2<f32>;

    exact: |c| side_by_side(c.x.view());
    steps: |c| [field("the first token, one row per head", &c.x.index_axis(Axis(1), 0).to_owned())];

    cases: |random| {
        let mut of = |about, (n, h, d), kind| case(about, (some_values(kind, (h, n, d), random),));
        let mut cases = vec![case("by hand: hundreds are the token, tens the head, units the place", (by_slices(marked(4, 2, 3).view(), 2),))];
        cases.extend(SIZES.map(|sizes| of("standard normal", sizes, 0)));
        cases.push(case("marked", (by_slices(marked(6, 3, 2).view(), 3),)));
        cases.extend(pairwise([3, 3, 3, SOME_VALUES]).into_iter().map(|[n, h, d, kind]| of("small", (n + 1, h + 1, d + 1), kind)));
        cases
    };

    right (x) {
        "slices" => {
            let (h, n, d) = x.dim();
            let mut merged = Array2::zeros((n, h * d));
            for (head, x) in x.outer_iter().enumerate() {
                merged.slice_mut(s![.., head * d..(head + 1) * d]).assign(&x);
            }
            merged
        };
        "transpose and view" => {
            let (h, n, d) = x.dim();
            let x = x.permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
            x.into_shape_with_order((n, h * d)).expect("as many numbers")
        };
        "concatenation" => side_by_side(x);
    }

    mistakes (x) {
        "reshape": "the numbers are read into (n, h·d) in the order in which they lie in memory, without a transpose: tokens and heads are mixed"
            => reshaped(x, (x.dim().1, x.dim().0 * x.dim().2));
        "stacked": "the heads stand one below the other, (h·n, d), instead of side by side"
            => reshaped(x, (x.dim().0 * x.dim().1, x.dim().2));
        "places-first": "the columns of the heads are interleaved: column c·h + head instead of head·d + c"
            => columns(x, |column, h, _| (column % h, column / h));
        "swapped-divisor": "a column is divided by h instead of d to find its head"
            => columns(x, |column, h, _| (column / h, column % h));
        "summed": "the heads are added up instead of put side by side; adding them up is what W_o may do afterwards"
            => x.sum_axis(Axis(0));
        "averaged": "the heads are averaged instead of put side by side"
            => x.sum_axis(Axis(0)) / x.dim().0 as f32;
        "first-head-repeated": "every head's columns hold the first head"
            => columns(x, |column, _, d| (0, column % d));
        "heads-reversed": "the heads come in reverse order"
            => columns(x, |column, h, d| (h - 1 - column / d, column % d));
        "transposed": "the result is (h·d, n): it still has to be transposed"
            => side_by_side(x).reversed_axes().as_standard_layout().into_owned();
        "exchanged": "quotient and remainder are exchanged: column / d is the head, column % d the place in it"
            => columns(x, |column, _, d| (column % d, column / d));
        "exchanged-clamped": "quotient and remainder are exchanged: column / d is the head, column % d the place in it"
            => columns(x, |column, h, d| ((column % d).min(h - 1), (column / d).min(d - 1)));
        "swapped-divisor-clamped": "a column is divided by h instead of d to find its head"
            => columns(x, |column, h, d| ((column / h).min(h - 1), (column % h).min(d - 1)));
    }
}

fn side_by_side(x: ArrayView3<f32>) -> Array2<f32> {
    let heads: Vec<_> = x.outer_iter().collect();
    concatenate(Axis(1), &heads).expect("heads of equal height")
}

/// A result whose columns come from the head and the place `of(column, h, d)`.
fn columns(x: ArrayView3<f32>, of: impl Fn(usize, usize, usize) -> (usize, usize)) -> Array2<f32> {
    let (h, n, d) = x.dim();
    Array2::from_shape_fn((n, h * d), |(i, column)| {
        let (head, c) = of(column, h, d);
        x[[head, i, c]]
    })
}

/// The numbers of `x`, in order, in another shape.
pub(super) fn reshaped(x: ArrayView3<f32>, shape: (usize, usize)) -> Array2<f32> {
    let numbers = x.iter().copied().collect();
    Array2::from_shape_vec(shape, numbers).expect("as many as in x")
}
