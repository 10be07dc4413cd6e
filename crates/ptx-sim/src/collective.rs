//! Shuffles, votes and reductions: what lanes tell one another (PTX ISA, `shfl.sync`,
//! `vote.sync`, `match.sync`, `redux.sync`).

use crate::{
    change::changed,
    finding::Kind,
    instruction::{Action, Change, Shuffle, Vote},
    lane::{FULL, LANES, Lane, Registers, each},
    log::Log,
    register::Register,
    types::Type,
};

/// The lane that `lane` reads, and whether it lies within its segment (the ISA's pseudo-code).
pub(crate) fn source(mode: Shuffle, lane: usize, by: u32, clamp: u32) -> (usize, bool) {
    let (lane, by) = (lane as u32, by & 31);
    let (clamp, segment) = (clamp & 31, clamp >> 8 & 31);
    let last = (lane & segment) | (clamp & !segment);
    let first = lane & segment;
    let (from, valid) = match mode {
        Shuffle::Up => (lane.wrapping_sub(by), lane as i32 - by as i32 >= last as i32),
        Shuffle::Down => (lane + by, lane + by <= last),
        Shuffle::Butterfly => (lane ^ by, lane ^ by <= last),
        Shuffle::Index => {
            let from = first | (by & !segment);
            (from, from <= last)
        }
    };
    if valid { (from as usize & 31, true) } else { (lane as usize, false) }
}

/// The lanes of a warp that execute an instruction together.
#[derive(Clone, Copy)]
pub(crate) struct Company {
    pub(crate) warp: u32,
    pub(crate) instruction: usize,
    /// Those that execute it.
    pub(crate) mask: u32,
    /// Those whose thread has not ended.
    pub(crate) live: u32,
}

/// Executes a shuffle, vote, match or reduction.
pub(crate) fn collective(
    action: &Action,
    registers: &mut Registers,
    company: Company,
    log: &mut Log,
) {
    let mask = company.mask;
    match action {
        Action::Shuffle { mode, into, valid, from, by, clamp, members } => {
            let [from, by, clamp] = [from, by, clamp].map(|index| u32::get(registers, *index));
            check_members(company, &u32::get(registers, *members), log);
            let (mut out, mut within) = ([0; LANES], [false; LANES]);
            for lane in each(mask) {
                let (source, valid) = source(*mode, lane, by[lane], clamp[lane]);
                (out[lane], within[lane]) = (from[source], valid);
                if mask >> source & 1 == 0 {
                    absent(company, lane, source, log);
                }
            }
            u32::set(registers, *into, &out, mask);
            if let Some(valid) = valid {
                bool::set(registers, *valid, &within, mask);
            }
        }
        Action::Vote { mode, into, test, members } => {
            check_members(company, &u32::get(registers, *members), log);
            let votes = registers.holds(*test) & mask;
            let result = match mode {
                Vote::All => u64::from(votes == mask),
                Vote::Any => u64::from(votes != 0),
                Vote::Uniform => u64::from(votes == mask || votes == 0),
                Vote::Ballot => votes.into(),
                Vote::Count => votes.count_ones().into(),
            };
            registers.set_wide(*into, &[result; LANES], mask);
        }
        Action::Match { all, into, agree, from, members } => {
            check_members(company, &u32::get(registers, *members), log);
            let same = matching(&registers.wide(*from), *all, mask);
            u32::set(registers, *into, &same, mask);
            if let Some(agree) = agree {
                bool::set(registers, *agree, &same.map(|same| same != 0), mask);
            }
        }
        Action::Reduce { kind, change, into, from, members } => {
            check_members(company, &u32::get(registers, *members), log);
            let result = reduced(&u32::get(registers, *from), *change, *kind, mask);
            registers.set_wide(Register::b32(*into), &[result; LANES], mask);
        }
        _ => {}
    }
}

/// For each lane the lanes that hold the same value; with `all`, only if every lane does.
fn matching(values: &[u64; LANES], all: bool, mask: u32) -> [u32; LANES] {
    let mut same = [0; LANES];
    for lane in each(mask) {
        same[lane] = each(mask)
            .filter(|other| values[*other] == values[lane])
            .fold(0, |bits, other| bits | 1 << other);
        if all && same[lane] != mask {
            same[lane] = 0;
        }
    }
    same
}

fn reduced(values: &[u32; LANES], change: Change, kind: Type, mask: u32) -> u64 {
    each(mask)
        .map(|lane| u64::from(values[lane]))
        .reduce(|a, b| changed(change, kind, a, b, 0))
        .unwrap_or(0)
}

/// A lane reads a register of another that does not take part.
#[cold]
fn absent(company: Company, lane: usize, source: usize, log: &mut Log) {
    log.find(Kind::AbsentLanes, company.instruction, None, |log| {
        let who = log.who(company.warp, lane);
        let why = if company.live >> source & 1 == 0 {
            "whose thread has ended"
        } else {
            "which is not here"
        };
        format!("reads a register of lane {source}, {why}: {who}")
    });
}

/// Every lane that the mask names must be here, and every lane here must be named. Lanes that have
/// ended are excused.
pub(crate) fn check_members(company: Company, members: &[u32; LANES], log: &mut Log) {
    let Company { mask, live, .. } = company;
    let Some(lane) = each(mask).find(|lane| members[*lane] & live != mask) else {
        return;
    };
    let named = members[lane];
    let absent = named & live & !mask;
    log.find(Kind::AbsentLanes, company.instruction, None, |log| {
        let who = log.who(company.warp, lane);
        if absent != 0 {
            format!("the mask {named:#010x} names lanes that are elsewhere ({absent:#010x}): {who}")
        } else {
            format!("the mask {named:#010x} leaves out lanes that are here ({mask:#010x}): {who}")
        }
    });
}

/// An instruction on matrices is for all lanes of a warp: none may be elsewhere or have ended.
pub(crate) fn whole(company: Company, log: &mut Log) {
    let Company { mask, live, .. } = company;
    if mask == 0 || mask == FULL {
        return;
    }
    log.find(Kind::PartialWarp, company.instruction, None, |log| {
        let who = log.who(company.warp, mask.trailing_zeros() as usize);
        let lanes = mask.count_ones();
        let others = if live == mask { "have ended" } else { "are elsewhere" };
        format!("{lanes} of 32 lanes multiply or move matrices, the others {others} (mask {mask:#010x}): {who}")
    });
}
