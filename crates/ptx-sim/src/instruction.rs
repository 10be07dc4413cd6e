//! A decoded instruction: everything the executor needs, and nothing it would have to look up.

use crate::{
    error::Place,
    lane::{Formula, Test},
    matrix::Product,
    register::{Guard, Register},
    types::{Space, Type},
};

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
        needs: Needs,
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
    /// `mma`: a product of two matrices that all lanes of a warp hold together, added to a third.
    Product(Product),
    /// `ldmatrix`: one, two or four matrices of 8 · 8 halves, their rows from shared memory.
    LoadMatrices {
        transposed: bool,
        into: Vec<u32>,
        address: Address,
    },
    /// `stmatrix`, the other way.
    StoreMatrices {
        transposed: bool,
        from: Vec<u32>,
        address: Address,
    },
    /// `movmatrix`: the transpose of a matrix of 8 · 8 halves.
    Transpose {
        into: u32,
        from: u32,
    },
    /// `cp.async`: from global to shared memory, without anybody waiting for it. With `bytes`, so many
    /// of the `size` are copied and the others become zeros.
    Copy {
        size: usize,
        into: Address,
        from: Address,
        bytes: Option<u32>,
    },
    /// `cp.async.commit_group`: the copies so far that are in no group become one.
    CommitCopies,
    /// `cp.async.wait_group`: until at most so many of the last groups are under way; none stands for
    /// `wait_all`, which waits for copies in no group too.
    WaitForCopies {
        left: Option<u32>,
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

impl Action {
    /// Every register that it reads. An address counts as read.
    pub(crate) fn reads(&self, mut read: impl FnMut(Register)) {
        match self {
            Action::Compute { formula, operands, .. } => {
                let classes = formula.classes;
                let values = classes.iter().zip(operands).skip(1);
                values.for_each(|(class, index)| {
                    read(Register { class: *class, index: *index });
                });
                // Behind the operands stands a carry, taken and given (see `decode::carry`).
                if let Some(taken) = operands.get(classes.len()) {
                    read(Register::pred(*taken));
                }
            }
            Action::Compare { test, operands, join, .. } => {
                for (class, index) in test.classes.iter().zip(operands) {
                    read(Register { class: *class, index: *index });
                }
                if let Some((_, with)) = join {
                    read(Register::pred(with.register));
                }
            }
            Action::Split { from, .. } => read(*from),
            Action::Merge { parts, .. } => parts.iter().copied().for_each(read),
            Action::Load { address, .. } => read(address.base),
            Action::Store { from, address, .. } => {
                read(address.base);
                from.iter().copied().for_each(read);
            }
            Action::Atomic { address, operands, .. } => {
                read(address.base);
                operands.iter().copied().for_each(read);
            }
            Action::Shuffle { from, by, clamp, members, .. } => {
                for index in [from, by, clamp, members] {
                    read(Register::b32(*index));
                }
            }
            Action::Vote { test, members, .. } => {
                read(Register::pred(test.register));
                read(Register::b32(*members));
            }
            Action::Match { from, members, .. } => {
                read(*from);
                read(Register::b32(*members));
            }
            Action::Reduce { from, members, .. } => {
                read(Register::b32(*from));
                read(Register::b32(*members));
            }
            Action::Product(product) => {
                product.reads().for_each(|index| read(Register::b32(index)))
            }
            Action::LoadMatrices { address, .. } => read(address.base),
            Action::StoreMatrices { from, address, .. } => {
                read(address.base);
                from.iter().for_each(|index| read(Register::b32(*index)));
            }
            Action::Transpose { from, .. } => read(Register::b32(*from)),
            Action::Copy { into, from, bytes, .. } => {
                read(into.base);
                read(from.base);
                bytes.iter().for_each(|index| read(Register::b32(*index)));
            }
            Action::Barrier { vote: Some((_, _, test)) } => read(Register::pred(test.register)),
            Action::WarpBarrier { members } => read(Register::b32(*members)),
            Action::ActiveMask { .. }
            | Action::Clock { .. }
            | Action::Branch { .. }
            | Action::Exit
            | Action::Trap
            | Action::Barrier { vote: None }
            | Action::CommitCopies
            | Action::WaitForCopies { .. }
            | Action::Fence
            | Action::Nothing => {}
        }
    }

    /// Every register that it writes.
    pub(crate) fn writes(&self, mut write: impl FnMut(Register)) {
        match self {
            Action::Compute { formula, operands, .. } => {
                let classes = formula.classes;
                if let (Some(class), Some(index)) = (classes.first(), operands.first()) {
                    write(Register { class: *class, index: *index });
                }
                if let Some(given) = operands.get(classes.len() + 1) {
                    write(Register::pred(*given));
                }
            }
            Action::Compare { into, inverse, .. } => {
                write(Register::pred(*into));
                inverse.iter().for_each(|index| write(Register::pred(*index)));
            }
            Action::Split { parts, .. } => parts.iter().copied().for_each(write),
            Action::Merge { into, .. } | Action::Clock { into } | Action::Vote { into, .. } => {
                write(*into);
            }
            Action::Load { into, .. } => into.iter().copied().for_each(write),
            Action::Atomic { into, .. } => into.iter().copied().for_each(write),
            Action::Shuffle { into, valid, .. } | Action::Match { into, agree: valid, .. } => {
                write(Register::b32(*into));
                valid.iter().for_each(|index| write(Register::pred(*index)));
            }
            Action::Reduce { into, .. } | Action::ActiveMask { into } => {
                write(Register::b32(*into));
            }
            Action::Product(product) => {
                product.into.iter().for_each(|index| write(Register::b32(*index)));
            }
            Action::LoadMatrices { into, .. } => {
                into.iter().for_each(|index| write(Register::b32(*index)));
            }
            Action::Transpose { into, .. } => write(Register::b32(*into)),
            Action::Barrier { vote: Some((_, into, _)) } => write(*into),
            Action::Store { .. }
            | Action::StoreMatrices { .. }
            | Action::Copy { .. }
            | Action::CommitCopies
            | Action::WaitForCopies { .. }
            | Action::Branch { .. }
            | Action::Exit
            | Action::Trap
            | Action::Barrier { vote: None }
            | Action::WarpBarrier { .. }
            | Action::Fence
            | Action::Nothing => {}
        }
    }
}

/// Which of its operands a formula needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needs {
    /// All of them.
    All,
    /// `selp`: the predicate, and of the other two the one that it chooses.
    Chosen,
    /// Two predicates; one that is false decides alone.
    UntilFalse,
    /// Two predicates; one that is true decides alone.
    UntilTrue,
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
