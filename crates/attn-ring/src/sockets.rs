//! A ring over TCP, on the loopback interface.

use crate::{
    error::RingError,
    link::Link,
    wire::{Timed, Token},
};
use std::{
    io::{self, ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// How long a stranger may take to show the run's token, before the next one is asked.
const HANDSHAKE: Duration = Duration::from_millis(500);

/// A process's connections to its two neighbours.
pub struct SocketLink {
    rank: usize,
    size: usize,
    /// To the next process, and from the one before; none in a ring of one.
    neighbours: Option<(TcpStream, TcpStream)>,
    limit: Duration,
    passed: usize,
    sent: u64,
}

impl SocketLink {
    /// Connects to the next process at its port, and waits at the listener for the one before. Whoever
    /// connects without the run's token, or under another number, is sent away.
    ///
    /// # Errors
    /// When one of them is not there in time.
    pub fn connect(
        (rank, size): (usize, usize),
        listener: &TcpListener,
        next_port: u16,
        token: &Token,
        limit: Duration,
    ) -> Result<Self, RingError> {
        let mut link = SocketLink { rank, size, neighbours: None, limit, passed: 0, sent: 0 };
        if size == 1 {
            return Ok(link);
        }
        let (next, previous) = ((rank + 1) % size, (rank + size - 1) % size);
        let to_next = TcpStream::connect_timeout(&loopback(next_port), limit)
            .and_then(|stream| introduce(&stream, token, rank, limit).map(|()| stream))
            .map_err(|error| link.fault(next, &error))?;
        let deadline = Instant::now() + limit;
        let from_previous = loop {
            match accept(listener, token, deadline).map_err(|error| link.fault(previous, &error))? {
                (stream, rank) if rank == previous => break stream,
                _ => continue,
            }
        };
        link.neighbours = Some((to_next, from_previous));
        Ok(link)
    }

    fn fault(&self, rank: usize, error: &io::Error) -> RingError {
        fault(rank, self.passed, self.limit, error)
    }
}

impl Link for SocketLink {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn pass(&mut self, block: &[f32], expected: usize) -> Result<Vec<f32>, RingError> {
        let (rank, size, step, limit) = (self.rank, self.size, self.passed, self.limit);
        let (next, previous) = ((rank + 1) % size, (rank + size - 1) % size);
        let (to_next, from_previous) = self.neighbours.as_ref().expect("no ring of one passes");
        let (sent, received) = thread::scope(|scope| {
            let sending = scope.spawn(|| Timed::new(to_next, limit).send(block));
            let received = Timed::new(from_previous, limit).receive(expected);
            (sending.join().expect("no panic"), received)
        });
        let received = received.map_err(|error| fault(previous, step, limit, &error))?;
        sent.map_err(|error| fault(next, step, limit, &error))?;
        let received = received.map_err(|found| RingError::Block {
            rank: previous,
            step,
            found,
            expected: expected as u64,
        })?;
        self.passed += 1;
        self.sent += 4 * block.len() as u64;
        Ok(received)
    }

    fn sent(&self) -> u64 {
        self.sent
    }
}

/// A connection's failure, with the process at its other end.
pub fn fault(rank: usize, step: usize, limit: Duration, error: &io::Error) -> RingError {
    match error.kind() {
        ErrorKind::TimedOut => RingError::Silent { rank, step, limit },
        _ => RingError::Closed { rank, step, why: error.to_string() },
    }
}

/// An address that no other machine can reach.
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Shows the token and says who this is.
pub fn introduce(
    stream: &TcpStream,
    token: &Token,
    rank: usize,
    limit: Duration,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut timed = Timed::new(stream, limit);
    timed.write_all(token)?;
    timed.write_all(&(rank as u64).to_le_bytes())
}

/// The next connection with the run's token, and who it says it is. Others are closed without a word.
///
/// # Errors
/// When there is none before the deadline.
pub fn accept(
    listener: &TcpListener,
    token: &Token,
    deadline: Instant,
) -> io::Result<(TcpStream, usize)> {
    listener.set_nonblocking(true)?;
    while Instant::now() < deadline {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(2));
                continue;
            }
            Err(error) => return Err(error),
        };
        // Some systems hand the listener's mode on.
        stream.set_nonblocking(false)?;
        if let Some(rank) = introduced(&stream, token) {
            stream.set_nodelay(true)?;
            return Ok((stream, rank));
        }
    }
    Err(ErrorKind::TimedOut.into())
}

fn introduced(stream: &TcpStream, token: &Token) -> Option<usize> {
    let mut timed = Timed::new(stream, HANDSHAKE);
    let shown: Token = timed.take_bytes().ok()?;
    // All bytes are compared, so that the time says nothing of how many are right.
    let differs = shown.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b));
    if differs != 0 {
        return None;
    }
    usize::try_from(timed.number().ok()?).ok()
}
