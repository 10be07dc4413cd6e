//! The learner's file: made from the starter, reset and updated, never overwritten without a
//! backup.
//!
//! So that a newer starter can be merged, every starter that a file was ever made from is kept: a
//! base. Which of them a file is from, its text tells. Nothing that could be moved too early or too
//! late has to be noted, and a file that is moved away and back is still known.

use crate::{Chapter, Course, Exercise, Language, files, progress, source, starter};
use anyhow::{Context, Result, bail};
use diffy::Line;
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The folder with the chapter's bases.
fn bases(course: &Course, chapter: &Chapter) -> PathBuf {
    course.root.join(format!(".attn/base/{:02}", chapter.number))
}

fn backups(course: &Course, chapter: &Chapter) -> PathBuf {
    course.root.join(format!(".attn/backups/{:02}", chapter.number))
}

/// The learner's file, created from the starter if nothing is there. What is there is left alone,
/// whatever it is.
///
/// # Errors
/// When it cannot be created.
pub fn ensure(course: &Course, chapter: &Chapter) -> Result<PathBuf> {
    let file = course.root.join(chapter.answers());
    if fs::symlink_metadata(&file).is_ok() {
        return Ok(file);
    }
    // Where it was before, an editor may be saving it: some move it away and write a new one.
    for _ in 0..10 {
        if !bases(course, chapter).exists() || fs::symlink_metadata(&file).is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let text = files::read(&course.root.join(chapter.starter()))?;
    keep_base(course, chapter, &text)?;
    files::create(&file, &text)?;
    Ok(file)
}

/// What the learner's file says; it is created if nothing is there.
///
/// # Errors
/// When it cannot be created, or cannot be read: what is in its place is named, and a line that is
/// not UTF-8.
pub fn text(course: &Course, chapter: &Chapter) -> Result<String> {
    let file = ensure(course, chapter)?;
    files::read(&file).map_err(|error| named_from_the_root(course, &file, error))
}

/// An error whose file is called as the learner calls it.
fn named_from_the_root(course: &Course, file: &Path, error: anyhow::Error) -> anyhow::Error {
    let (long, short) = (file.display().to_string(), course.relative(file).display());
    anyhow::Error::msg(format!("{error:#}").replace(&long, &short.to_string()))
}

/// The line, from 1, at which an exercise's section of the learner's file starts; 1 if that cannot
/// be told.
pub fn line(course: &Course, chapter: &Chapter, id: &str) -> usize {
    let text = text(course, chapter).unwrap_or_default();
    let section = starter::sections(&text).into_iter().find(|s| s.id == id);
    section.map_or(1, |section| section.lines.start + 1)
}

/// The chapter's other exercises whose functions the answer to this one calls, in a learner's file
/// with this text.
pub fn calls<'a>(chapter: &'a Chapter, text: &str, id: &str) -> Vec<&'a Exercise> {
    // In CUDA each answer is tried among the reference's other functions, so that it waits on nobody's.
    if chapter.language == Language::Cuda {
        return Vec::new();
    }
    let code = starter::section(text, id).unwrap_or_default();
    let others = chapter.exercises.iter().filter(|other| other.id != id);
    others.filter(|other| source::calls(&code, &other.item)).collect()
}

/// Puts one exercise, or the whole file, back to the starter; what is put back is no longer solved.
/// Returns where the old file was copied to, if it was any different.
///
/// # Errors
/// When a file cannot be read or written. The learner's file is then unchanged, or the error names
/// its copy.
pub fn reset(course: &Course, chapter: &Chapter, id: Option<&str>) -> Result<Option<PathBuf>> {
    // What is damaged is better known before anything is changed.
    progress::load(course)?;
    let file = ensure(course, chapter)?;
    let fresh = files::read(&course.root.join(chapter.starter()))?;
    let old = files::read_bytes(&file)?;
    let text = match id {
        None => LineEnds::of(&old).put(&fresh).into_bytes(),
        Some(id) => {
            let section = starter::section(&fresh, id)
                .with_context(|| format!("{} has no {id}", chapter.starter().display()))?;
            let section = LineEnds::of(&old).put(&section);
            starter::with_section(&old, id, section.as_bytes()).with_context(|| {
                format!(
                    "{} has no heading “━━ {id} …” any more; `cargo attn reset {}` puts back the whole file",
                    chapter.answers().display(),
                    chapter.number
                )
            })?
        }
    };
    if id.is_none() {
        keep_base(course, chapter, &fresh)?;
    }
    let backup = match text == old {
        true => None,
        false => Some(replace(course, chapter, &file, &old, &text)?),
    };
    let unsolved = progress::change(course, |progress| {
        let ids = chapter.exercises.iter().map(|exercise| &exercise.id);
        for reset in ids.filter(|it| id.is_none_or(|id| id == it.as_str())) {
            if let Some(standing) = progress.0.get_mut(reset) {
                standing.solved = false;
            }
        }
    });
    match (unsolved, &backup) {
        (Err(error), Some(backup)) => Err(error.context(format!(
            "{} was reset, and what it held is in {}, but that was not noted",
            chapter.answers().display(),
            course.relative(backup).display()
        ))),
        (unsolved, _) => unsolved.map(|()| backup),
    }
}

/// Writes `text` into the learner's file, which held `old`, after a backup; returns that.
fn replace(
    course: &Course,
    chapter: &Chapter,
    file: &Path,
    old: &[u8],
    text: &[u8],
) -> Result<PathBuf> {
    let backup = files::backup(file, old, &backups(course, chapter))?;
    files::replace_old(file, old, text).with_context(|| {
        format!(
            "{} was not changed (a copy of it is in {})",
            chapter.answers().display(),
            course.relative(&backup).display()
        )
    })?;
    Ok(backup)
}

/// What became of an update.
pub enum Update {
    /// The starter has nothing new for the learner's file.
    Current,
    /// Merged: the changes as a patch, and where the old file was copied to.
    Merged {
        /// What changed in the starter.
        changes: String,
        /// The file as it was.
        backup: PathBuf,
    },
    /// The starter changed where the learner did too; nothing was written.
    Conflict {
        /// What changed in the starter.
        changes: String,
    },
}

/// Whether the starter has changed since the learner's file was made from it, as far as that can be
/// told.
pub fn outdated(course: &Course, chapter: &Chapter) -> bool {
    let look = || -> Result<bool> {
        let mine = with_plain_line_ends(&text(course, chapter)?);
        let new = with_plain_line_ends(&files::read(&course.root.join(chapter.starter()))?);
        Ok(base_of(course, chapter, &mine, &new)?.is_some_and(|base| base != new))
    };
    look().unwrap_or(false)
}

/// Takes over what changed in the starter since the learner's file was made from it.
///
/// # Errors
/// When a file cannot be read or written. The learner's file is then unchanged.
pub fn update(course: &Course, chapter: &Chapter) -> Result<Update> {
    let mine = text(course, chapter)?;
    let starter = files::read(&course.root.join(chapter.starter()))?;
    let (ours, new) = (with_plain_line_ends(&mine), with_plain_line_ends(&starter));
    let Some(base) = base_of(course, chapter, &ours, &new)? else {
        bail!(
            "it is not known which starter {} was made from, so nothing can be merged; `cargo attn reset` takes the new one",
            chapter.answers().display()
        )
    };
    if base == new {
        return Ok(Update::Current);
    }
    let changes = diffy::create_patch(&base, &new).to_string();
    let Ok(merged) = diffy::merge(&base, &ours, &new) else {
        return Ok(Update::Conflict { changes });
    };
    keep_base(course, chapter, &starter)?;
    if merged == ours {
        return Ok(Update::Current);
    }
    let merged = LineEnds::of(mine.as_bytes()).put(&merged);
    let file = course.root.join(chapter.answers());
    let backup = replace(course, chapter, &file, mine.as_bytes(), merged.as_bytes())?;
    Ok(Update::Merged { changes, backup })
}

/// Keeps a starter that the learner's file is about to be made from.
fn keep_base(course: &Course, chapter: &Chapter, starter: &str) -> Result<()> {
    let starter = with_plain_line_ends(starter);
    if !all_bases(course, chapter)?.contains(&starter) {
        let dir = bases(course, chapter);
        files::backup(&course.root.join(chapter.starter()), starter.as_bytes(), &dir)?;
    }
    Ok(())
}

fn all_bases(course: &Course, chapter: &Chapter) -> Result<Vec<String>> {
    let dir = bases(course, chapter);
    // Earlier versions of the course kept only one, beside the folder.
    let mut names = vec![dir.with_extension("rs")];
    if let Ok(entries) = fs::read_dir(&dir) {
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("starter.") {
                names.push(path);
            }
        }
    }
    names.sort();
    let mut bases = Vec::new();
    for name in names {
        let base = files::read_if_there(&name)?;
        bases.extend(base.map(|base| with_plain_line_ends(&base)));
    }
    Ok(bases)
}

/// The starter that a learner's file was made from: of those that are kept and the present one, that
/// from which it differs in the fewest lines. `None` if it is none that is known.
fn base_of(course: &Course, chapter: &Chapter, mine: &str, new: &str) -> Result<Option<String>> {
    let mut bases = all_bases(course, chapter)?;
    if bases.is_empty() && mine != new {
        return Ok(None);
    }
    // First, so that it wins where the file has kept nothing in which two of them differ.
    bases.insert(0, new.to_string());
    Ok(bases.into_iter().min_by_key(|base| differing_lines(base, mine)))
}

fn differing_lines(a: &str, b: &str) -> usize {
    let patch = diffy::create_patch(a, b);
    let lines = patch.hunks().iter().flat_map(|hunk| hunk.lines());
    lines.filter(|line| !matches!(line, Line::Context(_))).count()
}

/// How the lines of a file end.
enum LineEnds {
    Plain,
    Crlf,
}

impl LineEnds {
    /// How most of them do.
    fn of(text: &[u8]) -> Self {
        let all = text.iter().filter(|byte| **byte == b'\n').count();
        let crlf = text.windows(2).filter(|pair| pair == b"\r\n").count();
        if 2 * crlf > all { LineEnds::Crlf } else { LineEnds::Plain }
    }

    /// `text` with these.
    fn put(&self, text: &str) -> String {
        let plain = with_plain_line_ends(text);
        match self {
            LineEnds::Plain => plain,
            LineEnds::Crlf => plain.replace('\n', "\r\n"),
        }
    }
}

fn with_plain_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commands,
        files::disturbed::{at_each, full_disk},
    };
    use std::collections::BTreeSet;
    use tempfile::TempDir;

    const NEWER: (&str, &str) = ("/// Adds one.", "/// The number after `x`.");

    fn starter() -> String {
        "// Your answers.\n\n\
         // ━━ 3.1 One more ━━\n\n\
         /// Adds one.\n\
         pub fn more(x: u8) -> u8 {\n    todo!(\"3.1: add\")\n}\n\n\
         // ━━ 3.2 One less ━━\n\n\
         /// Takes one away.\n\
         pub fn less(x: u8) -> u8 {\n    todo!(\"3.2: subtract\")\n}\n"
            .into()
    }

    fn solved() -> String {
        starter()
            .replace("todo!(\"3.1: add\")", "x + 1")
            .replace("todo!(\"3.2: subtract\")", "x - 1")
    }

    /// A course of one small chapter that is solved.
    fn course() -> (TempDir, Course) {
        let dir = tempfile::tempdir().expect("a folder");
        let chapter = dir.path().join("chapters/03-small");
        fs::create_dir_all(&chapter).expect("a folder");
        let exercise = |id, item| {
            format!(
                "[[exercise]]\nid = \"{id}\"\nitem = \"{item}\"\ntitle = \"\"\nsource = \"src/{item}.rs\"\n\
                 points = 5\nminutes = 1\nhints = [\"one\", \"two\"]\n"
            )
        };
        let toml =
            "number = 3\ntitle = \"Small\"\nreading_minutes = 1\nprerequisites = []\nobjectives = []\n\
             demo = \"\"\nimports = \"\"\n"
                .to_string();
        let toml = toml + &exercise("3.1", "more") + &exercise("3.2", "less");
        fs::write(chapter.join("chapter.toml"), toml).expect("written");
        fs::write(chapter.join("starter.rs"), starter()).expect("written");
        let course = Course::load(dir.path()).expect("a course");
        ensure(&course, &course.chapters[0]).expect("laid");
        put(&course, solved());
        progress::change(&course, |progress| {
            for id in ["3.1", "3.2"] {
                let standing = progress.0.entry(id.into()).or_default();
                (standing.solved, standing.solved_once) = (true, true);
            }
        })
        .expect("noted");
        (dir, course)
    }

    /// The same, and the starter has changed since.
    fn course_with_a_newer_starter() -> (TempDir, Course) {
        let (dir, course) = course();
        newer(&course);
        (dir, course)
    }

    fn newer(course: &Course) {
        let file = course.root.join(course.chapters[0].starter());
        fs::write(file, starter().replace(NEWER.0, NEWER.1)).expect("written");
    }

    fn put(course: &Course, text: impl AsRef<[u8]>) {
        fs::write(course.root.join(course.chapters[0].answers()), text).expect("written");
    }

    fn held(course: &Course) -> String {
        let file = course.root.join(course.chapters[0].answers());
        fs::read_to_string(file).expect("the learner's file")
    }

    fn solved_ids(course: &Course) -> BTreeSet<String> {
        let progress = progress::load(course).expect("undamaged");
        let solved = progress.0.into_iter().filter(|(_, standing)| standing.solved);
        solved.map(|(id, _)| id).collect()
    }

    /// The learner's text is in place, or in a backup that `said` names.
    fn nothing_is_lost(course: &Course, said: &str) {
        let named = backup_texts(course).into_iter().any(|(name, text)| {
            text == solved() && said.contains(&format!(".attn/backups/03/{name}"))
        });
        assert!(held(course) == solved() || named, "{said}\n{}", held(course));
    }

    fn backup_texts(course: &Course) -> Vec<(String, String)> {
        let entries = fs::read_dir(course.root.join(".attn/backups/03"));
        let entries = entries.into_iter().flatten().map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into();
            (name, fs::read_to_string(path).expect("a backup"))
        });
        entries.collect()
    }

    /// What was said.
    fn said(course: &Course, outcome: &Result<Option<PathBuf>>) -> String {
        match outcome {
            Ok(backup) => {
                let backup = backup.as_ref().map(|it| course.relative(it).display());
                backup.map(|it| it.to_string()).unwrap_or_default()
            }
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_reset_that_fails_anywhere_loses_nothing_and_can_be_repeated() {
        for id in [None, Some("3.1")] {
            let chapter = |course: &Course| course.chapters[0].clone();
            let operations = at_each(
                course,
                full_disk,
                |(_, course)| reset(course, &chapter(course), id),
                |k, (_, course), outcome| {
                    let said = said(course, &outcome);
                    assert!(outcome.is_err(), "operation {k} failed, unsaid: {said}");
                    nothing_is_lost(course, &said);
                    reset(course, &chapter(course), id).expect("the second time");
                    let left = solved_ids(course);
                    assert_eq!(left.is_empty(), id.is_none(), "operation {k}: {left:?}");
                    assert!(!left.contains("3.1"), "operation {k}");
                    assert!(held(course).contains("todo!(\"3.1"), "operation {k}");
                    assert_eq!(held(course).contains("todo!(\"3.2"), id.is_none());
                },
            );
            assert!(operations > 15, "only {operations} operations");
        }
    }

    #[test]
    fn an_update_that_fails_anywhere_loses_nothing_and_is_not_called_up_to_date() {
        let operations = at_each(
            course_with_a_newer_starter,
            full_disk,
            |(_, course)| update(course, &course.chapters[0]),
            |k, (_, course), outcome| {
                let error = format!("{:#}", outcome.err().expect("an error"));
                nothing_is_lost(course, &error);
                assert!(outdated(course, &course.chapters[0]), "operation {k}");
                let again = update(course, &course.chapters[0]).expect("the second time");
                assert!(matches!(again, Update::Merged { .. }), "operation {k}");
                assert_eq!(held(course), solved().replace(NEWER.0, NEWER.1));
                let third = update(course, &course.chapters[0]).expect("the third time");
                assert!(matches!(third, Update::Current), "operation {k}");
            },
        );
        assert!(operations > 15, "only {operations} operations");
    }

    #[test]
    fn a_file_that_is_laid_or_a_hint_that_is_noted_may_fail_anywhere() {
        let without = || {
            let (dir, course) = course();
            fs::remove_dir_all(dir.path().join(".attn")).expect("removed");
            fs::remove_file(course.root.join(course.chapters[0].answers())).expect("removed");
            (dir, course)
        };
        let laid = at_each(
            without,
            full_disk,
            |(_, course)| ensure(course, &course.chapters[0]),
            |k, (_, course), outcome| {
                assert!(outcome.is_err(), "operation {k}");
                ensure(course, &course.chapters[0]).expect("the second time");
                assert_eq!(held(course), starter(), "operation {k}");
                newer(course);
                assert!(outdated(course, &course.chapters[0]), "operation {k}");
            },
        );
        let hinted = at_each(
            course,
            full_disk,
            |(_, course)| commands::next_hint(course, "3.1").map(<[String]>::len),
            |k, (_, course), outcome| {
                assert!(outcome.is_err(), "operation {k}");
                assert_eq!(solved_ids(course).len(), 2, "operation {k}");
                let hints = commands::next_hint(course, "3.1").expect("the second time");
                assert_eq!(hints.len(), 1, "operation {k}: one more, not two");
            },
        );
        assert!(laid > 8 && hinted > 6, "only {laid} and {hinted} operations");
    }

    #[test]
    fn with_damaged_progress_nothing_is_reset() {
        let (_dir, course) = course();
        fs::write(course.root.join(".attn/progress.json"), "{ torn").expect("written");
        let error = reset(&course, &course.chapters[0], None).expect_err("refused");
        assert!(format!("{error:#}").contains("is damaged"), "{error:#}");
        assert!(held(&course) == solved() && backup_texts(&course).is_empty());
    }

    #[test]
    fn a_backup_that_is_moved_back_is_still_known() {
        let (_dir, course) = course_with_a_newer_starter();
        let chapter = &course.chapters[0];
        let backup = reset(&course, chapter, None).expect("reset").expect("a backup");
        assert!(!outdated(&course, chapter));
        fs::rename(backup, course.root.join(chapter.answers())).expect("moved back");
        assert!(outdated(&course, chapter));
        let merged = update(&course, chapter).expect("an update");
        assert!(matches!(merged, Update::Merged { .. }));
        assert_eq!(held(&course), solved().replace(NEWER.0, NEWER.1));
    }

    #[test]
    fn a_base_of_an_earlier_version_is_still_known() {
        let (dir, course) = course_with_a_newer_starter();
        fs::remove_dir_all(dir.path().join(".attn/base/03")).expect("removed");
        let unknown = update(&course, &course.chapters[0]).err().expect("refused");
        assert!(unknown.to_string().contains("not known which starter"));
        fs::write(dir.path().join(".attn/base/03.rs"), starter()).expect("written");
        assert!(outdated(&course, &course.chapters[0]));
    }

    #[test]
    fn line_ends_are_kept_and_do_not_matter() {
        let (_dir, course) = course_with_a_newer_starter();
        let chapter = &course.chapters[0];
        let crlf = |text: &str| text.replace('\n', "\r\n");
        put(&course, crlf(&solved()));
        let merged = update(&course, chapter).expect("an update");
        assert!(matches!(merged, Update::Merged { .. }));
        let newest = solved().replace(NEWER.0, NEWER.1);
        assert_eq!(held(&course), crlf(&newest));
        reset(&course, chapter, Some("3.2")).expect("reset");
        assert_eq!(held(&course), crlf(&newest).replace("x - 1", "todo!(\"3.2: subtract\")"));
        reset(&course, chapter, None).expect("reset");
        assert_eq!(held(&course), crlf(&starter().replace(NEWER.0, NEWER.1)));
        let again = reset(&course, chapter, None).expect("reset");
        assert!(again.is_none(), "it was so already");
    }

    #[test]
    fn whatever_the_bytes_are_they_are_kept() {
        let (_dir, course) = course();
        let chapter = &course.chapters[0];
        let bytes = [solved().as_bytes(), b"// caf\xe9\n"].concat();
        put(&course, &bytes);
        let error = text(&course, chapter).expect_err("not UTF-8").to_string();
        let line = 1 + solved().lines().count();
        let says = format!("chapters/03-small/exercise.rs, line {line}, is not UTF-8");
        assert!(error.starts_with(&says), "{error}");
        let backup = reset(&course, chapter, Some("3.1")).expect("reset");
        assert_eq!(fs::read(backup.expect("a backup")).expect("readable"), bytes);
        let now = fs::read(course.root.join(chapter.answers())).expect("readable");
        assert!(now.ends_with(b"// caf\xe9\n"), "the other section is as it was");
        reset(&course, chapter, None).expect("reset");
        assert_eq!(held(&course), starter());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one() {
        let (dir, course) = course();
        let (file, chapter) = (course.root.join(course.chapters[0].answers()), &course.chapters[0]);
        let elsewhere = dir.path().join("elsewhere.rs");
        fs::rename(&file, &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, &file).expect("a link");
        reset(&course, chapter, None).expect("reset");
        assert!(file.is_symlink());
        assert_eq!(fs::read_to_string(&elsewhere).expect("readable"), starter());
        fs::remove_file(&elsewhere).expect("removed");
        for outcome in [reset(&course, chapter, None).err(), text(&course, chapter).err()] {
            let error = format!("{:#}", outcome.expect("refused"));
            assert!(error.contains("a link that leads nowhere"), "{error}");
        }
        assert!(file.is_symlink() && !elsewhere.exists(), "left alone");
    }

    const THEIRS: &str = "// saved by an editor just now\n";

    /// What some editors do: they move the old file away and write a new one.
    fn saves_anew((_, course): &(TempDir, Course)) -> std::io::Result<()> {
        let file = course.root.join(course.chapters[0].answers());
        let _ = fs::remove_file(&file);
        fs::write(&file, THEIRS)
    }

    #[test]
    fn what_an_editor_saves_meanwhile_stays() {
        let moved_away = || {
            let (dir, course) = course();
            fs::remove_dir_all(course.root.join(".attn")).expect("removed");
            fs::remove_file(course.root.join(course.chapters[0].answers())).expect("removed");
            (dir, course)
        };
        let laid = at_each(
            moved_away,
            saves_anew,
            |(_, course)| ensure(course, &course.chapters[0]),
            |k, (_, course), _| assert_eq!(held(course), THEIRS, "operation {k}"),
        );
        let is_kept = |k, course: &Course| {
            let kept = backup_texts(course).into_iter().any(|(_, text)| text == THEIRS);
            assert!(held(course) == THEIRS || kept, "operation {k}: {}", held(course));
        };
        let reset = at_each(
            course,
            saves_anew,
            |(_, course)| reset(course, &course.chapters[0], None),
            |k, (_, course), _| is_kept(k, course),
        );
        let updated = at_each(
            course_with_a_newer_starter,
            saves_anew,
            |(_, course)| update(course, &course.chapters[0]).map(|_| ()),
            |k, (_, course), _| is_kept(k, course),
        );
        assert!(laid > 8 && reset > 15 && updated > 15, "{laid}, {reset}, {updated}");
    }
}
