//! Which of the files that were found counts.

use super::{
    Files, Refusal,
    finder::{Finder, Found},
    place,
};
use crate::number::counted;

impl Finder<'_> {
    /// What counts of all that was seen, and what is to be said about the rest.
    pub fn finish(self) -> (Vec<String>, Result<Files, Refusal>) {
        choose(self)
    }
}

fn choose(finder: Finder) -> (Vec<String>, Result<Files, Refusal>) {
    let Finder { wanted, answers: found, predictions, mut others, .. } = finder;
    let mut notes = Vec::new();
    // A whole workspace holds a file of this name for each chapter: its first line tells them apart.
    let (right, rest): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| found.chapter == Some(wanted.chapter));
    let (mut counting, rest) = if right.is_empty() {
        rest.into_iter().partition(|found| found.chapter.is_none())
    } else {
        (right, rest)
    };
    if counting.len() > 1 {
        let places = counting.into_iter().map(|found| found.place).collect();
        return (notes, Err(Refusal::Twice { places }));
    }
    let Some(answers) = counting.pop() else {
        return (notes, Err(not_there(&wanted.file, wanted.chapter, &rest, others)));
    };
    if answers.chapter.is_none() && answers.content.is_ok() {
        notes.push(format!(
            "the first line of {} does not say of which chapter it is",
            answers.place
        ));
    }
    let predictions = predictions_of(&answers, predictions, &mut notes);
    others.extend(rest.into_iter().map(|found| found.place));
    if !others.is_empty() {
        let count = counted(others.len(), "other file");
        notes.push(format!("ignored {count}: {}", first_few(others)));
    }
    (notes, answers.content.map(|answers| Files { answers, predictions }))
}

fn not_there(file: &str, wanted: u32, of_others: &[Found], others: Vec<String>) -> Refusal {
    let file = file.to_string();
    if !of_others.is_empty() {
        let places = first_few(of_others.iter().map(|found| found.place.clone()).collect());
        let mut chapters: Vec<u32> = of_others.iter().filter_map(|found| found.chapter).collect();
        chapters.sort_unstable();
        chapters.dedup();
        return Refusal::OtherChapter { places, chapters, wanted };
    }
    let archives: Vec<_> = others.iter().filter(|name| place::is_archive(name)).cloned().collect();
    if !archives.is_empty() {
        return Refusal::Nested { file, archives: first_few(archives) };
    }
    let holds = if others.is_empty() { "nothing".into() } else { first_few(others) };
    Refusal::NotFound { file, holds }
}

/// The predictions beside the answers, or else the only ones.
fn predictions_of(
    answers: &Found,
    mut found: Vec<Found>,
    notes: &mut Vec<String>,
) -> Option<String> {
    let beside =
        found.iter().position(|p| place::folder(&p.place) == place::folder(&answers.place));
    let chosen = match (beside, found.len()) {
        (Some(i), _) => found.swap_remove(i),
        (None, 0 | 1) => found.pop()?,
        (None, n) => {
            notes
                .push(format!("ignored {n} files of predictions, none of them beside the answers"));
            return None;
        }
    };
    // The answers can be graded without.
    chosen.content.map_err(|refusal| notes.push(format!("predictions: {refusal}"))).ok()
}

/// The first names in alphabetical order.
fn first_few(mut names: Vec<String>) -> String {
    names.sort();
    let all = names.len();
    names.truncate(3);
    names.join(", ") + if all > 3 { ", …" } else { "" }
}
