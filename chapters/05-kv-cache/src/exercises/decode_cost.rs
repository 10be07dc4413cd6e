//! 5.9 `decode_cost`

use crate::{
    cache_bytes,
    given::{Cost, Machine, Model},
};
use attn_exercise::{Field, Fields, exercise, field, given, pairwise};

given! { Machine { bandwidth [], peak [] } }

impl Fields for Cost {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("bytes", self.bytes.to_string()),
            field("flop", self.flop.to_string()),
            field("seconds", self.seconds),
        ]
    }
}

exercise! {
    /// A model, a machine, how many tokens each text has, and how many texts.
    crate::decode_cost as fn(&Model, Machine, u64, u64) -> Cost: (model: Model, machine: Machine, tokens: u64[tokens], batch: u64[batch]) -> Cost;
    answer: |decode_cost, c| decode_cost(&c.model, c.machine, c.tokens, c.batch);

    exact: |c| counted(&c.model, c.machine, c.tokens, c.batch);
    steps: |c| {
        let cost = counted(&c.model, c.machine, c.tokens, c.batch);
        [
            field("bytes of the weights", (c.model.parameters * c.model.number_bytes).to_string()),
            field("bytes of the caches", (cost.bytes - c.model.parameters * c.model.number_bytes).to_string()),
            field("seconds for reading", cost.bytes as f64 / c.machine.bandwidth),
            field("seconds for computing", cost.flop as f64 / c.machine.peak),
        ]
    };

    cases: |random| {
        let of = |about, [layers, d_model, heads, kv_heads, head_dim]: [u64; 5], parameters, number_bytes, (bandwidth, peak), tokens, batch| {
            let model = Model { layers, d_model, heads, kv_heads, head_dim, parameters, number_bytes };
            case(about, (model, Machine { bandwidth, peak }, tokens, batch))
        };
        let (llama_2, llama_3) = ([32, 4096, 32, 32, 128], [32, 4096, 32, 8, 128]);
        let h100 = (3.35e12, 989e12);
        let mut cases = vec![
            of("by hand: 220 bytes in 110 s, 340 FLOP in 34 s", [1, 6, 4, 2, 3], 50, 2, (2.0, 10.0), 5, 1),
            of("by hand: 220 bytes in 22 s, 340 FLOP in 34 s", [1, 6, 4, 2, 3], 50, 2, (10.0, 10.0), 5, 1),
            of("Llama-2-7B on an H100", llama_2, 6_738_415_616, 2, h100, 1024, 1),
            of("Llama-2-7B on an H100", llama_2, 6_738_415_616, 2, h100, 4096, 16),
            of("Llama-3-8B on an H100", llama_3, 8_030_261_248, 2, h100, 8192, 64),
            of("short texts, many of them: computing takes longer", llama_3, 8_030_261_248, 2, h100, 16, 1024),
            of("four texts", [1, 6, 4, 2, 3], 50, 2, (2.0, 10.0), 5, 4),
            of("8 bits", llama_3, 8_030_261_248, 1, h100, 2048, 512),
            of("a slow memory", [3, 12, 6, 2, 5], 1000, 4, (100.0, 1e6), 70, 11),
        ];
        let levels = [3, 4, 3, 3, 4, 3, 3, 3];
        cases.extend(pairwise(levels).into_iter().enumerate().map(|(i, [layers, d_model, heads, kv_heads, head_dim, bytes, tokens, batch])| {
            let [layers, d_model, heads, kv_heads, head_dim, bytes, tokens, batch] =
                [layers, d_model, heads, kv_heads, head_dim, bytes, tokens, batch].map(|level| level as u64 + 1);
            let kv_heads = if heads % kv_heads == 0 { kv_heads } else { 1 };
            let machine = if i % 2 == 0 { (10.0, 1000.0) } else { (1000.0, 10.0) };
            of("small", [layers, d_model, heads, kv_heads, head_dim], 20 + random.below(30) as u64, bytes, machine, tokens, batch)
        }));
        cases
    };

    never {
        "heads < kv_heads": "heads of keys are shared by heads of queries, not the other way round";
    }

    right (model, machine, tokens, batch) {
        "counted head by head" => counted(model, machine, tokens, batch);
        "text by text" => {
            let weights = model.parameters;
            let mut cost = Cost { bytes: weights * model.number_bytes, flop: 0, seconds: 0.0 };
            for _ in 0..batch {
                cost.bytes += cache_bytes(model, tokens, 1);
                cost.flop += 2 * weights;
                cost.flop += 2 * 2 * tokens * model.head_dim * model.heads * model.layers;
            }
            cost.seconds = timed(&cost, machine, f64::max);
            cost
        };
        "by intensity" => {
            let cost = counted(model, machine, tokens, batch);
            // Below the ridge the memory is what takes time.
            let (intensity, ridge) = (cost.flop as f64 / cost.bytes as f64, machine.peak / machine.bandwidth);
            let seconds = if intensity < ridge { cost.bytes as f64 / machine.bandwidth } else { cost.flop as f64 / machine.peak };
            Cost { seconds, ..cost }
        };
    }

    mistakes (model, machine, tokens, batch) {
        "added": "the two times are added; reading and computing go on at the same time, and the longer one decides"
            => again(crate::decode_cost(model, machine, tokens, batch), machine, |a, b| a + b);
        "shorter": "the shorter of the two times is taken; the step is over when both are"
            => again(crate::decode_cost(model, machine, tokens, batch), machine, f64::min);
        "reading-only": "only the time for reading is looked at; with many texts computing may take longer"
            => again(crate::decode_cost(model, machine, tokens, batch), machine, |reading, _| reading);
        "computing-only": "only the time for computing is looked at; with few texts reading takes longer"
            => again(crate::decode_cost(model, machine, tokens, batch), machine, |_, computing| computing);
        "weights-for-each": "the weights are read once for each text; all texts of a step share them"
            => with(model, machine, tokens, batch, |cost| cost.bytes += (batch - 1) * model.parameters * model.number_bytes);
        "cache-forgotten": "only the weights are read; the keys and values of all earlier tokens are read too"
            => with(model, machine, tokens, batch, |cost| cost.bytes -= cache_bytes(model, tokens, batch));
        "one-cache": "one cache is read; every text has its own"
            => with(model, machine, tokens, batch, |cost| cost.bytes -= cache_bytes(model, tokens, batch - 1));
        "query-heads": "the cache is taken to have keys and values for all heads of queries; it has kv_heads of them"
            => with(model, machine, tokens, batch, |cost| {
                cost.bytes += cache_bytes(&Model { kv_heads: model.heads - model.kv_heads, ..*model }, tokens, batch);
            });
        "weights-forgotten": "only the caches are read; the weights are read too, in every step"
            => with(model, machine, tokens, batch, |cost| cost.bytes -= model.parameters * model.number_bytes);
        "parameters": "the parameters are counted as if each were one byte"
            => with(model, machine, tokens, batch, |cost| cost.bytes -= model.parameters * (model.number_bytes - 1));
        "new-token-only": "of each cache one token is read: that is what is written; all `tokens` are read"
            => with(model, machine, tokens, batch, |cost| cost.bytes -= cache_bytes(model, tokens - 1, batch));
        "multiplications-only": "a multiplication and an addition are counted as one: a weight takes 2 FLOPs, a number of a key or value too"
            => with(model, machine, tokens, batch, |cost| cost.flop /= 2);
        "weights-once": "a weight is counted as one FLOP; it takes a multiplication and an addition"
            => with(model, machine, tokens, batch, |cost| cost.flop -= batch * model.parameters);
        "products-once": "the products with the weights are counted once for all texts; the weights are read once, but each text computes with them"
            => with(model, machine, tokens, batch, |cost| cost.flop -= (batch - 1) * 2 * model.parameters);
        "one-layer": "attention is counted for one layer; every layer has its own"
            => with(model, machine, tokens, batch, |cost| {
                cost.flop -= batch * 4 * (model.layers - 1) * model.heads * model.head_dim * tokens;
            });
        "one-key": "attention is counted for a single key, and not for `tokens` of them"
            => with(model, machine, tokens, batch, |cost| {
                cost.flop -= batch * 4 * of_keys(model, model.heads, tokens - 1);
            });
        "flop-in-bytes": "a weight is counted as two FLOPs for each of its bytes; the size of a number does not matter for computing"
            => with(model, machine, tokens, batch, |cost| {
                cost.flop += batch * 2 * model.parameters * (model.number_bytes - 1);
            });
        "one-text": "the FLOPs of one text are counted; each of them takes as many"
            => with(model, machine, tokens, batch, |cost| cost.flop /= batch);
        "attention-forgotten": "only the products with the weights are counted, and attention itself is left out"
            => with(model, machine, tokens, batch, |cost| cost.flop = 2 * batch * model.parameters);
        "scores-only": "of attention only the scores are counted; the sums over the values take as many FLOPs"
            => with(model, machine, tokens, batch, |cost| cost.flop -= batch * 2 * of_keys(model, model.heads, tokens));
        "key-heads": "attention is counted for kv_heads heads; every head of queries computes its own scores"
            => with(model, machine, tokens, batch, |cost| {
                cost.flop -= batch * 4 * of_keys(model, model.heads - model.kv_heads, tokens);
            });
        "d-model": "attention is counted with d_model numbers for each key; it is heads · head_dim, which need not be the same"
            => with(model, machine, tokens, batch, |cost| {
                cost.flop = batch * (2 * model.parameters + 4 * model.layers * model.d_model * tokens);
            });
        "all-pairs": "attention is counted for all pairs of tokens, as without a cache; a step has one query for each text"
            => with(model, machine, tokens, batch, |cost| {
                cost.flop += batch * 4 * of_keys(model, model.heads, tokens) * (tokens - 1);
            });
        "prompt-again": "every token of the text goes through the weights again, as without a cache; a step has one new token for each text"
            => with(model, machine, tokens, batch, |cost| cost.flop += batch * 2 * model.parameters * (tokens - 1));
        "one-more-token": "the new token is counted once more; `tokens` counts it already"
            => crate::decode_cost(model, machine, tokens + 1, batch);
        "one-token-less": "the new token is left out; `tokens` counts it, since its key and value are read too"
            => crate::decode_cost(model, machine, tokens - 1, batch);
        "as-a-prompt": "all tokens of the text go through the weights, and each of them attends to all, as in reading a prompt; a step has one new token for each text"
            => with(model, machine, tokens, batch, |cost| cost.flop *= tokens);
        "seconds-of-one-text": "the seconds are divided by the number of texts; all of them are computed in the same step"
            => {
                let cost = crate::decode_cost(model, machine, tokens, batch);
                Cost { seconds: cost.seconds / batch as f64, ..cost }
            };
        "whole-seconds": "the divisions are those of whole numbers: what is left of a second is dropped"
            => {
                let cost = crate::decode_cost(model, machine, tokens, batch);
                let seconds = (cost.bytes / machine.bandwidth as u64).max(cost.flop / machine.peak as u64);
                Cost { seconds: seconds as f64, ..cost }
            };
        "training": "a weight is counted as 6 FLOPs, as in training, where the gradients take twice as many as the pass itself"
            => with(model, machine, tokens, batch, |cost| cost.flop += batch * 4 * model.parameters);
        "inverted": "the bandwidth is divided by the bytes, and the peak by the FLOPs"
            => {
                let cost = crate::decode_cost(model, machine, tokens, batch);
                Cost { seconds: (machine.bandwidth / cost.bytes as f64).max(machine.peak / cost.flop as f64), ..cost }
            };
        "swapped": "the bytes are divided by the peak, and the FLOPs by the bandwidth"
            => {
                let cost = crate::decode_cost(model, machine, tokens, batch);
                Cost { seconds: timed(&cost, Machine { bandwidth: machine.peak, peak: machine.bandwidth }, f64::max), ..cost }
            };
        "attention-of-one-text": "attention is counted for one text; each of the `batch` texts has its own"
            => with(model, machine, tokens, batch, |cost| cost.flop -= (batch - 1) * 4 * of_keys(model, model.heads, tokens));
        "four-for-a-weight": "a weight is counted as four FLOPs; it takes a multiplication and an addition"
            => with(model, machine, tokens, batch, |cost| cost.flop += batch * 2 * model.parameters);
        "one-for-a-number": "a number of a key is counted as one FLOP, and one of a value not at all; each takes a multiplication and an addition"
            => with(model, machine, tokens, batch, |cost| cost.flop -= batch * 3 * of_keys(model, model.heads, tokens));
        "eight-for-a-number": "attention is counted twice, with eight FLOPs for each number; a number of a key and one of a value take four together"
            => with(model, machine, tokens, batch, |cost| cost.flop += batch * 4 * of_keys(model, model.heads, tokens));
        "one-head": "attention is counted for one head; there are `heads`"
            => with(model, machine, tokens, batch, |cost| cost.flop -= batch * 4 * of_keys(model, model.heads - 1, tokens));
        "head-width-forgotten": "attention is counted as if a key were a single number; it is head_dim of them"
            => with(model, machine, tokens, batch, |cost| {
                cost.flop = batch * (2 * model.parameters + 4 * model.layers * model.heads * tokens);
            });
        "cache-for-each": "the caches of all texts are read once for each text; each text reads its own"
            => with(model, machine, tokens, batch, |cost| cost.bytes += cache_bytes(model, tokens, batch) * (batch - 1));
        "all-for-each": "weights and caches of all texts are read once for each text; the weights are read once, and each text reads its own cache"
            => with(model, machine, tokens, batch, |cost| cost.bytes *= batch);
        "cache-written-too": "the new keys and values are counted once more, since they are written too; the cache that is read holds them"
            => with(model, machine, tokens, batch, |cost| cost.bytes += cache_bytes(model, 1, batch));
        "weights-read-twice": "the weights are read twice; once is enough for the whole step"
            => with(model, machine, tokens, batch, |cost| cost.bytes += model.parameters * model.number_bytes);
        "averaged": "the two times are averaged; the longer one decides"
            => again(crate::decode_cost(model, machine, tokens, batch), machine, |a, b| (a + b) / 2.0);
        "difference": "the two times are subtracted; the longer one decides"
            => again(crate::decode_cost(model, machine, tokens, batch), machine, |a, b| (a - b).abs());
        "seconds-of-all-texts": "the seconds are multiplied by the number of texts; all of them are computed in the same step"
            => {
                let cost = crate::decode_cost(model, machine, tokens, batch);
                Cost { seconds: cost.seconds * batch as f64, ..cost }
            };
        "milliseconds": "the time is in milliseconds; it is asked for in seconds"
            => {
                let cost = crate::decode_cost(model, machine, tokens, batch);
                Cost { seconds: cost.seconds * 1000.0, ..cost }
            };
    }

    within {
        cache_bytes: |cache_bytes, (model, machine, tokens, batch)| with(model, *machine, tokens, batch, |cost| {
            cost.bytes = model.parameters * model.number_bytes + cache_bytes(model, tokens, batch);
        });
    }
}

/// Bytes and FLOPs, added up head by head.
fn counted(model: &Model, machine: Machine, tokens: u64, batch: u64) -> Cost {
    let (mut bytes, mut flop) = (model.parameters * model.number_bytes, 0);
    for _text in 0..batch {
        // Each weight is multiplied once and added once.
        flop += model.parameters + model.parameters;
        for _layer in 0..model.layers {
            let row = model.head_dim * model.number_bytes;
            bytes += tokens * model.kv_heads * (row + row);
            // The scores of all keys, then the sum of their values.
            let products = tokens * model.heads * model.head_dim;
            flop += 2 * products + 2 * products;
        }
    }
    let (reading, computing) = (bytes as f64 / machine.bandwidth, flop as f64 / machine.peak);
    Cost { bytes, flop, seconds: if reading > computing { reading } else { computing } }
}

/// Numbers of all keys of a text, in all layers, in so many heads.
fn of_keys(model: &Model, heads: u64, tokens: u64) -> u64 {
    model.layers * heads * model.head_dim * tokens
}

fn timed(cost: &Cost, machine: Machine, join: fn(f64, f64) -> f64) -> f64 {
    join(cost.bytes as f64 / machine.bandwidth, cost.flop as f64 / machine.peak)
}

/// The same with another time.
fn again(cost: Cost, machine: Machine, join: fn(f64, f64) -> f64) -> Cost {
    Cost { seconds: timed(&cost, machine, join), ..cost }
}

/// The right cost with something changed, and the time that follows from it.
fn with(
    model: &Model,
    machine: Machine,
    tokens: u64,
    batch: u64,
    change: impl Fn(&mut Cost),
) -> Cost {
    let mut cost = crate::decode_cost(model, machine, tokens, batch);
    change(&mut cost);
    again(cost, machine, f64::max)
}
