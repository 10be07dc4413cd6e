//! What a kernel does wrong, in words, with the lines of its source.

use std::fmt;

use crate::error::Place;

/// The kinds of error that the simulator sees.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// An access outside every buffer, array or variable. The block stops.
    OutOfBounds,
    /// An address that is no multiple of the access's size. The block stops.
    Misaligned,
    /// A read of shared or global memory that nobody has written.
    Uninitialised,
    /// A variable is read that nobody gave a value on this path, and something depends on it: a
    /// branch, an address, a number that is stored.
    UninitialisedVariable,
    /// Two warps touch the same shared bytes between two barriers, and one of them writes.
    SharedRace,
    /// Two lanes of a warp touch the same shared bytes without `__syncwarp` between them, and one
    /// of them writes.
    WarpRace,
    /// Two blocks touch the same bytes of global memory, and one of them writes.
    BlockRace,
    /// `__syncthreads` that not all threads of a warp reach, or that warps reach at different places.
    /// The block stops where lanes of one warp part. A warp that has ended as a whole is excused.
    BarrierDivergence,
    /// A shuffle, vote or `__syncwarp` whose mask names lanes that are elsewhere, or leaves out
    /// lanes that are here; or a shuffle that reads a lane which does not take part or has ended.
    AbsentLanes,
    /// `mma`, `ldmatrix`, `stmatrix` or `movmatrix` by a part of a warp: all 32 lanes have to be there.
    PartialWarp,
    /// Shared memory that is read, or written again, after a `cp.async` into it and before the thread that copies
    /// has waited.
    UnawaitedCopy,
    /// The same, where the thread has waited, but by a wait that lets this copy go on: too many groups may be under
    /// way, or the copy is in no group.
    ShortWait,
    /// The block ran as many instructions as it may. The block stops.
    StepLimit,
    /// `__trap()`. The block stops.
    Trap,
}

impl Kind {
    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Kind::OutOfBounds => "out of bounds",
            Kind::Misaligned => "misaligned",
            Kind::Uninitialised => "uninitialised read",
            Kind::UninitialisedVariable => "uninitialised variable",
            Kind::SharedRace => "race between warps",
            Kind::WarpRace => "race within a warp",
            Kind::BlockRace => "race between blocks",
            Kind::BarrierDivergence => "divergent barrier",
            Kind::AbsentLanes => "absent lanes",
            Kind::PartialWarp => "part of a warp",
            Kind::UnawaitedCopy => "copy not waited for",
            Kind::ShortWait => "wait too short",
            Kind::StepLimit => "step limit",
            Kind::Trap => "trap",
        }
    }
}

/// One error, told the first time it happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What kind of error it is.
    pub kind: Kind,
    /// The instruction at fault.
    pub place: Place,
    /// The other instruction of a race, or the one that depends on a variable without a value.
    pub other: Option<Place>,
    /// What happened, where and to whom.
    pub text: String,
    /// How often the same two lines met in this way.
    pub times: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.kind.words(), self.place, self.text)
    }
}

/// The findings of a block or of a whole launch: each pair of lines once.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) list: Vec<Finding>,
}

impl Findings {
    /// Different findings that are kept; a kernel that is wrong everywhere is told so often enough.
    const LIMIT: usize = 100;

    /// Whether the same two lines met in this way before; it is counted. A line may have many
    /// instructions.
    pub(crate) fn again(
        &mut self,
        kind: Kind,
        place: Place,
        other: Option<Place>,
        times: u64,
    ) -> bool {
        let line =
            |place: Place| (place.source, if place.source.is_some() { 0 } else { place.ptx });
        let key = (kind, line(place), other.map(line));
        let known =
            self.list.iter_mut().find(|f| (f.kind, line(f.place), f.other.map(line)) == key);
        match known {
            Some(known) => known.times += times,
            None => return self.list.len() >= Self::LIMIT,
        }
        true
    }

    /// Adds those of another block.
    pub(crate) fn merge(&mut self, others: Findings) {
        for finding in others.list {
            if !self.again(finding.kind, finding.place, finding.other, finding.times) {
                self.list.push(finding);
            }
        }
    }
}

/// The shape of an array, so that a finding says `ks[3][17]` and not “byte 848 of `ks`”: PTX knows
/// bytes alone.
#[derive(Clone, Debug)]
pub struct Array {
    /// The name of a buffer or shared array.
    pub name: String,
    /// Bytes of an element.
    pub element: usize,
    /// Elements along each axis, the outermost first.
    pub shape: Vec<usize>,
}

/// 5,000,000.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A byte of a named array, in words.
pub(crate) fn element(arrays: &[Array], name: &str, byte: usize) -> String {
    let Some(array) = arrays.iter().find(|array| array.name == name && array.element > 0) else {
        return format!("byte {byte} of `{name}`");
    };
    let mut index = byte / array.element;
    let mut axes = Vec::new();
    for length in array.shape.iter().skip(1).rev() {
        let length = (*length).max(1);
        axes.push(index % length);
        index /= length;
    }
    axes.push(index);
    let axes: String = axes.iter().rev().map(|axis| format!("[{axis}]")).collect();
    format!("`{name}{axes}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_indices() {
        let ks = Array { name: "ks".into(), element: 4, shape: vec![32, 65] };
        assert_eq!(element(std::slice::from_ref(&ks), "ks", (3 * 65 + 17) * 4), "`ks[3][17]`");
        assert_eq!(element(&[ks], "vs", 8), "byte 8 of `vs`");
    }
}
