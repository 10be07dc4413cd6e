//! Which known mistake explains what came back.

use crate::{
    Diagnosis, Field, Fields, Symptom, Value,
    fields::{agree, all_the_same, same},
    run::{Ending, Run},
};

/// What the reference and the known mistakes give on the cases.
pub(crate) struct Known<A> {
    pub reference: Run<A>,
    /// Each mistake's name and explanation, and what it gives.
    pub mistakes: Vec<(Named, Run<A>)>,
}

/// A mistake's name, and the end of the sentence “This is exactly what comes out when …”.
pub(crate) type Named = (String, String);

impl<A: Fields> Known<A> {
    /// The first known mistake that explains everything that came back; or else the first that
    /// explains it but for the cases that overflow; or else the first that explains a part of it.
    pub(crate) fn diagnose(&self, run: &Run<A>) -> Option<Diagnosis> {
        let known = self;
        let named = || {
            known.mistakes.iter().map(|((name, when), run)| ((name.as_str(), when.as_str()), run))
        };
        let diagnosis = |(mistake, when): (&str, &str), overflows, part| Diagnosis {
            mistake: mistake.into(),
            when: when.into(),
            overflows,
            part,
        };
        if let Some((name, _)) = named().find(|(_, mistake)| explains(mistake, run)) {
            return Some(diagnosis(name, 0, None));
        }
        let came = fields(run, known)?;
        let right = fields(&known.reference, known)?;
        let mistakes: Vec<_> =
            named().filter_map(|(name, run)| Some((name, fields(run, known)?))).collect();
        if let Some((name, _)) =
            mistakes.iter().find(|(_, wrong)| explains_but_for_what_cancels(wrong, &came, &right))
        {
            return Some(diagnosis(*name, 0, None));
        }
        let but_for_overflows = mistakes.iter().find_map(|(name, wrong)| {
            let overflows = explains_but_for_overflows(wrong, &came, &right)?;
            Some(diagnosis(*name, overflows, None))
        });
        but_for_overflows.or_else(|| {
            mistakes.iter().find_map(|(name, wrong)| {
                let part = explained_part(wrong, &came, &right)?;
                Some(diagnosis(*name, 0, Some(part.into())))
            })
        })
    }
}

/// Whether a mistake's run explains an answer's: the same answers, and the same panics on the same
/// cases.
fn explains<A: Fields>(mistake: &Run<A>, answer: &Run<A>) -> bool {
    let message = |ending: &Ending| match ending {
        Ending::Symptom(Symptom::Panicked { message, .. }) => Some(message.clone()),
        _ => None,
    };
    let fails_alike = |((i, a), (j, b)): ((&usize, &Ending), (&usize, &Ending))| {
        i == j && message(a).is_some() && message(a) == message(b)
    };
    mistake.failed.len() == answer.failed.len()
        && mistake.answers.len() == answer.answers.len()
        && mistake.failed.iter().zip(&answer.failed).all(fails_alike)
        && mistake.answers.iter().zip(&answer.answers).all(|(a, b)| agree(a, b, 0.0))
}

/// The parts of the answers to all cases; none if a case gave no answer.
type Answers = Vec<Vec<Field>>;

fn fields<A: Fields>(run: &Run<A>, known: &Known<A>) -> Option<Answers> {
    let all_came_back = run.answers.len() == known.reference.answers.len();
    all_came_back.then(|| run.answers.iter().map(A::fields).collect())
}

/// What may be left of a sum that cancels. It depends on the order of the terms, and says nothing about a
/// mistake.
const CANCELLED: f64 = 1e-10;

/// Whether the mistake explains all answers, where what is left in the place of a right zero does not
/// count.
fn explains_but_for_what_cancels(wrong: &Answers, came: &Answers, right: &Answers) -> bool {
    let is_zero = |value: &Value| match value {
        Value::Numbers(numbers) => numbers.iter().all(|&x| x == 0.0),
        _ => false,
    };
    let alike = |((wrong, came), right): ((&Field, &Field), &Field)| {
        let floor = if is_zero(&right.value) { CANCELLED } else { 0.0 };
        wrong.name == came.name && same(&wrong.value, &came.value, floor)
    };
    wrong.iter().zip(came).zip(right).all(|((wrong, came), right)| {
        wrong.len() == came.len()
            && came.len() == right.len()
            && wrong.iter().zip(came).zip(right).all(alike)
    })
}

/// In how many cases the answer overflows, where the right one does not, if the mistake explains all
/// others, at least half of them, and is wrong in more than one.
///
/// A learner who makes the mistake need not take a maximum out as well as the listed body does.
fn explains_but_for_overflows(wrong: &Answers, came: &Answers, right: &Answers) -> Option<usize> {
    let mut told = 0;
    let mut overflows = 0;
    for ((wrong, came), right) in wrong.iter().zip(came).zip(right) {
        if came.iter().zip(right).any(|(came, right)| overflows_in(&came.value, &right.value)) {
            overflows += 1;
        } else if !all_the_same(wrong, came, 0.0) {
            return None;
        } else if !all_the_same(wrong, right, 0.0) {
            told += 1;
        }
    }
    (0 < overflows && 2 * overflows <= came.len() && told > 1).then_some(overflows)
}

/// Whether there is a NaN or an infinity where there ought to be a number.
fn overflows_in(came: &Value, right: &Value) -> bool {
    let (Value::Numbers(came), Value::Numbers(right)) = (came, right) else {
        return false;
    };
    let overflows = |(x, right): (&f64, &f64)| !x.is_finite() && right.is_finite();
    came.shape() == right.shape() && came.iter().zip(right).any(overflows)
}

/// The part, such as `out`, in which the mistake is wrong and gives what came back in every case. In
/// each of the others the answer or the mistake is right, or they are the same: what the mistake's
/// sentence says of them is not contradicted. Only tensors tell: that as many tiles were moved, or as
/// much memory was used, is no reason to believe the rest of a sentence.
fn explained_part<'a>(wrong: &Answers, came: &'a Answers, right: &Answers) -> Option<&'a str> {
    let first = came.first()?;
    // The parts of a trace are its steps, which differ from case to case.
    if first.len() < 2 || first[0].name.starts_with("after ") {
        return None;
    }
    let in_all = |a: &Answers, b: &Answers, part: usize| {
        a.iter().zip(b).all(|(a, b)| match (a.get(part), b.get(part)) {
            (Some(a), Some(b)) => a.name == b.name && same(&a.value, &b.value, 0.0),
            (a, b) => a.is_none() && b.is_none(),
        })
    };
    let tells = |part: usize| !matches!(first[part].value, Value::Text(_));
    let fits = |part: usize| {
        !tells(part)
            || in_all(wrong, came, part)
            || in_all(wrong, right, part)
            || in_all(came, right, part)
    };
    let explains =
        |part: &usize| tells(*part) && in_all(wrong, came, *part) && !in_all(wrong, right, *part);
    let parts = 0..first.len();
    let part = parts.clone().find(explains).filter(|_| parts.clone().all(fits))?;
    Some(&first[part].name)
}
