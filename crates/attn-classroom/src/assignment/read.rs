use super::{Assignment, AssignmentError, check};
use crate::Moment;
use std::{collections::BTreeSet, fs, path::Path};

impl Assignment {
    /// Reads the file.
    ///
    /// # Errors
    /// Names the file, the key, and what to write instead.
    pub fn read(path: &Path) -> Result<Self, AssignmentError> {
        let file = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&file, &text),
            Err(source) => Err(AssignmentError::Unreadable { file, source }),
        }
    }

    /// Reads the text of the file that is called `file`.
    ///
    /// # Errors
    /// Names the file, the key, and what to write instead.
    pub fn parse(file: &str, text: &str) -> Result<Self, AssignmentError> {
        let assignment: Assignment = toml::from_str(text).map_err(|error| {
            let (file, message) = (file.to_string(), error.to_string().trim_end().to_string());
            AssignmentError::Malformed { file, message }
        })?;
        match check::first_problem(&assignment) {
            None => Ok(assignment),
            Some(problem) => Err(problem.in_file(file)),
        }
    }

    /// The chapters of its exercises, in order.
    pub fn chapters(&self) -> Vec<u32> {
        let chapters = self.exercises.iter().filter_map(|asked| check::chapter(&asked.id));
        chapters.collect::<BTreeSet<u32>>().into_iter().collect()
    }

    /// What all exercises and questions are worth together.
    pub fn of(&self) -> f64 {
        let exercises = self.exercises.iter().map(|e| e.points);
        crate::number::hundredths(exercises.chain(self.questions.iter().map(|q| q.points)).sum())
    }

    /// The share of the points that a submission keeps: 1 in time, less for each day that has begun,
    /// 0 when it is too late. `due` is the student's own date where there is an extension.
    pub fn late_factor(&self, due: &Moment, submitted: &Moment) -> f64 {
        self.late.factor(due, submitted)
    }
}
