//! 12.14 `mixed_cache_bytes`

use attn_exercise::{Field, Fields, exercise, field, pairwise};
use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bytes(u64);

impl Fields for Bytes {
    fn fields(&self) -> Vec<Field> {
        vec![field("the cache in bytes", self.0.to_string())]
    }
}

exercise! {
    /// A model, a text, and the bytes of a token in one layer.
    crate::mixed_cache_bytes as fn(u64, u64, u64, u64, u64) -> u64:
        (layers: u64[layers], every: u64[every], window: u64[window], tokens: u64[tokens], bytes: u64) -> Bytes;
    answer: |mixed_cache_bytes, c| Bytes(c.call(mixed_cache_bytes));

    exact: |c| {
        let mut sum = 0;
        for layer in 0..c.layers {
            let full = layer % c.every == c.every - 1;
            sum += c.bytes * if full || c.tokens < c.window { c.tokens } else { c.window };
        }
        Bytes(sum)
    };

    cases: |_random| {
        let of = |about: &str, layers, every, window, tokens, bytes| case(about, (layers, every, window, tokens, bytes));
        let mut cases = vec![
            of("by hand: five windows of 10 and one text of 100", 6, 6, 10, 100, 2),
            of("a group that is not complete", 8, 6, 10, 100, 2),
            of("one window of 1024 in six layers is a text", 48, 6, 1024, 131_072, 4096),
            of("every second layer", 24, 2, 128, 5000, 2048),
            of("all layers are full", 5, 1, 10, 100, 3),
            of("no layer is full", 5, 6, 10, 100, 3),
            of("a text shorter than the window", 6, 3, 100, 40, 2),
            of("a text as long as the window", 6, 3, 40, 40, 2),
            of("no text yet", 6, 3, 40, 0, 2),
            of("one token", 4, 2, 8, 1, 5),
            of("one layer", 1, 1, 8, 20, 5),
            of("one layer, a window", 1, 2, 8, 20, 5),
            of("windows of one", 3, 3, 1, 9, 4),
            of("four of each", 4, 4, 4, 4, 4),
            of("seven of each but the text", 7, 7, 7, 30, 2),
            of("one of each", 1, 1, 1, 1, 1),
            of("windows of none", 5, 2, 0, 20, 3),
            of("no layer", 0, 6, 10, 100, 2),
        ];
        cases.extend(pairwise([4, 4, 4, 4, 3]).into_iter().map(|[layers, every, window, tokens, bytes]| {
            of("small", 2 * layers as u64 + 1, every as u64 + 1, 2 * window as u64 + 1, 3 * tokens as u64 + 1, bytes as u64 + 1)
        }));
        cases
    };

    right (layers, every, window, tokens, bytes) {
        "layer by layer" => (1..=layers).map(|layer| bytes * if layer % every == 0 { tokens } else { tokens.min(window) }).sum();
        "all windows, and what the full layers have besides" => bytes * (layers * window.min(tokens) + layers / every * tokens.saturating_sub(window));
        "in groups" => {
            let group = tokens + (every - 1) * window.min(tokens);
            bytes * (layers / every * group + layers % every * window.min(tokens))
        };
    }

    mistakes (layers, every, window, tokens, bytes) {
        "first-is-full": "the first of every group is full instead of the last: an incomplete group has a full layer, too"
            => (0..layers).map(|layer| bytes * if layer % every == 0 { tokens } else { tokens.min(window) }).sum();
        "window-not-filled": "a window takes its whole length, even where the text is shorter"
            => bytes * (layers / every * tokens + (layers - layers / every) * window);
        "every-besides": "`every` counts the windows between two full layers; it counts the full layer, too"
            => (1..=layers).map(|layer| bytes * if layer % (every + 1) == 0 { tokens } else { tokens.min(window) }).sum();
        "swapped": "one layer of a group has a window, and the others are full"
            => (1..=layers).map(|layer| bytes * if layer % every == 0 { tokens.min(window) } else { tokens }).sum();
        "all-full": "every layer keeps the text: this is what it costs without windows"
            => bytes * layers * tokens;
        "all-windows": "no layer keeps the text"
            => bytes * layers * window.min(tokens);
        "no-bytes": "this is the number of tokens that are kept, not of bytes"
            => crate::mixed_cache_bytes(layers, every, window, tokens, 1);
        "one-layer": "this is the mean over the layers, not their sum"
            => crate::mixed_cache_bytes(layers, every, window, tokens, bytes) / layers;
        "both": "a full layer keeps a window besides the text"
            => bytes * (layers / every * tokens + layers * window.min(tokens));
        "full-only": "only the full layers are counted"
            => bytes * (layers / every) * tokens;
        "windows-only": "only the windows are counted"
            => bytes * (layers - layers / every) * window.min(tokens);
        "group-only": "this is the cache of one group of layers"
            => bytes * (tokens + (every - 1) * window.min(tokens));
        "keys-and-values": "the bytes are doubled for keys and values; those of a token have both"
            => 2 * crate::mixed_cache_bytes(layers, every, window, tokens, bytes);
        "longer-of-both": "a window keeps the longer of window and text"
            => bytes * (layers / every * tokens + (layers - layers / every) * window.max(tokens));
        "incomplete-dropped": "the layers of an incomplete group are left out"
            => crate::mixed_cache_bytes(layers / every * every, every, window, tokens, bytes);
        "window-without-itself": "a window keeps the token itself besides its length"
            => crate::mixed_cache_bytes(layers, every, window + 1, tokens, bytes);
        "last-not-counted": "(layers − 1) / every layers are full: the last layer of the model is never one of them"
            => kept(layers.saturating_sub(1) / every, layers, window, tokens, bytes);
        "one-full-more": "layers / every + 1 layers are full: one too many"
            => kept(layers / every + 1, layers, window, tokens, bytes);
        "one-full": "one layer of the whole model is full, not one of every group"
            => kept(1, layers, window, tokens, bytes);
        "every-full": "`every` layers are full, not every `every`-th"
            => kept(every.min(layers), layers, window, tokens, bytes);
        "remainder": "layers % every layers are full: the remainder of the division in the place of its result"
            => kept(layers % every, layers, window, tokens, bytes);
        "share": "a group that is not complete has its share of a full layer; its layers all have windows"
            => bytes * layers * (tokens + (every - 1) * window.min(tokens)) / every;
        "share-rounded": "the mean of a layer in a group is rounded, and taken for each layer"
            => bytes * layers * ((tokens + (every - 1) * window.min(tokens)) / every);
        "windows-of-one-group": "every − 1 windows are counted: those of one group, not of all"
            => bytes * (layers / every * tokens + (every - 1) * window.min(tokens));
        "window-minus-one": "a window keeps window − 1 tokens, as if the token itself were not in it; a window of 0 then panics"
            => { assert!(window > 0, "attempt to subtract with overflow"); crate::mixed_cache_bytes(layers, every, window - 1, tokens, bytes) };
        "window-minus-one-or-none": "a window keeps window − 1 tokens, as if the token itself were not in it"
            => crate::mixed_cache_bytes(layers, every, window.saturating_sub(1), tokens, bytes);
        "both-unfilled": "a full layer keeps a window besides the text, and a window takes its whole length, even where the text is shorter"
            => bytes * (layers / every * tokens + layers * window);
        "outside-the-window": "a full layer keeps what is outside of the window: tokens − window"
            => bytes * (layers / every * tokens.saturating_sub(window) + (layers - layers / every) * window.min(tokens));
        "windows-without-bytes": "the bytes are those of the full layers alone, and the tokens in the windows are added to them: the brackets are missing"
            => bytes * (layers / every) * tokens + (layers - layers / every) * window.min(tokens);
        "full-without-bytes": "the bytes are those of the windows alone, and the tokens in the full layers are added to them"
            => layers / every * tokens + (layers - layers / every) * window.min(tokens) * bytes;
        "in-bits": "the result is divided by 8, as if `bytes` were bits"
            => crate::mixed_cache_bytes(layers, every, window, tokens, bytes) / 8;
        "bytes-twice": "the bytes are multiplied in twice"
            => bytes * crate::mixed_cache_bytes(layers, every, window, tokens, bytes);
        "window-on-both-sides": "a window keeps 2 · window tokens"
            => crate::mixed_cache_bytes(layers, every, 2 * window, tokens, bytes);
        "half-window": "a window keeps half of its tokens"
            => crate::mixed_cache_bytes(layers, every, window / 2, tokens, bytes);
        "rounded": "layers / every is rounded to the nearest whole number: a group that is more than half complete has a full layer"
            => kept((layers as f64 / every as f64).round() as u64, layers, window, tokens, bytes);
        "at-least-one-full": "one layer is full even if there is no whole group; a model without layers panics"
            => kept((layers / every).max(1), layers, window, tokens, bytes);
    }
}

/// With so many full layers.
fn kept(full: u64, layers: u64, window: u64, tokens: u64, bytes: u64) -> u64 {
    bytes * (full * tokens + (layers - full) * window.min(tokens))
}
