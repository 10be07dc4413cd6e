//! 7.4 `absorb_query`

use super::compress::{in_f64, through_f32, unit};
use crate::{oracle, seeded};
use attn_exercise::{exercise, pairwise};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, array, s};

exercise! {
    /// The content part of the queries, and W_UK.
    crate::absorb_query: (content: Array3<f64>[h n d], w_uk: Array3<f64>[h d_c d]) -> Array3<f64>;

    exact: |c| oracle::products(c.content.view(), c.w_uk.view().permuted_axes([0, 2, 1]));
    then: |c, answer| {
        let exact = oracle::products(c.content.view(), c.w_uk.view().permuted_axes([0, 2, 1]));
        in_f64(&[("result", answer, &exact)])
    };

    cases: |random| {
        let mut of = |about, (h, n), (d, d_c)| {
            case(about, (seeded::normal(random, (h, n, d)), seeded::normal(random, (h, d_c, d))))
        };
        let mut cases = vec![
            case("by hand: 1, 2 and their sum", (array![[[1.0, 2.0]]], array![[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])),
            of("", (2, 3), (4, 6)),
            of("one new token", (8, 1), (16, 64)),
            of("as wide as the latent", (3, 5), (4, 4)),
            of("a chunk", (4, 33), (8, 16)),
            of("many heads, and many queries", (17, 70), (2, 3)),
        ];
        cases.extend(pairwise([4, 4, 4, 4]).into_iter().map(|[h, n, d, d_c]| of("small", (h + 1, n + 1), (d + 1, d_c + 1))));
        cases
    };

    right (content, w_uk) {
        "number by number" => {
            let ((h, n, d), d_c) = (content.dim(), w_uk.dim().1);
            Array3::from_shape_fn((h, n, d_c), |(a, i, c)| (0..d).map(|l| content[[a, i, l]] * w_uk[[a, c, l]]).sum())
        };
        "the other way round, transposed" => each(content, w_uk, |q, w| w.dot(&q.t()).t().to_owned());
        "row by row" => {
            let mut out = Array3::zeros((content.dim().0, content.dim().1, w_uk.dim().1));
            for a in 0..content.dim().0 {
                for i in 0..content.dim().1 {
                    let q = content.index_axis(Axis(0), a).row(i).to_owned();
                    out.index_axis_mut(Axis(0), a).row_mut(i).assign(&w_uk.index_axis(Axis(0), a).dot(&q));
                }
            }
            out
        };
    }

    mistakes (content, w_uk) {
        "first-head": "every head has the matrix of head 0"
            => each_with(content, w_uk, |_| 0);
        "not-transposed": "where d = d_c, the queries are multiplied by W_UK as it stands: that is the way from latents to keys, and it has to be its transpose"
            => each(content, w_uk, |q, w| if w.is_square() { q.dot(&w) } else { q.dot(&w.t()) });
        "reshaped": "W_UK is not transposed but read into d × d_c in the order in which its numbers lie in memory"
            => each(content, w_uk, |q, w| q.dot(&reshaped(w)));
        "heads-summed": "the heads are added up, as if they were one long query; each has its own"
            => {
                let summed = crate::absorb_query(content, w_uk).sum_axis(Axis(0));
                Array3::from_shape_fn((content.dim().0, content.dim().1, w_uk.dim().1), |(_, i, c)| summed[[i, c]])
            };
        "heads-averaged": "the heads are averaged; each has its own query"
            => {
                let mean = crate::absorb_query(content, w_uk).mean_axis(Axis(0)).expect("heads");
                Array3::from_shape_fn((content.dim().0, content.dim().1, w_uk.dim().1), |(_, i, c)| mean[[i, c]])
            };
        "mean-matrix": "every head has the mean of all matrices"
            => {
                let mean = w_uk.mean_axis(Axis(0)).expect("heads");
                each(content, w_uk, |q, _| q.dot(&mean.t()))
            };
        "heads-reversed": "head a has the matrix of head h − 1 − a"
            => each_with(content, w_uk, |a| w_uk.dim().0 - 1 - a);
        "next-head": "head a has the matrix of head a + 1"
            => each_with(content, w_uk, |a| (a + 1) % w_uk.dim().0);
        "scaled": "the result is divided by √d; the scores are divided by √(d + d_r), once, when the rotary part has been added"
            => crate::absorb_query(content, w_uk) / (w_uk.dim().2 as f64).sqrt();
        "scaled-by-the-latent": "the result is divided by √d_c"
            => crate::absorb_query(content, w_uk) / (w_uk.dim().1 as f64).sqrt();
        "first-query": "only the first query is carried over, and stands in every row"
            => {
                let all = crate::absorb_query(content, w_uk);
                Array3::from_shape_fn(all.raw_dim(), |(a, _, c)| all[[a, 0, c]])
            };
        "matrix-of-the-token": "the matrix is chosen by the number of the token instead of the head"
            => {
                let h = content.dim().0;
                let all: Vec<_> = (0..h).map(|a| each_with(content, w_uk, |_| a)).collect();
                Array3::from_shape_fn((h, content.dim().1, w_uk.dim().1), |(a, i, c)| all[i % h][[a, i, c]])
            };
        "tokens-and-heads-exchanged": "the result is (n, h, d_c): the heads have to lead"
            => crate::absorb_query(content, w_uk).permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
        "as-it-stands": "the queries are multiplied by W_UK as it stands, also where the widths do not fit: that is the way from latents to keys, and it has to be its transpose"
            => each(content, w_uk, |q, w| q.dot(&w));
        "last-head-everywhere": "every head is overwritten by the last one"
            => changed(content, w_uk, |_, _, all| all.index_axis(Axis(0), all.dim().0 - 1).to_owned());
        "summed-so-far": "head a is added to those before it, as when the sum is not begun anew for each head"
            => changed(content, w_uk, |_, a, all| all.slice(s![..=a, .., ..]).sum_axis(Axis(0)));
        "only-head-0": "only head 0 is filled in, and the other heads stay zeros"
            => changed(content, w_uk, |own, a, _| if a == 0 { own.to_owned() } else { Array2::zeros(own.raw_dim()) });
        "only-first-query": "only the first query of each head is filled in, and the other rows stay zeros"
            => changed(content, w_uk, |own, _, _| Array2::from_shape_fn(own.raw_dim(), |(i, c)| if i == 0 { own[[i, c]] } else { 0.0 }));
        "only-last-query": "only the last query of each head is filled in, and the other rows stay zeros"
            => changed(content, w_uk, |own, _, _| Array2::from_shape_fn(own.raw_dim(), |(i, c)| if i + 1 == own.nrows() { own[[i, c]] } else { 0.0 }));
        "queries-summed": "the queries of a head are added up, and the sum stands in every row; each is carried over by itself"
            => changed(content, w_uk, |own, _, _| {
                let sum = own.sum_axis(Axis(0));
                Array2::from_shape_fn(own.raw_dim(), |(_, c)| sum[c])
            });
        "matrices-summed": "every head has the sum of all matrices"
            => {
                let sum = w_uk.sum_axis(Axis(0));
                each(content, w_uk, |q, _| q.dot(&sum.t()))
            };
        "first-query-head": "every head has the queries of head 0, and its own matrix"
            => {
                let first = content.index_axis(Axis(0), 0);
                each(content, w_uk, |_, w| first.dot(&w.t()))
            };
        "divided-by-d": "the result is divided by d; nothing is divided here"
            => crate::absorb_query(content, w_uk) / w_uk.dim().2 as f64;
        "divided-by-heads": "the result is divided by the number of heads; nothing is divided here"
            => crate::absorb_query(content, w_uk) / w_uk.dim().0 as f64;
        "multiplied-by-the-root": "the result is multiplied by √d"
            => crate::absorb_query(content, w_uk) * (w_uk.dim().2 as f64).sqrt();
        "normalised": "the result is normalised, as latents are; it is a query, and stays as long as it is"
            => changed(content, w_uk, |own, _, _| unit(own));
        "content-normalised": "the queries are normalised before they are carried over"
            => each(content, w_uk, |q, w| unit(q).dot(&w.t()));
        "softmax": "each query is turned into weights by a softmax; it is carried over as it is"
            => changed(content, w_uk, |own, _, _| super::mla_naive::softmax(&own.to_owned()));
        "scaled-by-both": "the result is divided by √(d + d_c)"
            => {
                let (_, d_c, d) = w_uk.dim();
                crate::absorb_query(content, w_uk) / ((d + d_c) as f64).sqrt()
            };
        "through-f32": "the numbers go through f32, which keeps seven digits; this chapter asks for f64"
            => through_f32(&crate::absorb_query(content, w_uk));
    }
}

/// Each head by itself.
fn each(
    content: ArrayView3<f64>,
    w_uk: ArrayView3<f64>,
    absorb: impl Fn(ArrayView2<f64>, ArrayView2<f64>) -> Array2<f64>,
) -> Array3<f64> {
    let mut out = Array3::zeros((content.dim().0, content.dim().1, w_uk.dim().1));
    for (a, mut out) in out.outer_iter_mut().enumerate() {
        out.assign(&absorb(content.index_axis(Axis(0), a), w_uk.index_axis(Axis(0), a)));
    }
    out
}

/// With another head in the place of each, given the right one, its number, and all.
fn changed(
    content: ArrayView3<f64>,
    w_uk: ArrayView3<f64>,
    change: impl Fn(ArrayView2<f64>, usize, &Array3<f64>) -> Array2<f64>,
) -> Array3<f64> {
    super::mla_naive::changed(&crate::absorb_query(content, w_uk), change)
}

/// Each head with the matrix of the head that `which` names.
fn each_with(
    content: ArrayView3<f64>,
    w_uk: ArrayView3<f64>,
    which: impl Fn(usize) -> usize,
) -> Array3<f64> {
    let mut out = Array3::zeros((content.dim().0, content.dim().1, w_uk.dim().1));
    for (a, mut out) in out.outer_iter_mut().enumerate() {
        let w = w_uk.index_axis(Axis(0), which(a));
        out.assign(&content.index_axis(Axis(0), a).dot(&w.t()));
    }
    out
}

/// The numbers in their order, in the shape of the transpose.
fn reshaped(w: ArrayView2<f64>) -> Array2<f64> {
    let numbers = w.iter().copied().collect();
    Array2::from_shape_vec((w.ncols(), w.nrows()), numbers).expect("as many")
}
