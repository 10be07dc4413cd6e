//! The exercises of this chapter, a file each: the cases, the judge and the known mistakes.
//!
//! An answer is CUDA. It takes the place of the function of the same name in a kernel of this chapter, is compiled by NVRTC
//! when it is checked, and runs in the simulator, which tells what it did wrong and what it cost.

mod answer;
pub mod body;
mod braces;
mod case;
pub mod key_end;
pub mod merge;
pub mod online_softmax;
pub mod place;
pub mod tiled;
mod unit;

pub use answer::Answer;
pub use body::Body;
pub use case::Case;

/// The exercises, in the order of their sections in the learner's file.
const IDS: [&str; 5] = ["9.1", "9.2", "9.3", "9.4", "9.5"];

/// The known mistakes of an exercise; none if there is no such exercise.
pub fn mistakes(id: &str) -> Vec<attn_exercise::Mistake<Body>> {
    match id {
        "9.1" => online_softmax::exercise().mistakes,
        "9.2" => tiled::exercise().mistakes,
        "9.3" => place::exercise().mistakes,
        "9.4" => key_end::exercise().mistakes,
        "9.5" => merge::exercise().mistakes,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_are_those_of_the_exercises() {
        let ids = [
            online_softmax::exercise().id,
            tiled::exercise().id,
            place::exercise().id,
            key_end::exercise().id,
            merge::exercise().id,
        ];
        assert_eq!(ids, IDS);
    }
}
