use super::limits::{LARGEST_FILE, MOST_BYTES, MOST_ENTRIES};
use crate::number::listed;

/// Why nothing of a submission can be graded, and what the student can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file is not there.
    #[error(
        "there is no {file} in it; it holds {holds}. Hidden folders and `target` are not searched."
    )]
    NotFound {
        /// The file that is wanted.
        file: String,
        /// What is there.
        holds: String,
    },
    /// There are several, and no telling which one counts.
    #[error("there are several files that may be meant: {}. Hand in one.", .places.join(" and "))]
    Twice {
        /// Where.
        places: Vec<String>,
    },
    /// The file is of another chapter.
    #[error("{places} is for chapter {}, not for chapter {}", listed(.chapters), listed(.wanted))]
    OtherChapter {
        /// Where it stands.
        places: String,
        /// Its chapters.
        chapters: Vec<u32>,
        /// The chapters of the assignment.
        wanted: Vec<u32>,
    },
    /// The file is too large.
    #[error("{place} is larger than {} MiB", LARGEST_FILE >> 20)]
    TooLarge {
        /// Where it stands.
        place: String,
    },
    /// The file is no text.
    #[error("{place} is not UTF-8 from byte {byte} on; save it as UTF-8")]
    NotUtf8 {
        /// Where it stands.
        place: String,
        /// The first byte that is not.
        byte: usize,
    },
    /// The file is a link, which is not followed.
    #[error("{place} is a link; hand in the file itself")]
    Link {
        /// Where it stands.
        place: String,
    },
    /// The file is a pipe or a device.
    #[error("{place} is not a regular file")]
    Special {
        /// Where it stands.
        place: String,
    },
    /// The archive cannot be read to its end.
    #[error("the archive is broken: {why}. Pack it again, without a password.")]
    Broken {
        /// Why.
        why: String,
    },
    /// It would fill the memory or the disk.
    #[error("{0}. Hand in the file alone, without `target`.")]
    Bomb(Bomb),
    /// The file may be in an archive within the archive, which is not opened.
    #[error("there is no {file} in it, but another archive: {archives}. Unpack that one first.")]
    Nested {
        /// The file that is wanted.
        file: String,
        /// Which archives are there.
        archives: String,
    },
    /// An entry would be written outside of the archive's folder, were it unpacked.
    #[error("the archive holds the path “{place}”, which leads out of it")]
    Escapes {
        /// The path.
        place: String,
    },
    /// It is none of the kinds that are read.
    #[error("{place} is neither a folder, a .zip, .tar, .tar.gz or .tgz, nor a {extension} file")]
    UnknownKind {
        /// Where it stands.
        place: String,
        /// How the file's name would end.
        extension: String,
    },
    /// The system does not let it be read.
    #[error("{place} cannot be read: {why}")]
    Unreadable {
        /// Where it stands.
        place: String,
        /// Why.
        why: String,
    },
}

/// How a submission is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bomb {
    /// Too many bytes.
    #[error("it has more than {} MiB in all", MOST_BYTES >> 20)]
    Bytes,
    /// Too many files and folders.
    #[error("it has more than {MOST_ENTRIES} files and folders")]
    Entries,
}
