//! What an execution costs, counted: instructions, operations, bytes, sectors, wavefronts.
//!
//! The model of the memory system, which is that of NVIDIA's GPUs since Volta:
//!
//! * Global memory moves in **sectors** of 32 bytes. A warp's access touches the sectors that its
//!   lanes touch; ideal is the fewest that its bytes fit in.
//! * Shared memory has 32 banks of 4 bytes. A warp's access takes one **wavefront** for each
//!   different word that its busiest bank has to deliver; lanes that want the same word share it.
//!   Accesses of 8 and 16 bytes go half a warp and a quarter of a warp at a time; ideal is one
//!   wavefront for each of these groups. A matrix of `ldmatrix`, eight rows of 16 bytes, is such a group.

use std::ops::AddAssign;

use crate::lane::{LANES, each};

/// Bytes of a sector.
pub const SECTOR: u64 = 32;

/// Counters of one line, or of a whole launch.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Instructions that warps executed.
    pub instructions: u64,
    /// The same, counted for each lane that took part.
    pub lanes: u64,
    /// Floating-point operations, but for those of the tensor cores: a fused multiply-add is two, a conversion or a
    /// comparison none.
    pub flops: u64,
    /// Floating-point operations of the tensor cores: 2 · 16 · 8 · 16 for an `mma` of halves.
    pub tensor_flops: u64,
    /// Different bytes of global memory that the warps' loads asked for.
    pub read_bytes: u64,
    /// Different bytes of global memory that the warps' stores and atomics changed.
    pub written_bytes: u64,
    /// Sectors of global memory that these accesses touched.
    pub sectors: u64,
    /// The fewest sectors that could have held the bytes.
    pub ideal_sectors: u64,
    /// Wavefronts of shared memory.
    pub wavefronts: u64,
    /// The fewest wavefronts for the same accesses.
    pub ideal_wavefronts: u64,
    /// Bytes of local memory: arrays and spills that are not in registers.
    pub local_bytes: u64,
    /// Times that a whole block met at a barrier.
    pub barriers: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.instructions += other.instructions;
        self.lanes += other.lanes;
        self.flops += other.flops;
        self.tensor_flops += other.tensor_flops;
        self.read_bytes += other.read_bytes;
        self.written_bytes += other.written_bytes;
        self.sectors += other.sectors;
        self.ideal_sectors += other.ideal_sectors;
        self.wavefronts += other.wavefronts;
        self.ideal_wavefronts += other.ideal_wavefronts;
        self.local_bytes += other.local_bytes;
        self.barriers += other.barriers;
    }
}

impl Counts {
    /// Bytes that cross between memory and the multiprocessors: whole sectors.
    pub fn sector_bytes(&self) -> u64 {
        self.sectors * SECTOR
    }

    /// Counts an access to global memory of `size` bytes per lane.
    pub(crate) fn global(&mut self, addresses: &[u64; LANES], size: usize, mask: u32, store: bool) {
        let (bytes, sectors) = distinct(addresses, size as u64, mask);
        self.sectors += sectors;
        self.ideal_sectors += bytes.div_ceil(SECTOR);
        if store {
            self.written_bytes += bytes;
        } else {
            self.read_bytes += bytes;
        }
    }

    /// Counts an access to shared memory of `size` bytes per lane.
    pub(crate) fn shared(&mut self, addresses: &[u64; LANES], size: usize, mask: u32) {
        let together = (128 / size.max(4)).min(LANES);
        for first in (0..LANES).step_by(together) {
            let group = mask & (u32::MAX >> (LANES - together)) << first;
            self.wavefronts += wavefronts(addresses, size, group);
            self.ideal_wavefronts += u64::from(group != 0);
        }
    }
}

/// Different bytes and different sectors of a warp's access.
fn distinct(addresses: &[u64; LANES], size: u64, mask: u32) -> (u64, u64) {
    let mut starts = [0; LANES];
    let mut n = 0;
    for lane in each(mask) {
        starts[n] = addresses[lane];
        n += 1;
    }
    let starts = &mut starts[..n];
    if !starts.is_sorted() {
        starts.sort_unstable();
    }
    // Everything below `end` has been counted, and every sector up to `sector`.
    let (mut bytes, mut sectors) = (0, 0);
    let (mut end, mut sector) = (0, None);
    for start in starts.iter() {
        let stop = start + size;
        bytes += stop.saturating_sub(end.max(*start));
        end = end.max(stop);
        let (first, last) = (start / SECTOR, (stop - 1) / SECTOR);
        let from = sector.map_or(first, |known: u64| first.max(known + 1));
        sectors += (last + 1).saturating_sub(from);
        sector = sector.max(Some(last));
    }
    (bytes, sectors)
}

/// The most different words that one bank has to deliver.
fn wavefronts(addresses: &[u64; LANES], size: usize, group: u32) -> u64 {
    // At most 32 words: 32 lanes of one, 16 of two, 8 of four.
    let mut words = [0; LANES];
    let mut n = 0;
    let mut busy = [0u8; 32];
    let mut last = None;
    for lane in each(group) {
        let first = addresses[lane] / 4;
        for word in first..=(addresses[lane] + size as u64 - 1) / 4 {
            // Neighbours that read the same word are the common case.
            if last != Some(word) && (busy[word as usize % 32] == 0 || !words[..n].contains(&word))
            {
                words[n] = word;
                n += 1;
                busy[word as usize % 32] += 1;
            }
            last = Some(word);
        }
    }
    busy.into_iter().max().unwrap_or(0).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::FULL;

    fn lanes(f: impl Fn(u64) -> u64) -> [u64; LANES] {
        std::array::from_fn(|lane| f(lane as u64))
    }

    #[test]
    fn sectors_of_neighbours_strides_and_broadcasts() {
        let count = |addresses, size| {
            let mut counts = Counts::default();
            counts.global(&addresses, size, FULL, false);
            (counts.read_bytes, counts.sectors, counts.ideal_sectors)
        };
        assert_eq!(count(lanes(|i| 256 + 4 * i), 4), (128, 4, 4));
        assert_eq!(count(lanes(|i| 256 + 4 * (31 - i)), 4), (128, 4, 4));
        assert_eq!(count(lanes(|i| 260 + 4 * i), 4), (128, 5, 4));
        assert_eq!(count(lanes(|i| 256 * i), 4), (128, 32, 4));
        assert_eq!(count(lanes(|_| 512), 4), (4, 1, 1));
        assert_eq!(count(lanes(|i| 16 * i), 16), (512, 16, 16));
    }

    #[test]
    fn wavefronts_of_rows_columns_and_padded_columns() {
        let count = |addresses, size, mask| {
            let mut counts = Counts::default();
            counts.shared(&addresses, size, mask);
            (counts.wavefronts, counts.ideal_wavefronts)
        };
        assert_eq!(count(lanes(|i| 4 * i), 4, FULL), (1, 1));
        assert_eq!(count(lanes(|_| 4), 4, FULL), (1, 1));
        assert_eq!(count(lanes(|i| 4 * 64 * i), 4, FULL), (32, 1));
        assert_eq!(count(lanes(|i| 4 * 65 * i), 4, FULL), (1, 1));
        assert_eq!(count(lanes(|i| 8 * i), 4, FULL), (2, 1));
        assert_eq!(count(lanes(|i| 16 * i), 16, FULL), (4, 4));
        assert_eq!(count(lanes(|i| 8 * i), 8, FULL), (2, 2));
        assert_eq!(count(lanes(|i| 16 * i), 16, 0xff), (1, 1));
        assert_eq!(count(lanes(|i| 4 * 32 * i), 4, 0b101), (2, 1));
        assert_eq!(count(lanes(|i| i), 1, FULL), (1, 1));
    }
}
