//! How a warp runs: of lanes that parted, those go first that come first in an order of the code in
//! which every place where two ways join lies behind both (see `order`). So they meet again as soon
//! as they can, without any annotation.

use crate::{
    block::{Block, Stop, Warp},
    finding::{Kind, grouped},
    instruction::{Action, Guard, Join},
    lane::{FULL, LANES, Registers, each},
};

/// What comes after an instruction.
pub(crate) enum Flow {
    /// The next one.
    On,
    /// A jump of all lanes that are here.
    Jump(usize),
    /// The lanes parted; each knows where it goes on.
    Parted,
    /// The warp waits at a barrier, or has ended.
    Pause,
}

/// The lanes whose predicate lets them.
fn guarded(registers: &Registers, guard: Option<Guard>) -> u32 {
    guard.map_or(FULL, |guard| holds(registers, guard))
}

/// The lanes for which a predicate, perhaps negated, holds.
pub(crate) fn holds(registers: &Registers, guard: Guard) -> u32 {
    let bits = registers.pred[guard.register as usize];
    if guard.negated { !bits } else { bits }
}

impl Block<'_> {
    /// Runs a warp to its next barrier, or to its end.
    pub(crate) fn run_warp(&mut self, warp: &mut Warp) -> Result<(), Stop> {
        let ranks = &self.common.kernel.ranks;
        while warp.live != 0 && warp.waits.is_none() {
            let running = warp.live & !warp.arrived;
            if running == 0 {
                // All that are left have come to the barrier.
                warp.waits = Some(warp.barrier);
                warp.arrived = 0;
                return Ok(());
            }
            // The lanes that come first in the order, and where the next of the others stands.
            let rank = |warp: &Warp, lane: usize| ranks[warp.next[lane]];
            let Some(first) = each(running).min_by_key(|lane| rank(warp, *lane)) else {
                break;
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
                    Flow::Parted | Flow::Pause => break,
                }
                if ranks[at] >= others {
                    set_next(warp, here, at);
                }
            }
        }
        Ok(())
    }

    /// One instruction for the lanes `here`.
    fn step(&mut self, warp: &mut Warp, at: usize, here: u32) -> Result<Flow, Stop> {
        let instruction = &self.common.kernel.code[at];
        let mask = here & guarded(&warp.registers, instruction.guard);
        let counts = &mut self.counts[at];
        counts.instructions += 1;
        counts.lanes += u64::from(mask.count_ones());
        warp.clock += 1;
        if self.left == 0 {
            let limit = grouped(self.common.launch.step_limit);
            self.find(Kind::StepLimit, at, None, |block| {
                let who = block.who(warp.number, here.trailing_zeros() as usize);
                format!("after {limit} instructions of the block it is still running: {who}")
            });
            return Err(Stop);
        }
        self.left -= 1;
        match &instruction.action {
            Action::Compute { formula, operands } => {
                (formula.run)(&mut warp.registers, operands, mask)
            }
            Action::Compare {
                test,
                operands,
                join,
                into,
                inverse,
            } => {
                let bits = (test.run)(&warp.registers, operands);
                let joined = |bits: u32| match join {
                    None => bits,
                    Some((Join::And, with)) => bits & holds(&warp.registers, *with),
                    Some((Join::Or, with)) => bits | holds(&warp.registers, *with),
                    Some((Join::Xor, with)) => bits ^ holds(&warp.registers, *with),
                };
                let (first, second) = (joined(bits), joined(!bits));
                let write =
                    |register: &mut u32, bits: u32| *register = (*register & !mask) | (bits & mask);
                write(&mut warp.registers.pred[*into as usize], first);
                if let Some(inverse) = inverse {
                    write(&mut warp.registers.pred[*inverse as usize], second);
                }
            }
            Action::Split { parts, from, bits } => {
                let whole = warp.registers.wide(from.class, from.index);
                for (part, register) in parts.iter().enumerate() {
                    let shift = bits * part as u32;
                    let values = whole.map(|value| value >> shift & (u64::MAX >> (64 - bits)));
                    warp.registers
                        .set_wide(register.class, register.index, &values, mask);
                }
            }
            Action::Merge { into, parts, bits } => {
                let mut whole = [0; LANES];
                for (part, register) in parts.iter().enumerate() {
                    let values = warp.registers.wide(register.class, register.index);
                    for (whole, value) in whole.iter_mut().zip(values) {
                        *whole |= (value & (u64::MAX >> (64 - bits))) << (bits * part as u32);
                    }
                }
                warp.registers
                    .set_wide(into.class, into.index, &whole, mask);
            }
            Action::Load { .. } => self.load(warp, at, mask)?,
            Action::Store { .. } => self.store(warp, at, mask)?,
            Action::Atomic { .. } => self.atomic(warp, at, mask)?,
            Action::Shuffle { .. }
            | Action::Vote { .. }
            | Action::Match { .. }
            | Action::Reduce { .. } => self.collective(warp, at, mask),
            Action::ActiveMask { into } => {
                warp.registers.set_wide(
                    crate::types::Class::B32,
                    *into,
                    &[mask.into(); LANES],
                    mask,
                );
            }
            Action::Clock { into } => {
                let now = [warp.clock; LANES];
                warp.registers.set_wide(into.class, into.index, &now, mask);
            }
            Action::Branch { target } => return Ok(branch(warp, at, *target, here, mask)),
            Action::Exit => {
                warp.live &= !mask;
                set_next(warp, here & !mask, at + 1);
                return Ok(if warp.live & here == 0 {
                    Flow::Pause
                } else {
                    Flow::Parted
                });
            }
            Action::Trap if mask != 0 => {
                let lane = mask.trailing_zeros() as usize;
                self.find(Kind::Trap, at, None, |block| {
                    format!(
                        "the kernel stopped itself: {}",
                        block.who(warp.number, lane)
                    )
                });
                return Err(Stop);
            }
            Action::Barrier { .. } if mask != 0 => return self.wait(warp, at, here, mask),
            Action::WarpBarrier { members } => {
                let members = warp.registers.b32[*members as usize];
                self.check_members(warp, at, mask, &members);
                if mask != 0 {
                    warp.step += 1;
                }
            }
            Action::Fence => self.view.fenced |= mask != 0,
            Action::Trap | Action::Barrier { .. } | Action::Nothing => {}
        }
        Ok(Flow::On)
    }

    /// A barrier is for all threads of the block, so for all of the warp. Lanes that come to it first wait for the others:
    /// where a branch lies in the code says nothing, a compiler may put it behind the barrier.
    fn wait(&mut self, warp: &mut Warp, at: usize, here: u32, mask: u32) -> Result<Flow, Stop> {
        set_next(warp, here, at + 1);
        if warp.arrived != 0 && warp.barrier != at {
            let (number, live, before) = (warp.number, warp.live.count_ones(), warp.arrived);
            self.find(Kind::BarrierDivergence, warp.barrier, Some(at), |block| {
                let (lanes, there) = (before.count_ones(), block.place(at));
                format!("{lanes} of the {live} lanes of warp {number} reach this barrier (mask {before:#010x}); others are at {there}")
            });
            return Err(Stop);
        }
        warp.barrier = at;
        warp.arrived |= mask;
        Ok(Flow::Parted)
    }
}

fn set_next(warp: &mut Warp, lanes: u32, next: usize) {
    for lane in each(lanes) {
        warp.next[lane] = next;
    }
}

fn branch(warp: &mut Warp, at: usize, target: usize, here: u32, mask: u32) -> Flow {
    if mask == here {
        Flow::Jump(target)
    } else if mask == 0 {
        Flow::On
    } else {
        set_next(warp, mask, target);
        set_next(warp, here & !mask, at + 1);
        Flow::Parted
    }
}
