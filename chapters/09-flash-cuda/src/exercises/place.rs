//! 9.3 `place`: mend the bank conflicts

use super::{
    Answer, Body, Case,
    answer::{answer, compiled, is_right, warned},
    body::Gap,
};
use crate::{
    Device, Rung,
    device::{Argument, Launch},
};
use attn_exercise::{Exercise, Field, Fields, Finding, Mistake, field, judge::each};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

const GAP: Gap = Gap {
    id: "9.3",
    item: "place",
    rung: Rung::Warp,
    probe: "extern \"C\" __global__ void places(float* out)
{
    out[threadIdx.y * FOURS + threadIdx.x] = place(threadIdx.y, threadIdx.x);
}
",
};

/// Keys of a tile.
const KEYS: usize = 32;

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Placed> {
    Exercise {
        id: GAP.id,
        cases,
        answer: placed,
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
        Case::wide(seed + 3, 5, 40, false).about("32 float4 a key"),
    ]
}

/// What came of a case, and the function by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Placed {
    answer: Answer,
    /// `place(key, four)` (keys, fours).
    places: Array2<f32>,
}

impl Fields for Placed {
    fn fields(&self) -> Vec<Field> {
        let mut fields = banks(&self.places);
        fields.push(field("place(key, four)", &self.places));
        fields.extend(self.answer.fields());
        fields
    }
}

fn placed(body: &Body, case: &Case) -> Placed {
    let answer = answer(&GAP, body, case);
    let fours = case.sizes().d / 4;
    let places = match body {
        // Without a compiler there is no probe.
        Body::Kernel => reference(fours),
        _ => probed(body, fours),
    };
    Placed { answer, places }
}

/// What the kernel's own function gives.
fn reference(fours: usize) -> Array2<f32> {
    Array2::from_shape_fn((KEYS, fours), |(key, four)| {
        (key * (fours + 1) + four) as f32
    })
}

/// What an answer gives: a thread an entry. NaN where it gives nothing.
fn probed(body: &Body, fours: usize) -> Array2<f32> {
    let places = || -> Option<Array2<f32>> {
        let program = compiled(&GAP, body, &GAP.unit(body).ok()?, 4 * fours).ok()?;
        let mut device = Device::simulator();
        let out = device.alloc_unwritten("places", KEYS * fours).ok()?;
        let launch = Launch {
            kernel: "places",
            grid: [1, 1, 1],
            block: [fours as u32, KEYS as u32, 1],
            arguments: vec![Argument::Buffer(out)],
        };
        let report = device.launch(&program, &launch).ok()??;
        let places = Array2::from_shape_vec((KEYS, fours), device.read(out).ok()?).ok()?;
        report.findings.is_empty().then_some(places)
    };
    places().unwrap_or(Array2::from_elem((KEYS, fours), f32::NAN))
}

/// Every float4 in a place of its own within the tile; right numbers without a finding; then each access in as few
/// wavefronts as it can have.
fn judge(cases: &[Case], answers: &[Placed]) -> Result<(), Finding> {
    each(cases, answers, |case, Placed { answer, places }| {
        let judged = apart(places)
            .and_then(|()| is_right(case, answer))
            .and_then(|()| few_wavefronts(answer));
        judged.map_err(|what| warned(what, answer))
    })
}

/// Refuses a place outside the tile, and one that is taken.
fn apart(places: &Array2<f32>) -> Result<(), String> {
    let room = KEYS * (places.ncols() + 1);
    let mut taken = vec![None; room];
    for ((key, four), &place) in places.indexed_iter() {
        if place.is_nan() {
            continue;
        }
        if !(0.0..room as f32).contains(&place) {
            return Err(format!(
                "place({key}, {four}) is {place}, and the tile has the places 0 to {}",
                room - 1
            ));
        }
        if let Some((other_key, other_four)) = taken[place as usize].replace((key, four)) {
            return Err(format!(
                "place({other_key}, {other_four}) and place({key}, {four}) are both {place}: two float4 in one place"
            ));
        }
    }
    Ok(())
}

fn few_wavefronts(answer: &Answer) -> Result<(), String> {
    match &answer.worst {
        None => Ok(()),
        Some((place, wavefronts, ideal)) => Err(format!(
            "the numbers are right, but {place} takes {wavefronts} wavefronts of shared memory where {ideal} would do: {:.1}×",
            *wavefronts as f64 / *ideal as f64
        )),
    }
}

/// The groups of four banks in which the first eight lanes of a warp meet: eight different ones are one turn.
fn banks(places: &Array2<f32>) -> Vec<Field> {
    let groups = |lane: &dyn Fn(usize) -> f32| {
        let groups: Vec<String> = (0..8).map(|at| (lane(at) % 8.0).to_string()).collect();
        groups.join(" ")
    };
    vec![
        field(
            "eight lanes that read keys 0 to 7: place(key, 0) % 8",
            groups(&|key| places[[key, 0]]),
        ),
        field(
            "eight lanes that write key 0: place(0, four) % 8",
            groups(&|four| places[[0, four]]),
        ),
    ]
}

/// Where the reference's layout puts what eight lanes ask for.
fn steps(case: &Case) -> Vec<Field> {
    banks(&reference(case.sizes().d / 4))
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
            name: "exclusive-or-of-four",
            when: "`four` is mixed with the key's remainder by 4: keys that are four apart still meet, and eight lanes go at a time",
            body: Body::Changed(&[(PLACE, "return key * FOURS + (four ^ (key & 3));")]),
        },
        Mistake {
            name: "on-top-of-each-other",
            when: "rows overlap: the next key begins one place further, and not behind the last entry of this one",
            body: Body::Changed(&[(PLACE, "return key + four;")]),
        },
        Mistake {
            name: "entry-left-out",
            when: "all entries of a key are put where its first one is",
            body: Body::Changed(&[(PLACE, "return key * (FOURS + 1);")]),
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
        Mistake {
            name: "width-written-out",
            when: "17 stands for FOURS + 1, which it is for d = 64 alone",
            body: Body::Changed(&[(PLACE, "return key * 17 + four;")]),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nvrtc;

    /// The kernel's own function is told in Rust for machines without a compiler.
    #[test]
    fn the_reference_is_what_the_kernel_has() {
        if nvrtc::found() {
            for fours in [16, 32] {
                assert_eq!(probed(&Body::Changed(&[]), fours), reference(fours));
            }
        }
    }

    #[test]
    fn places_are_judged_in_words() {
        let said = |place: fn(usize, usize) -> usize| {
            let places = Array2::from_shape_fn((KEYS, 16), |(key, four)| place(key, four) as f32);
            apart(&places).err()
        };
        assert_eq!(said(|key, four| key * 17 + four), None);
        let both = said(|key, four| key + four).expect("they overlap");
        assert_eq!(
            both,
            "place(0, 1) and place(1, 0) are both 1: two float4 in one place"
        );
        let outside = said(|key, four| key * 18 + four).expect("there is no room");
        assert_eq!(
            outside,
            "place(30, 4) is 544, and the tile has the places 0 to 543"
        );
    }
}
