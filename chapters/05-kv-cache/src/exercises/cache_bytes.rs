//! 5.1 `cache_bytes`

use crate::given::Model;
use attn_exercise::{Field, Fields, exercise, field, given, pairwise};
use serde::{Deserialize, Serialize};

given! { Model {
    layers [layers], d_model [d_model], heads [heads], kv_heads [kv_heads], head_dim [head_dim],
    parameters [], number_bytes [number_bytes],
} }

/// An exact whole number.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Whole(pub u64);

impl Fields for Whole {
    fn fields(&self) -> Vec<Field> {
        vec![field("result", self.0.to_string())]
    }
}

exercise! {
    /// A model, the length of a text, and how many texts.
    crate::cache_bytes as fn(&Model, u64, u64) -> u64: (model: Model, tokens: u64[tokens], batch: u64[batch]) -> Whole;
    answer: |cache_bytes, c| Whole(c.call(cache_bytes));

    exact: |c| Whole(counted(&c.model, c.tokens, c.batch));
    steps: |c| [
        field("bytes of one key", (c.model.head_dim * c.model.number_bytes).to_string()),
        field("bytes of one token", counted(&c.model, 1, 1).to_string()),
    ];

    cases: |random| {
        let of = |about, [layers, d_model, heads, kv_heads, head_dim]: [u64; 5], parameters, number_bytes, tokens, batch| {
            case(about, (Model { layers, d_model, heads, kv_heads, head_dim, parameters, number_bytes }, tokens, batch))
        };
        let mut cases = vec![
            of("by hand: 2·2·1·3·2·5 = 120", [2, 8, 4, 1, 3], 1000, 2, 5, 1),
            of("Llama-2-7B", [32, 4096, 32, 32, 128], 6_738_415_616, 2, 1, 1),
            of("Llama-2-7B", [32, 4096, 32, 32, 128], 6_738_415_616, 2, 1024, 1),
            of("LLaMA-65B", [80, 8192, 64, 64, 128], 65_200_000_000, 2, 4096, 1),
            of("Llama-3-8B", [32, 4096, 32, 8, 128], 8_030_261_248, 2, 8192, 3),
            of("heads that are wider than their share", [36, 2560, 32, 8, 128], 4_000_000_000, 2, 1000, 7),
            of("keys of 8 bits", [60, 8192, 128, 8, 64], 40_000_000_000, 1, 2049, 65),
            of("keys of 32 bits", [3, 12, 6, 2, 5], 100, 4, 7, 11),
            of("a million tokens", [61, 2048, 28, 4, 96], 1_000_000_000, 2, 1_000_003, 7),
        ];
        let levels = [3, 4, 3, 3, 4, 3, 3, 3];
        cases.extend(pairwise(levels).into_iter().map(|[layers, d_model, heads, kv_heads, head_dim, bytes, tokens, batch]| {
            let [layers, d_model, heads, kv_heads, head_dim, bytes, tokens, batch] =
                [layers, d_model, heads, kv_heads, head_dim, bytes, tokens, batch].map(|level| level as u64 + 1);
            // Of one to three heads, those of keys and values divide the others.
            let kv_heads = if heads % kv_heads == 0 { kv_heads } else { 1 };
            of("small", [layers, d_model, heads, kv_heads, head_dim], 5 + random.below(9) as u64, bytes, tokens, batch)
        }));
        cases
    };

    never {
        "heads < kv_heads": "heads of keys are shared by heads of queries, not the other way round";
    }

    right (model, tokens, batch) {
        "added up, layer by layer" => (0..model.layers).map(|_| 2 * model.kv_heads * model.head_dim * model.number_bytes * tokens * batch).sum();
        "numbers, then bytes" => {
            let keys = tokens * batch * model.layers * model.kv_heads * model.head_dim;
            (keys + keys) * model.number_bytes
        };
        "in 128 bits" => {
            let factors = [2, model.layers, model.kv_heads, model.head_dim, model.number_bytes, tokens, batch];
            factors.iter().map(|&factor| u128::from(factor)).product::<u128>() as u64
        };
    }

    mistakes (model, tokens, batch) {
        "keys-only": "the factor 2 is missing: the keys are counted, and the values are not"
            => crate::cache_bytes(model, tokens, batch) / 2;
        "query-heads": "the heads of the queries are counted; the cache holds keys and values, of which there are kv_heads heads"
            => crate::cache_bytes(&Model { kv_heads: model.heads, ..*model }, tokens, batch);
        "d-model": "a key is taken to be d_model wide; it is kv_heads · head_dim numbers, which need not be the same"
            => crate::cache_bytes(&Model { kv_heads: 1, head_dim: model.d_model, ..*model }, tokens, batch);
        "width-from-d-model": "the width of a head is taken to be d_model / heads; the configuration says what it is, and many models have another"
            => crate::cache_bytes(&Model { head_dim: model.d_model / model.heads, ..*model }, tokens, batch);
        "one-layer": "one layer is counted; each layer has a cache of its own"
            => crate::cache_bytes(&Model { layers: 1, ..*model }, tokens, batch);
        "head-dim-forgotten": "the width of a head is forgotten, as if a key were a single number; it is head_dim of them"
            => crate::cache_bytes(&Model { head_dim: 1, ..*model }, tokens, batch);
        "one-head": "one head of keys and values is counted; there are kv_heads"
            => crate::cache_bytes(&Model { kv_heads: 1, ..*model }, tokens, batch);
        "batch-forgotten": "one text is counted, and not `batch` of them"
            => crate::cache_bytes(model, tokens, 1);
        "texts-added": "the lengths are added, and not multiplied: tokens + batch; each of the `batch` texts has `tokens` tokens"
            => crate::cache_bytes(model, tokens + batch, 1);
        "one-more-token": "one token more is counted for each text; `tokens` is all that is kept"
            => crate::cache_bytes(model, tokens + 1, batch);
        "tokens-forgotten": "a single token is counted, and not `tokens` of them"
            => crate::cache_bytes(model, 1, batch);
        "numbers": "numbers are counted; each of them takes number_bytes bytes"
            => crate::cache_bytes(&Model { number_bytes: 1, ..*model }, tokens, batch);
        "two-bytes": "every number is taken to have 2 bytes, whatever number_bytes says"
            => crate::cache_bytes(&Model { number_bytes: 2, ..*model }, tokens, batch);
        "four-bytes": "every number is taken to be an f32 of 4 bytes, whatever number_bytes says"
            => crate::cache_bytes(&Model { number_bytes: 4, ..*model }, tokens, batch);
        "twice-two": "there is one factor 2 too many: number_bytes is in bytes already, and keys and values are two"
            => 2 * crate::cache_bytes(model, tokens, batch);
        "bits": "bits are counted; number_bytes is in bytes"
            => 8 * crate::cache_bytes(model, tokens, batch);
        "bits-taken-for-bytes": "the result is divided by 8, as if number_bytes were bits"
            => crate::cache_bytes(model, tokens, batch) / 8;
        "kib": "the result is divided by 1024: bytes are asked for, not KiB"
            => crate::cache_bytes(model, tokens, batch) / 1024;
        "thousands": "the result is divided by 1000: bytes are asked for, not kB"
            => crate::cache_bytes(model, tokens, batch) / 1000;
        "groups": "the heads of keys and values are taken to be heads / kv_heads; that is how many heads of queries share one"
            => crate::cache_bytes(&Model { kv_heads: model.heads / model.kv_heads, ..*model }, tokens, batch);
        "whole-rows": "keys and values have d_model numbers in each of the kv_heads heads; d_model is the width of all of x"
            => crate::cache_bytes(&Model { head_dim: model.d_model, ..*model }, tokens, batch);
        "queries-too": "queries are counted too, as if they were kept: a query is used once, when its own token is computed"
            => crate::cache_bytes(model, tokens, batch) / 2 * 3;
        "scores-too": "tokens are counted twice, as for a table of scores; the cache grows with the tokens, not with their square"
            => crate::cache_bytes(model, tokens, batch) * tokens;
        "weights-too": "the weights are added; they are not part of the cache"
            => crate::cache_bytes(model, tokens, batch) + model.parameters * model.number_bytes;
        "in-32-bits": "the product is computed in 32 bits, and wraps around at 4 GiB"
            => crate::cache_bytes(model, tokens, batch) as u32 as u64;
        "in-f32": "the product is computed in f32, which has 24 bits for its digits"
            => [2, model.layers, model.kv_heads, model.head_dim, model.number_bytes, tokens, batch]
                .iter().map(|&factor| factor as f32).product::<f32>() as u64;
        "both-heads": "the heads of queries and those of keys and values are both counted; the queries are not kept"
            => crate::cache_bytes(&Model { kv_heads: model.heads + model.kv_heads, ..*model }, tokens, batch);
        "queries-for-values": "queries and keys are counted, `heads` and `kv_heads` of them; what is kept are keys and values, kv_heads of each"
            => crate::cache_bytes(&Model { kv_heads: model.heads + model.kv_heads, ..*model }, tokens, batch) / 2;
        "heads-of-each": "both numbers of heads are multiplied, heads · kv_heads; only those of keys and values are counted"
            => crate::cache_bytes(model, tokens, batch) * model.heads;
        "one-token-less": "one token less is counted for each text, as if the newest were not kept"
            => crate::cache_bytes(model, tokens - 1, batch);
        "width-squared": "the width of a head is counted twice, as in a matrix; a key has head_dim numbers"
            => crate::cache_bytes(model, tokens, batch) * model.head_dim;
        "rows-too": "the token's own row of d_model numbers is counted beside its key and value; it is gone after the step"
            => crate::cache_bytes(model, tokens, batch) + model.layers * model.d_model * model.number_bytes * tokens * batch;
        "width-from-kv-heads": "the width of a head is taken to be d_model / kv_heads; the configuration says what it is, and many models have another"
            => crate::cache_bytes(&Model { head_dim: model.d_model / model.kv_heads, ..*model }, tokens, batch);
        "parameters": "a token is taken to leave as many numbers as the model has parameters"
            => model.parameters * model.number_bytes * tokens * batch;
        "divided-by-the-texts": "the bytes are divided by the number of texts; each text has a cache of its own"
            => crate::cache_bytes(model, tokens, 1) / batch;
        "layers-added": "the layers are added and not multiplied: each layer has keys and values of its own"
            => 2 * (model.layers + model.kv_heads * model.head_dim) * model.number_bytes * tokens * batch;
        "layers-twice": "the layers are counted twice"
            => crate::cache_bytes(model, tokens, batch) * model.layers;
        "without-2-and-bytes": "the numbers of the keys are counted: the values are left out, and so is the size of a number"
            => crate::cache_bytes(&Model { number_bytes: 1, ..*model }, tokens, batch) / 2;
        "shared-out": "the bytes are divided by heads / kv_heads, the heads of queries that share one; kv_heads counts the shared ones already"
            => crate::cache_bytes(model, tokens, batch) * model.kv_heads / model.heads;
    }
}

/// The bytes, added up head by head.
fn counted(model: &Model, tokens: u64, batch: u64) -> u64 {
    let mut bytes = 0;
    for _layer in 0..model.layers {
        for _head in 0..model.kv_heads {
            let row = model.head_dim * model.number_bytes;
            bytes += (row + row) * tokens * batch;
        }
    }
    bytes
}
