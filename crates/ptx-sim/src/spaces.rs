//! The memories that a block reaches: global and shared memory, constants, parameters, and what each
//! thread has for itself. Here a warp loads, stores and changes what is there. Every access is
//! checked, and counted once it has passed.

mod copy;
mod matrix;

use crate::{
    access::{addresses, alike, spaces, spread},
    bits::{Bits, leading, within},
    change::changed,
    count::Counts,
    finding::Kind,
    instruction::Action,
    lane::{LANES, each},
    local::Local,
    log::{Log, Stop},
    memory::locate,
    module::Kernel,
    provenance::{Base, Extent, bases, byte, is_narrow},
    shared::{Shared, Trouble, Use, Who},
    types::{CONST_WINDOW, Space},
    view::{Pages, View},
    warp::Warp,
};

pub(crate) struct Spaces<'a> {
    kernel: &'a Kernel,
    parameters: &'a [u8],
    global: View<'a>,
    shared: Shared,
    local: Local,
}

/// The access of one instruction by one warp, as far as it is the same for all its lanes.
#[derive(Clone, Copy)]
struct Access {
    instruction: usize,
    space: Space,
    /// Bytes of the whole vector.
    size: usize,
    what: Use,
    warp: u32,
    /// The warp's own barriers so far.
    step: u32,
}

impl Access {
    fn who(self, lanes: u32) -> Who {
        let (warp, step, instruction) = (self.warp, self.step, self.instruction);
        Who { warp, step, lanes, instruction, together: false }
    }

    fn thread(self, lane: usize) -> usize {
        self.warp as usize * LANES + lane
    }

    /// A vector's address must be a multiple of the whole vector's size.
    fn is_aligned(self, address: u64) -> bool {
        address & (self.size as u64 - 1) == 0
    }
}

impl<'a> Spaces<'a> {
    pub(crate) fn new(
        kernel: &'a Kernel,
        parameters: &'a [u8],
        global: View<'a>,
        shared: Shared,
        local: Local,
    ) -> Self {
        Spaces { kernel, parameters, global, shared, local }
    }

    /// All threads of the block met.
    pub(crate) fn barrier(&mut self) {
        self.shared.barrier();
    }

    /// The block executed a fence.
    pub(crate) fn fence(&mut self) {
        self.global.fence();
    }

    /// The pages of global memory that the block touched.
    pub(crate) fn into_pages(self) -> Vec<Pages> {
        self.global.into_pages()
    }

    /// Loads into registers. Gives for each register the lanes that got bytes of local memory that
    /// were never written.
    pub(crate) fn load(
        &mut self,
        warp: &mut Warp,
        at: usize,
        mask: u32,
        counts: &mut Counts,
        log: &mut Log,
    ) -> Result<[u32; 4], Stop> {
        let mut unwritten = [0; 4];
        let Action::Load { space, kind, into, address } = &self.kernel.code[at].action else {
            return Ok(unwritten);
        };
        let mut places = addresses(&warp.registers, *address);
        let size = kind.size() * into.len();
        let mut values = [[0; LANES]; 4];
        for (space, mask) in spaces(*space, &mut places, mask) {
            let access = Access {
                instruction: at,
                space,
                size,
                what: Use::Read,
                warp: warp.number,
                step: warp.step,
            };
            let mut left = mask;
            let mut hint = usize::MAX;
            while left != 0 {
                let lanes = match space {
                    Space::Local => left & left.wrapping_neg(),
                    _ => alike(&places, left),
                };
                left &= !lanes;
                let address = places[lanes.trailing_zeros() as usize];
                let quiet = match space {
                    Space::Shared => self.shared.read_quietly(address, size, access.who(lanes)),
                    _ => None,
                };
                let bits = match quiet {
                    Some(bits) => bits,
                    None => {
                        let (bits, written) = self.read(access, lanes, address, &mut hint, log)?;
                        if !written {
                            let thread = access.thread(lanes.trailing_zeros() as usize);
                            for (part, unwritten) in unwritten[..into.len()].iter_mut().enumerate()
                            {
                                let at = address + (part * kind.size()) as u64;
                                if !self.local.is_written(thread, at, kind.size()) {
                                    *unwritten |= lanes;
                                }
                            }
                        }
                        bits
                    }
                };
                spread(bits, *kind, lanes, &mut values[..into.len()]);
            }
            count(counts, access, &places, mask);
        }
        for (register, values) in into.iter().zip(&values) {
            warp.registers.set_wide(*register, values, mask);
        }
        Ok(unwritten)
    }

    /// Stores from registers.
    pub(crate) fn store(
        &mut self,
        warp: &Warp,
        at: usize,
        mask: u32,
        counts: &mut Counts,
        log: &mut Log,
    ) -> Result<(), Stop> {
        let Action::Store { space, kind, from, address } = &self.kernel.code[at].action else {
            return Ok(());
        };
        let mut places = addresses(&warp.registers, *address);
        let element = kind.size();
        let mut values = [[0; LANES]; 4];
        for (values, register) in values.iter_mut().zip(from) {
            *values = warp.registers.wide(*register);
        }
        for (space, mask) in spaces(*space, &mut places, mask) {
            let access = Access {
                instruction: at,
                space,
                size: element * from.len(),
                what: Use::Write,
                warp: warp.number,
                step: warp.step,
            };
            let mut hint = usize::MAX;
            for lane in each(mask) {
                let parts = values[..from.len()].iter().rev();
                let own = u64::MAX >> (64 - 8 * element);
                let bits = parts
                    .fold(0, |bits, values| bits << (8 * element) | Bits::from(values[lane] & own));
                self.write(access, lane, places[lane], bits, &mut hint, log)?;
            }
            count(counts, access, &places, mask);
        }
        Ok(())
    }

    /// Reads, changes and writes, lane by lane from the lowest: one of the orders that the hardware
    /// may take.
    pub(crate) fn atomic(
        &mut self,
        warp: &mut Warp,
        at: usize,
        mask: u32,
        counts: &mut Counts,
        log: &mut Log,
    ) -> Result<(), Stop> {
        let Action::Atomic { space, kind, change, into, address, operands } =
            &self.kernel.code[at].action
        else {
            return Ok(());
        };
        let mut places = addresses(&warp.registers, *address);
        let mut given = [[0; LANES]; 2];
        for (values, register) in given.iter_mut().zip(operands) {
            *values = warp.registers.wide(*register);
        }
        let mut old = [0; LANES];
        for (space, mask) in spaces(*space, &mut places, mask) {
            let access = Access {
                instruction: at,
                space,
                size: kind.size(),
                what: Use::Atomic,
                warp: warp.number,
                step: warp.step,
            };
            let mut hint = usize::MAX;
            for lane in each(mask) {
                let place = places[lane];
                let (bits, _) = self.read(access, 1 << lane, place, &mut hint, log)?;
                old[lane] = bits as u64;
                let bits = changed(*change, *kind, old[lane], given[0][lane], given[1][lane]);
                self.write(access, lane, place, bits.into(), &mut hint, log)?;
            }
            count(counts, access, &places, mask);
        }
        if let Some(register) = into {
            warp.registers.set_wide(*register, &old, mask);
        }
        Ok(())
    }

    /// What these lanes of each register have just stored in local memory is no value.
    #[cold]
    pub(crate) fn forget(&mut self, warp: &Warp, at: usize, forgotten: [u32; 4]) {
        let Action::Store { kind, address, .. } = &self.kernel.code[at].action else {
            return;
        };
        let places = addresses(&warp.registers, *address);
        for (part, lanes) in forgotten.into_iter().enumerate() {
            for lane in each(lanes) {
                let thread = warp.number as usize * LANES + lane;
                let place = places[lane].wrapping_add((part * kind.size()) as u64);
                self.local.forget(thread, place, kind.size());
            }
        }
    }

    /// The bytes at an address, for lanes that all read the same; and whether they were written, as
    /// far as local memory goes.
    fn read(
        &mut self,
        access: Access,
        lanes: u32,
        address: u64,
        hint: &mut usize,
        log: &mut Log,
    ) -> Result<(Bits, bool), Stop> {
        let lane = lanes.trailing_zeros() as usize;
        if !access.is_aligned(address) {
            return Err(self.misaligned(access, lane, address, log));
        }
        self.fetch(access, lanes, address, hint, log)
    }

    /// The same without a look at the alignment.
    fn fetch(
        &mut self,
        access: Access,
        lanes: u32,
        address: u64,
        hint: &mut usize,
        log: &mut Log,
    ) -> Result<(Bits, bool), Stop> {
        let Access { size, instruction, .. } = access;
        let lane = lanes.trailing_zeros() as usize;
        let found = match access.space {
            Space::Shared => {
                let who = access.who(lanes);
                match self.shared.touch(address, size, access.what, who, None) {
                    Some(Trouble::Outside) => None,
                    trouble => {
                        if let Some(trouble) = trouble {
                            self.shared_trouble(access, who, lane, trouble, address, log);
                        }
                        Some((self.shared.read(address, size), true))
                    }
                }
            }
            Space::Global | Space::Generic => self.buffer(address, size, hint).map(|region| {
                let offset = (address - self.global.regions()[region].address) as usize;
                let atomic = access.what == Use::Atomic;
                let (bits, written) = self.global.read(region, offset, size, instruction, atomic);
                if !written {
                    log.find(Kind::Uninitialised, instruction, None, |log| {
                        let of = log.element(&self.global.regions()[region].name, offset);
                        let who = log.who(access.warp, lane);
                        format!("{of} of global memory was never written: {who}")
                    });
                }
                (bits, true)
            }),
            Space::Local => self.local.read(access.thread(lane), address, size),
            Space::Param => {
                within(self.parameters, address, size).map(|from| (leading(from, size), true))
            }
            Space::Const if address >> 60 != 0 => None,
            Space::Const => {
                let address = address + CONST_WINDOW;
                let regions = self.global.regions();
                locate(regions, address, size as u64, hint).and_then(|region| {
                    let region = &regions[region];
                    let from = within(&region.bytes, address - region.address, size)?;
                    Some((leading(from, size), true))
                })
            }
        };
        found.ok_or_else(|| self.outside(access, lane, address, log))
    }

    /// Writes the bytes of one lane.
    fn write(
        &mut self,
        access: Access,
        lane: usize,
        address: u64,
        bits: Bits,
        hint: &mut usize,
        log: &mut Log,
    ) -> Result<(), Stop> {
        let Access { size, instruction, .. } = access;
        if !access.is_aligned(address) {
            return Err(self.misaligned(access, lane, address, log));
        }
        let written = match access.space {
            Space::Shared => {
                // An atomic has touched it when it read.
                let who = access.who(1 << lane);
                let trouble = match access.what {
                    Use::Write => self.shared.touch(address, size, Use::Write, who, Some(bits)),
                    _ => None,
                };
                match trouble {
                    Some(Trouble::Outside) => None,
                    trouble => {
                        if let Some(trouble) = trouble {
                            self.shared_trouble(access, who, lane, trouble, address, log);
                        }
                        self.shared.write(address, size, bits);
                        Some(())
                    }
                }
            }
            Space::Global | Space::Generic => self.buffer(address, size, hint).map(|region| {
                let offset = (address - self.global.regions()[region].address) as usize;
                let atomic = access.what == Use::Atomic;
                self.global.write(region, offset, size, bits, instruction, atomic);
            }),
            Space::Local => self.local.write(access.thread(lane), address, size, bits),
            Space::Param | Space::Const => None,
        };
        written.ok_or_else(|| self.outside(access, lane, address, log))
    }

    /// The buffer of an address in global memory. Constants lie elsewhere.
    fn buffer(&self, address: u64, size: usize, hint: &mut usize) -> Option<usize> {
        if address >> 60 != 0 {
            None
        } else {
            locate(self.global.regions(), address, size as u64, hint)
        }
    }

    #[cold]
    fn misaligned(&self, access: Access, lane: usize, address: u64, log: &mut Log) -> Stop {
        let size = access.size;
        log.find(Kind::Misaligned, access.instruction, None, |log| {
            let (of, who) = (self.named(access, address), log.who(access.warp, lane));
            format!("{size} bytes at {of}: that is no multiple of {size}: {who}")
        });
        Stop
    }

    #[cold]
    fn outside(&self, access: Access, lane: usize, address: u64, log: &mut Log) -> Stop {
        let verb = match access.what {
            Use::Read => "reads",
            Use::Write => "writes",
            Use::Atomic => "changes",
        };
        log.find(Kind::OutOfBounds, access.instruction, None, |log| {
            let (of, who) = (self.named(access, address), log.who(access.warp, lane));
            format!("{verb} {of}: {who}")
        });
        Stop
    }

    #[cold]
    fn shared_trouble(
        &self,
        access: Access,
        who: Who,
        own: usize,
        trouble: Trouble,
        address: u64,
        log: &mut Log,
    ) {
        let of = |log: &Log, byte: u64| match self.shared.array(byte) {
            Some((array, byte)) => log.element(&array.name, byte),
            None => format!("byte {byte}"),
        };
        match trouble {
            Trouble::Race { warp, lanes, instruction, byte } => {
                let kind = if warp == who.warp { Kind::WarpRace } else { Kind::SharedRace };
                log.find(kind, who.instruction, Some(instruction), |log| {
                    let (first, second) = (log.place(instruction), log.place(who.instruction));
                    let (before, now) = (log.who(warp, lanes[0]), log.who(who.warp, lanes[1]));
                    let of = of(log, byte);
                    let sides = format!("{first} ({before}) and {second} ({now})");
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
            Trouble::Copying { byte } => self.unawaited(access, own, byte, log),
            Trouble::Unwritten | Trouble::Outside => {
                log.find(Kind::Uninitialised, who.instruction, None, |log| {
                    let (of, who) = (of(log, address), log.who(who.warp, own));
                    format!("{of} of shared memory was never written: {who}")
                });
            }
        }
    }

    /// An address in words, for an access that is wrong: a byte of the array or buffer that it is
    /// counted from, where that can be known, or that it lies in.
    fn named(&self, access: Access, address: u64) -> String {
        let kernel = self.kernel;
        let signed = address as i64;
        let memory = match access.space {
            Space::Local => {
                let own = self.local.own();
                return format!("byte {signed} of local memory, which has {own}");
            }
            Space::Param => {
                let all = self.parameters.len();
                return format!("byte {signed} of the parameters, which have {all}");
            }
            Space::Shared => " of shared memory",
            Space::Const => " of constant memory",
            Space::Global | Space::Generic => "",
        };
        let pointers: Vec<u64> = bases(kernel, access.instruction, access.space)
            .into_iter()
            .filter_map(|base| self.start(base, access.space))
            .collect();
        let narrow = is_narrow(&kernel.code[access.instruction].action, access.space);
        byte(&self.arrays(access.space), &pointers, address, narrow)
            .unwrap_or_else(|| format!("address {address:#x}{memory}, where nothing lies"))
    }

    /// The arrays or buffers of a space.
    fn arrays(&self, space: Space) -> Vec<Extent<'_>> {
        if space == Space::Shared {
            let arrays = self.shared.arrays().iter();
            return arrays
                .map(|array| Extent {
                    name: &array.name,
                    start: array.offset as u64,
                    bytes: array.bytes,
                })
                .collect();
        }
        let constant = space == Space::Const;
        let regions = self.global.regions().iter();
        regions
            .filter(|region| (region.address >= CONST_WINDOW) == constant)
            .map(|region| Extent {
                name: &region.name,
                start: region.address - if constant { CONST_WINDOW } else { 0 },
                bytes: region.bytes.len(),
            })
            .collect()
    }

    /// The address in a space that a base stands for, if it is of that space.
    fn start(&self, base: Base, space: Space) -> Option<u64> {
        match base {
            Base::Variable(of, at) => (of == space).then_some(at),
            Base::DynamicShared => {
                (space == Space::Shared).then(|| self.kernel.dynamic_offset() as u64)
            }
            Base::Parameter(offset) => {
                let bytes = within(self.parameters, offset, 8)?;
                (space == Space::Global).then(|| leading(bytes, 8) as u64)
            }
        }
    }
}

/// Counts an access that has passed every check.
fn count(counts: &mut Counts, access: Access, addresses: &[u64; LANES], mask: u32) {
    match access.space {
        _ if mask == 0 => {}
        Space::Global => counts.global(addresses, access.size, mask, access.what != Use::Read),
        Space::Shared => counts.shared(addresses, access.size, mask),
        Space::Local => counts.local_bytes += access.size as u64 * u64::from(mask.count_ones()),
        _ => {}
    }
}
