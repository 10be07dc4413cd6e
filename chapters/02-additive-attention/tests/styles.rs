//! Right answers in other styles: none of them may be refused. A judge that only accepts the
//! reference's order of summation would teach that a score has one spelling.

use ch02_additive_attention::{
    Additive, Concat, Pointer,
    exercises::{
        additive_scores, concat_scores, finite_differences, general_scores, local_weights,
        location_weights,
    },
};
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, concatenate, s};

mod additives {
    use super::*;

    pub fn loops(additive: &Additive, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
        let mut scores = Array2::zeros((q.nrows(), k.nrows()));
        for i in 0..q.nrows() {
            for j in 0..k.nrows() {
                for c in (0..additive.v.len()).rev() {
                    let mut sum = 0.0;
                    for r in 0..q.ncols() {
                        sum += q[[i, r]] * additive.w_q[[r, c]];
                    }
                    for r in 0..k.ncols() {
                        sum += k[[j, r]] * additive.w_k[[r, c]];
                    }
                    scores[[i, j]] += additive.v[c] * sum.tanh();
                }
            }
        }
        scores
    }

    /// The whole n×m×a array at once.
    pub fn broadcast(additive: &Additive, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
        let from_q = q.dot(&additive.w_q).insert_axis(Axis(1)); // n×1×a
        let from_k = k.dot(&additive.w_k).insert_axis(Axis(0)); // 1×m×a
        let hidden = (&from_q + &from_k).mapv(f32::tanh); // n×m×a
        (hidden * &additive.v).sum_axis(Axis(2))
    }

    /// A product of the hidden layer of one query with v.
    pub fn row_by_row(additive: &Additive, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
        let from_k = k.dot(&additive.w_k);
        let mut scores = Array2::zeros((q.nrows(), k.nrows()));
        for (q, mut row) in q.rows().into_iter().zip(scores.rows_mut()) {
            let hidden = (&from_k + &q.dot(&additive.w_q)).tanh();
            row.assign(&hidden.dot(&additive.v));
        }
        scores
    }
}

#[test]
fn additive_scores_in_other_styles() {
    use additives::*;
    additive_scores::exercise().assert_accepts(&[
        ("loops, summed backwards", loops as additive_scores::Body),
        ("one array of n×m×a", broadcast),
        ("row by row", row_by_row),
    ]);
}

fn keys_first(w: ArrayView2<f32>, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    q.dot(&w.dot(&k.t()))
}

fn keys_carried_over(w: ArrayView2<f32>, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    k.dot(&w.t()).dot(&q.t()).reversed_axes()
}

fn general_loops(w: ArrayView2<f32>, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
        let mut score = 0.0;
        for (r, x) in q.row(i).iter().enumerate() {
            for (c, y) in k.row(j).iter().enumerate() {
                score += x * w[[r, c]] * y;
            }
        }
        score
    })
}

#[test]
fn general_scores_in_other_styles() {
    general_scores::exercise().assert_accepts(&[
        ("from the keys' side", keys_first as general_scores::Body),
        ("transposed", keys_carried_over),
        ("three loops in one sum", general_loops),
    ]);
}

mod concats {
    use super::*;

    /// As an additive score: the identity of the chapter.
    pub fn split(concat: &Concat, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
        let (w_q, w_k) = concat.w.view().split_at(Axis(0), q.ncols());
        let additive = Additive {
            w_q: w_q.to_owned(),
            w_k: w_k.to_owned(),
            v: concat.v.clone(),
        };
        additives::broadcast(&additive, q, k)
    }

    pub fn row_by_row(concat: &Concat, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
        let mut scores = Array2::zeros((q.nrows(), k.nrows()));
        for (q, mut row) in q.rows().into_iter().zip(scores.rows_mut()) {
            let same = q.broadcast((k.nrows(), q.len())).expect("a row");
            let both = concatenate![Axis(1), same, k];
            row.assign(&both.dot(&concat.w).tanh().dot(&concat.v));
        }
        scores
    }
}

#[test]
fn concat_scores_in_other_styles() {
    use concats::*;
    concat_scores::exercise().assert_accepts(&[
        ("split in two", split as concat_scores::Body),
        ("all keys beside one query", row_by_row),
    ]);
}

/// The rest is −∞ before the softmax over everything, and cut off afterwards.
fn hidden_by_infinity(w: ArrayView2<f32>, q: ArrayView2<f32>, m: usize) -> Array2<f32> {
    let mut scores = q.dot(&w);
    scores.slice_mut(s![.., m..]).fill(f32::NEG_INFINITY);
    let exp = scores.exp();
    let sums = exp.sum_axis(Axis(1)).insert_axis(Axis(1));
    (exp / sums).slice(s![.., ..m]).to_owned()
}

/// Softmax over all positions, cut, and normalised once more: the same weights.
fn cut_and_renormalised(w: ArrayView2<f32>, q: ArrayView2<f32>, m: usize) -> Array2<f32> {
    let exp = q.dot(&w).mapv(|s| f64::from(s).exp());
    let exp = exp.slice(s![.., ..m]);
    let sums = exp.sum_axis(Axis(1)).insert_axis(Axis(1));
    (&exp / &sums).mapv(|w| w as f32)
}

#[test]
fn location_weights_in_other_styles() {
    location_weights::exercise().assert_accepts(&[
        (
            "−∞ for the rest",
            hidden_by_infinity as location_weights::Body,
        ),
        ("in f64", cut_and_renormalised),
    ]);
}

mod locals {
    use super::*;

    fn point(pointer: &Pointer, q: ArrayView2<f32>, m: usize) -> Array1<f32> {
        let x = q.dot(&pointer.w_p).tanh().dot(&pointer.v_p);
        // The sigmoid by way of the tanh.
        x.mapv(|x| m as f32 * (0.5 + 0.5 * (0.5 * x).tanh()))
    }

    /// −∞ outside of the window, and whole arrays.
    pub fn hidden_by_infinity(
        pointer: &Pointer,
        q: ArrayView2<f32>,
        scores: ArrayView2<f32>,
        half: usize,
    ) -> Array2<f32> {
        let p = point(pointer, q, scores.ncols());
        let off = Array2::from_shape_fn(scores.raw_dim(), |(i, j)| j as f32 - p[i]);
        let inside = Zip::from(&scores).and(&off).map_collect(|&s, off| {
            if off.abs() > half as f32 {
                f32::NEG_INFINITY
            } else {
                s
            }
        });
        let exp = inside.exp();
        let sums = exp.sum_axis(Axis(1)).insert_axis(Axis(1));
        let variance = (half * half) as f32 / 4.0;
        (exp / sums) * (-&off * &off / (2.0 * variance)).exp()
    }

    /// From the first key of the window to its last.
    pub fn by_range(
        pointer: &Pointer,
        q: ArrayView2<f32>,
        scores: ArrayView2<f32>,
        half: usize,
    ) -> Array2<f32> {
        let m = scores.ncols();
        let mut weights = Array2::zeros(scores.raw_dim());
        for (i, p) in point(pointer, q, m).into_iter().enumerate() {
            let first = (p - half as f32).ceil().max(0.0) as usize;
            let last = ((p + half as f32).floor() as usize).min(m - 1);
            let sum: f32 = (first..=last).map(|j| scores[[i, j]].exp()).sum();
            for j in first..=last {
                let steps = (j as f32 - p) / (half as f32 / 2.0);
                weights[[i, j]] = scores[[i, j]].exp() / sum * (-0.5 * steps.powi(2)).exp();
            }
        }
        weights
    }
}

#[test]
fn local_weights_in_other_styles() {
    use locals::*;
    local_weights::exercise().assert_accepts(&[
        ("−∞ outside", hidden_by_infinity as local_weights::Body),
        ("a range of keys", by_range),
    ]);
}

type F<'a> = &'a dyn Fn(ArrayView2<f64>) -> f64;

/// A copy of the point for each evaluation.
fn copies(f: F, x: ArrayView2<f64>, h: f64) -> Array2<f64> {
    let mut gradient = Array2::zeros(x.raw_dim());
    for i in 0..x.nrows() {
        for j in 0..x.ncols() {
            let mut up = x.to_owned();
            up[[i, j]] += h;
            let mut down = x.to_owned();
            down[[i, j]] -= h;
            gradient[[i, j]] = (f(up.view()) - f(down.view())) / (up[[i, j]] - down[[i, j]]);
        }
    }
    gradient
}

/// Adding and subtracting the step in place, which leaves a rounding error behind.
fn in_place(f: F, x: ArrayView2<f64>, h: f64) -> Array2<f64> {
    let mut x = x.to_owned();
    let mut gradient = Array2::zeros(x.raw_dim());
    for (at, slope) in gradient.indexed_iter_mut() {
        x[at] += h;
        *slope = f(x.view());
        x[at] -= 2.0 * h;
        *slope -= f(x.view());
        x[at] += h;
    }
    gradient / (2.0 * h)
}

#[test]
fn finite_differences_in_other_styles() {
    finite_differences::exercise().assert_accepts(&[
        ("copies", copies as finite_differences::Body),
        ("in place", in_place),
    ]);
}
