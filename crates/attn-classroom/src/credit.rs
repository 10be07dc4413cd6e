//! From what came of an exercise to points, and to what is said of it.

use crate::{
    attempt::Attempt,
    results::{Graded, Group, Named, State},
};
use anstream::adapter::strip_str;
use attn::Exercise;
use attn_exercise::{Cases, Diagnosis, Failure, Grade, Kind, Symptom, Verdict};

/// What an exercise of one student is worth. `of` is what it is worth at most.
///
/// Right on all cases, it gets all points. Wrong, it gets a share for each kind of case of which it has every one right that
/// students see, and four of five of those that they do not: two of four kinds give half of the points. So one new case of
/// one seed costs no share, and an answer that was made to fit what students see gets none.
pub fn credit(exercise: &Exercise, of: f64, attempt: Option<&Attempt>) -> Graded {
    let mut graded = Graded {
        id: exercise.id.clone(),
        title: exercise.title.clone(),
        book: exercise.book.clone().unwrap_or_default(),
        of,
        points: 0.0,
        state: State::NotChecked,
        groups: Vec::new(),
        diagnosis: None,
        says: String::new(),
        private: String::new(),
    };
    match attempt {
        None => graded.private = "the grader was stopped before it came to this".into(),
        Some(Attempt::Refused(verdict)) => {
            (graded.state, graded.says) = (state(verdict, false), said(verdict, true));
        }
        Some(Attempt::Run { visible, hidden }) => {
            let verdicts = [&visible.report.verdict, &hidden.report.verdict];
            let (whole, kinds) = whole_kinds(visible, hidden);
            let states = verdicts.map(|verdict| state_of_a_run(verdict, whole > 0));
            // Stopped on either, it is stopped; wrong on either, it is wrong.
            let is = |state: &State| states.contains(state);
            let worst =
                [State::Stopped, State::Unsolved, State::WaitsOn, State::Wrong, State::Partly];
            graded.state = worst.into_iter().find(is).unwrap_or(State::Passed);
            graded.points = match graded.state {
                State::Passed => of,
                // What only several cases together show leaves every case right by itself.
                State::Partly => of * whole.min(kinds - 1) as f64 / kinds as f64,
                _ => 0.0,
            };
            graded.groups = groups(visible, hidden);
            graded.diagnosis = verdicts.into_iter().find_map(diagnosis);
            graded.says = match verdicts {
                [visible, _] if !visible.is_passed() => said(visible, true),
                [_, hidden] if !hidden.is_passed() => said(hidden, false),
                _ => String::new(),
            };
            graded.private = said(verdicts[1], true);
        }
    }
    graded
}

/// How many kinds of case are right throughout, of how many. The case that is worked by hand stands in the book, so it
/// is no kind of its own.
fn whole_kinds(visible: &Grade, hidden: &Grade) -> (usize, usize) {
    let all = || visible.kinds.iter().chain(&hidden.kinds);
    let kinds: Vec<Kind> =
        KINDS.into_iter().filter(|kind| all().any(|c| c.kind == *kind)).collect();
    let of = |grade: &Grade, kind: Kind| {
        let cases = grade.kinds.iter().filter(|cases| cases.kind == kind);
        cases.fold((0, 0), |(right, of), cases| (right + cases.right, of + cases.of))
    };
    let is_whole = |kind: &&Kind| {
        let ((seen, of_seen), (new, of_new)) = (of(visible, **kind), of(hidden, **kind));
        seen == of_seen && 5 * new >= 4 * of_new
    };
    (kinds.iter().filter(is_whole).count(), kinds.len().max(1))
}

const KINDS: [Kind; 3] = [Kind::Ordinary, Kind::Edge, Kind::Extreme];

fn groups(visible: &Grade, hidden: &Grade) -> Vec<Group> {
    let of = |cases: &Cases, visible: bool| {
        let name = match cases.kind {
            Kind::ByHand => "worked by hand",
            Kind::Ordinary => "ordinary",
            Kind::Edge => "sizes of 0 and 1",
            Kind::Extreme => "very large and very small numbers",
        };
        Group { name: name.into(), right: cases.right, of: cases.of, visible }
    };
    let seen = visible.kinds.iter().map(|cases| of(cases, true));
    seen.chain(hidden.kinds.iter().map(|cases| of(cases, false))).collect()
}

fn state(verdict: &Verdict, some_right: bool) -> State {
    match verdict {
        Verdict::Passed { .. } => State::Passed,
        Verdict::Unsolved { .. } => State::Unsolved,
        Verdict::WaitsOn { .. } => State::WaitsOn,
        Verdict::DoesNotCompile { .. } => State::DoesNotCompile,
        Verdict::CannotBeChecked { .. } => State::NotChecked,
        Verdict::Failed(Failure { symptom, .. }) => match symptom {
            Symptom::Wrong { .. } | Symptom::Panicked { .. } if some_right => State::Partly,
            Symptom::Wrong { .. } | Symptom::Panicked { .. } => State::Wrong,
            _ => State::Stopped,
        },
    }
}

/// As [`state`], of an answer that was run: that it cannot be checked is then its own doing.
fn state_of_a_run(verdict: &Verdict, some_right: bool) -> State {
    match verdict {
        Verdict::CannotBeChecked { .. } | Verdict::DoesNotCompile { .. } => State::Stopped,
        verdict => state(verdict, some_right),
    }
}

fn diagnosis(verdict: &Verdict) -> Option<Named> {
    let Verdict::Failed(Failure { diagnosis: Some(diagnosis), .. }) = verdict else { return None };
    let Diagnosis { mistake, when, .. } = diagnosis.clone();
    Some(Named { mistake, when })
}

/// What a verdict says; of hidden cases without their sizes and numbers.
fn said(verdict: &Verdict, may_be_seen: bool) -> String {
    match verdict {
        Verdict::Passed { .. } => String::new(),
        Verdict::Unsolved { .. } if !may_be_seen => "A new case reaches a `todo!`.".into(),
        Verdict::CannotBeChecked { .. } | Verdict::DoesNotCompile { .. } if !may_be_seen => {
            "With a new case it gives no answer.".into()
        }
        Verdict::Unsolved { todo, .. } => todo.clone(),
        Verdict::WaitsOn { on } => format!("It calls {on}, which is unsolved."),
        Verdict::DoesNotCompile { errors } => strip_str(&errors.join("\n")).to_string(),
        Verdict::CannotBeChecked { why } => why.clone(),
        Verdict::Failed(Failure { case, label, symptom, .. }) => {
            let what = match (symptom, may_be_seen) {
                (Symptom::Wrong { what }, true) => what.clone(),
                (Symptom::Wrong { .. }, false) => "It gives a wrong result.".into(),
                (Symptom::Panicked { message, .. }, true) => format!("It panics: {message}"),
                (Symptom::Panicked { .. }, false) => "It panics.".into(),
                (Symptom::TimedOut { seconds }, _) => {
                    format!("It was still running after {seconds} s.")
                }
                (Symptom::Exited { code }, _) => {
                    format!("It ended the process, with exit status {code}.")
                }
                (Symptom::Crashed { status }, _) => format!("Its process died: {status}."),
                (Symptom::StackOverflow, _) => "Its recursion has no end.".into(),
                (Symptom::OutOfMemory { limit }, _) => {
                    format!("It asked for more than {} MiB of memory.", limit >> 20)
                }
                (Symptom::PrintedTooMuch { limit }, _) => {
                    format!("It printed more than {} MiB.", limit >> 20)
                }
            };
            match may_be_seen {
                true => format!("Case {case}, {label}:\n{what}"),
                false => format!("All cases that you have are right, but a new one is not. {what}"),
            }
        }
    }
}
