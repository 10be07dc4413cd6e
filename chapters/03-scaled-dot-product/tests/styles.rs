//! Right answers in other styles: none of them may be refused. A judge that only accepts the
//! reference's order of summation would teach that attention has one spelling.

use attn_core::{Mask, random::Random};
use ch03_scaled_dot_product::{
    Gradients, Output,
    exercises::{allowed, attention, attention_backward, dropout, softmax_backward, softmax_rows},
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, s};

/// The sum by halves: the error grows with the logarithm of the length.
fn pairwise(terms: &[f32]) -> f32 {
    match terms {
        [] => 0.0,
        [x] => *x,
        _ => {
            let (left, right) = terms.split_at(terms.len() / 2);
            pairwise(left) + pairwise(right)
        }
    }
}

fn dot_backwards(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f32 {
    a.iter().rev().zip(b.iter().rev()).map(|(x, y)| x * y).sum()
}

fn dot_wide(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&x, &y)| f64::from(x) * f64::from(y))
        .sum()
}

mod softmax_styles {
    use super::*;

    pub fn indexed(x: ArrayView2<f32>) -> Array2<f32> {
        let (n, m) = x.dim();
        let mut y = Array2::zeros((n, m));
        for i in 0..n {
            let mut row_max = f32::NEG_INFINITY;
            for j in 0..m {
                if x[[i, j]] > row_max {
                    row_max = x[[i, j]];
                }
            }
            if row_max.is_infinite() {
                continue;
            }
            let mut row_sum = 0.0;
            for j in 0..m {
                y[[i, j]] = (x[[i, j]] - row_max).exp();
                row_sum += y[[i, j]];
            }
            for j in 0..m {
                y[[i, j]] /= row_sum;
            }
        }
        y
    }

    pub fn functional(x: ArrayView2<f32>) -> Array2<f32> {
        let rows = x.rows().into_iter().flat_map(|row| {
            let row_max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exp: Vec<f32> = row
                .iter()
                .map(|s| {
                    if row_max.is_finite() {
                        (s - row_max).exp()
                    } else {
                        0.0
                    }
                })
                .collect();
            let scale = pairwise(&exp).recip();
            exp.into_iter()
                .map(move |e| if e == 0.0 { 0.0 } else { e * scale })
        });
        Array2::from_shape_vec(x.raw_dim(), rows.collect()).expect("as many as in x")
    }

    pub fn whole_array_in_f64(x: ArrayView2<f32>) -> Array2<f32> {
        let x = x.mapv(f64::from);
        let row_max = x.fold_axis(Axis(1), f64::NEG_INFINITY, |max, &s| max.max(s));
        let row_max = row_max.mapv(|max| if max.is_finite() { max } else { 0.0 });
        let exp = (&x - &row_max.insert_axis(Axis(1))).exp();
        let row_sum = exp
            .sum_axis(Axis(1))
            .mapv(|sum| if sum > 0.0 { sum } else { 1.0 });
        (exp / row_sum.insert_axis(Axis(1))).mapv(|y| y as f32)
    }

    /// `exp(x − max − ln Σ)`: no division.
    pub fn by_log_of_sum(x: ArrayView2<f32>) -> Array2<f32> {
        let mut y = x.to_owned();
        for mut row in y.rows_mut() {
            let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
            row -= if row_max.is_finite() { row_max } else { 0.0 };
            let log_sum = row.iter().rev().map(|s| s.exp()).sum::<f32>().ln();
            row.mapv_inplace(|s| {
                if s.is_finite() {
                    (s - log_sum).exp()
                } else {
                    0.0
                }
            });
        }
        y
    }

    /// `exp(x − lse)`, with the maximum added back before it is subtracted.
    pub fn by_log_sum_exp(x: ArrayView2<f32>) -> Array2<f32> {
        let mut y = x.to_owned();
        for mut row in y.rows_mut() {
            let lse = lse_backwards(row.view());
            row.mapv_inplace(|s| {
                if lse.is_finite() {
                    (s - lse).exp()
                } else {
                    0.0
                }
            });
        }
        y
    }
}

fn lse_backwards(row: ArrayView1<f32>) -> f32 {
    let row_max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if row_max == f32::NEG_INFINITY {
        return row_max;
    }
    row_max
        + row
            .iter()
            .rev()
            .map(|s| (s - row_max).exp())
            .sum::<f32>()
            .ln()
}

#[test]
fn softmax_rows_in_other_styles() {
    use softmax_styles::*;
    softmax_rows::exercise().assert_accepts(&[
        ("nested loops", indexed as softmax_rows::Body),
        ("iterators, pairwise sum, reciprocal", functional),
        ("whole arrays in f64", whole_array_in_f64),
        ("exp(x − max − ln Σ), summed backwards", by_log_of_sum),
        ("exp(x − lse), rounded near 1000", by_log_sum_exp),
    ]);
}

mod allowed_styles {
    use super::*;

    pub fn by_row_slices(mask: &Mask, n: usize, m: usize) -> Array2<bool> {
        let mut table = Array2::from_elem((n, m), false);
        match mask {
            Mask::None => table.fill(true),
            Mask::Causal => {
                for (i, mut row) in table.rows_mut().into_iter().enumerate() {
                    let seen = (m + i + 1).saturating_sub(n).min(m);
                    row.slice_mut(s![..seen]).fill(true);
                }
            }
            Mask::Prefix(p) => {
                table = by_row_slices(&Mask::Causal, n, m);
                table.slice_mut(s![.., ..(*p).min(m)]).fill(true);
            }
            Mask::Padding(keys) => {
                for mut row in table.rows_mut() {
                    row.assign(keys);
                }
            }
            Mask::Dense(dense) => table.assign(dense),
            Mask::All(masks) => {
                table.fill(true);
                for mask in masks {
                    table.zip_mut_with(&by_row_slices(mask, n, m), |a, &b| *a = *a && b);
                }
            }
        }
        table
    }

    /// One entry at a time, with signed numbers, counted from the last query and the last key.
    pub fn entry_by_entry(mask: &Mask, n: usize, m: usize) -> Array2<bool> {
        fn may(mask: &Mask, i: usize, j: usize, n: usize, m: usize) -> bool {
            let (queries_left, keys_left) = ((n - 1 - i) as isize, (m - 1 - j) as isize);
            match mask {
                Mask::None => true,
                Mask::Causal => keys_left >= queries_left,
                Mask::Prefix(p) => j < *p || may(&Mask::Causal, i, j, n, m),
                Mask::Padding(keys) => keys[j],
                Mask::Dense(table) => table[(i, j)],
                Mask::All(masks) => !masks.iter().any(|mask| !may(mask, i, j, n, m)),
            }
        }
        Array2::from_shape_fn((n, m), |(i, j)| may(mask, i, j, n, m))
    }

    /// Starts from everything and crosses out.
    pub fn by_elimination(mask: &Mask, n: usize, m: usize) -> Array2<bool> {
        let mut table = Array2::from_elem((n, m), true);
        let mut stack = vec![mask];
        while let Some(mask) = stack.pop() {
            for ((i, j), entry) in table.indexed_iter_mut() {
                let future = j as i64 - i as i64 > m as i64 - n as i64;
                *entry &= match mask {
                    Mask::None | Mask::All(_) => true,
                    Mask::Causal => !future,
                    Mask::Prefix(p) => !(future && j >= *p),
                    Mask::Padding(keys) => keys[j],
                    Mask::Dense(dense) => dense[[i, j]],
                };
            }
            if let Mask::All(masks) = mask {
                stack.extend(masks);
            }
        }
        table
    }
}

#[test]
fn allowed_in_other_styles() {
    use allowed_styles::*;
    allowed::exercise().assert_accepts(&[
        ("slices of rows", by_row_slices as allowed::Body),
        ("entry by entry, signed, from the end", entry_by_entry),
        ("crossing out", by_elimination),
    ]);
}

/// What the answers in other styles are given to work with: the table is another exercise's.
fn table(q: ArrayView2<f32>, k: ArrayView2<f32>, mask: &Mask) -> Array2<bool> {
    ch03_scaled_dot_product::allowed(mask, q.nrows(), k.nrows())
}

mod attention_styles {
    use super::*;

    /// A row at a time, in one pass over the keys: the maximum, the denominator and the output are
    /// corrected as a greater score turns up.
    pub fn online(
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        mask: &Mask,
    ) -> Output {
        let table = table(q, k, mask);
        let scale = (q.ncols() as f32).sqrt();
        let mut output = Output {
            out: Array2::zeros((q.nrows(), v.ncols())),
            lse: Array1::zeros(q.nrows()),
        };
        for i in 0..q.nrows() {
            let (mut row_max, mut row_sum) = (f32::NEG_INFINITY, 0.0_f32);
            let mut out = Array1::<f32>::zeros(v.ncols());
            for j in (0..k.nrows()).filter(|&j| table[[i, j]]) {
                let score = q.row(i).dot(&k.row(j)) / scale;
                let new_max = row_max.max(score);
                let correction = (row_max - new_max).exp();
                let weight = (score - new_max).exp();
                row_sum = row_sum * correction + weight;
                out = out * correction + &v.row(j) * weight;
                row_max = new_max;
            }
            output.lse[i] = row_max + row_sum.ln();
            if row_sum > 0.0 {
                output.out.row_mut(i).assign(&(out / row_sum));
            }
        }
        output
    }

    /// Nested loops; each dot product runs backwards, each weighted sum by halves.
    pub fn loops_backwards(
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        mask: &Mask,
    ) -> Output {
        let ((n, d), m) = (q.dim(), k.nrows());
        let table = table(q, k, mask);
        let scores = Array2::from_shape_fn((n, m), |(i, j)| match table[[i, j]] {
            true => dot_backwards(q.row(i), k.row(j)) * (d as f32).sqrt().recip(),
            false => f32::NEG_INFINITY,
        });
        let weights = softmax_styles::functional(scores.view());
        Output {
            out: Array2::from_shape_fn((n, v.ncols()), |(i, c)| {
                let terms = &weights.row(i) * &v.column(c);
                pairwise(&terms.to_vec())
            }),
            lse: scores.rows().into_iter().map(lse_backwards).collect(),
        }
    }

    /// The queries are scaled instead of the scores, and the division by the row's sum comes after
    /// the values.
    pub fn scaled_queries_late_division(
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        mask: &Mask,
    ) -> Output {
        let scaled = q.mapv(|x| x / (q.ncols() as f32).sqrt());
        let mut scores = scaled.dot(&k.t());
        Zip::from(&mut scores)
            .and(&table(q, k, mask))
            .for_each(|score, &may| {
                *score = if may { *score } else { f32::NEG_INFINITY };
            });
        let row_max = scores
            .fold_axis(Axis(1), f32::NEG_INFINITY, |max, &s| max.max(s))
            .mapv(|max| if max.is_finite() { max } else { 0.0 });
        let exp = (scores - row_max.view().insert_axis(Axis(1))).exp();
        let row_sum = exp.sum_axis(Axis(1));
        let divisor = row_sum.mapv(|sum| if sum == 0.0 { 1.0 } else { sum });
        Output {
            out: exp.dot(&v) / divisor.insert_axis(Axis(1)),
            lse: row_max + row_sum.ln(),
        }
    }

    /// f64 from end to end.
    pub fn wide(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, mask: &Mask) -> Output {
        let table = table(q, k, mask);
        let mut output = Output {
            out: Array2::zeros((q.nrows(), v.ncols())),
            lse: Array1::from_elem(q.nrows(), f32::NEG_INFINITY),
        };
        for i in 0..q.nrows() {
            let keys: Vec<usize> = (0..k.nrows()).filter(|&j| table[[i, j]]).collect();
            let root_d = (q.ncols() as f64).sqrt();
            let scores: Vec<f64> = keys
                .iter()
                .map(|&j| dot_wide(q.row(i), k.row(j)) / root_d)
                .collect();
            let Some(row_max) = scores.iter().copied().reduce(f64::max) else {
                continue;
            };
            let row_sum: f64 = scores.iter().map(|s| (s - row_max).exp()).sum();
            output.lse[i] = (row_max + row_sum.ln()) as f32;
            for c in 0..v.ncols() {
                let terms = keys.iter().zip(&scores);
                let sum: f64 = terms
                    .map(|(&j, s)| (s - row_max).exp() / row_sum * f64::from(v[[j, c]]))
                    .sum();
                output.out[[i, c]] = sum as f32;
            }
        }
        output
    }
}

#[test]
fn attention_in_other_styles() {
    use attention_styles::*;
    attention::exercise().assert_accepts(&[
        ("online softmax", online as attention::Body),
        ("loops backwards and by halves", loops_backwards),
        (
            "scaled queries, late division",
            scaled_queries_late_division,
        ),
        ("f64 inside", wide),
    ]);
}

#[test]
fn dropout_in_other_styles() {
    let in_place: dropout::Body = |weights, p, seed| {
        let draws = Random::new(seed).uniform(weights.raw_dim());
        let mut kept = weights.to_owned();
        kept.zip_mut_with(&draws, |w, &draw| {
            *w = if draw >= p { *w / (1.0 - p) } else { 0.0 };
        });
        kept
    };
    let indexed: dropout::Body = |weights, p, seed| {
        let draws = Random::new(seed).uniform((weights.nrows(), weights.ncols()));
        let mut kept = Array2::zeros(weights.dim());
        for i in 0..weights.nrows() {
            for j in 0..weights.ncols() {
                if draws[[i, j]] >= p {
                    kept[[i, j]] = (f64::from(weights[[i, j]]) / (1.0 - f64::from(p))) as f32;
                }
            }
        }
        kept
    };
    let by_a_mask_of_factors: dropout::Body = |weights, p, seed| {
        let scale = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
        let draws = Random::new(seed).uniform(weights.dim());
        &weights * &draws.mapv(|draw| f32::from(u8::from(draw >= p)) * scale)
    };
    dropout::exercise().assert_accepts(&[
        ("in place", in_place),
        ("nested loops, f64", indexed),
        ("a mask of factors", by_a_mask_of_factors),
    ]);
}

mod softmax_backward_styles {
    use super::*;

    pub fn indexed(w: ArrayView2<f32>, d: ArrayView2<f32>) -> Array2<f32> {
        let (n, m) = w.dim();
        let mut d_scores = Array2::zeros((n, m));
        for i in 0..n {
            let mut row_dot = 0.0;
            for j in 0..m {
                row_dot += w[[i, j]] * d[[i, j]];
            }
            for j in 0..m {
                d_scores[[i, j]] = w[[i, j]] * (d[[i, j]] - row_dot);
            }
        }
        d_scores
    }

    /// The Jacobian of each row, diag(w) − w wᵀ, times the gradient.
    pub fn jacobian(w: ArrayView2<f32>, d: ArrayView2<f32>) -> Array2<f32> {
        let mut d_scores = Array2::zeros(w.raw_dim());
        for ((w, d), mut row) in w.rows().into_iter().zip(d.rows()).zip(d_scores.rows_mut()) {
            let column = w.insert_axis(Axis(1));
            let jacobian = Array2::from_diag(&w) - column.dot(&column.t());
            row.assign(&jacobian.dot(&d));
        }
        d_scores
    }

    /// `w∘d − w · rowsum(w∘d)`, multiplied out.
    pub fn multiplied_out(w: ArrayView2<f32>, d: ArrayView2<f32>) -> Array2<f32> {
        let product = &w * &d;
        let row_dot = product.map_axis(Axis(1), |row| pairwise(&row.to_vec()));
        &product - &(&w * &row_dot.insert_axis(Axis(1)))
    }

    pub fn wide(w: ArrayView2<f32>, d: ArrayView2<f32>) -> Array2<f32> {
        let rows = w.rows().into_iter().zip(d.rows()).flat_map(|(w, d)| {
            let row_dot = dot_wide(w, d);
            let row: Vec<f32> = w
                .iter()
                .zip(d)
                .map(|(&w, &d)| (f64::from(w) * (f64::from(d) - row_dot)) as f32)
                .collect();
            row
        });
        Array2::from_shape_vec(w.raw_dim(), rows.collect()).expect("as many as in w")
    }
}

#[test]
fn softmax_backward_in_other_styles() {
    use softmax_backward_styles::*;
    softmax_backward::exercise().assert_accepts(&[
        ("nested loops", indexed as softmax_backward::Body),
        ("the whole Jacobian", jacobian),
        ("multiplied out, pairwise", multiplied_out),
        ("f64 inside", wide),
    ]);
}

mod attention_backward_styles {
    use super::*;

    /// Without weights kept: each is computed again from the log-sum-exp, and the row's sum is D =
    /// rowsum(dO∘O).
    pub fn by_d_and_lse(
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        mask: &Mask,
        d_out: ArrayView2<f32>,
    ) -> Gradients {
        let Output { out, lse } = attention_styles::online(q, k, v, mask);
        let big_d = (&d_out * &out).sum_axis(Axis(1));
        let table = table(q, k, mask);
        let root_d = (q.ncols() as f32).sqrt();
        let (mut dq, mut dk, mut dv) = (
            Array2::zeros(q.raw_dim()),
            Array2::zeros(k.raw_dim()),
            Array2::zeros(v.raw_dim()),
        );
        for j in 0..k.nrows() {
            for i in (0..q.nrows()).filter(|&i| table[[i, j]]) {
                let weight = (q.row(i).dot(&k.row(j)) / root_d - lse[i]).exp();
                let d_weight = d_out.row(i).dot(&v.row(j));
                let d_score = weight * (d_weight - big_d[i]) / root_d;
                dv.row_mut(j).scaled_add(weight, &d_out.row(i));
                dk.row_mut(j).scaled_add(d_score, &q.row(i));
                dq.row_mut(i).scaled_add(d_score, &k.row(j));
            }
        }
        Gradients { dq, dk, dv }
    }

    /// Row by row, each through its whole Jacobian; the sums over the queries run backwards.
    pub fn rows_backwards(
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        mask: &Mask,
        d_out: ArrayView2<f32>,
    ) -> Gradients {
        let scaled = &q / (q.ncols() as f32).sqrt();
        let mut scores = scaled.dot(&k.t());
        Zip::from(&mut scores)
            .and(&table(q, k, mask))
            .for_each(|s, &may| *s = if may { *s } else { f32::NEG_INFINITY });
        let weights = softmax_styles::indexed(scores.view());
        let d_scores = softmax_backward_styles::jacobian(weights.view(), d_out.dot(&v.t()).view());
        let mut dk = Array2::zeros(k.raw_dim());
        let mut dv = Array2::zeros(v.raw_dim());
        for i in (0..q.nrows()).rev() {
            for j in 0..k.nrows() {
                dk.row_mut(j).scaled_add(d_scores[[i, j]], &scaled.row(i));
                dv.row_mut(j).scaled_add(weights[[i, j]], &d_out.row(i));
            }
        }
        let dq = d_scores.dot(&k) / (q.ncols() as f32).sqrt();
        Gradients { dq, dk, dv }
    }

    /// Whole matrices in f64.
    pub fn wide(
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        mask: &Mask,
        d_out: ArrayView2<f32>,
    ) -> Gradients {
        let table = table(q, k, mask);
        let [q, k, v, d_out] = [q, k, v, d_out].map(|x| x.mapv(f64::from));
        let root_d = (q.ncols() as f64).sqrt();
        let mut weights = (q.dot(&k.t()) / root_d).exp(); // standard normal: nothing overflows in f64
        weights.zip_mut_with(&table, |w, &may| *w *= f64::from(u8::from(may)));
        let row_sum = weights
            .sum_axis(Axis(1))
            .mapv(|sum| if sum > 0.0 { sum } else { 1.0 });
        weights /= &row_sum.insert_axis(Axis(1));
        let d_weights = d_out.dot(&v.t());
        let row_dot = (&weights * &d_weights)
            .sum_axis(Axis(1))
            .insert_axis(Axis(1));
        let d_scores = &weights * &(d_weights - row_dot) / root_d;
        let narrow = |x: Array2<f64>| x.mapv(|x| x as f32);
        Gradients {
            dq: narrow(d_scores.dot(&k)),
            dk: narrow(d_scores.t().dot(&q)),
            dv: narrow(weights.t().dot(&d_out)),
        }
    }
}

#[test]
fn attention_backward_in_other_styles() {
    use attention_backward_styles::*;
    attention_backward::exercise().assert_accepts(&[
        (
            "D = rowsum(dO∘O) and the log-sum-exp",
            by_d_and_lse as attention_backward::Body,
        ),
        ("through whole Jacobians, backwards", rows_backwards),
        ("f64 inside", wide),
    ]);
}
