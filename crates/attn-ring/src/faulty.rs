//! A process that fails on purpose.

use attn_ring::{Link, RingError};
use std::{fmt, process, str::FromStr, thread};

/// What the process of a rank does in its second pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    rank: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// It ends without a word.
    Ends,
    /// It does nothing for ever.
    Stalls,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (rank, kind) = text.split_once(':')?;
            let kind = match kind {
                "ends" => Kind::Ends,
                "stalls" => Kind::Stalls,
                _ => return None,
            };
            Some(Fault { rank: rank.parse().ok()?, kind })
        };
        parse().ok_or_else(|| format!("“{text}” is neither RANK:ends nor RANK:stalls"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let kind = match self.kind {
            Kind::Ends => "ends",
            Kind::Stalls => "stalls",
        };
        write!(f, "{}:{kind}", self.rank)
    }
}

/// A link that fails in the second pass, if it is this process's turn.
pub struct Faulty<L> {
    pub link: L,
    pub fault: Option<Fault>,
    pub passed: usize,
}

impl<L: Link> Link for Faulty<L> {
    fn rank(&self) -> usize {
        self.link.rank()
    }

    fn size(&self) -> usize {
        self.link.size()
    }

    fn pass(&mut self, block: &[f32], expected: usize) -> Result<Vec<f32>, RingError> {
        self.passed += 1;
        match self.fault {
            Some(Fault { rank, kind }) if rank == self.rank() && self.passed == 2 => match kind {
                Kind::Ends => process::exit(3),
                Kind::Stalls => loop {
                    thread::park();
                },
            },
            _ => self.link.pass(block, expected),
        }
    }

    fn sent(&self) -> u64 {
        self.link.sent()
    }
}
