//! Global memory as one block sees it: the memory at the start of the launch, and what the block
//! wrote itself.
//!
//! On a GPU blocks run in any order, so a block must not depend on what another writes. Here none
//! can: each works on its own copy of the pages it writes, and remembers what it touched. That
//! makes blocks independent of one another, the result the same on any number of cores, and races
//! between blocks visible when the copies are joined (see `commit`).

use crate::{
    bits::{Bits, leading},
    memory::Region,
};

/// Bytes of a page.
pub(crate) const PAGE: usize = 4096;

/// Flags of a mark: the access came after a fence of its block; it was atomic.
pub(crate) const FENCED: u32 = 1 << 31;
pub(crate) const ATOMIC: u32 = 1 << 30;

/// What a block did to a page. A mark is 0, or 1 + the instruction's index, with flags; one for
/// each granule.
pub(crate) struct Page {
    pub(crate) read: Vec<u32>,
    pub(crate) written: Option<Written>,
}

/// A block's own copy of a page.
pub(crate) struct Written {
    pub(crate) bytes: Vec<u8>,
    pub(crate) marks: Vec<u32>,
}

/// The pages of one region that a block touched.
pub(crate) type Pages = Vec<Option<Box<Page>>>;

/// Global memory for one block.
pub(crate) struct View<'m> {
    regions: &'m [Region],
    pages: Vec<Pages>,
    /// Bytes that are told apart: the smallest access of the kernel.
    granule: usize,
    /// The block has executed a fence.
    fenced: bool,
}

impl<'m> View<'m> {
    pub(crate) fn new(regions: &'m [Region], granule: usize) -> Self {
        let pages = regions
            .iter()
            .map(|region| (0..region.bytes.len().div_ceil(PAGE)).map(|_| None).collect());
        View { regions, pages: pages.collect(), granule, fenced: false }
    }

    pub(crate) fn regions(&self) -> &'m [Region] {
        self.regions
    }

    /// The block executed a fence.
    pub(crate) fn fence(&mut self) {
        self.fenced = true;
    }

    pub(crate) fn into_pages(self) -> Vec<Pages> {
        self.pages
    }

    fn page(&mut self, region: usize, offset: usize) -> &mut Page {
        let granules = PAGE / self.granule;
        self.pages[region][offset / PAGE]
            .get_or_insert_with(|| Box::new(Page { read: vec![0; granules], written: None }))
    }

    fn mark(&self, index: usize, atomic: bool) -> u32 {
        (index as u32 + 1) | if self.fenced { FENCED } else { 0 } | if atomic { ATOMIC } else { 0 }
    }

    /// `size` bytes, which lie within a page as they are aligned; and whether they were all written
    /// before.
    pub(crate) fn read(
        &mut self,
        region: usize,
        offset: usize,
        size: usize,
        index: usize,
        atomic: bool,
    ) -> (Bits, bool) {
        let (mark, granule) = (self.mark(index, atomic), self.granule);
        let base = &self.regions[region];
        let page = self.page(region, offset);
        let at = offset % PAGE;
        remember(&mut page.read[at / granule..(at + size).div_ceil(granule)], mark);
        let from = page.written.as_ref().map_or(&base.bytes[offset..], |own| &own.bytes[at..]);
        let out = leading(from, size);
        let own =
            |byte| page.written.as_ref().is_some_and(|own| own.marks[(at + byte) / granule] != 0);
        let known = base
            .written
            .as_ref()
            .is_none_or(|written| (0..size).all(|byte| written[offset + byte] || own(byte)));
        (out, known)
    }

    /// Writes `size` bytes, which lie within a page.
    pub(crate) fn write(
        &mut self,
        region: usize,
        offset: usize,
        size: usize,
        bits: Bits,
        index: usize,
        atomic: bool,
    ) {
        let (mark, granule) = (self.mark(index, atomic), self.granule);
        let base = &self.regions[region].bytes;
        let page = self.page(region, offset);
        let (at, end) = (offset % PAGE, offset % PAGE + size);
        let own = page.written.get_or_insert_with(|| {
            let start = offset - at;
            let mut bytes = base[start..base.len().min(start + PAGE)].to_vec();
            bytes.resize(PAGE, 0);
            Written { bytes, marks: vec![0; PAGE / granule] }
        });
        own.bytes[at..end].copy_from_slice(&bits.to_le_bytes()[..size]);
        remember(&mut own.marks[at / granule..end.div_ceil(granule)], mark);
    }
}

/// The first mark stays; a plain access weighs more than an atomic one.
fn remember(marks: &mut [u32], mark: u32) {
    for known in marks {
        if *known == 0 || (*known & ATOMIC != 0 && mark & ATOMIC == 0) {
            *known = mark;
        }
    }
}
