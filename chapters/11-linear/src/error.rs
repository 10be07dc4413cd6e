use attn_core::shape::ShapeError;

/// Why the recurrence refuses what it is given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LinearError {
    /// Two sizes that do not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A log-gate above 0 makes the state grow; NaN is none.
    #[error("the log-gate of token {token}, channel {channel}, is {value}; it is at most 0")]
    Gate {
        /// Which token.
        token: usize,
        /// Which channel; 0 where all channels share it.
        channel: usize,
        /// What it is.
        value: f64,
    },
    /// Beyond 2 the delta rule overshoots by more than there was.
    #[error("β of token {token} is {value}; it is between 0 and 2")]
    Beta {
        /// Which token.
        token: usize,
        /// What it is.
        value: f64,
    },
    /// A feature below 0 can make a sum of weights 0 or negative.
    #[error("feature {feature} of token {token} is {value}; features are at least 0")]
    Feature {
        /// Which token.
        token: usize,
        /// Which feature.
        feature: usize,
        /// What it is.
        value: f64,
    },
    /// Chunks of no tokens never end.
    #[error("a chunk of 0 tokens")]
    EmptyChunk,
}

/// `Ok` if no feature is negative or NaN, so that no sum of weights can be.
///
/// # Errors
/// Names the first one that is.
///
/// ```
/// use ch11_linear::check_features;
/// use ndarray::array;
/// assert!(check_features(array![[0.0, 1.0]].view()).is_ok());
/// let error = check_features(array![[0.5, -1.0]].view()).unwrap_err();
/// assert_eq!(error.to_string(), "feature 1 of token 0 is -1; features are at least 0");
/// ```
pub fn check_features(features: ndarray::ArrayView2<f64>) -> Result<(), LinearError> {
    match features.indexed_iter().find(|(_, value)| value.is_nan() || **value < 0.0) {
        Some(((token, feature), &value)) => Err(LinearError::Feature { token, feature, value }),
        None => Ok(()),
    }
}
