//! The exercises of this chapter, a file each: the cases, the judge and the known mistakes.
//!
//! An answer is CUDA. It takes the place of the function of the same name in a kernel of this chapter, is compiled by NVRTC
//! when it is checked, and runs in the simulator, which tells what it did wrong and what it cost.

mod answer;
pub mod body;
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

/// The known mistakes of an exercise; none if there is no such exercise.
pub fn mistakes(id: &str) -> Vec<attn_exercise::Mistake<Body>> {
    let all = [
        online_softmax::exercise,
        tiled::exercise,
        place::exercise,
        key_end::exercise,
        merge::exercise,
    ];
    let exercise = all
        .into_iter()
        .map(|exercise| exercise())
        .find(|exercise| exercise.id == id);
    exercise.map_or(Vec::new(), |exercise| exercise.mistakes)
}
