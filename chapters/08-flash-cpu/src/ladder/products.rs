//! The two products that everything is made of, on a few registers.
//!
//! Queries are in the lanes: a *panel* holds `V·W` queries, transposed, a row of lanes for each of
//! their d components. Then keys and values are used as they lie in memory, a number at a time for
//! all lanes, and every step of the softmax is the same for all lanes; nothing is summed across a
//! register.

use super::lanes::Lanes;

/// `Σ_p rows[i][p] · panel[p]` for each of `M` rows: a tile of scores, if the rows are keys and the
/// panel is queries. M·V registers of sums, and V of the panel, have to fit into the processor.
#[inline(always)]
pub fn rows_times_panel<const W: usize, const V: usize, const M: usize, const FUSED: bool>(
    rows: [&[f32]; M],
    panel: &[Lanes<W, V>],
    mut sums: [Lanes<W, V>; M],
) -> [Lanes<W, V>; M] {
    // Eight components at a time: one check of bounds for each row and eight steps.
    const STEP: usize = 8;
    let (blocks, rest) = panel.as_chunks::<STEP>();
    for (block, lanes) in blocks.iter().enumerate() {
        let mut part = [&[0.0; STEP]; M];
        for i in 0..M {
            part[i] = &rows[i].as_chunks().0[block];
        }
        for p in 0..STEP {
            // Once from memory, for all rows.
            let lanes = lanes[p];
            for i in 0..M {
                sums[i] = sums[i].plus_product::<FUSED>(lanes, part[i][p]);
            }
        }
    }
    let done = blocks.len() * STEP;
    for (p, &lanes) in rest.iter().enumerate() {
        for i in 0..M {
            sums[i] = sums[i].plus_product::<FUSED>(lanes, rows[i][done + p]);
        }
    }
    sums
}

/// `Σ_j rows[j][first + i] · weights[j]` for each of `M` columns, added to `sums`: a tile of the
/// output, transposed, if the rows are values.
#[inline(always)]
pub fn columns_times_weights<const W: usize, const V: usize, const M: usize, const FUSED: bool>(
    rows: &[f32],
    width: usize,
    first: usize,
    weights: &[Lanes<W, V>],
    mut sums: [Lanes<W, V>; M],
) -> [Lanes<W, V>; M] {
    for (row, weight) in rows.chunks_exact(width).zip(weights) {
        let row = &row[first..first + M];
        for i in 0..M {
            sums[i] = sums[i].plus_product::<FUSED>(*weight, row[i]);
        }
    }
    sums
}
