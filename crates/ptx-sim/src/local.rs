//! Local memory of a block's threads: a few bytes of their own, which nobody else can reach.

use std::ops::Range;

use crate::bits::{Bits, leading};

pub(crate) struct Local {
    bytes: Vec<u8>,
    written: Vec<bool>,
    /// Bytes of each thread.
    own: usize,
}

impl Local {
    pub(crate) fn new(threads: usize, own: usize) -> Self {
        Local { bytes: vec![0xcd; threads * own], written: vec![false; threads * own], own }
    }

    /// Bytes of each thread.
    pub(crate) fn own(&self) -> usize {
        self.own
    }

    fn range(&self, thread: usize, address: u64, size: usize) -> Option<Range<usize>> {
        let start = usize::try_from(address).ok()?;
        let end = start.checked_add(size).filter(|end| *end <= self.own)?;
        Some(thread * self.own + start..thread * self.own + end)
    }

    /// The bytes, and whether all of them were written; nothing if they lie outside.
    pub(crate) fn read(&self, thread: usize, address: u64, size: usize) -> Option<(Bits, bool)> {
        let bytes = &self.bytes[self.range(thread, address, size)?];
        let written = self.is_written(thread, address, size);
        Some((leading(bytes, size), written))
    }

    /// Whether all of the bytes were written.
    pub(crate) fn is_written(&self, thread: usize, address: u64, size: usize) -> bool {
        self.range(thread, address, size)
            .is_some_and(|range| self.written[range].iter().all(|written| *written))
    }

    /// Writes the bytes; nothing if they lie outside.
    pub(crate) fn write(
        &mut self,
        thread: usize,
        address: u64,
        size: usize,
        bits: Bits,
    ) -> Option<()> {
        let range = self.range(thread, address, size)?;
        self.bytes[range.clone()].copy_from_slice(&bits.to_le_bytes()[..size]);
        self.written[range].fill(true);
        Some(())
    }

    /// What was written there is no value.
    pub(crate) fn forget(&mut self, thread: usize, address: u64, size: usize) {
        if let Some(range) = self.range(thread, address, size) {
            self.written[range].fill(false);
        }
    }
}
