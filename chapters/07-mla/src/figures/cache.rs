//! What is kept of a token, in the shape of DeepSeek-V2 and between whole models.

use crate::numbers::{CACHES, Cache, DEEPSEEK_67B, DEEPSEEK_V2, Deployed, V2, V2_LAYERS, saved};
use attn_viz::{Axis, Bars, Figure, thousands};

pub fn figure() -> Figure {
    let numbers = |cache: Cache| thousands(cache.numbers());
    let each: Vec<String> =
        CACHES.iter().map(|(name, cache)| format!("{name} {}", numbers(*cache))).collect();
    let alternative = format!("Numbers that a layer keeps of one token: {}.", each.join("; "));
    let mut bars = Bars::new(
        "What one layer keeps of one token, in the shape of DeepSeek-V2: 128 heads of 128",
        &alternative,
        Axis::linear("numbers per token and layer").ticks([0.0, 10_000.0, 20_000.0, 30_000.0]),
    );
    for (name, cache) in CACHES {
        bars = bars.bar(name, cache.numbers() as f64);
    }
    bars.figure()
}

/// A context that is often named, in tokens.
const CONTEXT: usize = 131_072;

pub fn table() -> String {
    let mha = Cache::Groups { h_kv: V2.h, d: V2.d }.numbers();
    let mut table = String::from(
        "| kept | numbers per token and layer | in 60 layers | 131,072 tokens at 16 bits | less than MHA |\n\
         | --- | ---: | ---: | ---: | ---: |\n",
    );
    for (name, cache) in CACHES {
        let all = cache.numbers() * V2_LAYERS;
        let less = match saved(cache.numbers(), mha) {
            0.0 => "–".into(),
            less => format!("{less:.2} %").replace('-', "−"),
        };
        table += &format!(
            "| {name} | {} | {} | {:.1}\u{a0}GiB | {less} |\n",
            thousands(cache.numbers()),
            thousands(all),
            (2 * all * CONTEXT) as f64 / f64::from(1 << 30),
        );
    }
    table
}

/// What the saving of 93.3 % is made of.
pub fn saved_table() -> String {
    let mha = Deployed { cache: Cache::Groups { h_kv: V2.h, d: V2.d }, ..DEEPSEEK_V2 };
    let six_bits = Deployed { bits: 6, ..DEEPSEEK_V2 };
    let rows = [
        ("the same model with MHA, both at 16 bits", DEEPSEEK_V2, mha),
        ("DeepSeek 67B, both at 16 bits", DEEPSEEK_V2, DEEPSEEK_67B),
        ("DeepSeek 67B at 16 bits, V2 at 6", six_bits, DEEPSEEK_67B),
    ];
    let mut table = String::from(
        "| V2 beside | bits per token of V2 | of the other | saved |\n| --- | ---: | ---: | ---: |\n",
    );
    for (other, kept, beside) in rows {
        let (kept, beside) = (kept.bits_per_token(), beside.bits_per_token());
        table += &format!(
            "| {other} | {} | {} | {:.2} % |\n",
            thousands(kept),
            thousands(beside),
            saved(kept, beside),
        );
    }
    table
}
