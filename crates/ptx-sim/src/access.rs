//! The parts of an access that no memory is needed for: what address each lane means, in which space,
//! and which lanes get which bytes.

use crate::{
    bits::Bits,
    instruction::Address,
    lane::{LANES, Registers, each},
    types::{CONST_WINDOW, Class, LOCAL_WINDOW, SHARED_WINDOW, Space, Type},
};

/// The address of each lane.
pub(crate) fn addresses(registers: &Registers, address: Address) -> [u64; LANES] {
    let base = registers.wide(address.base);
    let sum = base.map(|base| base.wrapping_add_signed(address.offset));
    match address.base.class {
        // As wide as the register: the start of an array may be added last.
        Class::B32 => sum.map(|sum| sum & 0xffff_ffff),
        _ => sum,
    }
}

/// The lanes by the space they mean: a generic address says it by its window, which is taken off.
pub(crate) fn spaces(space: Space, addresses: &mut [u64; LANES], mask: u32) -> [(Space, u32); 4] {
    let mut found =
        [Space::Global, Space::Shared, Space::Local, Space::Const].map(|space| (space, 0));
    if space != Space::Generic {
        found[0] = (space, mask);
        return found;
    }
    for lane in each(mask) {
        // Beyond the windows lies nothing: that is an access outside of global memory.
        let window = (addresses[lane] >> 60).min(4) as usize & 3;
        addresses[lane] -= [0, SHARED_WINDOW, LOCAL_WINDOW, CONST_WINDOW][window];
        found[window].1 |= 1 << lane;
    }
    found
}

/// The lanes of `mask` from its lowest on that have the same address: one access serves them all.
pub(crate) fn alike(addresses: &[u64; LANES], mask: u32) -> u32 {
    let first = mask.trailing_zeros() as usize;
    let mut same = 1 << first;
    for lane in each(mask & !same) {
        if addresses[lane] != addresses[first] {
            break;
        }
        same |= 1 << lane;
    }
    same
}

/// Hands the parts of a vector to lanes, sign-extended where the type has a sign.
#[inline]
pub(crate) fn spread(bits: Bits, kind: Type, lanes: u32, values: &mut [[u64; LANES]]) {
    let size = 8 * kind.size();
    for (part, values) in values.iter_mut().enumerate() {
        let high = ((bits >> (part * size)) as u64) << (64 - size);
        let value = if kind.is_signed() {
            ((high as i64) >> (64 - size)) as u64
        } else {
            high >> (64 - size)
        };
        if lanes & (lanes - 1) == 0 {
            values[lanes.trailing_zeros() as usize & 31] = value;
        } else {
            each(lanes).for_each(|lane| values[lane] = value);
        }
    }
}
