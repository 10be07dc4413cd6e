use super::{FORMAT, Results, ResultsError, Student, check};

impl Results {
    /// Sorts the students, rounds points to hundredths and adds them up; `points` and `of` of a student are
    /// overwritten.
    ///
    /// # Errors
    /// Refuses what contradicts itself, such as points for what was not checked.
    pub fn new(
        assignment: String,
        chapters: Vec<u32>,
        course: String,
        seed: u64,
        mut students: Vec<Student>,
    ) -> Result<Self, ResultsError> {
        students.sort_by(|a, b| a.name.cmp(&b.name));
        students.iter_mut().for_each(Student::settle);
        let results = Results { format: FORMAT, assignment, chapters, course, seed, students };
        check::check(&results)?;
        Ok(results)
    }

    /// Reads what [`Results::to_json`] wrote.
    ///
    /// # Errors
    /// If it is another format, or contradicts itself: a total that somebody changed by hand, for one.
    pub fn from_json(text: &str) -> Result<Self, ResultsError> {
        let results: Results = serde_json::from_str(text)?;
        check::check(&results)?;
        Ok(results)
    }

    /// It as JSON. Equal results give equal bytes.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings and numbers are JSON") + "\n"
    }

    /// The student of this name.
    pub fn student(&self, name: &str) -> Option<&Student> {
        self.students.iter().find(|student| student.name == name)
    }
}
