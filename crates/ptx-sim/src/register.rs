//! Names of registers: which file, and which place in it.

use crate::types::Class;

/// A register of some class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Register {
    pub(crate) class: Class,
    pub(crate) index: u32,
}

impl Register {
    pub(crate) fn pred(index: u32) -> Register {
        Register { class: Class::Pred, index }
    }

    pub(crate) fn b32(index: u32) -> Register {
        Register { class: Class::B32, index }
    }
}

/// A predicate, perhaps negated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub(crate) register: u32,
    pub(crate) negated: bool,
}
