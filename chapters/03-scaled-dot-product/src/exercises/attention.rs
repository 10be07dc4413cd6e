//! 3.3 `attention`

mod mistakes;

use super::oracle;
use crate::{Output, allowed, masked_scores, softmax_rows};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Exercise, Field, Fields, Finding, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array2, ArrayView2, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, &Mask) -> Output;

/// The inputs of attention: `q` n×d, `k` m×d, `v` m×d_v and a mask. Gradients are tried on the same
/// ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    pub(super) q: Array2<f32>,
    pub(super) k: Array2<f32>,
    pub(super) v: Array2<f32>,
    pub(super) mask: Mask,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("q", &self.q),
            field("k", &self.k),
            field("v", &self.v),
            field("mask", &allowed(&self.mask, self.q.nrows(), self.k.nrows())),
        ]
    }

    fn label(&self) -> String {
        let ((n, d), (m, d_v)) = (self.q.dim(), self.v.dim());
        let Case { mask, about, .. } = self;
        let about = if about.is_empty() {
            String::new()
        } else {
            format!(", {about}")
        };
        format!("n={n} m={m} d={d} d_v={d_v}, mask {mask}{about}")
    }
}

impl Fields for Output {
    fn fields(&self) -> Vec<Field> {
        vec![field("out", &self.out), field("lse", &self.lse)]
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Output> {
    Exercise {
        id: "3.3",
        cases,
        answer: |attention, Case { q, k, v, mask, .. }| {
            attention(q.view(), k.view(), v.view(), mask)
        },
        judge,
        solution: crate::attention,
        mistakes: mistakes::mistakes(),
        steps,
    }
}

/// Standard normal inputs of these sizes.
pub(super) fn random_case(
    random: &mut Random,
    about: &str,
    (n, m): (usize, usize),
    (d, d_v): (usize, usize),
    mask: Mask,
) -> Case {
    Case {
        about: about.into(),
        q: random.normal((n, d)),
        k: random.normal((m, d)),
        v: random.normal((m, d_v)),
        mask,
    }
}

/// A dense mask in which row 1 may attend to nothing.
pub(super) fn dense_with_empty_row(random: &mut Random, n: usize, m: usize) -> Mask {
    let mut table = random.uniform((n, m)).mapv(|draw| draw < 0.6);
    table.row_mut(1).fill(false);
    Mask::Dense(table)
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let by_hand = Case {
        about: "by hand: weights 1/4 and 3/4".into(),
        q: array![[1.0, 1.0, 1.0, 1.0]],
        k: array![[0.0; 4], [2.0 * 3.0_f32.ln(), 0.0, 0.0, 0.0]],
        v: array![[0.0], [4.0]],
        mask: Mask::None,
    };
    let dense = dense_with_empty_row(&mut random, 6, 5);
    let padded = Mask::All(vec![
        Mask::Causal,
        Mask::padding((0..31).map(|j| j % 4 != 0)),
    ]);
    let mut case =
        |about, sizes, widths, mask| random_case(&mut random, about, sizes, widths, mask);
    let mut cases = vec![
        by_hand,
        case("", (5, 7), (4, 3), Mask::None),
        case("", (1, 1), (1, 1), Mask::None),
        case("", (3, 6), (4, 4), Mask::Causal),
        case(
            "the first three queries see nothing",
            (6, 3),
            (8, 2),
            Mask::Causal,
        ),
        case("", (4, 6), (3, 5), Mask::Prefix(4)),
        case("row 1 empty", (6, 5), (4, 2), dense),
        case("", (33, 31), (16, 8), padded),
        case("", (127, 129), (64, 32), Mask::Causal),
    ];
    let mut large = case("scores of about ±10000", (4, 6), (16, 3), Mask::None);
    large.q *= 100.0;
    large.k *= 100.0;
    // Query 0 fits no key at all: every score of its row is far below zero.
    large.k.mapv_inplace(f32::abs);
    large.q.row_mut(0).mapv_inplace(|x| -x.abs());
    cases.push(large);
    // Two neighbours that differ in the future of all but the last query.
    let quiet = case("", (4, 6), (5, 3), Mask::Causal);
    let mut loud = quiet.clone();
    loud.about = "as before, but the last key and value are rubbish".into();
    loud.k.row_mut(5).fill(1e3);
    loud.v.row_mut(5).fill(-1e6);
    cases.extend([quiet, loud]);
    cases
}

fn judge(cases: &[Case], answers: &[Output]) -> Result<(), Finding> {
    each(cases, answers, |case, answer| {
        let Case { q, k, v, mask, .. } = case;
        let (q, k, v) = (q.view(), k.view(), v.view());
        let exact = oracle::attention::<f64>(q, k, v, mask);
        let product = crate::attention(q, k, v, mask);
        let loops = oracle::attention::<f32>(q, k, v, mask);
        if answer.out.dim() == exact.out.dim() {
            within_values(&answer.out, v)?;
        }
        let expected = Expected::new(exact.out, &[&product.out, &loops.out]);
        close("out", &answer.out, &expected)?;
        let expected = Expected::new(exact.lse, &[&product.lse, &loops.lse]);
        close("lse", &answer.lse, &expected)
    })?;
    no_leak(cases, answers)
}

/// Every entry of `out` is an average of values (or zero): it lies between the least and the
/// greatest of its column.
fn within_values(out: &Array2<f32>, v: ArrayView2<f32>) -> Result<(), String> {
    for ((i, c), &x) in out.indexed_iter() {
        let column = v.column(c);
        let least = column.fold(0.0_f32, |a, &b| a.min(b));
        let most = column.fold(0.0_f32, |a, &b| a.max(b));
        let slack = 1e-4 * (1.0 + most - least);
        require(!(x < least - slack || x > most + slack), || {
            format!(
                "out[{i},{c}] is {x:.4}, but an average of values lies between {least:.4} and {most:.4}"
            )
        })?;
    }
    Ok(())
}

/// Between neighbouring cases with the same queries and mask: a query that sees only keys and
/// values that did not change has to give the very same bits.
fn no_leak(cases: &[Case], answers: &[Output]) -> Result<(), Finding> {
    for (i, (case, answer)) in cases.windows(2).zip(answers.windows(2)).enumerate() {
        let [a, b] = case else { unreachable!() };
        if a.q != b.q || a.mask != b.mask {
            continue;
        }
        let may = allowed(&b.mask, b.q.nrows(), b.k.nrows());
        let same_key: Vec<bool> = (0..b.k.nrows())
            .map(|j| a.k.row(j) == b.k.row(j) && a.v.row(j) == b.v.row(j))
            .collect();
        for (row, may) in may.rows().into_iter().enumerate() {
            let sees_change = may.iter().zip(&same_key).any(|(may, same)| *may && !same);
            if !sees_change && answer[0].out.row(row) != answer[1].out.row(row) {
                let what = format!(
                    "out row {row} changes when a key changes that query {row} may not attend to"
                );
                return Err(Finding { case: i + 1, what });
            }
        }
    }
    Ok(())
}

fn steps(Case { q, k, mask, .. }: &Case) -> Vec<Field> {
    let scores = masked_scores(q.view(), k.view(), mask);
    vec![
        field("q kᵀ", &q.dot(&k.t())),
        field("scores, scaled and masked", &scores),
        field("weights", &softmax_rows(scores.view())),
    ]
}
