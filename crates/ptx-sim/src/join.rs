//! Runs the blocks of a launch on the cores there are, and joins what they did in the order of their
//! numbers.

use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use crate::{
    block::{self, Common, Finished},
    commit::Commit,
    count::Counts,
    finding::Findings,
    memory::{Memory, Region},
    view::View,
};

/// What is known when some of the blocks are done.
pub(crate) struct Join<'k> {
    pub(crate) commit: Commit<'k>,
    pub(crate) counts: Vec<Counts>,
    pub(crate) findings: Findings,
    pub(crate) completed: bool,
}

impl Join<'_> {
    fn add(&mut self, number: usize, finished: Finished, regions: &mut [Region]) {
        for (all, one) in self.counts.iter_mut().zip(finished.counts) {
            *all += one;
        }
        self.findings.merge(finished.findings);
        self.commit.block(number as u32, finished.pages, regions, &mut self.findings);
        self.completed &= finished.completed;
    }

    /// Each block on what those before left, if they can wait for one another; else on the memory
    /// as it was.
    pub(crate) fn one_by_one(&mut self, common: &Common, memory: &mut Memory, atomics: bool) {
        let start = if atomics { Vec::new() } else { memory.regions.clone() };
        for number in 0..common.launch.blocks() {
            let regions = if atomics { &memory.regions } else { &start };
            let finished = run(common, number, regions);
            self.add(number, finished, &mut memory.regions);
            if !self.completed {
                return;
            }
        }
    }

    pub(crate) fn side_by_side(&mut self, common: &Common, memory: &mut Memory) {
        let start = memory.regions.clone();
        let blocks = common.launch.blocks();
        let next = AtomicUsize::new(0);
        // Blocks after the first that stops are not started; those before it have been.
        let end = AtomicUsize::new(blocks);
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(2 * common.launch.workers);
            for _ in 0..common.launch.workers {
                let (sender, next, end, start) = (sender.clone(), &next, &end, &start);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= end.load(Ordering::Relaxed) {
                            return;
                        }
                        let finished = run(common, number, start);
                        if !finished.completed {
                            end.fetch_min(number + 1, Ordering::Relaxed);
                        }
                        if sender.send((number, finished)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut waiting = BTreeMap::new();
            let mut wanted = 0;
            for (number, finished) in receiver {
                waiting.insert(number, finished);
                while let Some(finished) = waiting.remove(&wanted) {
                    if self.completed {
                        self.add(wanted, finished, &mut memory.regions);
                    }
                    wanted += 1;
                }
            }
        });
    }
}

fn run(common: &Common, number: usize, regions: &[Region]) -> Finished {
    let [x, y, _] = common.launch.grid.map(|extent| extent as usize);
    let index = [number % x, number / x % y, number / x / y].map(|axis| axis as u32);
    block::run(common, index, View::new(regions, common.granules[1]))
}
