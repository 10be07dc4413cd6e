//! How a warp runs: of lanes that parted, those go first that come first in an order of the code in
//! which every place where two ways join lies behind both (see `order`). So they meet again as soon
//! as they can, without any annotation.

use std::collections::HashSet;

use crate::{
    barrier::meet,
    collective::{Company, check_members, collective, whole},
    compute::compute,
    count::Counts,
    defined::Followed,
    finding::{Findings, Kind, grouped},
    instruction::Action,
    lane::{FULL, Lane, each},
    log::{Log, Stop},
    matrix::{gathered, shares, transpose},
    module::Kernel,
    spaces::Spaces,
    view::Pages,
    warp::Warp,
};

/// What comes after an instruction.
enum Flow {
    /// The next one.
    On,
    /// A jump of all lanes that are here.
    Jump(usize),
    /// The lanes parted, wait or have ended; each knows where it goes on.
    Parted,
}

/// Executes instructions for the warps of one block.
pub(crate) struct Executor<'a> {
    kernel: &'a Kernel,
    spaces: Spaces<'a>,
    log: Log<'a>,
    counts: Vec<Counts>,
    /// Instructions that the block may execute in all, and those it still may.
    limit: u64,
    left: u64,
    /// Instructions that read a variable without a value and have been told once.
    told: HashSet<usize>,
}

impl<'a> Executor<'a> {
    pub(crate) fn new(kernel: &'a Kernel, spaces: Spaces<'a>, log: Log<'a>, limit: u64) -> Self {
        Executor {
            kernel,
            spaces,
            log,
            counts: vec![Counts::default(); kernel.code.len()],
            limit,
            left: limit,
            told: HashSet::new(),
        }
    }

    /// What the block touched, counted and found.
    pub(crate) fn finish(mut self) -> (Vec<Pages>, Vec<Counts>, Findings) {
        for (counts, instruction) in self.counts.iter_mut().zip(&self.kernel.code) {
            let flops = counts.lanes * instruction.flops;
            match instruction.action {
                Action::Product(_) => counts.tensor_flops = flops,
                _ => counts.flops = flops,
            }
        }
        (self.spaces.into_pages(), self.counts, self.log.into_findings())
    }

    /// All warps that are left have come to a barrier.
    pub(crate) fn meet(&mut self, warps: &mut [Warp]) {
        if let Some(at) = meet(self.kernel, warps, &mut self.log) {
            self.counts[at].barriers += 1;
            self.spaces.barrier();
        }
    }

    /// Runs a warp to its next barrier, or to its end.
    pub(crate) fn run(&mut self, warp: &mut Warp) -> Result<(), Stop> {
        let ranks = &self.kernel.ranks;
        while warp.live != 0 && warp.waits.is_none() {
            let running = warp.live & !warp.arrived;
            // The lanes that come first in the order, and where the next of the others stands.
            let rank = |warp: &Warp, lane: usize| ranks[warp.next[lane]];
            let Some(first) = each(running).min_by_key(|lane| rank(warp, *lane)) else {
                // All that are left have come to the barrier.
                warp.waits = Some(warp.barrier);
                warp.arrived = 0;
                return Ok(());
            };
            let mut at = warp.next[first];
            let (mut here, mut others) = (0, u32::MAX);
            for lane in each(running) {
                if warp.next[lane] == at {
                    here |= 1 << lane;
                } else {
                    others = others.min(rank(warp, lane));
                }
            }
            while ranks[at] < others {
                match self.step(warp, at, here)? {
                    Flow::On => at += 1,
                    Flow::Jump(target) => at = target,
                    Flow::Parted => break,
                }
                if ranks[at] >= others {
                    warp.set_next(here, at);
                }
            }
        }
        Ok(())
    }

    /// One instruction for the lanes `here`; those whose guard holds execute it.
    fn step(&mut self, warp: &mut Warp, at: usize, here: u32) -> Result<Flow, Stop> {
        let kernel = self.kernel;
        let instruction = &kernel.code[at];
        let guard = instruction.guard;
        let mask = here & guard.map_or(FULL, |guard| warp.registers.holds(guard));
        self.spend(warp, at, here, mask)?;
        let mut forgotten = [0; 4];
        if warp.defined.has_news(at, here) {
            forgotten = self.follow(warp, at, here, mask);
        }
        let counts = &mut self.counts[at];
        let company = Company { warp: warp.number, instruction: at, mask, live: warp.live };
        match &instruction.action {
            Action::Load { into, .. } => {
                let unwritten = self.spaces.load(warp, at, mask, counts, &mut self.log)?;
                if unwritten != [0; 4] {
                    warp.defined.lose(into, unwritten, at);
                }
            }
            Action::Store { .. } => {
                self.spaces.store(warp, at, mask, counts, &mut self.log)?;
                if forgotten != [0; 4] {
                    self.spaces.forget(warp, at, forgotten);
                }
            }
            Action::Atomic { .. } => self.spaces.atomic(warp, at, mask, counts, &mut self.log)?,
            Action::Shuffle { .. }
            | Action::Vote { .. }
            | Action::Match { .. }
            | Action::Reduce { .. } => {
                collective(&instruction.action, &mut warp.registers, company, &mut self.log)
            }
            Action::Product(product) => {
                whole(company, &mut self.log);
                product.run(&mut warp.registers, mask);
            }
            Action::Transpose { into, from } => {
                whole(company, &mut self.log);
                let matrix = gathered(&u32::get(&warp.registers, *from), mask);
                u32::set(&mut warp.registers, *into, &shares(&transpose(&matrix)), mask);
            }
            Action::LoadMatrices { .. } => {
                whole(company, &mut self.log);
                self.spaces.load_matrices(warp, at, mask, counts, &mut self.log)?;
            }
            Action::StoreMatrices { .. } => {
                whole(company, &mut self.log);
                self.spaces.store_matrices(warp, at, mask, counts, &mut self.log)?;
            }
            Action::Copy { .. } => self.spaces.copy(warp, at, mask, counts, &mut self.log)?,
            Action::CommitCopies => each(mask).for_each(|lane| warp.groups[lane] += 1),
            Action::WaitForCopies { left } => self.spaces.wait(warp, at, mask, *left),
            Action::WarpBarrier { members } => {
                let members = u32::get(&warp.registers, *members);
                check_members(company, &members, &mut self.log);
                warp.step += u32::from(mask != 0);
            }
            Action::Branch { target } => return Ok(branch(warp, at, *target, here, mask)),
            Action::Exit => {
                warp.live &= !mask;
                warp.set_next(here & !mask, at + 1);
                return Ok(Flow::Parted);
            }
            Action::Barrier { .. } if mask != 0 => return self.arrive(warp, at, here, mask),
            Action::Trap if mask != 0 => return Err(self.trap(warp, at, mask)),
            Action::Fence if mask != 0 => self.spaces.fence(),
            computing => compute(computing, &mut warp.registers, mask, warp.clock),
        }
        Ok(Flow::On)
    }

    /// Counts an instruction, if the block may still execute one.
    fn spend(&mut self, warp: &mut Warp, at: usize, here: u32, mask: u32) -> Result<(), Stop> {
        let counts = &mut self.counts[at];
        counts.instructions += 1;
        counts.lanes += u64::from(mask.count_ones());
        warp.clock += 1;
        if self.left == 0 {
            let limit = grouped(self.limit);
            self.log.find(Kind::StepLimit, at, None, |log| {
                let who = log.who(warp.number, here.trailing_zeros() as usize);
                format!("after {limit} instructions of the block it is still running: {who}")
            });
            return Err(Stop);
        }
        self.left -= 1;
        Ok(())
    }

    /// Takes note of registers without a value, and says what they decide. Gives those that are
    /// stored in local memory.
    #[cold]
    fn follow(&mut self, warp: &mut Warp, at: usize, here: u32, mask: u32) -> [u32; 4] {
        let instruction = &self.kernel.code[at];
        let Warp { defined, registers, .. } = &mut *warp;
        let Followed { fault, forgotten } = defined.follow(registers, instruction, at, here, mask);
        if let Some(fault) = fault
            && self.told.insert(fault.origin)
        {
            let origin = fault.origin;
            let other = (origin != at).then_some(at);
            let kind = Kind::UninitialisedVariable;
            self.log.find(kind, origin, other, |log| {
                let (what, place) = (fault.what, log.place(at));
                let who = log.who(warp.number, fault.lanes.trailing_zeros() as usize);
                format!("a variable is read that has no value on this path, and {what} at {place} depends on it: {who}")
            });
        }
        forgotten
    }

    /// A barrier is for all lanes of the warp. Those that come to it first wait for the others: where
    /// a branch lies in the code says nothing, a compiler may put it behind the barrier.
    fn arrive(&mut self, warp: &mut Warp, at: usize, here: u32, mask: u32) -> Result<Flow, Stop> {
        warp.set_next(here, at + 1);
        if warp.arrived != 0 && warp.barrier != at {
            let (number, live, before) = (warp.number, warp.live.count_ones(), warp.arrived);
            self.log.find(Kind::BarrierDivergence, warp.barrier, Some(at), |log| {
                let (lanes, there) = (before.count_ones(), log.place(at));
                format!("{lanes} of the {live} lanes of warp {number} reach this barrier (mask {before:#010x}); others are at {there}")
            });
            return Err(Stop);
        }
        warp.barrier = at;
        warp.arrived |= mask;
        Ok(Flow::Parted)
    }

    #[cold]
    fn trap(&mut self, warp: &Warp, at: usize, mask: u32) -> Stop {
        let lane = mask.trailing_zeros() as usize;
        self.log.find(Kind::Trap, at, None, |log| {
            format!("the kernel stopped itself: {}", log.who(warp.number, lane))
        });
        Stop
    }
}

fn branch(warp: &mut Warp, at: usize, target: usize, here: u32, mask: u32) -> Flow {
    if mask == here {
        Flow::Jump(target)
    } else if mask == 0 {
        Flow::On
    } else {
        warp.set_next(mask, target);
        warp.set_next(here & !mask, at + 1);
        Flow::Parted
    }
}
