//! 8.1 `merge`

use crate::given::State;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array1, Array2, arr1, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&State, &State) -> State;

/// Two states.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    a: State,
    b: State,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let state = |State {
                         row_max,
                         row_sum,
                         out,
                     }: &State| {
            let numbers: Vec<String> = out.iter().map(|x| format!("{x:.4}")).collect();
            format!(
                "row_max {row_max:.4}, row_sum {row_sum:.4}, out {}",
                numbers.join(" ")
            )
        };
        vec![field("a", state(&self.a)), field("b", state(&self.b))]
    }

    fn label(&self) -> String {
        format!("d_v={}, {}", self.a.out.len(), self.about)
    }
}

impl Fields for State {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("row_max", self.row_max),
            field("row_sum", self.row_sum),
            field("out", &self.out),
        ]
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, State> {
    Exercise {
        id: "8.1",
        cases,
        answer: |merge, Case { a, b, .. }| merge(a, b),
        judge,
        solution: crate::merge,
        mistakes: mistakes(),
        steps: |Case { a, b, .. }| {
            let row_max = a.row_max.max(b.row_max);
            let factor = |state: &State| match state.row_max {
                f32::NEG_INFINITY => 0.0,
                old => (old - row_max).exp(),
            };
            vec![
                field("the larger maximum", row_max),
                field("a's factor", factor(a)),
                field("b's factor", factor(b)),
            ]
        },
    }
}

/// The state after these keys.
fn state(scores: &Array1<f32>, values: &Array2<f32>) -> State {
    let row_max = scores.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
    if row_max == f32::NEG_INFINITY {
        return State::empty(values.ncols());
    }
    let weights = scores.mapv(|s| (s - row_max).exp());
    State {
        row_max,
        row_sum: weights.sum(),
        out: weights.dot(values),
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let case = |about: &str, a, b| Case {
        about: about.into(),
        a,
        b,
    };
    let (ln2, ln4) = (2.0_f32.ln(), 4.0_f32.ln());
    let (first, second) = (
        state(&array![0.0, ln2], &array![[1.0], [4.0]]),
        state(&array![ln4], &array![[2.0]]),
    );
    let mut keys = |count: usize, d_v: usize, shift: f32| {
        state(
            &(random.normal(count) + shift),
            &random.normal((count, d_v)),
        )
    };
    let mut cases = vec![
        case(
            "by hand: 17/7 after the division",
            first.clone(),
            second.clone(),
        ),
        case("by hand, the other way round", second, first),
        case("5 keys and 3", keys(5, 3, 0.0), keys(3, 3, 0.0)),
        case(
            "scores near −200 and near −203",
            keys(4, 2, -200.0),
            keys(4, 2, -203.0),
        ),
        case(
            "scores near 1000 and near 999",
            keys(4, 2, 1000.0),
            keys(4, 2, 999.0),
        ),
        case("200 apart", keys(7, 2, -100.0), keys(6, 2, 100.0)),
    ];
    let some = keys(4, 3, 0.5);
    cases.push(case("nothing before", State::empty(3), some.clone()));
    cases.push(case("nothing after", some, State::empty(3)));
    cases.push(case("nothing at all", State::empty(2), State::empty(2)));
    cases.push(case(
        "129 keys and 127",
        keys(129, 8, 0.0),
        keys(127, 8, 0.0),
    ));
    cases
}

fn judge(cases: &[Case], answers: &[State]) -> Result<(), Finding> {
    each(cases, answers, |Case { a, b, .. }, answer| {
        let row_max = a.row_max.max(b.row_max);
        require(answer.row_max == row_max, || {
            let (got, max) = (short(answer.row_max), short(row_max));
            format!("row_max is {got}, should be {max}, the larger of the two")
        })?;
        let wide = |x: f32| f64::from(x);
        let factor = |state: &State| {
            if state.row_max == f32::NEG_INFINITY {
                0.0
            } else {
                (wide(state.row_max) - wide(row_max)).exp()
            }
        };
        let (x, y) = (factor(a), factor(b));
        let row_sum = array![x * wide(a.row_sum) + y * wide(b.row_sum)];
        let out = x * a.out.mapv(wide) + y * b.out.mapv(wide);
        let plain = crate::merge(a, b);
        let expected = Expected::new(row_sum, &[&arr1(&[plain.row_sum])]);
        close("row_sum", &arr1(&[answer.row_sum]), &expected)
            .map_err(|refusal| refusal.replace("row_sum[0]", "row_sum"))?;
        close("out", &answer.out, &Expected::new(out, &[&plain.out]))
    })
}

/// Four decimals, or powers of ten where there would be dozens of digits before them.
fn short(x: f32) -> String {
    if x.is_finite() && x.abs() >= 1e5 {
        format!("{x:.4e}")
    } else {
        format!("{x:.4}")
    }
}

/// The two factors and how they are used; the mistakes below change one thing each.
fn with(a: &State, b: &State, row_max: f32, of_sum: [f32; 2], of_out: [f32; 2]) -> State {
    State {
        row_max,
        row_sum: of_sum[0] * a.row_sum + of_sum[1] * b.row_sum,
        out: of_out[0] * &a.out + of_out[1] * &b.out,
    }
}

/// The right maximum and factors.
fn right(a: &State, b: &State) -> (f32, [f32; 2]) {
    let row_max = a.row_max.max(b.row_max);
    let factor = |old: f32| {
        if old == row_max {
            1.0
        } else {
            (old - row_max).exp()
        }
    };
    (row_max, [factor(a.row_max), factor(b.row_max)])
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "sum-not-rescaled",
            when: "the outputs are rescaled to the larger maximum and the sums are not: the result is then divided by a sum of another scale",
            body: |a, b| {
                let (max, factors) = right(a, b);
                with(a, b, max, [1.0, 1.0], factors)
            },
        },
        Mistake {
            name: "out-not-rescaled",
            when: "the sums are rescaled to the larger maximum and the outputs are not",
            body: |a, b| {
                let (max, factors) = right(a, b);
                with(a, b, max, factors, [1.0, 1.0])
            },
        },
        Mistake {
            name: "nothing-rescaled",
            when: "sums and outputs are added as they are, although each belongs to a maximum of its own",
            body: |a, b| with(a, b, right(a, b).0, [1.0, 1.0], [1.0, 1.0]),
        },
        Mistake {
            name: "normalised",
            when: "each side's output is divided by its own sum before they are added; divide once, at the very end",
            body: |a, b| {
                let (max, factors) = right(a, b);
                let divided = |factor: f32, sum: f32| if sum == 0.0 { 0.0 } else { factor / sum };
                let of_out = [
                    divided(factors[0], a.row_sum),
                    divided(factors[1], b.row_sum),
                ];
                with(a, b, max, factors, of_out)
            },
        },
        Mistake {
            name: "divided",
            when: "the merged output is divided by its row_sum: then it cannot be merged any further; divide once, at the very end",
            body: |a, b| {
                let (max, factors) = right(a, b);
                let merged = with(a, b, max, factors, factors);
                let sum = if merged.row_sum == 0.0 {
                    1.0
                } else {
                    merged.row_sum
                };
                State {
                    out: merged.out / sum,
                    ..merged
                }
            },
        },
        Mistake {
            name: "nan-from-nothing",
            when: "e^(row_max − row_max) is computed where both are −∞: that is NaN, and a state without keys has to stay empty",
            body: |a, b| {
                let max = a.row_max.max(b.row_max);
                let factors = [(a.row_max - max).exp(), (b.row_max - max).exp()];
                with(a, b, max, factors, factors)
            },
        },
        Mistake {
            name: "inverted",
            when: "the exponent has the wrong sign: the factor is e^(old − new), at most 1, not e^(new − old)",
            body: |a, b| {
                let (max, [x, y]) = right(a, b);
                let factors = [1.0 / x, 1.0 / y];
                with(a, b, max, factors, factors)
            },
        },
        Mistake {
            name: "swapped",
            when: "each side is multiplied by the other side's factor",
            body: |a, b| {
                let (max, [x, y]) = right(a, b);
                with(a, b, max, [y, x], [y, x])
            },
        },
        Mistake {
            name: "second-not-rescaled",
            when: "only the first side is rescaled to the larger maximum; the second may be the one with the smaller",
            body: |a, b| {
                let (max, [x, _]) = right(a, b);
                with(a, b, max, [x, 1.0], [x, 1.0])
            },
        },
        Mistake {
            name: "first-not-rescaled",
            when: "only the second side is rescaled to the larger maximum; the first may be the one with the smaller",
            body: |a, b| {
                let (max, [_, y]) = right(a, b);
                with(a, b, max, [1.0, y], [1.0, y])
            },
        },
        Mistake {
            name: "max-from-least-float",
            when: "the larger maximum is looked for from the least finite number upwards, so that nothing merged with nothing has a maximum",
            body: |a, b| {
                let max = a.row_max.max(b.row_max).max(f32::MIN);
                let factors = [(a.row_max - max).exp(), (b.row_max - max).exp()];
                with(a, b, max, factors, factors)
            },
        },
        Mistake {
            name: "no-maximum",
            when: "the factors are e^row_max of each side, without the larger maximum subtracted: sums of exponentials that belong to the maximum 0, and that overflow",
            body: |a, b| {
                let factors = [a.row_max.exp(), b.row_max.exp()];
                with(a, b, right(a, b).0, factors, factors)
            },
        },
        Mistake {
            name: "empty-gives-the-first",
            when: "the first state is returned when either is empty, so that nothing merged with something is nothing",
            body: |a, b| {
                if a.row_sum == 0.0 || b.row_sum == 0.0 {
                    return a.clone();
                }
                let (max, factors) = right(a, b);
                with(a, b, max, factors, factors)
            },
        },
        Mistake {
            name: "second-is-larger",
            when: "the second state's maximum is taken for the larger one, whichever it is",
            body: |a, b| {
                let factors = [(a.row_max - b.row_max).exp(), 1.0];
                with(a, b, b.row_max, factors, factors)
            },
        },
        Mistake {
            name: "first-is-larger",
            when: "the first state's maximum is kept, whichever is larger",
            body: |a, b| {
                let factors = [1.0, (b.row_max - a.row_max).exp()];
                with(a, b, a.row_max, factors, factors)
            },
        },
        Mistake {
            name: "max-above-zero",
            when: "the larger maximum is looked for from 0 upwards, so that scores far below zero vanish",
            body: |a, b| {
                let max = a.row_max.max(b.row_max).max(0.0);
                let factors = [(a.row_max - max).exp(), (b.row_max - max).exp()];
                with(a, b, max, factors, factors)
            },
        },
        Mistake {
            name: "base-two",
            when: "the factors are powers of 2 instead of powers of e",
            body: |a, b| {
                let (max, [x, y]) = right(a, b);
                let power = |factor: f32| factor.ln().exp2();
                with(a, b, max, [power(x), power(y)], [power(x), power(y)])
            },
        },
    ]
}
