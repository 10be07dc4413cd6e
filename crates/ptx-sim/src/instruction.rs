//! A decoded instruction: everything the executor needs, and nothing it would have to look up.

use crate::{
    error::Place,
    lane::{Formula, Test},
    types::{Class, Space, Type},
};

/// A register of some class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Register {
    pub(crate) class: Class,
    pub(crate) index: u32,
}

/// A predicate, perhaps negated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub(crate) register: u32,
    pub(crate) negated: bool,
}

/// An address operand: a register and a fixed offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) base: Register,
    pub(crate) offset: i64,
}

/// One instruction of a kernel.
pub(crate) struct Instruction {
    pub(crate) guard: Option<Guard>,
    pub(crate) action: Action,
    pub(crate) place: Place,
    /// As the PTX writes it, for messages.
    pub(crate) text: String,
    /// Floating-point operations a lane: 2 for a fused multiply-add, 1 for other arithmetic.
    pub(crate) flops: u64,
}

/// What an instruction does.
pub(crate) enum Action {
    /// Arithmetic, lane by lane. Operands as the formula's classes say, the destination first.
    Compute {
        formula: Formula,
        operands: Vec<u32>,
    },
    /// `setp`: compares, joins with a third predicate, writes one or two destinations.
    Compare {
        test: Test,
        operands: [u32; 2],
        join: Option<(Join, Guard)>,
        into: u32,
        inverse: Option<u32>,
    },
    /// Splits a register into equal parts, the lowest first.
    Split {
        parts: Vec<Register>,
        from: Register,
        bits: u32,
    },
    /// Joins equal parts into a register, the lowest first.
    Merge {
        into: Register,
        parts: Vec<Register>,
        bits: u32,
    },
    Load {
        space: Space,
        kind: Type,
        into: Vec<Register>,
        address: Address,
    },
    Store {
        space: Space,
        kind: Type,
        from: Vec<Register>,
        address: Address,
    },
    /// `atom`, or `red` without a destination.
    Atomic {
        space: Space,
        kind: Type,
        change: Change,
        into: Option<Register>,
        address: Address,
        operands: Vec<Register>,
    },
    Shuffle {
        mode: Shuffle,
        into: u32,
        valid: Option<u32>,
        from: u32,
        by: u32,
        clamp: u32,
        members: u32,
    },
    Vote {
        mode: Vote,
        into: Register,
        test: Guard,
        members: u32,
    },
    /// `match.sync`: the lanes that hold the same value; with `all`, only if every lane does.
    Match {
        all: bool,
        into: u32,
        agree: Option<u32>,
        from: Register,
        members: u32,
    },
    /// `redux.sync`: one result from all lanes of the mask.
    Reduce {
        kind: Type,
        change: Change,
        into: u32,
        from: u32,
        members: u32,
    },
    /// The lanes that are here.
    ActiveMask {
        into: u32,
    },
    /// The number of warp instructions this warp has run: the simulator's clock.
    Clock {
        into: Register,
    },
    Branch {
        target: usize,
    },
    Exit,
    Trap,
    /// `bar.sync`, or `bar.red` with a vote of the whole block.
    Barrier {
        vote: Option<(Vote, Register, Guard)>,
    },
    WarpBarrier {
        members: u32,
    },
    Fence,
    Nothing,
}

/// How `setp` joins its comparison with a third predicate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Join {
    And,
    Or,
    Xor,
}

/// What an atomic operation makes of the old value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    Add,
    Min,
    Max,
    And,
    Or,
    Xor,
    Exchange,
    CompareAndSwap,
    Increment,
    Decrement,
}

/// The lane that a shuffle reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

/// What a vote asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
    /// How many lanes: `bar.red.popc`.
    Count,
}
