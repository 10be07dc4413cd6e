//! 9.3 `place`: mend the bank conflicts

use crate::harness::{Answer, Case, kernel_exercise};

kernel_exercise! {
    place of Warp {
        probe: "place(key, four)",
        first: each_in_its_own_place,
        then: |answer, _| answer.has_no_bank_conflict(),
    };

    steps: |_| Vec::new();

    cases: |random| {
        let mut cases = vec![
            Case::random(random, 1, 32, false).about("one tile"),
            Case::random(random, 16, 96, false),
            Case::random(random, 33, 70, true),
            Case::heads(random, [2, 2], 5, 40, 128, false).about("32 float4 a key"),
        ];
        cases.extend(Case::small(random, 2));
        cases
    };

    never {
        "h < h_kv": "each key/value head has a query head of its own at least";
    }

    right {
        "exclusive or" => [(PLACE, "return key * FOURS + (four ^ key % 8);")];
        "exclusive or of the whole key, which moves whole rows within the room that there is" => [(PLACE, "return key * FOURS + (four ^ key);")];
        "rotated rows" => [(PLACE, "return key * FOURS + (four + key) % FOURS;")];
        "rows from the last to the first" => [(PLACE, "return (KEYS - 1 - key) * (FOURS + 1) + four;")];
        "one further: the last row needs no gap behind it" => [(PLACE, "return key * (FOURS + 1) + four + 1;")];
    }

    mistakes {
        "unpadded": "rows follow one another without a gap: the same entry of eight neighbouring keys lies in the same four banks"
            => [(PLACE, "return key * FOURS + four;")];
        "transposed": "the tile is stored column by column: reading is without conflict then, and writing has them all"
            => [(PLACE, "return four * KEYS + key;")];
        "transposed-and-padded": "the tile is stored column by column with one float4 to spare: there is no conflict, but a row of float4 too many to fit"
            => [(PLACE, "return four * (KEYS + 2) + key;")];
        "padded-by-two": "a row is longer by two float4, so that every fourth key meets the same banks again, and the tile has no room for it"
            => [(PLACE, "return key * (FOURS + 2) + four;")];
        "gap-too-rare": "there is a gap after every fourth key only, so that four neighbours still meet"
            => [(PLACE, "return key * FOURS + four + key / 4;")];
        "exclusive-or-of-four": "`four` is mixed with the key's remainder by 4: keys that are four apart still meet, and eight lanes go at a time"
            => [(PLACE, "return key * FOURS + (four ^ (key & 3));")];
        "on-top-of-each-other": "rows overlap: the next key begins one place further, and not behind the last entry of this one"
            => [(PLACE, "return key + four;")];
        "entry-left-out": "all entries of a key are put where its first one is"
            => [(PLACE, "return key * (FOURS + 1);")];
        "rotated-too-far": "the entries of a row are moved by the key, but not brought back into the row, so that they run into the next"
            => [(PLACE, "return key * FOURS + four + key % 8;")];
        "rows-of-the-width": "rows are counted in floats where the tile is one of float4"
            => [(PLACE, "return key * (D + 1) + four;")];
        "width-written-out": "17 stands for FOURS + 1, which it is for d = 64 alone"
            => [(PLACE, "return key * 17 + four;")];
    }
}

const PLACE: &str = "return key * (FOURS + 1) + four;";

/// Refuses a place outside the tile, and one that is taken.
fn each_in_its_own_place(answer: &Answer) -> Result<(), String> {
    let Some(places) = &answer.places else {
        return Ok(());
    };
    let room = places.nrows() * (places.ncols() + 1);
    let mut taken = vec![None; room];
    for ((key, four), &place) in places.indexed_iter().filter(|(_, place)| !place.is_nan()) {
        if !(0.0..room as f32).contains(&place) {
            let last = room - 1;
            return Err(format!(
                "place({key}, {four}) is {place}, and the tile has the places 0 to {last}"
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
