//! 9.2 `tiled`: place the barriers

use crate::harness::{Answer, Case, kernel_exercise};
use attn_exercise::judge::require;

kernel_exercise! {
    tiled of Tiled { then: no_more_work };

    steps: |_| Vec::new();

    cases: |random| {
        let mut cases = vec![
            Case::random(random, 1, 1, false),
            Case::random(random, 8, 32, false).about("one tile"),
            Case::random(random, 8, 96, false).about("three tiles"),
            Case::random(random, 33, 65, true),
            Case::heads(random, [4, 2], 3, 40, 64, true),
            Case::random(random, 9, 3, true).about("the first six queries see nothing"),
        ];
        cases.extend(Case::small(random, 2));
        cases
    };

    never {
        "h < h_kv": "each key/value head has a query head of its own at least";
    }

    right {
        "the last one at the start of a tile" => [
            ("        // 1. Bring", "        __syncthreads();\n        // 1. Bring"),
            (AFTER_SUM, "    }\n"),
        ];
        "one more than needed" => [("        // 1. Bring", "        __syncthreads();\n        // 1. Bring")];
    }

    mistakes {
        "none-at-all": "there is no barrier at all"
            => [(AFTER_LOAD, SCORES), (AFTER_SCORES, SOFTMAX), (AFTER_SOFTMAX, SUM), (AFTER_SUM, "    }\n")];
        "once-before-the-loop": "the only barrier stands before the loop, where nothing is shared yet but the queries"
            => [
                (LOOP, "    __syncthreads();\n    for (int start = 0; start < m; start += KEYS) {\n"),
                (AFTER_LOAD, SCORES),
                (AFTER_SCORES, SOFTMAX),
                (AFTER_SOFTMAX, SUM),
                (AFTER_SUM, "    }\n"),
            ];
        "none-after-loading": "there is no barrier between loading the tile and computing with it: a warp reads what another has yet to write"
            => [(AFTER_LOAD, SCORES)];
        "none-after-the-scores": "there is no barrier between the scores and the softmax: a thread of the first warp reads rows that other warps have yet to write"
            => [(AFTER_SCORES, SOFTMAX)];
        "none-after-the-softmax": "there is no barrier between the softmax and the sum: the other warps go on with weights that the first has yet to write"
            => [(AFTER_SOFTMAX, SUM)];
        "none-before-the-next-tile": "there is no barrier at the end of a tile: a fast warp overwrites the tile that a slow one still reads"
            => [(AFTER_SUM, "    }\n")];
        "only-after-loading": "the only barrier is the one after loading"
            => [(AFTER_SCORES, SOFTMAX), (AFTER_SOFTMAX, SUM), (AFTER_SUM, "    }\n")];
        "only-around-the-tile": "there are barriers around the tile, but none around the softmax, whose scores pass from warp to warp as well"
            => [(AFTER_SCORES, SOFTMAX), (AFTER_SOFTMAX, SUM)];
        "only-around-the-softmax": "there are barriers around the softmax, but none around the tile, which is loaded by all warps and read by all"
            => [(AFTER_LOAD, SCORES), (AFTER_SUM, "    }\n")];
        "within-a-warp": "__syncwarp() takes the place of __syncthreads(): it waits for the lanes of one warp, and the tile is shared by all"
            => [
                (AFTER_LOAD, "        __syncwarp();\n        // 2."),
                (AFTER_SCORES, "        __syncwarp();\n        // 3."),
                (AFTER_SOFTMAX, "        __syncwarp();\n        // 4."),
                (AFTER_SUM, "        __syncwarp();\n    }\n"),
            ];
        "in-a-branch": "a barrier stands in the branch that only some threads take: the others never come to it"
            => [
                ("        if (thread < QUERIES)\n            correction", "        if (thread < QUERIES) {\n            correction"),
                (AFTER_SOFTMAX, "            __syncthreads();\n        }\n        // 4."),
            ];
        "early-return": "warps without a query return at the start: they are missing at the barriers, and their share of the tile is never loaded"
            => [("    const float* queries = q", "    if (i >= n) return;\n    const float* queries = q")];
        "once-after-the-loop": "a barrier stands behind the loop in place of at the end of each turn"
            => [(AFTER_SUM, "    }\n    __syncthreads();\n")];
        "one-tile-too-many": "the loop over the tiles ends with ≤: where the keys fill their tiles, one more is visited, of which nothing is seen"
            => [(LOOP, "    for (int start = 0; start <= m; start += KEYS) {\n")];
        "dot-never-set": "`dot` is added to and was never set"
            => [("        float dot = 0.0f;\n", "        float dot;\n")];
        "sum-never-set": "`sum` is added to and was never set"
            => [("float sum[D / 32] = {};", "float sum[D / 32];   ")];
        "fewer-tiles-for-some-warps": "warps whose query sees nothing of a tile leave the loop: they are missing at the barriers, and their share of the tile is never loaded"
            => [("        // 1. Bring", "        if (causal && start > m - n + i) break;\n        // 1. Bring")];
        "keys-not-padded": "the rows of `ks` are D long in place of D + 1: all lanes that walk down a column meet in one bank"
            => [("ks[KEYS][D + 1];", "ks[KEYS][D];    ")];
        "scores-not-padded": "the rows of `scores` are KEYS long in place of KEYS + 1: the eight threads that walk down their rows meet in one bank"
            => [("scores[QUERIES][KEYS + 1]", "scores[QUERIES][KEYS]")];
        "division-by-zero": "a row that sees nothing is divided by its sum, 0, without a guard: 0 · ∞ is NaN"
            => [("row_sum[row] > 0.0f ? 1.0f / row_sum[row] : 0.0f", "1.0f / row_sum[row]")];
    }
}

/// The loop, its four barriers with what follows each, and what follows alone.
const LOOP: &str = "    for (int start = 0; start < m; start += KEYS) {\n";
const AFTER_LOAD: &str = "        __syncthreads();\n        // 2.";
const SCORES: &str = "        // 2.";
const AFTER_SCORES: &str = "        __syncthreads();\n        // 3.";
const SOFTMAX: &str = "        // 3.";
const AFTER_SOFTMAX: &str = "        __syncthreads();\n        // 4.";
const SUM: &str = "        // 4.";
const AFTER_SUM: &str = "        __syncthreads();\n    }\n";

/// Barriers are all that is asked for: the tiles and the layout of shared memory are given.
fn no_more_work(answer: &Answer, reference: &Answer) -> Result<(), String> {
    answer.has_no_bank_conflict()?;
    let (taken, given) = (answer.ideal_wavefronts, reference.ideal_wavefronts);
    require(10 * taken <= 11 * given, || {
        format!(
            "the numbers are right, but shared memory is asked {taken} times where the given code asks {given} times"
        )
    })
}
