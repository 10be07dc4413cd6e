//! What stands behind an exercise: the kernel's own function, a changed one, or the learner's.

use super::unit::{NAME, Unit};
use crate::{Error, Program, Rung, rung};
use std::fs;

/// An answer.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// The function that the kernel has.
    Kernel,
    /// The kernel, without the marker lines of its exercises, with these texts replaced, each by the one after it.
    Changed(&'static [(&'static str, &'static str)]),
    /// The section of this exercise in this file, which is read when it is needed.
    Section(&'static str),
}

/// Where an exercise's function stands.
pub(super) struct Gap {
    pub id: &'static str,
    pub item: &'static str,
    pub rung: Rung,
    /// A kernel of the check's own that calls the function, if it has to be looked at by itself.
    pub probe: &'static str,
}

impl Gap {
    /// The kernel with the answer in it, and the probe.
    pub fn unit(&self, body: &Body) -> Result<Unit, String> {
        let (source, file) = (
            self.rung.source(),
            format!("kernels/{}.cu", self.rung.name()),
        );
        let mut unit = match body {
            Body::Kernel => Unit::whole(&file, source),
            Body::Changed(changes) => Unit::whole(&file, &changed(source, changes)),
            Body::Section(path) => {
                let answers =
                    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
                Unit::with_section(&file, source, self.item, &answers, (self.id, &super::IDS))?
            }
        };
        unit.text += self.probe;
        Ok(unit)
    }

    /// It, compiled for width `d`. The kernel's own needs no compiler, and has no probe.
    pub fn program(&self, body: &Body, unit: &Unit, d: usize) -> Result<Program, Error> {
        match body {
            Body::Kernel => self.rung.program(d),
            _ => Program::compile(NAME, &unit.text, &rung::definitions(d)?),
        }
    }
}

/// `source` without the lines that mark its exercises' solutions, with each of these changes.
///
/// # Panics
/// If what is to be changed is not there exactly once.
#[track_caller]
pub fn changed(source: &str, changes: &[(&str, &str)]) -> String {
    let marker = |line: &&str| {
        let marker = line.trim().strip_prefix("// ").unwrap_or_default();
        marker.starts_with("SOLUTION") || marker == "END SOLUTION"
    };
    let lines = source.lines().filter(|line| !marker(line));
    let mut text: String = lines.flat_map(|line| [line, "\n"]).collect();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "not there once: {from}");
        text = text.replace(from, to);
    }
    text
}
