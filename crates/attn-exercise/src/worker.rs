//! The child's side of a check: runs one body, case by case, and writes down what came of each.
//!
//! Everything passes through files in a folder of the parent's: `cases` (postcard) comes in,
//! `outcomes` (length-prefixed postcard, flushed a case) goes out, and `printed` is this process's
//! standard output and error. Files rather than pipes, because they still hold the outcomes of the
//! cases before a crash.

use crate::{Place, Symptom, Who, exercise::Answered};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    backtrace::Backtrace,
    fs::{self, File},
    io::{self, Read, Write},
    panic::{self, AssertUnwindSafe, Location},
    path::Path,
    process,
    sync::{Arc, Mutex},
    thread,
};

/// What came of one case, and how long `printed` was by then.
#[derive(Serialize, Deserialize)]
pub(crate) struct Frame<A> {
    pub outcome: Outcome<A>,
    pub printed: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Outcome<A> {
    Answer(A),
    Panic(Panic),
}

/// What a panic said, and where it came from.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Panic {
    pub message: String,
    pub place: Option<Place>,
}

impl From<Panic> for Symptom {
    fn from(Panic { message, place }: Panic) -> Self {
        Symptom::Panicked { message, place }
    }
}

/// What the learner's file is called.
const ANSWERS: &str = "exercise.rs";

/// The stack of the thread that runs the body: the same on every platform.
const STACK: usize = 16 << 20;

/// Runs a body on the cases in `dir`; a panic costs only its own.
pub(crate) fn work<B, C, A>(answered: &Answered<B, C, A>, who: Who, dir: &Path) -> io::Result<()>
where
    B: Sync,
    C: DeserializeOwned + Sync,
    A: Serialize,
{
    exit_with_parent();
    let cases: Vec<C> =
        postcard::from_bytes(&fs::read(dir.join("cases"))?).map_err(io::Error::other)?;
    let mut outcomes = File::create(dir.join("outcomes"))?;
    let printed = dir.join("printed");
    let (answer, body) = (answered.exercise.answer, answered.body(who));
    let run = || -> io::Result<()> {
        let latest = keep_panics();
        for case in &cases {
            let outcome = match panic::catch_unwind(AssertUnwindSafe(|| answer(body, case))) {
                Ok(answer) => Outcome::Answer(answer),
                Err(_) => Outcome::Panic(latest.lock().expect("not poisoned").clone()),
            };
            io::stdout().flush()?;
            let printed = fs::metadata(&printed)?.len();
            write_frame(&mut outcomes, &Frame { outcome, printed })?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let answer = thread::Builder::new()
            .name("answer".into())
            .stack_size(STACK)
            .spawn_scoped(scope, run)?;
        answer.join().expect("panics were caught")
    })
}

/// Ends this process, and on Unix what it started, when the parent ends, even by being killed: its
/// end of our standard input closes then.
fn exit_with_parent() {
    thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = io::stdin().read_to_end(&mut rest);
        // The worker leads a process group of its own.
        #[cfg(unix)]
        let _ = rustix::process::kill_current_process_group(rustix::process::Signal::KILL);
        process::exit(1);
    });
}

/// Keeps what the answer's latest panic said instead of printing it. Panics of threads that the
/// answer started are printed as usual.
fn keep_panics() -> Arc<Mutex<Panic>> {
    let latest = Arc::new(Mutex::new(Panic {
        message: "a panic without a message".into(),
        place: None,
    }));
    let (slot, answer, print) = (latest.clone(), thread::current().id(), panic::take_hook());
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() != answer {
            return print(info);
        }
        *slot.lock().expect("not poisoned") = Panic {
            message: info
                .payload_as_str()
                .unwrap_or("a panic without a message")
                .into(),
            place: place(info.location()),
        };
    }));
    latest
}

/// Where a panic came from: its own place, or if that is in a library, the line of the answers that
/// called it, which only the backtrace knows.
fn place(location: Option<&Location>) -> Option<Place> {
    let at = location?;
    let own = Place {
        file: at.file().into(),
        line: at.line(),
    };
    if own.file.ends_with(ANSWERS) {
        return Some(own);
    }
    let frames = Backtrace::force_capture().to_string();
    let called = frames.lines().find_map(|frame| {
        let (file, place) = frame.trim().strip_prefix("at ")?.rsplit_once(ANSWERS)?;
        let line = place.strip_prefix(':')?.split(':').next()?;
        Some(Place {
            file: format!("{file}{ANSWERS}"),
            line: line.parse().ok()?,
        })
    });
    called.or(Some(own))
}

pub(crate) fn encode<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    postcard::to_stdvec(value).map_err(io::Error::other)
}

fn write_frame<A: Serialize>(out: &mut File, frame: &Frame<A>) -> io::Result<()> {
    let bytes = encode(frame)?;
    let mut message = (bytes.len() as u64).to_le_bytes().to_vec();
    message.extend(bytes);
    out.write_all(&message)
}

/// The complete frames in `bytes`; one cut off by a crash is left out.
pub(crate) fn read_frames<A: DeserializeOwned>(mut bytes: &[u8]) -> Vec<Frame<A>> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
        let length = u64::from_le_bytes(*length) as usize;
        let Some((frame, rest)) = rest.split_at_checked(length) else {
            break;
        };
        let Ok(frame) = postcard::from_bytes(frame) else {
            break;
        };
        frames.push(frame);
        bytes = rest;
    }
    frames
}
