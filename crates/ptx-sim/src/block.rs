//! One block of threads, from its first instruction to its last.

use crate::{
    count::Counts,
    execute::Executor,
    finding::Findings,
    launch::Launch,
    local::Local,
    log::{Log, Stop},
    module::{Kernel, Variable},
    shared::Shared,
    spaces::Spaces,
    view::{Pages, View},
    warp::Warp,
};

/// What every block of a launch has in common.
pub(crate) struct Common<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) launch: &'a Launch,
    /// The bytes of the parameter space.
    pub(crate) parameters: Vec<u8>,
    /// The smallest access of the kernel to shared, and to global memory.
    pub(crate) granules: [usize; 2],
}

/// What a block leaves behind.
pub(crate) struct Finished {
    pub(crate) pages: Vec<Pages>,
    pub(crate) counts: Vec<Counts>,
    pub(crate) findings: Findings,
    /// It ran to its end.
    pub(crate) completed: bool,
}

/// Runs the block of this index.
pub(crate) fn run(common: &Common, index: [u32; 3], global: View) -> Finished {
    let Common { kernel, launch, .. } = *common;
    let warps = launch.threads().div_ceil(32) as u32;
    let local = Local::new(32 * warps as usize, kernel.local_bytes);
    let shared = Shared::new(arrays(kernel, launch), common.granules[0]);
    let spaces = Spaces::new(kernel, &common.parameters, global, shared, local);
    let log = Log::new(&kernel.code, launch, index);
    let mut executor = Executor::new(kernel, spaces, log, launch.step_limit);
    let mut warps: Vec<Warp> =
        (0..warps).map(|number| Warp::new(kernel, launch, index, number)).collect();
    let completed = run_warps(&mut executor, &mut warps).is_ok();
    let (pages, counts, findings) = executor.finish();
    Finished { pages, counts, findings, completed }
}

/// Runs every warp to the next barrier, and all of them on, until no thread is left.
fn run_warps(executor: &mut Executor, warps: &mut [Warp]) -> Result<(), Stop> {
    loop {
        for warp in warps.iter_mut() {
            executor.run(warp)?;
        }
        if warps.iter().all(|warp| warp.live == 0) {
            return Ok(());
        }
        executor.meet(warps);
    }
}

/// The shared arrays of the kernel, and the dynamic one behind them.
fn arrays(kernel: &Kernel, launch: &Launch) -> Vec<Variable> {
    let mut arrays = kernel.shared.clone();
    if let Some(name) = &kernel.dynamic {
        arrays.push(Variable {
            name: name.clone(),
            offset: kernel.dynamic_offset(),
            bytes: launch.shared,
        });
    }
    arrays
}
