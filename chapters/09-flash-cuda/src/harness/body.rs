//! What stands behind an exercise: the kernel's own function, a changed one, or the learner's.

/// An answer.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// The function that the kernel has.
    Kernel,
    /// The kernel with these changes; see [`changed`].
    Changed(&'static [(&'static str, &'static str)]),
    /// A section of a learner's file, which is read when it is needed.
    Section {
        /// The exercise's id, which the section's heading begins with.
        id: &'static str,
        /// The path of the file.
        file: &'static str,
    },
}

/// `source` without the lines that mark its exercises' solutions, with each of these texts replaced
/// by the one after it. It works on a solved file of a learner's too.
///
/// # Panics
/// If what is to be changed is not there exactly once.
#[track_caller]
pub fn changed(source: &str, changes: &[(&str, &str)]) -> String {
    let marker = |line: &&str| {
        let marker = line.trim().strip_prefix("// ").unwrap_or_default();
        marker.starts_with("SOLUTION") || marker == "END SOLUTION"
    };
    let lines = source.lines().filter(|line| !marker(line));
    replaced(lines.flat_map(|line| [line, "\n"]).collect(), changes)
}

/// `text` with each of these texts replaced by the one after it.
#[track_caller]
pub(super) fn replaced(mut text: String, changes: &[(&str, &str)]) -> String {
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "not there once: {from}");
        text = text.replace(from, to);
    }
    text
}
