//! One submission, compiled and tried.
//!
//! This runs in a process of its own for each submission: whatever happens to it, the grader goes on. The compiler that it
//! starts is confined, and so are the workers; the judge, which knows what is right, is not theirs to reach.

use anyhow::{Context, Result};
use attn::{Course, compile, program};
use attn_exercise::{Failure, Grade, Limits, Request, Symptom, Verdict};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

/// What is to be tried.
#[derive(Debug, Serialize, Deserialize)]
pub struct Task {
    /// The workspace as students get it, with a target folder of its own.
    pub slot: PathBuf,
    /// The whole course's check program.
    pub judge: PathBuf,
    /// The chapter.
    pub chapter: u32,
    /// The exercises, in order.
    pub ids: Vec<String>,
    /// Of the hidden cases.
    pub seed: u64,
    /// The learner's file.
    pub answers: String,
    /// What a worker may use.
    pub limits: Limits,
}

/// What came of one exercise.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attempt {
    /// It was not run.
    Refused(Verdict),
    /// It was run on the cases that students see, and on those that they do not.
    Run {
        /// The cases that students see.
        visible: Box<Grade>,
        /// New cases.
        hidden: Box<Grade>,
    },
}

impl Attempt {
    /// Whether a time limit ended it.
    pub fn ran_out_of_time(&self) -> bool {
        let Attempt::Run { visible, hidden } = self else { return false };
        [visible, hidden].into_iter().any(|grade| {
            matches!(
                &grade.report.verdict,
                Verdict::Failed(Failure { symptom: Symptom::TimedOut { .. }, .. })
            )
        })
    }
}

impl Task {
    /// Compiles the answers and tries each exercise. What is found is told by id.
    ///
    /// # Errors
    /// When a file cannot be read or written, or the course itself does not compile.
    pub fn attempt(&self) -> Result<BTreeMap<String, Attempt>> {
        self.forget_programs();
        let found = self.compile_and_run();
        self.forget_programs();
        found
    }

    /// Removes the programs that were compiled here: the next submission could read the last one's.
    fn forget_programs(&self) {
        let programs = fs::read_dir(self.slot.join("target/debug/deps")).into_iter().flatten();
        for program in programs.flatten() {
            if program.file_name().to_string_lossy().starts_with("check-") {
                let _ = fs::remove_file(program.path());
            }
        }
    }

    fn compile_and_run(&self) -> Result<BTreeMap<String, Attempt>> {
        let course = Course::load(&self.slot)?;
        let chapter = course.chapter(self.chapter)?;
        let built = compile::with_learner(&course, chapter, &self.answers)?;
        let mut found: BTreeMap<String, Attempt> = BTreeMap::new();
        let mut open = Vec::new();
        for id in &self.ids {
            match built.refused.get(id) {
                Some(verdict) => {
                    found.insert(id.clone(), Attempt::Refused(verdict.clone()));
                }
                None => open.push(id.clone()),
            }
        }
        let Some(program) = built.program.filter(|_| !open.is_empty()) else {
            return Ok(found);
        };
        let own = env::current_exe().context("this program's own path")?;
        let path = |path: &Path| path.display().to_string();
        let worker = vec![path(&own), "worker".into(), path(program.path())];
        let scratch = self.slot.join(".attn/scratch");
        fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
        let grade = |seed: u64| -> Result<Vec<Grade>> {
            let (ids, limits) = (open.clone(), self.limits.clone());
            let request = Request::Grade { ids, worker: worker.clone(), seed, limits };
            let mut grades = Vec::new();
            program::ask(&self.judge, &scratch, &request, |grade: Grade| {
                grades.push(grade);
                Ok(())
            })?;
            Ok(grades)
        };
        let visible = grade(crate::export::VISIBLE)?;
        let hidden = grade(self.seed)?;
        let mut hidden: BTreeMap<String, Grade> =
            hidden.into_iter().map(|grade| (grade.report.id.clone(), grade)).collect();
        for visible in visible {
            let id = visible.report.id.clone();
            let hidden = hidden.remove(&id).context("the judge said nothing of it")?;
            let (visible, hidden) = (Box::new(visible), Box::new(hidden));
            found.insert(id, Attempt::Run { visible, hidden });
        }
        Ok(found)
    }
}
