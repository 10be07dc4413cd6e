//! 9.4 `key_end`: skip the tiles that are hidden

use super::{
    Answer, Body, Case,
    answer::{answer, each, is_right},
    body::Gap,
};
use crate::{Rung, Sizes};
use attn_exercise::{Exercise, Field, Finding, Mistake, field};

const GAP: Gap = Gap {
    id: "9.4",
    item: "key_end",
    rung: Rung::Warp,
    probe: "",
};

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Answer> {
    Exercise {
        id: GAP.id,
        cases,
        answer: |body, case| answer(&GAP, body, case),
        judge,
        solution: Body::Kernel,
        mistakes: mistakes(),
        steps,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    vec![
        Case::random(seed, 32, 32, true).about("two blocks, a tile each"),
        Case::random(seed + 1, 64, 64, true),
        Case::random(seed + 2, 33, 70, false),
        Case::random(seed + 3, 33, 129, true),
        Case::random(seed + 4, 5, 70, true),
        Case::random(seed + 5, 40, 9, true).about("the first 31 queries see nothing"),
        Case::heads(seed + 6, (2, 1), 17, 32, true),
    ]
}

/// The last query of each block of a head, and where the block may stop: 16 queries a block.
fn blocks(sizes: Sizes, causal: bool) -> impl Iterator<Item = (usize, i64)> {
    let Sizes { n, m, .. } = sizes;
    (0..n.div_ceil(16)).map(move |block| {
        let last = (16 * block + 16).min(n) - 1;
        let end = if causal {
            m as i64 - n as i64 + last as i64 + 1
        } else {
            m as i64
        };
        (last, end)
    })
}

/// Tiles of 32 keys up to there.
fn tiles_to(end: i64) -> u64 {
    end.max(0).unsigned_abs().div_ceil(32)
}

/// The tiles that the blocks of a case have to visit.
pub(crate) fn tiles(sizes: Sizes, causal: bool) -> u64 {
    let blocks = blocks(sizes, causal).map(|(_, end)| tiles_to(end));
    sizes.heads as u64 * blocks.sum::<u64>()
}

/// Where each block of a head may stop.
fn steps(case: &Case) -> Vec<Field> {
    let lines = blocks(case.sizes(), case.inputs().causal).enumerate();
    let lines = lines.map(|(block, (last, end))| {
        let (first, tiles) = (16 * block, tiles_to(end));
        format!("first = {first}, last query {last}: end {end}, tiles {tiles}")
    });
    vec![field(
        "the end of each block, and the tiles up to there",
        lines.collect::<Vec<_>>().join("\n"),
    )]
}

/// Right numbers without a finding; then no tile too many.
fn judge(cases: &[Case], answers: &[Answer]) -> Result<(), Finding> {
    each(cases, answers, |case, answer| {
        is_right(case, answer)?;
        // Two barriers a tile, and none elsewhere.
        let (visited, needed) = (
            answer.barriers / 2,
            tiles(case.sizes(), case.inputs().causal),
        );
        match visited <= needed {
            true => Ok(()),
            false => Err(format!(
                "the numbers are right, but {visited} tiles are visited where {needed} would do"
            )),
        }
    })
}

const FULL: &str = "    if (!causal) return m;\n";
const LAST: &str = "const int last = min(first + QUERIES, n) - 1;";
const END: &str = "return m - n + last + 1;";

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "nothing-skipped",
            when: "all keys are visited, whatever the mask: the result is right, and half of the work is for nothing",
            body: Body::Changed(&[(END, "return m;")]),
        },
        Mistake {
            name: "top-left",
            when: "query i is taken for token i: causal is aligned bottom-right, so query i is token m − n + i",
            body: Body::Changed(&[(END, "return min(m, last + 1);")]),
        },
        Mistake {
            name: "first-query",
            when: "the end is that of the block's first query: the others see more",
            body: Body::Changed(&[(END, "return m - n + first + 1;")]),
        },
        Mistake {
            name: "one-short",
            when: "the end is the last visible key itself and not one past it",
            body: Body::Changed(&[(END, "return m - n + last;")]),
        },
        Mistake {
            name: "rounded-down",
            when: "the end is rounded down to whole tiles, so that the tile on the diagonal is left out",
            body: Body::Changed(&[(END, "return (m - n + last + 1) / KEYS * KEYS;")]),
        },
        Mistake {
            name: "rounded-up-too-far",
            when: "a tile is added to be safe",
            body: Body::Changed(&[(END, "return m - n + last + 1 + KEYS;")]),
        },
        Mistake {
            name: "one-too-many",
            when: "the end is two past the last visible key and not one, which costs a tile where it crosses into the next",
            body: Body::Changed(&[(END, "return m - n + last + 2;")]),
        },
        Mistake {
            name: "rounded-up-past-whole-tiles",
            when: "the end is rounded down to whole tiles and one is added, even where nothing was left over",
            body: Body::Changed(&[(END, "return ((m - n + last + 1) / KEYS + 1) * KEYS;")]),
        },
        Mistake {
            name: "n-and-m-swapped",
            when: "n − m is added where it has to be m − n: query i sees the keys up to m − n + i",
            body: Body::Changed(&[(END, "return n - m + last + 1;")]),
        },
        Mistake {
            name: "always-causal",
            when: "tiles are skipped without a mask as well",
            body: Body::Changed(&[(FULL, "")]),
        },
        Mistake {
            name: "unclamped-rows",
            when: "the last query is first + QUERIES − 1 even where the rows run out, so that the last block goes past the last key",
            body: Body::Changed(&[(LAST, "const int last = first + QUERIES - 1;")]),
        },
        Mistake {
            name: "unsigned",
            when: "the end is computed without a sign: where the queries are more than the keys it is not negative but huge",
            body: Body::Changed(&[(END, "return min((unsigned)m, (unsigned)m - n + last + 1);")]),
        },
    ]
}
