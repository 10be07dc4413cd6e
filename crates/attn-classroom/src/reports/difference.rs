//! What differs between two gradings of one assignment: who changed, by how much, and why.

use super::told::plain;
use crate::{
    number::{hundredths, listed, short},
    results::{Graded, Predicted, Results, Student},
};
use std::{collections::BTreeMap, fmt::Display};

/// What differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What the gradings themselves do not share, such as the seed.
    pub settings: Vec<String>,
    /// The students who changed, sorted by name.
    pub students: Vec<Change>,
    /// How many did not.
    pub unchanged: usize,
}

/// What changed for one student.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The student.
    pub name: String,
    /// The points before, if the student was there.
    pub before: Option<f64>,
    /// The points after, if the student is there.
    pub after: Option<f64>,
    /// Why, in one or several lines.
    pub why: Vec<String>,
}

/// Why two results cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these are two assignments: “{0}” and “{1}”")]
pub struct OtherAssignment(pub String, pub String);

impl Change {
    /// By how many points.
    pub fn by(&self) -> f64 {
        hundredths(self.after.unwrap_or(0.0) - self.before.unwrap_or(0.0))
    }
}

impl Difference {
    /// Compares. A student whose points are the same may have changed all the same, in a state for one.
    ///
    /// # Errors
    /// If they are of two assignments.
    pub fn between(before: &Results, after: &Results) -> Result<Self, OtherAssignment> {
        if (&before.assignment, &before.chapters) != (&after.assignment, &after.chapters) {
            let name = |r: &Results| format!("{}, chapter {}", r.assignment, listed(&r.chapters));
            return Err(OtherAssignment(name(before), name(after)));
        }
        let mut settings = Vec::new();
        note(&mut settings, "course", &before.course, &after.course);
        note(&mut settings, "seed", &before.seed, &after.seed);
        let mut pairs: BTreeMap<&str, (Option<&Student>, Option<&Student>)> = BTreeMap::new();
        before.students.iter().for_each(|s| pairs.entry(&s.name).or_default().0 = Some(s));
        after.students.iter().for_each(|s| pairs.entry(&s.name).or_default().1 = Some(s));
        let all = pairs.len();
        let students: Vec<Change> = pairs.into_iter().filter_map(change).collect();
        Ok(Difference { settings, unchanged: all - students.len(), students })
    }

    /// It as text.
    pub fn text(&self) -> String {
        let mut out: String = self.settings.iter().map(|line| format!("{line}\n")).collect();
        for change in &self.students {
            let points = |points: Option<f64>| points.map_or_else(|| "–".into(), short);
            let by = change.by();
            let sign = if by > 0.0 { "+" } else { "" };
            let name = plain(&change.name);
            out += &format!(
                "{name}: {} → {} ({sign}{})\n",
                points(change.before),
                points(change.after),
                short(by)
            );
            change.why.iter().for_each(|why| out += &format!("  {why}\n"));
        }
        out + &format!("{} changed, {} did not\n", self.students.len(), self.unchanged)
    }
}

fn change((name, pair): (&str, (Option<&Student>, Option<&Student>))) -> Option<Change> {
    let why = match pair {
        (Some(before), Some(after)) => reasons(before, after),
        (None, _) => vec!["new".into()],
        (_, None) => vec!["no longer there".into()],
    };
    let points = |student: Option<&Student>| student.map(|s| s.points);
    let (before, after) = (points(pair.0), points(pair.1));
    (!why.is_empty()).then(|| Change { name: name.into(), before, after, why })
}

fn reasons(before: &Student, after: &Student) -> Vec<String> {
    let mut why = Vec::new();
    let refused =
        |s: &Student| s.refused.as_deref().map_or_else(|| "could be graded".into(), plain);
    note(&mut why, "submission", &refused(before), &refused(after));
    let submitted = |s: &Student| s.submitted.clone().unwrap_or_else(|| "unknown".into());
    note(&mut why, "submitted", &submitted(before), &submitted(after));
    note(&mut why, "due", &plain(&before.due), &plain(&after.due));
    note(&mut why, "late factor", &before.late_factor, &after.late_factor);
    let exercises = |s: &Student| -> Vec<(String, String)> {
        s.exercises.iter().map(|e| (e.id.clone(), exercise(e))).collect()
    };
    compare(&mut why, exercises(before), exercises(after));
    let predictions = |s: &Student| -> Vec<(String, String)> {
        s.predictions.iter().map(|p| (p.id.clone(), prediction(p))).collect()
    };
    compare(&mut why, predictions(before), predictions(after));
    why
}

fn exercise(e: &Graded) -> String {
    let diagnosis =
        e.diagnosis.as_ref().map_or_else(String::new, |named| format!(" ({})", named.mistake));
    format!("{} of {}, {}{diagnosis}", short(e.points), short(e.of), e.state.words())
}

fn prediction(p: &Predicted) -> String {
    let answer = p
        .answer
        .as_deref()
        .map_or_else(|| "not answered".into(), |answer| format!("“{}”", plain(answer)));
    format!("{} of {}, {answer}", short(p.points), short(p.of))
}

/// Names what is other or there only once, in the order of `after`, then what is gone.
fn compare(why: &mut Vec<String>, before: Vec<(String, String)>, after: Vec<(String, String)>) {
    let mut old: BTreeMap<String, String> = before.into_iter().collect();
    for (id, new) in after {
        let was = old.remove(&id).unwrap_or_else(|| "not asked".into());
        note(why, &id, &was, &new);
    }
    old.iter().for_each(|(id, was)| note(why, id, was, &"not asked".to_string()));
}

fn note<T: PartialEq + Display>(notes: &mut Vec<String>, what: &str, before: &T, after: &T) {
    if before != after {
        notes.push(format!("{what}: {before} → {after}"));
    }
}
