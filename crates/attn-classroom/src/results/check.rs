//! What the types of results cannot say.

use super::{FORMAT, Graded, Predicted, Results, ResultsError, State, Student};
use crate::number::{hundredths, short};

pub(super) fn check(results: &Results) -> Result<(), ResultsError> {
    if results.format != FORMAT {
        return Err(ResultsError::Format(results.format));
    }
    for pair in results.students.windows(2) {
        match pair[0].name.cmp(&pair[1].name) {
            std::cmp::Ordering::Less => same_asked(&pair[0], &pair[1])?,
            std::cmp::Ordering::Equal => return Err(ResultsError::Twice(pair[0].name.clone())),
            std::cmp::Ordering::Greater => {
                return Err(ResultsError::Unsorted(pair[1].name.clone()));
            }
        }
    }
    results.students.iter().try_for_each(student)
}

fn same_asked(a: &Student, b: &Student) -> Result<(), ResultsError> {
    let (asked, others) = (asked(a), asked(b));
    if asked == others {
        return Ok(());
    }
    Err(ResultsError::AskedOtherwise {
        student: a.name.clone(),
        asked,
        other: b.name.clone(),
        others,
    })
}

/// The exercises and questions with what they are worth.
fn asked(student: &Student) -> String {
    let exercises = student.exercises.iter().map(|e| (&e.id, e.of));
    let all = exercises.chain(student.predictions.iter().map(|p| (&p.id, p.of)));
    all.map(|(id, of)| format!("{id} for {}", short(of))).collect::<Vec<_>>().join(", ")
}

fn student(s: &Student) -> Result<(), ResultsError> {
    let wrong = |place: &str, problem: String| {
        let (student, place) = (s.name.clone(), place.to_string());
        Err(ResultsError::Contradiction { student, place, problem })
    };
    if s.name.trim().is_empty() {
        return wrong("name", "is empty".into());
    }
    if !(0.0..=1.0).contains(&s.late_factor) {
        return wrong("late_factor", format!("is {}, not between 0 and 1", s.late_factor));
    }
    for e in &s.exercises {
        if let Some(problem) = exercise(e) {
            return wrong(&e.id, problem);
        }
    }
    for p in &s.predictions {
        if let Some(problem) = prediction(p) {
            return wrong(&p.id, problem);
        }
    }
    let total = s.total();
    if (s.points, s.of) != total {
        let (points, of) = total;
        return wrong(
            "total",
            format!("is {} of {}, but its parts give {points} of {of}", s.points, s.of),
        );
    }
    if s.refused.is_some() && s.points > 0.0 {
        return wrong("total", format!("is {}, but the submission was refused", s.points));
    }
    Ok(())
}

fn exercise(e: &Graded) -> Option<String> {
    if let Some(problem) = points(e.points, e.of) {
        return Some(problem);
    }
    if e.state == State::NotChecked && e.points > 0.0 {
        return Some(format!("{} points, but it was not checked", e.points));
    }
    e.groups.iter().find_map(|group| {
        let (right, of) = (group.right, group.of);
        if right > of {
            return Some(format!("{right} of {of} cases right in “{}”", group.name));
        }
        (e.state.is_passed() && right < of)
            .then(|| format!("passed, but {right} of {of} cases right in “{}”", group.name))
    })
}

fn prediction(p: &Predicted) -> Option<String> {
    if p.right && p.answer.is_none() {
        return Some("right, but not answered".into());
    }
    if !p.right && p.points > 0.0 {
        return Some(format!("{} points, but it is not right", p.points));
    }
    points(p.points, p.of)
}

fn points(points: f64, of: f64) -> Option<String> {
    let fine = |x: f64| x.is_finite() && x == hundredths(x);
    let inside = (0.0..=of).contains(&points) && fine(points) && fine(of);
    (!inside).then(|| format!("{points} of {of} points cannot be"))
}
