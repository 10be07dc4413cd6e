//! What the pages may say about exercises: only what a `chapters/*/chapter.toml` knows.

use crate::{Problem, page::line_at};
use anyhow::Result;
use attn::Course;
use std::path::PathBuf;

/// One exercise of one chapter.
#[derive(Clone, Debug)]
pub struct Exercise {
    /// `3.1`.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// What a pass is worth.
    pub points: u32,
    /// About how long it takes.
    pub minutes: u32,
    /// The heading of the section that explains it, if the chapter names one.
    pub book: Option<String>,
    /// The learner's file, relative to the workspace.
    pub file: PathBuf,
    /// Where the exercise is declared.
    pub declared: (PathBuf, usize),
}

/// All exercises of the course, in their order.
///
/// # Errors
/// A `chapter.toml` that cannot be read.
pub fn load(course: &Course) -> Result<Vec<Exercise>> {
    let mut exercises = Vec::new();
    for chapter in &course.chapters {
        let declared = chapter.dir.join("chapter.toml");
        let text = attn::files::read(&course.root.join(&declared))?;
        let file = chapter.answers();
        for exercise in chapter.exercises.iter().cloned() {
            let offset = text.find(&format!("\"{}\"", exercise.id)).unwrap_or(0);
            exercises.push(Exercise {
                title: exercise.title,
                points: exercise.points,
                minutes: exercise.minutes,
                book: exercise.book,
                file: file.clone(),
                declared: (declared.clone(), line_at(&text, offset)),
                id: exercise.id,
            });
        }
    }
    Ok(exercises)
}

impl Exercise {
    /// A problem at the place where the exercise is declared.
    pub fn problem(&self, text: impl Into<String>) -> Problem {
        Problem { path: self.declared.0.clone(), line: self.declared.1, text: text.into() }
    }

    /// The exercise's box in a page. The last element stays empty unless the course's server fills
    /// it.
    pub fn html(&self) -> String {
        let (id, title) = (escape(&self.id), escape(&self.title));
        let (points, minutes) = (self.points, self.minutes);
        let s = |count| if count == 1 { "" } else { "s" };
        let facts = format!("{points} point{} · about {minutes} minute{}", s(points), s(minutes));
        let file = escape(&self.file.display().to_string().replace('\\', "/"));
        format!(
            "<section class=\"exercise\" id=\"exercise-{id}\" data-exercise=\"{id}\" aria-labelledby=\"exercise-{id}-title\">\
             <p class=\"exercise-title\" id=\"exercise-{id}-title\"><span class=\"exercise-id\">Exercise {id}</span> {title}</p>\
             <p class=\"exercise-facts\">{facts}</p><p class=\"exercise-file\">Write it in <code>{file}</code>, then check it:</p>\
             <pre><code class=\"language-console\">cargo attn check {id}</code></pre>\
             <div class=\"exercise-live\"></div></section>"
        )
    }
}

/// Text for HTML.
pub(crate) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
