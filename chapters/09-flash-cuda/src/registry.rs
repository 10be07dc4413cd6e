//! The exercises under their ids.

use crate::{
    exercises::{key_end, merge, online_softmax, place, tiled},
    harness::{Body, Exercise, changed},
};
use attn_exercise::Check;

/// The exercises, as answered in their sections of a file.
pub fn answered_in(file: &'static str) -> Vec<Box<dyn Check>> {
    let answered =
        exercises().map(|(id, exercise)| exercise.answered_by(id, Body::Section { id, file }));
    answered.into()
}

/// The exercises, in the order of their sections in the learner's file.
fn exercises() -> [(&'static str, Exercise); 5] {
    [
        ("9.1", online_softmax::exercise()),
        ("9.2", tiled::exercise()),
        ("9.3", place::exercise()),
        ("9.4", key_end::exercise()),
        ("9.5", merge::exercise()),
    ]
}

/// A solved learner's file with a known mistake of an exercise laid in; `None` if there is no such mistake.
///
/// # Panics
/// If the file does not hold the reference's answer to this exercise.
pub fn with_mistake(solved: &str, id: &str, mistake: &str) -> Option<String> {
    let (_, exercise) = exercises().into_iter().find(|(known, _)| *known == id)?;
    let known = exercise.mistakes.into_iter().find(|known| known.name == mistake)?;
    match known.body {
        Body::Changed(changes) => Some(changed(solved, changes)),
        Body::Kernel | Body::Section { .. } => None,
    }
}
