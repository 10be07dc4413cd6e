//! The learner's rungs, each beside the one of the reference: with `cargo attn run 8 --mine`.

use super::functions::FUNCTIONS;
use attn_exercise::is_yours;
use ch08_flash_cpu::{
    Block, Traffic,
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
