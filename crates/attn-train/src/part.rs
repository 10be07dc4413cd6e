//! What a training step adds the losses of.

use crate::net::Net;
use anyhow::Result;
use candle_core::Tensor;

/// A part of a batch.
pub trait Part: Sync {
    /// How many characters are predicted.
    fn predicted(&self) -> usize;

    /// The sum of the losses of all of them, in nats.
    ///
    /// # Errors
    /// When the model is of the other task.
    fn loss(&self, net: &Net) -> Result<Tensor>;
}
