//! Chapter 11, with features that make it softmax attention.
//!
//! The exponential of a score is no product of two vectors of a fixed width, but for a text of m keys it
//! is one of width m: a key's features say which key it is, and a query's are the exponentials of its
//! scores. So linear attention is exact with m features, and its state is then no smaller than the cache.

use crate::{
    path::{DOUBLE, Path, Widths},
    problem::{Problem, Setting},
};
use ch11_linear::{
    Forget, Read, Recurrence, bonus_step, chunked, gated_scores, given::State, linear_attention,
    linear_step,
};
use ndarray::{Array1, Array2, Array3, Axis, concatenate, s};

const LINEAR: Path = Path {
    name: "linear, parallel",
    chapter: 11,
    condition: "one feature for each key",
    settings: Setting::CAUSAL,
    widths: Widths::Any,
    error: DOUBLE,
    run: |p| features(p, |q, k, v| linear_attention(q.view(), k.view(), v.view())),
};

pub(super) const PATHS: &[Path] = &[
    LINEAR,
    Path {
        name: "linear, token by token",
        run: |p| {
            features(p, |q, k, v| {
                let mut state = State::empty(k.ncols(), v.ncols());
                rows(q.nrows(), v.ncols(), |t| {
                    linear_step(&mut state, q.row(t), k.row(t), v.row(t))
                })
            })
        },
        ..LINEAR
    },
    Path {
        name: "RetNet in chunks",
        condition: "one feature for each key, γ = 1, z as one more value",
        run: |p| {
            with_z(p, |q, k, v| {
                let mut state = Array2::zeros((k.ncols(), v.ncols()));
                chunked(&mut state, q.view(), k.view(), v.view(), 1.0, 3)
            })
        },
        ..LINEAR
    },
    Path {
        name: "gated linear attention",
        condition: "one feature for each key, all gates 1, z as one more value",
        run: |p| {
            with_z(p, |q, k, v| {
                let open = Array2::zeros(k.dim());
                gated_scores(q.view(), k.view(), open.view()).dot(v)
            })
        },
        ..LINEAR
    },
    Path {
        name: "RWKV-6, token by token",
        condition: "one feature for each key, gates and bonus 1, z as one more value",
        run: |p| {
            with_z(p, |q, k, v| {
                let (mut state, one) =
                    (Array2::zeros((k.ncols(), v.ncols())), Array1::ones(k.ncols()));
                rows(q.nrows(), v.ncols(), |t| {
                    let (q, k, v) = (q.row(t), k.row(t), v.row(t));
                    bonus_step(&mut state, q, k, v, one.view(), one.view())
                })
            })
        },
        ..LINEAR
    },
    Path {
        name: "the recurrence, token by token",
        condition: "one feature for each key, A = I, z as one more value",
        run: |p| {
            with_z(p, |q, k, v| {
                let mut state = Array2::zeros((k.ncols(), v.ncols()));
                let recurrence = Recurrence::plain();
                recurrence.recurrent(&mut state, q.view(), k.view(), v.view()).expect("sizes fit")
            })
        },
        ..LINEAR
    },
    Path {
        name: "the recurrence in chunks",
        condition: "one feature for each key, all gates and the bonus 1, z as one more value",
        run: |p| {
            with_z(p, |q, k, v| {
                let mut state = Array2::zeros((k.ncols(), v.ncols()));
                let recurrence = Recurrence {
                    forget: Forget::Channels(Array2::zeros(k.dim())),
                    read: Read::Before(Array1::ones(k.ncols())),
                    ..Recurrence::plain()
                };
                recurrence.chunkwise(&mut state, q.view(), k.view(), v.view(), 4).expect("they fit")
            })
        },
        ..LINEAR
    },
];

/// One row for each token.
fn rows(n: usize, width: usize, mut row: impl FnMut(usize) -> Array1<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((n, width));
    for (t, mut own) in out.rows_mut().into_iter().enumerate() {
        own.assign(&row(t));
    }
    out
}

/// Each head by itself. Tokens before the first query have features of 0 in its place, and their rows are
/// dropped.
fn features(
    p: &Problem,
    attend: impl Fn(&Array2<f64>, &Array2<f64>, &Array2<f64>) -> Array2<f64>,
) -> Array3<f64> {
    p.by_head(|q, k, v| {
        let ((n, d), m) = (q.dim(), k.nrows());
        let [q, k, v] = [q, k, v].map(|x| x.mapv(f64::from));
        let mut scores = q.dot(&k.t()) / (d as f64).sqrt();
        for mut row in scores.rows_mut() {
            let row_max = row.fold(f64::NEG_INFINITY, |most: f64, &s| most.max(s));
            row.mapv_inplace(|s| (s - row_max).exp());
        }
        let q = concatenate![Axis(0), Array2::zeros((m - n, m)), scores];
        attend(&q, &Array2::eye(m), &v).slice(s![m - n.., ..]).to_owned()
    })
}

/// As [`features`], for forms that do not divide: a column of ones beside the values collects the sum of
/// the weights, by which the others are divided.
fn with_z(
    p: &Problem,
    attend: impl Fn(&Array2<f64>, &Array2<f64>, &Array2<f64>) -> Array2<f64>,
) -> Array3<f64> {
    features(p, |q, k, v| {
        let width = v.ncols();
        let v = concatenate![Axis(1), *v, Array2::ones((v.nrows(), 1))];
        let sums = attend(q, k, &v);
        let z = sums.slice(s![.., width..]);
        let z = z.mapv(|z| if z == 0.0 { 1.0 } else { z });
        &sums.slice(s![.., ..width]) / &z
    })
}
