//! What the pages may say about chapters: only what their `chapter.toml` knows.

use crate::exercises::escape;
use attn::{Chapter, Course};
use std::path::Path;

/// What a chapter's page may be called: `ch03-scaled-dot-product`, and for the chapter before the
/// first `primer`.
pub fn names(chapter: &Chapter) -> [String; 2] {
    let folder = chapter.dir.file_name().unwrap_or_default().to_string_lossy();
    let bare = folder.split_once('-').map_or("", |(_, name)| name);
    [format!("ch{folder}"), bare.into()]
}

/// A chapter's page, as a link from another page: `ch03-scaled-dot-product.md`.
///
/// # Errors
/// When it has none.
pub fn page(root: &Path, chapter: &Chapter) -> Result<String, String> {
    let mut names = names(chapter).into_iter().map(|name| format!("{name}.md"));
    let page = names.find(|name| root.join("book/src").join(name).is_file());
    page.ok_or_else(|| format!("chapter {} has no page", chapter.number))
}

/// `3 · Scaled dot-product attention`, as a link.
fn link(root: &Path, chapter: &Chapter) -> Result<String, String> {
    let (number, title) = (chapter.number, &chapter.title);
    Ok(format!("[{number} · {title}]({})", page(root, chapter)?))
}

/// The minutes that its exercises take.
fn writing(chapter: &Chapter) -> u32 {
    chapter.exercises.iter().map(|exercise| exercise.minutes).sum()
}

fn points(chapter: &Chapter) -> u32 {
    chapter.exercises.iter().map(|exercise| exercise.points).sum()
}

/// Minutes below an hour in fives, hours in halves, rounded up.
fn spoken(minutes: u32) -> String {
    if minutes < 60 {
        return format!("{} minutes", minutes.div_ceil(5) * 5);
    }
    let halves = minutes.div_ceil(30);
    match (halves / 2, halves % 2) {
        (1, 0) => "1 hour".into(),
        (whole, 0) => format!("{whole} hours"),
        (whole, _) => format!("{whole}½ hours"),
    }
}

/// [`spoken`], for a table.
fn short(minutes: u32) -> String {
    let spoken = spoken(minutes).replace(" minutes", " min");
    spoken.replace(" hours", " h").replace(" hour", " h")
}

/// What a chapter's page opens with: what is asked for, how long it takes, and what one can do
/// afterwards.
///
/// # Errors
/// When there is no such chapter, or one that it builds on has no page.
pub fn opening(course: &Course, number: &str) -> Result<String, String> {
    let chapter = find(course, number)?;
    let before = chapter.prerequisites.iter().map(|number| {
        let before = find(course, &number.to_string())?;
        link(&course.root, before)
    });
    let before = match before.collect::<Result<Vec<_>, _>>()?.join(", ") {
        none if none.is_empty() => "nothing".into(),
        some => some,
    };
    let objectives = chapter.objectives.iter().map(|objective| format!("- {objective}\n"));
    Ok(format!(
        "<section class=\"chapter-facts\">\n\n**Afterwards you can**\n\n{}\n**Before it:** {before}.  \n\
         **Time:** about {} of reading and {} of writing, for {} and {} points.\n\n</section>",
        objectives.collect::<String>(),
        spoken(chapter.reading_minutes),
        spoken(writing(chapter)),
        match chapter.exercises.len() {
            1 => "1 exercise".into(),
            count => format!("{count} exercises"),
        },
        points(chapter),
    ))
}

/// What comes after a chapter.
///
/// # Errors
/// When there is no such chapter, or the next one has no page.
pub fn next(course: &Course, number: &str) -> Result<String, String> {
    let chapter = find(course, number)?;
    let said = match course.chapters.iter().find(|other| other.number > chapter.number) {
        Some(next) => format!("**Next:** {}.", link(&course.root, next)?),
        None => "This is the last chapter.".into(),
    };
    Ok(format!("<section class=\"chapter-next\">\n\n{said}\n\n</section>"))
}

/// The map: every chapter, with what it builds on and how long it takes.
///
/// # Errors
/// When a chapter has no page.
pub fn map(course: &Course) -> Result<String, String> {
    let numbers = |all: &[u32]| all.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let mut rows = Vec::new();
    for chapter in &course.chapters {
        let row = format!(
            "| {} | {} | {} | {} | {} |",
            link(&course.root, chapter)?,
            numbers(&chapter.prerequisites),
            short(chapter.reading_minutes),
            short(writing(chapter)),
            points(chapter),
        );
        rows.push(row);
    }
    let sum = |of: fn(&Chapter) -> u32| course.chapters.iter().map(of).sum::<u32>();
    Ok(format!(
        "| chapter | builds on | reading | writing | points |\n| --- | --- | --- | --- | ---: |\n{}\n\
         | **all** | | {} | {} | {} |",
        rows.join("\n"),
        short(sum(|chapter| chapter.reading_minutes)),
        short(sum(writing)),
        sum(points),
    ))
}

fn find<'a>(course: &'a Course, number: &str) -> Result<&'a Chapter, String> {
    let number: u32 = number.parse().map_err(|_| format!("“{}” is no number", escape(number)))?;
    let found = course.chapters.iter().find(|chapter| chapter.number == number);
    found.ok_or_else(|| format!("there is no chapter {number}"))
}

#[cfg(test)]
mod tests {
    use super::spoken;

    #[test]
    fn times_are_rounded_up() {
        let said: Vec<String> = [1, 5, 56, 60, 61, 90, 150, 151].map(spoken).into();
        let right = [
            "5 minutes",
            "5 minutes",
            "60 minutes",
            "1 hour",
            "1½ hours",
            "1½ hours",
            "2½ hours",
            "3 hours",
        ];
        assert_eq!(said, right);
    }
}
