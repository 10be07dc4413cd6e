//! A worker's side: it gets its part, goes round, and sends its rows back.

use crate::{
    error::RingError,
    link::Link,
    ring::ring_attention,
    sizes::{Part, Sizes},
    sockets::{SocketLink, fault, introduce, loopback},
    wire::{Timed, Token},
};
use ch08_flash_cpu::HeadsOutput;
use ndarray::Array3;
use std::{
    io::{self, BufRead, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

/// The most bytes of a message about a failure.
pub(crate) const MESSAGE: usize = 1000;

/// What stands in the one line that a worker reads from its standard input, where no other user of the
/// machine can see it.
pub(crate) struct Orders {
    pub rank: usize,
    pub size: usize,
    pub port: u16,
    pub token: Token,
    pub limit: Duration,
}

impl Orders {
    pub fn line(&self) -> String {
        let Orders { rank, size, port, token, limit } = self;
        format!("{rank} {size} {port} {} {}\n", u128::from_le_bytes(*token), limit.as_millis())
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let rank = words.next()?.parse().ok()?;
        let size = words.next()?.parse().ok()?;
        let port = words.next()?.parse().ok()?;
        let token = words.next()?.parse::<u128>().ok()?.to_le_bytes();
        let limit = Duration::from_millis(words.next()?.parse().ok()?);
        (rank < size).then_some(Orders { rank, size, port, token, limit })
    }
}

/// The life of a worker process: the orders come on standard input, the part from the process that
/// started it, the blocks from the ring. `around` may put something of its own around the link.
///
/// # Errors
/// Whatever ends it before its rows were sent. The process that started it is told, too.
pub fn worker<L: Link>(around: impl FnOnce(SocketLink) -> L) -> Result<(), RingError> {
    let system = RingError::system;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(system("no orders"))?;
    let orders = Orders::parse(&line)
        .ok_or_else(|| RingError::Sizes("a worker is started by the program itself".into()))?;
    let Orders { port, limit, .. } = orders;
    let home = TcpStream::connect_timeout(&loopback(port), limit)
        .map_err(system("the process that started this one is gone"))?;
    match go_round(&orders, &home, around) {
        Ok((output, sent)) => {
            report(&home, limit, &output, sent).map_err(system("the rows cannot be sent"))
        }
        Err(error) => {
            let mut text = error.to_string();
            text.truncate(text.floor_char_boundary(MESSAGE));
            let mut timed = Timed::new(&home, limit);
            // If it cannot be told either, it sees that this process ends.
            let _ = timed
                .write_all(&[1])
                .and_then(|()| timed.write_all(&(error.step() as u64).to_le_bytes()))
                .and_then(|()| timed.write_all(&(text.len() as u64).to_le_bytes()))
                .and_then(|()| timed.write_all(text.as_bytes()));
            Err(error)
        }
    }
}

fn go_round<L: Link>(
    orders: &Orders,
    home: &TcpStream,
    around: impl FnOnce(SocketLink) -> L,
) -> Result<(HeadsOutput, u64), RingError> {
    let &Orders { rank, size, ref token, limit, .. } = orders;
    let system = RingError::system;
    let listener = TcpListener::bind(loopback(0)).map_err(system("no socket"))?;
    let port = listener.local_addr().map_err(system("no socket"))?.port();
    introduce(home, token, rank, limit)
        .and_then(|()| Timed::new(home, limit).write_all(&port.to_le_bytes()))
        .map_err(system("the process that started this one is gone"))?;
    let (sizes, next_port, part) = part(home, (rank, size), limit)?;
    let link = SocketLink::connect((rank, size), &listener, next_port, token, limit)?;
    let mut link = around(link);
    let output = ring_attention(&mut link, &sizes, part)?;
    Ok((output, link.sent()))
}

/// What the process that started this one sends: the sizes, the next process's port, and the part.
fn part(
    home: &TcpStream,
    (rank, size): (usize, usize),
    limit: Duration,
) -> Result<(Sizes, u16, Part), RingError> {
    let lost = |error: io::Error| fault(rank, 0, limit, &error);
    let mut timed = Timed::new(home, limit);
    let mut number = || timed.number().map(|x| usize::try_from(x).unwrap_or(usize::MAX));
    let [h, h_kv, n, m, d, d_v, causal, next] = {
        let mut all = [0; 8];
        for one in &mut all {
            *one = number().map_err(lost)?;
        }
        all
    };
    let sizes = Sizes { h, h_kv, n, m, d, d_v, causal: causal == 1 }.checked()?;
    let (own_n, own_m) = (sizes.queries(rank, size).len(), sizes.keys(rank, size).len());
    let mut tensor =
        |shape: (usize, usize, usize)| -> Result<Array3<f32>, RingError> {
            let expected = shape.0 * shape.1 * shape.2;
            let numbers = timed.receive(expected).map_err(lost)?.map_err(|found| {
                RingError::Block { rank, step: 0, found, expected: expected as u64 }
            })?;
            Ok(Array3::from_shape_vec(shape, numbers).expect("as many numbers"))
        };
    let part = Part {
        q: tensor((h, own_n, d))?,
        k: tensor((h_kv, own_m, d))?,
        v: tensor((h_kv, own_m, d_v))?,
    };
    let next = u16::try_from(next).map_err(|_| RingError::Sizes(format!("port {next}")))?;
    Ok((sizes, next, part))
}

fn report(home: &TcpStream, limit: Duration, output: &HeadsOutput, sent: u64) -> io::Result<()> {
    let mut timed = Timed::new(home, limit);
    timed.write_all(&[0])?;
    timed.send(&output.out.iter().copied().collect::<Vec<_>>())?;
    timed.send(&output.lse.iter().copied().collect::<Vec<_>>())?;
    timed.write_all(&sent.to_le_bytes())
}
