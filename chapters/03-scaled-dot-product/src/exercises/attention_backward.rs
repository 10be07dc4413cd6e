//! 3.6 `attention_backward`

use super::attention::{dense_with_empty_row, online, small};
use crate::{Gradients, Output, attention, masked_scores, softmax_backward, softmax_rows};
use attn_core::{Mask, random::Random};
use attn_exercise::{Given, SOME_VALUES, Sizes, exercise, field, fields, some_values};
use attn_oracle as oracle;
use ndarray::{Array1, Array2, ArrayView2, Axis};

fields! { Gradients { dq, dk, dv } }

exercise! {
    /// The inputs of attention and the gradient with respect to its output.
    crate::attention_backward: (
        q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], mask: Mask, d_out: Array2<f32>[n d_v],
    ) -> Gradients;

    exact: |c| c.call(oracle::attention_backward::<f64>);
    // Where one key has all the weight, dq and dk are what is left of equal products: their rounding, which depends on
    // how they are summed.
    plain: |c| [
        c.call(oracle::attention_backward::<f32>),
        c.call(by_d_and_lse),
        // The scores of another function differ from one's own by roundings, which large ones multiply.
        c.call(|q, k, v, mask, d_out| from_lse(attention(q, k, v, mask), q, k, v, mask, d_out)),
        c.call(by_jacobians),
    ];
    steps: |c| {
        let parts = c.call(parts);
        [field("weights", &parts.weights), field("d_weights", &parts.d_weights), field("d_scores", &parts.d_scores)]
    };

    cases: |random| {
        let dense = dense_with_empty_row(random, 5, 6);
        let mut of = |about, (n, m), (d, d_v), mask| {
            let [q, k, v] = [(n, d), (m, d), (m, d_v)].map(|shape| random.normal(shape));
            case(about, (q, k, v, mask, random.normal((n, d_v))))
        };
        let mut cases = vec![
            of("", (3, 4), (4, 2), Mask::None),
            of("", (1, 1), (1, 1), Mask::None),
            of("", (4, 6), (8, 3), Mask::Causal),
            of("the first two queries see nothing", (5, 3), (4, 4), Mask::Causal),
            of("row 1 empty", (5, 6), (3, 5), dense),
            of("a query alone", (1, 6), (4, 3), Mask::padding([true, false, true, true, false, true])),
            of("", (31, 33), (16, 8), Mask::Prefix(5)),
            of("", (65, 63), (32, 16), Mask::Causal),
        ];
        // Query 0 fits no key at all: every score of its row is far below zero.
        let mut large = of("scores of about ±10000", (4, 6), (16, 3), Mask::Causal);
        large.k.mapv_inplace(|x| 100.0 * x.abs());
        large.q *= 100.0;
        large.q.row_mut(0).mapv_inplace(|x| -x.abs());
        cases.push(large);
        let inputs: Vec<_> = small(random).collect();
        let mut kinds = (0..SOME_VALUES).cycle();
        cases.extend(inputs.into_iter().map(|(q, k, v, mask)| {
            let d_out = some_d_out(&q, &k, &v, &mask, &mut kinds, random);
            case("small", (q, k, v, mask, d_out))
        }));
        cases
    };

    right (q, k, v, mask, d_out) {
        "D = rowsum(dO⊙O) and the log-sum-exp" => by_d_and_lse(q, k, v, mask, d_out);
        "from the log-sum-exp of attention" => from_lse(attention(q, k, v, mask), q, k, v, mask, d_out);
        "through whole Jacobians, backwards" => by_jacobians(q, k, v, mask, d_out);
        "f64 inside" => {
            let exact = oracle::attention_backward::<f64>(q, k, v, mask, d_out);
            let narrow = |x: Array2<f64>| x.mapv(|x| x as f32);
            Gradients { dq: narrow(exact.dq), dk: narrow(exact.dk), dv: narrow(exact.dv) }
        };
    }

    mistakes (q, k, v, mask, d_out) {
        "dk-unscaled": "dk is not divided by √d"
            => parts(q, k, v, mask, d_out).gradients(q, k, d_out, |scale| (scale, 1.0));
        "dq-unscaled": "dq is not divided by √d"
            => parts(q, k, v, mask, d_out).gradients(q, k, d_out, |scale| (1.0, scale));
        "both-unscaled": "neither dq nor dk is divided by √d: the scale was forgotten on the way back"
            => parts(q, k, v, mask, d_out).gradients(q, k, d_out, |_| (1.0, 1.0));
        "scaled-twice": "dq and dk are divided by √d twice"
            => parts(q, k, v, mask, d_out).gradients(q, k, d_out, |scale| (scale * scale, scale * scale));
        "no-scale": "the scale is missing on both ways: the weights are computed again without it, and dq and dk are not divided by it"
            => parts((&q * (q.ncols() as f32).sqrt()).view(), k, v, mask, d_out).gradients(q, k, d_out, |_| (1.0, 1.0));
        "no-row-term": "the softmax's gradient lacks the subtraction of the row's sum"
            => parts(q, k, v, mask, d_out).with(|p| &p.weights * &p.d_weights).gradients(q, k, d_out, both);
        "no-softmax": "the step back through the softmax is left out: the gradient of the weights is used as that of the scores"
            => parts(q, k, v, mask, d_out).with(|p| p.d_weights.clone()).gradients(q, k, d_out, both);
        "swapped": "dq and dk stand in each other's place"
            => {
                let Gradients { dq, dk, dv } = crate::attention_backward(q, k, v, mask, d_out);
                Gradients { dq: dk, dk: dq, dv }
            };
        "mask-after-softmax": "the mask is applied to the weights after the softmax, so that they no longer sum to one"
            => {
                let mut weights = softmax_rows(masked_scores(q, k, &Mask::None).view());
                weights.zip_mut_with(&crate::allowed(mask, q.nrows(), k.nrows()), |w, &may| {
                    *w = if may { *w } else { 0.0 };
                });
                Parts::of(weights, q.ncols(), v, d_out).gradients(q, k, d_out, both)
            };
        "finite-mask": "forbidden scores are set to −1e9 instead of −∞: a row that may attend to nothing gets equal weights, and gradients"
            => {
                let scores = masked_scores(q, k, mask).mapv(|s| s.max(-1e9));
                Parts::of(softmax_rows(scores.view()), q.ncols(), v, d_out).gradients(q, k, d_out, both)
            };
        "finite-mask-small": "forbidden scores are set to −1e4 instead of −∞: scores can be lower than that, and a row that may attend to nothing gets equal weights, and gradients"
            => {
                let scores = masked_scores(q, k, mask).mapv(|s| if s == f32::NEG_INFINITY { -1e4 } else { s });
                Parts::of(softmax_rows(scores.view()), q.ncols(), v, d_out).gradients(q, k, d_out, both)
            };
        "no-maximum": "the weights are computed again without taking out the row's maximum, so that large scores overflow"
            => {
                let exp = masked_scores(q, k, mask).exp();
                let sums = exp.sum_axis(Axis(1)).mapv(|sum| if sum > 0.0 { sum } else { 1.0 });
                Parts::of(exp / sums.insert_axis(Axis(1)), q.ncols(), v, d_out).gradients(q, k, d_out, both)
            };
        "row-term-of-d-out": "the row's sum is taken over d_out alone; it is over d_out · out"
            => parts(q, k, v, mask, d_out)
                .with(|p| &p.weights * &(&p.d_weights - &d_out.sum_axis(Axis(1)).insert_axis(Axis(1))))
                .gradients(q, k, d_out, both);
        "mask-forgotten": "the weights are computed again without the mask"
            => crate::attention_backward(q, k, v, &Mask::None, d_out);
        "unscaled-weights": "the weights are computed again from scores that are not divided by √d"
            => parts((&q * (q.ncols() as f32).sqrt()).view(), k, v, mask, d_out).gradients(q, k, d_out, both);
        "dv-from-scores": "dv is computed from the scores instead of the weights"
            => Gradients {
                dv: masked_scores(q, k, &Mask::None).t().dot(&d_out),
                ..crate::attention_backward(q, k, v, mask, d_out)
            };
        "dv-from-d-scores": "dv is computed from the gradient of the scores instead of the weights"
            => Gradients {
                dv: parts(q, k, v, mask, d_out).d_scores.t().dot(&d_out),
                ..crate::attention_backward(q, k, v, mask, d_out)
            };
        "dv-from-d-weights": "dv is computed from the gradient of the weights instead of the weights"
            => Gradients {
                dv: parts(q, k, v, mask, d_out).d_weights.t().dot(&d_out),
                ..crate::attention_backward(q, k, v, mask, d_out)
            };
        "dv-scaled": "dv is divided by √d too; only dq and dk go through the scores"
            => {
                let parts = parts(q, k, v, mask, d_out);
                let gradients = parts.gradients(q, k, d_out, both);
                Gradients { dv: gradients.dv * parts.scale, ..gradients }
            };
        "dv-untransposed": "the weights are not transposed for dv: dv = weightsᵀ d_out"
            => Gradients {
                dv: parts(q, k, v, mask, d_out).weights.dot(&d_out),
                ..crate::attention_backward(q, k, v, mask, d_out)
            };
        "dv-untransposed-where-square": "the weights are not transposed for dv where there are as many queries as keys: dv = weightsᵀ d_out"
            => {
                let gradients = crate::attention_backward(q, k, v, mask, d_out);
                match q.nrows() == k.nrows() {
                    true => Gradients { dv: parts(q, k, v, mask, d_out).weights.dot(&d_out), ..gradients },
                    false => gradients,
                }
            };
        "dk-untransposed": "the gradient of the scores is multiplied with q untransposed: dq = d_scores k, dk = d_scoresᵀ q, both over √d"
            => {
                let parts = parts(q, k, v, mask, d_out);
                let dk = parts.d_scores.dot(&q) * parts.scale;
                Gradients { dk, ..crate::attention_backward(q, k, v, mask, d_out) }
            };
        "dk-untransposed-where-square": "the gradient of the scores is not transposed for dk where there are as many queries as keys"
            => {
                let (gradients, parts) = (crate::attention_backward(q, k, v, mask, d_out), parts(q, k, v, mask, d_out));
                match q.nrows() == k.nrows() {
                    true => Gradients { dk: parts.d_scores.dot(&q) * parts.scale, ..gradients },
                    false => gradients,
                }
            };
        "q-for-k-where-square": "q and k are exchanged where there are as many queries as keys: dq is made with k, dk with q"
            => match q.nrows() == k.nrows() {
                true => parts(q, k, v, mask, d_out).gradients(k, q, d_out, both),
                false => crate::attention_backward(q, k, v, mask, d_out),
            };
        "dv-from-masked-scores": "dv is computed from the scores instead of the weights"
            => Gradients {
                dv: masked_scores(q, k, mask).mapv(|s| if s.is_finite() { s } else { 0.0 }).t().dot(&d_out),
                ..crate::attention_backward(q, k, v, mask, d_out)
            };
        "times-root-d": "dq and dk are multiplied by √d instead of divided"
            => parts(q, k, v, mask, d_out).gradients(q, k, d_out, |scale| (1.0 / scale, 1.0 / scale));
        "sign": "dq and dk have the wrong sign"
            => parts(q, k, v, mask, d_out).gradients(q, k, d_out, |scale| (-scale, -scale));
        "hidden-zero": "forbidden scores are set to 0 instead of −∞ when the weights are computed again: exp(0) = 1, so they still weigh"
            => {
                let scores = masked_scores(q, k, mask).mapv(|s| if s.is_finite() { s } else { 0.0 });
                Parts::of(softmax_rows(scores.view()), q.ncols(), v, d_out).gradients(q, k, d_out, both)
            };
        "scores-for-weights": "softmax_backward is given the scores; it takes the weights"
            => {
                let scores = masked_scores(q, k, mask);
                parts(q, k, v, mask, d_out).with(|p| back(&scores, &p.d_weights)).gradients(q, k, d_out, both)
            };
        "finite-scores-for-weights": "softmax_backward is given the scores; it takes the weights"
            => {
                let scores = masked_scores(q, k, mask).mapv(|s| if s.is_finite() { s } else { 0.0 });
                parts(q, k, v, mask, d_out).with(|p| back(&scores, &p.d_weights)).gradients(q, k, d_out, both)
            };
    }

    within {
        allowed: |allowed, (q, k, v, mask, d_out)| {
            let table = Mask::Dense(allowed(mask, q.nrows(), k.nrows()));
            crate::attention_backward(q, k, v, &table, d_out)
        };
        softmax_backward: |softmax_backward, (q, k, v, mask, d_out)| {
            let parts = parts(q, k, v, mask, d_out);
            let d_lse = Array1::zeros(q.nrows());
            let d_scores = softmax_backward(parts.weights.view(), parts.d_weights.view(), d_lse.view());
            parts.with(|_| d_scores.clone()).gradients(q, k, d_out, both)
        };
    }
}

/// The gradient with respect to the output: of the next kind, but tiny where a single key has all the
/// weight of each row. There, a large one would leave nothing but the rounding of equal products.
pub fn some_d_out(
    q: &Array2<f32>,
    k: &Array2<f32>,
    v: &Array2<f32>,
    mask: &Mask,
    kinds: &mut impl Iterator<Item = usize>,
    random: &mut Random,
) -> Array2<f32> {
    let is_large = [q, k].iter().any(|x| x.kinds(&Sizes::new()).contains(&"large"));
    let may = crate::allowed(mask, q.nrows(), k.nrows());
    let one_key = may.rows().into_iter().all(|row| row.iter().filter(|may| **may).count() <= 1);
    let kind = if is_large || one_key { 2 } else { kinds.next().unwrap_or(0) };
    some_values(kind, (q.nrows(), v.ncols()), random)
}

/// Through the whole Jacobian of each row's softmax, from the last query to the first.
fn by_jacobians(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    d_out: ArrayView2<f32>,
) -> Gradients {
    let scaled = &q / (q.ncols() as f32).sqrt();
    let mut scores = scaled.dot(&k.t());
    scores.zip_mut_with(&crate::allowed(mask, q.nrows(), k.nrows()), |s, &may| {
        *s = if may { *s } else { f32::NEG_INFINITY };
    });
    let weights = softmax_rows(scores.view());
    let d_scores = super::softmax_backward::by_jacobian(weights.view(), d_out.dot(&v.t()).view());
    let (mut dk, mut dv) = (Array2::zeros(k.raw_dim()), Array2::zeros(v.raw_dim()));
    for i in (0..q.nrows()).rev() {
        for j in 0..k.nrows() {
            dk.row_mut(j).scaled_add(d_scores[[i, j]], &scaled.row(i));
            dv.row_mut(j).scaled_add(weights[[i, j]], &d_out.row(i));
        }
    }
    Gradients { dq: d_scores.dot(&k) / (q.ncols() as f32).sqrt(), dk, dv }
}

/// Without weights kept: each is computed again from the log-sum-exp, and the sum of a row is
/// D = rowsum(dO⊙O). Where scores are large, the log-sum-exp has lost digits.
fn by_d_and_lse(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    d_out: ArrayView2<f32>,
) -> Gradients {
    from_lse(online(q, k, v, mask), q, k, v, mask, d_out)
}

fn from_lse(
    Output { out, lse }: Output,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    d_out: ArrayView2<f32>,
) -> Gradients {
    let big_d = (&d_out * &out).sum_axis(Axis(1));
    let table = crate::allowed(mask, q.nrows(), k.nrows());
    let root_d = (q.ncols() as f32).sqrt();
    let mut gradients = Gradients {
        dq: Array2::zeros(q.raw_dim()),
        dk: Array2::zeros(k.raw_dim()),
        dv: Array2::zeros(v.raw_dim()),
    };
    for j in 0..k.nrows() {
        for i in (0..q.nrows()).filter(|&i| table[[i, j]]) {
            let weight = (q.row(i).dot(&k.row(j)) / root_d - lse[i]).exp();
            let d_score = weight * (d_out.row(i).dot(&v.row(j)) - big_d[i]) / root_d;
            gradients.dv.row_mut(j).scaled_add(weight, &d_out.row(i));
            gradients.dk.row_mut(j).scaled_add(d_score, &q.row(i));
            gradients.dq.row_mut(i).scaled_add(d_score, &k.row(j));
        }
    }
    gradients
}

/// Where the gradients of a variant come from.
struct Parts {
    weights: Array2<f32>,
    d_weights: Array2<f32>,
    d_scores: Array2<f32>,
    scale: f32,
}

fn parts(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    d_out: ArrayView2<f32>,
) -> Parts {
    let weights = softmax_rows(masked_scores(q, k, mask).view());
    Parts::of(weights, q.ncols(), v, d_out)
}

/// Back through the softmax, with a loss that does not look at the log-sum-exp.
fn back(weights: &Array2<f32>, d_weights: &Array2<f32>) -> Array2<f32> {
    softmax_backward(weights.view(), d_weights.view(), Array1::zeros(weights.nrows()).view())
}

/// The right factors for dq and dk.
fn both(scale: f32) -> (f32, f32) {
    (scale, scale)
}

impl Parts {
    /// Of these weights, with queries of width `d`.
    fn of(weights: Array2<f32>, d: usize, v: ArrayView2<f32>, d_out: ArrayView2<f32>) -> Self {
        let d_weights = d_out.dot(&v.t());
        Parts {
            d_scores: back(&weights, &d_weights),
            scale: 1.0 / (d as f32).sqrt(),
            weights,
            d_weights,
        }
    }

    /// With other gradients of the scores.
    fn with(self, d_scores: impl Fn(&Self) -> Array2<f32>) -> Self {
        let d_scores = d_scores(&self);
        Parts { d_scores, ..self }
    }

    /// The gradients, with these factors of 1/√d for dq and dk.
    fn gradients(
        &self,
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        d_out: ArrayView2<f32>,
        factors: impl Fn(f32) -> (f32, f32),
    ) -> Gradients {
        let (of_q, of_k) = factors(self.scale);
        Gradients {
            dq: self.d_scores.dot(&k) * of_q,
            dk: self.d_scores.t().dot(&q) * of_k,
            dv: self.weights.t().dot(&d_out),
        }
    }
}
