//! Shuffles, votes and reductions: what lanes tell one another (PTX ISA, sections 9.7.8.6 and
//! 9.7.12).

use crate::{
    block::{Block, Warp},
    change::changed,
    execute::holds,
    finding::Kind,
    instruction::{Action, Shuffle, Vote},
    lane::{LANES, Lane, each},
    types::Class,
};

/// The lane that `lane` reads, and whether it lies within its segment (the ISA's pseudo-code).
fn source(mode: Shuffle, lane: usize, by: u32, clamp: u32) -> (usize, bool) {
    let (lane, by) = (lane as u32, by & 31);
    let (clamp, segment) = (clamp & 31, clamp >> 8 & 31);
    let last = (lane & segment) | (clamp & !segment);
    let first = lane & segment;
    let (from, valid) = match mode {
        Shuffle::Up => (
            lane.wrapping_sub(by),
            lane as i32 - by as i32 >= last as i32,
        ),
        Shuffle::Down => (lane + by, lane + by <= last),
        Shuffle::Butterfly => (lane ^ by, lane ^ by <= last),
        Shuffle::Index => {
            let from = first | (by & !segment);
            (from, from <= last)
        }
    };
    if valid {
        (from as usize & 31, true)
    } else {
        (lane as usize, false)
    }
}

impl Block<'_> {
    pub(crate) fn collective(&mut self, warp: &mut Warp, at: usize, mask: u32) {
        let kernel = self.common.kernel;
        match &kernel.code[at].action {
            Action::Shuffle {
                mode,
                into,
                valid,
                from,
                by,
                clamp,
                members,
            } => {
                let [from, by, clamp, members] = [from, by, clamp, members]
                    .map(|register| warp.registers.b32[*register as usize]);
                self.check_members(warp, at, mask, &members);
                let (mut out, mut within) = ([0; LANES], [false; LANES]);
                for lane in each(mask) {
                    let (source, valid) = source(*mode, lane, by[lane], clamp[lane]);
                    (out[lane], within[lane]) = (from[source], valid);
                    if mask >> source & 1 == 0 {
                        self.find(Kind::AbsentLanes, at, None, |block| {
                            let who = block.who(warp.number, lane);
                            format!("reads a register of lane {source}, which is not here: {who}")
                        });
                    }
                }
                u32::set(&mut warp.registers, *into, &out, mask);
                if let Some(valid) = valid {
                    bool::set(&mut warp.registers, *valid, &within, mask);
                }
            }
            Action::Vote {
                mode,
                into,
                test,
                members,
            } => {
                let members = warp.registers.b32[*members as usize];
                self.check_members(warp, at, mask, &members);
                let votes = holds(&warp.registers, *test) & mask;
                let result = match mode {
                    Vote::All => u64::from(votes == mask),
                    Vote::Any => u64::from(votes != 0),
                    Vote::Uniform => u64::from(votes == mask || votes == 0),
                    Vote::Ballot => votes.into(),
                    Vote::Count => votes.count_ones().into(),
                };
                warp.registers
                    .set_wide(into.class, into.index, &[result; LANES], mask);
            }
            Action::Match {
                all,
                into,
                agree,
                from,
                members,
            } => {
                let members = warp.registers.b32[*members as usize];
                self.check_members(warp, at, mask, &members);
                let values = warp.registers.wide(from.class, from.index);
                let mut same = [0; LANES];
                for lane in each(mask) {
                    same[lane] = each(mask)
                        .filter(|other| values[*other] == values[lane])
                        .fold(0, |bits, other| bits | 1 << other);
                    if *all && same[lane] != mask {
                        same[lane] = 0;
                    }
                }
                u32::set(&mut warp.registers, *into, &same, mask);
                if let Some(agree) = agree {
                    bool::set(
                        &mut warp.registers,
                        *agree,
                        &same.map(|same| same != 0),
                        mask,
                    );
                }
            }
            Action::Reduce {
                kind,
                change,
                into,
                from,
                members,
            } => {
                let members = warp.registers.b32[*members as usize];
                self.check_members(warp, at, mask, &members);
                let values = warp.registers.b32[*from as usize];
                let result = each(mask)
                    .map(|lane| u64::from(values[lane]))
                    .reduce(|a, b| changed(*change, *kind, a, b, 0))
                    .unwrap_or(0);
                warp.registers
                    .set_wide(Class::B32, *into, &[result; LANES], mask);
            }
            _ => {}
        }
    }

    /// Every lane that the mask names must be here, and every lane here must be named. Lanes that
    /// have ended are excused.
    pub(crate) fn check_members(
        &mut self,
        warp: &Warp,
        at: usize,
        mask: u32,
        members: &[u32; LANES],
    ) {
        let Some(lane) = each(mask).find(|lane| members[*lane] & warp.live != mask) else {
            return;
        };
        let named = members[lane];
        let absent = named & warp.live & !mask;
        self.find(Kind::AbsentLanes, at, None, |block| {
            let who = block.who(warp.number, lane);
            if absent != 0 {
                format!(
                    "the mask {named:#010x} names lanes that are elsewhere ({absent:#010x}): {who}"
                )
            } else {
                format!(
                    "the mask {named:#010x} leaves out lanes that are here ({mask:#010x}): {who}"
                )
            }
        });
    }
}
