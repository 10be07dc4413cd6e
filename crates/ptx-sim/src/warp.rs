//! Thirty-two threads that go together: their registers, and where each of them stands.

use crate::{
    defined::Defined,
    lane::{LANES, Registers, each},
    launch::Launch,
    module::{Kernel, Special, Value},
    types::Class,
};

pub(crate) struct Warp {
    pub(crate) number: u32,
    pub(crate) registers: Registers,
    /// Which registers hold a value.
    pub(crate) defined: Defined,
    /// The next instruction of each lane.
    pub(crate) next: [usize; LANES],
    /// Lanes that have a thread: all, but in the last warp of a block.
    pub(crate) threads: u32,
    /// Lanes whose thread has not ended.
    pub(crate) live: u32,
    /// `__syncwarp`s so far.
    pub(crate) step: u32,
    /// Instructions so far.
    pub(crate) clock: u64,
    /// The barrier that the whole warp waits at.
    pub(crate) waits: Option<usize>,
    /// Lanes that have come to a barrier while others of the warp have not.
    pub(crate) arrived: u32,
    /// That barrier.
    pub(crate) barrier: usize,
    /// Groups of copies that each lane has committed (`cp.async`).
    pub(crate) groups: [u32; LANES],
}

impl Warp {
    /// A warp before its first instruction; `block` is the index of its block.
    pub(crate) fn new(kernel: &Kernel, launch: &Launch, block: [u32; 3], number: u32) -> Self {
        let threads = launch.threads() as u32;
        let lanes = (threads - number * LANES as u32).min(LANES as u32);
        let live = u32::MAX >> (LANES as u32 - lanes);
        let [pred, b32, b64] = kernel.registers.map(|count| count as usize);
        let mut registers = Registers {
            pred: vec![0; pred],
            b32: vec![[0; LANES]; b32],
            b64: vec![[0; LANES]; b64],
        };
        for constant in &kernel.constants {
            let mut values = match constant.value {
                Value::Bits(bits) | Value::Variable(_, bits) => [bits; LANES],
                Value::DynamicShared => [kernel.dynamic_offset() as u64; LANES],
                Value::Special(special) => std::array::from_fn(|lane| {
                    special_register(special, launch, block, number, lane as u32).into()
                }),
            };
            if constant.register.class == Class::Pred {
                values = values.map(|value| u64::from(value != 0));
            }
            registers.set_wide(constant.register, &values, u32::MAX);
        }
        Warp {
            number,
            registers,
            defined: Defined::new(kernel),
            next: [0; LANES],
            threads: live,
            live,
            step: 0,
            clock: 0,
            waits: None,
            arrived: 0,
            barrier: 0,
            groups: [0; LANES],
        }
    }

    /// Where these lanes go on.
    pub(crate) fn set_next(&mut self, lanes: u32, next: usize) {
        for lane in each(lanes) {
            self.next[lane] = next;
        }
    }
}

fn special_register(
    special: Special,
    launch: &Launch,
    block: [u32; 3],
    warp: u32,
    lane: u32,
) -> u32 {
    let bit = 1u32 << lane;
    match special {
        Special::Thread(axis) => launch.thread(warp, lane)[axis],
        Special::BlockSize(axis) => launch.block[axis],
        Special::Block(axis) => block[axis],
        Special::GridSize(axis) => launch.grid[axis],
        Special::Lane => lane,
        Special::Warp => warp,
        Special::Warps => (launch.threads() as u32).div_ceil(LANES as u32),
        Special::LanesEqual => bit,
        Special::LanesBelow => bit - 1,
        Special::LanesBelowOrEqual => (bit - 1) | bit,
        Special::LanesAbove => !((bit - 1) | bit),
        Special::LanesAboveOrEqual => !(bit - 1),
    }
}
