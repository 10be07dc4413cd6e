//! `ldmatrix` and `stmatrix`: rows of 16 bytes of shared memory, whose addresses the lanes give one by one, and
//! whose numbers are shared out among all lanes of the warp.

use super::{Access, Spaces};
use crate::{
    access::addresses,
    bits::Bits,
    count::Counts,
    instruction::Action,
    lane::{Lane, each},
    log::{Log, Stop},
    matrix::{gathered, rows, shares, transpose},
    shared::{Trouble, Use, Who},
    types::Space,
    warp::Warp,
};

/// Bytes of a row.
const ROW: usize = 16;

impl Spaces<'_> {
    /// Loads matrices. Lane `8 i + r` says where row `r` of matrix `i` is.
    pub(crate) fn load_matrices(
        &mut self,
        warp: &mut Warp,
        at: usize,
        mask: u32,
        counts: &mut Counts,
        log: &mut Log,
    ) -> Result<(), Stop> {
        let Action::LoadMatrices { transposed, into, address } = &self.kernel.code[at].action
        else {
            return Ok(());
        };
        let places = addresses(&warp.registers, *address);
        let rows = rows(into.len()) & mask;
        let access = row_access(warp, at, Use::Read);
        let mut matrices = [[0; 8]; 4];
        for lane in each(rows) {
            let place = places[lane];
            // Every lane gets a part of it.
            let quiet = self.shared.read_quietly(place, ROW, together(access, mask));
            matrices[lane / 8][lane % 8] = match quiet {
                Some(bits) => bits,
                None => {
                    self.touch_row(access, lane, mask, place, None, log)?;
                    self.shared.read(place, ROW)
                }
            };
        }
        counts.shared(&places, ROW, rows);
        for (register, matrix) in into.iter().zip(&matrices) {
            let matrix = if *transposed { transpose(matrix) } else { *matrix };
            u32::set(&mut warp.registers, *register, &shares(&matrix), mask);
        }
        Ok(())
    }

    /// Stores matrices, the other way.
    pub(crate) fn store_matrices(
        &mut self,
        warp: &Warp,
        at: usize,
        mask: u32,
        counts: &mut Counts,
        log: &mut Log,
    ) -> Result<(), Stop> {
        let Action::StoreMatrices { transposed, from, address } = &self.kernel.code[at].action
        else {
            return Ok(());
        };
        let places = addresses(&warp.registers, *address);
        let rows = rows(from.len()) & mask;
        let access = row_access(warp, at, Use::Write);
        let mut matrices = [[0; 8]; 4];
        for (matrix, register) in matrices.iter_mut().zip(from) {
            let whole = gathered(&u32::get(&warp.registers, *register), mask);
            *matrix = if *transposed { transpose(&whole) } else { whole };
        }
        for lane in each(rows) {
            let bits = matrices[lane / 8][lane % 8];
            self.touch_row(access, lane, mask, places[lane], Some(bits), log)?;
            self.shared.write(places[lane], ROW, bits);
        }
        counts.shared(&places, ROW, rows);
        Ok(())
    }

    /// Records that all lanes of `mask` touch a row whose address `lane` gives.
    fn touch_row(
        &mut self,
        access: Access,
        lane: usize,
        mask: u32,
        address: u64,
        bits: Option<Bits>,
        log: &mut Log,
    ) -> Result<(), Stop> {
        if !access.is_aligned(address) {
            return Err(self.misaligned(access, lane, address, log));
        }
        let who = together(access, mask);
        match self.shared.touch(address, ROW, access.what, who, bits) {
            Some(Trouble::Outside) => return Err(self.outside(access, lane, address, log)),
            Some(trouble) => self.shared_trouble(access, who, lane, trouble, address, log),
            None => {}
        }
        Ok(())
    }
}

/// All lanes of the mask, at once.
fn together(access: Access, mask: u32) -> Who {
    Who { together: access.what == Use::Read, ..access.who(mask) }
}

fn row_access(warp: &Warp, at: usize, what: Use) -> Access {
    Access {
        instruction: at,
        space: Space::Shared,
        size: ROW,
        what,
        warp: warp.number,
        step: warp.step,
    }
}
