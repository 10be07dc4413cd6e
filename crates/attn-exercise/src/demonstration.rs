//! A demonstration on a learner's functions: `cargo attn run 3 --mine`.
//!
//! The demonstration is a program of its own, which the course command starts as a check program
//! starts a worker: in a process group that ends with its parent, on a stack of the same size, and
//! with limits. A demonstration as a whole may take as long and as much memory as it likes, for
//! `--n 65536` may have been asked for; the limits are on each call of a learner's function.

use crate::{
    Limits, Symptom, memory,
    watch::Ended,
    worker::{FAILED, Panic, STACK, TODO, encode, exit_with_parent, keep_panics},
};
use process_wrap::std::{ChildWrapper, CommandWrap};
use serde::{Deserialize, Serialize};
use std::{
    env,
    fmt::Display,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, Write},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::{self, Command, ExitCode, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The variable in which a demonstration is told that it runs a learner's functions.
const VARIABLE: &str = "ATTN_DEMONSTRATION";

/// What it is told.
#[derive(Serialize, Deserialize)]
struct Told {
    /// The folder with the files below.
    dir: PathBuf,
    /// The most bytes that a call may take beside what there is.
    memory: usize,
    /// The exercises whose functions are the learner's.
    yours: Vec<String>,
}

/// The file that says which of the learner's functions runs, and which call from outside it is.
const RUNNING: &str = "running";
/// The file that says what a panic said.
const PANIC: &str = "panic";

/// How often a demonstration is looked at.
const POLL: Duration = Duration::from_millis(20);

/// What a demonstration prints, and whether all is well, which its exit status tells.
pub struct Outcome {
    /// What it prints.
    pub text: String,
    /// Whether all is well.
    pub well: bool,
}

impl From<String> for Outcome {
    fn from(text: String) -> Self {
        Outcome { text, well: true }
    }
}

/// The `main` of a demonstration that can run a learner's functions. What `run` gives is printed; a
/// failure is told on standard error. Whoever started it says whether it is watched.
pub fn demonstrate<T: Into<Outcome>, E: Display>(
    run: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> ExitCode {
    let run = || match run().map(Into::into) {
        Ok(Outcome { text, well }) => {
            // Whoever reads this may stop early, as `head` does.
            let _ = io::stdout().write_all(text.as_bytes());
            if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    };
    let Some(told) = env::var_os(VARIABLE) else {
        return run();
    };
    match watched(&told.to_string_lossy(), run) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("the demonstration could not be run: {error}");
            process::exit(FAILED)
        }
    }
}

fn watched(told: &str, run: impl FnOnce() -> ExitCode + Send + 'static) -> io::Result<ExitCode> {
    let Told { dir, memory, yours } = serde_json::from_str(told)?;
    exit_with_parent();
    let file = File::create(dir.join(RUNNING))?;
    let calls = Calls { file, memory, yours, running: None, count: 0 };
    assert!(CALLS.set(Mutex::new(calls)).is_ok(), "a demonstration is begun once");
    let run = move || {
        let latest = keep_panics();
        let outcome = panic::catch_unwind(AssertUnwindSafe(run));
        outcome.map_err(|_| latest.lock().unwrap_or_else(PoisonError::into_inner).clone())
    };
    let answer = thread::Builder::new().name("answer".into()).stack_size(STACK).spawn(run)?;
    match answer.join().expect("panics were caught") {
        Ok(code) => Ok(code),
        Err(panic) => {
            fs::write(dir.join(PANIC), encode(&panic)?)?;
            process::exit(FAILED)
        }
    }
}

/// The calls of the learner's functions.
struct Calls {
    file: File,
    memory: usize,
    yours: Vec<String>,
    /// The exercise whose function runs: the innermost, if one is called while another runs.
    running: Option<&'static str>,
    /// How many calls there were from outside.
    count: u64,
}

/// Nothing where nobody watches.
static CALLS: OnceLock<Mutex<Calls>> = OnceLock::new();

/// Whether the function that stands for this exercise is the learner's.
pub fn is_yours(id: &str) -> bool {
    let calls = CALLS.get().map(|calls| calls.lock().unwrap_or_else(PoisonError::into_inner));
    calls.is_some_and(|calls| calls.yours.iter().any(|yours| yours == id))
}

/// As long as this lives, a function of the learner's is running.
#[must_use]
pub struct Entered {
    outside: Option<&'static str>,
}

/// The demonstration calls the learner's answer to this exercise.
pub fn entered(id: &'static str) -> Entered {
    let Some(calls) = CALLS.get() else {
        return Entered { outside: None };
    };
    let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
    let outside = calls.running.replace(id);
    if outside.is_none() {
        calls.count += 1;
        memory::limit(memory::allocated().saturating_add(calls.memory));
    }
    calls.tell();
    Entered { outside }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Whoever looks at what a panic left behind wants to know where it was.
        if thread::panicking() {
            return;
        }
        let Some(calls) = CALLS.get() else {
            return;
        };
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.running = self.outside;
        if self.outside.is_none() {
            memory::limit(usize::MAX);
        }
        calls.tell();
    }
}

impl Calls {
    /// Always as long, so that nothing of what was there before stays.
    fn tell(&mut self) {
        let line = format!("{:<8}{:<24}\n", self.running.unwrap_or_default(), self.count);
        let _ = self.file.rewind().and_then(|()| self.file.write_all(line.as_bytes()));
    }
}

/// How a demonstration came to its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Demonstrated {
    /// By itself, with this exit status.
    Ended {
        /// It is 0 if all was well.
        code: i32,
    },
    /// Something in it went wrong, or it was stopped.
    Stopped {
        /// What happened.
        symptom: Symptom,
        /// The exercise whose function was running.
        id: Option<String>,
    },
    /// A `todo!` was reached.
    Todo {
        /// What it says.
        todo: String,
        /// The exercise whose function was running.
        id: Option<String>,
    },
}

/// Runs a demonstration on a learner's functions and waits for its end. Of the limits, those on time
/// and memory are for each call of a learner's function. `dir` is an empty folder, `yours` are the
/// exercises whose functions are the learner's.
///
/// # Errors
/// When it cannot be started, or its files not be read.
pub fn watch_demonstration(
    program: &Path,
    arguments: &[String],
    dir: &Path,
    yours: Vec<String>,
    limits: &Limits,
) -> io::Result<Demonstrated> {
    let told = Told { dir: dir.into(), memory: limits.memory, yours };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env(VARIABLE, serde_json::to_string(&told)?)
        // What goes wrong is said in one line, whatever the learner has set for programs of their own.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped());
    let mut command = CommandWrap::from(command);
    #[cfg(unix)]
    command.wrap(process_wrap::std::ProcessGroup::leader());
    #[cfg(windows)]
    command.wrap(process_wrap::std::JobObject);
    let mut child = command.spawn()?;
    let stderr = child.stderr().take().expect("it is piped");
    let messages = thread::spawn(move || pass_on(stderr));
    let ended = wait(child.as_mut(), &dir.join(RUNNING), limits);
    // The whole group, so that nothing that the learner's functions started stays behind.
    let _ = child.start_kill();
    child.wait()?;
    let ended = ended?;
    let said = messages.join().unwrap_or_default();
    let (id, _) = running(&dir.join(RUNNING));
    match fs::read(dir.join(PANIC)) {
        Ok(panic) => {
            let Panic { message, place } =
                postcard::from_bytes(&panic).map_err(io::Error::other)?;
            Ok(match message.strip_prefix(TODO) {
                Some(todo) => Demonstrated::Todo { todo: todo.trim_start_matches(": ").into(), id },
                None => Demonstrated::Stopped { symptom: Symptom::Panicked { message, place }, id },
            })
        }
        Err(_) => Ok(match ended.code() {
            Some(code) if id.is_none() => Demonstrated::Ended { code },
            _ => Demonstrated::Stopped { symptom: ended.symptom(&said, limits), id },
        }),
    }
}

/// Waits for the end, or stops waiting when one call has taken too long.
fn wait(child: &mut dyn ChildWrapper, file: &Path, limits: &Limits) -> io::Result<Ended> {
    let (mut began, mut call_then) = (Instant::now(), String::new());
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::ByItself(status));
        }
        let (id, call) = running(file);
        if id.is_none() || call != call_then {
            (began, call_then) = (Instant::now(), call);
        }
        if began.elapsed() > Duration::from_secs(limits.seconds) {
            return Ok(Ended::TimedOut);
        }
        thread::sleep(POLL);
    }
}

/// The exercise whose function runs, and which call it is.
fn running(file: &Path) -> (Option<String>, String) {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut words = text.split_at_checked(8).unwrap_or_default();
    words = (words.0.trim(), words.1.trim());
    ((!words.0.is_empty()).then(|| words.0.into()), words.1.into())
}

/// Passes on what a demonstration prints on standard error, but for what Rust's runtime says before
/// it aborts, which is returned: it says less than we do.
fn pass_on(from: impl Read) -> String {
    const RUNTIME: &[&str] = &[
        "has overflowed its stack",
        "fatal runtime error",
        "memory allocation of",
        "note: run with `RUST_BACKTRACE",
    ];
    let mut from = BufReader::new(from);
    let (mut said, mut line, mut blanks) = (String::new(), Vec::new(), 0);
    while from.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        let text = String::from_utf8_lossy(&line);
        if RUNTIME.iter().any(|start| text.contains(start)) {
            said += &text;
            blanks = 0;
        } else if text.trim().is_empty() {
            blanks += 1;
        } else {
            let mut out = io::stderr().lock();
            let _ = out.write_all("\n".repeat(blanks).as_bytes());
            let _ = out.write_all(&line);
            blanks = 0;
        }
        line.clear();
    }
    said
}
