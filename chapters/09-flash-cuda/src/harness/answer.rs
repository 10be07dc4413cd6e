//! What an answer gives: the result, what the simulator found wrong, and what it counted.

use super::unit::Unit;
use crate::{Outcome, Program, unwritten};
use attn_exercise::{Field, Fields, field, judge::require, todo_reached};
use ndarray::{Array, Array2, Array3, Dimension};
use ptx_sim::{Counts, Finding, Kind};
use serde::{Deserialize, Serialize};

/// What came of a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// `out` (h, n, d).
    pub out: Array3<f32>,
    /// The log-sum-exp of every row (h, n).
    pub lse: Array2<f32>,
    /// What the simulator found, the first of each kind and place: the kind, and what it befell, without lines, which is
    /// the same for all who err alike; and all of it in words.
    findings: Vec<(String, String)>,
    /// Times that a block met at a barrier.
    pub barriers: u64,
    /// Wavefronts of shared memory.
    pub wavefronts: u64,
    /// The fewest wavefronts that the same accesses need.
    pub ideal_wavefronts: u64,
    /// The line that wastes most of them, in words.
    wasteful: Option<String>,
    /// `place(key, four)` where it is asked for (keys, float4 of a key).
    pub places: Option<Array2<f32>>,
    /// What the compiler warned of in the learner's lines.
    warnings: Vec<String>,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        let mut found: Vec<&str> = self.findings.iter().map(|(what, _)| what.as_str()).collect();
        found.sort_unstable();
        found.dedup();
        let mut fields = vec![field("out", &self.out), field("lse", &self.lse)];
        if let Some(places) = &self.places {
            fields.push(field("place(key, four)", places));
            fields.push(field(
                "place(key, four) % 8, a group of four banks",
                &places.mapv(|place| place % 8.0),
            ));
        }
        // One part, for neither explains a mistake without the others.
        let found = if found.is_empty() { "nothing".into() } else { found.join("; ") };
        let (barriers, wavefronts) = (self.barriers, self.wavefronts);
        let counted = format!(
            "found: {found}; {barriers} barriers; {wavefronts} wavefronts of shared memory"
        );
        fields.push(field("the simulator", counted));
        fields
    }
}

/// What came of a run. A todo that was reached ends the case.
pub(super) fn outcome(outcome: Outcome, unit: &Unit, program: &Program) -> Answer {
    let reports = &outcome.reports;
    let mut findings: Vec<&Finding> = reports.iter().flat_map(|report| &report.findings).collect();
    // Lanes of a warp may stand at a barrier while the others are at the todo.
    let stops =
        findings.iter().filter(|found| matches!(found.kind, Kind::Trap | Kind::BarrierDivergence));
    let mut places = stops.flat_map(|stop| [Some(stop.place), stop.other]).flatten();
    if let Some(todo) = places.find_map(|place| todo(unit.line(place.source?))) {
        todo_reached(todo);
    }
    // Races first, those between warps before all: what else was found mostly comes of them.
    findings.sort_by_key(|found| match found.kind.words() {
        words if words.starts_with("race between warps") => 0,
        words if words.starts_with("race") => 1,
        _ => 2,
    });
    let total = |count: fn(&Counts) -> u64| reports.iter().map(|report| count(&report.total)).sum();
    let lines = reports.iter().flat_map(|report| &report.lines);
    let wasted = |counts: &Counts| counts.wavefronts - counts.ideal_wavefronts;
    let worst =
        lines.max_by_key(|(_, counts)| wasted(counts)).filter(|(_, counts)| wasted(counts) > 0);
    Answer {
        findings: findings.iter().map(|found| (kind(found), unit.in_words(&found.to_string()))).collect(),
        barriers: total(|counts| counts.barriers),
        wavefronts: total(|counts| counts.wavefronts),
        ideal_wavefronts: total(|counts| counts.ideal_wavefronts),
        wasteful: worst.map(|(line, Counts { wavefronts, ideal_wavefronts, .. })| {
            format!(
                "{} takes {wavefronts} wavefronts of shared memory where {ideal_wavefronts} would do: {:.1}×",
                unit.place(line.unwrap_or(0)),
                *wavefronts as f64 / *ideal_wavefronts as f64
            )
        }),
        places: None,
        warnings: unit.warnings(program.warnings()),
        out: outcome.out,
        lse: outcome.lse,
    }
}

/// What a `todo("…");` says.
fn todo(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("todo(\"")?;
    Some(rest.rsplit_once("\")")?.0)
}

/// The kind of a finding, and the array that it names: of ``two warps touch `ks[3][17]` between …``, `ks`.
fn kind(found: &Finding) -> String {
    let named = found.text.split('`').nth(1).unwrap_or_default();
    let array = named.split('[').next().unwrap_or_default();
    format!("{} {array}", found.kind.words()).trim_end().into()
}

impl Answer {
    /// Refuses what the simulator found wrong, and outputs that no thread wrote.
    pub(super) fn is_sound(&self) -> Result<(), String> {
        if let Some((_, told)) = self.findings.first() {
            return Err(told.clone());
        }
        written("out", &self.out)?;
        written("lse", &self.lse)
    }

    /// Refuses accesses to shared memory that take more wavefronts than they need.
    ///
    /// # Errors
    /// The line that wastes most.
    pub fn has_no_bank_conflict(&self) -> Result<(), String> {
        match &self.wasteful {
            None => Ok(()),
            Some(line) => Err(format!("the numbers are right, but {line}")),
        }
    }

    /// The refusal, and what the compiler warned of.
    pub(super) fn warned(&self, what: String) -> String {
        let warnings = self.warnings.iter();
        warnings.fold(what, |what, warning| format!("{what}\nThe compiler warns, {warning}"))
    }
}

fn written<D: Dimension>(name: &str, array: &Array<f32, D>) -> Result<(), String> {
    let unwritten = unwritten(array);
    require(unwritten.is_none(), || {
        format!("{name}{} was never written", unwritten.unwrap_or_default())
    })
}
