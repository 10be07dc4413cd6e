use super::{Bomb, LARGEST_FILE, MOST_BYTES, MOST_ENTRIES, Refusal, Wanted, header, place};
use std::io::{self, Read};

/// Collects from a stream of entries what a submission is about, within the limits.
pub(super) struct Finder<'a> {
    pub wanted: &'a Wanted,
    entries: usize,
    bytes: u64,
    pub answers: Vec<Found>,
    pub predictions: Vec<Found>,
    /// The files that are neither.
    pub others: Vec<String>,
}

/// What an entry is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Special,
}

/// A file of one of the two names.
pub(super) struct Found {
    pub place: String,
    /// The chapter that it names.
    pub chapter: Option<u32>,
    pub content: Result<String, Refusal>,
}

/// Which file an entry is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Role {
    Answers,
    Predictions,
}

pub(super) const PREDICTIONS: &str = "predictions.toml";

impl<'a> Finder<'a> {
    pub fn new(wanted: &'a Wanted) -> Self {
        let (answers, predictions, others) = (Vec::new(), Vec::new(), Vec::new());
        Finder { wanted, entries: 0, bytes: 0, answers, predictions, others }
    }

    /// Counts an entry.
    pub fn count(&mut self, bytes: u64) -> Result<(), Refusal> {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.entries > MOST_ENTRIES {
            return Err(Refusal::Bomb(Bomb::Entries));
        }
        if self.bytes > MOST_BYTES { Err(Refusal::Bomb(Bomb::Bytes)) } else { Ok(()) }
    }

    /// Whether the content of this entry is wanted, and as what. What is no regular file is dealt with here.
    pub fn role(&mut self, at: &str, kind: Kind) -> Option<Role> {
        if kind == Kind::Folder || at.split('/').any(place::is_aside) {
            return None;
        }
        let role = match place::name(at) {
            name if name == self.wanted.file => Role::Answers,
            PREDICTIONS => Role::Predictions,
            _ => {
                self.others.push(at.into());
                return None;
            }
        };
        let refusal = match kind {
            Kind::Link => Refusal::Link { place: at.into() },
            Kind::Special => Refusal::Special { place: at.into() },
            Kind::File | Kind::Folder => return Some(role),
        };
        self.put(role, Found { place: at.into(), chapter: None, content: Err(refusal) });
        None
    }

    /// Reads the content of an entry.
    pub fn read(&mut self, at: &str, role: Role, content: impl Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        content.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
        let (chapter, place) = (header::chapter(&bytes), at.to_string());
        let content = if bytes.len() as u64 > LARGEST_FILE {
            Err(Refusal::TooLarge { place })
        } else {
            String::from_utf8(bytes).map_err(|error| {
                let byte = error.utf8_error().valid_up_to();
                Refusal::NotUtf8 { place, byte }
            })
        };
        self.put(role, Found { place: at.into(), chapter, content });
        Ok(())
    }

    /// A file that is there but cannot be opened.
    pub fn unreadable(&mut self, at: &str, role: Role, why: &io::Error) {
        let content = Err(Refusal::Unreadable { place: at.into(), why: why.to_string() });
        self.put(role, Found { place: at.into(), chapter: None, content });
    }

    fn put(&mut self, role: Role, found: Found) {
        match role {
            Role::Answers => self.answers.push(found),
            Role::Predictions => self.predictions.push(found),
        }
    }
}
