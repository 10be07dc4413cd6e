use crate::{Moment, moment::TimeError, names};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read},
    path::Path,
};

/// A time for some students: an extension, or when something was handed in.
///
/// ```
/// use attn_classroom::assignment::Times;
/// let extensions = Times::parse("extensions.csv", "due", "student,due\nAda,2027-03-08T23:59:00Z\n".as_bytes())?;
/// assert_eq!(extensions.of("Ada").unwrap().to_string(), "2027-03-08T23:59:00Z");
/// assert!(extensions.of("Grace").is_none());
/// # Ok::<(), attn_classroom::assignment::TimesError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times(BTreeMap<String, Moment>);

/// What is wrong with a table of times.
#[derive(Debug, thiserror::Error)]
pub enum TimesError {
    /// It cannot be read.
    #[error("{file} cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It is not CSV.
    #[error("{file}: {source}. Save it as CSV in UTF-8, with commas.")]
    Malformed {
        /// The file.
        file: String,
        /// Why.
        source: csv::Error,
    },
    /// It has other columns.
    #[error("{file}: the columns are “{found}”. Its first line has to be: student,{column}")]
    Columns {
        /// The file.
        file: String,
        /// The columns that it has.
        found: String,
        /// The second of those that it should have.
        column: String,
    },
    /// A time is none.
    #[error("{file}, line {line}, student {student}: {source}")]
    Time {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The student.
        student: String,
        /// What is wrong with it.
        source: TimeError,
    },
    /// A line names no student.
    #[error("{file}, line {line}: the student is empty. Write the name, or remove the line.")]
    Nobody {
        /// The file.
        file: String,
        /// The line.
        line: u64,
    },
    /// A student has two times.
    #[error(
        "{file}, line {line}: {student} stands here a second time. Remove one of the two lines."
    )]
    Twice {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The student.
        student: String,
    },
}

impl Times {
    /// Reads the CSV file at `path`, whose columns are `student` and `column`.
    ///
    /// # Errors
    /// Names the file, the line and the student.
    pub fn read(path: &Path, column: &str) -> Result<Self, TimesError> {
        let file = path.display().to_string();
        match fs::File::open(path) {
            Ok(opened) => Self::parse(&file, column, opened),
            Err(source) => Err(TimesError::Unreadable { file, source }),
        }
    }

    /// Reads CSV text of the file that is called `file`.
    ///
    /// # Errors
    /// Names the file, the line and the student.
    pub fn parse(file: &str, column: &str, text: impl Read) -> Result<Self, TimesError> {
        let malformed = |source| TimesError::Malformed { file: file.into(), source };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let found = reader.headers().map_err(malformed)?;
        if found != ["student", column].as_slice() {
            let found = found.iter().collect::<Vec<_>>().join(",");
            return Err(TimesError::Columns { file: file.into(), found, column: column.into() });
        }
        let mut times = BTreeMap::new();
        for row in reader.records() {
            let row = row.map_err(malformed)?;
            // The reader refuses rows of another length than the first line.
            let (student, time) = (names::normal(&row[0]), &row[1]);
            let (file, line) = (file.to_string(), row.position().map_or(0, csv::Position::line));
            if student.is_empty() {
                return Err(TimesError::Nobody { file, line });
            }
            let time = match time.parse() {
                Ok(time) => time,
                Err(source) => return Err(TimesError::Time { file, line, student, source }),
            };
            if times.insert(student.clone(), time).is_some() {
                return Err(TimesError::Twice { file, line, student });
            }
        }
        Ok(Times(times))
    }

    /// The time of this student.
    pub fn of(&self, student: &str) -> Option<&Moment> {
        self.0.get(&names::normal(student))
    }

    /// Those of the table who are not among `students`: most likely a name that was mistyped.
    pub fn strangers<'a>(&self, students: impl IntoIterator<Item = &'a str>) -> Vec<&str> {
        let students: BTreeSet<String> = students.into_iter().map(names::normal).collect();
        self.0.keys().filter(|name| !students.contains(*name)).map(String::as_str).collect()
    }
}
