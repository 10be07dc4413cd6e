//! The child's side of a check: runs bodies, case by case, and writes down what came of each.
//!
//! Everything passes through files in a folder of the parent's: `cases` (postcard) comes in,
//! `outcomes` (length-prefixed postcard, flushed after each case) goes out, and `printed` is this process's
//! standard output and error. Files rather than pipes, because they still hold the outcomes of the
//! cases before a crash.

use crate::{
    Place, Who,
    exercise::Answer,
    stop::{Stop, shortened},
    trace::take_operation,
};
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
    Stopped(Stop),
}

/// What a panic said, and where it came from.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Panic {
    pub message: String,
    pub place: Option<Place>,
}

/// How the message of a `todo!` begins.
pub(crate) const TODO: &str = "not yet implemented";

/// What the learner's file is called.
const ANSWERS: &str = "exercise.rs";

/// The stack of the thread that runs the body: the same on every platform.
pub(crate) const STACK: usize = 16 << 20;

/// The exit code of a worker that could not do its own reading and writing.
pub(crate) const FAILED: i32 = 121;

/// Runs each body on the cases in `dir`; a panic costs only its own case.
pub(crate) fn work<C, A>(
    answered: &(impl Answer<C, A> + Sync),
    who: &[Who],
    dir: &Path,
) -> io::Result<()>
where
    C: DeserializeOwned + Sync,
    A: Serialize,
{
    exit_with_parent();
    let cases: Vec<C> =
        postcard::from_bytes(&fs::read(dir.join("cases"))?).map_err(io::Error::other)?;
    let mut outcomes = File::create(dir.join("outcomes"))?;
    let printed = dir.join("printed");
    let run = || -> io::Result<()> {
        let latest = keep_panics();
        for (who, case) in who.iter().flat_map(|who| cases.iter().map(move |case| (who, case))) {
            let answer = || answered.answer(*who, case);
            let outcome = match panic::catch_unwind(AssertUnwindSafe(answer)) {
                Ok(answer) => Outcome::Answer(answer),
                Err(payload) => match payload.downcast::<Stop>() {
                    Ok(stop) => Outcome::Stopped(*stop),
                    Err(_) => Outcome::Panic(latest.lock().expect("not poisoned").clone()),
                },
            };
            if matches!(&outcome, Outcome::Panic(panic) if is_full_disk(&panic.message)) {
                return Err(io::ErrorKind::StorageFull.into());
            }
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

/// Whether a panic is that of `println!` on a full disk, which is no fault of the answer's.
fn is_full_disk(message: &str) -> bool {
    message.starts_with("failed printing to std") && message.contains("os error 28")
}

/// Ends this process, and on Unix what it started, when the parent ends, even by being killed: its
/// end of our standard input closes then.
pub(crate) fn exit_with_parent() {
    thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = io::stdin().read_to_end(&mut rest);
        end_with_group();
    });
}

/// Ends this process and all that it started: it leads a process group of its own.
pub(crate) fn end_with_group() -> ! {
    #[cfg(unix)]
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::KILL);
    process::exit(1);
}

/// Keeps what the answer's latest panic said instead of printing it. Panics of threads that the
/// answer started are printed as usual.
pub(crate) fn keep_panics() -> Arc<Mutex<Panic>> {
    let latest =
        Arc::new(Mutex::new(Panic { message: "a panic without a message".into(), place: None }));
    let (slot, answer, print) = (latest.clone(), thread::current().id(), panic::take_hook());
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() != answer {
            return print(info);
        }
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        let mut message = shortened(message);
        // A todo is looked for at the beginning of the message.
        if let Some(operation) = take_operation().filter(|_| !message.starts_with(TODO)) {
            message = format!("in operation {operation}: {message}");
        }
        *slot.lock().expect("not poisoned") = Panic { message, place: place(info.location()) };
    }));
    latest
}

/// Where a panic came from: its own place, or if that is in a library, the line of the answers that
/// called it, which only the backtrace knows.
fn place(location: Option<&Location>) -> Option<Place> {
    let at = location?;
    let own = Place { file: at.file().into(), line: at.line() };
    if own.file.ends_with(ANSWERS) {
        return Some(own);
    }
    let frames = Backtrace::force_capture().to_string();
    let called = frames.lines().find_map(|frame| {
        let (file, place) = frame.trim().strip_prefix("at ")?.rsplit_once(ANSWERS)?;
        // A file of this name in `src` is the contract's own.
        let file = Some(file).filter(|file| !file.ends_with("src/"))?;
        let line = place.strip_prefix(':')?.split(':').next()?;
        Some(Place { file: format!("{file}{ANSWERS}"), line: line.parse().ok()? })
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
/// At most so many.
pub(crate) fn read_frames<A: DeserializeOwned>(mut bytes: &[u8], most: usize) -> Vec<Frame<A>> {
    let mut frames = Vec::new();
    while frames.len() < most
        && let Some((length, rest)) = bytes.split_first_chunk::<8>()
    {
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
