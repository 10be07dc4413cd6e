//! What judges are built from: findings, and comparison with an exact result.

use crate::fields::number;
use ndarray::{Array, ArrayD, Dimension};
use serde::{Deserialize, Serialize};

/// Why an answer is refused, and on which case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Index of the case.
    pub case: usize,
    /// What is wrong, in one line: `out[2,1] is 0.8312, should be 0.4107 (allowed error 2e-6)`.
    pub what: String,
}

/// Judges case by case, stopping at the first refusal.
///
/// # Errors
/// The first refusal, with its case.
pub fn each<C, A>(
    cases: &[C],
    answers: &[A],
    judge: impl Fn(&C, &A) -> Result<(), String>,
) -> Result<(), Finding> {
    for (case, (c, a)) in cases.iter().zip(answers).enumerate() {
        judge(c, a).map_err(|what| Finding { case, what })?;
    }
    Ok(())
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
        let scale = finite_max(exact.iter().map(|x| x.abs()));
        let errors = plain.iter().flat_map(|result| {
            assert_eq!(
                result.shape(),
                exact.shape(),
                "plain result of another shape"
            );
            result.iter().zip(&exact).map(|(&x, e)| error(x, *e))
        });
        let worst = finite_max(errors);
        assert!(
            worst <= 0.01 * scale,
            "a plain f32 result is off by {worst:e} where the largest entry is {scale:e}: it is wrong"
        );
        let allowed = 4.0 * worst + 1e-6 * scale;
        Expected {
            exact: exact.into_dyn(),
            allowed,
        }
    }
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
) -> Result<(), String> {
    let Expected { exact, allowed } = expected;
    same_shape(name, got.shape(), exact.shape())?;
    for ((index, &x), &e) in got.view().into_dyn().indexed_iter().zip(exact) {
        let right = error(x, e) <= *allowed;
        if !right {
            let at = position(index.as_array_view().as_slice().unwrap_or(&[]));
            let (x, e) = apart(f64::from(x), e);
            let how = match *allowed {
                0.0 => "exactly".to_string(),
                allowed => format!("allowed error {allowed:.0e}"),
            };
            return Err(format!("{name}{at} is {x}, should be {e} ({how})"));
        }
    }
    Ok(())
}

/// Refuses another shape, then the first entry that differs.
///
/// # Errors
/// One line that names the entry and both values.
pub fn equal<T: PartialEq + std::fmt::Display, D: Dimension>(
    name: &str,
    got: &Array<T, D>,
    expected: &Array<T, D>,
) -> Result<(), String> {
    same_shape(name, got.shape(), expected.shape())?;
    let entries = got.view().into_dyn();
    for ((index, x), e) in entries.indexed_iter().zip(expected) {
        if x != e {
            let at = position(index.as_array_view().as_slice().unwrap_or(&[]));
            return Err(format!("{name}{at} is {x}, should be {e}"));
        }
    }
    Ok(())
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
        format!(
            "{name} has shape {}, should be {}",
            shape(got),
            shape(expected)
        )
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
fn error(x: f32, exact: f64) -> f64 {
    let x = f64::from(x);
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
        assert_eq!(
            refusal,
            "y[1] is 1.0100, should be 1.0000 (allowed error 4e-3)"
        );
    }

    #[test]
    fn nan_is_never_right_and_infinities_must_agree() {
        let expected = Expected::new(array![f64::NEG_INFINITY, 0.5], &[]);
        assert!(close("lse", &array![f32::NEG_INFINITY, 0.5], &expected).is_ok());
        assert!(close("lse", &array![f32::INFINITY, 0.5], &expected).is_err());
        assert_eq!(
            close("lse", &array![f32::NEG_INFINITY, f32::NAN], &expected).unwrap_err(),
            "lse[1] is NaN, should be 0.5000 (allowed error 5e-7)"
        );
    }

    #[test]
    fn numbers_are_told_apart() {
        let close = |x, e| close("y", &array![x], &Expected::new(array![e], &[])).unwrap_err();
        assert_eq!(
            close(0.99998, 1.0),
            "y[0] is 0.99997997, should be 1.00000000 (allowed error 1e-6)"
        );
        assert_eq!(
            close(1e-30, 0.0),
            "y[0] is 1.00e-30, should be 0.0000 (exactly)"
        );
    }

    #[test]
    fn a_wrong_shape_is_named_first() {
        let expected = Expected::new(array![[1.0, 2.0]], &[]);
        let refusal = close("out", &array![[1.0], [2.0]], &expected).unwrap_err();
        assert_eq!(refusal, "out has shape 2×1, should be 1×2");
    }
}
