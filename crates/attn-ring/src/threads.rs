//! A ring of threads: the algorithm without a network.

use crate::{
    error::RingError,
    link::Link,
    processes::{Run, joined},
    ring::ring_attention,
    sizes::{Part, Sizes},
};
use ndarray::ArrayView3;
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

/// What a thread waits for another one, at most.
const LIMIT: Duration = Duration::from_secs(60);

struct ChannelLink {
    rank: usize,
    size: usize,
    next: SyncSender<Vec<f32>>,
    previous: Receiver<Vec<f32>>,
    passed: usize,
    sent: u64,
}

impl Link for ChannelLink {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn pass(&mut self, block: &[f32], expected: usize) -> Result<Vec<f32>, RingError> {
        let (step, previous) = (self.passed, (self.rank + self.size - 1) % self.size);
        let closed = |rank: usize| RingError::Closed { rank, step, why: "its thread ended".into() };
        // There is room for one block, so this does not wait for the next thread to receive.
        let gone = |_| closed((self.rank + 1) % self.size);
        self.next.send(block.to_vec()).map_err(gone)?;
        let received = self.previous.recv_timeout(LIMIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => RingError::Silent { rank: previous, step, limit: LIMIT },
            RecvTimeoutError::Disconnected => closed(previous),
        })?;
        if received.len() != expected {
            let (found, expected) = (received.len() as u64, expected as u64);
            return Err(RingError::Block { rank: previous, step, found, expected });
        }
        self.passed += 1;
        self.sent += 4 * block.len() as u64;
        Ok(received)
    }

    fn sent(&self) -> u64 {
        self.sent
    }
}

/// Attention of `q` (h, n, d) to `k` (h_kv, m, d) and `v` (h_kv, m, d_v) by a ring of `size` threads.
///
/// ```
/// use ndarray::array;
/// // Two equal keys, one in each thread: the mean of the values.
/// let (q, k, v) = (array![[[1.0]]], array![[[2.0], [2.0]]], array![[[3.0], [5.0]]]);
/// let run = attn_ring::threads(q.view(), k.view(), v.view(), false, 2).unwrap();
/// assert_eq!(run.output.out, array![[[4.0]]]);
/// assert_eq!(run.sent, [8, 8]); // a key and a value, four bytes each
/// ```
///
/// # Errors
/// Sizes that do not fit together, and a ring of no thread.
pub fn threads(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
    size: usize,
) -> Result<Run, RingError> {
    let sizes = Sizes::of(q, k, v, causal)?;
    if size == 0 {
        return Err(RingError::Sizes("a ring of 0 threads".into()));
    }
    // Thread r sends into channel r, and receives from that of the thread before.
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..size).map(|_| sync_channel(1)).unzip();
    let mut receivers: Vec<Option<_>> = receivers.into_iter().map(Some).collect();
    let results: Vec<Result<_, RingError>> = thread::scope(|scope| {
        let mut running = Vec::new();
        for (rank, next) in senders.into_iter().enumerate() {
            let previous = receivers[(rank + size - 1) % size].take().expect("each is taken once");
            let mut link = ChannelLink { rank, size, next, previous, passed: 0, sent: 0 };
            let part = Part::of(&sizes, (q, k, v), rank, size);
            running.push(scope.spawn(move || {
                let output = ring_attention(&mut link, &sizes, part)?;
                Ok((output, link.sent()))
            }));
        }
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    Ok(joined(&sizes, results.into_iter().collect::<Result<_, _>>()?))
}
