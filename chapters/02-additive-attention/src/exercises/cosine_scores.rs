//! 2.8 `cosine_scores`

use super::additive_scores::softmax_rows;
use crate::oracle;
use attn_exercise::{SOME_VALUES, exercise, field, judge::require, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array};

exercise! {
    /// A factor β, queries n×d and keys m×d.
    crate::cosine_scores: (beta: f32, q: Array2<f32>[n d], k: Array2<f32>[m d]) -> Array2<f32>;

    exact: |c| c.call(oracle::cosine_scores::<f64>);
    plain: |c| [c.call(oracle::cosine_scores::<f32>), c.call(divided_last)];
    first: |c, scores| scores.indexed_iter().try_for_each(|((i, j), s)| {
        let most = c.beta.abs();
        require(s.abs() <= most * 1.0001, || format!("result[{i},{j}] is {s:.4}, but no score can be beyond ±β = ±{most}"))
    });
    steps: |c| [
        field("the lengths of the queries", &lengths(c.q.view())),
        field("the lengths of the keys", &lengths(c.k.view())),
        field("the dot products", &c.q.dot(&c.k.t())),
    ];

    cases: |random| {
        let by_hand = (5.0, array![[3.0, 4.0]], array![[4.0, 3.0], [0.0, 0.0], [-6.0, -8.0]]);
        let mut of = |about, (n, m, d), [of_q, of_k]: [usize; 2], beta| {
            case(about, (beta, some_values(of_q, (n, d), random), some_values(of_k, (m, d), random)))
        };
        let mut cases = vec![
            case("by hand: 24/5, 0 and −5", by_hand),
            of("", (1, 1, 1), [0; 2], 2.0),
            of("", (3, 4, 4), [0; 2], 1.0),
            of("", (5, 3, 2), [0; 2], 10.0),
            of("β below zero", (2, 3, 4), [0; 2], -1.5),
            of("β is 0", (2, 2, 3), [0; 2], 0.0),
            of("", (31, 33, 16), [0; 2], 4.0),
            of("", (33, 31, 129), [0; 2], 1.0),
        ];
        let mut zeros = of("a query and two keys of zeros", (3, 4, 5), [0; 2], 3.0);
        zeros.q.row_mut(1).fill(0.0);
        zeros.k.row_mut(0).fill(0.0);
        zeros.k.row_mut(3).fill(0.0);
        let mut all_zeros = of("every query is zeros", (2, 3, 4), [0; 2], 3.0);
        all_zeros.q.fill(0.0);
        let mut small = of("queries of about 10⁻¹²", (3, 4, 4), [0; 2], 2.0);
        small.q *= 1e-12;
        let mut both_small = of("queries and keys of about 10⁻⁹, and a key of zeros", (3, 4, 4), [0; 2], 2.0);
        both_small.q *= 1e-9;
        both_small.k *= 1e-9;
        both_small.k.row_mut(2).fill(0.0);
        let mut wide = of("keys of very different lengths", (3, 4, 6), [0; 2], 2.0);
        for (mut row, factor) in wide.k.rows_mut().into_iter().zip([1e-14, 1.0, 1e5, 1e10]) {
            row *= factor;
        }
        let mut same = of("key 1 points as query 0 does, key 2 the other way", (2, 3, 4), [0; 2], 2.0);
        let direction = same.q.row(0).to_owned();
        same.k.row_mut(1).assign(&(&direction * 7.0));
        same.k.row_mut(2).assign(&(&direction * -0.25));
        let mut smallest = of("queries and keys of about 10⁻¹⁷", (3, 4, 4), [0; 2], 2.0);
        smallest.q *= 1e-17;
        smallest.k *= 1e-17;
        let some_zeros = case("rows that hold zeros, and one that sums to zero", (
            2.0,
            array![[3.0, 0.0], [0.0, 2.0]],
            array![[1.0, 0.0], [1.0, -1.0], [0.0, -4.0]],
        ));
        cases.extend([zeros, all_zeros, small, both_small, wide, same, smallest, some_zeros]);
        let kinds = [3, 3, 3, SOME_VALUES, SOME_VALUES, 3];
        cases.extend(pairwise(kinds).into_iter().map(|[n, m, d, of_q, of_k, beta]| {
            of("small", (n + 1, m + 1, d + 1), [of_q, of_k], [0.5, 1.0, 8.0][beta])
        }));
        cases
    };

    right (beta, q, k) {
        "divided last" => divided_last(beta, q, k);
        "pair by pair" => Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
            let (q, k) = (q.row(i), k.row(j));
            let (q_length, k_length) = (q.dot(&q).sqrt(), k.dot(&k).sqrt());
            match q_length == 0.0 || k_length == 0.0 {
                true => 0.0,
                false => beta * q.dot(&k) / q_length / k_length,
            }
        });
        "in f64, by squares" => Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
            let of = |a: ArrayView1<f32>, b: ArrayView1<f32>| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
            let (q, k) = (q.row(i), k.row(j));
            let squares = of(q, q) * of(k, k);
            if squares == 0.0 { 0.0 } else { (f64::from(beta) * of(q, k) / squares.sqrt()) as f32 }
        });
    }

    mistakes (beta, q, k) {
        "dot": "the scores are not divided by the lengths: that is β times the dot product"
            => q.dot(&k.t()) * beta;
        "query-not-divided": "the scores are divided by the lengths of the keys alone"
            => q.dot(&unit(k).t()) * beta;
        "key-not-divided": "the scores are divided by the lengths of the queries alone"
            => unit(q).dot(&k.t()) * beta;
        "by-the-squares": "the scores are divided by the squares of the lengths: the root is missing"
            => scaled(q, |q| q.dot(&q)).dot(&scaled(k, |k| k.dot(&k)).t()) * beta;
        "magnitudes": "a length is the sum of the magnitudes instead of the root of the sum of the squares"
            => scaled(q, |q| q.abs().sum()).dot(&scaled(k, |k| k.abs().sum()).t()) * beta;
        "largest": "each row is divided by its largest magnitude instead of its length"
            => {
                let most = |x: ArrayView1<f32>| x.fold(0.0_f32, |most, x| most.max(x.abs()));
                scaled(q, most).dot(&scaled(k, most).t()) * beta
            };
        "no-beta": "β is not used"
            => crate::cosine_scores(1.0, q, k);
        "divided-by-beta": "the cosine is divided by β, as by a temperature, instead of multiplied with it"
            => crate::cosine_scores(1.0 / beta, q, k);
        "beta-twice": "β is multiplied in twice, once on each side"
            => crate::cosine_scores(beta * beta, q, k);
        "nan": "a row of zeros is divided by its length 0, and 0/0 is no number: its scores are 0"
            => {
                let lengths = &lengths(q).insert_axis(Axis(1)) * &lengths(k);
                q.dot(&k.t()) / lengths * beta
            };
        "epsilon": "a small number is added to the lengths: rows that are no longer than it lose their scores"
            => with_epsilon(beta, q, k, |q, k| (q + 1e-8) * (k + 1e-8));
        "epsilon to the product": "a small number is added to the product of the lengths: small rows lose their scores"
            => with_epsilon(beta, q, k, |q, k| q * k + 1e-8);
        "epsilon as a floor": "the product of the lengths is held at 1e-8 or more: small rows lose their scores"
            => with_epsilon(beta, q, k, |q, k| (q * k).max(1e-8));
        "floor of each": "each length is held at 1e-8 or more, as PyTorch's function does: smaller rows lose their scores"
            => with_epsilon(beta, q, k, |q, k| q.max(1e-8) * k.max(1e-8));
        "floor of each, 1e-12": "each length is held at 1e-12 or more: smaller rows lose their scores"
            => with_epsilon(beta, q, k, |q, k| q.max(1e-12) * k.max(1e-12));
        "epsilon 1e-6": "a small number is added to the lengths: rows that are no longer than it lose their scores"
            => with_epsilon(beta, q, k, |q, k| (q + 1e-6) * (k + 1e-6));
        "epsilon 1e-12": "a small number is added to the lengths: rows that are no longer than it lose their scores"
            => with_epsilon(beta, q, k, |q, k| (q + 1e-12) * (k + 1e-12));
        "epsilon 1e-12 to the product": "a small number is added to the product of the lengths: small rows lose their scores"
            => with_epsilon(beta, q, k, |q, k| q * k + 1e-12);
        "machine epsilon": "a small number is added to the product of the lengths: small rows lose their scores"
            => with_epsilon(beta, q, k, |q, k| q * k + f32::EPSILON);
        "columns": "the lengths are those of the columns instead of the rows"
            => unit(q.t()).t().dot(&unit(k.t())) * beta;
        "whole-matrix": "one length is taken of the whole matrix instead of one for each row"
            => {
                let whole = |x: ArrayView2<f32>| {
                    let length = (&x * &x).sum().sqrt();
                    &x / if length == 0.0 { 1.0 } else { length }
                };
                whole(q).dot(&whole(k).t()) * beta
            };
        "wrong-axis": "query and key are exchanged in the result: m×n instead of n×m"
            => crate::cosine_scores(beta, q, k).reversed_axes();
        "distance": "1 − cosine is returned: a distance, which is large where the two do not fit"
            => (1.0 - crate::cosine_scores(1.0, q, k)) * beta;
        "angle": "the angle itself is returned instead of its cosine"
            => crate::cosine_scores(1.0, q, k).mapv(|c| c.clamp(-1.0, 1.0).acos()) * beta;
        "magnitude": "the magnitude of the cosine is returned: opposite directions do not fit"
            => crate::cosine_scores(1.0, q, k).abs() * beta;
        "correlation": "the mean of each row is taken off first: that is a correlation, not a cosine"
            => {
                let centred = |x: ArrayView2<f32>| &x - &x.mean_axis(Axis(1)).expect("columns").insert_axis(Axis(1));
                crate::cosine_scores(beta, centred(q).view(), centred(k).view())
            };
        "scaled": "the scores are divided by √d as well: lengths of 1 need no scale"
            => crate::cosine_scores(beta / (q.ncols() as f32).sqrt(), q, k);
        "softmax": "the softmax of each row is returned: weights instead of scores"
            => softmax_rows(crate::cosine_scores(beta, q, k));
        "zeros-fit": "a row of zeros gets the score β, as if it pointed everywhere"
            => {
                let (q_lengths, k_lengths) = (lengths(q), lengths(k));
                let mut scores = crate::cosine_scores(beta, q, k);
                for ((i, j), score) in scores.indexed_iter_mut() {
                    if q_lengths[i] == 0.0 || k_lengths[j] == 0.0 {
                        *score = beta;
                    }
                }
                scores
            };
    }
}

/// The length of each row.
fn lengths(x: ArrayView2<f32>) -> Array1<f32> {
    x.map_axis(Axis(1), |row| row.dot(&row).sqrt())
}

/// Each row divided by what `length` gives for it; rows of zeros as they are.
fn scaled(x: ArrayView2<f32>, length: impl Fn(ArrayView1<f32>) -> f32) -> Array2<f32> {
    let lengths = x.map_axis(Axis(1), |row| match length(row) {
        0.0 => 1.0,
        length => length,
    });
    &x / &lengths.insert_axis(Axis(1))
}

fn unit(x: ArrayView2<f32>) -> Array2<f32> {
    scaled(x, |row| row.dot(&row).sqrt())
}

/// The dot products, divided by the product of the lengths where that is not 0.
fn divided_last(beta: f32, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    let products = &lengths(q).insert_axis(Axis(1)) * &lengths(k);
    q.dot(&k.t()) * beta / products.mapv(|length| if length == 0.0 { 1.0 } else { length })
}

/// The dot products, divided by what `of_lengths` makes of the two lengths.
fn with_epsilon(
    beta: f32,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    of_lengths: impl Fn(f32, f32) -> f32,
) -> Array2<f32> {
    let (q_lengths, k_lengths) = (lengths(q), lengths(k));
    Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
        beta * q.row(i).dot(&k.row(j)) / of_lengths(q_lengths[i], k_lengths[j])
    })
}
