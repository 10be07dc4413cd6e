//! 1.8 `greedy`

use super::attend_all::largest as first_largest;
use attn_core::random::Random;
use attn_exercise::{exercise, field, fields, judge::require, pairwise};
use ndarray::{Array1, Array2, Dimension, ShapeBuilder, array};
use serde::{Deserialize, Serialize};

/// The tokens that were written, and those that the decoder was fed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    tokens: Vec<usize>,
    fed: Vec<usize>,
}

fields! { Answer { tokens, fed } }

exercise! {
    /// A decoder whose logits depend on the token that it is fed and on the time: at step t (from 0) they are row `token` of
    /// `logits`, plus t times `drift`.
    crate::greedy as fn(&mut dyn FnMut(usize) -> Array1<f32>, usize, usize, usize) -> Vec<usize>: (
        logits: Array2<f32>[vocab vocab], drift: Array1<f32>[vocab], start: usize, end: usize, limit: usize[limit],
    ) -> Answer;

    answer: |greedy, c| {
        let mut fed = Vec::new();
        let mut step = |token: usize| {
            fed.push(token);
            assert!(fed.len() < TOO_MANY, "more than {TOO_MANY} steps were asked for");
            c.logits(token, fed.len() - 1)
        };
        let tokens = greedy(&mut step, c.start, c.end, c.limit);
        Answer { tokens, fed }
    };

    first: |c, answer| {
        let (Answer { tokens, fed }, right) = (answer, expected(c));
        require(tokens.len() <= c.limit, || format!("tokens are {tokens:?}, which is more than the limit of {}", c.limit))?;
        require(*tokens == right.tokens, || format!("tokens are {tokens:?}, should be {:?}", right.tokens))?;
        // One step more than needed does no harm to the tokens, and costs a step.
        require(*fed == right.fed, || format!("the decoder was fed {fed:?}, should be fed {:?}", right.fed))
    };
    steps: |c| [field("what the decoder should be fed", &expected(c).fed)];

    cases: |random| {
        let of = |about, logits: Array2<f32>, (start, end), limit| {
            let drift = Array1::zeros(logits.nrows());
            case(about, (logits, drift, start, end, limit))
        };
        let book = array![[0.0, 1.0, 3.0, 2.0], [0.5, 0.0, 0.0, 1.0], [0.0, 2.0, 1.0, 1.5], [9.0, 0.0, 0.0, 0.0]];
        let ties = array![[0.0, 7.0, 7.0, 0.0], [1.0, 1.0, 2.0, 2.0], [0.0, 5.0, 0.0, 9.0], [0.0; 4]];
        let circle = array![[0.0, 1.0, -1.0], [1.0, 0.0, -1.0], [-2.0, -3.0, -4.0]];
        let repeats = array![[0.0, 0.0, 5.0, 0.0], [0.0; 4], [0.0, 0.0, 2.0, -3.0], [0.0; 4]];
        let large = array![[100.0, 200.0, 0.0], [200.0, 100.0, 300.0], [0.0; 3]];
        let mut cases = vec![
            of("by hand: 2, 1, then the end", book.clone(), (0, 3), 10),
            of("two tokens equally likely: the first", ties, (0, 3), 5),
            of("it goes round in circles: only the limit ends it", circle, (2, 2), 6),
            of("the end comes at once", array![[-3.0, -1.0], [0.0, 0.0]], (0, 1), 4),
            of("nothing may be written", book.clone(), (0, 3), 0),
            of("one token may be written", book, (0, 3), 1),
            of("2, 2, 1, then the end", repeats, (0, 3), 10),
            of("the start token is written too", array![[0.0, 3.0, 0.0], [2.0, 1.0, 0.0], [0.0; 3]], (0, 2), 9),
            of("logits of 100 and 200", large, (0, 2), 9),
        ];
        cases[6].drift = array![0.0, 1.5, 0.0, 2.0];
        cases[7].drift = array![0.0, 0.0, 0.6];
        // A decoder that would write for ever, and is stopped.
        let mut long = random.normal((33, 33));
        long.column_mut(5).fill(-9.0);
        cases.push(of("standard normal, all below zero", long - 10.0, (7, 5), 31));
        for [v, limit, of_logits, of_drift] in pairwise([3, 4, 4, 4]) {
            let v = v + 1;
            let (logits, drift) = (steps_apart(of_logits, (v, v), random), steps_apart(of_drift, v, random));
            cases.push(case("small", (logits, drift, random.below(v), random.below(v), limit)));
        }
        cases
    };

    right (step, start, end, limit) {
        "a for loop" => {
            let mut tokens = Vec::new();
            for _ in 0..limit {
                let fed = tokens.last().copied().unwrap_or(start);
                let logits = step(fed);
                // max_by takes the last of equals; from the end, that is the first.
                let order = |a: &usize, b: &usize| logits[*a].total_cmp(&logits[*b]);
                let token = (0..logits.len()).rev().max_by(order).expect("a vocabulary");
                if token == end {
                    return tokens;
                }
                tokens.push(token);
            }
            tokens
        };
        "by probability" => with(step, (start, end, limit), |logits| first_largest(&crate::softmax(logits.view())));
    }

    mistakes (step, start, end, limit) {
        "end-included": "the end token is part of the result"
            => {
                let (mut tokens, mut token) = (Vec::new(), start);
                while tokens.len() < limit {
                    token = first_largest(&step(token));
                    tokens.push(token);
                    if token == end {
                        break;
                    }
                }
                tokens
            };
        "end-ignored": "the end token does not end it: it goes on to the limit"
            => with(step, (start, usize::MAX, limit), first_largest);
        "start-is-end": "the loop ends as soon as the last token is the end, and looks at the start token too: where that is the end token itself, nothing is written"
            => with(step, (start, end, if start == end { 0 } else { limit }), first_largest);
        "start-again": "the start token is fed at every step, instead of the token just chosen"
            => with(&mut |_| step(start), (start, end, limit), first_largest);
        "last-of-equals": "of equally large logits the last is taken, as `max_by` does, instead of the first"
            => with(step, (start, end, limit), |logits| {
                let largest = |a: &usize, b: &usize| logits[*a].total_cmp(&logits[*b]);
                (0..logits.len()).max_by(largest).unwrap_or(0)
            });
        "smallest": "the token with the smallest logit is chosen"
            => with(step, (start, end, limit), |logits| first_largest(&-logits));
        "largest-from-zero": "the search for the largest logit starts with 0.0, so that logits below zero never win"
            => with(step, (start, end, limit), |logits| first_largest(&logits.mapv(|logit| logit.max(0.0))));
        "one-too-few": "one token less than the limit is written: the start token does not count, it is not part of the result"
            => with(step, (start, end, limit.saturating_sub(1)), first_largest);
        "one-too-many": "the limit is checked too late: one token more than the limit is written"
            => with(step, (start, end, limit + 1), first_largest);
        "limit-after": "the limit is looked at after a token was written, so that one is written even where none may be"
            => with(step, (start, end, limit.max(1)), first_largest);
        "stops-at-a-repeat": "it stops when the same token comes twice in a row; a text may repeat itself"
            => {
                let mut before = usize::MAX;
                with(step, (start, end, limit), |logits| {
                    let token = first_largest(logits);
                    let again = std::mem::replace(&mut before, token) == token;
                    if again { end } else { token }
                })
            };
        "stops-at-the-start": "it stops when the decoder writes the start token: only the end token ends a text"
            => with(step, (start, end, limit), |logits| {
                let token = first_largest(logits);
                if token == start { end } else { token }
            });
        "start-forbidden": "the start token is never chosen, however likely it is"
            => with(step, (start, end, limit), |logits| {
                let mut others = logits.clone();
                if start != end {
                    others[start] = f32::NEG_INFINITY;
                }
                first_largest(&others)
            });
        "overflow": "exp is taken of the logits before they are compared: large ones overflow and all look alike; the largest logit has the largest probability anyway"
            => with(step, (start, end, limit), |logits| first_largest(&(logits.exp() / logits.exp().sum())));
        "start-counted": "the result begins with the start token, which also counts towards the limit"
            => [vec![start], with(step, (start, end, limit.saturating_sub(1)), first_largest)].concat();
        "start-included": "the start token is part of the result"
            => [vec![start], with(step, (start, end, limit), first_largest)].concat();
        "fed-once-more": "the decoder is fed once more after the last token was chosen, for logits that nobody uses"
            => {
                let mut token = first_largest(&step(start));
                let mut tokens = Vec::new();
                while tokens.len() < limit && token != end {
                    tokens.push(token);
                    token = first_largest(&step(token));
                }
                tokens
            };
    }
}

/// More steps than any case allows: a decoder that is asked for more has lost count.
const TOO_MANY: usize = 100;

impl Case {
    /// The logits after step t, which is fed this token.
    fn logits(&self, token: usize, t: usize) -> Array1<f32> {
        &self.logits.row(token) + &self.drift * t as f32
    }
}

/// Token by token, with no regard to how the reference does it.
fn expected(case: &Case) -> Answer {
    let (mut tokens, mut fed) = (Vec::new(), Vec::new());
    let mut token = case.start;
    for _ in 0..case.limit {
        fed.push(token);
        let row = case.logits(token, fed.len() - 1);
        let better = |a: usize, b: usize| row[a] > row[b];
        token = (1..row.len()).fold(0, |best, next| if better(next, best) { next } else { best });
        if token == case.end {
            break;
        }
        tokens.push(token);
    }
    Answer { tokens, fed }
}

/// Numbers that are equal or clearly apart: whole ones (kind 0), large (1), tiny (2) or equal ones
/// (3). A softmax must not find equal what is different, nor `total_cmp` different what is equal, as
/// −0 and 0.
fn steps_apart<D: Dimension, S: ShapeBuilder<Dim = D>>(
    kind: usize,
    shape: S,
    random: &mut Random,
) -> ndarray::Array<f32, D> {
    let whole = random.normal(shape).mapv(|x: f32| (2.0 * x).round() + 0.0);
    match kind {
        0 => whole,
        1 => whole * 100.0,
        2 => whole * 1e-4,
        _ => whole * 0.0 + 1.0,
    }
}

/// Greedy decoding with a choice of its own.
fn with(
    step: &mut dyn FnMut(usize) -> Array1<f32>,
    (start, end, limit): (usize, usize, usize),
    mut choose: impl FnMut(&Array1<f32>) -> usize,
) -> Vec<usize> {
    let (mut tokens, mut token) = (Vec::new(), start);
    while tokens.len() < limit {
        token = choose(&step(token));
        if token == end {
            break;
        }
        tokens.push(token);
    }
    tokens
}
