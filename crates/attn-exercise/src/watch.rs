//! Watching a worker: the limits on time and output, and the meaning of its end.

use crate::{Limits, Symptom};
use process_wrap::std::ChildWrapper;
use std::{
    fs, io,
    path::Path,
    process::ExitStatus,
    thread,
    time::{Duration, Instant},
};

/// How often a worker is looked at.
const POLL: Duration = Duration::from_millis(2);

/// How a worker came to its end.
pub(crate) enum Ended {
    ByItself(ExitStatus),
    TimedOut,
    PrintedTooMuch,
}

impl Ended {
    /// The exit code, if it ended with one.
    pub fn code(&self) -> Option<i32> {
        match self {
            Ended::ByItself(status) => status.code(),
            _ => None,
        }
    }

    /// What that means for the case that was running; `printed` is what came out last.
    pub fn symptom(&self, printed: &str, limits: &Limits) -> Symptom {
        match self {
            Ended::TimedOut => Symptom::TimedOut { seconds: limits.seconds },
            Ended::PrintedTooMuch => Symptom::PrintedTooMuch { limit: limits.printed },
            // What Rust's runtime prints before it aborts; the status alone does not tell these
            // apart.
            Ended::ByItself(_) if printed.contains("has overflowed its stack") => {
                Symptom::StackOverflow
            }
            Ended::ByItself(_) if printed.contains("memory allocation of") => {
                Symptom::OutOfMemory { limit: limits.memory }
            }
            Ended::ByItself(status) => match status.code() {
                Some(code) if code.unsigned_abs() < 256 => Symptom::Exited { code },
                // A signal on Unix; on Windows a code such as 0xc0000409, an abort.
                _ => Symptom::Crashed { status: status.to_string() },
            },
        }
    }
}

/// Waits until the worker ends, or stops at the time limit for a case, at that for all `cases` together (a worker can
/// pretend that a case has ended) or at the limit on output.
pub(crate) fn watch(
    worker: &mut dyn ChildWrapper,
    outcomes: &Path,
    printed: &Path,
    cases: usize,
    limits: &Limits,
) -> io::Result<Ended> {
    let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let began = Instant::now();
    let (mut case_began, mut outcomes_then) = (began, 0);
    let for_a_case = Duration::from_secs(limits.seconds);
    let for_all = for_a_case.saturating_mul(u32::try_from(cases).unwrap_or(u32::MAX));
    loop {
        if let Some(status) = worker.try_wait()? {
            return Ok(Ended::ByItself(status));
        }
        let outcomes_now = length(outcomes);
        if outcomes_now != outcomes_then {
            (case_began, outcomes_then) = (Instant::now(), outcomes_now);
        }
        if case_began.elapsed() > for_a_case || began.elapsed() > for_all + POLL {
            return Ok(Ended::TimedOut);
        }
        if length(printed) > limits.printed {
            return Ok(Ended::PrintedTooMuch);
        }
        thread::sleep(POLL);
    }
}
