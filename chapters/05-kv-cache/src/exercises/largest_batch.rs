//! 5.8 `largest_batch`

use super::cache_bytes::Whole;
use crate::{cache_bytes, given::Model};
use attn_exercise::{exercise, field, pairwise};

exercise! {
    /// A model, the bytes of a memory, and the length of each text.
    crate::largest_batch as fn(&Model, u64, u64) -> u64: (model: Model, memory: u64, tokens: u64[tokens]) -> Whole;
    answer: |largest_batch, c| Whole(c.call(largest_batch));

    exact: |c| Whole(tried(&c.model, c.memory, c.tokens));
    steps: |c| [
        field("bytes of the weights", (c.model.parameters * c.model.number_bytes).to_string()),
        field("bytes of one text", cache_bytes(&c.model, c.tokens, 1).to_string()),
    ];

    cases: |random| {
        let of = |about, [layers, d_model, heads, kv_heads, head_dim]: [u64; 5], parameters, number_bytes, memory, tokens| {
            case(about, (Model { layers, d_model, heads, kv_heads, head_dim, parameters, number_bytes }, memory, tokens))
        };
        let llama_2 = [32, 4096, 32, 32, 128];
        let llama_3 = [32, 4096, 32, 8, 128];
        let gib = 1 << 30;
        let mut cases = vec![
            of("by hand: 70 bytes are left, a text takes 24", [1, 6, 4, 2, 3], 50, 1, 120, 2),
            of("Llama-2-7B in 80 GB", llama_2, 6_738_415_616, 2, 80_000_000_000, 4096),
            of("Llama-3-8B in 80 GB", llama_3, 8_030_261_248, 2, 80_000_000_000, 8192),
            of("Llama-2-7B in 24 GiB", llama_2, 6_738_415_616, 2, 24 * gib, 1024),
            of("Llama-2-7B in 12 GiB: not even the weights fit", llama_2, 6_738_415_616, 2, 12 * gib, 1024),
            of("just enough for the weights", llama_3, 8_030_261_248, 2, 16_060_522_496, 100),
            of("a byte too little for the first text", [2, 6, 4, 2, 3], 50, 2, 100 + 479, 10),
            of("exactly one text", [2, 6, 4, 2, 3], 50, 2, 100 + 480, 10),
            of("a byte too little for the second", [2, 6, 4, 2, 3], 50, 2, 100 + 959, 10),
            of("keys of 32 bits", [3, 12, 6, 2, 5], 100, 4, 100_000, 7),
            of("narrow heads", [2, 2, 3, 3, 2], 40, 2, 1000, 2),
        ];
        let levels = [3, 4, 3, 3, 4, 3, 3];
        cases.extend(pairwise(levels).into_iter().map(|[layers, d_model, heads, kv_heads, head_dim, bytes, tokens]| {
            let [layers, d_model, heads, kv_heads, head_dim, bytes, tokens] =
                [layers, d_model, heads, kv_heads, head_dim, bytes, tokens].map(|level| level as u64 + 1);
            let kv_heads = if heads % kv_heads == 0 { kv_heads } else { 1 };
            let parameters = 20 + random.below(30) as u64;
            of("small", [layers, d_model, heads, kv_heads, head_dim], parameters, bytes, 300 + random.below(900) as u64, tokens)
        }));
        cases
    };

    never {
        "heads < kv_heads": "heads of keys are shared by heads of queries, not the other way round";
    }

    right (model, memory, tokens) {
        "one text after the other" => tried(model, memory, tokens);
        "two branches" => {
            let weights = model.number_bytes * model.parameters;
            if weights >= memory { 0 } else { (memory - weights) / cache_bytes(model, tokens, 1) }
        };
        "checked" => {
            let weights = model.parameters * model.number_bytes;
            memory.checked_sub(weights).map_or(0, |left| left / (tokens * cache_bytes(model, 1, 1)))
        };
        "signed" => {
            let left = memory as i128 - (model.parameters * model.number_bytes) as i128;
            (left.max(0) / cache_bytes(model, tokens, 1) as i128) as u64
        };
    }

    mistakes (model, memory, tokens) {
        "weights-forgotten": "the weights are forgotten: the whole memory is given to the caches"
            => memory / cache_bytes(model, tokens, 1);
        "weights-not-in-bytes": "the parameters are counted, and not their bytes"
            => memory.saturating_sub(model.parameters) / cache_bytes(model, tokens, 1);
        "weights-for-each": "every text is given weights of its own; all texts share them"
            => memory / (model.parameters * model.number_bytes + cache_bytes(model, tokens, 1));
        "underflow": "the subtraction goes below zero where not even the weights fit, and panics"
            => {
                let weights = model.parameters * model.number_bytes;
                assert!(memory >= weights, "attempt to subtract with overflow");
                (memory - weights) / cache_bytes(model, tokens, 1)
            };
        "wraps": "the subtraction wraps around below zero where not even the weights fit"
            => memory.wrapping_sub(model.parameters * model.number_bytes) / cache_bytes(model, tokens, 1);
        "sign-dropped": "what is missing counts as room where not even the weights fit: `abs_diff` drops the sign"
            => memory.abs_diff(model.parameters * model.number_bytes) / cache_bytes(model, tokens, 1);
        "divided-first": "the memory and the weights are each divided by the bytes of a text before the one is taken from the other: both are rounded down, and the difference may be one too many"
            => {
                let one = cache_bytes(model, tokens, 1);
                (memory / one).saturating_sub(model.parameters * model.number_bytes / one)
            };
        "rounded-up": "the quotient is rounded up: the last text has no room"
            => memory.saturating_sub(model.parameters * model.number_bytes).div_ceil(cache_bytes(model, tokens, 1));
        "rounded": "the quotient is rounded to the nearest number, and where that is up, the last text has no room"
            => {
                let (left, one) = (memory.saturating_sub(model.parameters * model.number_bytes), cache_bytes(model, tokens, 1));
                (left + one / 2) / one
            };
        "one-token": "a text is taken to have a single token"
            => memory.saturating_sub(model.parameters * model.number_bytes) / cache_bytes(model, 1, 1);
        "one-more-token": "each text is given room for one token more; `tokens` is all that it has"
            => memory.saturating_sub(model.parameters * model.number_bytes) / cache_bytes(model, tokens + 1, 1);
        "one-more": "one text too many is counted, as if the last one need not fit whole"
            => crate::largest_batch(model, memory, tokens) + 1;
        "one-less": "a text that just fits is not counted"
            => {
                let weights = model.parameters * model.number_bytes;
                memory.saturating_sub(weights).saturating_sub(1) / cache_bytes(model, tokens, 1)
            };
        "tokens": "the number of tokens that fit is counted, and not that of texts"
            => tokens * crate::largest_batch(model, memory, tokens);
        "left-over": "what is left over is returned: the remainder instead of the quotient"
            => memory.saturating_sub(model.parameters * model.number_bytes) % cache_bytes(model, tokens, 1);
        "weights-of-16-bits": "the weights are taken to have 2 bytes each, whatever number_bytes says"
            => memory.saturating_sub(2 * model.parameters) / cache_bytes(model, tokens, 1);
        "thousands": "a GiB is taken for 1000³ bytes: the memory is converted, though it is in bytes already"
            => (memory / (1 << 30) * 1_000_000_000).saturating_sub(model.parameters * model.number_bytes) / cache_bytes(model, tokens, 1);
        "at-least-one": "at least one text is always said to fit"
            => crate::largest_batch(model, memory, tokens).max(1);
        "weights-added": "the weights are added to the memory; they take their part of it"
            => (memory + model.parameters * model.number_bytes) / cache_bytes(model, tokens, 1);
        "weights-twice": "the weights are taken off twice; all texts share them, and they are there once"
            => memory.saturating_sub(2 * model.parameters * model.number_bytes) / cache_bytes(model, tokens, 1);
        "weights-of-each-layer": "the weights are taken off once for each layer; `parameters` counts those of all layers"
            => memory.saturating_sub(model.layers * model.parameters * model.number_bytes) / cache_bytes(model, tokens, 1);
        "weights-of-32-bits": "the weights are taken to have 4 bytes each, whatever number_bytes says"
            => memory.saturating_sub(4 * model.parameters) / cache_bytes(model, tokens, 1);
        "numbers-for-bytes": "both the weights and a text are counted in numbers; each of them takes number_bytes bytes"
            => memory.saturating_sub(model.parameters) / cache_bytes(&Model { number_bytes: 1, ..*model }, tokens, 1);
        "one-less-and-underflow": "1 is subtracted from the quotient, which panics where it is 0; the quotient is rounded down already"
            => {
                let fits = crate::largest_batch(model, memory, tokens);
                assert!(fits > 0, "attempt to subtract with overflow");
                fits - 1
            };
        "one-fewer": "1 is subtracted from the quotient, where it is not 0; it is rounded down already"
            => crate::largest_batch(model, memory, tokens).saturating_sub(1);
        "one-more-beside-the-weights": "one text too many is counted where there is room beside the weights, as if the last one need not fit whole"
            => {
                let fits = crate::largest_batch(model, memory, tokens);
                if model.parameters * model.number_bytes < memory { fits + 1 } else { 0 }
            };
        "all-texts-at-once": "the bytes of a text are multiplied by its tokens once more"
            => memory.saturating_sub(model.parameters * model.number_bytes) / (cache_bytes(model, tokens, 1) * tokens);
        "text-with-weights": "the weights are taken off, and each text is given weights of its own besides; all texts share them"
            => memory.saturating_sub(model.parameters * model.number_bytes) / (model.parameters * model.number_bytes + cache_bytes(model, tokens, 1));
        "inverted": "the bytes of a text are divided by the room that is left"
            => cache_bytes(model, tokens, 1) / memory.saturating_sub(model.parameters * model.number_bytes).max(1);
    }

    within {
        cache_bytes: |cache_bytes, (model, memory, tokens)| {
            let one = cache_bytes(model, tokens, 1);
            Whole(memory.saturating_sub(model.parameters * model.number_bytes).checked_div(one).unwrap_or(u64::MAX))
        };
    }
}

/// The largest number of texts whose bytes fit, found by halving.
fn tried(model: &Model, memory: u64, tokens: u64) -> u64 {
    let fits = |batch: u64| {
        let weights = u128::from(model.parameters) * u128::from(model.number_bytes);
        let numbers =
            [2, model.layers, model.kv_heads, model.head_dim, model.number_bytes, tokens, batch];
        weights + numbers.iter().map(|&x| u128::from(x)).product::<u128>() <= u128::from(memory)
    };
    let (mut low, mut high) = (0, 1 << 40);
    while low + 1 < high {
        let middle = (low + high) / 2;
        if fits(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}
