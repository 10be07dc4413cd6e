//! 2.7 `additive_backward`

use super::additive_scores::{SIZES, random_additive};
use crate::{Additive, AdditiveGradients, oracle};
use attn_exercise::{Field, SOME_VALUES, Value, exercise, field, fields, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView2, Axis, NdFloat, array};

fields! { AdditiveGradients { dv, dw_q, dw_k } }

exercise! {
    /// The weights of the score, queries n×d_q, keys m×d_k and the gradient with respect to the scores n×m.
    crate::additive_backward: (
        additive: Additive, q: Array2<f32>[n d_q], k: Array2<f32>[m d_k], d_scores: Array2<f32>[n m],
    ) -> AdditiveGradients;

    exact: |c| c.call(by_oracle::<f64>);
    plain: |c| [c.call(by_oracle::<f32>), c.call(pair_by_pair), c.call(unit_by_unit)];
    steps: |c| {
        let hidden = (&c.k.dot(&c.additive.w_k) + &c.q.row(0).dot(&c.additive.w_q)).tanh();
        let slope = hidden.mapv(|x| 1.0 - x * x);
        let d_sum = &slope * &c.additive.v * c.d_scores.row(0).insert_axis(Axis(1));
        [
            field("hidden layer of query 0, one row per key", &hidden),
            field("the slope of its tanh", &slope),
            field("the gradient of what goes into it", &d_sum),
        ]
    };

    cases: |random| {
        let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
        let by_hand = Additive { w_q: array![[ln2, ln3]], w_k: array![[0.0, -ln3]], v: array![1.0, 0.5] };
        let by_hand = (by_hand, array![[1.0]], array![[0.0], [1.0]], array![[2.0, -1.0]]);
        let mut of = |about, (n, m, d_q, d_k, a), [of_q, of_k, of_d]: [usize; 3]| {
            let additive = random_additive(random, (d_q, d_k), a);
            let (q, k) = (some_values(of_q, (n, d_q), random), some_values(of_k, (m, d_k), random));
            case(about, (additive, q, k, some_values(of_d, (n, m), random)))
        };
        let mut cases = vec![case("by hand: d_scores 2 and −1", by_hand)];
        cases.extend(SIZES.map(|sizes| of("", sizes, [0; 3])));
        cases.push(of("", (4, 4, 4, 4, 4), [0; 3]));
        // As they come from a softmax: nothing changes where all scores of a query grow alike.
        let mut from_softmax = of("the rows of d_scores sum to 0", (3, 5, 4, 3, 6), [0; 3]);
        let mean = from_softmax.d_scores.mean_axis(Axis(1)).expect("keys").insert_axis(Axis(1));
        from_softmax.d_scores -= &mean;
        cases.push(from_softmax);
        let levels = [3, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[n, m, d_q, d_k, a, of_q, of_k, of_d]| {
            of("small", (n + 1, m + 1, d_q + 1, d_k + 1, a + 1), [of_q, of_k, of_d])
        }));
        cases
    };

    right (additive, q, k, d_scores) {
        "pair by pair, outer products" => pair_by_pair(additive, q, k, d_scores);
        "hidden unit by hidden unit" => unit_by_unit(additive, q, k, d_scores);
        "one array of n×m×a" => {
            let hidden = hidden(additive, q, k);
            let d = &d_scores.insert_axis(Axis(2)) * &hidden.mapv(|x| 1.0 - x * x) * &additive.v; // n×m×a
            AdditiveGradients {
                dw_q: q.t().dot(&d.sum_axis(Axis(1))),
                dw_k: k.t().dot(&d.sum_axis(Axis(0))),
                dv: (&d_scores.insert_axis(Axis(2)) * &hidden).sum_axis(Axis(0)).sum_axis(Axis(0)),
            }
        };
    }

    mistakes (additive, q, k, d_scores) {
        "no-slope": "the slope of the tanh, 1 − tanh², is left out on the way back"
            => back(additive, q, k, d_scores, |hidden, v| (hidden, v));
        "slope-not-squared": "the slope of the tanh is taken as 1 − tanh: it is 1 − tanh²"
            => back(additive, q, k, d_scores, |hidden, v| (hidden, v * (1.0 - hidden)));
        "sigmoid-slope": "the slope is that of a sigmoid, y (1 − y): a tanh has 1 − y²"
            => back(additive, q, k, d_scores, |hidden, v| (hidden, v * hidden * (1.0 - hidden)));
        "slope-of-the-slope": "the tanh is taken a second time before its slope is computed"
            => back(additive, q, k, d_scores, |hidden, v| (hidden, v * (1.0 - hidden.tanh().powi(2))));
        "slope-of-the-sum": "the slope is 1 − x² with what goes into the tanh, not with what comes out"
            => back(additive, q, k, d_scores, |hidden, v| (hidden, v * (1.0 - hidden.atanh().powi(2))));
        "no-v": "v is left out on the way back to the two matrices"
            => back(additive, q, k, d_scores, |hidden, _| (hidden, 1.0 - hidden * hidden));
        "v-in-dv": "v is multiplied into its own gradient: the score is linear in v"
            => back(additive, q, k, d_scores, |hidden, v| (hidden * v, v * (1.0 - hidden * hidden)));
        "slope-in-dv": "the slope of the tanh is multiplied into the gradient of v: v comes after the tanh"
            => back(additive, q, k, d_scores, |hidden, v| (hidden * (1.0 - hidden * hidden), v * (1.0 - hidden * hidden)));
        "dv-of-the-sum": "the gradient of v is made of the sums before the tanh"
            => {
                let (from_q, from_k) = (q.dot(&additive.w_q), k.dot(&additive.w_k));
                let mut gradients = crate::additive_backward(additive, q, k, d_scores);
                gradients.dv.fill(0.0);
                for ((i, j), &d_score) in d_scores.indexed_iter() {
                    gradients.dv.scaled_add(d_score, &(&from_q.row(i) + &from_k.row(j)));
                }
                gradients
            };
        "hidden-for-slope": "the hidden layer itself stands where its slope belongs"
            => back(additive, q, k, d_scores, |hidden, v| (hidden, v * hidden));
        "d-scores-unused": "the gradient with respect to the scores is not used, as if it were 1 for every pair"
            => crate::additive_backward(additive, q, k, Array2::ones(d_scores.raw_dim()).view());
        "sign": "the signs are the other way round"
            => crate::additive_backward(additive, q, k, (-&d_scores).view());
        "mean": "the sums over the pairs are divided by the number of pairs: d_scores has its factors in it already"
            => crate::additive_backward(additive, q, k, (&d_scores / d_scores.len() as f32).view());
        "last-pair": "the gradients are overwritten by each pair (=) instead of added up (+=), so that only the last pair counts"
            => {
                let last = (q.nrows() - 1, k.nrows() - 1);
                let only = Array2::from_shape_fn(d_scores.raw_dim(), |at| if at == last { d_scores[at] } else { 0.0 });
                crate::additive_backward(additive, q, k, only.view())
            };
        "last-key": "a query's share is overwritten by each key (=) instead of added up (+=)"
            => {
                let right = crate::additive_backward(additive, q, k, d_scores);
                let last = k.nrows() - 1;
                let only = Array2::from_shape_fn(d_scores.raw_dim(), |(i, j)| if j == last { d_scores[[i, j]] } else { 0.0 });
                AdditiveGradients { dw_q: crate::additive_backward(additive, q, k, only.view()).dw_q, ..right }
            };
        "last-query": "a key's share is overwritten by each query (=) instead of added up (+=)"
            => {
                let right = crate::additive_backward(additive, q, k, d_scores);
                let last = q.nrows() - 1;
                let only = Array2::from_shape_fn(d_scores.raw_dim(), |(i, j)| if i == last { d_scores[[i, j]] } else { 0.0 });
                AdditiveGradients { dw_k: crate::additive_backward(additive, q, k, only.view()).dw_k, ..right }
            };
        "keys-transposed": "the gradient of w_k comes out transposed"
            => {
                let right = crate::additive_backward(additive, q, k, d_scores);
                AdditiveGradients { dw_k: right.dw_k.reversed_axes(), ..right }
            };
        "transposed": "the gradients of both matrices come out transposed"
            => {
                let right = crate::additive_backward(additive, q, k, d_scores);
                AdditiveGradients { dw_q: right.dw_q.reversed_axes(), dw_k: right.dw_k.reversed_axes(), ..right }
            };
        "no-input": "the gradient of the hidden layer is not multiplied with the queries and keys, so that every row of a gradient is the same"
            => crate::additive_backward(additive, Array2::ones(q.raw_dim()).view(), Array2::ones(k.raw_dim()).view(), d_scores);
        "no-input, forward right": "the gradient of the hidden layer is not multiplied with the queries and keys, so that every row of a gradient is the same"
            => {
                let right = crate::additive_backward(additive, q, k, d_scores);
                let d = &d_scores.insert_axis(Axis(2)) * &hidden(additive, q, k).mapv(|x| 1.0 - x * x) * &additive.v;
                let row = d.sum_axis(Axis(0)).sum_axis(Axis(0));
                let rows = |like: &Array2<f32>| Array2::from_shape_fn(like.raw_dim(), |(_, c)| row[c]);
                AdditiveGradients { dw_q: rows(&right.dw_q), dw_k: rows(&right.dw_k), ..right }
            };
        "query-for-key": "the gradient of w_k is made with the queries, where the widths and numbers are equal"
            => {
                let right = crate::additive_backward(additive, q, k, d_scores);
                if q.dim() != k.dim() {
                    right
                } else {
                    let d = &d_scores.insert_axis(Axis(2)) * &hidden(additive, q, k).mapv(|x| 1.0 - x * x) * &additive.v;
                    AdditiveGradients { dw_k: q.t().dot(&d.sum_axis(Axis(0))), ..right }
                }
            };
        "same-index": "only the pairs of query i and key i are gone through"
            => {
                let only = Array2::from_shape_fn(d_scores.raw_dim(), |(i, j)| if i == j { d_scores[[i, j]] } else { 0.0 });
                crate::additive_backward(additive, q, k, only.view())
            };
        "tanh-apart": "the slopes are those of two tanh, one of the query's part and one of the key's"
            => {
                let right = crate::additive_backward(additive, q, k, d_scores);
                let slope = |x: Array2<f32>| x.mapv(|x| 1.0 - x.tanh().powi(2)) * &additive.v;
                let (d_q, d_k) = (slope(q.dot(&additive.w_q)), slope(k.dot(&additive.w_k)));
                let sums = |axis| d_scores.sum_axis(Axis(axis)).insert_axis(Axis(1));
                AdditiveGradients { dw_q: q.t().dot(&(d_q * sums(1))), dw_k: k.t().dot(&(d_k * sums(0))), ..right }
            };
    }

    within {
        additive_scores: |additive_scores, (additive, q, k, d_scores)| {
            // The scores are linear in v: that gives its gradient, whatever is wrong with them.
            let unit = |c: usize| Additive {
                v: Array1::from_shape_fn(additive.v.len(), |other| if other == c { 1.0 } else { 0.0 }),
                ..additive.clone()
            };
            let dv = (0..additive.v.len()).map(|c| (&additive_scores(&unit(c), q, k) * &d_scores).sum()).collect();
            AdditiveGradients { dv, ..crate::additive_backward(additive, q, k, d_scores) }
        };
    }
}

fn by_oracle<F: NdFloat>(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    d_scores: ArrayView2<f32>,
) -> Vec<Field>
where
    for<'a> Value: From<&'a Array2<F>> + From<&'a Array1<F>>,
{
    let (dw_q, dw_k, dv) = oracle::additive_backward(additive, q, k, d_scores);
    vec![field("dv", &dv), field("dw_q", &dw_q), field("dw_k", &dw_k)]
}

/// The hidden layers of all pairs, n×m×a.
fn hidden(additive: &Additive, q: ArrayView2<f32>, k: ArrayView2<f32>) -> ndarray::Array3<f32> {
    let from_q = q.dot(&additive.w_q).insert_axis(Axis(1));
    let from_k = k.dot(&additive.w_k).insert_axis(Axis(0));
    (&from_q + &from_k).mapv(f32::tanh)
}

/// The gradients of which `parts` gives, from a hidden number and its weight in v, the share of that
/// weight and of what goes into the tanh.
fn back(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    d_scores: ArrayView2<f32>,
    parts: impl Fn(f32, f32) -> (f32, f32),
) -> AdditiveGradients {
    let mut dv = Array1::zeros(additive.v.len());
    let mut d_from_q = Array2::zeros((q.nrows(), additive.v.len()));
    let mut d_from_k = Array2::zeros((k.nrows(), additive.v.len()));
    for ((i, j, c), &hidden) in hidden(additive, q, k).indexed_iter() {
        let (of_v, of_sum) = parts(hidden, additive.v[c]);
        dv[c] += d_scores[[i, j]] * of_v;
        d_from_q[[i, c]] += d_scores[[i, j]] * of_sum;
        d_from_k[[j, c]] += d_scores[[i, j]] * of_sum;
    }
    AdditiveGradients { dw_q: q.t().dot(&d_from_q), dw_k: k.t().dot(&d_from_k), dv }
}

/// Two outer products per pair: as the chain rule is written, and dear.
fn pair_by_pair(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    d_scores: ArrayView2<f32>,
) -> AdditiveGradients {
    let mut gradients = AdditiveGradients {
        dw_q: Array2::zeros(additive.w_q.raw_dim()),
        dw_k: Array2::zeros(additive.w_k.raw_dim()),
        dv: Array1::zeros(additive.v.len()),
    };
    for (i, q) in q.rows().into_iter().enumerate() {
        for (j, k) in k.rows().into_iter().enumerate() {
            let hidden = (q.dot(&additive.w_q) + k.dot(&additive.w_k)).tanh();
            let d_hidden = &additive.v * d_scores[[i, j]];
            let d_sum = (1.0 - &hidden) * (1.0 + &hidden) * d_hidden;
            gradients.dv += &(hidden * d_scores[[i, j]]);
            gradients.dw_q += &(&q.insert_axis(Axis(1)) * &d_sum);
            gradients.dw_k += &(&k.insert_axis(Axis(1)) * &d_sum);
        }
    }
    gradients
}

/// One hidden unit after the other, each a table n×m.
fn unit_by_unit(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    d_scores: ArrayView2<f32>,
) -> AdditiveGradients {
    let mut gradients = AdditiveGradients {
        dw_q: Array2::zeros(additive.w_q.raw_dim()),
        dw_k: Array2::zeros(additive.w_k.raw_dim()),
        dv: Array1::zeros(additive.v.len()),
    };
    for (c, &v) in additive.v.iter().enumerate() {
        let from_q = q.dot(&additive.w_q.column(c)).insert_axis(Axis(1));
        let sums = &from_q + &k.dot(&additive.w_k.column(c)); // n×m
        gradients.dv[c] = (&d_scores * &sums.mapv(f32::tanh)).sum();
        let d = &d_scores * &sums.mapv(|x| v * x.tanh().mul_add(-x.tanh(), 1.0));
        gradients.dw_q.column_mut(c).assign(&d.sum_axis(Axis(1)).dot(&q));
        gradients.dw_k.column_mut(c).assign(&d.sum_axis(Axis(0)).dot(&k));
    }
    gradients
}
