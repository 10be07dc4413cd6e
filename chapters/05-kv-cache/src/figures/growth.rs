//! The bytes of caches against the memory of cards.

use crate::{
    cache_bytes,
    models::{CARDS, Card, MODELS},
};
use attn_viz::{Axis, Figure, Lines};

const TOKENS: [u64; 9] = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072];

pub fn figure() -> Figure {
    let ends = (TOKENS[0] as f64, TOKENS[8] as f64);
    let mut lines = Lines::new(
        "The cache of one text, if every layer keeps every token, and what cards hold in all",
        "The caches of four models grow in proportion to the tokens. At 131,072 tokens LLaMA-65B's takes 344 GB, Llama-2-7B's \
         69 GB, Llama-3-8B's 17 GB and Qwen2.5-7B's 7.5 GB. Two level lines mark cards of 24 and 80 GB.",
    )
    .x(Axis::log("tokens").ticks([512.0, 4096.0, 32768.0]))
    .y(Axis::log("cache (GB)"));
    for published in MODELS.iter().filter(|model| SHOWN.contains(&model.name)) {
        let points = TOKENS
            .map(|tokens| (tokens as f64, cache_bytes(&published.model, tokens, 1) as f64 / 1e9));
        lines = lines.series(published.name, points);
    }
    for Card { name, memory, .. } in CARDS.iter().filter(|card| ["L4", "H100"].contains(&card.name))
    {
        let gb = *memory as f64 / 1e9;
        lines = lines.series(&format!("{name}, {gb:.0} GB"), [(ends.0, gb), (ends.1, gb)]);
    }
    lines.figure()
}

const SHOWN: [&str; 4] = ["LLaMA-65B", "Llama-2-7B", "Llama-3-8B", "Qwen2.5-7B"];
