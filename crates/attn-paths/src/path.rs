use crate::problem::{Problem, Setting};
use ndarray::Array3;

/// One way to compute attention.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// What it is called in tests and in the book.
    pub name: &'static str,
    /// The chapter that it is from; 0 for the oracle, which is from none.
    pub chapter: usize,
    /// What has to be so for it to be plain attention; empty if nothing.
    pub condition: &'static str,
    /// What it can take.
    pub settings: &'static [Setting],
    /// Which widths it can take.
    pub widths: Widths,
    /// How far an entry may be from the exact one, as a part of the largest value: [`SINGLE`] or
    /// [`DOUBLE`]. Two paths may differ by the sum of both.
    pub error: f64,
    /// Computes it: (h, n, d_v).
    pub run: fn(&Problem) -> Array3<f64>,
}

/// The widths of heads that a path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widths {
    /// All of them; d is even wherever positions could turn it.
    Any,
    /// d = d_v = 64.
    Kernel,
}

/// In f32: some roundings of 6e-8 each. The furthest that was seen is 2e-7.
pub const SINGLE: f64 = 1e-6;

/// In f64, from inputs of f32: some roundings of 1.1e-16 each. The furthest that was seen is 3e-16.
pub const DOUBLE: f64 = 2e-15;

impl Path {
    /// Whether it can take a problem.
    pub fn takes(&self, problem: &Problem) -> bool {
        let widths = self.widths == Widths::Any || problem.widths() == (64, 64);
        widths && self.settings.contains(&problem.setting)
    }
}
