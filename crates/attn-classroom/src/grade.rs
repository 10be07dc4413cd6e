//! Grading a class: each submission in its turn, several at a time, and none twice.

use crate::{
    Moment,
    assignment::{Assignment, Times},
    attempt::{Attempt, Task},
    credit::credit,
    digest,
    export::Export,
    results::{Predicted, Results, Student},
    submission::{Files, Submission},
    toolchain::Toolchain,
};
use anyhow::{Context, Result, bail, ensure};
use attn::{Chapter, Course, Exercise, compile, files};
use attn_exercise::{Limits, Verdict, lead_a_group};
use indicatif::{ProgressBar, ProgressStyle};
use process_wrap::std::CommandWrap;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

/// What the course says where a disk is full.
const FULL: &str = "the disk is full";

/// How long one submission may take in all.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// What a grader needs to know, besides the submissions.
pub struct Settings {
    /// The seed of the hidden cases.
    pub seed: u64,
    /// How many submissions are graded at a time.
    pub at_once: usize,
    /// What a worker may use.
    pub limits: Limits,
    /// Where submissions are compiled and what was found is kept; `.attn/classroom` of the course, otherwise.
    pub work: Option<PathBuf>,
}

/// Grades the submissions to one assignment.
pub struct Grader<'a> {
    assignment: &'a Assignment,
    settings: Settings,
    /// The asked exercises in the assignment's order, with what each is worth.
    exercises: Vec<(&'a Chapter, &'a Exercise, f64)>,
    chapters: Vec<Asked<'a>>,
    /// Where it works: slots, the judge, and what has been found.
    work: PathBuf,
    slots: Vec<PathBuf>,
    /// What the students' workspace is now.
    workspace: String,
    toolchain: Toolchain,
    /// This program under the name cargo.
    stand_in: PathBuf,
    /// Nobody else grades here meanwhile.
    _lock: Option<File>,
}

/// A chapter with what is asked of it.
struct Asked<'a> {
    chapter: &'a Chapter,
    ids: Vec<String>,
    judge: PathBuf,
    /// What the judge and the exercises are, as far as a result depends on them.
    fingerprint: String,
}

impl<'a> Grader<'a> {
    /// Makes all ready: the workspaces in which submissions are compiled, and the judge.
    ///
    /// # Errors
    /// When the assignment asks what is not there or cannot be handed out, a file cannot be read or written, or something
    /// does not compile.
    pub fn new(course: &'a Course, assignment: &'a Assignment, settings: Settings) -> Result<Self> {
        let export = Export::of(course, assignment)?;
        let mut exercises = Vec::new();
        for asked in &assignment.exercises {
            let (chapter, exercise) = course.exercise(&asked.id)?;
            exercises.push((chapter, exercise, asked.points));
        }
        let numbers: Vec<String> =
            assignment.chapters().iter().map(|number| format!("{number:02}")).collect();
        let own = course.root.join(".attn/classroom");
        let work = settings.work.as_ref().unwrap_or(&own).join(numbers.join("-"));
        fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
        let work = work.canonicalize()?;
        let lock = files::lock(&work.join("lock"), || {
            attn::complain(format_args!("Another grading is running; waiting for its end …"));
        })?;
        let slots: Vec<PathBuf> =
            (0..settings.at_once.max(1)).map(|slot| work.join(format!("slot-{slot}"))).collect();
        export.write(&slots[0])?;
        for slot in &slots[1..] {
            Export::write_again(&slots[0], slot)?;
        }
        for slot in &slots {
            for folder in ["target", ".attn/tmp"] {
                fs::create_dir_all(slot.join(folder))?;
            }
        }
        let workspace = export.fingerprint(&slots[0])?;
        if workspace != assignment.course {
            attn::complain(format_args!(
                "The course has changed since this was handed out; submissions are graded by what it is now."
            ));
        }
        let mut chapters = Vec::new();
        for number in assignment.chapters() {
            let chapter = course.chapter(number)?;
            let judge = work.join(format!("judge-{number:02}{}", env::consts::EXE_SUFFIX));
            let program = compile::without_learner(course, chapter)?;
            fs::copy(program.path(), &judge).context("the judge cannot be copied")?;
            let fingerprint = hash(&[&fs::read(&judge)?, workspace.as_bytes()]);
            let own = exercises.iter().filter(|(of, ..)| of.number == number);
            let ids = own.map(|(_, exercise, _)| exercise.id.clone()).collect();
            chapters.push(Asked { chapter, ids, judge, fingerprint });
        }
        let toolchain = Toolchain::find()?;
        let stand_in = stand_in(&work)?;
        let grader = Grader {
            assignment,
            settings,
            exercises,
            chapters,
            work,
            slots,
            workspace,
            toolchain,
            stand_in,
            _lock: lock,
        };
        grader.warm()?;
        Ok(grader)
    }

    /// Compiles in each slot what all submissions need. A starter is what is tried: whatever goes wrong is not a
    /// student's.
    fn warm(&self) -> Result<()> {
        let spinner = ProgressBar::new_spinner();
        spinner.enable_steady_tick(Duration::from_millis(120));
        spinner.set_message(
            "Compiling what all submissions need (the first time takes some minutes) …",
        );
        let everywhere =
            self.slots.iter().flat_map(|slot| self.chapters.iter().map(move |it| (slot, it)));
        for (slot, asked) in everywhere {
            let starter = fs::read_to_string(slot.join(asked.chapter.starter()))?;
            let found =
                self.attempt(slot, asked, &starter).context("the starter cannot be tried")?;
            let refused = found.iter().find_map(|(id, attempt)| {
                let verdict = match attempt {
                    Attempt::Refused(verdict) => verdict,
                    Attempt::Run { visible, .. } => &visible.report.verdict,
                };
                let fine = matches!(verdict, Verdict::Unsolved { .. } | Verdict::WaitsOn { .. });
                (!fine).then(|| format!("{id}: {verdict:?}"))
            });
            ensure!(
                refused.is_none(),
                "the starter cannot be tried: {}",
                refused.unwrap_or_default()
            );
        }
        spinner.finish_and_clear();
        Ok(())
    }

    /// Grades them all. What has been found once is not looked for again, also after the grader was stopped.
    ///
    /// # Errors
    /// When a file cannot be read or written. What is wrong with a submission is in its result.
    pub fn grade(&self, submissions: &[Submission], extensions: &Times) -> Result<Results> {
        let bar = ProgressBar::new(submissions.len() as u64);
        let style = "{bar:30} {pos} of {len} submissions, {elapsed} gone, about {eta} to go";
        bar.set_style(ProgressStyle::with_template(style)?);
        let queue = Mutex::new(submissions.iter());
        let students = Mutex::new(Vec::new());
        thread::scope(|scope| -> Result<()> {
            let workers: Vec<_> = self
                .slots
                .iter()
                .map(|slot| {
                    scope.spawn(|| -> Result<()> {
                        loop {
                            let Some(submission) = queue.lock().expect("not poisoned").next()
                            else {
                                return Ok(());
                            };
                            let student = self.student(slot, submission, extensions)?;
                            students.lock().expect("not poisoned").push(student);
                            bar.inc(1);
                        }
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("it does not panic"))
        })?;
        bar.finish_and_clear();
        let (title, chapters) = (self.assignment.title.clone(), self.assignment.chapters());
        let students = students.into_inner().expect("not poisoned");
        let workspace = self.workspace.clone();
        Ok(Results::new(title, chapters, workspace, self.settings.seed, students)?)
    }

    fn student(&self, slot: &Path, submission: &Submission, extensions: &Times) -> Result<Student> {
        let Submission { name, submitted, notes, read, .. } = submission;
        let mut notes = notes.clone();
        let none = Files { answers: BTreeMap::new(), predictions: None };
        let (files, refused) = match read {
            Ok(files) => (files, None),
            Err(refusal) => (&none, Some(refusal.to_string())),
        };
        let mut attempts = BTreeMap::new();
        for asked in &self.chapters {
            if let Some(answers) = files.answers.get(&asked.chapter.number) {
                attempts.extend(self.remembered(slot, asked, answers, &mut notes)?);
            }
        }
        let exercises = self.exercises.iter().map(|(chapter, exercise, of)| {
            let attempt = attempts.get(&exercise.id);
            let mut graded = credit(exercise, *of, attempt);
            if attempt.is_none() && !files.answers.contains_key(&chapter.number) {
                graded.private = "nothing of its chapter was handed in".into();
            }
            if refused.is_some() {
                graded.private = "the submission could not be read".into();
            }
            graded
        });
        let due = extensions.of(name).unwrap_or(&self.assignment.due);
        let late_factor = self.late_factor(due, submitted.as_ref(), &mut notes);
        Ok(Student {
            name: name.clone(),
            submitted: submitted.as_ref().map(ToString::to_string),
            due: due.to_string(),
            exercises: exercises.collect(),
            predictions: self.predictions(files.predictions.as_deref(), &mut notes),
            notes,
            refused,
            late_factor,
            points: 0.0,
            of: 0.0,
        })
    }

    fn late_factor(
        &self,
        due: &Moment,
        submitted: Option<&Moment>,
        notes: &mut Vec<String>,
    ) -> f64 {
        match submitted {
            Some(submitted) => self.assignment.late_factor(due, submitted),
            None => {
                notes.push("nobody says when it was handed in; it counts as in time".into());
                1.0
            }
        }
    }

    fn predictions(&self, text: Option<&str>, notes: &mut Vec<String>) -> Vec<Predicted> {
        let answers: BTreeMap<String, toml::Value> = match text.map(toml::from_str).transpose() {
            Ok(answers) => answers.unwrap_or_default(),
            Err(error) => {
                notes.push(format!("predictions.toml cannot be read: {error}"));
                BTreeMap::new()
            }
        };
        let questions = self.assignment.questions.iter().map(|question| {
            let answer = answers.get(&question.id).map(|answer| match answer {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            let answer = answer.filter(|answer| !answer.trim().is_empty());
            let right = answer.as_ref().is_some_and(|answer| question.accepts.is_right(answer));
            Predicted {
                id: question.id.clone(),
                text: question.text.clone(),
                answer,
                right,
                of: question.points,
                points: if right { question.points } else { 0.0 },
            }
        });
        questions.collect()
    }

    /// What comes of some answers: what was found before, or what is found now.
    fn remembered(
        &self,
        slot: &Path,
        asked: &Asked,
        answers: &str,
        notes: &mut Vec<String>,
    ) -> Result<BTreeMap<String, Attempt>> {
        let seed = self.settings.seed.to_le_bytes();
        let limits = serde_json::to_vec(&self.settings.limits)?;
        let ids = asked.ids.join(" ");
        let parts =
            [asked.fingerprint.as_bytes(), ids.as_bytes(), &seed, &limits, answers.as_bytes()];
        let key = hash(&parts);
        let file = self.work.join("found").join(format!("{key}.json"));
        if let Ok(text) = fs::read(&file)
            && let Ok(found) = serde_json::from_slice(&text)
        {
            return Ok(found);
        }
        match self.attempt(slot, asked, answers) {
            Ok(found) => {
                // Time depends on what else the machine does, so it gets another chance.
                if !found.values().any(Attempt::ran_out_of_time) {
                    files::write(&file, serde_json::to_string(&found)?)?;
                }
                Ok(found)
            }
            // A full disk is the grader's trouble, and the next submission would not fare better.
            Err(error) if files::is_full(&error) => Err(error),
            Err(error) => {
                notes.push(format!("it could not be graded: {error:#}"));
                Ok(BTreeMap::new())
            }
        }
    }

    /// Compiles and tries some answers, in a process of its own.
    fn attempt(
        &self,
        slot: &Path,
        asked: &Asked,
        answers: &str,
    ) -> Result<BTreeMap<String, Attempt>> {
        let task = Task {
            slot: slot.into(),
            judge: asked.judge.clone(),
            chapter: asked.chapter.number,
            ids: asked.ids.clone(),
            seed: self.settings.seed,
            answers: answers.into(),
            limits: self.settings.limits.clone(),
        };
        // Beside the slot: what is compiled there may read all of it, and the seed is nobody's business.
        let file = slot.with_extension("task.json");
        fs::write(&file, serde_json::to_string(&task)?)?;
        let found = slot.with_extension("found.json");
        let _ = fs::remove_file(&found);
        let environment = self.toolchain.environment(slot, &self.stand_in)?;
        let mut command = CommandWrap::with_new(env::current_exe()?, |command| {
            command
                .args(["attempt".as_ref(), file.as_os_str(), found.as_os_str()])
                .env_clear()
                .envs(environment)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
        });
        lead_a_group(&mut command);
        let mut child = command.spawn().context("the grader cannot start itself")?;
        let complaint = child.stderr().take();
        let complaint = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = complaint.map(|stderr| stderr.take(1 << 16).read_to_end(&mut text));
            String::from_utf8_lossy(&text).trim().to_string()
        });
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if began.elapsed() > PATIENCE {
                break None;
            }
            thread::sleep(Duration::from_millis(20));
        };
        // The whole group, so that nothing stays behind.
        let _ = child.start_kill();
        let _ = child.wait();
        match status {
            Some(status) if status.success() => {}
            Some(status) => {
                let complaint = complaint.join().unwrap_or_default();
                if complaint.contains(FULL) {
                    return Err(io::Error::from(io::ErrorKind::StorageFull)).context(complaint);
                }
                bail!("{complaint} ({status})")
            }
            None => bail!(
                "it took more than {} minutes; grade fewer exercises at a time, or allow a case less with --seconds",
                PATIENCE.as_secs() / 60
            ),
        }
        let text = fs::read_to_string(&found).context("what was found cannot be read")?;
        Ok(serde_json::from_str(&text)?)
    }
}

/// This program under the name cargo, which the course command starts.
fn stand_in(work: &Path) -> Result<PathBuf> {
    let path = work.join("bin").join(format!("cargo{}", env::consts::EXE_SUFFIX));
    let own = env::current_exe().context("this program's own path")?;
    // It may have been another build's.
    if !path.canonicalize().is_ok_and(|there| Some(there) == own.canonicalize().ok()) {
        let _ = fs::remove_file(&path);
        fs::create_dir_all(work.join("bin"))?;
        #[cfg(unix)]
        std::os::unix::fs::symlink(own, &path)?;
        #[cfg(not(unix))]
        fs::copy(own, &path)?;
    }
    Ok(path)
}

fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    digest::name(hash, 16)
}
