//! What the pages may say about exercises: only what a `chapters/*/chapter.toml` knows.

use crate::{Problem, page::line_at};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// One exercise of one chapter.
#[derive(Clone, Debug)]
pub struct Exercise {
    /// `3.1`.
    pub id: String,
    /// What it is called: its title, or else the function to write.
    pub title: String,
    /// What a pass is worth, if the chapter says so.
    pub points: Option<u32>,
    /// How long it takes, if the chapter says so.
    pub minutes: Option<u32>,
    /// The heading of the section that explains it, if the chapter names one.
    pub book: Option<String>,
    /// The learner's file, relative to the workspace.
    pub file: PathBuf,
    /// Where the exercise is declared.
    pub declared: (PathBuf, usize),
}

#[derive(Deserialize)]
struct ChapterToml {
    #[serde(default)]
    exercise: Vec<ExerciseToml>,
}

#[derive(Deserialize)]
struct ExerciseToml {
    id: String,
    item: String,
    title: Option<String>,
    points: Option<u32>,
    minutes: Option<u32>,
    book: Option<String>,
}

/// All exercises of the course, in the order of the chapters' folders. A folder without a
/// `chapter.toml` has none.
///
/// # Errors
/// A file that cannot be read or is not what a `chapter.toml` should be.
pub fn load(root: &Path) -> Result<Vec<Exercise>> {
    let mut exercises = Vec::new();
    for folder in folders(&root.join("chapters"))? {
        let path = folder.join("chapter.toml");
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let chapter: ChapterToml =
            toml::from_str(&text).with_context(|| path.display().to_string())?;
        let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_path_buf();
        for exercise in chapter.exercise {
            let offset = text.find(&format!("\"{}\"", exercise.id)).unwrap_or(0);
            exercises.push(Exercise {
                title: exercise.title.unwrap_or(exercise.item),
                points: exercise.points,
                minutes: exercise.minutes,
                book: exercise.book,
                file: relative(&folder.join("exercise.rs")),
                declared: (relative(&path), line_at(&text, offset)),
                id: exercise.id,
            });
        }
    }
    Ok(exercises)
}

impl Exercise {
    /// A problem at the place where the exercise is declared.
    pub fn problem(&self, text: impl Into<String>) -> Problem {
        Problem {
            path: self.declared.0.clone(),
            line: self.declared.1,
            text: text.into(),
        }
    }

    /// The exercise's box in a page. The last element stays empty unless the course's server fills
    /// it.
    pub fn html(&self) -> String {
        let (id, title) = (escape(&self.id), escape(&self.title));
        let points = self
            .points
            .map(|p| format!("{p} point{}", if p == 1 { "" } else { "s" }));
        let minutes = self
            .minutes
            .map(|m| format!("about {m} minute{}", if m == 1 { "" } else { "s" }));
        let facts: Vec<String> = [points, minutes].into_iter().flatten().collect();
        let facts = match facts.is_empty() {
            true => String::new(),
            false => format!("<p class=\"exercise-facts\">{}</p>", facts.join(" · ")),
        };
        let file = escape(&self.file.display().to_string().replace('\\', "/"));
        format!(
            "<section class=\"exercise\" id=\"exercise-{id}\" data-exercise=\"{id}\" aria-labelledby=\"exercise-{id}-title\">\
             <p class=\"exercise-title\" id=\"exercise-{id}-title\"><span class=\"exercise-id\">Exercise {id}</span> {title}</p>\
             {facts}<p class=\"exercise-file\">Write it in <code>{file}</code>, then check it:</p>\
             <pre><code class=\"language-console\">cargo attn check {id}</code></pre>\
             <div class=\"exercise-live\"></div></section>"
        )
    }
}

fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(path).with_context(|| path.display().to_string())?;
    let mut folders = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

/// Text for HTML.
pub(crate) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
