//! An exercise written down: its cases, what is expected of them, and what the known mistakes give.
//!
//! With it an answer can be checked, and a mistake named, where neither the reference nor the mistakes
//! are: in the course that students get. See [`crate::asked`].

use crate::{
    Check, Field, Fields, Who,
    diagnosis::{Known, Named},
    exercise::{Answer, Answered},
    fields::{largest, same},
    judge::Exact,
    run::Run,
    worker::encode,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

/// The file of an exercise in a folder.
pub(crate) fn recorded(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("{id}.postcard"))
}

/// What is written down of an exercise.
#[derive(Serialize, Deserialize)]
pub(crate) struct Recording<C> {
    pub cases: Vec<C>,
    /// For each case.
    pub expected: Vec<Exact>,
    /// What the reference gives on each case.
    reference: Vec<Vec<Field>>,
    mistakes: Vec<Recorded>,
}

/// What a known mistake gives, part by part; nothing where that is what the reference gives.
#[derive(Serialize, Deserialize)]
struct Recorded {
    named: Named,
    answers: Vec<Vec<Option<Field>>>,
}

impl<C: Serialize + DeserializeOwned> Recording<C> {
    /// Runs the reference and the mistakes on these cases. A mistake that gives no answer to one of
    /// them is left out.
    ///
    /// # Errors
    /// As for [`Check::check`].
    pub fn of<B, A>(answered: &Answered<B, C, A>, cases: Vec<C>) -> io::Result<Self>
    where
        Answered<B, C, A>: Check,
        C: Fields,
        A: Fields + DeserializeOwned,
    {
        let known = answered.run_known(&cases, &crate::Limits::default())?;
        let expected = cases.iter().map(|case| {
            (answered.exercise.exact)(case).unwrap_or_else(|| of_right_answers(answered, case))
        });
        let expected = expected.collect();
        let reference: Vec<Vec<Field>> = known.reference.answers.iter().map(A::fields).collect();
        let complete = known.mistakes.into_iter().filter(|(_, run)| run.failed.is_empty());
        let mistakes = complete.map(|(named, run)| {
            let answers = run.answers.iter().zip(&reference);
            let answers = answers.map(|(answer, right)| without(answer.fields(), right)).collect();
            Recorded { named, answers }
        });
        Ok(Recording { expected, mistakes: mistakes.collect(), reference, cases })
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        fs::write(file, encode(self)?)
    }

    /// # Errors
    /// Names the file that cannot be read, or is of another version of the course.
    pub fn read(file: &Path) -> io::Result<Self> {
        let name = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let bytes = fs::read(file).map_err(|error| io::Error::new(error.kind(), name(&error)))?;
        postcard::from_bytes(&bytes)
            .map_err(|_| io::Error::other(name(&"it belongs to another version of the course")))
    }

    /// What the reference and the known mistakes give on these of the cases.
    pub fn known(&self, cases: Range<usize>) -> Known<Vec<Field>> {
        let reference = &self.reference[cases.clone()];
        let mistakes = self.mistakes.iter().map(|Recorded { named, answers }| {
            let answers = answers[cases.clone()].iter().zip(reference).map(|(parts, right)| {
                let part = |(i, part): (usize, &Option<Field>)| {
                    part.clone().or_else(|| right.get(i).cloned())
                };
                parts.iter().enumerate().filter_map(part).collect()
            });
            (named.clone(), Run::of(answers.collect()))
        });
        Known { mistakes: mistakes.collect(), reference: Run::of(reference.to_vec()) }
    }

    /// What the reference gives on a case.
    pub fn reference(&self, case: usize) -> &[Field] {
        &self.reference[case]
    }
}

/// The parts of an answer that differ from the right ones.
fn without(answer: Vec<Field>, right: &[Field]) -> Vec<Option<Field>> {
    let parts = answer.into_iter().enumerate();
    let is_right = |i: usize, part: &Field| {
        right
            .get(i)
            .is_some_and(|right| right.name == part.name && same(&right.value, &part.value, 0.0))
    };
    parts.map(|(i, part)| (!is_right(i, &part)).then_some(part)).collect()
}

/// For an exercise that has no exact answer: the reference's, and how far right answers in other styles
/// are from it.
fn of_right_answers<B, C, A: Fields>(answered: &Answered<B, C, A>, case: &C) -> Exact {
    let reference = answered.answer(Who::Solution, case).fields();
    let styles = 0..answered.exercise.styles.len();
    let styles: Vec<_> = styles.map(|i| answered.answer(Who::Style(i), case).fields()).collect();
    let scale = largest(&reference);
    let mut parts = Vec::new();
    for part in reference {
        let others = styles.iter().flatten().filter(|other| other.name == part.name);
        let apart = others.filter_map(|other| {
            let (a, b) = (part.value.numbers()?, other.value.numbers()?);
            let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
            Some(differences.filter(|x| x.is_finite()).fold(0.0, f64::max))
        });
        let allowed = 4.0 * apart.fold(0.0, f64::max) + 1e-6 * scale;
        let allowed = if part.value.numbers().is_some() { allowed } else { 0.0 };
        parts.push((part, allowed));
    }
    Exact(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{field, fields::agree};
    use ndarray::array;

    #[test]
    fn only_what_differs_is_written_down() {
        let right = vec![field("out", &array![1.0_f32]), field("lse", &array![2.0_f32])];
        let mut wrong = right.clone();
        wrong[1] = field("lse", &array![3.0_f32]);
        assert_eq!(without(wrong.clone(), &right), [None, Some(wrong[1].clone())]);
        let recording = Recording {
            cases: vec![0_u8],
            expected: Vec::new(),
            reference: vec![right.clone()],
            mistakes: vec![Recorded {
                named: ("no-log".into(), "…".into()),
                answers: vec![without(wrong.clone(), &right)],
            }],
        };
        assert!(agree(&recording.known(0..1).mistakes[0].1.answers[0], &wrong, 0.0));
    }
}
