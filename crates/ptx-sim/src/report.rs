//! What a launch did: findings, counts in all and line by line.

use std::collections::BTreeMap;

use crate::{
    count::{Counts, SECTOR},
    error::Place,
    finding::{Finding, Findings},
    launch::Launch,
    module::Kernel,
};

/// The report of one launch.
#[derive(Clone, Debug)]
pub struct Report {
    /// The kernel's name.
    pub kernel: String,
    /// What the kernel did wrong: empty for a kernel that is right on this input.
    pub findings: Vec<Finding>,
    /// Every block ran to its end.
    pub completed: bool,
    /// What it cost in all.
    pub total: Counts,
    /// What it cost, line by line of the source (`None` for instructions without one), in the order
    /// of the lines.
    pub lines: Vec<(Option<u32>, Counts)>,
    /// Blocks of the grid.
    pub blocks: u64,
    /// Different sectors of global memory that the launch touched.
    pub distinct_sectors: u64,
    instructions: Vec<(Place, String, Counts)>,
}

impl Report {
    pub(crate) fn new(
        kernel: &Kernel,
        launch: &Launch,
        counts: Vec<Counts>,
        findings: Findings,
        distinct_sectors: u64,
        completed: bool,
    ) -> Self {
        let mut total = Counts::default();
        let mut lines: BTreeMap<Option<u32>, Counts> = BTreeMap::new();
        let mut instructions = Vec::new();
        for (instruction, counts) in kernel.code.iter().zip(counts) {
            total += counts;
            *lines.entry(instruction.place.source).or_default() += counts;
            instructions.push((instruction.place, instruction.text.clone(), counts));
        }
        Report {
            kernel: kernel.name().into(),
            findings: findings.list,
            completed,
            total,
            lines: lines.into_iter().collect(),
            blocks: launch.grid.iter().map(|extent| u64::from(*extent)).product(),
            distinct_sectors,
            instructions,
        }
    }

    /// What it cost, instruction by instruction: place, text, counts.
    pub fn instructions(&self) -> impl Iterator<Item = (Place, &str, &Counts)> {
        self.instructions.iter().map(|(place, text, counts)| (*place, text.as_str(), counts))
    }

    /// The counts of one source line; zeros if it has no instructions.
    pub fn line(&self, line: u32) -> Counts {
        let found = self.lines.iter().find(|(known, _)| *known == Some(line));
        found.map_or(Counts::default(), |(_, counts)| *counts)
    }

    /// Bytes that have to cross from and to device memory even if the cache were endless.
    pub fn compulsory_bytes(&self) -> u64 {
        self.distinct_sectors * SECTOR
    }

    /// Wavefronts of shared memory over the fewest possible; 1 where there are none.
    pub fn bank_conflicts(&self) -> f64 {
        ratio(self.total.wavefronts, self.total.ideal_wavefronts)
    }

    /// Sectors of global memory over the fewest possible; 1 where there are none.
    pub fn uncoalesced(&self) -> f64 {
        ratio(self.total.sectors, self.total.ideal_sectors)
    }
}

fn ratio(actual: u64, ideal: u64) -> f64 {
    if ideal == 0 { 1.0 } else { actual as f64 / ideal as f64 }
}
