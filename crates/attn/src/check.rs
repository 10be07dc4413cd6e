//! From a target to verdicts.

use crate::{
    Chapter, Course, Exercise, Target, answers, compile, files, program::Program, progress, source,
    starter,
};
use anyhow::{Context, Error, Result, bail, ensure};
use attn_exercise::{Limits, Report, Request, Symptom, Verdict};
use std::collections::BTreeMap;

/// The seed of the cases that a learner sees: always the same, so that “case 3” means something.
pub const SEED: u64 = 1;

/// Checks what `target` names, calling `report` with each verdict as it comes, in the course's
/// order; the progress is noted before. With `solution` the reference is checked instead, and
/// nothing is noted.
///
/// With the first wrong answer `report` is told which functions of other exercises it calls that are
/// not right either, in the file as it is now.
///
/// # Errors
/// When something other than the learner's answers is wrong: a target that does not exist, a course
/// that does not compile, a check program without a verdict, a full disk.
pub fn check(
    course: &Course,
    target: &Target,
    solution: bool,
    seed: u64,
    mut report: impl FnMut(&Report, &[&Exercise]),
) -> Result<Vec<Report>> {
    if !solution {
        // What is damaged is better known before anything is compiled.
        progress::load(course)?;
    }
    let mut checks = Checks {
        course,
        solution,
        seed,
        reports: Vec::new(),
        doubted: false,
        unnoted: None,
        report: &mut report,
    };
    for (chapter, exercises) in course.select(target)? {
        ensure!(!exercises.is_empty(), "chapter {} has no exercises", chapter.number);
        checks.chapter(chapter, &exercises)?;
    }
    match checks.unnoted {
        None => Ok(checks.reports),
        Some(error) => Err(error),
    }
}

/// The checks of one run.
struct Checks<'a> {
    course: &'a Course,
    solution: bool,
    seed: u64,
    /// The verdicts so far.
    reports: Vec<Report>,
    /// Whether a wrong answer's calls were looked at.
    doubted: bool,
    /// Why the progress could not be noted.
    unnoted: Option<Error>,
    report: &'a mut dyn FnMut(&Report, &[&Exercise]),
}

impl Checks<'_> {
    fn chapter(&mut self, chapter: &Chapter, exercises: &[&Exercise]) -> Result<()> {
        let (text, program, refused) = if self.solution {
            let program = compile::without_learner(self.course, chapter)?;
            (String::new(), Some(program), Default::default())
        } else {
            let text = match answers::text(self.course, chapter) {
                Ok(text) => text,
                Err(error) if files::is_full(&error) => return Err(error),
                // It costs this chapter, and no other.
                Err(error) => {
                    let why = format!("{error:#}");
                    for exercise in exercises {
                        let verdict = Verdict::CannotBeChecked { why: why.clone() };
                        self.note(unrun(exercise, verdict), &[]);
                    }
                    return Ok(());
                }
            };
            let built = compile::with_learner(self.course, chapter, &text)?;
            (text, built.program, built.refused)
        };
        // One request per run of exercises that compile, so that the verdicts come in order.
        for exercises in
            exercises.chunk_by(|a, b| !refused.contains_key(&a.id) && !refused.contains_key(&b.id))
        {
            if let Some(verdict) = refused.get(&exercises[0].id) {
                self.note(unrun(exercises[0], verdict.clone()), &[]);
            } else {
                let program = program.as_ref().context("there is no check program")?;
                let ids = exercises.iter().map(|e| e.id.clone()).collect();
                let request = self.request(ids);
                verdicts(program, &request, |found| {
                    let found = believed(chapter, &text, found);
                    let doubtful = match self.doubted || self.solution {
                        true => Vec::new(),
                        false => self.doubtful(chapter, &text, program, &refused, &found),
                    };
                    self.note(found, &doubtful);
                })?;
            }
        }
        Ok(())
    }

    fn request(&self, ids: Vec<String>) -> Request {
        Request::Check { ids, solution: self.solution, seed: self.seed, limits: Limits::default() }
    }

    /// The exercises that a wrong answer calls and that are not right either. Those that this run
    /// has not come to are checked for it.
    fn doubtful<'c>(
        &mut self,
        chapter: &'c Chapter,
        text: &str,
        program: &Program,
        refused: &BTreeMap<String, Verdict>,
        found: &Report,
    ) -> Vec<&'c Exercise> {
        if !matches!(found.verdict, Verdict::Failed(_)) {
            return Vec::new();
        }
        self.doubted = true;
        let calls = answers::calls(chapter, text, &found.id);
        let known = |id: &str| self.reports.iter().find(|report| report.id == id);
        let unknown: Vec<String> = calls
            .iter()
            .filter(|call| known(&call.id).is_none() && !refused.contains_key(&call.id))
            .map(|call| call.id.clone())
            .collect();
        let mut wrong: Vec<String> = calls
            .iter()
            .filter(|call| {
                refused.contains_key(&call.id)
                    || known(&call.id).is_some_and(|report| !report.verdict.is_passed())
            })
            .map(|call| call.id.clone())
            .collect();
        if !unknown.is_empty() {
            let request = self.request(unknown);
            // Nothing is said of what cannot be told. Nobody asked for these, so what is right earns
            // nothing; but what is wrong is not called solved any longer.
            let _ = verdicts(program, &request, |report| {
                if !report.verdict.is_passed() {
                    self.note_progress(&report);
                    wrong.push(report.id);
                }
            });
        }
        let wrong = |call: &&Exercise| wrong.contains(&call.id);
        calls.into_iter().filter(wrong).collect()
    }

    /// Notes a verdict, then tells of it, so that what was told is not lost when the command is
    /// ended.
    fn note(&mut self, report: Report, doubtful: &[&Exercise]) {
        self.note_progress(&report);
        (self.report)(&report, doubtful);
        self.reports.push(report);
    }

    fn note_progress(&mut self, report: &Report) {
        if !self.solution
            && let Err(error) = progress::note(self.course, report)
        {
            self.unnoted.get_or_insert(error);
        }
    }
}

fn unrun(exercise: &Exercise, verdict: Verdict) -> Report {
    Report { id: exercise.id.clone(), verdict, printed: Vec::new() }
}

/// Asks for verdicts, and wants one on each exercise asked for and no other.
fn verdicts(program: &Program, request: &Request, mut found: impl FnMut(Report)) -> Result<()> {
    let Request::Check { ids, .. } = request else {
        bail!("verdicts are asked for by a check");
    };
    let mut open = ids.clone();
    program.ask(request, |report: Report| {
        take(&mut open, &report.id)?;
        found(report);
        Ok(())
    })?;
    ensure!(open.is_empty(), "the check program ended without a verdict on {}", open.join(", "));
    Ok(())
}

/// Takes an exercise off the list of those that are waited for.
fn take(open: &mut Vec<String>, id: &str) -> Result<()> {
    let Some(at) = open.iter().position(|waiting| waiting == id) else {
        bail!("the check program gave a verdict on {id} that was not asked for");
    };
    open.remove(at);
    Ok(())
}

/// How much of what an answer said is passed on.
const MOST: usize = 4000;

/// A verdict as it is passed on: no text of megabytes, and a todo that the answer itself has is its
/// own, whatever it is called.
pub(crate) fn believed(chapter: &Chapter, text: &str, mut report: Report) -> Report {
    // `dbg!` names the file by way of the check program that includes it.
    for printed in &mut report.printed {
        printed.text = compile::own_name(chapter, &printed.text);
    }
    match &mut report.verdict {
        Verdict::WaitsOn { on } => {
            let section = starter::section(text, &report.id).unwrap_or_default();
            let own = source::string_that_begins(&section, &format!("{on}: "));
            let other = chapter.exercises.iter().any(|exercise| exercise.id == *on);
            if own.is_some() || !other {
                report.verdict = Verdict::Unsolved {
                    todo: own.unwrap_or_else(|| on.clone()),
                    place: None,
                    right: 0,
                    of: 0,
                };
            }
        }
        Verdict::Failed(failure) => {
            cut(&mut failure.label);
            match &mut failure.symptom {
                Symptom::Wrong { what } => cut(what),
                Symptom::Panicked { message, .. } => cut(message),
                _ => {}
            }
        }
        Verdict::Unsolved { todo, .. } => cut(todo),
        Verdict::DoesNotCompile { errors } => errors.iter_mut().for_each(cut),
        Verdict::CannotBeChecked { why } => cut(why),
        Verdict::Passed { .. } => {}
    }
    report
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        let left = text[end..].chars().count();
        text.truncate(end);
        text.push_str(&format!("… ({left} more characters)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use attn_exercise::Failure;

    #[test]
    fn each_exercise_gets_one_verdict() {
        let mut open = vec!["3.1".to_string(), "3.2".to_string()];
        take(&mut open, "3.1").expect("asked for");
        for surplus in ["3.1", "3.3"] {
            let error = take(&mut open, surplus).expect_err("not asked for");
            assert!(error.to_string().contains("not asked for"), "{error}");
        }
        assert_eq!(open, ["3.2"]);
    }

    fn chapter() -> Chapter {
        let exercise = |id| {
            format!(
                "[[exercise]]\nid = \"{id}\"\nitem = \"f\"\ntitle = \"\"\nsource = \"f.rs\"\n\
                 points = 1\nminutes = 1\nhints = []\n"
            )
        };
        let toml = "number = 3\ntitle = \"\"\nreading_minutes = 1\nprerequisites = []\nobjectives = []\n\
             demo = \"\"\nimports = \"\"\n";
        let toml = format!("{toml}{}{}", exercise("3.1"), exercise("3.3"));
        toml::from_str(&toml).expect("a chapter")
    }

    #[test]
    fn a_todo_of_ones_own_is_ones_own() {
        let waits = |text: &str, on: &str| {
            let report = Report {
                id: "3.3".into(),
                verdict: Verdict::WaitsOn { on: on.into() },
                printed: Vec::new(),
            };
            believed(&chapter(), text, report).verdict
        };
        let file =
            |body: &str| format!("// ━━ 3.1 A ━━\ntodo!(\"3.1: a\")\n// ━━ 3.3 B ━━\n{body}\n");
        let own = waits(&file("todo!(\"9.9: later\")"), "9.9");
        assert!(matches!(own, Verdict::Unsolved { todo, .. } if todo == "9.9: later"));
        let own = waits(&file("todo!(\"3.1: as there\")"), "3.1");
        assert!(matches!(own, Verdict::Unsolved { todo, .. } if todo == "3.1: as there"));
        let unknown = waits(&file("helper()"), "9.9");
        assert!(matches!(unknown, Verdict::Unsolved { todo, .. } if todo == "9.9"));
        let other = waits(&file("a()"), "3.1");
        assert!(matches!(other, Verdict::WaitsOn { on } if on == "3.1"));
    }

    #[test]
    fn a_long_message_is_cut() {
        let report = Report {
            id: "3.3".into(),
            verdict: Verdict::Failed(Failure {
                case: 1,
                label: String::new(),
                right: 0,
                of: 1,
                symptom: Symptom::Panicked { message: "é".repeat(5 << 20), place: None },
                diagnosis: None,
            }),
            printed: Vec::new(),
        };
        let cut = believed(&chapter(), "", report);
        let text = serde_json::to_string(&cut).expect("JSON");
        assert!(
            text.len() < 3 * MOST && text.contains("5238880 more characters"),
            "{}",
            text.len()
        );
    }
}
