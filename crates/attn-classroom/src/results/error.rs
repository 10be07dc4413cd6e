/// What is wrong with results.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// They are not JSON of this format.
    #[error("these are no results: {0}")]
    Malformed(#[from] serde_json::Error),
    /// They are of another format.
    #[error(
        "these results have format {0}, this program reads format 1; use the version that wrote them"
    )]
    Format(u32),
    /// Two students have one name.
    #[error("{0} stands here twice")]
    Twice(String),
    /// The students are in another order.
    #[error("the students are not sorted by name: {0} comes too late")]
    Unsorted(String),
    /// Two students were asked different things.
    #[error("{student} was asked {asked}, but {other} was asked {others}")]
    AskedOtherwise {
        /// One student.
        student: String,
        /// What that one was asked.
        asked: String,
        /// The other student.
        other: String,
        /// What the other was asked.
        others: String,
    },
    /// Something cannot be as it is said.
    #[error("{student}, {place}: {problem}")]
    Contradiction {
        /// The student.
        student: String,
        /// The exercise, the question, or `total`.
        place: String,
        /// What contradicts what.
        problem: String,
    },
}

/// Why results cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// There are none.
    #[error("there are no results to put together")]
    Nothing,
    /// Two parts come from different gradings.
    #[error(
        "part 1 has {what} {first}, part {part} has {what} {other}: they are not of one grading"
    )]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// What the first part has.
        first: String,
        /// Which part differs, from 1.
        part: usize,
        /// What it has.
        other: String,
    },
    /// A student is in two parts.
    #[error("{student} is in part {first} and in part {second}; grade each student once")]
    Twice {
        /// The student.
        student: String,
        /// One part, from 1.
        first: usize,
        /// The other part.
        second: usize,
    },
    /// The whole contradicts itself.
    #[error(transparent)]
    Results(#[from] ResultsError),
}
