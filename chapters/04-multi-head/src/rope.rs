use crate::given::{Layout, Rotary, expect_pairs};
use ndarray::{Array2, ArrayView2};

// ANCHOR: rope
/// Rotary position embedding: row `r` of `x` stands at position `start + r`, and each pair of its
/// numbers is turned, as a point in the plane, by an angle that grows with the position. Pair 0 turns
/// by one radian per position, the others slower and slower; the layout says which two numbers form
/// a pair.
///
/// Shapes: n×d in and out, d even. The dot product of two rows then depends on the
/// difference of their positions alone. Costs 3·n·d FLOPs and n·d/2 sines and cosines.
///
/// Source: Su et al., arXiv:2104.09864, §3.4.2, Equation 34.
///
/// ```
/// use ch04_multi_head::{Layout, Rotary, rope};
/// use ndarray::array;
/// // At position 0 nothing turns; the pair of the next row turns by one radian.
/// let rotary = Rotary { base: 100.0, layout: Layout::Half };
/// let turned = rope(array![[3.0, 4.0], [1.0, 0.0]].view(), 0, rotary);
/// assert_eq!(turned, array![[3.0, 4.0], [1.0_f32.cos(), 1.0_f32.sin()]]);
/// ```
#[track_caller]
pub fn rope(x: ArrayView2<f32>, start: usize, rotary: Rotary) -> Array2<f32> {
    expect_pairs(x.ncols());
    // SOLUTION 4.4: turn every pair of every row by its angle
    let d = x.ncols();
    // The angle of each pair at position 1.
    let frequencies: Vec<f32> =
        (0..d / 2).map(|i| rotary.base.powf(-2.0 * i as f32 / d as f32)).collect();
    let mut turned = x.to_owned();
    for (r, mut row) in turned.rows_mut().into_iter().enumerate() {
        let position = (start + r) as f32;
        for (i, frequency) in frequencies.iter().enumerate() {
            let (first, second) = match rotary.layout {
                Layout::Interleaved => (2 * i, 2 * i + 1),
                Layout::Half => (i, i + d / 2),
            };
            let (sin, cos) = (position * frequency).sin_cos();
            let (a, b) = (row[first], row[second]);
            row[first] = a * cos - b * sin;
            row[second] = a * sin + b * cos;
        }
    }
    turned
    // END SOLUTION
}
// ANCHOR_END: rope
