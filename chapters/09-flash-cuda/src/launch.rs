//! What a kernel is launched with.

/// A buffer of f32 on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer(usize);

impl Buffer {
    pub(crate) fn new(index: usize) -> Self {
        Buffer(index)
    }

    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// What a kernel is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    /// A pointer.
    Buffer(Buffer),
    /// An `int`.
    Int(i32),
    /// A `float`.
    Float(f32),
}

/// `kernel<<<grid, block>>>(arguments)`.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// Its name.
    pub kernel: &'a str,
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y and z.
    pub block: [u32; 3],
    /// As many as it has parameters.
    pub arguments: Vec<Argument>,
}
