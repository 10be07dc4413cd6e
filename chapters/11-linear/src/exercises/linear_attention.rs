//! 11.2 `linear_attention`

use crate::{feature_map, seeded::normal};
use attn_exercise::{exercise, field, pairwise};
use ndarray::{Array2, ArrayView2, Axis, array, s};

exercise! {
    /// Features of the queries and keys, and the values.
    crate::linear_attention: (q: Array2<f64>[n r], k: Array2<f64>[n r], v: Array2<f64>[n d_v]) -> Array2<f64>;

    // The sums of Eq 9, one by one.
    exact: |c| Array2::from_shape_fn(c.v.dim(), |(i, column)| {
        let weight = |j: usize| -> f64 { (0..c.q.ncols()).map(|f| c.q[[i, f]] * c.k[[j, f]]).sum() };
        let (mut above, mut below) = (0.0, 0.0);
        for j in 0..=i {
            above += weight(j) * c.v[[j, column]];
            below += weight(j);
        }
        if below == 0.0 { 0.0 } else { above / below }
    });

    steps: |c| {
        let mut weights = c.q.dot(&c.k.t());
        weights.indexed_iter_mut().for_each(|((i, j), weight)| if j > i { *weight = 0.0 });
        [field("weights", &weights), field("their sums", &weights.sum_axis(Axis(1)))]
    };

    cases: |random| {
        let mut of = |about: &str, (n, r, d_v): (usize, usize, usize)| {
            let [q, k] = [0, 1].map(|_| feature_map(normal(random, (n, r)).view()));
            case(about, (q, k, normal(random, (n, d_v))))
        };
        // Beside rows of ordinary size: whatever number is added to a sum of 10⁻⁸⁰ then leaves nothing of its row.
        let tiny = |rows: &Array2<f64>| {
            let mut rows = rows.clone();
            rows.slice_mut(s![..2, ..]).mapv_inplace(|x| x * 1e-80);
            rows
        };
        let (queries, keys) = (of("the first queries have features of 10⁻⁸⁰, which is not 0", (5, 3, 2)), of("the first keys have features of 10⁻⁸⁰, which is not 0", (4, 2, 3)));
        let mut cases = vec![
            case("by hand: 0, then 3/4 of 4, then 40/7", (array![[1.0, 0.0], [2.0, 1.0], [1.0, 1.0]], array![[0.0, 1.0], [1.0, 1.0], [2.0, 2.0]], array![[0.0], [4.0], [8.0]])),
            of("nine tokens", (9, 4, 3)),
            Case { q: tiny(&queries.q), ..queries },
            Case { k: tiny(&keys.k), ..keys },
            case("features of e⁻⁸⁰⁰, which is 0 in f64", (array![[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]], array![[1.0, 1.0], [1.0, 3.0], [2.0, 1.0]], array![[3.0, 1.0], [4.0, 2.0], [5.0, 6.0]])),
            case("the first keys have no features", (array![[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]], array![[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]], array![[3.0], [4.0], [5.0]])),
            of("seventeen tokens", (17, 8, 8)),
        ];
        cases.extend(pairwise([4, 4, 4]).into_iter().map(|[n, r, d_v]| of("small", (n + 1, r + 1, d_v + 1))));
        cases
    };

    right (q, k, v) {
        "with running sums" => {
            let (mut s, mut z) = (Array2::<f64>::zeros((k.ncols(), v.ncols())), ndarray::Array1::<f64>::zeros(k.ncols()));
            let mut out = Array2::zeros(v.dim());
            for i in 0..q.nrows() {
                for f in 0..k.ncols() {
                    s.row_mut(f).scaled_add(k[[i, f]], &v.row(i));
                    z[f] += k[[i, f]];
                }
                let sum = q.row(i).dot(&z);
                if sum != 0.0 {
                    out.row_mut(i).assign(&(q.row(i).dot(&s) / sum));
                }
            }
            out
        };
        "divided at the end" => {
            let weights = causal(q.dot(&k.t()));
            let mut out = weights.dot(&v);
            for (mut row, sum) in out.axis_iter_mut(Axis(0)).zip(weights.sum_axis(Axis(1))) {
                row.mapv_inplace(|x| if sum == 0.0 { 0.0 } else { x / sum });
            }
            out
        };
        "row by row" => {
            let mut out = Array2::zeros(v.dim());
            for i in 0..q.nrows() {
                let weights: Vec<f64> = (0..=i).map(|j| q.row(i).dot(&k.row(j))).collect();
                let sum: f64 = weights.iter().sum();
                for (j, weight) in weights.into_iter().enumerate().filter(|(_, weight)| *weight != 0.0) {
                    out.row_mut(i).scaled_add(weight / sum, &v.row(j));
                }
            }
            out
        };
        "scaled by √r, which cancels" => crate::linear_attention((&q / (q.ncols() as f64).sqrt()).view(), k, v);
    }

    mistakes (q, k, v) {
        "non-causal": "every row sums over all keys, those behind it too: that is the form for an encoder"
            => divided(q.dot(&k.t()), v);
        "no-z": "the sums are not divided by the sum of the weights: without z the rows are no means and grow with the text"
            => causal(q.dot(&k.t())).dot(&v);
        "z-of-all": "the sum of values is causal, but the sum that divides it runs over all keys"
            => over(causal(q.dot(&k.t())).dot(&v), q.dot(&k.t()).sum_axis(Axis(1)));
        "values-of-all": "the sum that divides is causal, but the sum of values runs over all keys"
            => over(q.dot(&k.t()).dot(&v), causal(q.dot(&k.t())).sum_axis(Axis(1)));
        "strict": "a token does not see itself: j < i instead of j ≤ i"
            => divided(masked(q.dot(&k.t()), |i, j| j < i), v);
        "upside-down": "the mask is the wrong way round: a token sees itself and those behind it"
            => divided(masked(q.dot(&k.t()), |i, j| j >= i), v);
        "one-ahead": "a token sees the one behind it, too: j ≤ i + 1"
            => divided(masked(q.dot(&k.t()), |i, j| j <= i + 1), v);
        "softmax": "the products are exponentiated before they are divided; the features have taken the place of the exponential"
            => divided(causal(q.dot(&k.t()).mapv(f64::exp)), v);
        "count": "the sum is divided by the number of keys instead of the sum of their weights"
            => over(causal(q.dot(&k.t())).dot(&v), (1..=q.nrows()).map(|count| count as f64).collect());
        "sum-of-features": "the sum is divided by the sum of the keys' features, without the query"
            => {
                let sums = (0..k.nrows()).map(|i| k.rows().into_iter().take(i + 1).map(|row| row.sum()).sum()).collect();
                over(causal(q.dot(&k.t())).dot(&v), sums)
            };
        "last-weight": "the sum is divided by the weight of the token itself"
            => over(causal(q.dot(&k.t())).dot(&v), (0..q.nrows()).map(|i| q.row(i).dot(&k.row(i))).collect());
        "columns": "the weights are divided by the sums of the columns instead of the rows"
            => {
                let mut weights = causal(q.dot(&k.t()));
                for mut column in weights.axis_iter_mut(Axis(1)) {
                    let sum = column.sum();
                    column.mapv_inplace(|x| if sum == 0.0 { 0.0 } else { x / sum });
                }
                weights.dot(&v)
            };
        "exchanged": "queries and keys have changed places: the weight of key j for query i is k[i] · q[j]"
            => crate::linear_attention(k, q, v);
        "epsilon": "a small number is added to the sum, or a very small sum counts as 0: the row of a query with small features is lost. Only a sum of 0 itself gives zeros"
            => over(causal(q.dot(&k.t())).dot(&v), causal(q.dot(&k.t())).sum_axis(Axis(1)) + 1e-6);
        "nan": "a row whose weights sum to 0 is divided by 0, which is NaN; it is zeros"
            => {
                let weights = causal(q.dot(&k.t()));
                let sums = weights.sum_axis(Axis(1)).insert_axis(Axis(1));
                weights.dot(&v) / sums
            };
        "mean-of-nothing": "a row whose weights sum to 0 is the plain mean of the values; it is zeros"
            => {
                let mut weights = causal(q.dot(&k.t()));
                for (i, mut row) in weights.axis_iter_mut(Axis(0)).enumerate() {
                    if row.sum() == 0.0 {
                        row.iter_mut().take(i + 1).for_each(|weight| *weight = 1.0);
                    }
                }
                divided(weights, v)
            };
        "mapped-twice": "elu + 1 is applied to what has been through a feature map already"
            => crate::linear_attention(feature_map(q).view(), feature_map(k).view(), v);
        "plain-product": "q kᵀ v is the whole answer: neither is the future hidden, nor are the weights divided by their sum"
            => q.dot(&k.t()).dot(&v);
        "itself-of-nothing": "a row whose weights sum to 0 is the token's own value; it is zeros"
            => {
                let mut weights = causal(q.dot(&k.t()));
                for (i, mut row) in weights.axis_iter_mut(Axis(0)).enumerate() {
                    if row.sum() == 0.0 {
                        row[i] = 1.0;
                    }
                }
                divided(weights, v)
            };
        "scaled-softmax": "the products are divided by √r and go through a softmax; the features have taken the place of the exponential"
            => divided(causal((q.dot(&k.t()) / (q.ncols() as f64).sqrt()).mapv(f64::exp)), v);
        "minus-infinity": "the weights above the diagonal are −∞ instead of 0: that hides a key from a softmax, and here it is in the sum"
            => {
                let mut weights = q.dot(&k.t());
                weights.indexed_iter_mut().for_each(|((i, j), x)| *x = if j <= i { *x } else { f64::NEG_INFINITY });
                divided(weights, v)
            };
        "count-of-all": "the sum is divided by the number of all tokens instead of the sum of the weights"
            => causal(q.dot(&k.t())).dot(&v) / q.nrows() as f64;
        "z-of-before": "the sum that divides is that of the tokens before: it lacks the token's own weight"
            => over(causal(q.dot(&k.t())).dot(&v), masked(q.dot(&k.t()), |i, j| j < i).sum_axis(Axis(1)));
        "value-of-before": "the sum of values lacks the token's own value; the sum that divides has its weight"
            => over(masked(q.dot(&k.t()), |i, j| j < i).dot(&v), causal(q.dot(&k.t())).sum_axis(Axis(1)));
        "divided-twice": "the rows are divided by the sum of their weights twice"
            => {
                let weights = causal(q.dot(&k.t()));
                let sums = weights.sum_axis(Axis(1));
                over(divided(weights, v), sums)
            };
        "itself-alone": "every row is the token's own value: all other weights are set to 0"
            => divided(masked(q.dot(&k.t()), |i, j| j == i), v);
        "others-are-one": "the weights above the diagonal are 1 instead of 0"
            => {
                let mut weights = q.dot(&k.t());
                weights.indexed_iter_mut().for_each(|((i, j), x)| *x = if j <= i { *x } else { 1.0 });
                divided(weights, v)
            };
        "length": "the weights are divided by the root of the sum of their squares instead of their sum"
            => {
                let weights = causal(q.dot(&k.t()));
                let lengths = weights.map_axis(Axis(1), |row| row.dot(&row).sqrt());
                over(weights.dot(&v), lengths)
            };
        "largest": "the weights are divided by the largest of the row instead of their sum"
            => {
                let weights = causal(q.dot(&k.t()));
                let largest = weights.map_axis(Axis(1), |row| row.fold(0.0_f64, |most, x| most.max(*x)));
                over(weights.dot(&v), largest)
            };
        "total": "all rows are divided by the sum of all weights; each row has its own sum"
            => {
                let weights = causal(q.dot(&k.t()));
                let total = weights.sum();
                weights.dot(&v) / total
            };
        "plain-mean": "every row is the plain mean of the values so far, without the weights"
            => divided(causal(Array2::ones((q.nrows(), q.nrows()))), v);
        "sum-of-the-key": "weight j of row i is divided by the sum of row j: a vector of sums divides along the columns unless it gets a second axis"
            => {
                let weights = causal(q.dot(&k.t()));
                let sums = weights.sum_axis(Axis(1));
                (weights / sums).dot(&v)
            };
        "sums-of-columns": "the row of token i is divided by the sum of column i, of what all others give to token i"
            => {
                let weights = causal(q.dot(&k.t()));
                let sums = weights.sum_axis(Axis(0));
                over(weights.dot(&v), sums)
            };
        "sums-without-an-axis": "the rows are divided by the vector of sums as it is: its numbers belong to the columns unless it gets a second axis"
            => {
                let weights = causal(q.dot(&k.t()));
                let sums = weights.sum_axis(Axis(1));
                weights.dot(&v) / sums
            };
        "queries-summed": "the sum that divides is the key's product with the sum of the queries so far; it is the query's with the sum of the keys"
            => over(causal(q.dot(&k.t())).dot(&v), causal(k.dot(&q.t())).sum_axis(Axis(1)));
        "features-by-features": "qᵀ k is computed instead of q kᵀ: that has a row for each feature, not for each token"
            => divided(causal(q.t().dot(&k)), v);
        "behind-alone": "the mask is the wrong way round, and hides the token itself, too: j > i is what it sees"
            => divided(masked(q.dot(&k.t()), |i, j| j > i), v);
        "weights-turned": "the values are multiplied by the weights' columns instead of their rows: weightsᵀ v"
            => {
                let mut weights = causal(q.dot(&k.t()));
                for mut row in weights.axis_iter_mut(Axis(0)) {
                    let sum = row.sum();
                    row.mapv_inplace(|x| if sum == 0.0 { 0.0 } else { x / sum });
                }
                weights.t().dot(&v)
            };
        "not-transposed": "q k is computed instead of q kᵀ"
            => divided(causal(q.dot(&k)), v);
        "ends-at-zero": "the first row whose weights sum to 0 ends the loop: all rows after it are zeros"
            => {
                let weights = causal(q.dot(&k.t()));
                let mut out = divided(weights.clone(), v);
                let first = weights.sum_axis(Axis(1)).iter().position(|&sum| sum == 0.0);
                out.slice_mut(s![first.unwrap_or(q.nrows()).., ..]).fill(0.0);
                out
            };
        "sum-goes-on": "the sum that divides goes on from one row to the next; it begins at 0 for each"
            => {
                let mut sums = causal(q.dot(&k.t())).sum_axis(Axis(1));
                sums.accumulate_axis_inplace(Axis(0), |before, sum| *sum += before);
                over(causal(q.dot(&k.t())).dot(&v), sums)
            };
        "row-goes-on": "the sum of values goes on from one row to the next; it begins at 0 for each"
            => {
                let weights = causal(q.dot(&k.t()));
                let mut rows = weights.dot(&v);
                rows.accumulate_axis_inplace(Axis(0), |before, row| *row += before);
                over(rows, weights.sum_axis(Axis(1)))
            };
        "both-go-on": "the sums go on from one row to the next; they begin at 0 for each"
            => {
                let weights = causal(q.dot(&k.t()));
                let (mut rows, mut sums) = (weights.dot(&v), weights.sum_axis(Axis(1)));
                rows.accumulate_axis_inplace(Axis(0), |before, row| *row += before);
                sums.accumulate_axis_inplace(Axis(0), |before, sum| *sum += before);
                over(rows, sums)
            };
        "last-value": "S holds the last token alone, and z all of them: the row is the token's own value times its share"
            => {
                let weights = causal(q.dot(&k.t()));
                over(masked(weights.clone(), |i, j| j == i).dot(&v), weights.sum_axis(Axis(1)))
            };
        "multiplied": "the sum of values is multiplied by the sum of the weights instead of divided"
            => {
                let weights = causal(q.dot(&k.t()));
                let sums = weights.sum_axis(Axis(1)).insert_axis(Axis(1));
                weights.dot(&v) * sums
            };
        "cosines": "queries and keys are brought to length 1 first; they are used as they are given"
            => {
                let unit = |rows: ArrayView2<f64>| {
                    let lengths = rows.map_axis(Axis(1), |row| row.dot(&row).sqrt());
                    over(rows.to_owned(), lengths)
                };
                crate::linear_attention(unit(q).view(), unit(k).view(), v)
            };
        "one-added": "1 is added to the sum that divides"
            => over(causal(q.dot(&k.t())).dot(&v), causal(q.dot(&k.t())).sum_axis(Axis(1)) + 1.0);
        "queries-alone": "the weights are q qᵀ: the queries are in the place of the keys, too"
            => crate::linear_attention(q, q, v);
        "keys-alone": "the weights are k kᵀ: the keys are in the place of the queries, too"
            => crate::linear_attention(k, k, v);
        "first-undivided": "the sum that divides is that of the tokens before, and where it is 0, nothing is divided"
            => {
                let sums = masked(q.dot(&k.t()), |i, j| j < i).sum_axis(Axis(1));
                over(causal(q.dot(&k.t())).dot(&v), sums.mapv(|sum| if sum == 0.0 { 1.0 } else { sum }))
            };
        "weights-first-values-one-more": "row i has the weights of i keys and i + 1 values: the two ranges do not end alike"
            => {
                let mut out = Array2::zeros(v.dim());
                for i in 0..q.nrows() {
                    let weights = k.slice(s![..i, ..]).dot(&q.row(i));
                    out.row_mut(i).assign(&weights.dot(&v.slice(s![..=i, ..])));
                }
                out
            };
        "divided-on-the-way": "each weight is divided by the sum of the weights up to its own key; all of a row are divided by one sum"
            => {
                let weights = causal(q.dot(&k.t()));
                let mut sums = weights.clone();
                sums.accumulate_axis_inplace(Axis(1), |before, sum| *sum += before);
                let shares = Array2::from_shape_fn(weights.dim(), |at| if sums[at] == 0.0 { 0.0 } else { weights[at] / sums[at] });
                shares.dot(&v)
            };
    }
}

/// Weights where j may be seen from i, 0 elsewhere.
fn masked(mut weights: Array2<f64>, sees: impl Fn(usize, usize) -> bool) -> Array2<f64> {
    weights.indexed_iter_mut().for_each(|((i, j), x)| *x = if sees(i, j) { *x } else { 0.0 });
    weights
}

fn causal(weights: Array2<f64>) -> Array2<f64> {
    masked(weights, |i, j| j <= i)
}

/// The means of the values with these weights; zeros where they sum to 0.
fn divided(weights: Array2<f64>, v: ArrayView2<f64>) -> Array2<f64> {
    let sums = weights.sum_axis(Axis(1));
    over(weights.dot(&v), sums)
}

/// Each row divided by its number; zeros where that is 0.
fn over(mut rows: Array2<f64>, sums: ndarray::Array1<f64>) -> Array2<f64> {
    for (mut row, sum) in rows.axis_iter_mut(Axis(0)).zip(sums) {
        row.mapv_inplace(|x| if sum == 0.0 { 0.0 } else { x / sum });
    }
    rows
}
