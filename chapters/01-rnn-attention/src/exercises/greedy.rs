//! 1.8 `greedy`

use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{each, require},
};
use ndarray::{Array1, Array2, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&mut dyn FnMut(usize) -> Array1<f32>, usize, usize, usize) -> Vec<usize>;

/// A decoder whose logits depend on the token that it is fed and on the time: at step t (from 0)
/// they are row `token` of `logits` (v×v) plus t times `drift` (v).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    logits: Array2<f32>,
    drift: Array1<f32>,
    start: usize,
    end: usize,
    limit: usize,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("logits, a row for each token that is fed", &self.logits),
            field("added to them at each further step", &self.drift),
            field(
                "the rest",
                format!(
                    "start {}, end {}, limit {}",
                    self.start, self.end, self.limit
                ),
            ),
        ]
    }

    fn label(&self) -> String {
        let (v, limit) = (self.logits.nrows(), self.limit);
        format!("{v} tokens, limit {limit}, {}", self.about)
    }
}

impl Case {
    /// The logits after step t, which is fed this token.
    fn logits(&self, token: usize, t: usize) -> Array1<f32> {
        &self.logits.row(token) + &self.drift * t as f32
    }
}

/// The tokens that were written, and those that the decoder was fed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    tokens: Vec<usize>,
    fed: Vec<usize>,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("tokens", format!("{:?}", self.tokens)),
            field("fed to the decoder", format!("{:?}", self.fed)),
        ]
    }
}

/// More steps than any case allows: a decoder that is asked for more has lost count.
const TOO_MANY: usize = 100;

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Answer> {
    Exercise {
        id: "1.8",
        cases,
        answer: |greedy, case| {
            let mut fed = Vec::new();
            let mut step = |token: usize| {
                fed.push(token);
                assert!(
                    fed.len() < TOO_MANY,
                    "more than {TOO_MANY} steps were asked for"
                );
                case.logits(token, fed.len() - 1)
            };
            let tokens = greedy(&mut step, case.start, case.end, case.limit);
            Answer { tokens, fed }
        },
        judge,
        solution: crate::greedy,
        mistakes: mistakes(),
        steps: |case| {
            let path = format!("{:?}", expected(case).fed);
            vec![field("what the decoder should be fed", path)]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let by_hand = Case {
        about: "by hand: 2, 1, then the end".into(),
        logits: array![
            [0.0, 1.0, 3.0, 2.0],
            [0.5, 0.0, 0.0, 1.0],
            [0.0, 2.0, 1.0, 1.5],
            [9.0, 0.0, 0.0, 0.0],
        ],
        drift: Array1::zeros(4),
        start: 0,
        end: 3,
        limit: 10,
    };
    let ties = Case {
        about: "two tokens equally likely: the first".into(),
        logits: array![
            [0.0, 7.0, 7.0, 0.0],
            [1.0, 1.0, 2.0, 2.0],
            [0.0, 5.0, 0.0, 9.0],
            [0.0; 4]
        ],
        drift: Array1::zeros(4),
        start: 0,
        end: 3,
        limit: 5,
    };
    let circle = Case {
        about: "it goes round in circles: only the limit ends it".into(),
        logits: array![[0.0, 1.0, -1.0], [1.0, 0.0, -1.0], [-2.0, -3.0, -4.0]],
        drift: Array1::zeros(3),
        start: 2,
        end: 2,
        limit: 6,
    };
    let at_once = Case {
        about: "the end comes at once".into(),
        logits: array![[-3.0, -1.0], [0.0, 0.0]],
        drift: Array1::zeros(2),
        start: 0,
        end: 1,
        limit: 4,
    };
    let nothing = Case {
        about: "nothing may be written".into(),
        limit: 0,
        ..by_hand.clone()
    };
    let one = Case {
        about: "one token may be written".into(),
        limit: 1,
        ..by_hand.clone()
    };
    let repeats = Case {
        about: "2, 2, 1, then the end".into(),
        drift: array![0.0, 1.5, 0.0, 2.0],
        logits: array![
            [0.0, 0.0, 5.0, 0.0],
            [0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 2.0, -3.0],
            [0.0; 4],
        ],
        ..by_hand.clone()
    };
    let start_again = Case {
        about: "the start token is written too".into(),
        logits: array![[0.0, 3.0, 0.0], [2.0, 1.0, 0.0], [0.0; 3]],
        drift: array![0.0, 0.0, 0.6],
        start: 0,
        end: 2,
        limit: 9,
    };
    let large = Case {
        about: "logits of 100 and 200".into(),
        logits: array![[100.0, 200.0, 0.0], [200.0, 100.0, 300.0], [0.0; 3]],
        drift: Array1::zeros(3),
        start: 0,
        end: 2,
        limit: 9,
    };
    // A decoder that would write for ever, and is stopped.
    let mut long = random.normal((33, 33));
    long.column_mut(5).fill(-9.0);
    let long = Case {
        about: "standard normal, all below zero".into(),
        logits: long - 10.0,
        drift: Array1::zeros(33),
        start: 7,
        end: 5,
        limit: 31,
    };
    vec![
        by_hand,
        ties,
        circle,
        at_once,
        nothing,
        one,
        repeats,
        start_again,
        large,
        long,
    ]
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

fn judge(cases: &[Case], answers: &[Answer]) -> Result<(), Finding> {
    each(cases, answers, |case, answer| {
        let expected = expected(case);
        require(answer.tokens.len() <= case.limit, || {
            format!(
                "tokens are {:?}, which is more than the limit of {}",
                answer.tokens, case.limit
            )
        })?;
        require(answer.tokens == expected.tokens, || {
            format!(
                "tokens are {:?}, should be {:?}",
                answer.tokens, expected.tokens
            )
        })?;
        // One step more than needed does no harm to the tokens, and costs a step.
        require(answer.fed == expected.fed, || {
            format!(
                "the decoder was fed {:?}, should be fed {:?}",
                answer.fed, expected.fed
            )
        })
    })
}

/// Greedy decoding with a choice of its own.
fn with(
    step: &mut dyn FnMut(usize) -> Array1<f32>,
    (start, end, limit): (usize, usize, usize),
    choose: impl Fn(&Array1<f32>) -> usize,
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

/// The index of the largest logit, the first of equals.
fn first_largest(logits: &Array1<f32>) -> usize {
    (0..logits.len()).fold(0, |best, next| {
        if logits[next] > logits[best] {
            next
        } else {
            best
        }
    })
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "end-included",
            when: "the end token is part of the result",
            body: |step, start, end, limit| {
                let (mut tokens, mut token) = (Vec::new(), start);
                while tokens.len() < limit {
                    token = first_largest(&step(token));
                    tokens.push(token);
                    if token == end {
                        break;
                    }
                }
                tokens
            },
        },
        Mistake {
            name: "end-ignored",
            when: "the end token does not end it: it goes on to the limit",
            body: |step, start, _, limit| with(step, (start, usize::MAX, limit), first_largest),
        },
        Mistake {
            name: "start-again",
            when: "the start token is fed at every step, instead of the token just chosen",
            body: |step, start, end, limit| {
                let mut tokens = Vec::new();
                while tokens.len() < limit {
                    let token = first_largest(&step(start));
                    if token == end {
                        break;
                    }
                    tokens.push(token);
                }
                tokens
            },
        },
        Mistake {
            name: "last-of-equals",
            when: "of equally large logits the last is taken, as `max_by` does, instead of the first",
            body: |step, start, end, limit| {
                with(step, (start, end, limit), |logits| {
                    let largest = |a: &usize, b: &usize| logits[*a].total_cmp(&logits[*b]);
                    (0..logits.len()).max_by(largest).unwrap_or(0)
                })
            },
        },
        Mistake {
            name: "smallest",
            when: "the token with the smallest logit is chosen",
            body: |step, start, end, limit| {
                with(step, (start, end, limit), |logits| first_largest(&-logits))
            },
        },
        Mistake {
            name: "largest-from-zero",
            when: "the search for the largest logit starts with 0.0, so that logits below zero never win",
            body: |step, start, end, limit| {
                with(step, (start, end, limit), |logits| {
                    let (mut best, mut largest) = (0, 0.0);
                    for (token, &logit) in logits.iter().enumerate() {
                        if logit > largest {
                            (best, largest) = (token, logit);
                        }
                    }
                    best
                })
            },
        },
        Mistake {
            name: "one-too-few",
            when: "one token less than the limit is written: the start token does not count, it is not part of the result",
            body: |step, start, end, limit| {
                with(step, (start, end, limit.saturating_sub(1)), first_largest)
            },
        },
        Mistake {
            name: "one-too-many",
            when: "the limit is checked too late: one token more than the limit is written",
            body: |step, start, end, limit| with(step, (start, end, limit + 1), first_largest),
        },
        Mistake {
            name: "limit-after",
            when: "the limit is looked at after a token was written, so that one is written even where none may be",
            body: |step, start, end, limit| with(step, (start, end, limit.max(1)), first_largest),
        },
        Mistake {
            name: "stops-at-a-repeat",
            when: "it stops when the same token comes twice in a row; a text may repeat itself",
            body: |step, start, end, limit| {
                let (mut tokens, mut token): (Vec<usize>, usize) = (Vec::new(), start);
                while tokens.len() < limit {
                    token = first_largest(&step(token));
                    if token == end || tokens.last() == Some(&token) {
                        break;
                    }
                    tokens.push(token);
                }
                tokens
            },
        },
        Mistake {
            name: "stops-at-the-start",
            when: "it stops when the decoder writes the start token: only the end token ends a text",
            body: |step, start, end, limit| {
                with(step, (start, end, limit), |logits| {
                    let token = first_largest(logits);
                    if token == start { end } else { token }
                })
            },
        },
        Mistake {
            name: "start-forbidden",
            when: "the start token is never chosen, however likely it is",
            body: |step, start, end, limit| {
                with(step, (start, end, limit), |logits| {
                    let mut others = logits.clone();
                    if start != end {
                        others[start] = f32::NEG_INFINITY;
                    }
                    first_largest(&others)
                })
            },
        },
        Mistake {
            name: "overflow",
            when: "exp is taken of the logits before they are compared: large ones overflow and all look alike; the largest logit has the largest probability anyway",
            body: |step, start, end, limit| {
                with(step, (start, end, limit), |logits| {
                    let exp = logits.exp();
                    let sum = exp.sum();
                    first_largest(&(exp / sum))
                })
            },
        },
        Mistake {
            name: "start-counted",
            when: "the result begins with the start token, which also counts towards the limit",
            body: |step, start, end, limit| {
                let mut tokens = vec![start];
                tokens.extend(with(
                    step,
                    (start, end, limit.saturating_sub(1)),
                    first_largest,
                ));
                tokens
            },
        },
        Mistake {
            name: "start-included",
            when: "the start token is part of the result",
            body: |step, start, end, limit| {
                let mut tokens = vec![start];
                tokens.extend(with(step, (start, end, limit), first_largest));
                tokens
            },
        },
        Mistake {
            name: "fed-once-more",
            when: "the decoder is fed once more after the last token was chosen, for logits that nobody uses",
            body: |step, start, end, limit| {
                let mut token = first_largest(&step(start));
                let mut tokens = Vec::new();
                while tokens.len() < limit && token != end {
                    tokens.push(token);
                    token = first_largest(&step(token));
                }
                tokens
            },
        },
    ]
}
