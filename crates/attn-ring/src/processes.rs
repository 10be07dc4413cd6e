//! A ring of processes on this machine: they are started, get their parts, and are watched.

use crate::{
    error::RingError,
    sizes::{Part, Sizes},
    sockets::{accept, fault, loopback},
    wire::{Timed, Token},
    worker::{MESSAGE, Orders},
};
use ch08_flash_cpu::HeadsOutput;
use ndarray::{Array2, Array3, ArrayView3, s};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// What a ring gives.
#[derive(Clone, Debug)]
pub struct Run {
    /// The rows of all queries.
    pub output: HeadsOutput,
    /// Bytes of blocks that each process has sent.
    pub sent: Vec<u64>,
}

/// After a first failure, so long others are heard: the one that was found in the earliest step is the
/// cause, the others are what came of it.
const HEARING: Duration = Duration::from_millis(300);

/// Attention of `q` (h, n, d) to `k` (h_kv, m, d) and `v` (h_kv, m, d_v) by a ring of `size` processes.
///
/// `command` makes the command that starts the process of each rank; its program has to call
/// [`worker`](crate::worker). `limit` is what a process may take to come up, to compute a step, and to pass a block on.
/// Every connection is on the loopback interface and shows a token that is drawn for this run.
///
/// ```no_run
/// use attn_ring::{Part, Sizes, processes};
/// use std::{process::Command, time::Duration};
/// let sizes = Sizes { h: 2, h_kv: 1, n: 8, m: 8, d: 4, d_v: 4, causal: true };
/// let Part { q, k, v } = Part::seeded(&sizes, 1, 0, 1);
/// // A program that calls `attn_ring::worker` when it is started so.
/// let command = |_| {
///     let mut command = Command::new("target/debug/attn-ring");
///     command.arg("--worker");
///     command
/// };
/// let limit = Duration::from_secs(20);
/// let run = processes(q.view(), k.view(), v.view(), true, 4, limit, command).unwrap();
/// assert_eq!(run.sent.iter().sum::<u64>(), sizes.sent(4));
/// ```
///
/// # Errors
/// Sizes that do not fit; a process that ends, or that is silent for longer than `limit`, by its number.
/// However it ends, no process is left behind.
pub fn processes(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
    size: usize,
    limit: Duration,
    command: impl Fn(usize) -> Command,
) -> Result<Run, RingError> {
    let sizes = Sizes::of(q, k, v, causal)?;
    if size == 0 {
        return Err(RingError::Sizes("a ring of 0 processes".into()));
    }
    let system = RingError::system;
    let mut token = Token::default();
    getrandom::fill(&mut token)
        .map_err(|error| system("no random token")(std::io::Error::other(error.to_string())))?;
    let listener = TcpListener::bind(loopback(0)).map_err(system("no socket"))?;
    let port = listener.local_addr().map_err(system("no socket"))?.port();

    let mut children = Children::default();
    for rank in 0..size {
        let mut child = command(rank)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(system("a process cannot be started"))?;
        let orders = Orders { rank, size, port, token, limit };
        let told = child.stdin.take().map(|mut input| input.write_all(orders.line().as_bytes()));
        children.0.push(child);
        told.transpose().map_err(system("a process does not listen"))?;
    }

    let homes = gather(&listener, &token, &mut children, limit)?;
    for (rank, (home, _)) in homes.iter().enumerate() {
        let next_port = homes[(rank + 1) % size].1;
        let part = Part::of(&sizes, (q, k, v), rank, size);
        hand_out(home, &sizes, next_port, &part, limit)
            .map_err(|error| children.ended(rank, fault(rank, 0, limit, &error)))?;
    }

    // Each step may take its limit, and so may coming up and sending the rows.
    let limit = limit * (size as u32 + 2);
    let (results, heard) = channel();
    for (rank, (home, _)) in homes.into_iter().enumerate() {
        let results = results.clone();
        thread::spawn(move || {
            // Nobody listens any more if the run has failed by then.
            let _ = results.send((rank, rows(&home, &sizes, (rank, size), limit)));
        });
    }
    drop(results);
    let mut found: Vec<Option<(HeadsOutput, u64)>> = vec![None; size];
    let mut failures: Vec<(usize, RingError)> = Vec::new();
    let mut hearing_ends = None;
    while hearing_ends.is_none_or(|ends| Instant::now() < ends) {
        match heard.recv_timeout(Duration::from_millis(20)) {
            Ok((rank, Ok(result))) => found[rank] = Some(result),
            Ok((rank, Err(error))) => failures.push((rank, error)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if !failures.is_empty() {
            hearing_ends.get_or_insert(Instant::now() + HEARING);
        }
    }
    if let Some((rank, error)) = cause(&mut children, failures) {
        return Err(children.ended(rank, error));
    }
    let found = found.into_iter().map(|result| result.expect("all were heard")).collect();
    Ok(joined(&sizes, found))
}

/// The failure that came first: a process that ended without a word, or else the earliest step.
fn cause(children: &mut Children, failures: Vec<(usize, RingError)>) -> Option<(usize, RingError)> {
    let order = |children: &mut Children, (rank, error): &(usize, RingError)| {
        let reported = matches!(error, RingError::Reported { .. });
        let ended = !reported && children.status(*rank).is_some();
        (!ended, error.step())
    };
    failures.into_iter().min_by_key(|failure| order(children, failure))
}

/// Waits until every process has come back with the token, and the port at which it waits for the one
/// before.
fn gather(
    listener: &TcpListener,
    token: &Token,
    children: &mut Children,
    limit: Duration,
) -> Result<Vec<(TcpStream, u16)>, RingError> {
    let size = children.0.len();
    let mut homes: Vec<Option<(TcpStream, u16)>> = (0..size).map(|_| None).collect();
    let deadline = Instant::now() + limit;
    while let Some(missing) = homes.iter().position(Option::is_none) {
        for (rank, home) in homes.iter().enumerate() {
            if home.is_none() && children.status(rank).is_some() {
                return Err(children.ended(rank, RingError::Silent { rank, step: 0, limit }));
            }
        }
        if Instant::now() > deadline {
            return Err(RingError::Silent { rank: missing, step: 0, limit });
        }
        // A short wait, so that a process that ends is seen.
        let soon = deadline.min(Instant::now() + Duration::from_millis(100));
        let Ok((stream, rank)) = accept(listener, token, soon) else { continue };
        let port = Timed::new(&stream, limit).take_bytes().map(u16::from_le_bytes);
        match (homes.get_mut(rank), port) {
            (Some(home @ None), Ok(port)) => *home = Some((stream, port)),
            // Whoever knows the token and says something else is no process of this run.
            _ => continue,
        }
    }
    Ok(homes.into_iter().flatten().collect())
}

fn hand_out(
    home: &TcpStream,
    sizes: &Sizes,
    next_port: u16,
    part: &Part,
    limit: Duration,
) -> std::io::Result<()> {
    let mut timed = Timed::new(home, limit);
    let &Sizes { h, h_kv, n, m, d, d_v, causal } = sizes;
    for number in [h, h_kv, n, m, d, d_v, usize::from(causal), usize::from(next_port)] {
        timed.write_all(&(number as u64).to_le_bytes())?;
    }
    for tensor in [&part.q, &part.k, &part.v] {
        timed.send(&tensor.iter().copied().collect::<Vec<_>>())?;
    }
    Ok(())
}

/// A process's rows and how much it has sent, or why there are none.
fn rows(
    home: &TcpStream,
    sizes: &Sizes,
    (rank, size): (usize, usize),
    limit: Duration,
) -> Result<(HeadsOutput, u64), RingError> {
    let lost = |error: std::io::Error| fault(rank, size, limit, &error);
    let mut timed = Timed::new(home, limit);
    if timed.take_bytes::<1>().map_err(lost)? != [0] {
        let step = timed.number().map_err(lost)? as usize;
        let length = timed.number().map_err(lost)?.min(MESSAGE as u64);
        let mut text = vec![0; length as usize];
        timed.read_exact(&mut text).map_err(lost)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        return Err(RingError::Reported { reporter: rank, step, text });
    }
    let own = sizes.queries(rank, size).len();
    let mut numbers = |expected: usize| {
        let received = timed.receive(expected).map_err(lost)?;
        let expected = expected as u64;
        received.map_err(|found| RingError::Block { rank, step: size, found, expected })
    };
    let (out, lse) = (numbers(sizes.h * own * sizes.d_v)?, numbers(sizes.h * own)?);
    let output = HeadsOutput {
        out: Array3::from_shape_vec((sizes.h, own, sizes.d_v), out).expect("as many numbers"),
        lse: Array2::from_shape_vec((sizes.h, own), lse).expect("as many numbers"),
    };
    Ok((output, timed.number().map_err(lost)?))
}

/// The rows of all processes, one after the other.
pub(crate) fn joined(sizes: &Sizes, parts: Vec<(HeadsOutput, u64)>) -> Run {
    let size = parts.len();
    let mut output = HeadsOutput {
        out: Array3::zeros((sizes.h, sizes.n, sizes.d_v)),
        lse: Array2::zeros((sizes.h, sizes.n)),
    };
    let mut sent = Vec::new();
    for (rank, (part, bytes)) in parts.into_iter().enumerate() {
        let own = sizes.queries(rank, size);
        output.out.slice_mut(s![.., own.clone(), ..]).assign(&part.out);
        output.lse.slice_mut(s![.., own]).assign(&part.lse);
        sent.push(bytes);
    }
    Run { output, sent }
}

/// The processes that were started. None outlives this.
#[derive(Default)]
struct Children(Vec<Child>);

impl Children {
    /// How a process has ended, if it has.
    fn status(&mut self, rank: usize) -> Option<String> {
        let status = self.0[rank].try_wait().ok().flatten()?;
        Some(status.to_string())
    }

    /// The same failure, said better if the process has ended without a word.
    fn ended(&mut self, rank: usize, error: RingError) -> RingError {
        match (error, self.status(rank)) {
            (error @ RingError::Reported { .. }, _) | (error, None) => error,
            (_, Some(how)) => RingError::Ended { rank, how },
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail only for a process that has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
