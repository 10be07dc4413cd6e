//! Loads, stores and atomics: every address is checked, counted, and remembered for the races.

use crate::{
    block::{Block, Stop, Warp},
    change::changed,
    finding::{Kind, element},
    instruction::{Action, Address, Register},
    lane::{LANES, each},
    memory::{locate, nearest},
    shared::{Trouble, Use, Who},
    types::{CONST_WINDOW, LOCAL_WINDOW, SHARED_WINDOW, Space, Type},
};

/// The bits of the widest access of a lane, a vector of four words: little-endian, zeros above. In
/// registers, where an array would go through memory.
pub(crate) type Bits = u128;

/// The first `size` bytes of a slice.
pub(crate) fn leading(from: &[u8], size: usize) -> Bits {
    match (size, from) {
        (4, [a, b, c, d, ..]) => u32::from_le_bytes([*a, *b, *c, *d]).into(),
        (16, _) => from
            .first_chunk()
            .map_or(0, |bytes| u128::from_le_bytes(*bytes)),
        _ => from[..size]
            .iter()
            .rev()
            .fold(0, |bits, byte| bits << 8 | Bits::from(*byte)),
    }
}

/// The access of one instruction, as far as it is the same for all its lanes.
#[derive(Clone, Copy)]
struct Access {
    instruction: usize,
    space: Space,
    /// Bytes of the whole vector.
    size: usize,
    what: Use,
}

fn addresses(warp: &Warp, address: Address) -> [u64; LANES] {
    let base = warp.registers.wide(address.base.class, address.base.index);
    base.map(|base| base.wrapping_add_signed(address.offset))
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
            self.count(access, &places, mask);
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
            self.count(access, &places, mask);
            let mut hint = usize::MAX;
            for lane in each(mask) {
                let parts = values[..from.len()].iter().rev();
                let own = u64::MAX >> (64 - 8 * element);
                let bits = parts.fold(0, |bits, values| {
                    bits << (8 * element) | Bits::from(values[lane] & own)
                });
                self.put(warp, access, lane, places[lane], bits, &mut hint)?;
            }
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
            self.count(access, &places, mask);
            let mut hint = usize::MAX;
            for lane in each(mask) {
                let bits = self.fetch(warp, access, 1 << lane, places[lane], &mut hint)?;
                old[lane] = bits as u64;
                let second = given.get(1).map_or(0, |values| values[lane]);
                let bits = changed(*change, *kind, old[lane], given[0][lane], second).into();
                self.put(warp, access, lane, places[lane], bits, &mut hint)?;
            }
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

    /// The bytes at an address, for lanes that all read the same.
    fn fetch(
        &mut self,
        warp: &Warp,
        access: Access,
        lanes: u32,
        address: u64,
        hint: &mut usize,
    ) -> Result<Bits, Stop> {
        let Access {
            size, instruction, ..
        } = access;
        let lane = lanes.trailing_zeros() as usize;
        if address & (size as u64 - 1) != 0 {
            return Err(self.misaligned(warp, access, lane, address));
        }
        let found = match access.space {
            Space::Shared => {
                let who = Who {
                    warp: warp.number,
                    step: warp.step,
                    lanes,
                    instruction,
                };
                match self.shared.touch(address, size, access.what, who, None) {
                    None => {}
                    Some(Trouble::Outside) => return Err(self.outside(warp, access, lane, address)),
                    Some(trouble) => self.shared_trouble(who, trouble, address),
                }
                return Ok(self.shared.read(address, size));
            }
            Space::Global | Space::Generic => {
                let Some(region) = self.global(address, size, hint) else {
                    return Err(self.outside(warp, access, lane, address));
                };
                let offset = (address - self.view.regions[region].address) as usize;
                let (bits, written) = self.view.read(
                    region,
                    offset,
                    size,
                    instruction,
                    access.what == Use::Atomic,
                );
                if !written {
                    self.find(Kind::Uninitialised, instruction, None, |block| {
                        let (name, who) = (
                            &block.view.regions[region].name,
                            block.who(warp.number, lane),
                        );
                        let of = element(block.common.arrays(), name, offset);
                        format!("{of} of global memory was never written: {who}")
                    });
                }
                return Ok(bits);
            }
            Space::Local => {
                let own = self.common.kernel.local_bytes;
                within(&warp.local[lane * own..][..own], address, size)
            }
            Space::Param => within(&self.common.parameters, address, size),
            Space::Const => {
                let address = address.wrapping_add(CONST_WINDOW);
                locate(self.view.regions, address, size as u64, hint).and_then(|region| {
                    let region = &self.view.regions[region];
                    within(&region.bytes, address - region.address, size)
                })
            }
        };
        match found {
            Some(bytes) => Ok(leading(bytes, size)),
            None => Err(self.outside(warp, access, lane, address)),
        }
    }

    /// Writes the bytes of one lane.
    fn put(
        &mut self,
        warp: &mut Warp,
        access: Access,
        lane: usize,
        address: u64,
        bits: Bits,
        hint: &mut usize,
    ) -> Result<(), Stop> {
        let Access {
            size, instruction, ..
        } = access;
        if address & (size as u64 - 1) != 0 {
            return Err(self.misaligned(warp, access, lane, address));
        }
        match access.space {
            Space::Shared => {
                if access.what == Use::Write {
                    let who = Who {
                        warp: warp.number,
                        step: warp.step,
                        lanes: 1 << lane,
                        instruction,
                    };
                    match self
                        .shared
                        .touch(address, size, Use::Write, who, Some(bits))
                    {
                        None => {}
                        Some(Trouble::Outside) => {
                            return Err(self.outside(warp, access, lane, address));
                        }
                        Some(trouble) => self.shared_trouble(who, trouble, address),
                    }
                }
                self.shared.write(address, size, bits);
            }
            Space::Global | Space::Generic => {
                let Some(region) = self.global(address, size, hint) else {
                    return Err(self.outside(warp, access, lane, address));
                };
                let offset = (address - self.view.regions[region].address) as usize;
                self.view.write(
                    region,
                    offset,
                    size,
                    bits,
                    instruction,
                    access.what == Use::Atomic,
                );
            }
            Space::Local => {
                let own = self.common.kernel.local_bytes;
                let local = &mut warp.local[lane * own..][..own];
                let end = address.saturating_add(size as u64);
                if end > own as u64 {
                    return Err(self.outside(warp, access, lane, address));
                }
                local[address as usize..end as usize].copy_from_slice(&bits.to_le_bytes()[..size]);
            }
            Space::Param | Space::Const => return Err(self.outside(warp, access, lane, address)),
        }
        Ok(())
    }

    /// The buffer of an address in global memory. Constants lie elsewhere.
    fn global(&self, address: u64, size: usize, hint: &mut usize) -> Option<usize> {
        if address >> 60 != 0 {
            None
        } else {
            locate(self.view.regions, address, size as u64, hint)
        }
    }

    /// An address in words, for an access that is wrong.
    fn named(&self, space: Space, address: u64) -> String {
        match space {
            Space::Global => nearest(self.view.regions, address),
            Space::Const => nearest(self.view.regions, address.wrapping_add(CONST_WINDOW)),
            Space::Shared => match self.shared.array(address) {
                Some((array, byte)) => {
                    format!("byte {byte} of `{}`, which has {}", array.name, array.bytes)
                }
                None => format!("byte {address} of shared memory, which has none"),
            },
            Space::Local => format!(
                "byte {address} of local memory, which has {}",
                self.common.kernel.local_bytes
            ),
            _ => format!(
                "byte {address} of the parameters, which have {}",
                self.common.parameters.len()
            ),
        }
    }

    /// A vector's address must be a multiple of the whole vector's size.
    #[cold]
    fn misaligned(&mut self, warp: &Warp, access: Access, lane: usize, address: u64) -> Stop {
        let size = access.size;
        self.find(Kind::Misaligned, access.instruction, None, |block| {
            let (of, who) = (
                block.named(access.space, address),
                block.who(warp.number, lane),
            );
            format!("{size} bytes at {of}: that is no multiple of {size}: {who}")
        });
        Stop
    }

    #[cold]
    fn outside(&mut self, warp: &Warp, access: Access, lane: usize, address: u64) -> Stop {
        let verb = match access.what {
            Use::Read => "reads",
            Use::Write => "writes",
            Use::Atomic => "changes",
        };
        self.find(Kind::OutOfBounds, access.instruction, None, |block| {
            format!(
                "{verb} {}: {}",
                block.named(access.space, address),
                block.who(warp.number, lane)
            )
        });
        Stop
    }

    #[cold]
    fn shared_trouble(&mut self, who: Who, trouble: Trouble, address: u64) {
        let own = who.lanes.trailing_zeros() as usize;
        let of = |block: &Self, byte: u64| {
            let (array, byte) = block
                .shared
                .array(byte)
                .expect("the address is in an array");
            element(block.common.arrays(), &array.name, byte)
        };
        match trouble {
            Trouble::Race {
                warp,
                lanes,
                instruction,
                byte,
            } => {
                let kind = if warp == who.warp {
                    Kind::WarpRace
                } else {
                    Kind::SharedRace
                };
                self.find(kind, who.instruction, Some(instruction), |block| {
                    let (first, second) = (block.place(instruction), block.place(who.instruction));
                    let (before, now) = (block.who(warp, lanes[0]), block.who(who.warp, lanes[1]));
                    let (of, sides) = (
                        of(block, byte),
                        format!("{first} ({before}) and {second} ({now})"),
                    );
                    match kind {
                        Kind::SharedRace => {
                            format!("two warps touch {of} between barriers: {sides}")
                        }
                        _ => format!(
                            "two lanes of a warp touch {of} with no __syncwarp between: {sides}"
                        ),
                    }
                });
            }
            Trouble::Unwritten | Trouble::Outside => {
                self.find(Kind::Uninitialised, who.instruction, None, |block| {
                    let who = block.who(who.warp, own);
                    format!(
                        "{} of shared memory was never written: {who}",
                        of(block, address)
                    )
                });
            }
        }
    }
}

/// `size` bytes from an offset, if there are so many.
fn within(bytes: &[u8], offset: u64, size: usize) -> Option<&[u8]> {
    let offset = usize::try_from(offset).ok()?;
    bytes.get(offset..offset.checked_add(size)?)
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
