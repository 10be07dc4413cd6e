//! Rung 3: tiles. Scores and outputs become products of small matrices again, which `ndarray` leaves
//! to `matrixmultiply`; a tile's scores stay in the nearest cache; tiles that the mask hides are
//! never computed: exercises 8.3 and 8.4.

use crate::{
    flash_heads,
    given::{Block, HeadsOutput},
    traffic::Traffic,
};
use ndarray::ArrayView3;

/// The tiles of the rungs `tiled` and `threads`.
pub const BLOCK: Block = Block { q: 64, k: 64 };

/// See the file.
#[track_caller]
pub fn tiled(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
) -> HeadsOutput {
    flash_heads(q, k, v, causal, BLOCK, &mut Traffic::default())
}
