//! Loads, stores and atomics of a warp: addresses to memories, accesses counted, values to lanes.

use crate::{
    block::{Block, Stop, Warp},
    change::changed,
    instruction::{Action, Address, Register},
    lane::{LANES, each},
    reach::{Access, Bits},
    shared::{Use, Who},
    types::{CONST_WINDOW, Class, LOCAL_WINDOW, SHARED_WINDOW, Space, Type},
};

fn addresses(warp: &Warp, address: Address) -> [u64; LANES] {
    let base = warp.registers.wide(address.base.class, address.base.index);
    let sum = base.map(|base| base.wrapping_add_signed(address.offset));
    match address.base.class {
        Class::B32 => sum.map(|sum| sum & 0xffff_ffff),
        _ => sum,
    }
}

/// The lanes by the space they mean: a generic address says it by its window, which is taken off.
fn spaces(space: Space, addresses: &mut [u64; LANES], mask: u32) -> [(Space, u32); 4] {
    let mut found =
        [Space::Global, Space::Shared, Space::Local, Space::Const].map(|space| (space, 0));
    if space != Space::Generic {
        found[0] = (space, mask);
        return found;
    }
    for lane in each(mask) {
        let window = (addresses[lane] >> 60).min(4) as usize & 3;
        addresses[lane] -= [0, SHARED_WINDOW, LOCAL_WINDOW, CONST_WINDOW][window];
        found[window].1 |= 1 << lane;
    }
    found
}

/// The lanes of `mask` from its lowest on that have the same address: one access serves them all.
fn alike(addresses: &[u64; LANES], mask: u32) -> u32 {
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

impl Block<'_> {
    pub(crate) fn load(&mut self, warp: &mut Warp, at: usize, mask: u32) -> Result<(), Stop> {
        let kernel = self.common.kernel;
        let Action::Load {
            space,
            kind,
            into,
            address,
        } = &kernel.code[at].action
        else {
            return Ok(());
        };
        let mut places = addresses(warp, *address);
        let size = kind.size() * into.len();
        let mut values = [[0; LANES]; 4];
        for (space, mask) in spaces(*space, &mut places, mask) {
            let access = Access {
                instruction: at,
                space,
                size,
                what: Use::Read,
            };
            let mut left = mask;
            let mut hint = usize::MAX;
            while left != 0 {
                let same = alike(&places, left);
                left &= !same;
                let address = places[same.trailing_zeros() as usize];
                if space == Space::Local {
                    for lane in each(same) {
                        let bits = self.fetch(warp, access, 1 << lane, address, &mut hint)?;
                        spread(bits, *kind, 1 << lane, &mut values[..into.len()]);
                    }
                } else {
                    let who = Who {
                        warp: warp.number,
                        step: warp.step,
                        lanes: same,
                        instruction: at,
                    };
                    let quiet = match space {
                        Space::Shared => self.shared.read_quietly(address, size, who),
                        _ => None,
                    };
                    let bits = match quiet {
                        Some(bits) => bits,
                        None => self.fetch(warp, access, same, address, &mut hint)?,
                    };
                    spread(bits, *kind, same, &mut values[..into.len()]);
                }
            }
            self.count(access, &places, mask);
        }
        for (register, values) in into.iter().zip(&values) {
            warp.registers
                .set_wide(register.class, register.index, values, mask);
        }
        Ok(())
    }

    pub(crate) fn store(&mut self, warp: &mut Warp, at: usize, mask: u32) -> Result<(), Stop> {
        let kernel = self.common.kernel;
        let Action::Store {
            space,
            kind,
            from,
            address,
        } = &kernel.code[at].action
        else {
            return Ok(());
        };
        let mut places = addresses(warp, *address);
        let element = kind.size();
        let mut values = [[0; LANES]; 4];
        for (values, register) in values.iter_mut().zip(from) {
            *values = warp.registers.wide(register.class, register.index);
        }
        for (space, mask) in spaces(*space, &mut places, mask) {
            let access = Access {
                instruction: at,
                space,
                size: element * from.len(),
                what: Use::Write,
            };
            let mut hint = usize::MAX;
            for lane in each(mask) {
                let parts = values[..from.len()].iter().rev();
                let own = u64::MAX >> (64 - 8 * element);
                let bits = parts.fold(0, |bits, values| {
                    bits << (8 * element) | Bits::from(values[lane] & own)
                });
                self.put(warp, access, lane, places[lane], bits, &mut hint)?;
            }
            self.count(access, &places, mask);
        }
        Ok(())
    }

    /// Lane by lane, from the lowest: one of the orders that the hardware may take.
    pub(crate) fn atomic(&mut self, warp: &mut Warp, at: usize, mask: u32) -> Result<(), Stop> {
        let kernel = self.common.kernel;
        let Action::Atomic {
            space,
            kind,
            change,
            into,
            address,
            operands,
        } = &kernel.code[at].action
        else {
            return Ok(());
        };
        let mut places = addresses(warp, *address);
        let wide = |operand: &Register| warp.registers.wide(operand.class, operand.index);
        let given: Vec<[u64; LANES]> = operands.iter().map(wide).collect();
        let mut old = [0; LANES];
        for (space, mask) in spaces(*space, &mut places, mask) {
            let access = Access {
                instruction: at,
                space,
                size: kind.size(),
                what: Use::Atomic,
            };
            let mut hint = usize::MAX;
            for lane in each(mask) {
                let bits = self.fetch(warp, access, 1 << lane, places[lane], &mut hint)?;
                old[lane] = bits as u64;
                let second = given.get(1).map_or(0, |values| values[lane]);
                let bits = changed(*change, *kind, old[lane], given[0][lane], second).into();
                self.put(warp, access, lane, places[lane], bits, &mut hint)?;
            }
            self.count(access, &places, mask);
        }
        if let Some(register) = into {
            warp.registers
                .set_wide(register.class, register.index, &old, mask);
        }
        Ok(())
    }

    fn count(&mut self, access: Access, addresses: &[u64; LANES], mask: u32) {
        let counts = &mut self.counts[access.instruction];
        match access.space {
            _ if mask == 0 => {}
            Space::Global => counts.global(addresses, access.size, mask, access.what != Use::Read),
            Space::Shared => counts.shared(addresses, access.size, mask),
            Space::Local => counts.local_bytes += access.size as u64 * u64::from(mask.count_ones()),
            _ => {}
        }
    }
}

/// Hands the parts of a vector to lanes, sign-extended where the type has a sign.
#[inline]
fn spread(bits: Bits, kind: Type, lanes: u32, values: &mut [[u64; LANES]]) {
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
