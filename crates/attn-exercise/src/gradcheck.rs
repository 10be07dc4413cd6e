//! Gradients by hand against central differences: `cargo attn gradcheck 3`.
//!
//! A gradient is the learner's, and so is the function that it should be the gradient of: so this can
//! say that the two do not belong together where a check, which knows what is right, would say that
//! one of them is wrong.

use crate::demonstration::{Outcome, demonstrate};
use attn_core::random::Random;
use ndarray::{Array, Array1, ArrayView, Dimension};
use std::{
    env,
    fmt::{self, Display},
    process::ExitCode,
};

/// The step, for functions in f32: a larger one costs exactness by the third derivative, a smaller one
/// by rounding.
const STEP: f32 = 1e-2;

/// How far the two may lie apart, as a share of the largest entry or of 1: of the order of what is
/// left of an f32 after a division by the step.
const ALLOWED: f64 = 2e-3;

/// What came of comparing gradients with differences.
#[derive(Debug, Default)]
pub struct Gradcheck {
    lines: Vec<String>,
    disagreed: bool,
}

impl Gradcheck {
    /// Begins the gradients of one function; `what` says of which sum they are the gradients.
    pub fn of(&mut self, what: impl Display) {
        let apart = if self.lines.is_empty() { "" } else { "\n" };
        self.lines.push(format!("{apart}{what}"));
    }

    /// Compares a gradient by hand with `(f(x + h) − f(x − h)) / 2h`, entry by entry, where h is 0.01.
    ///
    /// Costs two evaluations of `f` for each entry.
    ///
    /// ```
    /// use attn_exercise::Gradcheck;
    /// use ndarray::array;
    /// let x = array![1.0_f32, -2.0];
    /// let squares = |x: &ndarray::Array1<f32>| f64::from((x * x).sum());
    /// let mut check = Gradcheck::default();
    /// check.compare("dx", &x, (2.0 * &x).view(), squares);
    /// assert!(check.agreed());
    /// check.compare("dx", &x, x.view(), squares);
    /// assert!(!check.agreed());
    /// ```
    pub fn compare<D: Dimension>(
        &mut self,
        name: &str,
        x: &Array<f32, D>,
        by_hand: ArrayView<f32, D>,
        f: impl Fn(&Array<f32, D>) -> f64,
    ) {
        let shape = |shape: &[usize]| {
            let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
            sizes.join("×")
        };
        let begin = format!("  {name:<8} {:<8} ", shape(x.shape()));
        if by_hand.shape() != x.shape() {
            self.disagree(format!("{begin}✗ by hand it is {}", shape(by_hand.shape())));
            return;
        }
        let by_differences = differences(x, f);
        let by_hand = Array1::from_iter(by_hand.iter().map(|&x| f64::from(x)));
        let apart = |at: &usize| (by_hand[*at] - by_differences[*at]).abs();
        // What is no number is further apart than everything.
        let key = |at: &usize| if apart(at).is_nan() { f64::INFINITY } else { apart(at) };
        let Some(at) = (0..x.len()).max_by(|a, b| key(a).total_cmp(&key(b))) else {
            self.lines.push(format!("{begin}✓ nothing to compare"));
            return;
        };
        let largest = by_differences.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
        if key(&at) <= ALLOWED * largest {
            self.lines.push(format!("{begin}✓ at most {:.1e} apart", key(&at)));
            return;
        }
        let wrong = (0..x.len()).filter(|at| key(at) > ALLOWED * largest).count();
        let of = x.len();
        self.disagree(format!(
            "{begin}✗ {wrong} of {of} entries; most at [{}]: by hand {:.4}, by differences {:.4}",
            place(x.shape(), at),
            by_hand[at],
            by_differences[at],
        ));
    }

    /// Whether all gradients agreed with the differences.
    pub fn agreed(&self) -> bool {
        !self.disagreed
    }

    fn disagree(&mut self, line: String) {
        self.disagreed = true;
        self.lines.push(line);
    }
}

impl Display for Gradcheck {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        writeln!(
            f,
            "\nThe step is {STEP}. Allowed are {ALLOWED} times the largest entry, or {ALLOWED}."
        )?;
        if self.disagreed {
            f.write_str(
                "Where they disagree, either the gradient is wrong or the function that it should\n\
                 be the gradient of. `cargo attn check` says which.\n",
            )?;
        }
        Ok(())
    }
}

/// The gradient of `f` at `x` by central differences, in the order of memory for a reader: last index
/// fastest.
fn differences<D: Dimension>(x: &Array<f32, D>, f: impl Fn(&Array<f32, D>) -> f64) -> Vec<f64> {
    let mut moved = x.clone();
    let moves = |moved: &mut Array<f32, D>, at: usize, to: f32| {
        *moved.iter_mut().nth(at).expect("it is within") = to;
    };
    let slope = |(at, &x): (usize, &f32)| {
        let (up, down) = (x + STEP, x - STEP);
        moves(&mut moved, at, up);
        let above = f(&moved);
        moves(&mut moved, at, down);
        let below = f(&moved);
        moves(&mut moved, at, x);
        // Rounded, the steps are not quite as long as asked for.
        (above - below) / (f64::from(up) - f64::from(down))
    };
    x.iter().enumerate().map(slope).collect()
}

/// The index of the entry that comes at `at`, last index fastest: `2,0`.
fn place(shape: &[usize], mut at: usize) -> String {
    let mut index = Vec::new();
    for size in shape.iter().rev() {
        index.push((at % size).to_string());
        at /= size;
    }
    index.reverse();
    index.join(",")
}

/// The `main` of a chapter's gradient check. Its argument is the seed of the inputs.
pub fn gradcheck(compare: fn(&mut Random, &mut Gradcheck)) -> ExitCode {
    let seed = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or_default();
    demonstrate(move || {
        let mut check = Gradcheck::default();
        compare(&mut Random::new(seed), &mut check);
        let well = check.agreed();
        Ok::<_, std::convert::Infallible>(Outcome { text: check.to_string(), well })
    })
}
