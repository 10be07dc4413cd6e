//! All that students get: the workspace, the book, the assignment, and a page that says how to go on.

use crate::{
    Moment,
    assignment::{Asked, Assignment, Late},
    export::Export,
    number::short,
};
use anyhow::{Context, Result, ensure};
use attn::{ASSIGNMENT, Chapter, Course, compile, copy, files};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use toml_edit::DocumentMut;
use walkdir::WalkDir;

/// What was made.
pub struct Made {
    /// How many exercises are in it.
    pub exercises: usize,
    /// The exercises of the chapters that are not, each with the reason.
    pub left_out: Vec<(String, String)>,
    /// The assignment file to grade by, if it was written.
    pub assignment: Option<PathBuf>,
}

/// What is handed out.
pub enum What {
    /// All exercises of some chapters, for the points that they have in the course. Their assignment is written.
    Chapters {
        /// The chapters' numbers.
        numbers: Vec<u32>,
        /// When it is due.
        due: Moment,
    },
    /// What a teacher has written down.
    Assignment(Assignment),
}

/// Makes the folder `out` for students. An assignment that is not there yet is written beside the folder.
///
/// # Errors
/// When the folder holds something else, the chapters cannot be handed out together, or a file cannot be read or
/// written.
pub fn hand_out(course: &Course, what: What, out: &Path, with_book: bool) -> Result<Made> {
    course.expect_whole("handing out")?;
    expect_own(out)?;
    let mut numbers = match &what {
        What::Chapters { numbers, .. } => numbers.clone(),
        What::Assignment(assignment) => assignment.chapters(),
    };
    numbers.sort_unstable();
    numbers.dedup();
    let chapters =
        numbers.iter().map(|number| course.chapter(*number)).collect::<Result<Vec<_>>>()?;
    let file = beside(out);
    if let What::Chapters { .. } = what {
        ensure!(
            !file.exists(),
            "{0} is there already. To use it: --assignment {0} in the place of --chapter and --due",
            file.display()
        );
    }
    let export = match &what {
        What::Chapters { .. } => Export::new(course, &numbers)?,
        What::Assignment(assignment) => Export::of(course, assignment)?,
    };
    export.write(out)?;
    let fingerprint = export.fingerprint(out)?;
    let mut written = None;
    let assignment = match what {
        What::Assignment(assignment) => Assignment { course: fingerprint, ..assignment },
        What::Chapters { due, .. } => {
            let all = export.exercises();
            let assignment = Assignment {
                title: title(&chapters),
                course: fingerprint,
                due,
                late: Late::None,
                hints: true,
                exercises: all
                    .map(|exercise| Asked {
                        id: exercise.id.clone(),
                        points: exercise.points.into(),
                    })
                    .collect(),
                questions: Vec::new(),
            };
            files::write(&file, toml::to_string(&assignment)?)?;
            written = Some(file);
            assignment
        }
    };
    if !assignment.hints {
        for chapter in &chapters {
            without_hints(&out.join(&chapter.dir))?;
        }
    }
    files::write(&out.join(ASSIGNMENT), for_students(&assignment)?)?;
    if !assignment.questions.is_empty() {
        files::write(&out.join("predictions.toml"), predictions(&assignment))?;
    }
    files::write(&out.join("README.md"), readme(&chapters, &assignment, with_book))?;
    files::write(&out.join(".gitignore"), "/target\n/.attn\n")?;
    let settings = ".vscode/settings.json";
    let from = course.root.join(settings);
    if from.is_file() {
        files::write(&out.join(settings), files::read(&from)?)?;
    }
    let assistants = for_assistants(&files::read(&course.root.join("AGENTS.md"))?);
    files::write(&out.join("AGENTS.md"), assistants)?;
    if with_book {
        book(course, &chapters, out)?;
    }
    let exercises = export.exercises().count();
    Ok(Made { exercises, left_out: export.left_out, assignment: written })
}

/// The assignment file beside a folder, after its whole name, which may have a dot in it.
fn beside(out: &Path) -> PathBuf {
    let mut file = out.as_os_str().to_os_string();
    file.push(".toml");
    file.into()
}

/// What an assignment about some chapters is called.
fn title(chapters: &[&Chapter]) -> String {
    match chapters {
        [chapter] => format!("Chapter {}: {}", chapter.number, chapter.title),
        _ => {
            let titles = chapters.iter().map(|chapter| chapter.title.as_str());
            titles.collect::<Vec<_>>().join("; ")
        }
    }
}

/// Makes sure that a folder is not there yet, is empty, or was made here before: what is in it will be gone.
fn expect_own(out: &Path) -> Result<()> {
    let is_empty = fs::read_dir(out)
        .map_or(true, |mut entries| entries.all(|it| it.is_ok_and(|it| it.file_name() == ".git")));
    // Nobody's own folder has cases written down. A making that was stopped may have left nothing else.
    let made_here = fs::read_dir(out.join("chapters")).is_ok_and(|chapters| {
        chapters.flatten().any(|chapter| chapter.path().join("checks").is_dir())
    });
    ensure!(
        is_empty || made_here,
        "{} holds something else already; name a folder that is not there yet",
        out.display()
    );
    Ok(())
}

/// Takes the hints out of a chapter, and what its starter says of them.
fn without_hints(dir: &Path) -> Result<()> {
    for name in ["starter.rs", "exercise.rs"] {
        let file = dir.join(name);
        let text = files::read(&file)?;
        if let Some(begin) = text.find(" Stuck? `cargo attn hint") {
            let end = text[begin..].find('\n').map_or(text.len(), |n| begin + n);
            files::write(&file, format!("{}{}", &text[..begin], &text[end..]))?;
        }
    }
    let file = &dir.join("chapter.toml");
    let mut metadata: DocumentMut = files::read(file)?.parse()?;
    let exercises = metadata["exercise"].as_array_of_tables_mut().context("no exercises")?;
    for exercise in exercises.iter_mut() {
        exercise["hints"] = toml_edit::value(toml_edit::Array::new());
    }
    files::write(file, metadata.to_string())
}

/// The assignment without what is right.
fn for_students(assignment: &Assignment) -> Result<String> {
    let mut document: DocumentMut = toml::to_string(assignment)?.parse()?;
    if let Some(questions) =
        document.get_mut("questions").and_then(|questions| questions.as_array_of_tables_mut())
    {
        for question in questions.iter_mut() {
            question.remove("accepts");
        }
    }
    Ok(document.to_string())
}

/// What the course asks of assistants, without what concerns its authors.
fn for_assistants(text: &str) -> String {
    let end = text.find("\n## When you help an author").unwrap_or(text.len());
    text[..end].to_string()
}

/// The file in which students answer questions.
fn predictions(assignment: &Assignment) -> String {
    let mut text =
        "# Answer before you write code. Each answer stands between the quotes.\n".to_string();
    for question in &assignment.questions {
        for line in textwrap::wrap(&question.text, 76) {
            let _ = write!(text, "\n# {line}");
        }
        let id = toml::Value::from(question.id.as_str());
        let _ = write!(text, "\n{id} = \"\"\n");
    }
    text
}

/// The page that says how to go on.
fn readme(chapters: &[&Chapter], assignment: &Assignment, with_book: bool) -> String {
    let answers: Vec<String> =
        chapters.iter().map(|chapter| format!("`{}`", chapter.answers().display())).collect();
    let answers = answers.join(" and ");
    let number = chapters[0].number;
    let Assignment { title, due, late, exercises, questions, .. } = assignment;
    let late = match late {
        Late::None => "Nothing counts that comes later.".to_string(),
        Late::Accepted { per_day, at_most_days } => format!(
            "Each day that has begun after that costs {} % of the points; after {at_most_days} days nothing counts.",
            short(*per_day)
        ),
    };
    let list: String = exercises
        .iter()
        .map(|asked| {
            let mut all = chapters.iter().flat_map(|chapter| &chapter.exercises);
            let exercise = all.find(|exercise| exercise.id == asked.id);
            let (item, title) = exercise.map_or(("", ""), |e| (&e.item, &e.title));
            format!("| {} | `{item}` | {title} | {} |\n", asked.id, asked.points)
        })
        .collect();
    let first = exercises.first().map_or("", |asked| &asked.id);
    let hint = match assignment.hints {
        true => format!(", `cargo attn hint {first}` gives a hint"),
        false => String::new(),
    };
    let hand_in = match chapters {
        [_] if questions.is_empty() => {
            format!(
                "Hand in {answers}: the file alone, or this folder as an archive, without `target`."
            )
        }
        [_] => format!(
            "Hand in {answers} and `predictions.toml`: this folder as an archive, without `target`."
        ),
        _ => format!("Hand in {answers}: this folder as an archive, without `target`."),
    };
    let mut text = format!(
        "# {title}\n\nDue: {due}. {late}\n\n\
         You need [Rust](https://www.rust-lang.org/tools/install) {} or newer, and an editor.\n\n\
         1. Open {answers}. Each exercise is a function whose body is a `todo!`.\n\
         2. Write a body, save, and check it: `cargo attn check {first}`. The first time this compiles for a few \
         minutes. `cargo attn watch {number}` checks on every save.\n\
         3. Stuck? `cargo attn try {first}` shows a case{hint}.\n\
         4. {hand_in} Nothing else of it is graded.\n",
        env!("CARGO_PKG_RUST_VERSION"),
    );
    if with_book {
        text += "\nThe book is in the folder `book`: open `book/index.html`.\n";
    }
    if !questions.is_empty() {
        text += "\nThere are questions, too. Answer them in `predictions.toml` before you write code.\n";
    }
    text += "\nYour answers are graded on more cases than you have here. So an answer that was made to fit these cases \
             alone is not right yet. There are three kinds of case: ordinary ones, sizes of 0 and 1, and very large or \
             very small numbers. An answer that is right on all of one kind gets a part of the points. An exercise that \
             calls another one is run with your own.\n";
    let _ =
        write!(text, "\n| exercise | function | | points |\n| --- | --- | --- | ---: |\n{list}");
    let with = if questions.is_empty() { "" } else { ", with the questions" };
    let _ = writeln!(text, "\nThat is {} points in all{with}.", short(assignment.of()));
    text
}

/// Builds the book without the solutions of these chapters into the folder `book`.
fn book(course: &Course, chapters: &[&Chapter], out: &Path) -> Result<()> {
    let program = compile::book(course)?;
    let scratch = tempfile::tempdir()?;
    copy::copy(&course.root, scratch.path(), copy::WHOLE)?;
    let pages = scratch.path().join("book/src");
    for chapter in chapters {
        let name = match chapter.number {
            0 => "primer".into(),
            number => format!("ch{number:02}"),
        };
        let solutions = pages.join(format!("{name}-solutions.md"));
        ensure!(solutions.is_file(), "chapter {} has no page of solutions", chapter.number);
        let text = "# Solutions\n\nThis chapter is an assignment. Its solutions come after the due date, from whoever set it.\n";
        fs::write(&solutions, text)?;
    }
    let book = scratch.path().join("book");
    let built = Command::new(program)
        .arg("--book")
        .arg(&book)
        .arg("build")
        .current_dir(scratch.path())
        .output()
        .context("the book's program cannot be started")?;
    ensure!(
        built.status.success(),
        "the book cannot be built:\n{}",
        String::from_utf8_lossy(&built.stderr).trim()
    );
    let to = out.join("book");
    let _ = fs::remove_dir_all(&to);
    let pages = book.join("book");
    for entry in WalkDir::new(&pages) {
        let entry = entry?;
        let there = to.join(entry.path().strip_prefix(&pages)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&there)?;
        } else {
            fs::copy(entry.path(), &there)?;
        }
    }
    Ok(())
}
