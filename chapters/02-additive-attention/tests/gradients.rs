//! Gradients worked out on paper, checked by differences: those of this chapter, and chapter 1's.

use attn_core::random::Random;
use ch01_rnn_attention::{Readout, readout_backward};
use ch02_additive_attention::{Additive, additive_backward, finite_differences};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// The step that the chapter recommends.
const H: f64 = 1e-5;

/// Refuses a gradient in f32 that differences in f64 do not confirm: it may be off by its own
/// rounding, which is larger than their error.
#[track_caller]
fn confirm(name: &str, gradient: ArrayView2<f32>, differences: Array2<f64>) {
    let largest = differences.fold(0.0_f64, |most, x| most.max(x.abs()));
    let off = (&gradient.mapv(f64::from) - &differences).fold(0.0_f64, |most, x| most.max(x.abs()));
    println!("{name}: off by {off:.1e} of {largest:.2}");
    assert!(off < 1e-5 * largest, "{name}: {off:e} of {largest}");
}

fn wide<D: ndarray::Dimension>(x: &ndarray::Array<f32, D>) -> ndarray::Array<f64, D> {
    x.mapv(f64::from)
}

/// One row.
fn row<T: Clone>(x: ArrayView1<T>) -> Array2<T> {
    x.to_owned().insert_axis(Axis(0))
}

#[test]
fn differences_confirm_the_gradient_of_additive_scores() {
    let mut random = Random::new(1);
    let additive =
        Additive { w_q: random.normal((3, 4)), w_k: random.normal((2, 4)), v: random.normal(4) };
    let (q, k, d_scores) = (random.normal((5, 3)), random.normal((6, 2)), random.normal((5, 6)));
    let gradients = additive_backward(&additive, q.view(), k.view(), d_scores.view());

    // A loss whose gradient with respect to the scores is d_scores.
    let loss = |w_q: ArrayView2<f64>, w_k: ArrayView2<f64>, v: ArrayView1<f64>| {
        let (from_q, from_k) = (wide(&q).dot(&w_q), wide(&k).dot(&w_k));
        let terms = d_scores.indexed_iter().map(|((i, j), &d_score)| {
            let hidden = (&from_q.row(i) + &from_k.row(j)).mapv(f64::tanh);
            f64::from(d_score) * hidden.dot(&v)
        });
        terms.sum::<f64>()
    };
    let (w_q, w_k, v) = (wide(&additive.w_q), wide(&additive.w_k), wide(&additive.v));
    let of_w_q = |x: ArrayView2<f64>| loss(x, w_k.view(), v.view());
    confirm("dw_q", gradients.dw_q.view(), finite_differences(&of_w_q, w_q.view(), H));
    let of_w_k = |x: ArrayView2<f64>| loss(w_q.view(), x, v.view());
    confirm("dw_k", gradients.dw_k.view(), finite_differences(&of_w_k, w_k.view(), H));
    let of_v = |x: ArrayView2<f64>| loss(w_q.view(), w_k.view(), x.row(0));
    let differences = finite_differences(&of_v, row(v.view()).view(), H);
    confirm("dv", row(gradients.dv.view()).view(), differences);
}

#[test]
fn differences_confirm_the_gradient_at_the_read_out() {
    let mut random = Random::new(2);
    let readout = Readout { w: random.normal((4, 5)), b: random.normal(5) };
    let (states, targets) = (random.normal((3, 4)), [2, 0, 4]);
    let gradients = readout_backward(&readout, states.view(), &targets);

    let loss = |w: ArrayView2<f64>, b: ArrayView1<f64>, states: ArrayView2<f64>| {
        let logits = states.dot(&w) + b;
        let losses = logits.rows().into_iter().zip(targets);
        let losses = losses.map(|(row, target)| row.mapv(f64::exp).sum().ln() - row[target]);
        losses.sum::<f64>() / targets.len() as f64
    };
    let (w, b, s) = (wide(&readout.w), wide(&readout.b), wide(&states));
    let of_w = |x: ArrayView2<f64>| loss(x, b.view(), s.view());
    confirm("dw", gradients.dw.view(), finite_differences(&of_w, w.view(), H));
    let of_b = |x: ArrayView2<f64>| loss(w.view(), x.row(0), s.view());
    let differences = finite_differences(&of_b, row(b.view()).view(), H);
    confirm("db", row(gradients.db.view()).view(), differences);
    let of_states = |x: ArrayView2<f64>| loss(w.view(), b.view(), x);
    confirm("d_states", gradients.d_states.view(), finite_differences(&of_states, s.view(), H));
}

/// Differences find a gradient that is wrong: with the slope of the tanh left out, say.
#[test]
fn differences_refuse_a_wrong_gradient() {
    let mut random = Random::new(3);
    let additive =
        Additive { w_q: random.normal((2, 3)), w_k: random.normal((2, 3)), v: random.normal(3) };
    let (q, k) = (random.normal((2, 2)), random.normal((3, 2)));
    let ones = Array2::ones((2, 3));
    let right = additive_backward(&additive, q.view(), k.view(), ones.view()).dw_q;
    // Without the slope every pair gives v to its query.
    let wrong = q.t().dot(&Array2::from_shape_fn((2, 3), |(_, c)| 3.0 * additive.v[c]));
    let loss = |w_q: ArrayView2<f64>| {
        let (from_q, from_k) = (wide(&q).dot(&w_q), wide(&k).dot(&wide(&additive.w_k)));
        let v: Array1<f64> = wide(&additive.v);
        let rows = from_q.rows().into_iter();
        rows.map(|row| (&from_k + &row).mapv(f64::tanh).dot(&v).sum()).sum::<f64>()
    };
    let differences = finite_differences(&loss, wide(&additive.w_q).view(), H);
    let off = |gradient: &Array2<f32>| {
        (&wide(gradient) - &differences).fold(0.0_f64, |most, x| most.max(x.abs()))
    };
    assert!(off(&right) < 1e-5, "{}", off(&right));
    assert!(off(&wrong) > 0.1, "{}", off(&wrong));
}
