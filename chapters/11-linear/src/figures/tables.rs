//! Tables of bytes and of errors.

use crate::{Recurrence, mechanisms, positive_features, seeded::normal};
use attn_core::random::Random;
use attn_viz::thousands;
use ndarray::{Array2, ArrayView2};

/// One head of width 128 in 16 bits: its cache, and its state in 32 bits.
pub(super) fn bytes() -> String {
    let (d, state) = (128_u64, 4 * 128 * 128_u64);
    let mut table = String::from(
        "| tokens | cache, 16 bits | state, 32 bits | cache per state |\n| ---: | ---: | ---: | ---: |\n",
    );
    for tokens in [64_u64, 128, 1024, 8192, 65_536, 1_048_576] {
        let cache = 2 * 2 * d * tokens;
        table += &format!(
            "| {} | {}\u{a0}B | {}\u{a0}B | {} |\n",
            thousands(tokens),
            thousands(cache),
            thousands(state),
            cache as f64 / state as f64,
        );
    }
    table
}

/// The root mean square error of estimates of e^(q·k/√d), as a share of it, by the number of directions.
pub fn error_of_estimate(q: ArrayView2<f64>, k: ArrayView2<f64>, r: usize, draws: u64) -> f64 {
    let exact = (q.row(0).dot(&k.row(0)) / (q.ncols() as f64).sqrt()).exp();
    let squares = (0..draws).map(|seed| {
        let directions = normal(&mut Random::new(1000 + seed), (r, q.ncols()));
        let of = |x: ArrayView2<f64>| positive_features(x, directions.view());
        (of(q).row(0).dot(&of(k).row(0)) / exact - 1.0).powi(2)
    });
    (squares.sum::<f64>() / draws as f64).sqrt()
}

/// Lemma 2 of Performer's paper, as a share of the exact value.
pub fn predicted_error(q: ArrayView2<f64>, k: ArrayView2<f64>, r: usize) -> f64 {
    let root = (q.ncols() as f64).sqrt();
    let (q, k) = (&q.row(0) / root.sqrt(), &k.row(0) / root.sqrt());
    let sum = &q + &k;
    let length = sum.dot(&sum);
    ((length.exp() - 1.0) / r as f64).sqrt()
}

/// Two rows of width 16 with a cosine of about 1/2.
pub fn two_rows() -> (Array2<f64>, Array2<f64>) {
    let rows = normal(&mut Random::new(5), (2, 16)) * 0.4;
    let (a, b) = (rows.row(0).to_owned(), rows.row(1).to_owned());
    let near = (&a + &b) / 2.0_f64.sqrt();
    let row = |x: ndarray::Array1<f64>| x.insert_axis(ndarray::Axis(0));
    (row(a), row(near))
}

pub(super) fn estimates() -> String {
    let (q, k) = two_rows();
    let mut table =
        String::from("| directions r | error, measured | by Lemma 2 |\n| ---: | ---: | ---: |\n");
    for r in [16, 64, 256, 1024] {
        table += &format!(
            "| {} | {:.0}\u{a0}% | {:.0}\u{a0}% |\n",
            thousands(r as u64),
            100.0 * error_of_estimate(q.view(), k.view(), r, 400),
            100.0 * predicted_error(q.view(), k.view(), r),
        );
    }
    table
}

/// How large the last rows of a text are, without z: root mean square over the last 16 of n tokens.
pub fn size_after(recurrence: impl Fn(usize) -> Recurrence<f64>, n: usize) -> f64 {
    let random = &mut Random::new(7);
    let (d, mut state) = (16, Array2::zeros((16, 16)));
    // Keys and queries with a mean, as features that are never negative have one.
    let [q, k] =
        [0, 1].map(|_| normal(random, (n, d)).mapv(|x| (x + 1.0) / (2.0 * d as f64).sqrt()));
    let v = normal(random, (n, d)).mapv(|x| x + 0.5);
    let rows = recurrence(n).chunkwise(&mut state, q.view(), k.view(), v.view(), 32);
    let rows = rows.expect("gates and βs in their ranges");
    let last = rows.slice(ndarray::s![n - 16.., ..]);
    (last.mapv(|x| x * x).sum() / last.len() as f64).sqrt()
}

pub(super) fn growth() -> String {
    let mut table = String::from(
        "| tokens | sum | RetNet, head 0 | delta rule, β = 1/2 |\n| ---: | ---: | ---: | ---: |\n",
    );
    for n in [16, 64, 256, 1024] {
        let half = |n: usize| mechanisms::delta(ndarray::Array1::from_elem(n, 0.5).view());
        table += &format!(
            "| {} | {:.1} | {:.1} | {:.1} |\n",
            thousands(n as u64),
            size_after(|_| Recurrence::plain(), n),
            size_after(|_| mechanisms::retnet(0), n),
            size_after(half, n),
        );
    }
    table
}
