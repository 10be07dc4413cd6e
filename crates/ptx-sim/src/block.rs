//! One block of threads: its warps, its shared memory, and the barriers where its warps meet.

use crate::{
    count::Counts,
    error::Place,
    execute::holds,
    finding::{Array, Finding, Findings, Kind},
    instruction::{Action, Vote},
    lane::{LANES, Registers},
    launch::Launch,
    module::{Constant, Kernel, Special, Value},
    shared::Shared,
    types::Class,
    view::{Pages, View},
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

impl Common<'_> {
    pub(crate) fn arrays(&self) -> &[Array] {
        &self.launch.arrays
    }
}

/// A block that is running.
pub(crate) struct Block<'a> {
    pub(crate) common: &'a Common<'a>,
    pub(crate) index: [u32; 3],
    pub(crate) view: View<'a>,
    pub(crate) shared: Shared,
    pub(crate) counts: Vec<Counts>,
    pub(crate) findings: Findings,
    /// Instructions that the block may still execute.
    pub(crate) left: u64,
}

/// What a block leaves behind.
pub(crate) struct Finished {
    pub(crate) pages: Vec<Pages>,
    pub(crate) counts: Vec<Counts>,
    pub(crate) findings: Findings,
    /// It ran to its end.
    pub(crate) completed: bool,
}

/// The block cannot go on; the reason is among the findings.
#[derive(Debug)]
pub(crate) struct Stop;

/// Thirty-two threads.
pub(crate) struct Warp {
    pub(crate) number: u32,
    pub(crate) registers: Registers,
    /// The next instruction of each lane.
    pub(crate) next: [usize; LANES],
    /// Lanes whose thread has not ended.
    pub(crate) live: u32,
    /// Local memory, one lane's after the other's.
    pub(crate) local: Vec<u8>,
    /// `__syncwarp`s so far.
    pub(crate) step: u32,
    /// Instructions so far.
    pub(crate) clock: u64,
    /// The barrier it waits at.
    pub(crate) waits: Option<usize>,
    /// Lanes that have come to a barrier while others of the warp have not.
    pub(crate) arrived: u32,
    /// That barrier.
    pub(crate) barrier: usize,
}

impl<'a> Block<'a> {
    pub(crate) fn new(common: &'a Common<'a>, index: [u32; 3], view: View<'a>) -> Self {
        let kernel = common.kernel;
        let mut arrays = kernel.shared.clone();
        if let Some(name) = &kernel.dynamic {
            let (offset, bytes) = (kernel.dynamic_offset(), common.launch.shared);
            arrays.push(crate::module::Variable {
                name: name.clone(),
                offset,
                bytes,
            });
        }
        Block {
            common,
            index,
            view,
            shared: Shared::new(arrays, common.granules[0]),
            counts: vec![Counts::default(); kernel.code.len()],
            findings: Findings::default(),
            left: common.launch.step_limit,
        }
    }

    /// Runs every warp to the next barrier, and all of them on, until no thread is left.
    pub(crate) fn run(mut self) -> Finished {
        let completed = self.run_warps().is_ok();
        for (counts, instruction) in self.counts.iter_mut().zip(&self.common.kernel.code) {
            counts.flops = counts.lanes * instruction.flops;
        }
        Finished {
            pages: self.view.pages,
            counts: self.counts,
            findings: self.findings,
            completed,
        }
    }

    fn run_warps(&mut self) -> Result<(), Stop> {
        let threads = self.common.launch.threads() as u32;
        let mut warps: Vec<Warp> = (0..threads.div_ceil(32))
            .map(|number| self.warp(number, threads))
            .collect();
        loop {
            for warp in &mut warps {
                self.run_warp(warp)?;
            }
            if warps.iter().all(|warp| warp.live == 0) {
                return Ok(());
            }
            self.barrier(&mut warps);
        }
    }

    /// All warps that are left wait at a barrier: they should wait at the same, and none should be
    /// gone.
    fn barrier(&mut self, warps: &mut [Warp]) {
        let threads = self.common.launch.threads() as u32;
        let waiting: Vec<(u32, usize)> = warps
            .iter()
            .filter_map(|warp| Some((warp.number, warp.waits?)))
            .collect();
        let Some((first, at)) = waiting.first().copied() else {
            return;
        };
        let here: u32 = warps.iter().map(|warp| warp.live.count_ones()).sum();
        if here < threads {
            self.find(Kind::BarrierDivergence, at, None, |_| {
                format!(
                    "{} of {threads} threads have ended when the others reach this barrier",
                    threads - here
                )
            });
        }
        if let Some((other, elsewhere)) = waiting.iter().find(|(_, instruction)| *instruction != at)
        {
            self.find(Kind::BarrierDivergence, at, Some(*elsewhere), |block| {
                let (here, there) = (block.place(at), block.place(*elsewhere));
                format!("warp {first} waits at this barrier while warp {other} waits at another: {here} and {there}")
            });
        }
        if let Action::Barrier {
            vote: Some((mode, into, test)),
        } = &self.common.kernel.code[at].action
        {
            let votes: u32 = warps
                .iter()
                .map(|warp| (holds(&warp.registers, *test) & warp.live).count_ones())
                .sum();
            let result = match mode {
                Vote::Count => votes.into(),
                Vote::Any => u64::from(votes > 0),
                _ => u64::from(votes == here),
            };
            for warp in warps.iter_mut() {
                warp.registers
                    .set_wide(into.class, into.index, &[result; LANES], warp.live);
            }
        }
        self.counts[at].barriers += 1;
        self.shared.barrier();
        warps.iter_mut().for_each(|warp| warp.waits = None);
    }

    fn warp(&self, number: u32, threads: u32) -> Warp {
        let kernel = self.common.kernel;
        let lanes = (threads - number * 32).min(32);
        let [pred, b32, b64] = kernel.registers.map(|count| count as usize);
        let mut registers = Registers {
            pred: vec![0; pred],
            b32: vec![[0; LANES]; b32],
            b64: vec![[0; LANES]; b64],
        };
        for Constant { register, value } in &kernel.constants {
            let values = match value {
                Value::Bits(bits) => [*bits; LANES],
                Value::DynamicShared => [kernel.dynamic_offset() as u64; LANES],
                Value::Special(special) => {
                    std::array::from_fn(|lane| self.special(*special, number, lane as u32).into())
                }
            };
            let values = if register.class == Class::Pred {
                values.map(|value| u64::from(value != 0))
            } else {
                values
            };
            registers.set_wide(register.class, register.index, &values, u32::MAX);
        }
        Warp {
            number,
            registers,
            next: [0; LANES],
            live: u32::MAX >> (32 - lanes),
            local: vec![0xcd; kernel.local_bytes * LANES],
            step: 0,
            clock: 0,
            waits: None,
            arrived: 0,
            barrier: 0,
        }
    }

    fn special(&self, special: Special, warp: u32, lane: u32) -> u32 {
        let launch = self.common.launch;
        let bit = 1u32 << lane;
        match special {
            Special::Thread(axis) => self.thread(warp, lane)[axis],
            Special::BlockSize(axis) => launch.block[axis],
            Special::Block(axis) => self.index[axis],
            Special::GridSize(axis) => launch.grid[axis],
            Special::Lane => lane,
            Special::Warp => warp,
            Special::Warps => (launch.threads() as u32).div_ceil(32),
            Special::LanesEqual => bit,
            Special::LanesBelow => bit - 1,
            Special::LanesBelowOrEqual => (bit - 1) | bit,
            Special::LanesAbove => !((bit - 1) | bit),
            Special::LanesAboveOrEqual => !(bit - 1),
        }
    }

    /// `threadIdx` of a lane.
    pub(crate) fn thread(&self, warp: u32, lane: u32) -> [u32; 3] {
        let [x, y, _] = self.common.launch.block;
        let thread = warp * 32 + lane;
        [thread % x, thread / x % y, thread / x / y]
    }

    pub(crate) fn place(&self, instruction: usize) -> Place {
        self.common.kernel.code[instruction].place
    }

    /// Adds a finding about an instruction, and perhaps another that it meets. The words are found
    /// the first time only.
    #[cold]
    pub(crate) fn find(
        &mut self,
        kind: Kind,
        at: usize,
        other: Option<usize>,
        text: impl FnOnce(&Self) -> String,
    ) {
        let (place, other) = (self.place(at), other.map(|other| self.place(other)));
        if !self.findings.again(kind, place, other, 1) {
            let text = text(self);
            self.findings.list.push(Finding {
                kind,
                place,
                other,
                text,
                times: 1,
            });
        }
    }

    /// “block (1, 0, 0), thread (35, 0, 0)”.
    pub(crate) fn who(&self, warp: u32, lane: usize) -> String {
        let [x, y, z] = self.index;
        let [i, j, k] = self.thread(warp, lane as u32);
        format!("block ({x}, {y}, {z}), thread ({i}, {j}, {k})")
    }
}
