//! The two products that everything is made of, on a few registers.

use super::{lanes::Lanes, registers::Registers};

/// `Σ_p rows[i][p] · panel[p]` for each of `M` rows, added to `sums`.
///
/// With queries in the lanes, it gives scores from keys: `rows` are keys, and the panel holds
/// queries, transposed, lanes for each of their d components. M·V registers of sums and V of the
/// panel have to fit into the processor.
#[inline(always)]
pub fn rows_times_panel<S: Registers, const V: usize, const M: usize>(
    simd: S,
    rows: [&[f32]; M],
    panel: &[Lanes<S, V>],
    mut sums: [Lanes<S, V>; M],
) -> [Lanes<S, V>; M] {
    // Eight components at a time: one check of bounds for each row and eight steps.
    const STEP: usize = 8;
    let (blocks, rest) = panel.as_chunks::<STEP>();
    for (block, lanes) in blocks.iter().enumerate() {
        let mut part = [&[0.0; STEP]; M];
        for i in 0..M {
            part[i] = &rows[i].as_chunks().0[block];
        }
        for p in 0..STEP {
            for i in 0..M {
                let factor = simd.splat_f32s(part[i][p]);
                for v in 0..V {
                    sums[i].0[v] = simd.multiply_add(lanes[p].0[v], factor, sums[i].0[v]);
                }
            }
        }
    }
    let done = blocks.len() * STEP;
    for (p, lanes) in rest.iter().enumerate() {
        for i in 0..M {
            let factor = simd.splat_f32s(rows[i][done + p]);
            for v in 0..V {
                sums[i].0[v] = simd.multiply_add(lanes.0[v], factor, sums[i].0[v]);
            }
        }
    }
    sums
}

/// `Σ_j rows[j][first + i] · weights[j]` for each of `M` columns, added to `sums`.
///
/// With queries in the lanes, it gives a tile of the output, transposed: `rows` are values, `width`
/// numbers each.
#[inline(always)]
pub fn columns_times_weights<S: Registers, const V: usize, const M: usize>(
    simd: S,
    rows: &[f32],
    width: usize,
    first: usize,
    weights: &[Lanes<S, V>],
    mut sums: [Lanes<S, V>; M],
) -> [Lanes<S, V>; M] {
    for (row, weight) in rows.chunks_exact(width).zip(weights) {
        let row = &row[first..first + M];
        for i in 0..M {
            let factor = simd.splat_f32s(row[i]);
            for v in 0..V {
                sums[i].0[v] = simd.multiply_add(weight.0[v], factor, sums[i].0[v]);
            }
        }
    }
    sums
}
