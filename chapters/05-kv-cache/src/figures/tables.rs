//! Tables of bytes and counts.

use crate::{
    cache_bytes,
    models::{CARDS, GPT_OSS, MODELS, published},
    recomputed::work,
};
use attn_viz::thousands;

/// What it takes to write behind a prompt of ten tokens.
pub(super) fn recomputed() -> String {
    let mut table = String::from(
        "| tokens written | cache | token 0 computed | rows in all | pairs compared |\n\
         | ---: | --- | ---: | ---: | ---: |\n",
    );
    for written in [1, 10, 100, 800] {
        for (name, work) in ["with", "without"].into_iter().zip(work(10, written)) {
            let (rows, pairs) = (thousands(work.rows()), thousands(work.pairs));
            table += &format!("| {written} | {name} | {} | {rows} | {pairs} |\n", work.times[0]);
        }
    }
    table
}

pub(super) fn models() -> String {
    let mut table = String::from(
        "| model | layers | heads | heads of keys | width of one | a token | 1,024 tokens | from |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    for published in MODELS {
        let model = published.model;
        table += &format!(
            "| {} | {} | {} | {} | {} | {}\u{a0}B | {}\u{a0}MiB | {} |\n",
            published.name,
            model.layers,
            model.heads,
            model.kv_heads,
            model.head_dim,
            thousands(cache_bytes(&model, 1, 1)),
            thousands(cache_bytes(&model, 1024, 1) >> 20),
            published.source,
        );
    }
    table
}

/// The levels of an A100's memory as FlashAttention's paper gives them (Figure 1), and how much of
/// Llama-2-7B's cache they hold.
pub(super) fn pyramid() -> String {
    let a_token = cache_bytes(&published("Llama-2-7B").model, 1, 1);
    let levels = [
        ("on the chip (SRAM)", "20\u{a0}MB", 20_000_000, "19\u{a0}TB/s"),
        ("on the card (HBM)", "40\u{a0}GB", 40_000_000_000, "1.5\u{a0}TB/s"),
        ("in the computer (DRAM)", "more than 1\u{a0}TB", 1_000_000_000_000, "12.8\u{a0}GB/s"),
    ];
    let mut table = String::from(
        "| memory | size | rate | tokens of Llama-2-7B that it holds |\n| --- | ---: | ---: | ---: |\n",
    );
    for (name, size, bytes, rate) in levels {
        table += &format!("| {name} | {size} | {rate} | {} |\n", thousands(bytes / a_token));
    }
    table
}

/// How many tokens of cache fit beside the weights.
pub(super) fn cards() -> String {
    let names: Vec<String> = CARDS
        .iter()
        .map(|card| format!("{}, {}\u{a0}GB", card.name, card.memory / 1_000_000_000))
        .collect();
    let mut table = format!(
        "| model | weights | {} |\n| --- | ---: |{}\n",
        names.join(" | "),
        " ---: |".repeat(CARDS.len())
    );
    for published in MODELS.iter().filter(|model| model.windows.is_none() && !model.round) {
        let model = published.model;
        let weights = model.parameters * model.number_bytes;
        table += &format!("| {} | {:.1}\u{a0}GB |", published.name, weights as f64 / 1e9);
        for card in CARDS {
            // As many texts of one token as fit.
            table += &match card.memory.checked_sub(weights) {
                Some(_) => {
                    format!(" {} |", thousands(crate::largest_batch(&model, card.memory, 1)))
                }
                None => " – |".into(),
            };
        }
        table.push('\n');
    }
    table
}

/// What models keep whose layers have windows, for the most part or in part.
pub(super) fn windows() -> String {
    let mut table = String::from(
        "| model | layers with a window | window | 32,768 tokens | without windows | 131,072 tokens | without windows | from |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    let mib = |bytes: u64| format!("{}\u{a0}MiB", thousands(bytes >> 20));
    for published in MODELS.iter().chain([&GPT_OSS]) {
        let Some(windows) = published.windows else { continue };
        table += &format!(
            "| {} | {} of {} | {} |",
            published.name,
            windows.layers,
            published.model.layers,
            thousands(windows.window)
        );
        for tokens in [32_768, 131_072] {
            let (with, without) = (
                published.text_bytes(tokens, cache_bytes),
                cache_bytes(&published.model, tokens, 1),
            );
            table += &format!(" {} | {} |", mib(with), mib(without));
        }
        table += &format!(" {} |\n", published.source);
    }
    table
}
