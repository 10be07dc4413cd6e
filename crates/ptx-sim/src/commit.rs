//! Joins what the blocks wrote, in the order of their numbers, and finds the bytes that two of them
//! touched.

use crate::{
    error::Place,
    finding::{Array, Finding, Findings, Kind, element},
    memory::Region,
    module::Kernel,
    view::{ATOMIC, FENCED, PAGE, Pages},
};

/// A block's number, counted from 1, and its mark (see `view`).
#[derive(Clone, Copy, Default)]
struct Access {
    block: u32,
    mark: u32,
}

/// Who touched a granule: a writer, and two readers of different blocks. That is enough: whatever
/// block comes next, one of them is another, if there is another.
#[derive(Clone, Copy, Default)]
struct Touched {
    writer: Access,
    readers: [Access; 2],
}

/// What all blocks so far did to global memory.
pub(crate) struct Commit<'k> {
    kernel: &'k Kernel,
    arrays: &'k [Array],
    grid: [u32; 3],
    granule: usize,
    touched: Vec<Vec<Option<Box<[Touched]>>>>,
    /// For each region and sector of 32 bytes, whether anybody touched it.
    sectors: Vec<Vec<bool>>,
    /// The kernel has atomics on global memory, by which blocks can wait for one another.
    atomics: bool,
}

impl<'k> Commit<'k> {
    pub(crate) fn new(
        kernel: &'k Kernel,
        arrays: &'k [Array],
        grid: [u32; 3],
        granule: usize,
        regions: &[Region],
        atomics: bool,
    ) -> Self {
        let touched = regions
            .iter()
            .map(|region| (0..region.bytes.len().div_ceil(PAGE)).map(|_| None).collect());
        let touched = touched.collect();
        let sectors =
            regions.iter().map(|region| vec![false; region.bytes.len().div_ceil(32)]).collect();
        Commit { kernel, arrays, grid, granule, touched, sectors, atomics }
    }

    /// Different 32-byte sectors that were touched: what has to cross to the chip even with an
    /// endless cache.
    pub(crate) fn sectors(&self) -> u64 {
        self.sectors.iter().flatten().filter(|touched| **touched).count() as u64
    }

    /// Applies the writes of a block to `regions`.
    pub(crate) fn block(
        &mut self,
        number: u32,
        pages: Vec<Pages>,
        regions: &mut [Region],
        findings: &mut Findings,
    ) {
        for (index, (pages, region)) in pages.into_iter().zip(regions).enumerate() {
            for (at, page) in pages.into_iter().enumerate() {
                let Some(page) = page else { continue };
                let granules = PAGE / self.granule;
                let touched = self.touched[index][at]
                    .get_or_insert_with(|| vec![Touched::default(); granules].into_boxed_slice());
                let mut clashes = Vec::new();
                for (granule, touched) in touched.iter_mut().enumerate() {
                    let read = Access { block: number + 1, mark: page.read[granule] };
                    let mark = page.written.as_ref().map_or(0, |own| own.marks[granule]);
                    let write = Access { block: number + 1, mark };
                    if read.mark == 0 && write.mark == 0 {
                        continue;
                    }
                    self.sectors[index][(at * PAGE + granule * self.granule) / 32] = true;
                    if let Some((earlier, later)) = clash(touched, read, write, self.atomics) {
                        clashes.push((granule, earlier, later));
                    }
                    note(touched, read, write);
                }
                for (granule, earlier, later) in clashes {
                    let byte = at * PAGE + granule * self.granule;
                    self.report(findings, &region.name, byte, earlier, later);
                }
                if let Some(own) = page.written {
                    for (granule, _) in own.marks.iter().enumerate().filter(|(_, mark)| **mark != 0)
                    {
                        let from = granule * self.granule;
                        let start = at * PAGE + from;
                        let end = (start + self.granule).min(region.bytes.len());
                        region.bytes[start..end]
                            .copy_from_slice(&own.bytes[from..from + end - start]);
                        if let Some(written) = &mut region.written {
                            written[start..end].fill(true);
                        }
                    }
                }
            }
        }
    }

    fn report(
        &self,
        findings: &mut Findings,
        name: &str,
        byte: usize,
        earlier: Access,
        later: Access,
    ) {
        let place = |access: Access| -> Place { self.kernel.code[instruction(access)].place };
        let (first, second) = (place(earlier), place(later));
        if findings.again(Kind::BlockRace, second, Some(first), 1) {
            return;
        }
        let block = |access: Access| {
            let number = access.block - 1;
            let [x, y, _] = self.grid;
            format!("({}, {}, {})", number % x, number / x % y, number / x / y)
        };
        let (before, now) = (block(earlier), block(later));
        let of = element(self.arrays, name, byte);
        let text = format!("blocks {before} and {now} touch {of}: {first} and {second}");
        let kind = Kind::BlockRace;
        findings.list.push(Finding { kind, place: second, other: Some(first), text, times: 1 });
    }
}

fn instruction(access: Access) -> usize {
    (access.mark & !(FENCED | ATOMIC)) as usize - 1
}

/// The first pair of accesses by two blocks that no order holds apart.
fn clash(
    touched: &Touched,
    read: Access,
    write: Access,
    atomics: bool,
) -> Option<(Access, Access)> {
    let [one, two] = touched.readers;
    let pairs = [(touched.writer, write), (touched.writer, read), (one, write), (two, write)];
    pairs.into_iter().find(|(earlier, later)| {
        let both = earlier.mark != 0 && later.mark != 0;
        let atomic = earlier.mark & later.mark & ATOMIC != 0;
        // What came before a fence, and is read after a fence by a block that counted the other in
        // with an atomic.
        let ordered = atomics && earlier.mark & FENCED == 0 && later.mark & FENCED != 0;
        both && !atomic && !ordered
    })
}

fn note(touched: &mut Touched, read: Access, write: Access) {
    if write.mark != 0 {
        touched.writer = write;
    }
    if read.mark != 0 {
        let [first, second] = &mut touched.readers;
        if first.mark == 0 {
            *first = read;
        } else if first.block != read.block {
            *second = read;
        }
    }
}
