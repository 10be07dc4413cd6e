//! Where a kernel runs: on a GPU if one opens, else in the simulator.

use crate::{Error, gpu::Gpu, program::Program};
use ptx_sim::{LaunchError, Memory, Report};

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

impl Launch<'_> {
    /// Refuses a name that the program does not hold, and arguments that the kernel does not take: for a GPU such a launch is
    /// undefined, so nothing but this stands in between.
    pub(crate) fn fits(&self, program: &Program) -> Result<(), Error> {
        let kernel: String = self.kernel.into();
        let sizes = program.module().kernel(self.kernel)?.parameter_sizes();
        let (wanted, given) = (sizes.len(), self.arguments.len());
        if wanted != given {
            return Err(LaunchError::ArgumentCount { kernel, wanted, given }.into());
        }
        for (index, (argument, wanted)) in self.arguments.iter().zip(sizes).enumerate() {
            let given = match argument {
                Argument::Buffer(_) => 8,
                Argument::Int(_) | Argument::Float(_) => 4,
            };
            if wanted != given {
                return Err(LaunchError::ArgumentSize { kernel, index, wanted, given }.into());
            }
        }
        Ok(())
    }
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
                Ok(Buffer(buffers.len() - 1))
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
                Ok(Buffer(buffers.len() - 1))
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
            Device::Simulator { memory, buffers, .. } => Ok(memory.read(buffers[buffer.0])),
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
                        Argument::Buffer(buffer) => buffers[buffer.0].into(),
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
