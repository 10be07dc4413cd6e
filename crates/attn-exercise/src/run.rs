//! The parent's side of a check: starts a worker, watches it, and collects what came back.

use crate::{
    Limits, Place, Printed, Request, Symptom, Who,
    group::lead_a_group,
    stop::{Stop, shortened},
    watch::watch,
    worker::{FAILED, Frame, Outcome, Panic, encode, read_frames},
};
use process_wrap::std::CommandWrap;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io,
    path::Path,
    process::Stdio,
};

/// What one body left behind.
pub(crate) struct Run<A> {
    /// In the order of the cases, without those that failed.
    pub answers: Vec<A>,
    /// The cases that gave no answer, from 0. After a crash or a time limit no more were tried.
    pub failed: BTreeMap<usize, Ending>,
    pub printed: Vec<Printed>,
}

/// How a case ended that gave no answer.
#[derive(Clone)]
pub(crate) enum Ending {
    Symptom(Symptom),
    Stopped(Stop),
}

impl<A> Run<A> {
    fn new() -> Self {
        Run { answers: Vec::new(), failed: BTreeMap::new(), printed: Vec::new() }
    }

    /// These answers to all cases.
    pub fn of(answers: Vec<A>) -> Self {
        Run { answers, ..Run::new() }
    }

    /// The same run with other answers in the place of these.
    pub fn map<B>(self, other: impl FnMut(A) -> B) -> Run<B> {
        let Run { answers, failed, printed } = self;
        Run { answers: answers.into_iter().map(other).collect(), failed, printed }
    }

    /// How many cases have come to an end.
    pub fn tried(&self) -> usize {
        self.answers.len() + self.failed.len()
    }

    /// Notes what came of the next case.
    fn take(&mut self, outcome: Outcome<A>) {
        let case = self.tried();
        match outcome {
            Outcome::Answer(answer) => self.answers.push(answer),
            Outcome::Stopped(stop) => {
                self.failed.insert(case, Ending::Stopped(stop.shortened()));
            }
            // The worker shortens it; but what comes from there need not be its doing.
            Outcome::Panic(Panic { message, place }) => {
                let symptom = Symptom::Panicked { message: shortened(&message), place };
                self.failed.insert(case, Ending::Symptom(symptom));
            }
        }
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

    /// The place where a case of this run stopped, for a todo.
    pub fn place(&self, case: usize) -> Option<&Place> {
        match self.failed.get(&case)? {
            Ending::Symptom(Symptom::Panicked { place, .. }) => place.as_ref(),
            _ => None,
        }
    }
}

/// Runs bodies on the cases, one after the other, in a worker: the command `worker`, or if that is empty this
/// program again, with a [`Request::Work`]. A body that ends its worker costs its own remaining cases; the bodies after it
/// get a worker of their own.
///
/// # Errors
/// When a worker cannot be started, or its files not be written or read.
pub(crate) fn run<C: Serialize, A: DeserializeOwned>(
    id: &str,
    who: &[Who],
    cases: &[C],
    worker: &[String],
    limits: &Limits,
) -> io::Result<Vec<Run<A>>> {
    let mut runs = Vec::new();
    while runs.len() < who.len() {
        runs.extend(run_in_one_worker(id, &who[runs.len()..], cases, worker, limits)?);
    }
    Ok(runs)
}

/// At least one of the bodies; the others have to be run again if that one ended the worker.
fn run_in_one_worker<C: Serialize, A: DeserializeOwned>(
    id: &str,
    who: &[Who],
    cases: &[C],
    worker: &[String],
    limits: &Limits,
) -> io::Result<Vec<Run<A>>> {
    let dir = tempfile::tempdir()?;
    let all = who.len() * cases.len();
    let path = |name| dir.path().join(name);
    fs::write(path("cases"), encode(&cases)?).map_err(|error| at(dir.path(), error))?;
    let request = Request::Work {
        id: id.into(),
        who: who.to_vec(),
        dir: dir.path().into(),
        memory: limits.memory,
    };
    // Both are there before the worker is, which so need not make any file.
    File::create(path("outcomes")).map_err(|error| at(dir.path(), error))?;
    let printed = File::create(path("printed")).map_err(|error| at(dir.path(), error))?;
    let (program, arguments) = match worker {
        [] => (env::current_exe()?, worker),
        [program, arguments @ ..] => (program.into(), arguments),
    };
    let mut command = CommandWrap::with_new(program, |command| {
        command
            .args(arguments)
            .arg(request.to_string())
            .stdin(Stdio::piped())
            .stdout(printed.try_clone().map_or(Stdio::null(), Stdio::from))
            .stderr(printed);
    });
    lead_a_group(&mut command);
    let mut child = command.spawn()?;
    let ended = watch(child.as_mut(), &path("outcomes"), &path("printed"), all, limits);
    // The whole group, so that nothing that the answer started stays behind.
    let _ = child.start_kill();
    child.wait()?;
    let ended = ended?;

    let text = fs::read(path("printed"))?;
    // Of another program's exit status nothing is believed.
    if worker.is_empty() && ended.code() == Some(FAILED) {
        let why = String::from_utf8_lossy(&text);
        let why = why.lines().last().unwrap_or("no reason given");
        return Err(at(dir.path(), io::Error::other(why)));
    }
    let frames = read_frames(&fs::read(path("outcomes")).unwrap_or_default(), all);
    let mut runs = vec![Run::new()];
    let mut start = 0;
    for Frame { outcome, printed } in frames {
        if runs.last().is_some_and(|run: &Run<A>| run.tried() == cases.len()) {
            runs.push(Run::new());
        }
        let run = runs.last_mut().expect("one at least");
        let end = (printed as usize).clamp(start, text.len());
        run.print(&text[start..end]);
        start = end;
        run.take(outcome);
    }
    if runs.len() == who.len() || runs.last().is_some_and(|run| run.tried() < cases.len()) {
        let run = runs.last_mut().expect("one at least");
        if run.tried() < cases.len() {
            let rest = &text[start..];
            run.print(rest);
            let symptom = ended.symptom(&String::from_utf8_lossy(rest), limits);
            run.failed.insert(run.tried(), Ending::Symptom(symptom));
        }
    }
    Ok(runs)
}

/// An error of the worker's own reading and writing, which is never the answer's fault.
fn at(dir: &Path, error: io::Error) -> io::Error {
    let help = match error.kind() {
        io::ErrorKind::StorageFull => "; the disk is full",
        _ if error.to_string().contains("no storage space") => "; the disk is full",
        _ => "",
    };
    let dir = dir.display();
    io::Error::new(
        error.kind(),
        format!("the answer could not be run in the temporary folder {dir}: {error}{help}"),
    )
}
