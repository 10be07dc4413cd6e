//! What can be wrong with weights and sequences that come from outside.

use attn_core::shape::ShapeError;
use std::{error::Error, fmt};

/// Weights or sequences that do not fit together. Each message names the thing and both sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerError {
    /// Two sizes that should have been equal: `memory width 32 ≠ rows of w_k 64`.
    Shape(ShapeError),
    /// A width that cannot be divided evenly: `width of w_q 10 cannot be split into 4 heads`.
    Heads {
        /// What is to be split.
        what: &'static str,
        /// Its width.
        width: usize,
        /// The number of heads.
        h: usize,
    },
    /// A sequence without tokens.
    Empty(&'static str),
    /// A head whose width is odd cannot be rotated pair by pair.
    OddHead(usize),
    /// A sequence longer than the positions that a model was made for.
    TooLong {
        /// Which sequence.
        what: &'static str,
        /// Its tokens.
        tokens: usize,
        /// How many positions there are.
        positions: usize,
    },
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            LayerError::Shape(error) => error.fmt(f),
            LayerError::Heads { what, h: 0, .. } => {
                write!(f, "{what} cannot be split into 0 heads")
            }
            LayerError::Heads { what, width, h } => {
                write!(f, "{what} {width} cannot be split into {h} heads")
            }
            LayerError::Empty(what) => write!(f, "{what} is empty, it needs at least one token"),
            LayerError::OddHead(d) => {
                write!(f, "head width {d} is odd, a rotation needs pairs of numbers")
            }
            LayerError::TooLong { what, tokens, positions } => {
                write!(f, "{what} has {tokens} tokens, but there are only {positions} positions")
            }
        }
    }
}

impl Error for LayerError {}

impl From<ShapeError> for LayerError {
    fn from(error: ShapeError) -> Self {
        LayerError::Shape(error)
    }
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
