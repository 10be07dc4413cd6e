//! One access to any memory: checked, remembered for the races, and put in words where it is wrong.

use crate::{
    block::{Block, Stop, Warp},
    finding::{Kind, element},
    memory::{locate, nearest},
    shared::{Trouble, Use, Who},
    types::{CONST_WINDOW, Space},
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
pub(crate) struct Access {
    pub(crate) instruction: usize,
    pub(crate) space: Space,
    /// Bytes of the whole vector.
    pub(crate) size: usize,
    pub(crate) what: Use,
}

impl Block<'_> {
    /// The bytes at an address, for lanes that all read the same.
    pub(crate) fn fetch(
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
            Space::Const if address >> 60 != 0 => None,
            Space::Const => {
                let address = address + CONST_WINDOW;
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
    pub(crate) fn put(
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
