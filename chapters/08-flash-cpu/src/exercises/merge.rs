//! 8.1 `merge`

use crate::given::{State, weigh};
use attn_exercise::{Field, Given, Input, Sizes, exercise, field, fields, judge::require};
use ndarray::{Array1, Array2, Axis, array};

fields! { State { row_max, row_sum, out } }

exercise! {
    /// Two states.
    crate::merge: (a: State, b: State) -> State;

    exact: |c| {
        let row_max = c.a.row_max.max(c.b.row_max);
        let factor = |old: f32| match old {
            f32::NEG_INFINITY => 0.0,
            old => (f64::from(old) - f64::from(row_max)).exp(),
        };
        let (x, y) = (factor(c.a.row_max), factor(c.b.row_max));
        let (a, b) = (c.a.out.mapv(f64::from), c.b.out.mapv(f64::from));
        let row_sum = x * f64::from(c.a.row_sum) + y * f64::from(c.b.row_sum);
        vec![field("row_sum", row_sum), field("out", &(x * a + y * b))]
    };
    plain: |c| [c.call(in_f64)];
    first: |c, answer| {
        let larger = c.a.row_max.max(c.b.row_max);
        require(answer.row_max == larger, || {
            format!("row_max is {}, should be {}, the larger of the two", short(answer.row_max), short(larger))
        })
    };
    steps: |c| {
        let (row_max, [x, y]) = c.call(right);
        [field("the larger maximum", row_max), field("a's factor", x), field("b's factor", y)]
    };

    cases: |random| {
        let (ln2, ln4) = (2.0_f32.ln(), 4.0_f32.ln());
        let two = state(&array![0.0, ln2], &array![[1.0], [4.0]]);
        let third = state(&array![ln4], &array![[2.0]]);
        let mut keys = |count: usize, d_v: usize, shift: f32| {
            state(&(random.normal(count) + shift), &random.normal((count, d_v)))
        };
        let mut cases = vec![
            case("by hand: 17/7 after the division", (two.clone(), third.clone())),
            case("by hand, the other way round", (third, two)),
            case("5 keys and 3", (keys(5, 3, 0.0), keys(3, 3, 0.0))),
            case("scores near −200 and near −203", (keys(4, 2, -200.0), keys(4, 2, -203.0))),
            case("scores near 1000 and near 999", (keys(4, 2, 1000.0), keys(4, 2, 999.0))),
            case("200 apart", (keys(7, 2, -100.0), keys(6, 2, 100.0))),
            case("18 apart, and the smaller one counts", (state(&array![0.0], &array![[1e8]]), state(&array![18.0], &array![[1.0]]))),
            case("18 apart, the other way round", (state(&array![9.0], &array![[1.0]]), state(&array![-9.0], &array![[1e8]]))),
        ];
        let some = keys(4, 3, 0.5);
        cases.extend([
            case("nothing before", (State::empty(3), some.clone())),
            case("nothing after", (some, State::empty(3))),
            case("nothing at all", (State::empty(2), State::empty(2))),
            case("129 keys and 127", (keys(129, 8, 0.0), keys(127, 8, 0.0))),
            case("scores near −10¹⁰", (keys(3, 2, -1e10), keys(2, 2, -1e10))),
            case("the same maximum", (state(&array![1.5, 0.0], &array![[1.0], [2.0]]), state(&array![1.5], &array![[5.0]]))),
        ]);
        cases
    };

    right (a, b) {
        "early returns" => {
            if a.row_sum == 0.0 {
                return b.clone();
            }
            if b.row_sum == 0.0 {
                return a.clone();
            }
            let row_max = if a.row_max > b.row_max { a.row_max } else { b.row_max };
            with(a, b, row_max, |old| (old - row_max).exp())
        };
        "in f64, entry by entry" => in_f64(a, b);
    }

    mistakes (a, b) {
        "sum-not-rescaled": "the outputs are rescaled to the larger maximum and the sums are not: the result is then divided by a sum of another scale"
            => State { row_sum: a.row_sum + b.row_sum, ..crate::merge(a, b) };
        "out-not-rescaled": "the sums are rescaled to the larger maximum and the outputs are not"
            => State { out: &a.out + &b.out, ..crate::merge(a, b) };
        "nothing-rescaled": "sums and outputs are added as they are, although each belongs to a maximum of its own"
            => with(a, b, a.row_max.max(b.row_max), |_| 1.0);
        "normalised": "each side's output is divided by its own sum before they are added; divide once, at the very end"
            => {
                let (_, [x, y]) = right(a, b);
                State { out: x * a.finish().0 + y * b.finish().0, ..crate::merge(a, b) }
            };
        "divided": "the merged output is divided by its row_sum: then it cannot be merged any further; divide once, at the very end"
            => {
                let merged = crate::merge(a, b);
                State { out: merged.finish().0, ..merged }
            };
        "nan-from-nothing": "e^(row_max − row_max) is computed where both are −∞: that is NaN, and a state without keys has to stay empty"
            => plainly(a, b, a.row_max.max(b.row_max));
        "inverted": "the exponent has the wrong sign: the factor is e^(old − new), at most 1, not e^(new − old)"
            => {
                let (row_max, factors) = right(a, b);
                combined(a, b, row_max, factors.map(|x| 1.0 / x))
            };
        "swapped": "each side is multiplied by the other side's factor"
            => {
                let (row_max, [x, y]) = right(a, b);
                combined(a, b, row_max, [y, x])
            };
        "second-not-rescaled": "only the first side is rescaled to the larger maximum; the second may be the one with the smaller"
            => {
                let (row_max, [x, _]) = right(a, b);
                combined(a, b, row_max, [x, 1.0])
            };
        "first-not-rescaled": "only the second side is rescaled to the larger maximum; the first may be the one with the smaller"
            => {
                let (row_max, [_, y]) = right(a, b);
                combined(a, b, row_max, [1.0, y])
            };
        "max-from-least-float": "the larger maximum is looked for from the least finite number upwards, so that nothing merged with nothing has a maximum"
            => plainly(a, b, a.row_max.max(b.row_max).max(f32::MIN));
        "max-from-a-billion": "the larger maximum is looked for from −1e9 upwards instead of −∞, so that scores below that vanish"
            => plainly(a, b, a.row_max.max(b.row_max).max(-1e9));
        "no-maximum": "the factors are e^row_max of each side, without the larger maximum subtracted: sums of exponentials that belong to the maximum 0, and that overflow"
            => with(a, b, a.row_max.max(b.row_max), f32::exp);
        "empty-gives-the-first": "the first state is returned when either is empty, so that nothing merged with something is nothing"
            => if a.row_sum == 0.0 || b.row_sum == 0.0 { a.clone() } else { crate::merge(a, b) };
        "second-is-larger": "the second state's maximum is taken for the larger one, whichever it is"
            => combined(a, b, b.row_max, [(a.row_max - b.row_max).exp(), 1.0]);
        "first-is-larger": "the first state's maximum is kept, whichever is larger"
            => combined(a, b, a.row_max, [1.0, (b.row_max - a.row_max).exp()]);
        "smaller-maximum": "the smaller of the two maxima is taken, so that a factor is more than 1 and may overflow"
            => plainly(a, b, a.row_max.min(b.row_max));
        "max-above-zero": "the larger maximum is looked for from 0 upwards, so that scores far below zero vanish"
            => plainly(a, b, a.row_max.max(b.row_max).max(0.0));
        "larger-sum": "the larger of the two rescaled sums is taken; like the outputs, they have to be added"
            => {
                let (_, [x, y]) = right(a, b);
                State { row_sum: (x * a.row_sum).max(y * b.row_sum), ..crate::merge(a, b) }
            };
        "larger-sum-as-it-is": "the larger of the two sums is taken, as it is; they have to be rescaled and added"
            => State { row_sum: a.row_sum.max(b.row_sum), ..crate::merge(a, b) };
        "base-two": "the factors are powers of 2 instead of powers of e"
            => {
                let (row_max, factors) = right(a, b);
                combined(a, b, row_max, factors.map(|x| x.ln().exp2()))
            };
        "inverted-guarded": "the exponent has the wrong sign: the factor is e^(old − new), at most 1, not e^(new − old)"
            => {
                let row_max = a.row_max.max(b.row_max);
                with(a, b, row_max, |old| if old == f32::NEG_INFINITY { 0.0 } else { (row_max - old).exp() })
            };
        "divided-as-typed": "the merged output is divided by its row_sum, which may even be 0: it cannot be merged any further then; divide once, at the very end"
            => {
                let merged = crate::merge(a, b);
                State { out: &merged.out / merged.row_sum, ..merged }
            };
        "out-weighed-by-its-sum": "each side's output is multiplied by its row_sum too; it is a sum already, and only has to be brought to the new maximum"
            => {
                let (_, [x, y]) = right(a, b);
                State { out: x * a.row_sum * &a.out + y * b.row_sum * &b.out, ..crate::merge(a, b) }
            };
        "out-rescaled-twice": "each side's output is multiplied by its factor twice"
            => {
                let (_, [x, y]) = right(a, b);
                State { out: x * x * &a.out + y * y * &b.out, ..crate::merge(a, b) }
            };
        "maxima-added": "the two maxima are added; the larger one counts"
            => guarded(a, b, a.row_max + b.row_max);
        "log-sum-exp-of-the-maxima": "row_max is the log-sum-exp of the two maxima instead of the larger one"
            => {
                let (row_max, [x, y]) = right(a, b);
                guarded(a, b, row_max + (x + y).ln())
            };
        "empty-maximum-zero": "the 0 that stands in for a maximum of −∞ in the exponent is returned as row_max: two empty states give an empty one"
            => {
                let both = crate::merge(a, b);
                State { row_max: if both.row_sum == 0.0 { 0.0 } else { both.row_max }, ..both }
            };
    }
}

/// The larger maximum, and what each side is multiplied by.
pub(super) fn right(a: &State, b: &State) -> (f32, [f32; 2]) {
    let row_max = a.row_max.max(b.row_max);
    let factor = |old: f32| {
        if old == row_max { 1.0 } else { (old - row_max).exp() }
    };
    (row_max, [factor(a.row_max), factor(b.row_max)])
}

/// Both sides, each multiplied by its factor, with this maximum.
pub(super) fn combined(a: &State, b: &State, row_max: f32, [x, y]: [f32; 2]) -> State {
    State { row_max, row_sum: x * a.row_sum + y * b.row_sum, out: x * &a.out + y * &b.out }
}

/// The same, where `factor` makes a side's factor of its maximum.
fn with(a: &State, b: &State, row_max: f32, factor: impl Fn(f32) -> f32) -> State {
    combined(a, b, row_max, [factor(a.row_max), factor(b.row_max)])
}

/// Both sides brought to `row_max`; an empty one weighs nothing.
fn guarded(a: &State, b: &State, row_max: f32) -> State {
    with(a, b, row_max, |old| if old == f32::NEG_INFINITY { 0.0 } else { (old - row_max).exp() })
}

/// Both sides brought to `row_max`, without a thought of −∞.
pub(super) fn plainly(a: &State, b: &State, row_max: f32) -> State {
    with(a, b, row_max, |old| (old - row_max).exp())
}

pub(super) fn in_f64(a: &State, b: &State) -> State {
    let row_max = f32::max(a.row_max, b.row_max);
    let shift = if row_max.is_finite() { f64::from(row_max) } else { 0.0 };
    let [x, y] = [a, b].map(|state| (f64::from(state.row_max) - shift).exp());
    let both = |p: f32, q: f32| (x * f64::from(p) + y * f64::from(q)) as f32;
    State {
        row_max,
        row_sum: both(a.row_sum, b.row_sum),
        out: a.out.iter().zip(&b.out).map(|(&p, &q)| both(p, q)).collect(),
    }
}

/// The state after these keys.
pub(super) fn state(scores: &Array1<f32>, values: &Array2<f32>) -> State {
    let row_max = scores.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
    if row_max == f32::NEG_INFINITY {
        return State::empty(values.ncols());
    }
    let weights = scores.mapv(|s| (s - row_max).exp());
    let row_sum = weights.sum();
    // A value that is hidden is not felt, even where it is not finite.
    let out = weigh(&weights.insert_axis(Axis(0)), values);
    State { row_max, row_sum, out: out.row(0).to_owned() }
}

/// Four decimals, or powers of ten where there would be dozens of digits before them.
fn short(x: f32) -> String {
    if x.is_finite() && x.abs() >= 1e5 { format!("{x:.4e}") } else { format!("{x:.4}") }
}

impl Given for State {
    fn own_sizes(&self) -> Sizes {
        vec![("d_v", self.out.len())]
    }

    fn fields(&self, name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        let State { row_max, row_sum, out } = self;
        let out: Vec<String> = out.iter().map(|x| format!("{x:.4}")).collect();
        let text = format!("row_max {row_max:.4}, row_sum {row_sum:.4}, out {}", out.join(" "));
        vec![field(name, text)]
    }

    fn kinds(&self, _sizes: &Sizes) -> Vec<&'static str> {
        match self.row_max {
            f32::NEG_INFINITY => vec!["empty"],
            row_max if row_max < -90.0 => vec!["far below zero"],
            row_max if row_max > 90.0 => vec!["far above zero"],
            _ => vec![],
        }
    }

    fn required_kinds(&self) -> &'static [&'static str] {
        &["empty", "far below zero", "far above zero"]
    }
}

impl Input for State {
    type Passed<'a> = &'a State;

    fn pass(&self) -> &State {
        self
    }

    fn altered(&self) -> Vec<Self> {
        vec![State::empty(self.out.len())]
    }
}

/// Everything at the new maximum, but for the sum so far.
pub(super) fn sum_not_rescaled(a: &State, b: &State) -> State {
    let (_, [_, y]) = right(a, b);
    State { row_sum: a.row_sum + y * b.row_sum, ..crate::merge(a, b) }
}

/// Everything at the new maximum, but for the output so far.
pub(super) fn out_not_rescaled(a: &State, b: &State) -> State {
    let (_, [_, y]) = right(a, b);
    State { out: &a.out + y * &b.out, ..crate::merge(a, b) }
}

/// Only the new key is at the new maximum.
pub(super) fn nothing_rescaled(a: &State, b: &State) -> State {
    let (row_max, [_, y]) = right(a, b);
    combined(a, b, row_max, [1.0, y])
}
