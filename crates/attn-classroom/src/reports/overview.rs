//! The class at a glance: which exercises were passed, and which mistakes were made how often.

mod page;
mod table;

use crate::{
    number::{hundredths, short},
    results::{Results, State, Student},
};
pub use page::html;
use std::collections::BTreeMap;
pub use table::text;

/// Counts over the class.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// The assignment.
    pub assignment: String,
    /// How many students there are.
    pub students: usize,
    /// How many of them handed in what cannot be graded.
    pub refused: usize,
    /// The median of the points of those who can be graded; `None` when there are none.
    pub median: Option<f64>,
    /// What could be reached.
    pub of: f64,
    /// The exercises in the order of the assignment.
    pub exercises: Vec<Standing>,
    /// The known mistakes, the most frequent first.
    pub mistakes: Vec<Made>,
    /// The students, by name.
    pub list: Vec<Listed>,
}

/// A student's line.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The student.
    pub name: String,
    /// What counts.
    pub points: f64,
    /// What is out of the ordinary.
    pub says: String,
}

/// How one exercise stands over the class.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Its number.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How many students have it in which state. Those whose submission was refused are left out.
    pub states: Vec<(State, usize)>,
}

/// How often a mistake was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// By how many students.
    pub times: usize,
    /// In which exercise.
    pub id: String,
    /// Its name.
    pub mistake: String,
    /// Completes “This is exactly what comes out when …”.
    pub when: String,
}

const STATES: [State; 8] = [
    State::Passed,
    State::Partly,
    State::Wrong,
    State::Unsolved,
    State::WaitsOn,
    State::DoesNotCompile,
    State::Stopped,
    State::NotChecked,
];

impl Standing {
    /// How many students have it in this state.
    pub fn count(&self, state: State) -> usize {
        self.states.iter().find(|(of, _)| *of == state).map_or(0, |(_, n)| *n)
    }
}

impl Overview {
    /// Counts.
    pub fn of(results: &Results) -> Self {
        let graded: Vec<&Student> =
            results.students.iter().filter(|s| s.refused.is_none()).collect();
        let mut points: Vec<f64> = graded.iter().map(|s| s.points).collect();
        points.sort_by(f64::total_cmp);
        Overview {
            assignment: results.assignment.clone(),
            students: results.students.len(),
            refused: results.students.len() - graded.len(),
            median: points.len().checked_sub(1).map(|last| {
                // The middle one, or between the two in the middle.
                hundredths(f64::midpoint(points[last / 2], points[last.div_ceil(2)]))
            }),
            of: results.students.first().map_or(0.0, |s| s.of),
            exercises: exercises(results, &graded),
            mistakes: mistakes(&graded),
            list: results.students.iter().map(listed).collect(),
        }
    }

    /// How many students can be graded.
    pub fn graded(&self) -> usize {
        self.students - self.refused
    }
}

fn listed(s: &Student) -> Listed {
    let stopped = s.exercises.iter().filter(|e| e.state == State::Stopped);
    let stopped: Vec<&str> = stopped.map(|e| e.id.as_str()).collect();
    let mut says = Vec::new();
    says.extend(s.refused.as_ref().map(|why| format!("nothing could be graded: {why}")));
    if s.late_factor < 1.0 {
        says.push(format!("late: {} % count", short(s.late_factor * 100.0)));
    }
    if !stopped.is_empty() {
        says.push(format!("stopped: {}", stopped.join(", ")));
    }
    Listed { name: s.name.clone(), points: s.points, says: says.join("; ") }
}

fn exercises(results: &Results, graded: &[&Student]) -> Vec<Standing> {
    // All students were asked the same, so that an exercise has one place in all lists.
    let asked = results.students.first().into_iter().flat_map(|s| s.exercises.iter().enumerate());
    let standing = |(i, e): (usize, &crate::results::Graded)| {
        let count = |state| graded.iter().filter(|s| s.exercises[i].state == state).count();
        let states = STATES.map(|state| (state, count(state)));
        let states = states.into_iter().filter(|(_, n)| *n > 0).collect();
        Standing { id: e.id.clone(), title: e.title.clone(), states }
    };
    asked.map(standing).collect()
}

fn mistakes(graded: &[&Student]) -> Vec<Made> {
    let mut made: BTreeMap<(&str, &str), Made> = BTreeMap::new();
    for e in graded.iter().flat_map(|s| &s.exercises) {
        let Some(named) = &e.diagnosis else { continue };
        let new = || {
            let (id, mistake, when) = (e.id.clone(), named.mistake.clone(), named.when.clone());
            Made { times: 0, id, mistake, when }
        };
        made.entry((&e.id, &named.mistake)).or_insert_with(new).times += 1;
    }
    let mut made: Vec<Made> = made.into_values().collect();
    // Stable: equally frequent ones stay in the order of exercise and name.
    made.sort_by_key(|made| std::cmp::Reverse(made.times));
    made
}
