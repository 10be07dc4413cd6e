use super::{MergeError, Results};
use crate::number::listed;
use std::collections::BTreeMap;

impl Results {
    /// Puts the parts of one grading together. The order of the parts makes no difference, and the whole is
    /// the same bytes as one run over everybody.
    ///
    /// # Errors
    /// If the parts are of different gradings, or a student is in two of them.
    pub fn merge(parts: Vec<Results>) -> Result<Results, MergeError> {
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or(MergeError::Nothing)?;
        let mut whole = Whole { part_of: BTreeMap::new(), students: Vec::new() };
        let Results { format: _, assignment, chapters, course, seed, students } = first;
        let key = [assignment.clone(), listed(&chapters), course.clone(), seed.to_string()];
        whole.take(1, students)?;
        for (i, part) in parts.enumerate() {
            let others =
                [part.assignment, listed(&part.chapters), part.course, part.seed.to_string()];
            let names = ["the assignment", "the chapters", "the course", "the seed"];
            for ((what, first), other) in names.into_iter().zip(&key).zip(others) {
                if *first != other {
                    return Err(MergeError::Mismatch {
                        what,
                        first: first.clone(),
                        part: i + 2,
                        other,
                    });
                }
            }
            whole.take(i + 2, part.students)?;
        }
        Ok(Results::new(assignment, chapters, course, seed, whole.students)?)
    }
}

/// What has been put together so far.
struct Whole {
    part_of: BTreeMap<String, usize>,
    students: Vec<super::Student>,
}

impl Whole {
    fn take(&mut self, part: usize, students: Vec<super::Student>) -> Result<(), MergeError> {
        for student in students {
            if let Some(first) = self.part_of.insert(student.name.clone(), part) {
                return Err(MergeError::Twice { student: student.name, first, second: part });
            }
            self.students.push(student);
        }
        Ok(())
    }
}
