//! A GPU, if there is one.

use crate::{
    Error, foreign,
    launch::{Argument, Buffer, Launch},
    program::Program,
};
use cudarc::{
    driver::{CudaContext, CudaModule, CudaSlice, CudaStream, LaunchConfig, sys::CUevent_flags},
    nvrtc::Ptx,
};
use ptx_sim::LaunchError;
use std::sync::Arc;

/// The first GPU of this machine.
pub struct Gpu {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    name: String,
    buffers: Vec<CudaSlice<f32>>,
}

impl Gpu {
    /// Opens it.
    ///
    /// # Errors
    /// Why there is none, in a few words.
    pub fn open() -> Result<Self, String> {
        if !foreign::driver_is_present() {
            return Err("this machine has no CUDA driver".into());
        }
        let context = CudaContext::new(0)
            .map_err(|error| format!("the CUDA driver gives no device: {error}"))?;
        let name = context.name().unwrap_or_else(|_| "GPU 0".into());
        let stream = context.default_stream();
        Ok(Gpu { context, stream, name, buffers: Vec::new() })
    }

    /// What NVIDIA calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn alloc(&mut self, values: &[f32]) -> Result<Buffer, Error> {
        self.buffers.push(self.stream.clone_htod(values).map_err(refused)?);
        Ok(Buffer::new(self.buffers.len() - 1))
    }

    pub(crate) fn read(&self, buffer: Buffer) -> Result<Vec<f32>, Error> {
        self.stream.clone_dtoh(&self.buffers[buffer.index()]).map_err(refused)
    }

    pub(crate) fn launch(&mut self, program: &Program, launch: &Launch) -> Result<(), Error> {
        let module = self.context.load_module(Ptx::from_src(program.ptx())).map_err(refused)?;
        self.start(&module, program, launch)?;
        self.stream.synchronize().map_err(refused)
    }

    /// Launches a kernel and does not wait. The buffers stay as long as the GPU.
    fn start(
        &self,
        module: &Arc<CudaModule>,
        program: &Program,
        launch: &Launch,
    ) -> Result<(), Error> {
        fits(launch, program)?;
        let function = module.load_function(launch.kernel).map_err(refused)?;
        let [grid_dim, block_dim] = [launch.grid, launch.block].map(|[x, y, z]| (x, y, z));
        let config = LaunchConfig { grid_dim, block_dim, shared_mem_bytes: 0 };
        foreign::launch(&self.stream, &function, config, &self.buffers, &launch.arguments)
    }

    /// Seconds that each of `rounds` rounds takes on the GPU, by its own clock. A round launches all kernels of one call;
    /// the calls take turns.
    ///
    /// # Errors
    /// As for [`crate::Device::launch`].
    pub(crate) fn time(
        &self,
        program: &Program,
        calls: &[Vec<Launch>],
        rounds: usize,
    ) -> Result<Vec<f64>, Error> {
        let module = self.context.load_module(Ptx::from_src(program.ptx())).map_err(refused)?;
        let event = || self.stream.record_event(Some(CUevent_flags::CU_EVENT_DEFAULT));
        let mut events = Vec::new();
        for call in calls.iter().cycle().take(rounds) {
            let before = event().map_err(refused)?;
            for launch in call {
                self.start(&module, program, launch)?;
            }
            events.push((before, event().map_err(refused)?));
        }
        self.stream.synchronize().map_err(refused)?;
        let seconds = events.iter().map(|(before, after)| {
            before.elapsed_ms(after).map(|ms| f64::from(ms) / 1e3).map_err(refused)
        });
        seconds.collect()
    }
}

/// Refuses a name that the program does not hold, and arguments that the kernel does not take: for a GPU such a launch is
/// undefined, so nothing but this stands in between.
fn fits(launch: &Launch, program: &Program) -> Result<(), Error> {
    let kernel: String = launch.kernel.into();
    let sizes = program.module().kernel(launch.kernel)?.parameter_sizes();
    let (wanted, given) = (sizes.len(), launch.arguments.len());
    if wanted != given {
        return Err(LaunchError::ArgumentCount { kernel, wanted, given }.into());
    }
    for (index, (argument, wanted)) in launch.arguments.iter().zip(sizes).enumerate() {
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

fn refused(error: cudarc::driver::DriverError) -> Error {
    Error::Driver(error.to_string())
}
