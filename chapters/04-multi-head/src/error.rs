//! What can be wrong with weights and sequences that come from outside.

use attn_core::shape::ShapeError;

/// Weights or sequences that do not fit together. Each message names the thing and both sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    /// Two sizes that should have been equal: `memory width 32 ≠ rows of w_k 64`.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A width that cannot be divided evenly: `width of w_q 10 cannot be split into 4 heads`.
    #[error("{what}{} cannot be split into {h} heads", if *h == 0 { String::new() } else { format!(" {width}") })]
    Heads {
        /// What is to be split.
        what: &'static str,
        /// Its width.
        width: usize,
        /// The number of heads.
        h: usize,
    },
    /// A sequence without tokens.
    #[error("{0} is empty, it needs at least one token")]
    Empty(&'static str),
    /// A head whose width is odd cannot be rotated pair by pair.
    #[error("head width {0} is odd, a rotation needs pairs of numbers")]
    OddHead(usize),
    /// A sequence longer than the positions that a model was made for.
    #[error("{what} has {tokens} tokens, but there are only {positions} positions")]
    TooLong {
        /// Which sequence.
        what: &'static str,
        /// Its tokens.
        tokens: usize,
        /// How many positions there are.
        positions: usize,
    },
}

/// `Ok` if `width` can be split into `h` heads of equal, positive width.
///
/// # Errors
/// Names the width and the number of heads.
pub fn divides(what: &'static str, width: usize, h: usize) -> Result<(), LayerError> {
    if h > 0 && width > 0 && width.is_multiple_of(h) {
        Ok(())
    } else {
        Err(LayerError::Heads { what, width, h })
    }
}

/// The value, for a caller whose own mistake the error would be.
///
/// # Panics
/// With the error's message, at the caller's line.
#[track_caller]
pub fn expect<T>(result: Result<T, LayerError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
