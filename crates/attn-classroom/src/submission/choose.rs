//! Which of the files that were found counts.

use super::{
    Files, Refusal, Wanted,
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
    let (mut counting, mut rest): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|found| found.chapter.is_some_and(|it| wanted.chapters.contains(&it)));
    // Where one chapter is asked, a file that names none can only be meant for it.
    if let ([only], true) = (wanted.chapters.as_slice(), counting.is_empty()) {
        (counting, rest) = rest.into_iter().partition(|found| found.chapter.is_none());
        for answers in &mut counting {
            answers.chapter = Some(*only);
            if answers.content.is_ok() {
                let place = &answers.place;
                let note = format!("the first line of {place} does not say of which chapter it is");
                notes.push(note);
            }
        }
    }
    counting.sort_by_key(|found| found.chapter);
    if let Some(twice) = counting.array_windows().find(|[a, b]| a.chapter == b.chapter) {
        let places = counting.iter().filter(|found| found.chapter == twice[0].chapter);
        let places = places.map(|found| found.place.clone()).collect();
        return (Vec::new(), Err(Refusal::Twice { places }));
    }
    let Some(first) = counting.first() else {
        return (notes, Err(not_there(wanted, &rest, others)));
    };
    let predictions = predictions_of(&first.place, predictions, &mut notes);
    for chapter in &wanted.chapters {
        if counting.iter().all(|found| found.chapter != Some(*chapter)) {
            notes.push(format!("nothing of chapter {chapter} was handed in"));
        }
    }
    others.extend(rest.into_iter().map(|found| found.place));
    if !others.is_empty() {
        let count = counted(others.len(), "other file");
        notes.push(format!("ignored {count}: {}", first_few(others)));
    }
    let answers =
        counting.into_iter().map(|found| Ok((found.chapter.unwrap_or(0), found.content?)));
    (notes, answers.collect::<Result<_, _>>().map(|answers| Files { answers, predictions }))
}

fn not_there(wanted: &Wanted, of_others: &[Found], others: Vec<String>) -> Refusal {
    let file = wanted.file.clone();
    if !of_others.is_empty() {
        let places = first_few(of_others.iter().map(|found| found.place.clone()).collect());
        let mut chapters: Vec<u32> = of_others.iter().filter_map(|found| found.chapter).collect();
        chapters.sort_unstable();
        chapters.dedup();
        let wanted = wanted.chapters.clone();
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
fn predictions_of(answers: &str, mut found: Vec<Found>, notes: &mut Vec<String>) -> Option<String> {
    let beside = found.iter().position(|p| place::folder(&p.place) == place::folder(answers));
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
