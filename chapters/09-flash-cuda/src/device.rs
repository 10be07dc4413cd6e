//! Where a kernel runs: on a GPU if one opens, else in the simulator.

use crate::{
    Error,
    gpu::Gpu,
    launch::{Argument, Buffer, Launch},
    program::Program,
};
use ptx_sim::{Memory, Report};

/// A place where kernels run, with buffers of its own.
pub enum Device {
    /// The first GPU of this machine.
    Gpu(Gpu),
    /// The simulator, and why it is not a GPU.
    Simulator {
        /// Its buffers.
        memory: Memory,
        /// Their handles.
        buffers: Vec<ptx_sim::Buffer>,
        /// In a few words.
        because: String,
    },
}

/// The byte that fills a buffer of the simulator until it is written, four times, as an f32; a GPU's is filled with it too.
pub(crate) const UNWRITTEN: f32 = f32::from_bits(0xcdcd_cdcd);

/// Instructions that the simulator lets the warps of a block execute together, some seconds of its time: a block of this
/// chapter takes 2 thousand a tile.
const STEPS: u64 = 5_000_000;

impl Device {
    /// The GPU if one opens, else the simulator.
    pub fn open() -> Self {
        match Gpu::open() {
            Ok(gpu) => Device::Gpu(gpu),
            Err(because) => Self::simulator_because(&because),
        }
    }

    /// The simulator, whatever the machine has: it alone sees findings and counts.
    pub fn simulator() -> Self {
        Self::simulator_because("it was asked for")
    }

    fn simulator_because(because: &str) -> Self {
        Device::Simulator { memory: Memory::new(), buffers: Vec::new(), because: because.into() }
    }

    /// Which one it is, for the reader.
    pub fn words(&self) -> String {
        match self {
            Device::Gpu(gpu) => format!("on the GPU: {}", gpu.name()),
            Device::Simulator { because, .. } => format!("in the simulator ({because})"),
        }
    }

    /// A buffer with these values. The name is for findings.
    ///
    /// # Errors
    /// [`Error::Driver`], on a GPU without room.
    pub fn alloc(&mut self, name: &str, values: &[f32]) -> Result<Buffer, Error> {
        match self {
            Device::Gpu(gpu) => gpu.alloc(values),
            Device::Simulator { memory, buffers, .. } => {
                buffers.push(memory.alloc(name, values));
                Ok(Buffer::new(buffers.len() - 1))
            }
        }
    }

    /// A buffer that nobody has written; for the simulator, reading it first is a finding.
    ///
    /// # Errors
    /// As for [`Device::alloc`].
    pub fn alloc_unwritten(&mut self, name: &str, len: usize) -> Result<Buffer, Error> {
        match self {
            Device::Gpu(gpu) => gpu.alloc(&vec![UNWRITTEN; len]),
            Device::Simulator { memory, buffers, .. } => {
                buffers.push(memory.alloc_uninit::<f32>(name, len));
                Ok(Buffer::new(buffers.len() - 1))
            }
        }
    }

    /// What a buffer holds.
    ///
    /// # Errors
    /// [`Error::Driver`].
    pub fn read(&self, buffer: Buffer) -> Result<Vec<f32>, Error> {
        match self {
            Device::Gpu(gpu) => gpu.read(buffer),
            Device::Simulator { memory, buffers, .. } => Ok(memory.read(buffers[buffer.index()])),
        }
    }

    /// Runs a kernel and waits for it. The simulator's report says what it did wrong and what moved; a GPU gives none.
    ///
    /// # Errors
    /// A name that the program does not hold, arguments that do not fit, a block too large, too much shared memory, or
    /// a driver that refuses.
    pub fn launch(&mut self, program: &Program, launch: &Launch) -> Result<Option<Report>, Error> {
        match self {
            Device::Gpu(gpu) => gpu.launch(program, launch).map(|()| None),
            Device::Simulator { memory, buffers, .. } => {
                let kernel = program.module().kernel(launch.kernel)?;
                let arguments: Vec<ptx_sim::Argument> = launch
                    .arguments
                    .iter()
                    .map(|argument| match argument {
                        Argument::Buffer(buffer) => buffers[buffer.index()].into(),
                        Argument::Int(number) => (*number).into(),
                        Argument::Float(number) => (*number).into(),
                    })
                    .collect();
                let arrays = program.arrays().iter();
                let plain = ptx_sim::Launch::new(launch.grid, launch.block).step_limit(STEPS);
                let launch = arrays.fold(plain, |launch, array| {
                    launch.array(&array.name, array.element, &array.shape)
                });
                Ok(Some(kernel.launch(memory, &launch, &arguments)?))
            }
        }
    }
}
