//! What a launch asks for: grid, block, dynamic shared memory, arguments.

use std::{num::NonZero, thread};

use crate::{
    finding::Array,
    memory::{Buffer, Element},
};

/// How a kernel is launched: `<<<grid, block, shared>>>`, and what the simulator wants to know
/// besides.
#[derive(Clone, Debug)]
pub struct Launch {
    pub(crate) grid: [u32; 3],
    pub(crate) block: [u32; 3],
    pub(crate) shared: usize,
    pub(crate) step_limit: u64,
    pub(crate) arrays: Vec<Array>,
    pub(crate) workers: usize,
}

impl Launch {
    /// A grid of blocks, a block of threads: x, y, z.
    pub fn new(grid: [u32; 3], block: [u32; 3]) -> Self {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        Launch { grid, block, shared: 0, step_limit: 50_000_000, arrays: Vec::new(), workers }
    }

    /// Blocks of the grid: x, y, z.
    pub fn grid(&self) -> [u32; 3] {
        self.grid
    }

    /// Threads of a block: x, y, z.
    pub fn block(&self) -> [u32; 3] {
        self.block
    }

    /// Bytes of dynamic shared memory of each block.
    pub fn shared_bytes(&self) -> usize {
        self.shared
    }

    /// Bytes of dynamic shared memory for each block.
    pub fn shared(mut self, bytes: usize) -> Self {
        self.shared = bytes;
        self
    }

    /// Instructions that the warps of one block may execute together before it counts as endless
    /// (50 million unless told, and at most 2³² − 1).
    pub fn step_limit(mut self, instructions: u64) -> Self {
        self.step_limit = instructions.min(u32::MAX.into());
        self
    }

    /// The shape of a buffer or shared array, so that findings name elements: `.array("ks", 4,
    /// &[32, 65])`.
    pub fn array(mut self, name: &str, element: usize, shape: &[usize]) -> Self {
        self.arrays.push(Array { name: name.into(), element, shape: shape.into() });
        self
    }

    /// How many threads of the CPU work on it, from 1 to 256: all cores unless told. The result is
    /// the same for any number.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.clamp(1, 256);
        self
    }

    pub(crate) fn threads(&self) -> u64 {
        self.block.iter().map(|extent| u64::from(*extent)).fold(1, u64::saturating_mul)
    }

    /// `threadIdx` of a lane.
    pub(crate) fn thread(&self, warp: u32, lane: u32) -> [u32; 3] {
        let [x, y, _] = self.block;
        let thread = warp * 32 + lane;
        [thread % x, thread / x % y, thread / x / y]
    }

    pub(crate) fn blocks(&self) -> usize {
        self.grid.iter().map(|extent| *extent as usize).fold(1, usize::saturating_mul)
    }
}

/// One argument of a kernel: the bytes that its parameter gets.
#[derive(Clone, Debug)]
pub struct Argument(pub(crate) Vec<u8>);

impl From<Buffer> for Argument {
    fn from(buffer: Buffer) -> Self {
        buffer.address.into()
    }
}

macro_rules! arguments {
    ($($type:ty)+) => {$(
        impl From<$type> for Argument {
            fn from(value: $type) -> Self {
                let mut bytes = Vec::new();
                value.push(&mut bytes);
                Argument(bytes)
            }
        }
    )+};
}
arguments! { u32 i32 u64 i64 f32 f64 }
