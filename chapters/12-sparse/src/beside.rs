//! Somebody's functions beside the reference's, on inputs on which they may differ.

use crate::{
    functions::{Functions, REFERENCE},
    given::{Pattern, Stream, Work, draw_keys},
    seeded::normal,
};
use attn_core::random::Random;
use ndarray::{Array1, Array2};

/// The first call of each function whose answer is not the reference's: its exercise, its name, and what
/// differs.
pub fn differences(by: &Functions) -> Vec<(&'static str, &'static str, String)> {
    let mut found: Vec<(&str, &str, String)> = Vec::new();
    let mut note = |id: &'static str, item: &'static str, what: Option<String>| {
        if let (Some(what), false) = (what, found.iter().any(|(other, ..)| *other == id)) {
            found.push((id, item, what));
        }
    };
    let mut random = Random::new(12);
    for round in 0..24 {
        let n = 2 + random.below(14);
        let causal = round % 2 == 0;
        let pattern = Pattern {
            window: 1 + 2 * random.below(3) + usize::from(causal && round % 4 == 0),
            dilation: 1 + round / 2 % 2,
            globals: if round % 3 == 0 { Vec::new() } else { vec![random.below(n), 0] },
            random: if round % 5 == 0 {
                Vec::new()
            } else {
                draw_keys(&mut random, n, 1 + round % 3)
            },
            causal,
        };
        let mut rows = Vec::new();
        for i in 0..n {
            let right = (REFERENCE.pattern_row)(&pattern, i, n);
            let answer = (by.pattern_row)(&pattern, i, n);
            let what = (answer != right)
                .then(|| format!("token {i} of {n}: the row is {answer:?}, should be {right:?}"));
            note("12.2", "pattern_row", what);
            rows.push(right);
        }
        let (d, d_v) = (2 + 2 * random.below(3), 1 + random.below(3));
        let (q, k, v) = (
            normal(&mut random, (n, d)),
            normal(&mut random, (n, d)),
            normal(&mut random, (n, d_v)),
        );
        rows[n - 1].clear();
        let (mut counted, mut should) = (Work::default(), Work::default());
        let answer = (by.sparse_attention)(q.view(), k.view(), v.view(), &rows, &mut counted);
        let right = (REFERENCE.sparse_attention)(q.view(), k.view(), v.view(), &rows, &mut should);
        note(
            "12.4",
            "sparse_attention",
            table(&answer, &right).or_else(|| {
                let (got, right) = (counted.products, should.products);
                (got != right).then(|| format!("{got} products were computed, should be {right}"))
            }),
        );
        let mut index: Array2<f64> =
            normal(&mut random, (n, n)).mapv(|x: f64| (2.0 * x).round() + 0.0); // no −0
        index
            .indexed_iter_mut()
            .filter(|((i, j), _)| j > i)
            .for_each(|(_, x)| *x = f64::NEG_INFINITY);
        let keep = 1 + random.below(n);
        let answer = (by.top_k_attention)(q.view(), k.view(), v.view(), index.view(), keep);
        let right = (REFERENCE.top_k_attention)(q.view(), k.view(), v.view(), index.view(), keep);
        note("12.11", "top_k_attention", table(&answer, &right));
        let (mut theirs, mut ours) =
            (Stream::new(round % 3, 1 + round % 4), Stream::new(round % 3, 1 + round % 4));
        for t in 0..n {
            let answer = (by.stream_step)(&mut theirs, q.row(t), k.row(t), v.row(t));
            let right = (REFERENCE.stream_step)(&mut ours, q.row(t), k.row(t), v.row(t));
            let what = row(&answer, &right).map(|what| format!("token {t}: {what}"));
            let kept = (theirs.keys.len() != ours.keys.len()).then(|| {
                format!(
                    "token {t}: the cache has {} tokens, should have {}",
                    theirs.keys.len(),
                    ours.keys.len()
                )
            });
            note("12.6", "stream_step", what.or(kept));
            theirs = ours.clone();
        }
    }
    found
}

fn row(answer: &Array1<f64>, right: &Array1<f64>) -> Option<String> {
    let to = |x: &Array1<f64>| x.view().insert_axis(ndarray::Axis(0)).to_owned();
    table(&to(answer), &to(right))
}

/// The first entry that is not the same.
fn table(answer: &Array2<f64>, right: &Array2<f64>) -> Option<String> {
    if answer.dim() != right.dim() {
        return Some(format!("the shape is {:?}, should be {:?}", answer.dim(), right.dim()));
    }
    let same = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-6 * (1.0 + b.abs());
    let mut entries = answer.indexed_iter().zip(right);
    let ((at, answer), right) = entries.find(|((_, a), b)| !same(**a, **b))?;
    Some(format!("out[{},{}] is {answer:.4}, should be {right:.4}", at.0, at.1))
}
