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

/// One instruction's access, as far as it is the same for all its lanes.
#[derive(Clone, Copy)]
struct Access {
    instruction: usize,
    space: Space,
    /// Bytes of an element.
    size: usize,
    what: Use,
}

fn addresses(warp: &Warp, address: Address) -> [u64; LANES] {
    let base = warp.registers.wide(address.base.class, address.base.index);
    base.map(|base| base.wrapping_add_signed(address.offset))
}

/// A generic address says by its window which space it means; lanes may differ.
fn spaces(space: Space, addresses: &mut [u64; LANES], mask: u32) -> Vec<(Space, u32)> {
    if space != Space::Generic {
        return vec![(space, mask)];
    }
    let mut found = Vec::new();
    for lane in each(mask) {
        let address = &mut addresses[lane];
        let (space, start) = match *address >> 60 {
            1 => (Space::Shared, SHARED_WINDOW),
            2 => (Space::Local, LOCAL_WINDOW),
            3 => (Space::Const, CONST_WINDOW),
            _ => (Space::Global, 0),
        };
        *address -= start;
        match found.iter_mut().find(|(known, _)| *known == space) {
            Some((_, lanes)) => *lanes |= 1 << lane,
            None => found.push((space, 1 << lane)),
        }
    }
    found
}

impl Block<'_> {
    #[allow(clippy::too_many_arguments)] // the parts of one decoded instruction
    pub(crate) fn load(
        &mut self,
        warp: &mut Warp,
        at: usize,
        mask: u32,
        space: Space,
        kind: Type,
        into: &[Register],
        address: &Address,
    ) -> Result<(), Stop> {
        let mut places = addresses(warp, *address);
        let (size, whole) = (kind.size(), kind.size() * into.len());
        let mut values = [[0; LANES]; 4];
        for (space, mask) in spaces(space, &mut places, mask) {
            self.count(at, space, &places, whole, mask, false);
            let access = Access {
                instruction: at,
                space,
                size,
                what: Use::Read,
            };
            let mut hint = usize::MAX;
            for lane in each(mask) {
                self.aligned(warp, access, lane, places[lane], whole)?;
                for (part, values) in values[..into.len()].iter_mut().enumerate() {
                    let address = places[lane].wrapping_add((part * size) as u64);
                    let value = self.read(warp, access, lane, address, &mut hint)?;
                    values[lane] = if kind.is_signed() {
                        extend(value, size)
                    } else {
                        value
                    };
                }
            }
        }
        for (register, values) in into.iter().zip(&values) {
            warp.registers
                .set_wide(register.class, register.index, values, mask);
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // the parts of one decoded instruction
    pub(crate) fn store(
        &mut self,
        warp: &mut Warp,
        at: usize,
        mask: u32,
        space: Space,
        kind: Type,
        from: &[Register],
        address: &Address,
    ) -> Result<(), Stop> {
        let mut places = addresses(warp, *address);
        let (size, whole) = (kind.size(), kind.size() * from.len());
        for (space, mask) in spaces(space, &mut places, mask) {
            self.count(at, space, &places, whole, mask, true);
            let access = Access {
                instruction: at,
                space,
                size,
                what: Use::Write,
            };
            let mut hint = usize::MAX;
            for lane in each(mask) {
                self.aligned(warp, access, lane, places[lane], whole)?;
            }
            for (part, register) in from.iter().enumerate() {
                let values = warp.registers.wide(register.class, register.index);
                for lane in each(mask) {
                    let address = places[lane].wrapping_add((part * size) as u64);
                    self.write(warp, access, lane, address, values[lane], &mut hint)?;
                }
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
        let given: Vec<[u64; LANES]> = operands
            .iter()
            .map(|operand| warp.registers.wide(operand.class, operand.index))
            .collect();
        let mut old = [0; LANES];
        for (space, mask) in spaces(*space, &mut places, mask) {
            self.count(at, space, &places, kind.size(), mask, true);
            let access = Access {
                instruction: at,
                space,
                size: kind.size(),
                what: Use::Atomic,
            };
            let mut hint = usize::MAX;
            for lane in each(mask) {
                self.aligned(warp, access, lane, places[lane], kind.size())?;
                old[lane] = self.read(warp, access, lane, places[lane], &mut hint)?;
                let second = given.get(1).map_or(0, |values| values[lane]);
                let new = changed(*change, *kind, old[lane], given[0][lane], second);
                self.write(warp, access, lane, places[lane], new, &mut hint)?;
            }
        }
        if let Some(register) = into {
            warp.registers
                .set_wide(register.class, register.index, &old, mask);
        }
        Ok(())
    }

    fn count(
        &mut self,
        at: usize,
        space: Space,
        addresses: &[u64; LANES],
        size: usize,
        mask: u32,
        store: bool,
    ) {
        let counts = &mut self.counts[at];
        match space {
            Space::Global => counts.global(addresses, size, mask, store),
            Space::Shared => counts.shared(addresses, size, mask),
            Space::Local => counts.local_bytes += size as u64 * u64::from(mask.count_ones()),
            _ => {}
        }
    }

    /// A vector's address is a multiple of the whole vector's size.
    fn aligned(
        &mut self,
        warp: &Warp,
        access: Access,
        lane: usize,
        address: u64,
        whole: usize,
    ) -> Result<(), Stop> {
        if address.is_multiple_of(whole as u64) {
            return Ok(());
        }
        let who = self.who(warp.number, lane);
        let of = self.named(access.space, address);
        self.find(Kind::Misaligned, access.instruction, None, || {
            format!("{whole} bytes at {of}, which is no multiple of {whole}: {who}")
        });
        Err(Stop)
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
            _ => format!(
                "byte {address:#x} of {} memory",
                format!("{space:?}").to_lowercase()
            ),
        }
    }

    #[cold]
    fn outside(&mut self, warp: &Warp, access: Access, lane: usize, address: u64) -> Stop {
        let who = self.who(warp.number, lane);
        let of = self.named(access.space, address);
        let verb = match access.what {
            Use::Read => "reads",
            Use::Write => "writes",
            Use::Atomic => "changes",
        };
        self.find(Kind::OutOfBounds, access.instruction, None, || {
            format!("{verb} {of}: {who}")
        });
        Stop
    }

    fn read(
        &mut self,
        warp: &Warp,
        access: Access,
        lane: usize,
        address: u64,
        hint: &mut usize,
    ) -> Result<u64, Stop> {
        let Access { size, .. } = access;
        match access.space {
            Space::Shared => {
                self.touch_shared(warp, access, lane, address, 0)?;
                Ok(self.shared.read(address, size))
            }
            Space::Local => match self.local(address, size) {
                Some(range) => Ok(little(
                    &warp.local[lane * self.common.kernel.local_bytes..][range],
                )),
                None => Err(self.outside(warp, access, lane, address)),
            },
            Space::Param => {
                let range = usize::try_from(address)
                    .ok()
                    .and_then(|at| Some(at..at.checked_add(size)?));
                match range.and_then(|range| self.common.parameters.get(range)) {
                    Some(bytes) => Ok(little(bytes)),
                    None => Err(self.outside(warp, access, lane, address)),
                }
            }
            Space::Const => {
                let address = address.wrapping_add(CONST_WINDOW);
                match locate(self.view.regions, address, size as u64, hint) {
                    Some(region) => {
                        let region = &self.view.regions[region];
                        let from = (address - region.address) as usize;
                        Ok(little(&region.bytes[from..from + size]))
                    }
                    None => {
                        Err(self.outside(warp, access, lane, address.wrapping_sub(CONST_WINDOW)))
                    }
                }
            }
            Space::Global | Space::Generic => {
                let Some(region) = self.global(address, size, hint) else {
                    return Err(self.outside(warp, access, lane, address));
                };
                let offset = (address - self.view.regions[region].address) as usize;
                let atomic = access.what == Use::Atomic;
                let (value, written) =
                    self.view
                        .read(region, offset, size, access.instruction, atomic);
                if !written {
                    let who = self.who(warp.number, lane);
                    let (regions, arrays) = (self.view.regions, self.common.arrays());
                    let of = element(arrays, &regions[region].name, offset);
                    self.find(Kind::Uninitialised, access.instruction, None, || {
                        format!("{of} of global memory was never written: {who}")
                    });
                }
                Ok(value)
            }
        }
    }

    fn write(
        &mut self,
        warp: &mut Warp,
        access: Access,
        lane: usize,
        address: u64,
        value: u64,
        hint: &mut usize,
    ) -> Result<(), Stop> {
        let Access {
            size, instruction, ..
        } = access;
        match access.space {
            Space::Shared => {
                if access.what == Use::Write {
                    self.touch_shared(warp, access, lane, address, value)?;
                }
                self.shared.write(address, size, value);
                Ok(())
            }
            Space::Local => match self.local(address, size) {
                Some(range) => {
                    let own = &mut warp.local[lane * self.common.kernel.local_bytes..][range];
                    own.copy_from_slice(&value.to_le_bytes()[..size]);
                    Ok(())
                }
                None => Err(self.outside(warp, access, lane, address)),
            },
            Space::Global | Space::Generic => {
                let Some(region) = self.global(address, size, hint) else {
                    return Err(self.outside(warp, access, lane, address));
                };
                let offset = (address - self.view.regions[region].address) as usize;
                let atomic = access.what == Use::Atomic;
                self.view
                    .write(region, offset, size, value, instruction, atomic);
                Ok(())
            }
            Space::Param | Space::Const => Err(self.outside(warp, access, lane, address)),
        }
    }

    /// The buffer of an address in global memory. Constants lie elsewhere.
    fn global(&self, address: u64, size: usize, hint: &mut usize) -> Option<usize> {
        if address >> 60 != 0 {
            None
        } else {
            locate(self.view.regions, address, size as u64, hint)
        }
    }

    fn local(&self, address: u64, size: usize) -> Option<std::ops::Range<usize>> {
        let at = usize::try_from(address).ok()?;
        let end = at.checked_add(size)?;
        (end <= self.common.kernel.local_bytes).then_some(at..end)
    }

    fn touch_shared(
        &mut self,
        warp: &Warp,
        access: Access,
        lane: usize,
        address: u64,
        value: u64,
    ) -> Result<(), Stop> {
        let Access {
            instruction,
            size,
            what,
            ..
        } = access;
        let who = Who {
            warp: warp.number,
            step: warp.step,
            lane,
            instruction,
        };
        match self.shared.touch(address, size, what, who, value) {
            None => Ok(()),
            Some(Trouble::Outside) => Err(self.outside(warp, access, lane, address)),
            Some(trouble) => {
                self.shared_trouble(who, trouble, address);
                Ok(())
            }
        }
    }

    #[cold]
    fn shared_trouble(&mut self, who: Who, trouble: Trouble, address: u64) {
        let (array, byte) = self
            .shared
            .array(address)
            .expect("the address is in an array");
        let of = element(self.common.arrays(), &array.name, byte);
        match trouble {
            Trouble::Race {
                warp,
                lane,
                instruction,
            } => {
                let (kind, between) = if warp == who.warp {
                    (
                        Kind::WarpRace,
                        "lanes of a warp touch {} with no __syncwarp between",
                    )
                } else {
                    (Kind::SharedRace, "warps touch {} between barriers")
                };
                let between = between.replace("{}", &of);
                let (first, second) = (self.place(instruction), self.place(who.instruction));
                let before = self.who(warp, lane);
                let now = self.who(who.warp, who.lane);
                self.find(kind, who.instruction, Some(instruction), || {
                    format!("two {between}: {first} ({before}) and {second} ({now})")
                });
            }
            _ => {
                let who_text = self.who(who.warp, who.lane);
                self.find(Kind::Uninitialised, who.instruction, None, || {
                    format!("{of} of shared memory was never written: {who_text}")
                });
            }
        }
    }
}

fn little(bytes: &[u8]) -> u64 {
    crate::view::little_endian(bytes)
}

/// The sign of `size` bytes in all upper bits.
fn extend(value: u64, size: usize) -> u64 {
    let shift = 64 - 8 * size as u32;
    ((value << shift) as i64 >> shift) as u64
}
