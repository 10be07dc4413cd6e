//! Starts a kernel: whether the hardware would allow it, and the blocks one after the other or side
//! by side.

use crate::{
    block::Common,
    commit::Commit,
    count::Counts,
    error::LaunchError,
    finding::Findings,
    instruction::{Action, Instruction},
    join::Join,
    lane::LANES,
    launch::{Argument, Launch},
    memory::{Memory, Region},
    module::Kernel,
    report::Report,
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
            granules: [granule(&self.code, Space::Shared), granule(&self.code, Space::Global)],
        };
        let atomics = self.code.iter().any(|instruction| match instruction.action {
            Action::Atomic { space, .. } => space != Space::Shared,
            _ => false,
        });
        let buffers = memory.regions.len();
        memory.regions.extend(self.variables.iter().map(|variable| Region {
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
        Ok(Report::new(self, launch, join.counts, join.findings, sectors, join.completed))
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
        within("a grid for the simulator", launch.blocks() as u64, MAX_BLOCKS)?;
        let shared = |kind, wanted, limit| {
            if wanted <= limit {
                Ok(())
            } else {
                Err(LaunchError::SharedMemory { wanted, limit, kind })
            }
        };
        shared("of static arrays", self.shared_bytes, MAX_STATIC_SHARED)?;
        shared("in all", self.shared_bytes.saturating_add(launch.shared), MAX_SHARED)?;
        let [pred, b32, b64] = self.registers.map(|count| count as usize);
        let lane = self.local_bytes + 4 * b32 + 8 * b64 + pred.div_ceil(8);
        let wanted = lane * LANES * launch.threads().div_ceil(32) as usize;
        if wanted > MAX_PRIVATE {
            return Err(LaunchError::PrivateMemory { wanted, limit: MAX_PRIVATE });
        }
        Ok(())
    }

    /// The parameter space with the arguments in it.
    fn parameters(&self, arguments: &[Argument]) -> Result<Vec<u8>, LaunchError> {
        let kernel = self.name.clone();
        if arguments.len() != self.parameters.len() {
            let (wanted, given) = (self.parameters.len(), arguments.len());
            return Err(LaunchError::ArgumentCount { kernel, wanted, given });
        }
        let mut space = Vec::new();
        for (index, (Argument(bytes), parameter)) in
            arguments.iter().zip(&self.parameters).enumerate()
        {
            if bytes.len() != parameter.bytes {
                let (wanted, given) = (parameter.bytes, bytes.len());
                return Err(LaunchError::ArgumentSize { kernel, index, wanted, given });
            }
            space.resize(parameter.offset, 0);
            space.extend_from_slice(bytes);
        }
        Ok(space)
    }
}

/// The smallest access that a kernel makes to a space: bytes that have to be told apart.
fn granule(code: &[Instruction], wanted: Space) -> usize {
    let sizes = code.iter().filter_map(|instruction| match &instruction.action {
        Action::Load { space, kind, .. }
        | Action::Store { space, kind, .. }
        | Action::Atomic { space, kind, .. } => {
            (*space == wanted || *space == Space::Generic).then(|| kind.size())
        }
        Action::Copy { size, .. } => Some(*size),
        _ => None,
    });
    sizes.min().unwrap_or(4).min(4)
}
