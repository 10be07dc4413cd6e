//! 9.4 `key_end`: skip the tiles that are hidden

use crate::harness::{Answer, Case, kernel_exercise};
use attn_exercise::{Field, field, judge::require};

kernel_exercise! {
    key_end of Warp { then: no_tile_too_many };

    steps: each_block;

    cases: |random| {
        let mut cases = vec![
            Case::random(random, 32, 32, true).about("two blocks, a tile each"),
            Case::random(random, 64, 64, true),
            Case::random(random, 33, 70, false),
            Case::random(random, 33, 129, true),
            Case::random(random, 5, 70, true),
            Case::random(random, 40, 9, true).about("the first 31 queries see nothing"),
            Case::heads(random, [2, 1], 17, 32, 64, true),
        ];
        cases.extend(Case::small(random, 2));
        cases
    };

    never {
        "h < h_kv": "each key/value head has a query head of its own at least";
    }

    right {
        "never negative" => [(END, "return max(0, m - n + last + 1);")];
        "rounded up to whole tiles" => [(END, "return (max(0, m - n + last + 1) + KEYS - 1) / KEYS * KEYS;")];
        "clamped at the keys" => [(LAST, ""), (END, "return min(m, m - n + first + QUERIES);")];
        "without a sign, and brought back" => [(END, "return (unsigned)m - n + last + 1u;")];
    }

    mistakes {
        "nothing-skipped": "all keys are visited, whatever the mask: the result is right, and half of the work is for nothing"
            => [(END, "return m;")];
        "top-left": "query i is taken for token i: causal is aligned bottom-right, so query i is token m − n + i"
            => [(END, "return min(m, last + 1);")];
        "first-query": "the end is that of the block's first query: the others see more"
            => [(END, "return m - n + first + 1;")];
        "one-short": "the end is the last visible key itself and not one past it"
            => [(END, "return m - n + last;")];
        "rounded-down": "the end is rounded down to whole tiles, so that the tile on the diagonal is left out"
            => [(END, "return (m - n + last + 1) / KEYS * KEYS;")];
        "rounded-up-too-far": "a tile is added to be safe"
            => [(END, "return m - n + last + 1 + KEYS;")];
        "one-too-many": "the end is two past the last visible key and not one, which costs a tile where it crosses into the next"
            => [(END, "return m - n + last + 2;")];
        "rounded-up-past-whole-tiles": "the end is rounded down to whole tiles and one is added, even where nothing was left over"
            => [(END, "return ((m - n + last + 1) / KEYS + 1) * KEYS;")];
        "n-and-m-swapped": "n − m is added where it has to be m − n: query i sees the keys up to m − n + i"
            => [(END, "return n - m + last + 1;")];
        "always-causal": "tiles are skipped without a mask as well"
            => [("    if (!causal) return m;\n", "")];
        "unclamped-rows": "the last query is first + QUERIES − 1 even where the rows run out, so that the last block goes past the last key"
            => [(LAST, "    const int last = first + QUERIES - 1;\n")];
        "unsigned": "the end is computed without a sign: where the queries are more than the keys it is not negative but huge"
            => [(END, "return min((unsigned)m, (unsigned)m - n + last + 1);")];
    }
}

const LAST: &str = "    const int last = min(first + QUERIES, n) - 1;\n";
const END: &str = "return m - n + last + 1;";

/// Where each block of 16 queries may stop.
fn each_block(case: &Case) -> Vec<Field> {
    let (n, m, causal) = (case.sizes().n, case.sizes().m, case.inputs.causal);
    let lines = (0..n).step_by(16).map(|first| {
        let last = (first + 16).min(n) - 1;
        let end = if causal { (m + last + 1) as i64 - n as i64 } else { m as i64 };
        let tiles = end.max(0).unsigned_abs().div_ceil(32);
        format!("first = {first}, last query {last}: end {end}, tiles {tiles}")
    });
    let lines: Vec<String> = lines.collect();
    vec![field("the end of each block, and the tiles up to there", lines.join("\n"))]
}

/// The kernel has two barriers a tile, and none elsewhere.
fn no_tile_too_many(answer: &Answer, reference: &Answer) -> Result<(), String> {
    let (visited, needed) = (answer.barriers / 2, reference.barriers / 2);
    require(visited <= needed, || {
        format!("the numbers are right, but {visited} tiles are visited where {needed} would do")
    })
}
