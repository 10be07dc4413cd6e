//! A block's shared memory, and beside every granule of it a record of who touched it since the
//! last barrier.

use crate::{
    bits::{Bits, leading},
    lane::LANES,
    module::{GAP, Variable},
};

/// Who touched a granule: the lanes of one warp, between two of its synchronisations.
#[derive(Clone, Copy, Default)]
struct Touch {
    /// The block's barriers so far, plus 1; 0 for never.
    epoch: u32,
    /// The warp's own barriers so far (`__syncwarp`).
    step: u32,
    warp: u32,
    /// None for a read by all lanes together.
    lanes: u32,
    instruction: u32,
}

impl Touch {
    /// Whether a touch by another lane, now, is not ordered after this one.
    fn clashes(&self, now: &Touch) -> bool {
        let together = self.epoch == now.epoch;
        let same = self.warp == now.warp;
        let apart = self.lanes != 0 && (self.lanes | now.lanes).count_ones() > 1;
        together && (!same || (self.step == now.step && apart))
    }

    /// Adds a touch by the same warp; the instruction named is the last.
    fn join(&mut self, now: &Touch) {
        let same = (self.epoch, self.step, self.warp) == (now.epoch, now.step, now.warp);
        let lanes = if same { self.lanes | now.lanes } else { now.lanes };
        *self = Touch { lanes, ..*now };
    }
}

#[derive(Clone, Copy, Default)]
struct Granule {
    writer: Touch,
    /// The last reader, and the last of another warp than that.
    readers: [Touch; 2],
    /// Belongs to an array, and not to the room between two.
    inside: bool,
    written: bool,
    /// The last write was atomic: another atomic does not race with it.
    atomic: bool,
    /// A `cp.async` into it has been started, and its thread has not waited for it. It counts as not written.
    copying: bool,
}

impl Granule {
    /// An earlier touch that is not ordered before this one, and does not agree with it.
    fn clash(&self, what: Use, now: &Touch, alike: bool) -> Option<Touch> {
        let agree = (what == Use::Atomic && self.atomic)
            || (what == Use::Write && alike && self.writer.instruction == now.instruction);
        if self.writer.clashes(now) && !agree {
            Some(self.writer)
        } else if what != Use::Read {
            self.readers.into_iter().find(|reader| reader.clashes(now))
        } else {
            None
        }
    }

    fn note(&mut self, what: Use, now: &Touch) {
        if what == Use::Read {
            let [last, other] = &mut self.readers;
            if last.warp != now.warp {
                *other = *last;
            }
            last.join(now);
        } else {
            self.writer.join(now);
            self.written = true;
            self.atomic = what == Use::Atomic;
        }
    }
}

/// What an access does.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Use {
    Read,
    Write,
    Atomic,
}

/// Who makes an access.
#[derive(Clone, Copy)]
pub(crate) struct Who {
    pub(crate) warp: u32,
    pub(crate) step: u32,
    /// The lanes that read together, or the one that writes.
    pub(crate) lanes: u32,
    pub(crate) instruction: usize,
    /// All lanes have read when the first of them goes on: none of them can overwrite it too early.
    pub(crate) together: bool,
}

/// What is wrong with an access.
pub(crate) enum Trouble {
    Outside,
    Unwritten,
    /// A copy that nobody has waited for goes to this byte.
    Copying {
        byte: u64,
    },
    /// Who came before, by what instruction, at what byte they meet, and one lane of either.
    Race {
        warp: u32,
        lanes: [usize; 2],
        instruction: usize,
        byte: u64,
    },
}

/// A lane of the earlier touch and another of the later one.
fn pair(before: &Touch, now: &Touch) -> [usize; 2] {
    let lowest = |lanes: u32| lanes.trailing_zeros() as usize & (LANES - 1);
    let only_before = before.lanes & !now.lanes;
    let first = lowest(if only_before == 0 { before.lanes } else { only_before });
    let others = if before.warp == now.warp { now.lanes & !(1 << first) } else { now.lanes };
    [first, lowest(others)]
}

/// The shared memory of one block.
pub(crate) struct Shared {
    bytes: Vec<u8>,
    granules: Vec<Granule>,
    /// A granule is `1 << shift` bytes.
    shift: u32,
    epoch: u32,
    arrays: Vec<Variable>,
    /// Copies that nobody has waited for, in the order of their start.
    copies: Vec<Pending>,
}

/// A `cp.async` of one thread that has been started and not waited for.
#[derive(Clone)]
pub(crate) struct Pending {
    pub(crate) address: u64,
    pub(crate) size: usize,
    pub(crate) bits: Bits,
    pub(crate) warp: u32,
    pub(crate) lane: usize,
    pub(crate) instruction: usize,
    /// The group that it will be in when it is committed, counted by its thread.
    pub(crate) group: u32,
    /// The last wait of its thread since then.
    pub(crate) waited: Option<Waited>,
}

/// A wait that let a copy go on.
#[derive(Clone, Copy)]
pub(crate) struct Waited {
    pub(crate) instruction: usize,
    /// Groups that may be under way after it.
    pub(crate) left: u32,
    /// The copy had been committed before it.
    pub(crate) committed: bool,
}

impl Shared {
    /// Static arrays with room between them, and the dynamic one behind.
    pub(crate) fn new(arrays: Vec<Variable>, granule: usize) -> Self {
        let end = arrays.iter().map(|array| array.offset + array.bytes).max().unwrap_or(0);
        let size = (end + GAP).next_multiple_of(16);
        let mut granules = vec![Granule::default(); size / granule];
        for array in &arrays {
            let of = array.offset / granule..(array.offset + array.bytes).div_ceil(granule);
            granules[of].iter_mut().for_each(|granule| granule.inside = true);
        }
        Shared {
            bytes: vec![0xcd; size],
            granules,
            shift: granule.trailing_zeros(),
            epoch: 1,
            arrays,
            copies: Vec::new(),
        }
    }

    /// All threads met: what was touched before is ordered before what comes.
    pub(crate) fn barrier(&mut self) {
        self.epoch += 1;
    }

    pub(crate) fn arrays(&self) -> &[Variable] {
        &self.arrays
    }

    /// The array that a byte belongs to, or lies behind; and the byte within it.
    pub(crate) fn array(&self, address: u64) -> Option<(&Variable, usize)> {
        let before = self.arrays.iter().filter(|array| array.offset as u64 <= address);
        let array = before.max_by_key(|array| array.offset)?;
        Some((array, (address - array.offset as u64) as usize))
    }

    pub(crate) fn read(&self, address: u64, size: usize) -> Bits {
        leading(&self.bytes[address as usize..], size)
    }

    pub(crate) fn write(&mut self, address: u64, size: usize, bits: Bits) {
        self.bytes[address as usize..][..size].copy_from_slice(&bits.to_le_bytes()[..size]);
    }

    /// The same as [`Shared::touch`] and a read, for the common case: nobody has written there
    /// since the last barrier, and this warp was the last to read. Nothing otherwise. Most of an
    /// attention kernel's accesses are of this kind; it takes a third off the time of the whole.
    #[inline]
    pub(crate) fn read_quietly(&mut self, address: u64, size: usize, who: Who) -> Option<Bits> {
        let end = address.checked_add(size as u64).filter(|end| *end <= self.bytes.len() as u64)?;
        let (epoch, Who { warp, step, lanes, instruction, together }) = (self.epoch, who);
        let lanes = if together { 0 } else { lanes };
        let granules =
            &mut self.granules[address as usize >> self.shift..end as usize >> self.shift];
        let quiet = address & (size as u64 - 1) == 0
            && granules.iter().all(|granule| {
                let last = &granule.readers[0];
                granule.inside
                    && granule.written
                    && granule.writer.epoch != epoch
                    && (last.epoch, last.step, last.warp) == (epoch, step, warp)
            });
        if !quiet {
            return None;
        }
        for granule in granules {
            granule.readers[0].lanes |= lanes;
            granule.readers[0].instruction = instruction as u32;
        }
        Some(leading(&self.bytes[address as usize..], size))
    }

    /// Records an access of `size` bytes and says what is wrong with it, if anything. Lanes that
    /// write the same `bits` by the same instruction do not race.
    pub(crate) fn touch(
        &mut self,
        address: u64,
        size: usize,
        what: Use,
        who: Who,
        bits: Option<Bits>,
    ) -> Option<Trouble> {
        let end = address.saturating_add(size as u64);
        if end > self.bytes.len() as u64 {
            return Some(Trouble::Outside);
        }
        let Who { warp, step, lanes, instruction, together } = who;
        let now = Touch { epoch: self.epoch, step, warp, lanes, instruction: instruction as u32 };
        let noted = Touch { lanes: if together { 0 } else { lanes }, ..now };
        let alike = bits.is_some_and(|bits| bits == leading(&self.bytes[address as usize..], size));
        let mut trouble = None;
        let first = address as usize >> self.shift;
        for (at, granule) in self.granules[first..end as usize >> self.shift].iter_mut().enumerate()
        {
            if !granule.inside {
                return Some(Trouble::Outside);
            }
            let byte = ((first + at) << self.shift) as u64;
            if what != Use::Write && !granule.written && !granule.copying {
                trouble = Some(Trouble::Unwritten);
            }
            // A copy that another warp has started since the last barrier is a race; else it was not waited for.
            let before = granule.clash(what, &now, alike);
            if granule.copying && before.is_none_or(|before| before.warp == warp) {
                // The first byte of a row or vector.
                if !matches!(trouble, Some(Trouble::Copying { .. })) {
                    trouble = Some(Trouble::Copying { byte });
                }
            } else if let Some(before) = before {
                trouble = Some(Trouble::Race {
                    warp: before.warp,
                    lanes: pair(&before, &now),
                    instruction: before.instruction as usize,
                    byte,
                });
            }
            granule.note(what, &noted);
        }
        trouble
    }

    /// Starts a copy whose target has been touched.
    pub(crate) fn start(&mut self, copy: Pending) {
        for granule in self.of(&copy) {
            granule.copying = true;
            granule.written = false;
        }
        self.copies.push(copy);
    }

    /// A lane waits: what `ends` says of is there from now on, as if the lane had written it now; of the others it
    /// is noted that they go on.
    pub(crate) fn wait(
        &mut self,
        who: Who,
        ends: impl Fn(&Pending) -> bool,
        waited: impl Fn(&Pending) -> Waited,
    ) {
        let mut left = std::mem::take(&mut self.copies);
        left.retain_mut(|copy| {
            if copy.warp != who.warp || who.lanes >> copy.lane & 1 == 0 {
                return true;
            }
            if !ends(copy) {
                copy.waited = Some(waited(copy));
                return true;
            }
            self.write(copy.address, copy.size, copy.bits);
            let now = Touch {
                epoch: self.epoch,
                step: who.step,
                warp: copy.warp,
                lanes: 1 << copy.lane,
                instruction: copy.instruction as u32,
            };
            for granule in self.of(copy) {
                granule.copying = false;
                granule.note(Use::Write, &now);
            }
            false
        });
        self.copies = left;
    }

    /// The last copy to a byte that nobody has waited for.
    pub(crate) fn copy_to(&self, byte: u64) -> Option<&Pending> {
        let size = 1 << self.shift;
        let meets =
            |copy: &&Pending| copy.address < byte + size && byte < copy.address + copy.size as u64;
        self.copies.iter().rev().find(meets)
    }

    /// The granules that a copy goes to.
    fn of(&mut self, copy: &Pending) -> &mut [Granule] {
        let (first, end) = (copy.address as usize, copy.address as usize + copy.size);
        &mut self.granules[first >> self.shift..end >> self.shift]
    }
}
