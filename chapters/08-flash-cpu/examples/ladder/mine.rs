//! The learner's rungs, each beside the one of the reference: with `cargo attn run 8 --mine`.

use super::functions::FUNCTIONS;
use attn_exercise::is_yours;
use ch08_flash_cpu::{
    Block, HeadsOutput, Traffic,
    ladder::{BLOCK, Rung, by_head},
};

/// The rung that a learner's functions make beside this one, if any of them is the learner's.
pub fn beside(rung: &Rung) -> Option<Rung> {
    match rung.name {
        "online" if is_yours("8.2") => Some(Rung {
            name: "your online",
            forward: |q, k, v, causal| {
                by_head(q, k, v, |q, k, v| (FUNCTIONS.online)(q, k, v, causal))
            },
            block: || Some(Block { q: 1, k: 1 }),
        }),
        "tiled" if is_yours("8.3") || is_yours("8.4") => Some(Rung {
            name: "your tiled",
            forward: |q, k, v, causal| {
                (FUNCTIONS.flash_heads)(q, k, v, causal, BLOCK, &mut Traffic::default())
            },
            block: || Some(BLOCK),
        }),
        _ => None,
    }
}

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
