//! What a file of PTX holds once it is read: kernels, and the variables they share.

use std::sync::Arc;

use crate::{error::LaunchError, instruction::Instruction, register::Register, types::Space};

/// Room between two shared arrays, so that running over the end of one is seen. A multiple of every
/// alignment and of the banks' 128 bytes: it changes no bank.
pub(crate) const GAP: usize = 1024;

/// A file of PTX, read and decoded.
pub struct Module {
    pub(crate) kernels: Vec<Kernel>,
}

impl Module {
    /// The kernel of this name.
    ///
    /// # Errors
    ///
    /// There is none; the error lists those there are.
    pub fn kernel(&self, name: &str) -> Result<&Kernel, LaunchError> {
        self.kernels.iter().find(|kernel| kernel.name == name).ok_or_else(|| {
            LaunchError::NoSuchKernel {
                name: name.into(),
                known: self.kernels.iter().map(|kernel| kernel.name.clone()).collect(),
            }
        })
    }

    /// All kernels, in the order of the file.
    pub fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }
}

/// One `.entry`, ready to be launched.
#[derive(Default)]
pub struct Kernel {
    pub(crate) name: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) code: Vec<Instruction>,
    /// The order in which lanes go (see `order`).
    pub(crate) ranks: Vec<u32>,
    /// Registers of each class: predicates, 32 bits, 64 bits.
    pub(crate) registers: [u32; 3],
    pub(crate) constants: Vec<Constant>,
    pub(crate) shared: Vec<Variable>,
    /// Bytes of the static arrays, as the hardware lays them out.
    pub(crate) shared_bytes: usize,
    /// The name of the dynamic array, if the kernel uses it.
    pub(crate) dynamic: Option<String>,
    /// Bytes of local memory for each thread.
    pub(crate) local_bytes: usize,
    /// `__launch_bounds__`, where it is given.
    pub(crate) max_threads: Option<u64>,
    /// Constants and globals of the module.
    pub(crate) variables: Arc<Vec<Global>>,
}

impl Kernel {
    /// The name, as a launch asks for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size in bytes of each parameter.
    pub fn parameter_sizes(&self) -> Vec<usize> {
        self.parameters.iter().map(|parameter| parameter.bytes).collect()
    }

    /// Bytes of static shared memory that a block takes.
    pub fn shared_bytes(&self) -> usize {
        self.shared_bytes
    }

    /// Bytes of local memory that a thread takes: arrays that are indexed at run time do not fit in
    /// registers.
    pub fn local_bytes(&self) -> usize {
        self.local_bytes
    }

    /// How many instructions it has.
    pub fn instructions(&self) -> usize {
        self.code.len()
    }

    /// Where the dynamic shared array lies: behind the static ones, with room between.
    pub(crate) fn dynamic_offset(&self) -> usize {
        self.shared_bytes.next_multiple_of(16) + GAP * self.shared.len()
    }
}

/// A parameter and its place in the parameter space.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
}

/// A named range of a block's shared memory.
#[derive(Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
}

/// A variable of constant or global memory. Each launch starts from its initial value.
pub(crate) struct Global {
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) bytes: Vec<u8>,
}

/// A register that never changes.
#[derive(Clone, Copy)]
pub(crate) struct Constant {
    pub(crate) register: Register,
    pub(crate) value: Value,
}

/// What a constant register holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Value {
    Bits(u64),
    /// The address of a variable in its space.
    Variable(Space, u64),
    /// The start of the dynamic shared array, known when the whole kernel is read.
    DynamicShared,
    Special(Special),
}

/// A special register (PTX ISA, section 10). The numbers are the axes x, y, z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Special {
    Thread(usize),
    BlockSize(usize),
    Block(usize),
    GridSize(usize),
    Lane,
    Warp,
    Warps,
    LanesEqual,
    LanesBelow,
    LanesBelowOrEqual,
    LanesAbove,
    LanesAboveOrEqual,
}

impl Special {
    fn parse_axis(name: &str) -> Option<(&str, usize)> {
        let (name, axis) = name.rsplit_once('.')?;
        Some((name, ["x", "y", "z"].iter().position(|known| *known == axis)?))
    }

    pub(crate) fn parse(name: &str) -> Option<Special> {
        if let Some((name, axis)) = Self::parse_axis(name) {
            return match name {
                "%tid" => Some(Special::Thread(axis)),
                "%ntid" => Some(Special::BlockSize(axis)),
                "%ctaid" => Some(Special::Block(axis)),
                "%nctaid" => Some(Special::GridSize(axis)),
                _ => None,
            };
        }
        Some(match name {
            "%laneid" => Special::Lane,
            "%warpid" => Special::Warp,
            "%nwarpid" => Special::Warps,
            "%lanemask_eq" => Special::LanesEqual,
            "%lanemask_lt" => Special::LanesBelow,
            "%lanemask_le" => Special::LanesBelowOrEqual,
            "%lanemask_gt" => Special::LanesAbove,
            "%lanemask_ge" => Special::LanesAboveOrEqual,
            _ => return None,
        })
    }
}
