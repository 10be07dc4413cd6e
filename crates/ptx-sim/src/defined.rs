//! Which registers of a warp hold a value: a register that is read before anything was written to it
//! is a C++ variable without a value.
//!
//! A compiler may compute with such a register where C++ does not: of `i == 0 || x > best` it
//! computes both sides. So reading one is no error yet. The result has no value either, and so on
//! until it *decides* something: a branch, an address, a number that is stored, a vote. That is what
//! is reported.
//!
//! It costs next to nothing while all is well. A register never loses its value, so a lane that has
//! been through an instruction once has nothing new to show there. Only when a lane first reads a
//! register without a value does the warp begin to follow every instruction.

use std::collections::HashMap;

use crate::{
    collective::source,
    instruction::{Action, Instruction, Join, Needs},
    lane::{FULL, Registers, each},
    matrix::{rows, sources},
    module::Kernel,
    register::{Guard, Register},
    types::Space,
};

/// The registers of one warp.
pub(crate) struct Defined {
    /// For each register of each class, the lanes in which it holds a value.
    lanes: [Vec<u32>; 3],
    /// For each instruction, the lanes that have been through it.
    seen: Vec<u32>,
    /// A lane has read a register without a value.
    following: bool,
    /// The instruction that first read what a register without a value was made from.
    origins: HashMap<Register, usize>,
}

/// Lanes for which something is decided by a register without a value.
pub(crate) struct Undecided {
    /// What is decided, in words.
    pub(crate) what: &'static str,
    pub(crate) lanes: u32,
    /// The instruction that first read the register.
    pub(crate) origin: usize,
}

/// A fault, if there is a lane that it befalls.
fn fault(what: &'static str, lanes: u32, origin: usize) -> Option<Undecided> {
    (lanes != 0).then_some(Undecided { what, lanes, origin })
}

/// What an instruction makes of registers without a value.
#[derive(Default)]
pub(crate) struct Followed {
    pub(crate) fault: Option<Undecided>,
    /// For each register that is stored in local memory, the lanes in which it holds no value.
    pub(crate) forgotten: [u32; 4],
}

impl Defined {
    /// Constants and special registers hold values, the others none.
    pub(crate) fn new(kernel: &Kernel) -> Self {
        let mut defined = Defined {
            lanes: kernel.registers.map(|count| vec![0; count as usize]),
            seen: vec![0; kernel.code.len()],
            following: false,
            origins: HashMap::new(),
        };
        for constant in &kernel.constants {
            *defined.of_mut(constant.register) = FULL;
        }
        defined
    }

    /// Whether [`Defined::follow`] has anything to do for lanes that come to an instruction.
    #[inline]
    pub(crate) fn has_news(&self, at: usize, here: u32) -> bool {
        self.following || here & !self.seen[at] != 0
    }

    /// Takes note of an instruction before it is executed by the lanes `mask` of those that are
    /// `here`.
    #[cold]
    pub(crate) fn follow(
        &mut self,
        registers: &Registers,
        instruction: &Instruction,
        at: usize,
        here: u32,
        mask: u32,
    ) -> Followed {
        let Instruction { guard, action, .. } = instruction;
        let unguarded = guard.map_or(0, |guard| here & !self.of(Register::pred(guard.register)));
        if !self.following {
            if unguarded == 0 && self.missing(action, mask) == 0 {
                action.writes(|register| *self.of_mut(register) |= mask);
                let alone = matches!(action, Action::Branch { .. });
                self.seen[at] |= if guard.is_none() || alone { here } else { mask };
                return Followed::default();
            }
            self.following = true;
        }
        let by_guard = guard.and_then(|guard| {
            let origin = self.origin(Register::pred(guard.register), at);
            fault("what is done", unguarded, origin)
        });
        let mut followed = self.execute(registers, action, at, mask);
        followed.fault = by_guard.or(followed.fault);
        followed
    }

    /// What becomes of the registers that an action writes, and what it decides.
    fn execute(
        &mut self,
        registers: &Registers,
        action: &Action,
        at: usize,
        mask: u32,
    ) -> Followed {
        let lost = self.missing(action, mask);
        let origin = self.origin_of(action, lost, at);
        let mut followed = Followed::default();
        match action {
            Action::Compute { operands, needs, .. } => {
                let known = match (needs, operands.as_slice()) {
                    (Needs::Chosen, [_, first, second, by]) => {
                        self.chosen(action, registers, [*first, *second, *by])
                    }
                    (Needs::UntilFalse, [_, a, b]) => self.either(registers, [*a, *b], true),
                    (Needs::UntilTrue, [_, a, b]) => self.either(registers, [*a, *b], false),
                    _ => !lost,
                };
                self.write(action, mask, known, origin);
            }
            Action::Compare { .. } => self.compare(registers, action, mask, origin),
            Action::Split { .. }
            | Action::Merge { .. }
            | Action::ActiveMask { .. }
            | Action::Clock { .. } => self.write(action, mask, !lost, origin),
            Action::Shuffle { mode, into, valid, from, by, clamp, members, .. } => {
                let control = [by, clamp, members].map(|index| self.of(Register::b32(*index)));
                let aimless = mask & !control.into_iter().fold(FULL, |all, one| all & one);
                followed.fault = fault("the lane that is read", aimless, origin);
                let value = self.of(Register::b32(*from));
                let [by, clamp] = [by, clamp].map(|index| registers.b32[*index as usize]);
                let known = each(mask).fold(0, |known, lane| {
                    let (from, _) = source(*mode, lane, by[lane], clamp[lane]);
                    known | (value >> from & 1) << lane
                });
                self.set(Register::b32(*into), mask, known | aimless, origin);
                if let Some(valid) = valid {
                    self.set(Register::pred(*valid), mask, FULL, origin);
                }
            }
            Action::Store { space: Space::Local, from, address, .. } => {
                let astray = mask & !self.of(address.base);
                followed.fault = fault("an address", astray, origin);
                for (forgotten, register) in followed.forgotten.iter_mut().zip(from) {
                    *forgotten = mask & !self.of(*register);
                }
            }
            Action::Load { .. } => {
                followed.fault = fault("an address", lost, origin);
                self.write(action, mask, FULL, origin);
            }
            Action::Product(product) => {
                let known = product.known(|index| self.of(Register::b32(index)));
                for (index, known) in product.into.into_iter().zip(known) {
                    self.set(Register::b32(index), mask, known, origin);
                }
            }
            Action::Transpose { into, from } => {
                let from = self.of(Register::b32(*from));
                let known = each(FULL)
                    .filter(|lane| sources(*lane).iter().all(|lane| from >> lane & 1 == 1));
                let known = known.fold(0, |known, lane| known | 1 << lane);
                self.set(Register::b32(*into), mask, known, origin);
            }
            // Only the lanes that say where the matrices' rows are.
            Action::LoadMatrices { into, address, .. } => {
                let astray = rows(into.len()) & mask & !self.of(address.base);
                followed.fault = fault("an address", astray, origin);
                self.write(action, mask, FULL, origin);
            }
            Action::StoreMatrices { from, address, .. } => {
                let stored =
                    from.iter().fold(0, |lost, index| lost | !self.of(Register::b32(*index)));
                let astray = rows(from.len()) & !self.of(address.base);
                followed.fault = fault("what is stored", mask & (stored | astray), origin);
            }
            Action::Copy { .. } => followed.fault = fault("what is copied", lost, origin),
            Action::Store { .. } | Action::Atomic { .. } => {
                followed.fault = fault("what is stored", lost, origin);
                self.write(action, mask, FULL, origin);
            }
            _ => {
                followed.fault = fault("what the lanes agree on", lost, origin);
                self.write(action, mask, FULL, origin);
            }
        }
        followed
    }

    /// These lanes of each register have loaded what was never written.
    #[cold]
    pub(crate) fn lose(&mut self, into: &[Register], unwritten: [u32; 4], at: usize) {
        self.following = true;
        for (register, lanes) in into.iter().zip(unwritten) {
            self.set(*register, lanes, 0, at);
        }
    }

    fn of(&self, register: Register) -> u32 {
        self.lanes[register.class as usize][register.index as usize]
    }

    fn of_mut(&mut self, register: Register) -> &mut u32 {
        &mut self.lanes[register.class as usize][register.index as usize]
    }

    /// Lanes of a mask in which a register that the action reads has no value.
    fn missing(&self, action: &Action, mask: u32) -> u32 {
        let mut known = FULL;
        action.reads(|register| known &= self.of(register));
        mask & !known
    }

    fn origin(&self, register: Register, at: usize) -> usize {
        self.origins.get(&register).copied().unwrap_or(at)
    }

    /// The origin of what the action reads and these lanes lack.
    fn origin_of(&self, action: &Action, lanes: u32, at: usize) -> usize {
        let mut origin = None;
        action.reads(|register| {
            if lanes & !self.of(register) != 0 {
                origin.get_or_insert(self.origin(register, at));
            }
        });
        origin.unwrap_or(at)
    }

    /// The action writes values in the `known` lanes of `mask`, and none in the others.
    fn write(&mut self, action: &Action, mask: u32, known: u32, origin: usize) {
        action.writes(|register| self.set(register, mask, known, origin));
    }

    fn set(&mut self, register: Register, mask: u32, known: u32, origin: usize) {
        let lanes = self.of_mut(register);
        *lanes = (*lanes & !mask) | (mask & known);
        if mask & !known != 0 {
            self.origins.insert(register, origin);
        }
    }

    /// `selp`: of two values one is needed, and the predicate.
    fn chosen(&self, action: &Action, registers: &Registers, operands: [u32; 3]) -> u32 {
        let [first, second, by] = operands;
        let Action::Compute { formula, .. } = action else {
            return 0;
        };
        let of = |index| self.of(Register { class: formula.classes[0], index });
        let chosen = registers.pred[by as usize];
        self.of(Register::pred(by)) & (chosen & of(first) | !chosen & of(second))
    }

    /// Two predicates of which one decides alone where it is `false` (`and`), or `true` (`or`).
    fn either(&self, registers: &Registers, operands: [u32; 2], and: bool) -> u32 {
        let [a, b] = operands.map(|index| {
            let negated = and;
            (self.of(Register::pred(index)), registers.holds(Guard { register: index, negated }))
        });
        decided(a, b)
    }

    fn compare(&mut self, registers: &Registers, action: &Action, mask: u32, origin: usize) {
        let Action::Compare { test, operands, join, into, inverse } = action else {
            return;
        };
        let mut known = FULL;
        for (class, index) in test.classes.iter().zip(operands) {
            known &= self.of(Register { class: *class, index: *index });
        }
        let bits = (test.run)(registers, operands);
        let joined = |bits: u32| {
            let Some((join, with)) = join else {
                return known;
            };
            let other = self.of(Register::pred(with.register));
            let holds = registers.holds(*with);
            match join {
                Join::And => decided((known, !bits), (other, !holds)),
                Join::Or => decided((known, bits), (other, holds)),
                Join::Xor => known & other,
            }
        };
        let (first, second) = (joined(bits), joined(!bits));
        self.set(Register::pred(*into), mask, first, origin);
        if let Some(inverse) = inverse {
            self.set(Register::pred(*inverse), mask, second, origin);
        }
    }
}

/// Of two sides, each with the lanes that are known and those in which it decides alone: the lanes in
/// which the outcome is known.
fn decided(a: (u32, u32), b: (u32, u32)) -> u32 {
    (a.0 & b.0) | (a.0 & a.1) | (b.0 & b.1)
}
