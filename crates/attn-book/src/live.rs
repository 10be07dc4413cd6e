//! The learner's exercises, live: checked on every save, shown in the book and in the terminal.

use crate::server::{Action, Course as Pages};
use anstream::{adapter::strip_str, eprintln, println};
use anyhow::Result;
use attn::{
    Chapter, Course, Exercise, Target, answers,
    check::SEED,
    commands::{at_work, check_aloud, mine_command, next_hint},
    progress,
    render::{self, About, Paragraph},
};
use attn_exercise::{Report, Verdict};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

/// How often the learner's files are looked at.
const POLL: Duration = Duration::from_millis(200);

/// The course while somebody works on it.
pub struct Live {
    course: Course,
    known: Mutex<BTreeMap<String, Known>>,
    /// Chapters whose check was asked for by a button.
    asked: Mutex<BTreeSet<u32>>,
}

/// What is known of an exercise.
#[derive(Clone, Serialize)]
struct Known {
    id: String,
    title: String,
    points: u32,
    state: &'static str,
    heading: String,
    paragraphs: Vec<Paragraph>,
    /// What to do about it: a label and a command.
    commands: Vec<(&'static str, String)>,
}

impl Known {
    /// An exercise that was not checked since the course was started.
    fn unchecked(exercise: &Exercise, solved: bool) -> Self {
        let (state, heading) =
            if solved { ("passed", "Passed") } else { ("unsolved", "Not solved yet") };
        Known {
            id: exercise.id.clone(),
            title: exercise.title.clone(),
            points: exercise.points,
            state,
            heading: heading.into(),
            paragraphs: Vec::new(),
            commands: Vec::new(),
        }
    }
}

impl Live {
    /// The course as the last check left it.
    ///
    /// # Errors
    /// When a learner's file cannot be created, or the progress not be read.
    pub fn new(course: Course) -> Result<Self> {
        let progress = progress::load(&course)?;
        let mut known = BTreeMap::new();
        for chapter in &course.chapters {
            answers::ensure(&course, chapter)?;
            for exercise in &chapter.exercises {
                let solved = progress.of(&exercise.id).solved;
                known.insert(exercise.id.clone(), Known::unchecked(exercise, solved));
            }
        }
        Ok(Live { course, known: Mutex::new(known), asked: Mutex::default() })
    }

    /// Checks every chapter whose answers were saved or whose check was asked for. Does not
    /// return.
    pub fn watch(&self) -> ! {
        let mut saved: BTreeMap<u32, SystemTime> = BTreeMap::new();
        loop {
            for chapter in &self.course.chapters {
                let file = self.course.root.join(chapter.answers());
                let now = fs::metadata(&file).and_then(|file| file.modified()).ok();
                // A check lays out the files of all chapters. What nobody has written in yet need
                // not be compiled, while somebody waits for the next save.
                let changed = match saved.get(&chapter.number) {
                    None => now.is_some() && !self.is_starter(chapter, &file),
                    before => now != before.copied(),
                };
                let asked = lock(&self.asked).remove(&chapter.number);
                if changed || asked {
                    self.check(chapter);
                }
                match now {
                    Some(now) => saved.insert(chapter.number, now),
                    None => saved.remove(&chapter.number),
                };
            }
            thread::sleep(POLL);
        }
    }

    /// Whether a file is as the course has laid it out.
    fn is_starter(&self, chapter: &Chapter, file: &Path) -> bool {
        let starter = fs::read(self.course.root.join(chapter.starter()));
        matches!((fs::read(file), starter), (Ok(file), Ok(starter)) if file == starter)
    }

    fn check(&self, chapter: &Chapter) {
        for exercise in &chapter.exercises {
            if let Some(known) = lock(&self.known).get_mut(&exercise.id) {
                known.state = "checking";
            }
        }
        println!("{}", "─".repeat(80));
        let target = Target::Chapter(chapter.number);
        // Nothing is suggested where that cannot be told.
        let at_work = at_work(&self.course, chapter).unwrap_or_default();
        let outcome = check_aloud(&self.course, &target, false, SEED, |report| {
            self.learn(report, at_work.iter().any(|exercise| exercise.id == report.id));
        });
        if let Err(error) = outcome {
            eprintln!("error: {error:#}");
            for exercise in &chapter.exercises {
                if let Some(known) = lock(&self.known).get_mut(&exercise.id) {
                    let text = strip_str(&format!("{error:#}")).to_string();
                    known.state = "failed";
                    known.heading = "Cannot be checked".into();
                    known.paragraphs = vec![Paragraph { about: About::Note, text }];
                    known.commands = Vec::new();
                }
            }
        }
    }

    fn learn(&self, report: &Report, is_at_work: bool) {
        let Ok((chapter, exercise)) = self.course.exercise(&report.id) else {
            return;
        };
        let id = &exercise.id;
        let (state, commands) = match &report.verdict {
            Verdict::Passed { .. } => {
                let mut commands =
                    vec![("Compare with the reference", format!("cargo attn solution {id}"))];
                if is_at_work {
                    commands.push(("See it at work", mine_command(chapter.number)));
                }
                ("passed", commands)
            }
            Verdict::Unsolved { .. } | Verdict::WaitsOn { .. } => ("unsolved", Vec::new()),
            Verdict::Failed(failure) => {
                let case = failure.case;
                ("failed", vec![("See the case", format!("cargo attn try {id} --case {case}"))])
            }
            Verdict::DoesNotCompile { .. } | Verdict::CannotBeChecked { .. } => {
                ("failed", Vec::new())
            }
        };
        let mut paragraphs = render::explanation(&self.course, report);
        for paragraph in &mut paragraphs {
            paragraph.text = strip_str(&paragraph.text).to_string();
        }
        let heading = render::heading(exercise, &report.verdict);
        let known =
            Known { state, heading, paragraphs, commands, ..Known::unchecked(exercise, false) };
        lock(&self.known).insert(id.clone(), known);
    }
}

impl Pages for Live {
    fn state(&self) -> Value {
        let known = lock(&self.known);
        json!({ "exercises": known.values().collect::<Vec<_>>() })
    }

    fn act(&self, action: Action) -> Result<Value> {
        match action {
            Action::Hint(id) => {
                let of = self.course.exercise(&id)?.1.hints.len();
                let hints = next_hint(&self.course, &id)?.iter().enumerate();
                let hints = hints.map(|(i, hint)| format!("{} of {of}  {}", i + 1, hint.trim()));
                let mut said: Vec<String> = hints.collect();
                if said.len() == of {
                    said.push(format!(
                        "That is the last one. The reference: `cargo attn solution {id} --reveal`"
                    ));
                }
                Ok(json!({ "text": said.join("\n\n") }))
            }
            Action::Reset(id) => {
                let (chapter, _) = self.course.exercise(&id)?;
                let backup = answers::reset(&self.course, chapter, Some(&id))?;
                let text = match backup {
                    None => "It is its starter already.".into(),
                    Some(backup) => {
                        let backup = self.course.relative(&backup).display();
                        format!("Back to its starter. Your file as it was: {backup}")
                    }
                };
                Ok(json!({ "text": text }))
            }
            Action::Check(id) => {
                let (chapter, _) = self.course.exercise(&id)?;
                lock(&self.asked).insert(chapter.number);
                Ok(json!({}))
            }
        }
    }
}

/// What the locks guard is whole at any time, so that a panic elsewhere is no reason to stop.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
