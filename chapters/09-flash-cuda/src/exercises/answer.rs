//! What an answer gives: the result, what the simulator found wrong, and what it counted.

use super::{Body, Case, body::Gap, case::Results, unit::Unit};
use crate::{Device, Error, Program, attention_by, unwritten};
use attn_exercise::{
    Field, Fields, Finding, cannot_be_checked, does_not_compile, field,
    judge::{Expected, close},
    todo_reached,
};
use ndarray::{Array, Array2, Array3, Dimension};
use ptx_sim::{Counts, Kind, Report};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// What came of a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// `out` (h, n, d).
    pub out: Array3<f32>,
    /// The log-sum-exp of every row (h, n).
    pub lse: Array2<f32>,
    /// What the simulator found, the first of each kind and place.
    pub findings: Vec<Found>,
    /// Times that a block met at a barrier.
    pub barriers: u64,
    /// Wavefronts of shared memory, and the fewest for the same accesses.
    pub wavefronts: (u64, u64),
    /// The line that wastes most of them: how it is called, its wavefronts, and the fewest.
    pub worst: Option<(String, u64, u64)>,
    /// What the compiler warned of in the learner's lines.
    pub warnings: Vec<String>,
}

/// One thing that went wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    /// The kind, and what it befell, without lines: the same for all who err alike.
    pub what: String,
    /// All of it, in words.
    pub told: String,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        let mut findings: Vec<&str> = self
            .findings
            .iter()
            .map(|found| found.what.as_str())
            .collect();
        findings.sort_unstable();
        findings.dedup();
        if findings.is_empty() {
            findings.push("none");
        }
        vec![
            field("out", &self.out),
            field("lse", &self.lse),
            field("findings", findings.join("; ")),
            field("barriers", self.barriers.to_string()),
            field("wavefronts", self.wavefronts.0.to_string()),
        ]
    }
}

/// Compiles the kernel with this answer in it, and runs it in the simulator.
pub(super) fn answer(gap: &Gap, body: &Body, case: &Case) -> Answer {
    let unit = gap
        .unit(body)
        .unwrap_or_else(|what| cannot_be_checked(&what));
    let program = match compiled(gap, body, &unit, case.sizes().d) {
        Ok(program) => program,
        Err(Error::DoesNotCompile { log }) => does_not_compile(&unit.complaint(&log)),
        Err(Error::NoNvrtc { .. }) => {
            let what = "your answer has to be compiled".into();
            cannot_be_checked(&Error::NoNvrtc { what }.to_string())
        }
        Err(Error::Ptx(error)) => cannot_be_checked(&unit.unknown(&error)),
        Err(error) => does_not_compile(&error.to_string()),
    };
    let outcome = attention_by(
        &mut Device::simulator(),
        gap.rung,
        &program,
        &case.inputs(),
        0,
    );
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
    let findings = || outcome.reports.iter().flat_map(|report| &report.findings);
    // Lanes of a warp may stand at a barrier while the others are at the todo.
    let stops =
        findings().filter(|finding| matches!(finding.kind, Kind::Trap | Kind::BarrierDivergence));
    let mut places = stops
        .flat_map(|finding| [Some(finding.place), finding.other])
        .flatten();
    if let Some(todo) = places.find_map(|place| todo(unit.line(place.source?))) {
        todo_reached(todo);
    }
    let total = |count: fn(&Counts) -> u64| {
        outcome
            .reports
            .iter()
            .map(|report| count(&report.total))
            .sum()
    };
    Answer {
        findings: findings()
            .map(|finding| Found {
                what: format!("{} {}", finding.kind.words(), befallen(&finding.text))
                    .trim_end()
                    .into(),
                told: unit.in_words(&finding.to_string()),
            })
            .collect(),
        barriers: total(|counts| counts.barriers),
        wavefronts: (
            total(|counts| counts.wavefronts),
            total(|counts| counts.ideal_wavefronts),
        ),
        worst: worst(&outcome.reports, &unit),
        warnings: unit.warnings(program.warnings()),
        out: outcome.out,
        lse: outcome.lse,
    }
}

/// The program of a body. A worker asks for the same one, case after case.
pub(super) fn compiled(
    gap: &Gap,
    body: &Body,
    unit: &Unit,
    d: usize,
) -> Result<Arc<Program>, Error> {
    static PROGRAMS: Mutex<BTreeMap<(String, usize), Arc<Program>>> = Mutex::new(BTreeMap::new());
    let mut programs = PROGRAMS
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let key = (unit.text.clone(), d);
    if let Some(program) = programs.get(&key) {
        return Ok(program.clone());
    }
    let program = Arc::new(gap.program(body, unit, d)?);
    programs.insert(key, program.clone());
    Ok(program)
}

/// What a `todo("…");` says.
fn todo(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("todo(\"")?;
    Some(rest.rsplit_once("\")")?.0)
}

/// The array that a finding names: of ``two warps touch `ks[3][17]` between …``, `ks`.
fn befallen(text: &str) -> &str {
    let name = text.split('`').nth(1).unwrap_or_default();
    name.split('[').next().unwrap_or_default()
}

/// The line with the most wasted wavefronts.
fn worst(reports: &[Report], unit: &Unit) -> Option<(String, u64, u64)> {
    let lines = reports.iter().flat_map(|report| &report.lines);
    let wasted = |counts: &Counts| counts.wavefronts - counts.ideal_wavefronts;
    let (line, counts) = lines.max_by_key(|(_, counts)| wasted(counts))?;
    (wasted(counts) > 0).then(|| {
        (
            unit.place(line.unwrap_or(0)),
            counts.wavefronts,
            counts.ideal_wavefronts,
        )
    })
}

/// Judges case by case; with a refusal comes what the compiler warned of.
pub(super) fn each(
    cases: &[Case],
    answers: &[Answer],
    judge: impl Fn(&Case, &Answer) -> Result<(), String>,
) -> Result<(), Finding> {
    attn_exercise::judge::each(cases, answers, |case, answer| {
        judge(case, answer).map_err(|what| warned(what, answer))
    })
}

/// The refusal, and what the compiler warned of.
pub(super) fn warned(what: String, answer: &Answer) -> String {
    answer.warnings.iter().fold(what, |what, warning| {
        format!("{what}\nThe compiler warns, {warning}")
    })
}

/// What every judge asks first: no finding, then the right numbers.
pub(super) fn is_right(case: &Case, answer: &Answer) -> Result<(), String> {
    // Races first, those between warps before all: what else was found mostly comes of them.
    let rank = |found: &&Found| match found.what.as_str() {
        what if what.starts_with("race between warps") => 0,
        what if what.starts_with("race") => 1,
        _ => 2,
    };
    if let Some(found) = answer.findings.iter().min_by_key(rank) {
        return Err(found.told.clone());
    }
    let Results {
        out,
        lse,
        plain_out,
        plain_lse,
    } = case.results();
    written("out", &answer.out)?;
    written("lse", &answer.lse)?;
    close(
        "out",
        &answer.out,
        &Expected::new(out, &plain_out.each_ref()),
    )?;
    close(
        "lse",
        &answer.lse,
        &Expected::new(lse, &plain_lse.each_ref()),
    )
}

/// Refuses an output with entries that no thread wrote.
fn written<D: Dimension>(name: &str, array: &Array<f32, D>) -> Result<(), String> {
    match unwritten(array) {
        None => Ok(()),
        Some(at) => Err(format!("{name}{at} was never written")),
    }
}

/// The exact result as `cargo attn try` shows it.
pub(super) fn steps(case: &Case) -> Vec<Field> {
    vec![field("lse, exactly", &case.results().lse)]
}
