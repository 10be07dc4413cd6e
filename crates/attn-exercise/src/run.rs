//! The parent's side of a check: starts a worker, watches it, and collects what came back.

use crate::{
    Check, Diagnosis, Failure, Field, Fields, Finding, Place, Printed, Report, Request, Shown,
    Symptom, Trial, Verdict, Verification, Who,
    exercise::Answered,
    fields::agree,
    verify::verify,
    watch::watch,
    worker::{self, Frame, Outcome, encode, read_frames},
};
use process_wrap::std::CommandWrap;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io,
    path::Path,
    process::Stdio,
    rc::Rc,
};

/// What a worker may use before it is stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Time for one case.
    pub seconds: u64,
    /// Memory in bytes.
    pub memory: usize,
    /// Standard output and error in bytes.
    pub printed: u64,
}

impl Default for Limits {
    /// Ten seconds a case, 2 GiB, 16 MiB of output.
    fn default() -> Self {
        Limits {
            seconds: 10,
            memory: 2 << 30,
            printed: 16 << 20,
        }
    }
}

/// What a worker left behind.
pub(crate) struct Run<A> {
    /// In the order of the cases, without those that failed.
    answers: Vec<A>,
    /// The cases that gave no answer, from 0. After a crash or a time limit no more were tried.
    failed: BTreeMap<usize, Symptom>,
    printed: Vec<Printed>,
}

/// How the message of a `todo!` begins.
const TODO: &str = "not yet implemented";

/// How the message of [`does_not_compile`] begins.
const REFUSED: &str = "does not compile: ";

/// For answers in a language that the check program compiles itself: ends the case, and the verdict
/// is that the answer does not compile.
///
/// # Panics
/// Always; that is how it ends the case.
pub fn does_not_compile(message: &str) -> ! {
    panic!("{REFUSED}{message}")
}

/// How the message of [`cannot_be_checked`] begins.
const UNCHECKED: &str = "cannot be checked: ";

/// For answers that need something which is not there: ends the case, and the verdict says why the
/// answer was not run.
///
/// # Panics
/// Always; that is how it ends the case.
pub fn cannot_be_checked(why: &str) -> ! {
    panic!("{UNCHECKED}{why}")
}

/// For answers in another language: ends the case, and the verdict is that this todo was reached.
///
/// # Panics
/// Always; that is how it ends the case.
pub fn todo_reached(what: &str) -> ! {
    todo!("{what}")
}

impl<B, C, A> Check for Answered<B, C, A>
where
    B: Sync,
    C: Fields + Serialize + DeserializeOwned + Sync,
    A: Fields + Serialize + DeserializeOwned,
{
    fn id(&self) -> &'static str {
        self.exercise.id
    }

    fn verify(&self, seed: u64, limits: &Limits) -> io::Result<Verification> {
        verify(self, seed, limits)
    }

    fn work(&self, who: Who, dir: &Path) -> io::Result<()> {
        worker::work(self, who, dir)
    }

    fn check(&self, who: Who, seed: u64, limits: &Limits) -> io::Result<Report> {
        let cases = (self.exercise.cases)(seed);
        let run = self.run(who, &cases, limits)?;
        self.report(&cases, &run, |i| self.run_mistake(i, &cases, limits))
    }

    fn try_case(
        &self,
        case: usize,
        who: Who,
        seed: u64,
        limits: &Limits,
    ) -> io::Result<Option<Trial>> {
        let mut cases = (self.exercise.cases)(seed);
        let of = cases.len();
        if !(1..=of).contains(&case) {
            return Ok(None);
        }
        cases = vec![cases.swap_remove(case - 1)];
        let run = self.run(who, &cases, limits)?;
        let expected = (self.exercise.answer)(&self.exercise.solution, &cases[0]);
        Ok(Some(Trial {
            label: cases[0].label(),
            of,
            inputs: show(&cases[0].fields()),
            steps: show(&(self.exercise.steps)(&cases[0])),
            answer: run
                .answers
                .first()
                .map_or(Vec::new(), |a| show(&a.fields())),
            expected: show(&expected.fields()),
            report: self.report(&cases, &run, |i| self.run_mistake(i, &cases, limits))?,
        }))
    }
}

fn show(fields: &[Field]) -> Vec<Shown> {
    fields.iter().map(Shown::from).collect()
}

impl<B, C, A> Answered<B, C, A>
where
    C: Fields + Serialize,
    A: Fields + DeserializeOwned,
{
    /// The verdict on a run; `mistake(i)` gives the run of the known mistake `i` on the same cases.
    pub(crate) fn report(
        &self,
        cases: &[C],
        run: &Run<A>,
        mistake: impl Fn(usize) -> io::Result<Rc<Run<A>>>,
    ) -> io::Result<Report> {
        let verdict = match self.first_failure(cases, run) {
            None => Verdict::Passed { cases: cases.len() },
            Some((_, Symptom::Panicked { message, place })) if message.starts_with(TODO) => {
                let right = self.right(cases, run);
                unsolved(self.exercise.id, &message, place, right, cases.len())
            }
            Some((_, Symptom::Panicked { message, .. })) if message.starts_with(REFUSED) => {
                let errors = vec![message[REFUSED.len()..].to_string()];
                Verdict::DoesNotCompile { errors }
            }
            Some((_, Symptom::Panicked { message, .. })) if message.starts_with(UNCHECKED) => {
                let why = message[UNCHECKED.len()..].to_string();
                Verdict::CannotBeChecked { why }
            }
            Some((case, symptom)) => Verdict::Failed(Failure {
                case: case + 1,
                label: cases[case].label(),
                right: self.right(cases, run),
                of: cases.len(),
                symptom,
                diagnosis: self.diagnose(run, mistake)?,
            }),
        };
        Ok(Report {
            id: self.exercise.id.into(),
            verdict,
            printed: run.printed.clone(),
        })
    }

    /// The first case that failed, and how.
    fn first_failure(&self, cases: &[C], run: &Run<A>) -> Option<(usize, Symptom)> {
        let failed = run.failed.first_key_value();
        let before = failed.map_or(cases.len(), |(case, _)| *case);
        match (self.exercise.judge)(&cases[..before], &run.answers[..before]) {
            Err(Finding { case, what }) => Some((case, Symptom::Wrong { what })),
            Ok(()) => failed.map(|(case, symptom)| (*case, symptom.clone())),
        }
    }

    /// How many cases are right, each looked at alone.
    fn right(&self, cases: &[C], run: &Run<A>) -> usize {
        let cases = cases.chunks(1).enumerate();
        let came_back = cases.filter(|(case, _)| !run.failed.contains_key(case));
        came_back
            .zip(run.answers.chunks(1))
            .filter(|((_, case), answer)| (self.exercise.judge)(case, answer).is_ok())
            .count()
    }

    /// The first known mistake that explains everything that came back.
    fn diagnose(
        &self,
        run: &Run<A>,
        mistake: impl Fn(usize) -> io::Result<Rc<Run<A>>>,
    ) -> io::Result<Option<Diagnosis>> {
        for (i, known) in self.exercise.mistakes.iter().enumerate() {
            if explains(mistake(i)?.as_ref(), run) {
                return Ok(Some(Diagnosis {
                    mistake: known.name.into(),
                    when: known.when.into(),
                }));
            }
        }
        Ok(None)
    }

    /// Runs a known mistake.
    pub(crate) fn run_mistake(
        &self,
        i: usize,
        cases: &[C],
        limits: &Limits,
    ) -> io::Result<Rc<Run<A>>> {
        Ok(Rc::new(self.run(Who::Mistake(i), cases, limits)?))
    }

    /// Runs a body on the cases in a worker: this program again, with a [`Request::Work`].
    fn run(&self, who: Who, cases: &[C], limits: &Limits) -> io::Result<Run<A>> {
        let dir = tempfile::tempdir()?;
        let path = |name| dir.path().join(name);
        fs::write(path("cases"), encode(&cases)?)?;
        let request = Request::Work {
            id: self.exercise.id.into(),
            who,
            dir: dir.path().into(),
            memory: limits.memory,
        };
        let printed = File::create(path("printed"))?;
        let mut command = CommandWrap::with_new(env::current_exe()?, |command| {
            command
                .arg(request.to_string())
                .stdin(Stdio::piped())
                .stdout(printed.try_clone().map_or(Stdio::null(), Stdio::from))
                .stderr(printed);
        });
        #[cfg(unix)]
        command.wrap(process_wrap::std::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::std::JobObject);
        let mut worker = command.spawn()?;
        let ended = watch(worker.as_mut(), &path("outcomes"), &path("printed"), limits);
        // The whole group, so that nothing that the answer started stays behind.
        let _ = worker.start_kill();
        worker.wait()?;
        let ended = ended?;

        let text = fs::read(path("printed"))?;
        let frames = read_frames(&fs::read(path("outcomes")).unwrap_or_default());
        let mut run = Run {
            answers: Vec::new(),
            failed: BTreeMap::new(),
            printed: Vec::new(),
        };
        let mut start = 0;
        for Frame { outcome, printed } in frames {
            let end = (printed as usize).clamp(start, text.len());
            run.print(&text[start..end]);
            start = end;
            match outcome {
                Outcome::Answer(answer) => run.answers.push(answer),
                Outcome::Panic(panic) => {
                    run.failed.insert(run.tried(), panic.into());
                }
            }
        }
        if run.tried() < cases.len() {
            let rest = &text[start..];
            run.print(rest);
            let symptom = ended.symptom(&String::from_utf8_lossy(rest), limits);
            run.failed.insert(run.tried(), symptom);
        }
        Ok(run)
    }
}

impl<A> Run<A> {
    /// How many cases have come to an end.
    fn tried(&self) -> usize {
        self.answers.len() + self.failed.len()
    }

    /// Notes what the next case printed, shortened.
    fn print(&mut self, text: &[u8]) {
        const MOST: usize = 2000;
        let mut text = String::from_utf8_lossy(text).into_owned();
        if let Some((end, _)) = text.char_indices().nth(MOST) {
            text.truncate(end);
            text.push_str("… (the rest is not shown)\n");
        }
        if !text.trim().is_empty() {
            let case = self.tried() + 1;
            self.printed.push(Printed { case, text });
        }
    }
}

/// Whether a mistake's run explains an answer's: the same answers, and the same panics on the same
/// cases.
fn explains<A: Fields>(mistake: &Run<A>, answer: &Run<A>) -> bool {
    let message = |symptom: &Symptom| match symptom {
        Symptom::Panicked { message, .. } => Some(message.clone()),
        _ => None,
    };
    let fails_alike = |((i, a), (j, b)): ((&usize, &Symptom), (&usize, &Symptom))| {
        i == j && message(a).is_some() && message(a) == message(b)
    };
    mistake.failed.len() == answer.failed.len()
        && mistake.answers.len() == answer.answers.len()
        && mistake.failed.iter().zip(&answer.failed).all(fails_alike)
        && mistake
            .answers
            .iter()
            .zip(&answer.answers)
            .all(|(a, b)| agree(a, b))
}

/// The verdict on a `todo!` that was reached: this exercise's own, or that of another one which it
/// calls.
fn unsolved(id: &str, message: &str, place: Option<Place>, right: usize, of: usize) -> Verdict {
    let todo = message[TODO.len()..].trim_start_matches(": ").to_string();
    match todo.split_once(": ") {
        Some((on, _)) if on != id && is_id(on) => Verdict::WaitsOn { on: on.into() },
        _ => Verdict::Unsolved {
            todo,
            place,
            right,
            of,
        },
    }
}

/// `3.2`: a chapter, a dot, a number.
fn is_id(text: &str) -> bool {
    let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.')
        .is_some_and(|(chapter, exercise)| number(chapter) && number(exercise))
}
