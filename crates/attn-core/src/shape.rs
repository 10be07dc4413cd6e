//! Sizes that have to agree, and the one error for when they do not.

/// Two sizes that should have been equal. Prints as `key width 32 ≠ query width 64`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {} ≠ {} {}", found.0, found.1, expected.0, expected.1)]
pub struct ShapeError {
    /// What was found, and its size.
    pub found: (&'static str, usize),
    /// What it has to agree with, and its size.
    pub expected: (&'static str, usize),
}

/// Makes sure that two sizes agree.
///
/// # Panics
/// With a [`ShapeError`] that names both, at the caller's line, if they do not.
#[track_caller]
pub fn expect_equal(found: (&'static str, usize), expected: (&'static str, usize)) {
    if let Err(error) = equal(found, expected) {
        panic!("{error}");
    }
}

/// `Ok` if the two sizes are equal.
///
/// ```
/// use attn_core::shape::equal;
/// assert!(equal(("key width", 64), ("query width", 64)).is_ok());
/// let error = equal(("key width", 32), ("query width", 64)).unwrap_err();
/// assert_eq!(error.to_string(), "key width 32 ≠ query width 64");
/// ```
///
/// # Errors
/// A [`ShapeError`] that names both.
pub fn equal(
    found: (&'static str, usize),
    expected: (&'static str, usize),
) -> Result<(), ShapeError> {
    if found.1 == expected.1 { Ok(()) } else { Err(ShapeError { found, expected }) }
}
