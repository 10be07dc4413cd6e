//! 3.8 `dropout_backward`: the way back through dropout

use super::{
    attention::dense_with_empty_row,
    attention_backward::some_d_out,
    attention_dropout::{factor, some_kept, with_kept, without},
};
use crate::{Gradients, allowed, attention_dropout, masked_scores, softmax_backward, softmax_rows};
use attn_core::Mask;
use attn_exercise::{SOME_VALUES, exercise, field};
use attn_oracle as oracle;
use ndarray::{Array1, Array2, ArrayView2, Axis, array};

exercise! {
    /// The inputs of attention with dropout, and the gradient with respect to its output.
    crate::dropout_backward: (
        q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], mask: Mask, kept: Array2<bool>[n m], p: f32,
        d_out: Array2<f32>[n d_v],
    ) -> Gradients;

    exact: |c| c.call(oracle::attention_dropout_backward::<f64>);
    plain: |c| [
        c.call(oracle::attention_dropout_backward::<f32>),
        c.call(by_d_and_lse),
        c.call(by_jacobians),
    ];
    steps: |c| {
        let parts = c.call(parts);
        [
            field("weights, before the dropout", &parts.weights),
            field("weights, after it", &parts.dropped),
            field("their gradient", &parts.d_dropped),
            field("d_weights, before the dropout", &parts.d_weights),
            field("d_scores", &parts.d_scores),
        ]
    };

    cases: |random| {
        let dense = dense_with_empty_row(random, 5, 6);
        let mut of = |about, (n, m), (d, d_v), mask, p| {
            let [q, k, v] = [(n, d), (m, d), (m, d_v)].map(|shape| random.normal(shape));
            let kept = some_kept((n, m), p, random);
            case(about, (q, k, v, mask, kept, p, random.normal((n, d_v))))
        };
        let mut cases = vec![
            case("by hand: −3/2 and 3/2", (
                array![[1.0, 1.0, 1.0, 1.0]],
                array![[0.0; 4], [2.0 * 3.0_f32.ln(), 0.0, 0.0, 0.0]],
                array![[8.0], [4.0]],
                Mask::None,
                array![[false, true]],
                0.5,
                array![[1.0]],
            )),
            of("", (3, 4), (4, 2), Mask::None, 0.5),
            of("", (4, 6), (8, 3), Mask::Causal, 0.25),
            of("the first two queries see nothing", (5, 3), (4, 4), Mask::Causal, 0.25),
            of("row 1 empty", (5, 6), (3, 5), dense, 0.1),
            of("a query alone", (1, 6), (4, 3), Mask::padding([true, false, true, true, false, true]), 0.5),
            of("", (31, 33), (16, 8), Mask::Prefix(5), 0.1),
            of("", (65, 63), (32, 16), Mask::Causal, 0.9),
        ];
        let mut all = of("all are kept, as p = 0 has it", (4, 5), (3, 2), Mask::Causal, 0.0);
        all.kept.fill(true);
        let mut none = of("none is kept", (4, 5), (3, 2), Mask::Causal, 0.75);
        none.kept.fill(false);
        let mut row = of("all that query 2 sees is dropped", (4, 6), (3, 2), Mask::Causal, 0.5);
        row.kept.row_mut(2).fill(false);
        cases.extend([all, none, row]);
        // Query 0 fits no key at all: every score of its row is far below zero.
        let mut large = of("scores of about ±10000", (4, 6), (16, 3), Mask::Causal, 0.25);
        large.k.mapv_inplace(|x| 100.0 * x.abs());
        large.q *= 100.0;
        large.q.row_mut(0).mapv_inplace(|x| -x.abs());
        cases.push(large);
        let mut kinds = (0..SOME_VALUES).cycle();
        let inputs: Vec<_> = with_kept(random).collect();
        cases.extend(inputs.into_iter().map(|(q, k, v, mask, kept, p)| {
            let d_out = some_d_out(&q, &k, &v, &mask, &mut kinds, random);
            case("small", (q, k, v, mask, kept, p, d_out))
        }));
        cases
    };

    right (q, k, v, mask, kept, p, d_out) {
        "D = rowsum(dO⊙O), weights from the log-sum-exp" => by_d_and_lse(q, k, v, mask, kept, p, d_out);
        "through whole Jacobians" => by_jacobians(q, k, v, mask, kept, p, d_out);
        "a table of factors" => {
            let factors = kept.mapv(|kept| f32::from(u8::from(kept)) / (1.0 - p));
            let weights = softmax_rows(masked_scores(q, k, mask).view());
            let d_weights = d_out.dot(&v.t()) * &factors;
            let d_scores = back(&weights, &d_weights) / (q.ncols() as f32).sqrt();
            Gradients { dq: d_scores.dot(&k), dk: d_scores.t().dot(&q), dv: (weights * factors).t().dot(&d_out) }
        };
        "f64 inside" => {
            let exact = oracle::attention_dropout_backward::<f64>(q, k, v, mask, kept, p, d_out);
            let narrow = |x: Array2<f64>| x.mapv(|x| x as f32);
            Gradients { dq: narrow(exact.dq), dk: narrow(exact.dk), dv: narrow(exact.dv) }
        };
    }

    mistakes (q, k, v, mask, kept, p, d_out) {
        "dropped-in-softmax": "the softmax's way back is given the dropped weights; its weights are those before the dropout, and a dropped key has a gradient too"
            => parts(q, k, v, mask, kept, p, d_out).with(|p| back(&p.dropped, &p.d_weights)).gradients(q, k, d_out);
        "dropped-in-softmax-d-out-v": "the softmax's way back is given the dropped weights and the gradient of the dropped weights; both have to be those before the dropout"
            => parts(q, k, v, mask, kept, p, d_out).with(|p| back(&p.dropped, &p.d_dropped)).gradients(q, k, d_out);
        "dropout-after-softmax": "on the way back the dropout comes after the softmax: the gradient of the scores is dropped, instead of that of the weights"
            => parts(q, k, v, mask, kept, p, d_out)
                .with(|parts| factor(back(&parts.weights, &parts.d_dropped).view(), kept, 1.0 / (1.0 - p), 0.0))
                .gradients(q, k, d_out);
        "no-dropout-back": "the gradient of the weights is not dropped: d_out · vᵀ belongs to the weights after the dropout"
            => parts(q, k, v, mask, kept, p, d_out).with(|p| back(&p.weights, &p.d_dropped)).gradients(q, k, d_out);
        "d-undropped": "the row's sum is the one without dropout: weights · d_weights with d_weights not dropped, or d_out · out with the out of plain attention"
            => parts(q, k, v, mask, kept, p, d_out)
                .with(|p| &p.weights * &(&p.d_weights - &row_sums(&p.weights, &p.d_dropped)))
                .gradients(q, k, d_out);
        "d-scaled-twice": "the row's sum is taken of the dropped weights and the dropped gradient, so that 1/(1 − p) is in it twice"
            => parts(q, k, v, mask, kept, p, d_out)
                .with(|p| &p.weights * &(&p.d_weights - &row_sums(&p.dropped, &p.d_weights)))
                .gradients(q, k, d_out);
        "no-row-term": "the softmax's gradient lacks the subtraction of the row's sum"
            => parts(q, k, v, mask, kept, p, d_out).with(|p| &p.weights * &p.d_weights).gradients(q, k, d_out);
        "kept-after-row-term": "what is dropped is dropped after the row's sum was subtracted, so that dropped keys get no gradient"
            => parts(q, k, v, mask, kept, p, d_out)
                .with(|p| factor(p.d_scores.view(), kept, 1.0, 0.0))
                .gradients(q, k, d_out);
        "d-weights-unscaled": "1/(1 − p) is missing in the gradient of the weights"
            => parts(q, k, v, mask, kept, p, d_out)
                .with(|p| back(&p.weights, &factor(p.d_dropped.view(), kept, 1.0, 0.0)))
                .gradients(q, k, d_out);
        "dv-unscaled": "1/(1 − p) is missing in dv"
            => with_dv(q, k, v, mask, kept, p, d_out, |p| factor(p.weights.view(), kept, 1.0, 0.0));
        "both-unscaled": "1/(1 − p) is missing on the way back: in dv and in the gradient of the weights"
            => {
                let Gradients { dq, dk, dv } = crate::dropout_backward(q, k, v, mask, kept, p, d_out);
                Gradients { dq: dq * (1.0 - p), dk: dk * (1.0 - p), dv: dv * (1.0 - p) }
            };
        "scaled-twice": "1/(1 − p) is in the gradient of the weights twice"
            => {
                let Gradients { dq, dk, dv } = crate::dropout_backward(q, k, v, mask, kept, p, d_out);
                Gradients { dq: dq / (1.0 - p), dk: dk / (1.0 - p), dv }
            };
        "dv-undropped": "dv is computed from the weights before the dropout; the values were multiplied by those after it"
            => with_dv(q, k, v, mask, kept, p, d_out, |p| p.weights.clone());
        "no-dropout": "the dropout is forgotten on the way back: these are the gradients of attention without it"
            => crate::attention_backward(q, k, v, mask, d_out);
        "as-hidden": "dropped keys are hidden before the softmax, like masked ones"
            => crate::attention_backward(q, k, v, &without(mask, kept), d_out);
        "flipped": "the polarity is flipped: the weights that `kept` keeps are dropped"
            => crate::dropout_backward(q, k, v, mask, kept.mapv(|kept| !kept).view(), p, d_out);
        "times-1-p": "1 − p is multiplied with instead of divided by"
            => {
                let Gradients { dq, dk, dv } = crate::dropout_backward(q, k, v, mask, kept, p, d_out);
                let factor = (1.0 - p).powi(2);
                Gradients { dq: dq * factor, dk: dk * factor, dv: dv * factor }
            };
        "mask-forgotten": "the weights are computed again without the mask"
            => crate::dropout_backward(q, k, v, &Mask::None, kept, p, d_out);
        "dk-unscaled": "dk is not divided by √d"
            => {
                let gradients = crate::dropout_backward(q, k, v, mask, kept, p, d_out);
                Gradients { dk: gradients.dk * (q.ncols() as f32).sqrt(), ..gradients }
            };
        "dq-unscaled": "dq is not divided by √d"
            => {
                let gradients = crate::dropout_backward(q, k, v, mask, kept, p, d_out);
                Gradients { dq: gradients.dq * (q.ncols() as f32).sqrt(), ..gradients }
            };
        "root-d-forgotten": "neither dq nor dk is divided by √d"
            => {
                let Gradients { dq, dk, dv } = crate::dropout_backward(q, k, v, mask, kept, p, d_out);
                let root_d = (q.ncols() as f32).sqrt();
                Gradients { dq: dq * root_d, dk: dk * root_d, dv }
            };
        "unscaled-weights": "the weights are computed again from scores that are not divided by √d"
            => {
                let root_d = (q.ncols() as f32).sqrt();
                let gradients = crate::dropout_backward((&q * root_d).view(), k, v, mask, kept, p, d_out);
                Gradients { dk: gradients.dk / root_d, ..gradients }
            };
        "dv-transposed-where-square": "the dropped weights are not transposed for dv where there are as many queries as keys"
            => match kept.is_square() {
                true => with_dv(q, k, v, mask, kept, p, d_out, |p| p.dropped.t().to_owned()),
                false => crate::dropout_backward(q, k, v, mask, kept, p, d_out),
            };
        "swapped": "dq and dk stand in each other's place"
            => {
                let Gradients { dq, dk, dv } = crate::dropout_backward(q, k, v, mask, kept, p, d_out);
                Gradients { dq: dk, dk: dq, dv }
            };
    }

    within {
        softmax_backward: |softmax_backward, (q, k, v, mask, kept, p, d_out)| {
            let d_lse = Array1::zeros(q.nrows());
            parts(q, k, v, mask, kept, p, d_out)
                .with(|p| softmax_backward(p.weights.view(), p.d_weights.view(), d_lse.view()))
                .gradients(q, k, d_out)
        };
    }
}

/// Where the gradients of a variant come from.
struct Parts {
    /// Before the dropout, and after it.
    weights: Array2<f32>,
    dropped: Array2<f32>,
    /// The gradient of the dropped weights, and of those before.
    d_dropped: Array2<f32>,
    d_weights: Array2<f32>,
    d_scores: Array2<f32>,
}

fn parts(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    kept: ArrayView2<bool>,
    p: f32,
    d_out: ArrayView2<f32>,
) -> Parts {
    let weights = softmax_rows(masked_scores(q, k, mask).view());
    let d_dropped = d_out.dot(&v.t());
    let thin = |x: &Array2<f32>| factor(x.view(), kept, 1.0 / (1.0 - p), 0.0);
    let (dropped, d_weights) = (thin(&weights), thin(&d_dropped));
    Parts { d_scores: back(&weights, &d_weights), weights, dropped, d_dropped, d_weights }
}

impl Parts {
    /// With other gradients of the scores.
    fn with(self, d_scores: impl Fn(&Self) -> Array2<f32>) -> Self {
        let d_scores = d_scores(&self);
        Parts { d_scores, ..self }
    }

    fn gradients(
        &self,
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        d_out: ArrayView2<f32>,
    ) -> Gradients {
        let d_products = &self.d_scores / (q.ncols() as f32).sqrt();
        Gradients {
            dq: d_products.dot(&k),
            dk: d_products.t().dot(&q),
            dv: self.dropped.t().dot(&d_out),
        }
    }
}

/// The right dq and dk, with dv of other weights.
#[allow(clippy::too_many_arguments)] // those of the exercise, and the weights
fn with_dv(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    kept: ArrayView2<bool>,
    p: f32,
    d_out: ArrayView2<f32>,
    weights: impl Fn(&Parts) -> Array2<f32>,
) -> Gradients {
    let parts = parts(q, k, v, mask, kept, p, d_out);
    let dropped = weights(&parts);
    Parts { dropped, ..parts }.gradients(q, k, d_out)
}

/// Back through the softmax, with a loss that does not look at the log-sum-exp.
fn back(weights: &Array2<f32>, d_weights: &Array2<f32>) -> Array2<f32> {
    softmax_backward(weights.view(), d_weights.view(), Array1::zeros(weights.nrows()).view())
}

/// `Σ_j a[i,j] b[i,j]`, n×1.
fn row_sums(a: &Array2<f32>, b: &Array2<f32>) -> Array2<f32> {
    (a * b).sum_axis(Axis(1)).insert_axis(Axis(1))
}

/// Without weights kept: each is computed again from the log-sum-exp, and the sum of a row is
/// D = rowsum(dO⊙O) with the output that the dropout gave.
fn by_d_and_lse(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    kept: ArrayView2<bool>,
    p: f32,
    d_out: ArrayView2<f32>,
) -> Gradients {
    let output = attention_dropout(q, k, v, mask, kept, p);
    let big_d = (&d_out * &output.out).sum_axis(Axis(1));
    let table = allowed(mask, q.nrows(), k.nrows());
    let root_d = (q.ncols() as f32).sqrt();
    let mut gradients = Gradients {
        dq: Array2::zeros(q.raw_dim()),
        dk: Array2::zeros(k.raw_dim()),
        dv: Array2::zeros(v.raw_dim()),
    };
    for j in 0..k.nrows() {
        for i in (0..q.nrows()).filter(|&i| table[[i, j]]) {
            let weight = (q.row(i).dot(&k.row(j)) / root_d - output.lse[i]).exp();
            let factor = if kept[[i, j]] { 1.0 / (1.0 - p) } else { 0.0 };
            let d_weight = factor * d_out.row(i).dot(&v.row(j));
            let d_score = weight * (d_weight - big_d[i]) / root_d;
            gradients.dv.row_mut(j).scaled_add(weight * factor, &d_out.row(i));
            gradients.dk.row_mut(j).scaled_add(d_score, &q.row(i));
            gradients.dq.row_mut(i).scaled_add(d_score, &k.row(j));
        }
    }
    gradients
}

/// Through the whole Jacobian of each row's softmax.
fn by_jacobians(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    kept: ArrayView2<bool>,
    p: f32,
    d_out: ArrayView2<f32>,
) -> Gradients {
    let parts = parts(q, k, v, mask, kept, p, d_out);
    let d_scores =
        super::softmax_backward::by_jacobian(parts.weights.view(), parts.d_weights.view());
    parts.with(|_| d_scores.clone()).gradients(q, k, d_out)
}
