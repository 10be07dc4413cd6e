//! A demonstration on a learner's functions: `cargo attn run 3 --mine`.
//!
//! The demonstration is a program of its own, which the course command starts as a check program
//! starts a worker: in a process group that ends with its parent, on a stack of the same size, and
//! with limits. A demonstration as a whole may take as long and as much memory as it likes, for
//! `--n 65536` may have been asked for; the limits are on each call of a learner's function.

use crate::{
    Limits, Symptom,
    group::lead_a_group,
    memory,
    watch::Ended,
    worker::{FAILED, Panic, STACK, TODO, encode, end_with_group, keep_panics},
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
    process::{self, ChildStdin, Command, ExitCode, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
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

/// What ends a reply on standard output: the character that says so in ASCII, EOT.
const END_OF_REPLY: u8 = 4;

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
    hear_parent();
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

/// The lines that were said to this process and not read yet.
static LINES: OnceLock<Mutex<Receiver<String>>> = OnceLock::new();

/// Reads what is said to this process. When nobody can say anything more, whoever started it is
/// gone, and it ends.
fn hear_parent() {
    let (sender, receiver) = mpsc::channel();
    assert!(LINES.set(Mutex::new(receiver)).is_ok(), "a demonstration is begun once");
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            // A demonstration that is not talked to does not read.
            let _ = sender.send(line);
        }
        end_with_group();
    });
}

/// The next line that was said to this demonstration; waits for it. `None` where nobody talks.
///
/// See [`Conversation`].
pub fn heard() -> Option<String> {
    let lines = LINES.get()?.lock().unwrap_or_else(PoisonError::into_inner);
    lines.recv().ok()
}

/// The next line, if one has been said.
pub fn heard_already() -> Option<String> {
    let lines = LINES.get()?.lock().unwrap_or_else(PoisonError::into_inner);
    lines.try_recv().ok()
}

/// Says that the reply is over.
///
/// # Errors
/// When nobody reads it.
pub fn end_of_reply() -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(&[END_OF_REPLY])?;
    out.flush()
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
    let mut watched = Watched::begin(program, arguments, dir, yours, limits, Stdio::inherit())?;
    loop {
        if let Some(ended) = watched.ended()? {
            return watched.outcome(&ended);
        }
        thread::sleep(POLL);
    }
}

/// A demonstration that has been started. When this is dropped it ends, and all that it started.
struct Watched {
    child: Box<dyn ChildWrapper>,
    /// Gives what Rust's runtime said before an abort.
    messages: Option<JoinHandle<String>>,
    dir: PathBuf,
    limits: Limits,
    /// The call of a learner's function that was running when it was last looked at, and since when.
    call: (Instant, String),
}

impl Watched {
    fn begin(
        program: &Path,
        arguments: &[String],
        dir: &Path,
        yours: Vec<String>,
        limits: &Limits,
        stdout: Stdio,
    ) -> io::Result<Self> {
        let told = Told { dir: dir.into(), memory: limits.memory, yours };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env(VARIABLE, serde_json::to_string(&told)?)
            // What goes wrong is said in one line, whatever the learner has set for programs of their own.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped());
        let mut command = CommandWrap::from(command);
        lead_a_group(&mut command);
        let mut child = command.spawn()?;
        let stderr = child.stderr().take().expect("it is piped");
        let messages = Some(thread::spawn(move || pass_on(stderr)));
        let call = (Instant::now(), String::new());
        Ok(Watched { child, messages, dir: dir.into(), limits: limits.clone(), call })
    }

    /// How it has ended, if it has, or one call has taken too long.
    fn ended(&mut self) -> io::Result<Option<Ended>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(Some(Ended::ByItself(status)));
        }
        let (id, call) = running(&self.dir.join(RUNNING));
        if id.is_none() || call != self.call.1 {
            self.call = (Instant::now(), call);
        }
        let too_long = self.call.0.elapsed() > Duration::from_secs(self.limits.seconds);
        Ok(too_long.then_some(Ended::TimedOut))
    }

    /// What that means.
    fn outcome(&mut self, ended: &Ended) -> io::Result<Demonstrated> {
        self.end();
        let said = self.messages.take().and_then(|messages| messages.join().ok());
        let said = said.unwrap_or_default();
        let (id, _) = running(&self.dir.join(RUNNING));
        match fs::read(self.dir.join(PANIC)) {
            Ok(panic) => {
                let Panic { message, place } =
                    postcard::from_bytes(&panic).map_err(io::Error::other)?;
                Ok(match message.strip_prefix(TODO) {
                    Some(todo) => {
                        let todo = todo.trim_start_matches(": ").into();
                        Demonstrated::Todo { todo, id }
                    }
                    None => {
                        let symptom = Symptom::Panicked { message, place };
                        Demonstrated::Stopped { symptom, id }
                    }
                })
            }
            Err(_) => Ok(match ended.code() {
                Some(code) if id.is_none() => Demonstrated::Ended { code },
                _ => {
                    let symptom = ended.symptom(&said, &self.limits);
                    Demonstrated::Stopped { symptom, id }
                }
            }),
        }
    }

    /// Ends the whole group, so that nothing that the learner's functions started stays behind.
    fn end(&mut self) {
        let _ = self.child.start_kill();
        let _ = self.child.wait();
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end();
    }
}

/// A demonstration on a learner's functions that is talked to. Lines are said to it, which it reads
/// with [`heard`], and each of its replies comes piece by piece, up to its [`end_of_reply`]. When this
/// is dropped, the demonstration ends.
pub struct Conversation {
    watched: Watched,
    to: ChildStdin,
    from: Receiver<Vec<u8>>,
}

/// What came of listening for a while.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A piece of the reply; nothing, if there was nothing to hear.
    Piece(Vec<u8>),
    /// The reply's last piece.
    Last(Vec<u8>),
    /// There will be no more replies.
    Ended(Demonstrated),
}

impl Conversation {
    /// Starts a demonstration; for the arguments and the limits see [`watch_demonstration`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn begin(
        program: &Path,
        arguments: &[String],
        dir: &Path,
        yours: Vec<String>,
        limits: &Limits,
    ) -> io::Result<Self> {
        let mut watched = Watched::begin(program, arguments, dir, yours, limits, Stdio::piped())?;
        let to = watched.child.stdin().take().expect("it is piped");
        let mut stdout = watched.child.stdout().take().expect("it is piped");
        let (sender, from) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(bytes @ 1..) = stdout.read(&mut piece) {
                if sender.send(piece[..bytes].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Conversation { watched, to, from })
    }

    /// Says one line.
    ///
    /// # Errors
    /// When the demonstration has ended; [`hear`](Conversation::hear) says how.
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        debug_assert!(!line.contains('\n'), "one line: {line}");
        self.to.write_all(format!("{line}\n").as_bytes())
    }

    /// Listens for a moment.
    ///
    /// # Errors
    /// When the demonstration's files cannot be read.
    pub fn hear(&mut self) -> io::Result<Heard> {
        match self.from.recv_timeout(POLL) {
            Ok(piece) => Ok(match piece.strip_suffix(&[END_OF_REPLY]) {
                Some(last) => Heard::Last(last.into()),
                None => Heard::Piece(piece),
            }),
            Err(error) => {
                if error == RecvTimeoutError::Disconnected {
                    // Its output has ended, and it is about to.
                    thread::sleep(POLL);
                }
                match self.watched.ended()? {
                    Some(ended) => Ok(Heard::Ended(self.watched.outcome(&ended)?)),
                    None => Ok(Heard::Piece(Vec::new())),
                }
            }
        }
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
