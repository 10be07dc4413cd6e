//! 4.1 `split_heads`

use attn_exercise::{SOME_VALUES, exercise, field, pairwise, some_values};
use ndarray::{Array2, Array3, ArrayView2, Axis, concatenate, s, stack};

exercise! {
    /// A sequence, n × h·d, and the number of heads.
    crate::split_heads: (x: Array2<f32>[n width], h: usize[h]) -> Array3<f32>;

    exact: |c| by_slices(c.x.view(), c.h);
    steps: |c| [field("token of each number", &Array3::from_shape_fn((c.h, c.x.nrows(), c.x.ncols() / c.h), |(_, i, _)| i as f32))];

    cases: |random| {
        let mut of = |about, (n, h, d), kind| case(about, (some_values(kind, (n, h * d), random), h));
        let mut cases = vec![case("by hand: hundreds are the token, tens the head, units the place", (marked(4, 2, 3), 2))];
        cases.extend(SIZES.map(|sizes| of("standard normal", sizes, 0)));
        cases.push(case("marked", (marked(6, 3, 2), 3)));
        cases.extend(pairwise([3, 3, 3, SOME_VALUES]).into_iter().map(|[n, h, d, kind]| of("small", (n + 1, h + 1, d + 1), kind)));
        cases
    };

    never {
        "width < h": "every head has a column";
    }

    right (x, h) {
        "slices" => by_slices(x, h);
        "view and transpose" => {
            let x = x.to_shape((x.nrows(), h, x.ncols() / h)).expect("as many numbers");
            x.to_owned().permuted_axes([1, 0, 2])
        };
        "nested loops" => {
            let (n, d) = (x.nrows(), x.ncols() / h);
            let mut heads = Array3::zeros((h, n, d));
            for i in 0..n {
                for column in 0..h * d {
                    heads[[column / d, i, column % d]] = x[[i, column]];
                }
            }
            heads
        };
    }

    mistakes (x, h) {
        "reshape": "the numbers are read into (h, n, d) in the order in which they lie in memory, without a transpose: tokens and heads are mixed"
            => reshaped(x, (h, x.nrows(), x.ncols() / h));
        "transposed-reshape": "x is transposed first and then read into (h, n, d): the head is right, but tokens and places within the head are mixed"
            => reshaped(x.t(), (h, x.nrows(), x.ncols() / h));
        "tokens-first": "the result is (n, h, d): the heads have to lead, so the first two axes are still to be swapped"
            => reshaped(x, (x.nrows(), h, x.ncols() / h));
        "last-axes-swapped": "the result is (h, d, n): tokens and places are swapped within each head"
            => reshaped(x.t(), (h, x.ncols() / h, x.nrows()));
        "every-hth": "a head takes every h-th column, column c·h + head, instead of d consecutive ones"
            => columns(x, h, |head, c, _| c * h + head);
        "first-head-only": "every head gets the columns of the first one: the offset head·d is missing"
            => columns(x, h, |_, c, _| c);
        "offset-without-d": "a head starts at column head instead of head·d, so that the heads overlap"
            => columns(x, h, |head, c, _| head + c);
        "times-h": "a head starts at column head·h instead of head·d"
            => columns(x, h, |head, c, _| head * h + c);
        "heads-reversed": "the heads come in reverse order"
            => columns(x, h, |head, c, d| (h - 1 - head) * d + c);
        "rows-dealt-out": "the tokens are dealt out to the heads instead of the columns: each head has n/h tokens of the full width"
            => {
                let rows = x.nrows().div_ceil(h);
                let padding = Array2::zeros((rows * h - x.nrows(), x.ncols()));
                reshaped(concatenate![Axis(0), x, padding].view(), (h, rows, x.ncols()))
            };
        "times-h-in-slices": "a head starts at column head·h instead of head·d"
            => {
                let (n, d) = (x.nrows(), x.ncols() / h);
                let mut heads = Array3::zeros((h, n, d));
                for (head, mut own) in heads.outer_iter_mut().enumerate() {
                    own.assign(&x.slice(s![.., head * h..head * h + d]));
                }
                heads
            };
        "times-h-wrapped": "a head starts at column head·h instead of head·d"
            => columns(x, h, |head, c, _| (head * h + c) % x.ncols());
        "h-as-width": "h is taken for the width of a head instead of the number of heads"
            => crate::split_heads(x, x.ncols() / h);
        "columns-reversed": "the columns within each head come in reverse order"
            => columns(x, h, |head, c, d| head * d + d - 1 - c);
    }
}

/// Every number says where it comes from: hundreds the token, tens the head, units the place in it.
pub(super) fn marked(n: usize, h: usize, d: usize) -> Array2<f32> {
    Array2::from_shape_fn((n, h * d), |(i, column)| {
        (100 * i + 10 * (column / d) + column % d) as f32
    })
}

/// The sizes of the random cases: n, h, d.
pub(super) const SIZES: [(usize, usize, usize); 7] =
    [(1, 1, 1), (1, 4, 3), (5, 1, 4), (4, 4, 4), (3, 17, 2), (33, 3, 31), (127, 8, 16)];

pub(super) fn by_slices(x: ArrayView2<f32>, h: usize) -> Array3<f32> {
    let heads: Vec<_> = x.axis_chunks_iter(Axis(1), x.ncols() / h).collect();
    stack(Axis(0), &heads).expect("heads of equal shape")
}

/// Heads in which place `c` of d comes from column `column(head, c, d)`.
fn columns(
    x: ArrayView2<f32>,
    h: usize,
    column: impl Fn(usize, usize, usize) -> usize,
) -> Array3<f32> {
    let d = x.ncols() / h;
    Array3::from_shape_fn((h, x.nrows(), d), |(head, i, c)| x[[i, column(head, c, d)]])
}

/// The numbers of `x`, row by row, in another shape.
pub(super) fn reshaped(x: ArrayView2<f32>, shape: (usize, usize, usize)) -> Array3<f32> {
    let numbers = x.iter().copied().collect();
    Array3::from_shape_vec(shape, numbers).expect("as many as in x")
}
