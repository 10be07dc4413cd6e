//! A block's shared memory, and beside every granule of it a record of who touched it since the last barrier.

use crate::{lane::LANES, module::Variable, scope::GAP, view::little_endian};

/// Who touched a granule: the lanes of one warp, between two of its synchronisations.
#[derive(Clone, Copy, Default)]
struct Touch {
    /// The block's barriers so far, plus 1; 0 for never.
    epoch: u32,
    /// The warp's own barriers so far (`__syncwarp`).
    step: u32,
    warp: u32,
    lanes: u32,
    instruction: u32,
}

impl Touch {
    /// Whether a touch by one lane, now, is not ordered after this one.
    fn clashes(&self, now: &Touch) -> bool {
        let together = self.epoch == now.epoch;
        let same = self.warp == now.warp;
        together && (!same || (self.step == now.step && self.lanes & !now.lanes != 0))
    }

    /// Adds a touch by the same warp; the instruction named is the last.
    fn join(&mut self, now: &Touch) {
        let same = (self.epoch, self.step, self.warp) == (now.epoch, now.step, now.warp);
        let lanes = if same {
            self.lanes | now.lanes
        } else {
            now.lanes
        };
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
    pub(crate) lane: usize,
    pub(crate) instruction: usize,
}

/// What is wrong with an access.
pub(crate) enum Trouble {
    Outside,
    Unwritten,
    /// With the lane and warp that came before, and its instruction.
    Race {
        warp: u32,
        lane: usize,
        instruction: usize,
    },
}

/// The shared memory of one block.
pub(crate) struct Shared {
    pub(crate) bytes: Vec<u8>,
    granules: Vec<Granule>,
    granule: usize,
    epoch: u32,
    arrays: Vec<Variable>,
}

impl Shared {
    /// Static arrays with room between them, and the dynamic one behind.
    pub(crate) fn new(arrays: Vec<Variable>, granule: usize) -> Self {
        let end = arrays
            .iter()
            .map(|array| array.offset + array.bytes)
            .max()
            .unwrap_or(0);
        let size = (end + GAP).next_multiple_of(16);
        let mut granules = vec![Granule::default(); size / granule];
        for array in &arrays {
            let of = array.offset / granule..(array.offset + array.bytes).div_ceil(granule);
            granules[of]
                .iter_mut()
                .for_each(|granule| granule.inside = true);
        }
        Shared {
            bytes: vec![0xcd; size],
            granules,
            granule,
            epoch: 1,
            arrays,
        }
    }

    /// All threads met: what was touched before is ordered before what comes.
    pub(crate) fn barrier(&mut self) {
        self.epoch += 1;
    }

    /// The array that a byte belongs to, or lies behind; and the byte within it.
    pub(crate) fn array(&self, address: u64) -> Option<(&Variable, usize)> {
        let before = self
            .arrays
            .iter()
            .filter(|array| array.offset as u64 <= address);
        let array = before.max_by_key(|array| array.offset)?;
        Some((array, (address - array.offset as u64) as usize))
    }

    pub(crate) fn read(&self, address: u64, size: usize) -> u64 {
        little_endian(&self.bytes[address as usize..address as usize + size])
    }

    pub(crate) fn write(&mut self, address: u64, size: usize, value: u64) {
        self.bytes[address as usize..address as usize + size]
            .copy_from_slice(&value.to_le_bytes()[..size]);
    }

    /// Records an access of `size` bytes and says what is wrong with it, if anything. Lanes that write the same `value` by
    /// the same instruction do not race.
    pub(crate) fn touch(
        &mut self,
        address: u64,
        size: usize,
        what: Use,
        who: Who,
        value: u64,
    ) -> Option<Trouble> {
        let end = address.saturating_add(size as u64);
        if end > self.bytes.len() as u64 {
            return Some(Trouble::Outside);
        }
        let (warp, lanes) = (who.warp, 1 << who.lane);
        let now = Touch {
            epoch: self.epoch,
            step: who.step,
            warp,
            lanes,
            instruction: who.instruction as u32,
        };
        let mut trouble = None;
        let alike = |bytes: &[u8]| bytes == &value.to_le_bytes()[..size];
        let alike = what == Use::Write && alike(&self.bytes[address as usize..end as usize]);
        let of = address as usize / self.granule..(end as usize).div_ceil(self.granule);
        for granule in &mut self.granules[of] {
            if !granule.inside {
                return Some(Trouble::Outside);
            }
            if what != Use::Write && !granule.written {
                trouble = Some(Trouble::Unwritten);
            }
            let both_atomic = what == Use::Atomic && granule.atomic;
            let alike = alike && granule.writer.instruction == now.instruction;
            let before = if granule.writer.clashes(&now) && !both_atomic && !alike {
                Some(granule.writer)
            } else if what != Use::Read {
                granule
                    .readers
                    .into_iter()
                    .find(|reader| reader.clashes(&now))
            } else {
                None
            };
            if let Some(before) = before {
                let others = if before.warp == warp {
                    before.lanes & !lanes
                } else {
                    before.lanes
                };
                let lane = (others.trailing_zeros() as usize).min(LANES - 1);
                trouble = Some(Trouble::Race {
                    warp: before.warp,
                    lane,
                    instruction: before.instruction as usize,
                });
            }
            if what == Use::Read {
                let [last, other] = &mut granule.readers;
                if last.warp != warp {
                    *other = *last;
                }
                last.join(&now);
            } else {
                granule.writer.join(&now);
                granule.written = true;
                granule.atomic = what == Use::Atomic;
            }
        }
        trouble
    }
}
