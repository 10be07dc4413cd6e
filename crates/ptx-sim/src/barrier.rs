//! Where the warps of a block meet.
//!
//! The rules are those of `bar.sync`, which `__syncthreads()` becomes:
//!
//! * All threads of a warp must execute the same barrier (PTX ISA, `bar`: `.aligned`). It must not
//!   lie in code that only some of them come to, whether the others go elsewhere or have returned.
//! * A warp whose threads have all ended is excused. “If the exiting threads are holding up the
//!   barrier, the barrier is released” (PTX ISA, `exit`), and since Volta the barrier waits for “all
//!   non-exited threads in the block” (CUDA C++ Programming Guide, on compute capability 7.x).
//! * Warps that wait at different places meet on the hardware, where both are barrier 0. But
//!   `__syncthreads()` may stand in a branch only if all threads of the block take the same one.

use crate::{
    finding::Kind,
    instruction::{Action, Vote},
    lane::LANES,
    log::Log,
    module::Kernel,
    warp::Warp,
};

/// All warps that are left wait: says what is wrong with that, votes, and lets them go on. The
/// barrier they met at; none if nobody waits.
pub(crate) fn meet(kernel: &Kernel, warps: &mut [Warp], log: &mut Log) -> Option<usize> {
    let waiting = || warps.iter().filter_map(|warp| Some((warp, warp.waits?)));
    let (first, at) = waiting().next()?;
    if let Some((warp, at)) = waiting().find(|(warp, _)| warp.live != warp.threads) {
        let (all, left) = (warp.threads.count_ones(), warp.live.count_ones());
        log.find(Kind::BarrierDivergence, at, None, |_| {
            let ended = all - left;
            format!(
                "{ended} of {all} threads of warp {} have ended when the others reach this barrier",
                warp.number
            )
        });
    }
    if let Some((other, elsewhere)) = waiting().find(|(_, instruction)| *instruction != at) {
        log.find(Kind::BarrierDivergence, at, Some(elsewhere), |log| {
            let (here, there) = (log.place(at), log.place(elsewhere));
            format!(
                "warp {} waits at this barrier while warp {} waits at another: {here} and {there}",
                first.number, other.number
            )
        });
    }
    if let Action::Barrier { vote: Some((mode, into, test)) } = &kernel.code[at].action {
        let here: u32 = warps.iter().map(|warp| warp.live.count_ones()).sum();
        let votes: u32 =
            warps.iter().map(|warp| (warp.registers.holds(*test) & warp.live).count_ones()).sum();
        let result = match mode {
            Vote::Count => votes.into(),
            Vote::Any => u64::from(votes > 0),
            _ => u64::from(votes == here),
        };
        for warp in warps.iter_mut() {
            warp.registers.set_wide(*into, &[result; LANES], warp.live);
        }
    }
    warps.iter_mut().for_each(|warp| warp.waits = None);
    Some(at)
}
