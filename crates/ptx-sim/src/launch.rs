//! Starts a kernel: what a launch asks for, and whether the hardware would allow it.

use std::{num::NonZero, thread};

use crate::{
    block::Common,
    commit::Commit,
    count::Counts,
    error::LaunchError,
    finding::{Array, Findings},
    instruction::{Action, Instruction},
    join::Join,
    lane::LANES,
    memory::{Buffer, Element, Memory, Region},
    module::Kernel,
    report::Report,
    scope::GAP,
    types::Space,
};

/// What every GPU since Volta allows.
const MAX_THREADS: u64 = 1024;
const MAX_STATIC_SHARED: usize = 48 * 1024;
/// What an H100 allows a block after the host has asked for it; others allow less.
const MAX_SHARED: usize = 227 * 1024;
// What a simulation on a CPU can have and one can wait for; the hardware allows more.
const MAX_BLOCKS: u64 = 1 << 20;
const MAX_PRIVATE: usize = 256 << 20;

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
        Launch {
            grid,
            block,
            shared: 0,
            step_limit: 50_000_000,
            arrays: Vec::new(),
            workers,
        }
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
        self.arrays.push(Array {
            name: name.into(),
            element,
            shape: shape.into(),
        });
        self
    }

    /// How many threads of the CPU work on it, from 1 to 256: all cores unless told. The result is
    /// the same for any number.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.clamp(1, 256);
        self
    }

    pub(crate) fn threads(&self) -> u64 {
        self.block
            .iter()
            .map(|extent| u64::from(*extent))
            .fold(1, u64::saturating_mul)
    }

    pub(crate) fn blocks(&self) -> usize {
        self.grid
            .iter()
            .map(|extent| *extent as usize)
            .fold(1, usize::saturating_mul)
    }
}

/// One argument of a kernel: the bytes that its parameter gets.
#[derive(Clone, Debug)]
pub struct Argument(Vec<u8>);

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

impl Kernel {
    /// Runs the kernel to its end, or until a block has to stop. What it wrote is in `memory`
    /// afterwards.
    ///
    /// Blocks run side by side, each on the memory as it was at the start; what they wrote is
    /// joined in their order. A kernel with atomics on global memory runs block after block, each
    /// on what those before left. Either way the outcome does not depend on the number of cores. If
    /// a block stops, those after it count as never started.
    ///
    /// Costs time in proportion to the instructions that warps execute.
    ///
    /// # Errors
    ///
    /// If the arguments do not fit the parameters, or the launch asks for more than a GPU has. What
    /// the kernel does wrong is no error but a [`Finding`](crate::Finding) in the report.
    pub fn launch(
        &self,
        memory: &mut Memory,
        launch: &Launch,
        arguments: &[Argument],
    ) -> Result<Report, LaunchError> {
        self.check(launch)?;
        let common = Common {
            kernel: self,
            launch,
            parameters: self.parameters(arguments)?,
            granules: [
                granule(&self.code, Space::Shared),
                granule(&self.code, Space::Global),
            ],
        };
        let atomics = self
            .code
            .iter()
            .any(|instruction| match instruction.action {
                Action::Atomic { space, .. } => space != Space::Shared,
                _ => false,
            });
        let buffers = memory.regions.len();
        memory
            .regions
            .extend(self.variables.iter().map(|variable| Region {
                name: variable.name.clone(),
                address: variable.address,
                bytes: variable.bytes.clone(),
                written: None,
            }));
        memory.regions[buffers..].sort_by_key(|region| region.address);
        let commit = Commit::new(
            self,
            &launch.arrays,
            launch.grid,
            common.granules[1],
            &memory.regions,
            atomics,
        );
        let mut join = Join {
            commit,
            counts: vec![Counts::default(); self.code.len()],
            findings: Findings::default(),
            completed: true,
        };
        if atomics || launch.workers.min(launch.blocks()) <= 1 {
            join.one_by_one(&common, memory, atomics);
        } else {
            join.side_by_side(&common, memory);
        }
        memory.regions.truncate(buffers);
        let sectors = join.commit.sectors();
        Ok(Report::new(
            self,
            launch,
            join.counts,
            join.findings,
            sectors,
            join.completed,
        ))
    }

    /// Where the dynamic shared array lies: behind the static ones, with room between.
    pub(crate) fn dynamic_offset(&self) -> usize {
        self.shared_bytes.next_multiple_of(16) + GAP * self.shared.len()
    }

    fn check(&self, launch: &Launch) -> Result<(), LaunchError> {
        let within = |what, given, limit| {
            if (1..=limit).contains(&given) {
                Ok(())
            } else {
                Err(LaunchError::Extent { what, given, limit })
            }
        };
        within("a block's x", launch.block[0].into(), 1024)?;
        within("a block's y", launch.block[1].into(), 1024)?;
        within("a block's z", launch.block[2].into(), 64)?;
        within(
            "a block",
            launch.threads(),
            self.max_threads.unwrap_or(MAX_THREADS).min(MAX_THREADS),
        )?;
        within("a grid's x", launch.grid[0].into(), (1 << 31) - 1)?;
        within("a grid's y", launch.grid[1].into(), 65_535)?;
        within("a grid's z", launch.grid[2].into(), 65_535)?;
        // Not a limit of the hardware but of what one can wait for.
        within(
            "a grid for the simulator",
            launch.blocks() as u64,
            MAX_BLOCKS,
        )?;
        let shared = |kind, wanted, limit| {
            if wanted <= limit {
                Ok(())
            } else {
                Err(LaunchError::SharedMemory {
                    wanted,
                    limit,
                    kind,
                })
            }
        };
        shared("of static arrays", self.shared_bytes, MAX_STATIC_SHARED)?;
        shared(
            "in all",
            self.shared_bytes.saturating_add(launch.shared),
            MAX_SHARED,
        )?;
        let [pred, b32, b64] = self.registers.map(|count| count as usize);
        let lane = self.local_bytes + 4 * b32 + 8 * b64 + pred.div_ceil(8);
        let wanted = lane * LANES * launch.threads().div_ceil(32) as usize;
        if wanted > MAX_PRIVATE {
            return Err(LaunchError::PrivateMemory {
                wanted,
                limit: MAX_PRIVATE,
            });
        }
        Ok(())
    }

    /// The parameter space with the arguments in it.
    fn parameters(&self, arguments: &[Argument]) -> Result<Vec<u8>, LaunchError> {
        let kernel = self.name.clone();
        if arguments.len() != self.parameters.len() {
            let (wanted, given) = (self.parameters.len(), arguments.len());
            return Err(LaunchError::ArgumentCount {
                kernel,
                wanted,
                given,
            });
        }
        let mut space = Vec::new();
        for (index, (Argument(bytes), parameter)) in
            arguments.iter().zip(&self.parameters).enumerate()
        {
            if bytes.len() != parameter.bytes {
                let (wanted, given) = (parameter.bytes, bytes.len());
                return Err(LaunchError::ArgumentSize {
                    kernel,
                    index,
                    wanted,
                    given,
                });
            }
            space.resize(parameter.offset, 0);
            space.extend_from_slice(bytes);
        }
        Ok(space)
    }
}

/// The smallest access that a kernel makes to a space: bytes that have to be told apart.
fn granule(code: &[Instruction], wanted: Space) -> usize {
    let sizes = code
        .iter()
        .filter_map(|instruction| match &instruction.action {
            Action::Load { space, kind, .. }
            | Action::Store { space, kind, .. }
            | Action::Atomic { space, kind, .. } => {
                (*space == wanted || *space == Space::Generic).then(|| kind.size())
            }
            _ => None,
        });
    sizes.min().unwrap_or(4).min(4)
}
