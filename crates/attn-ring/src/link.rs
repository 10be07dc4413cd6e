use crate::error::RingError;

/// A process's place in a ring: what it sends goes to the next process, what it receives comes from the
/// one before.
pub trait Link {
    /// Which process this is, from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// Sends `block` to the next process and receives `expected` numbers from the one before, both at the
    /// same time: if all sent first and received afterwards, all could wait for ever.
    ///
    /// # Errors
    /// Names the process from which nothing, or something else, comes.
    fn pass(&mut self, block: &[f32], expected: usize) -> Result<Vec<f32>, RingError>;

    /// How many bytes of blocks it has sent so far.
    fn sent(&self) -> u64;
}
