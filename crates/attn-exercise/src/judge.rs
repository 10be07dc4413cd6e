//! What judges are built from: findings, and comparison with an exact result.

use crate::{Field, Value, fields::number};
use ndarray::{Array, ArrayD, Dimension};
use serde::{Deserialize, Serialize};
use std::{fmt, iter};

/// Judges answers to one case. What is expected of them is computed once, when it is made.
pub type Judge<'c, A> = Box<dyn Fn(&A) -> Result<(), Refusal> + 'c>;

/// Why an answer is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// In one line: `out[2,1] is 0.8312, should be 0.4107 (allowed error 2e-6)`.
    pub what: String,
    /// The part of the answer and the entry in it, where a single one is to blame.
    pub at: Option<(String, Vec<usize>)>,
}

impl From<String> for Refusal {
    fn from(what: String) -> Self {
        Refusal { what, at: None }
    }
}

impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        refusal.what
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// A refusal that only several cases together give, and the case that it is shown with.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Index of the case.
    pub case: usize,
    /// What is wrong, in one line.
    pub what: String,
}

/// The exact answer to a case, part by part, and how far an answer may be from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exact(pub(crate) Vec<(Field, f64)>);

impl Exact {
    /// The parts of the f64 answer `exact`, with the tolerance that f32 arithmetic earns: four times
    /// the worst error of the `plain` answers, plus 1e-6 of the largest entry. The `nudged` answers
    /// are exact ones too, of inputs that differ in the last place. No f32 arithmetic can avoid what
    /// they differ by, and each of its steps may add as much: ten times that is allowed as well. A
    /// jump, as of a rounded position, does
    /// not count; it is told by its size beside the plain errors and the largest of the `inputs`.
    ///
    /// Parts that are no numbers, such as a count or a table of yes and no, have to be equal.
    ///
    /// # Panics
    /// If a plain answer has another shape, or is so far from the exact one that it cannot be right:
    /// a broken reference must not widen the tolerance.
    pub fn new(
        exact: Vec<Field>,
        plain: &[Vec<Field>],
        nudged: &[Vec<Field>],
        inputs: &[Field],
    ) -> Self {
        let named = |fields: &[Field], name: &str| -> Option<ArrayD<f64>> {
            let part = fields.iter().find(|part| part.name == name)?;
            part.value.numbers().cloned()
        };
        let largest_input = crate::fields::largest(inputs);
        let parts = exact.into_iter().map(|part| {
            let allowed = part.value.numbers().map_or(0.0, |exact| {
                let plain = plain.iter().filter_map(|plain| named(plain, &part.name));
                let nudged = nudged.iter().filter_map(|nudged| named(nudged, &part.name));
                let moves = nudged.filter_map(|nudged| furthest(&nudged, exact));
                Expected::tolerance(exact, plain, moves, largest_input)
            });
            (part, allowed)
        });
        Exact(parts.collect())
    }

    /// Refuses the first part that differs. Parts of the answer that the exact one does not have are
    /// not looked at.
    ///
    /// # Errors
    /// One line that names the part and the entry, both values, and the allowed error.
    ///
    /// # Panics
    /// If the answer lacks a part: that is a fault of the exercise.
    pub fn agree(&self, answer: &[Field]) -> Result<(), Refusal> {
        for (i, (exact, allowed)) in self.0.iter().enumerate() {
            let got = answer.iter().find(|part| part.name == exact.name);
            // A trace names its steps after the operations. Where those are another case's, as with
            // a mutant, the place counts.
            let at_the_place = || answer.get(i).filter(|_| answer.len() == self.0.len());
            let got = got.or_else(at_the_place);
            let got = got.unwrap_or_else(|| panic!("no answer has a part {}", exact.name));
            match (&got.value, &exact.value) {
                (Value::Numbers(got), Value::Numbers(wide)) => {
                    within(&exact.name, got, wide, *allowed)?;
                }
                (Value::Flags(got), Value::Flags(flags)) => equal(&exact.name, got, flags)?,
                (got, value) if got == value => {}
                (Value::Text(got), Value::Text(text)) => {
                    let (name, got, text) = (&exact.name, clipped(got), clipped(text));
                    return Err(format!("{name} is {got}, should be {text}").into());
                }
                _ => return Err(format!("{} is of another kind", exact.name).into()),
            }
        }
        Ok(())
    }
}

/// Text of one line that fits a verdict.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// An exact result, and how far an answer may be from it.
#[derive(Clone, Debug)]
pub struct Expected {
    exact: ArrayD<f64>,
    allowed: f64,
}

impl Expected {
    /// The f64 result `exact`, with the tolerance that plain f32 arithmetic earns: four times the
    /// worst error of the given f32 results (two orders of summation, say a matrix product and a
    /// loop), plus 1e-6 of the largest entry.
    ///
    /// # Panics
    /// If an f32 result has another shape, or is so far from the exact one that it cannot be right:
    /// a broken reference must not widen the tolerance.
    pub fn new<D: Dimension>(exact: Array<f64, D>, plain: &[&Array<f32, D>]) -> Self {
        let exact = exact.into_dyn();
        let plain: Vec<_> = plain.iter().map(|x| x.mapv(f64::from).into_dyn()).collect();
        let allowed = Self::tolerance(&exact, plain.into_iter(), iter::empty(), 0.0);
        Expected { exact, allowed }
    }

    /// See [`Exact::new`]. What is smaller than the smallest normal f32 is no error.
    fn tolerance(
        exact: &ArrayD<f64>,
        plain: impl Iterator<Item = ArrayD<f64>>,
        moves: impl Iterator<Item = f64>,
        largest_input: f64,
    ) -> f64 {
        let scale = finite_max(exact.iter().map(|x| x.abs()));
        let errors = plain.map(|plain| {
            furthest(&plain, exact).unwrap_or_else(|| {
                let (plain, exact) = (shape(plain.shape()), shape(exact.shape()));
                panic!("a plain result has shape {plain}, the exact one {exact}")
            })
        });
        let worst = finite_max(errors);
        let rounding = (0.01 * scale).max(1e-5 * largest_input) + SMALLEST;
        let moved = finite_max(moves.filter(|&moved| moved <= rounding.max(100.0 * worst)));
        assert!(
            worst <= rounding + 100.0 * moved,
            "a plain f32 result is off by {worst:e} where the largest entry is {scale:e}: it is wrong"
        );
        // Zero, and nothing was rounded on the way; but another order may leave something of it.
        if scale == 0.0 && worst == 0.0 && moved == 0.0 {
            return CANCELLED * largest_input;
        }
        (4.0 * worst).max(10.0 * moved) + 1e-6 * scale + SMALLEST
    }
}

/// What may be left where a result is zero, as a share of the largest input.
const CANCELLED: f64 = 1e-10;

/// The smallest normal f32.
const SMALLEST: f64 = f32::MIN_POSITIVE as f64;

/// The largest difference of two finite entries; `None` for another shape.
fn furthest(x: &ArrayD<f64>, exact: &ArrayD<f64>) -> Option<f64> {
    let errors = || finite_max(x.iter().zip(exact).map(|(x, e)| error(*x, *e)));
    (x.shape() == exact.shape()).then(errors)
}

/// Refuses another shape, then the first entry that is further from the exact one than allowed.
/// Infinities have to be equal; a NaN is never right.
///
/// # Errors
/// One line that names the entry, both values and the allowed error.
pub fn close<D: Dimension>(
    name: &str,
    got: &Array<f32, D>,
    expected: &Expected,
) -> Result<(), Refusal> {
    let got = got.mapv(f64::from).into_dyn();
    within(name, &got, &expected.exact, expected.allowed)
}

/// Refuses another shape, then the first entry that is further from the exact one than allowed.
fn within(name: &str, got: &ArrayD<f64>, exact: &ArrayD<f64>, allowed: f64) -> Result<(), Refusal> {
    same_shape(name, got.shape(), exact.shape())?;
    for ((index, &x), &e) in got.indexed_iter().zip(exact) {
        let right = error(x, e) <= allowed;
        if !right {
            let (x, e) = apart(x, e);
            let how = match allowed {
                0.0 => "exactly".to_string(),
                allowed => format!("allowed error {allowed:.0e}"),
            };
            let wrong = format!("is {x}, should be {e} ({how})");
            return Err(Refusal::at(name, index.as_array_view().as_slice().unwrap_or(&[]), &wrong));
        }
    }
    Ok(())
}

/// Refuses another shape, then the first entry that differs.
///
/// # Errors
/// One line that names the entry and both values.
pub fn equal<T: PartialEq + fmt::Display, D: Dimension>(
    name: &str,
    got: &Array<T, D>,
    expected: &Array<T, D>,
) -> Result<(), Refusal> {
    same_shape(name, got.shape(), expected.shape())?;
    let entries = got.view().into_dyn();
    for ((index, x), e) in entries.indexed_iter().zip(expected) {
        if x != e {
            let wrong = format!("is {x}, should be {e}");
            return Err(Refusal::at(name, index.as_array_view().as_slice().unwrap_or(&[]), &wrong));
        }
    }
    Ok(())
}

impl Refusal {
    /// `out[2,1] is …`, which remembers the entry.
    fn at(name: &str, index: &[usize], wrong: &str) -> Self {
        Refusal {
            what: format!("{name}{} {wrong}", position(index)),
            at: Some((name.into(), index.to_vec())),
        }
    }
}

/// Refuses an answer that breaks a rule which the reader can check by eye, before any oracle is
/// asked.
///
/// # Errors
/// `what`, when `holds` is false.
pub fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn same_shape(name: &str, got: &[usize], expected: &[usize]) -> Result<(), String> {
    require(got == expected, || {
        format!("{name} has shape {}, should be {}", shape(got), shape(expected))
    })
}

fn shape(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
    sizes.join("×")
}

fn position(index: &[usize]) -> String {
    if index.is_empty() {
        return String::new();
    }
    let index: Vec<String> = index.iter().map(usize::to_string).collect();
    format!("[{}]", index.join(","))
}

/// Two different numbers in as many digits as it takes to see that they differ.
fn apart(x: f64, e: f64) -> (String, String) {
    let short = (number(x), number(e));
    if short.0 != short.1 {
        return short;
    }
    let digits = |x: f64| match x.abs() {
        size if (1e-3..1e5).contains(&size) => format!("{x:.8}"),
        _ => format!("{x:.8e}"),
    };
    (digits(x), digits(e))
}

/// 0 for equal infinities, NaN (never within tolerance) where either is NaN.
fn error(x: f64, exact: f64) -> f64 {
    if x == exact { 0.0 } else { (x - exact).abs() }
}

fn finite_max(values: impl Iterator<Item = f64>) -> f64 {
    values.filter(|x| x.is_finite()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn tolerance_is_four_times_the_worst_plain_error() {
        let expected = Expected::new(array![0.0, 1.0], &[&array![0.0_f32, 1.001]]);
        assert!(close("y", &array![0.003, 1.0], &expected).is_ok());
        let refusal = close("y", &array![0.0, 1.01], &expected).unwrap_err();
        assert_eq!(refusal.what, "y[1] is 1.0100, should be 1.0000 (allowed error 4e-3)");
    }

    #[test]
    fn nan_is_never_right_and_infinities_must_agree() {
        let expected = Expected::new(array![f64::NEG_INFINITY, 0.5], &[]);
        assert!(close("lse", &array![f32::NEG_INFINITY, 0.5], &expected).is_ok());
        assert!(close("lse", &array![f32::INFINITY, 0.5], &expected).is_err());
        assert_eq!(
            close("lse", &array![f32::NEG_INFINITY, f32::NAN], &expected).unwrap_err().what,
            "lse[1] is NaN, should be 0.5000 (allowed error 5e-7)"
        );
    }

    #[test]
    fn numbers_are_told_apart() {
        let close = |x, e| close("y", &array![x], &Expected::new(array![e], &[])).unwrap_err().what;
        assert_eq!(
            close(0.99998, 1.0),
            "y[0] is 0.99997997, should be 1.00000000 (allowed error 1e-6)"
        );
        assert_eq!(close(1e-30, 0.0), "y[0] is 1.00e-30, should be 0.0000 (exactly)");
    }

    #[test]
    fn a_wrong_shape_is_named_first() {
        let expected = Expected::new(array![[1.0, 2.0]], &[]);
        let refusal = close("out", &array![[1.0], [2.0]], &expected).unwrap_err();
        assert_eq!(refusal.what, "out has shape 2×1, should be 1×2");
    }
}
