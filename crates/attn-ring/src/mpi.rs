//! A ring of processes that `mpirun` has started: on this machine, or on a cluster.

use crate::{
    error::RingError,
    link::Link,
    processes::{Run, joined},
    sizes::Sizes,
};
use ch08_flash_cpu::HeadsOutput;
use mpi::{
    Threading,
    environment::Universe,
    request::scope,
    topology::SimpleCommunicator,
    traits::{Communicator, Destination, Equivalence, Source},
};
use ndarray::{Array2, Array3};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Starts MPI. Only the thread that calls this may pass blocks; others compute meanwhile.
pub fn mpi_universe() -> Option<Universe> {
    mpi::initialize_with_threading(Threading::Funneled).map(|(universe, _)| universe)
}

/// A process's place in the ring of an MPI world.
pub struct MpiLink<'a> {
    world: &'a SimpleCommunicator,
    limit: Duration,
    passed: usize,
    sent: u64,
}

impl<'a> MpiLink<'a> {
    /// In the order of the ranks. `limit` is what a pass may take.
    pub fn new(world: &'a SimpleCommunicator, limit: Duration) -> Self {
        MpiLink { world, limit, passed: 0, sent: 0 }
    }

    /// Says what went wrong and ends all processes.
    pub fn abort(&self, error: &RingError) -> ! {
        eprintln!("process {}: {error}", self.rank());
        self.world.abort(1)
    }

    /// The rows of all processes, at process 0; nothing at the others.
    pub fn gathered(&self, sizes: &Sizes, output: HeadsOutput) -> Option<Run> {
        let (rank, size, home) = (self.rank(), self.size(), self.world.process_at_rank(0));
        if rank != 0 {
            home.send(&output.out.iter().copied().collect::<Vec<f32>>()[..]);
            home.send(&output.lse.iter().copied().collect::<Vec<f32>>()[..]);
            home.send(&self.sent);
            return None;
        }
        let mut parts = vec![(output, self.sent)];
        for rank in 1..size {
            let process = self.world.process_at_rank(rank as i32);
            let own = sizes.queries(rank, size).len();
            // Exactly as many numbers as there have to be; MPI ends the run if more come.
            let (mut out, mut lse) =
                (vec![0.0_f32; sizes.h * own * sizes.d_v], vec![0.0_f32; sizes.h * own]);
            process.receive_into(&mut out[..]);
            process.receive_into(&mut lse[..]);
            let (sent, _) = process.receive::<u64>();
            let output = HeadsOutput {
                out: Array3::from_shape_vec((sizes.h, own, sizes.d_v), out)
                    .expect("as many numbers"),
                lse: Array2::from_shape_vec((sizes.h, own), lse).expect("as many numbers"),
            };
            parts.push((output, sent));
        }
        Some(joined(sizes, parts))
    }
}

impl Link for &mut MpiLink<'_> {
    fn rank(&self) -> usize {
        (**self).rank()
    }

    fn size(&self) -> usize {
        (**self).size()
    }

    fn pass(&mut self, block: &[f32], expected: usize) -> Result<Vec<f32>, RingError> {
        (**self).pass(block, expected)
    }

    fn sent(&self) -> u64 {
        (**self).sent()
    }
}

impl Link for MpiLink<'_> {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn size(&self) -> usize {
        self.world.size() as usize
    }

    fn pass(&mut self, block: &[f32], expected: usize) -> Result<Vec<f32>, RingError> {
        let (rank, size, step) = (self.rank(), self.size(), self.passed);
        let (next, previous) = ((rank + 1) % size, (rank + size - 1) % size);
        let deadline = Instant::now() + self.limit;
        // Larger messages than the buffer would end the whole run with an error of MPI's own.
        let mut received = vec![0.0_f32; expected];
        let status = scope(|scope| {
            let mut sending =
                Some(self.world.process_at_rank(next as i32).immediate_send(scope, block));
            let process = self.world.process_at_rank(previous as i32);
            let mut receiving = Some(process.immediate_receive_into(scope, &mut received[..]));
            let mut status = None;
            loop {
                // Waiting by asking, so that a neighbour that is silent does not hold this process.
                if let Some(request) = receiving.take() {
                    match request.test() {
                        Ok(done) => status = Some(done),
                        Err(request) => receiving = Some(request),
                    }
                }
                if let Some(request) = sending.take() {
                    sending = request.test().err();
                }
                if let (None, None) = (&receiving, &sending) {
                    return status;
                }
                if Instant::now() > deadline {
                    let silent = if receiving.is_some() { previous } else { next };
                    // What MPI holds cannot be taken back, so all of them end here.
                    self.abort(&RingError::Silent { rank: silent, step, limit: self.limit });
                }
                thread::sleep(Duration::from_micros(20));
            }
        });
        let found = status.map_or(0, |status| status.count(f32::equivalent_datatype()));
        if found != expected as i32 {
            let (found, expected) = (found as u64, expected as u64);
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
