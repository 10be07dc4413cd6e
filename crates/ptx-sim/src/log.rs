//! What a block did wrong, written down as it happens, in words that name the source line and the thread.

use crate::{
    error::Place,
    finding::{Finding, Findings, Kind, element},
    instruction::Instruction,
    launch::Launch,
};

/// The findings of one block.
pub(crate) struct Log<'a> {
    code: &'a [Instruction],
    launch: &'a Launch,
    block: [u32; 3],
    findings: Findings,
}

impl<'a> Log<'a> {
    pub(crate) fn new(code: &'a [Instruction], launch: &'a Launch, block: [u32; 3]) -> Self {
        Log { code, launch, block, findings: Findings::default() }
    }

    /// Adds a finding about an instruction, and perhaps another that it meets. The words are found
    /// the first time only.
    #[cold]
    pub(crate) fn find(
        &mut self,
        kind: Kind,
        at: usize,
        other: Option<usize>,
        text: impl FnOnce(&Self) -> String,
    ) {
        let (place, other) = (self.place(at), other.map(|other| self.place(other)));
        if !self.findings.again(kind, place, other, 1) {
            let text = text(self);
            self.findings.list.push(Finding { kind, place, other, text, times: 1 });
        }
    }

    pub(crate) fn place(&self, instruction: usize) -> Place {
        self.code[instruction].place
    }

    /// “block (1, 0, 0), thread (35, 0, 0)”.
    pub(crate) fn who(&self, warp: u32, lane: usize) -> String {
        let [x, y, z] = self.block;
        let [i, j, k] = self.launch.thread(warp, lane as u32);
        format!("block ({x}, {y}, {z}), thread ({i}, {j}, {k})")
    }

    /// A byte of a buffer or shared array: “`ks[3][17]`”.
    pub(crate) fn element(&self, name: &str, byte: usize) -> String {
        element(&self.launch.arrays, name, byte)
    }

    pub(crate) fn into_findings(self) -> Findings {
        self.findings
    }
}

/// The block cannot go on; the reason is in the log.
#[derive(Debug)]
pub(crate) struct Stop;
