//! Somebody's functions beside the reference's, on rows that are drawn: what a long text hides is seen here.

use crate::{
    functions::{Functions, REFERENCE},
    given::State,
    seeded::{normal, units},
};
use attn_core::random::Random;
use ndarray::{Array, ArrayView, Dimension};

/// A function that gave another answer than the reference's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The exercise.
    pub id: &'static str,
    /// The function.
    pub item: &'static str,
    /// Where, what it gave, and what the reference gave.
    pub what: String,
}

/// Compares somebody's functions with the reference's: features of both signs, steps one after another, chunks
/// that do not divide the text, decays down to 0, and writing by shares.
///
/// ```
/// use ch11_linear::{beside::compare, functions::{Functions, REFERENCE}};
/// assert_eq!(compare(REFERENCE), []);
/// let halves = Functions { feature_map: |x| x.mapv(|x| x / 2.0), ..REFERENCE };
/// assert_eq!(compare(halves)[0].item, "feature_map");
/// ```
pub fn compare(by: Functions) -> Vec<Difference> {
    let found = [
        ("11.1", "feature_map", features(by)),
        ("11.3", "linear_step", steps(by)),
        ("11.4", "chunked", chunks(by)),
        ("11.8", "delta_step", writes(by)),
    ];
    let found = found.into_iter();
    found.filter_map(|(id, item, what)| Some(Difference { id, item, what: what? })).collect()
}

/// The first number that differs by more than f32 would lose.
fn apart<D: Dimension>(
    what: &str,
    got: ArrayView<f64, D>,
    wanted: ArrayView<f64, D>,
) -> Option<String> {
    if got.raw_dim() != wanted.raw_dim() {
        let (got, wanted) = (got.shape(), wanted.shape());
        return Some(format!("{what} has the shape {got:?}, should have {wanted:?}"));
    }
    let scale = wanted.fold(1.0_f64, |largest, x| largest.max(x.abs()));
    let mut pairs = got.iter().zip(&wanted);
    let (got, wanted) = pairs.find(|(got, wanted)| {
        let near = (*got - *wanted).abs() <= 1e-5 * scale;
        !near
    })?;
    Some(format!("{what} has {got:.4}, should have {wanted:.4}"))
}

fn features(by: Functions) -> Option<String> {
    let x: Array<f64, _> = normal(&mut Random::new(1), (4, 6)) * 2.0;
    let [got, wanted] = [by, REFERENCE].map(|by| (by.feature_map)(x.view()));
    apart("the result", got.view(), wanted.view())
}

fn steps(by: Functions) -> Option<String> {
    let mut random = Random::new(2);
    let [q, k, v] = [5, 5, 3].map(|width| normal(&mut random, (8, width)).mapv(f64::abs));
    let mut state = State::empty(5, 3);
    (0..8).find_map(|t| {
        let token = |by: Functions| {
            let mut state = state.clone();
            let out = (by.linear_step)(&mut state, q.row(t), k.row(t), v.row(t));
            (out, state)
        };
        let (got, wanted) = (token(by), token(REFERENCE));
        state = wanted.1.clone();
        apart(&format!("S after token {t}"), got.1.s.view(), wanted.1.s.view())
            .or_else(|| apart(&format!("z after token {t}"), got.1.z.view(), wanted.1.z.view()))
            .or_else(|| apart(&format!("what token {t} reads"), got.0.view(), wanted.0.view()))
    })
}

fn chunks(by: Functions) -> Option<String> {
    let mut random = Random::new(3);
    [(12, 4, 1.0), (13, 4, 0.9), (13, 1, 0.5), (5, 8, 0.9), (6, 3, 0.0)].into_iter().find_map(
        |(n, chunk, gamma)| {
            let [q, k] = [(); 2].map(|()| normal(&mut random, (n, 4)));
            let (v, before) = (normal(&mut random, (n, 3)), normal(&mut random, (4, 3)));
            let text = |by: Functions| {
                let mut state = before.clone();
                let rows = (by.chunked)(&mut state, q.view(), k.view(), v.view(), gamma, chunk);
                (rows, state)
            };
            let (got, wanted) = (text(by), text(REFERENCE));
            let name =
                |what: &str| format!("{what} of {n} tokens in chunks of {chunk}, γ = {gamma},");
            apart(&name("a row"), got.0.view(), wanted.0.view())
                .or_else(|| apart(&name("the state"), got.1.view(), wanted.1.view()))
        },
    )
}

fn writes(by: Functions) -> Option<String> {
    let mut random = Random::new(4);
    let (keys, values) = (units(&mut random, 6, 4), normal(&mut random, (6, 3)));
    let mut state = normal(&mut random, (4, 3));
    [1.0, 0.5, 0.0, 2.0, 0.25, 1.0].into_iter().enumerate().find_map(|(t, beta)| {
        // A key that is not of length 1 is written as it is.
        let key = &keys.row(t) * if t < 3 { 1.0 } else { 0.8 };
        let written = |by: Functions| {
            let mut state = state.clone();
            (by.delta_step)(&mut state, key.view(), values.row(t), beta);
            state
        };
        let (got, wanted) = (written(by), written(REFERENCE));
        state = wanted.clone();
        apart(&format!("the state after a write with β = {beta}"), got.view(), wanted.view())
    })
}
