//! What two caches write while a text gets longer.

use crate::{cache_bytes, concatenating::written, models::published};
use attn_viz::{Axis, Figure, Lines};

const TOKENS: usize = 4096;

pub fn figure() -> Figure {
    let a_token = cache_bytes(&published("Llama-2-7B").model, 1, 1);
    // Counted with a key and a value of one f32 each; a token of the model has as many bytes more.
    let counted = written(&[1; TOKENS]);
    let of_the_model = |bytes: u64| bytes as f64 / 8.0 * a_token as f64 / 1e9;
    let points = |which: usize| {
        let at = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
        at.map(|tokens| (tokens as f64, of_the_model(counted[tokens - 1][which])))
    };
    let ends = counted[TOKENS - 1].map(of_the_model);
    let alternative = format!(
        "Two straight lines on logarithmic axes. The cache that was made large enough at the start has written {:.1} GB after {TOKENS} tokens, each token once. The cache that is made anew for each token has written {:.0} GB: it grows with the square of the tokens.",
        ends[0], ends[1]
    );
    Lines::new("Bytes written while Llama-2-7B writes, token by token", &alternative)
        .x(Axis::log("tokens").ticks([1.0, 16.0, 256.0, 4096.0]))
        .y(Axis::log("written in all (GB)"))
        .series("preallocated", points(0))
        .series("concatenating", points(1))
        .figure()
}
