//! 9.3 `place`: mend the bank conflicts

use super::{
    Answer, Body, Case,
    answer::{answer, is_right, steps},
    body::Gap,
};
use crate::Rung;
use attn_exercise::{Exercise, Finding, Mistake, judge::each};

const GAP: Gap = Gap {
    id: "9.3",
    item: "place",
    rung: Rung::Warp,
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
        Case::random(seed, 1, 32, false).about("one tile"),
        Case::random(seed + 1, 16, 96, false),
        Case::random(seed + 2, 33, 70, true),
    ]
}

/// Right numbers without a finding; then each access in as few wavefronts as it can have.
fn judge(cases: &[Case], answers: &[Answer]) -> Result<(), Finding> {
    each(cases, answers, |case, answer| {
        is_right(case, answer)?;
        match &answer.worst {
            None => Ok(()),
            Some((place, wavefronts, ideal)) => Err(format!(
                "the numbers are right, but {place} takes {wavefronts} wavefronts of shared memory where {ideal} would do: {:.1}×",
                *wavefronts as f64 / *ideal as f64
            )),
        }
    })
}

const PLACE: &str = "return key * (FOURS + 1) + four;";

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "unpadded",
            when: "rows follow one another without a gap: the same entry of eight neighbouring keys lies in the same four banks",
            body: Body::Changed(&[(PLACE, "return key * FOURS + four;")]),
        },
        Mistake {
            name: "transposed",
            when: "the tile is stored column by column: reading is without conflict then, and writing has them all",
            body: Body::Changed(&[(PLACE, "return four * KEYS + key;")]),
        },
        Mistake {
            name: "transposed-and-padded",
            when: "the tile is stored column by column with one float4 to spare: there is no conflict, but a row of float4 too many to fit",
            body: Body::Changed(&[(PLACE, "return four * (KEYS + 2) + key;")]),
        },
        Mistake {
            name: "padded-by-two",
            when: "a row is longer by two float4, so that every fourth key meets the same banks again, and the tile has no room for it",
            body: Body::Changed(&[(PLACE, "return key * (FOURS + 2) + four;")]),
        },
        Mistake {
            name: "gap-too-rare",
            when: "there is a gap after every fourth key only, so that four neighbours still meet",
            body: Body::Changed(&[(PLACE, "return key * FOURS + four + key / 4;")]),
        },
        Mistake {
            name: "on-top-of-each-other",
            when: "rows overlap: two keys have entries in the same place",
            body: Body::Changed(&[(PLACE, "return key + four;")]),
        },
        Mistake {
            name: "rotated-too-far",
            when: "the entries of a row are moved by the key, but not brought back into the row, so that they run into the next",
            body: Body::Changed(&[(PLACE, "return key * FOURS + four + key % 8;")]),
        },
        Mistake {
            name: "rows-of-the-width",
            when: "rows are counted in floats where the tile is one of float4",
            body: Body::Changed(&[(PLACE, "return key * (D + 1) + four;")]),
        },
    ]
}
