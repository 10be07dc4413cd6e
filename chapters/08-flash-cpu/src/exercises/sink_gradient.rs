//! 8.10 `sink_gradient`

use super::flash_forward::{by_hand, small};
use crate::{
    checked::mask,
    given::{Output, seen},
};
use attn_exercise::{SOME_VALUES, exercise, field};
use attn_oracle as oracle;
use ch03_scaled_dot_product::exercises::attention_backward::some_d_out;
use ndarray::{Array0, Array1, Array2, ArrayView2, Axis, NdFloat, arr0, array};

exercise! {
    /// The inputs of the forward pass, its sink, and the gradient with respect to its output.
    crate::sink_gradient as fn(&Output, ArrayView2<f32>, f32) -> f32: (
        q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], causal: bool, sink: f32, d_out: Array2<f32>[n d_v],
    ) -> Array0<f32>;
    answer: |sink_gradient, c| arr0(sink_gradient(&forward(c), c.d_out.view(), c.sink));

    exact: |c| arr0(exact::<f64>(c));
    plain: |c| [arr0(exact::<f32>(c))];
    steps: |c| {
        let forward = forward(c);
        let weights: Array1<f32> = forward.lse.iter().map(|lse| (c.sink - lse).exp()).collect();
        [
            field("out", &forward.out),
            field("lse", &forward.lse),
            field("the sink's weight in each row", &weights),
            field("D", &(&c.d_out * &forward.out).sum_axis(Axis(1))),
        ]
    };

    cases: |random| {
        let (q, k, v) = by_hand();
        let mut of = |about, (n, m), (d, d_v), causal, sink| {
            let (q, k, v) = (random.normal((n, d)), random.normal((m, d)), random.normal((m, d_v)));
            case(about, (q, k, v, causal, sink, random.normal((n, d_v))))
        };
        let mut cases = vec![
            case("by hand: −17/64", (q, k, v, false, 0.0, array![[1.0]])),
            of("", (5, 7), (4, 3), false, 1.5),
            of("", (1, 1), (1, 1), false, -0.5),
            of("", (3, 6), (4, 4), true, 0.7),
            of("the first three queries see nothing", (6, 3), (8, 2), true, -1.0),
            of("no sink: −∞", (5, 4), (4, 3), true, f32::NEG_INFINITY),
            of("a sink far above the scores", (4, 6), (4, 3), false, 9.0),
            of("", (33, 31), (16, 8), true, 3.0),
            of("", (31, 129), (64, 32), true, 4.0),
        ];
        let mut kinds = (0..SOME_VALUES).cycle();
        let sinks = [0.0, 2.5, -1.5, 0.3].into_iter().cycle();
        let inputs: Vec<_> = small(random).zip(sinks).collect();
        cases.extend(inputs.into_iter().map(|((q, k, v, causal, _), sink)| {
            let d_out = some_d_out(&q, &k, &v, &mask(causal), &mut kinds, random);
            case("small", (q, k, v, causal, sink, d_out))
        }));
        cases
    };

    right (forward, d_out, sink) {
        "entry by entry, from the back" => {
            let mut d_sink = 0.0;
            for ((i, c), d) in d_out.indexed_iter().collect::<Vec<_>>().into_iter().rev() {
                if sink > f32::NEG_INFINITY {
                    d_sink -= (sink - forward.lse[i]).exp() * d * forward.out[[i, c]];
                }
            }
            d_sink
        };
        "whole arrays" => {
            let weights = forward.lse.mapv(|lse| if sink.is_finite() { (sink - lse).exp() } else { 0.0 });
            -weights.dot(&(&forward.out * &d_out).sum_axis(Axis(1)))
        };
        "in f64" => {
            let terms = forward.out.indexed_iter().map(|((i, c), &out)| {
                let weight = if sink.is_finite() { (f64::from(sink) - f64::from(forward.lse[i])).exp() } else { 0.0 };
                -weight * f64::from(out) * f64::from(d_out[[i, c]])
            });
            terms.sum::<f64>() as f32
        };
    }

    mistakes (forward, d_out, sink) {
        "sign": "the sign is wrong: a larger sink takes from the keys, so that out becomes smaller"
            => -crate::sink_gradient(forward, d_out, sink);
        "no-weight": "the weight of the sink is missing: the D of all rows are summed as they are"
            => sum(forward, d_out, sink, |_, d| -d);
        "one-minus-weight": "D is multiplied by w(1 − w), the slope of a sigmoid; D holds the output as it is with the sink, so that w alone is left"
            => sum(forward, d_out, sink, |w, d| -w * (1.0 - w) * d);
        "what-is-left": "D is multiplied by 1 − w, what the sink leaves to the keys, instead of w, what it takes"
            => sum(forward, d_out, sink, |w, d| -(1.0 - w) * d);
        "without-out": "D is the sum of the row of d_out alone; it is the sum of d_out ⊙ out"
            => with_out(forward, d_out, sink, |_, _| 1.0);
        "squares-of-out": "D is the sum of out²; it is the sum of d_out ⊙ out"
            => sum_of(forward, d_out, sink, |out, _| out * out);
        "squares-of-d-out": "D is the sum of d_out²; it is the sum of d_out ⊙ out"
            => sum_of(forward, d_out, sink, |_, d_out| d_out * d_out);
        "weight-without-sink": "the weight is e^(−lse), without the sink in the exponent"
            => crate::sink_gradient(&Output { out: forward.out.clone(), lse: &forward.lse + sink.max(-1e30) }, d_out, sink);
        "weight-without-lse": "the weight is e^sink, which is not divided by the row's denominator"
            => crate::sink_gradient(&Output { out: forward.out.clone(), lse: &forward.lse * 0.0 }, d_out, sink);
        "weight-inverted": "the exponent has the wrong sign: the weight is e^(sink − lse), at most 1"
            => sum(forward, d_out, sink, |w, d| if w == 0.0 { 0.0 } else { -d / w });
        "sink-as-weight": "the sink itself is taken for its weight; that is e^(sink − lse)"
            => sum(forward, d_out, sink, |_, d| -d) * if sink.is_finite() { sink } else { 0.0 };
        "mean": "the rows are averaged; the sink is one number for all of them, so their shares add"
            => crate::sink_gradient(forward, d_out, sink) / forward.out.nrows() as f32;
        "last-row": "only the last row counts: each one overwrites the one before"
            => {
                let i = forward.out.nrows() - 1;
                row(forward, d_out, sink, i)
            };
        "first-row": "only the first row counts"
            => row(forward, d_out, sink, 0);
        "by-width": "the sum over the columns is divided by d_v: D is a sum, no mean"
            => crate::sink_gradient(forward, d_out, sink) / forward.out.ncols() as f32;
        "by-root": "the result is divided by √d_v, as if the sink were a scaled score; it is not scaled"
            => crate::sink_gradient(forward, d_out, sink) / (forward.out.ncols() as f32).sqrt();
        "sums-multiplied": "the sum of the weights is multiplied by the sum of the D; each row has its own product"
            => sum(forward, d_out, sink, |w, _| w) * sum(forward, d_out, sink, |_, d| -d);
        "magnitudes": "the magnitudes of the rows are summed; they may have either sign"
            => sum(forward, d_out, sink, |w, d| -(w * d).abs());
        "nan-from-nothing": "e^(−∞ − (−∞)) is computed for a row without keys where the sink is −∞: that is NaN, and such a row has no share"
            => match forward.lse.iter().any(|&lse| lse == f32::NEG_INFINITY) {
                true => f32::NAN,
                false => crate::sink_gradient(forward, d_out, sink),
            };
    }
}

fn forward(c: &Case) -> Output {
    crate::sink_attention(c.q.view(), c.k.view(), c.v.view(), c.causal, c.sink)
}

/// By the whole Jacobian of the softmax, in which the sink is one more key with a value of zero:
/// ∂w_j/∂sink = −w_j w_sink.
fn exact<F: NdFloat>(c: &Case) -> F {
    let scores = oracle::scores::<F>(c.q.view(), c.k.view(), &mask(c.causal));
    let (v, d_out) = (oracle::to::<F>(c.v.view()), oracle::to::<F>(c.d_out.view()));
    let mut d_sink = F::zero();
    for i in 0..c.q.nrows() {
        let mut row = scores.row(i).to_vec();
        row.push(F::from(c.sink).expect("f32 fits every float"));
        let (_, weights) = oracle::softmax(&row);
        let m = c.k.nrows();
        for j in 0..seen(i, c.q.nrows(), m, c.causal) {
            for column in 0..v.ncols() {
                d_sink -= weights[j] * weights[m] * v[[j, column]] * d_out[[i, column]];
            }
        }
    }
    d_sink
}

/// The sum over rows of `term(w, D)`.
fn sum(forward: &Output, d_out: ArrayView2<f32>, sink: f32, term: fn(f32, f32) -> f32) -> f32 {
    let d = (&forward.out * &d_out).sum_axis(Axis(1));
    let weight = |lse: f32| if sink.is_finite() { (sink - lse).exp() } else { 0.0 };
    forward.lse.iter().zip(&d).map(|(&lse, &d)| term(weight(lse), d)).sum()
}

/// The sum over rows of −w times the sum of `of(out, d_out)`.
fn sum_of(forward: &Output, d_out: ArrayView2<f32>, sink: f32, of: fn(f32, f32) -> f32) -> f32 {
    let mut products = forward.out.clone();
    products.zip_mut_with(&d_out, |out, &d| *out = of(*out, d));
    let weights = forward.lse.mapv(|lse| if sink.is_finite() { (sink - lse).exp() } else { 0.0 });
    -weights.dot(&products.sum_axis(Axis(1)))
}

fn with_out(forward: &Output, d_out: ArrayView2<f32>, sink: f32, out: fn(f32, f32) -> f32) -> f32 {
    let mut other = forward.out.clone();
    other.zip_mut_with(&d_out, |x, &d| *x = out(*x, d));
    crate::sink_gradient(&Output { out: other, lse: forward.lse.clone() }, d_out, sink)
}

/// The share of a single row.
fn row(forward: &Output, d_out: ArrayView2<f32>, sink: f32, i: usize) -> f32 {
    let one = Output {
        out: forward.out.row(i).to_owned().insert_axis(Axis(0)),
        lse: array![forward.lse[i]],
    };
    crate::sink_gradient(&one, d_out.row(i).insert_axis(Axis(0)), sink)
}
