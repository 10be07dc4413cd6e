//! How the learner's rungs differ from the reference's: with `cargo attn run 8 --mine`.

use ch08_flash_cpu::{HeadsOutput, ladder::Rung};

/// How a result of the learner's differs from that of the rung below, if by more than rounding.
pub fn difference(below: &Rung, before: &HeadsOutput, mine: &HeadsOutput) -> Option<String> {
    let below = below.name;
    if (mine.out.dim(), mine.lse.dim()) != (before.out.dim(), before.lse.dim()) {
        return Some(format!("another shape than {below}"));
    }
    if super::near(before, mine) {
        return None;
    }
    let apart = |x: &f32, y: &f32| if x == y { 0.0 } else { (x - y).abs() };
    let outs = before.out.iter().zip(&mine.out).map(|(x, y)| apart(x, y));
    let lses = before.lse.iter().zip(&mine.lse).map(|(x, y)| apart(x, y));
    // NaN is the greatest here, and it is far from any number.
    let furthest = |most: f32, x: f32| if x.total_cmp(&most).is_gt() { x } else { most };
    let (out, lse) = (outs.fold(0.0, furthest), lses.fold(0.0, furthest));
    Some(format!("off from {below} by up to {out:.1e} in out, {lse:.1e} in lse"))
}
