//! Numbers over a connection: how many, then each as four bytes, and never longer than a time limit.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// The bytes of a run's token.
pub type Token = [u8; 16];

/// Bytes that are converted at once.
const PIECE: usize = 1 << 16;

/// A connection on which a whole message has to pass before a deadline, however it drips.
pub struct Timed<'a> {
    stream: &'a TcpStream,
    deadline: Instant,
}

impl<'a> Timed<'a> {
    /// From now on for so long.
    pub fn new(stream: &'a TcpStream, limit: Duration) -> Self {
        Timed { stream, deadline: Instant::now() + limit }
    }

    fn left(&self) -> io::Result<Duration> {
        match self.deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(ErrorKind::TimedOut.into()),
        }
    }

    /// Sends how many numbers there are, and the numbers.
    pub fn send(&mut self, numbers: &[f32]) -> io::Result<()> {
        self.write_all(&(numbers.len() as u64).to_le_bytes())?;
        for piece in numbers.chunks(PIECE / 4) {
            let bytes: Vec<u8> = piece.iter().flat_map(|x| x.to_le_bytes()).collect();
            self.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Receives exactly so many numbers. If others are announced, nothing more is read, and how many
    /// they are is the result.
    pub fn receive(&mut self, expected: usize) -> io::Result<Result<Vec<f32>, u64>> {
        let found = u64::from_le_bytes(self.take_bytes()?);
        if found != expected as u64 {
            return Ok(Err(found));
        }
        let mut numbers = Vec::with_capacity(expected);
        let mut piece = vec![0; PIECE.min(4 * expected)];
        while numbers.len() < expected {
            let bytes = &mut piece[..PIECE.min(4 * (expected - numbers.len()))];
            self.read_exact(bytes)?;
            let (quads, _) = bytes.as_chunks::<4>();
            numbers.extend(quads.iter().map(|quad| f32::from_le_bytes(*quad)));
        }
        Ok(Ok(numbers))
    }

    /// The next few bytes.
    pub fn take_bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The next number of eight bytes.
    pub fn number(&mut self) -> io::Result<u64> {
        Ok(u64::from_le_bytes(self.take_bytes()?))
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        timely((&mut &*self.stream).read(buffer))
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        timely((&mut &*self.stream).write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Some systems call a timeout “would block”.
fn timely<T>(result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => error,
    })
}
