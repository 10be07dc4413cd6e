//! Where an address comes from: the variables and pointers of the kernel that are added up in it.
//!
//! PTX knows numbers alone, so an access before the start of an array is a number that lies in
//! another array or nowhere. But the instructions that made the number are there. Read backwards from
//! the address they end at variables, parameters, and numbers that are none of both.

use std::collections::{HashMap, HashSet};

use crate::{
    instruction::{Action, Address},
    module::{Kernel, Value},
    register::Register,
    types::{Class, Space},
};

/// What an address may be counted from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Base {
    /// A variable of any space.
    Variable(Space, u64),
    /// The dynamic shared array.
    DynamicShared,
    /// Eight bytes of the parameters: a pointer, or an integer.
    Parameter(u64),
}

/// An array or buffer, by its address in its space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Extent<'a> {
    pub(crate) name: &'a str,
    pub(crate) start: u64,
    pub(crate) bytes: usize,
}

impl Extent<'_> {
    /// Whether an address lies in it, or right behind it.
    fn reaches(&self, address: u64) -> bool {
        let byte = address.checked_sub(self.start);
        byte.is_some_and(|byte| byte <= self.bytes as u64)
    }
}

/// “byte -8 of `ks`, which has 8320”: of the array that the pointers point into, if they agree, or
/// else of the one that the address lies in. Nothing if there is neither. An address that is `narrow`
/// was computed in 32 bits.
pub(crate) fn byte(
    arrays: &[Extent],
    pointers: &[u64],
    address: u64,
    narrow: bool,
) -> Option<String> {
    let within = |address: u64| arrays.iter().find(|array| array.reaches(address));
    let mut meant: Vec<&Extent> = Vec::new();
    for array in pointers.iter().filter_map(|pointer| within(*pointer)) {
        if !meant.contains(&array) {
            meant.push(array);
        }
    }
    let array = match meant.as_slice() {
        [array] => array,
        _ => within(address)?,
    };
    let byte = address.wrapping_sub(array.start);
    let byte = if narrow { i64::from(byte as i32) } else { byte as i64 };
    Some(format!("byte {byte} of `{}`, which has {}", array.name, array.bytes))
}

/// Whether the address of an instruction is a 32-bit register.
pub(crate) fn is_narrow(action: &Action, space: Space) -> bool {
    address(action, space).is_some_and(|address| address.base.class == Class::B32)
}

/// The address operand of an instruction that accesses this memory.
fn address(action: &Action, space: Space) -> Option<Address> {
    match action {
        Action::Copy { into, .. } if space == Space::Shared => Some(*into),
        Action::Copy { from, .. } => Some(*from),
        Action::LoadMatrices { address, .. } | Action::StoreMatrices { address, .. } => {
            Some(*address)
        }
        Action::Load { address, .. }
        | Action::Store { address, .. }
        | Action::Atomic { address, .. } => Some(*address),
        _ => None,
    }
}

/// All that the address of an instruction may be counted from, whatever the path.
pub(crate) fn bases(kernel: &Kernel, at: usize, space: Space) -> Vec<Base> {
    let Some(address) = address(&kernel.code[at].action, space) else {
        return Vec::new();
    };
    let constants: HashMap<Register, Value> =
        kernel.constants.iter().map(|constant| (constant.register, constant.value)).collect();
    let mut makers: HashMap<Register, Vec<&Action>> = HashMap::new();
    for instruction in &kernel.code {
        let action = &instruction.action;
        action.writes(|register| makers.entry(register).or_default().push(action));
    }
    let mut found = Vec::new();
    let mut seen = HashSet::from([address.base]);
    let mut left = vec![address.base];
    while let Some(register) = left.pop() {
        match constants.get(&register) {
            Some(Value::Variable(space, at)) => found.push(Base::Variable(*space, *at)),
            Some(Value::DynamicShared) => found.push(Base::DynamicShared),
            _ => {}
        }
        for action in makers.get(&register).into_iter().flatten() {
            match action {
                Action::Load { space: Space::Param, kind, address, .. } if kind.size() == 8 => {
                    if let Some(Value::Bits(start)) = constants.get(&address.base) {
                        found.push(Base::Parameter(start.wrapping_add_signed(address.offset)));
                    }
                }
                Action::Compute { .. } | Action::Split { .. } | Action::Merge { .. } => {
                    action.reads(|read| {
                        if read.class != Class::Pred && seen.insert(read) {
                            left.push(read);
                        }
                    });
                }
                _ => {}
            }
        }
    }
    found
}
