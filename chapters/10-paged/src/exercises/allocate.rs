//! 10.2 `allocate`

use super::slot::said as table_said;
use crate::given::{BlockError, Blocks, Table};
use attn_core::random::Random;
use attn_exercise::{Field, Fields, Trace, exercise, field};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that is done to a pool.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Do {
    /// Takes a block.
    Allocate,
    /// One user more of a block that is in use.
    Share(usize),
    /// Gives a block back.
    Release(usize),
    /// Makes room for tokens in a table.
    Grow(usize, usize),
    /// Forks a table.
    Fork(usize),
    /// Gives all blocks of a table back, the last one first.
    Drop(usize),
}

/// What can be seen of a pool and its tables.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    said: String,
    counts: Vec<usize>,
    free: Vec<usize>,
    tables: Vec<String>,
}

impl Fields for Seen {
    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            field("the answer", self.said.clone()),
            field("counts", &self.counts),
            field("free", &self.free),
        ];
        let tables = self.tables.iter().enumerate();
        fields.extend(tables.map(|(i, table)| field(format!("table {i}"), table.clone())));
        fields
    }
}

exercise! {
    /// How many blocks there are, and what is done with them.
    crate::allocate as fn(&mut Blocks) -> Result<usize, BlockError>: (total: usize[total], steps: Vec<Do>) -> Trace<Seen>;
    answer: |allocate, c| trace((c.total, 4, 0), &c.steps, &Acts { allocate, ..Acts::REFERENCE });

    exact: |c| plain((c.total, 4, 0), &c.steps);

    cases: |random| {
        use Do::{Allocate, Release, Share};
        let of = |about: &str, total, steps: &[Do]| case(about, (total, steps.to_vec()));
        let mut cases = vec![
            of("by hand: two blocks, a third is refused, one comes back", 2, &[Allocate, Allocate, Allocate, Release(0), Allocate]),
            of("a single block", 1, &[Allocate, Allocate, Release(0), Allocate]),
            of("the one that came back last", 4, &[Allocate, Allocate, Allocate, Release(1), Release(0), Allocate, Allocate, Allocate, Allocate]),
            of("in another order", 4, &[Allocate, Allocate, Allocate, Release(0), Release(2), Allocate, Allocate, Allocate]),
            of("a shared one", 3, &[Allocate, Share(0), Allocate, Release(0), Allocate, Release(0), Allocate]),
            of("refused twice", 2, &[Allocate, Allocate, Allocate, Allocate, Release(1), Release(0), Allocate]),
            of("nothing in use", 5, &[Allocate, Release(0), Allocate, Release(0), Allocate]),
        ];
        for total in [1, 2, 3, 5, 8] {
            let steps = some_steps(random, total, 12 + total);
            cases.push(case("random", (total, steps)));
        }
        cases
    };

    right (blocks) {
        "refused first" => {
            if blocks.free.is_empty() {
                return Err(BlockError::Full { needed: 1, free: 0 });
            }
            let block = blocks.free.remove(blocks.free.len() - 1);
            blocks.counts[block] += 1;
            Ok(block)
        };
        "matched" => match blocks.free.pop() {
            None => Err(BlockError::Full { needed: 1, free: blocks.free.len() }),
            Some(block) => {
                blocks.counts[block] += 1;
                Ok(block)
            }
        };
        "let else" => {
            let Some(&block) = blocks.free.last() else {
                return Err(BlockError::Full { needed: 1, free: 0 });
            };
            blocks.counts[block] = 1;
            blocks.free.truncate(blocks.free.len() - 1);
            Ok(block)
        };
    }

    mistakes (blocks) {
        "count-stays": "the count of the block stays 0: nobody seems to use it"
            => blocks.free.pop().ok_or(BlockError::Full { needed: 1, free: 0 });
        "still-free": "the block stays in the list of free ones, and is handed out again; `pop` takes it out, `last` does not"
            => {
                let block = *blocks.free.last().ok_or(BlockError::Full { needed: 1, free: 0 })?;
                blocks.counts[block] = 1;
                Ok(block)
            };
        "still-free-counted": "the block stays in the list of free ones, and each time it is handed out it has one user more"
            => {
                let block = *blocks.free.last().ok_or(BlockError::Full { needed: 1, free: 0 })?;
                blocks.counts[block] += 1;
                Ok(block)
            };
        "first-of-the-list": "the first block in the list is taken; the last one is handed out next"
            => {
                if blocks.free.is_empty() {
                    return Err(BlockError::Full { needed: 1, free: 0 });
                }
                let block = blocks.free.remove(0);
                blocks.counts[block] = 1;
                Ok(block)
            };
        "lowest": "the free block with the lowest number is taken; the last one in the list is handed out next"
            => {
                let block = *blocks.free.iter().min().ok_or(BlockError::Full { needed: 1, free: 0 })?;
                blocks.free.retain(|&other| other != block);
                blocks.counts[block] = 1;
                Ok(block)
            };
        "place-in-the-list": "the place in the list is returned instead of the block that stands there"
            => {
                let block = blocks.free.pop().ok_or(BlockError::Full { needed: 1, free: 0 })?;
                blocks.counts[block] = 1;
                Ok(blocks.free.len())
            };
        "never-used": "only blocks that were never used are handed out, counted upwards: what comes back is lost"
            => {
                let block = blocks.total() - blocks.free.len();
                blocks.free.pop().ok_or(BlockError::Full { needed: 1, free: 0 })?;
                blocks.counts[block] = 1;
                Ok(block)
            };
        "searched": "the counts are searched for a 0, and the list of free blocks is not changed"
            => {
                let block = blocks.counts.iter().position(|&count| count == 0).ok_or(BlockError::Full { needed: 1, free: 0 })?;
                blocks.counts[block] = 1;
                Ok(block)
            };
        "panics": "nothing is free, and `unwrap` panics; a pool that is full refuses"
            => {
                let block = blocks.free.pop().expect("called `Option::unwrap()` on a `None` value");
                blocks.counts[block] = 1;
                Ok(block)
            };
        "used-one": "block 0 is handed out again when none is free: it belongs to somebody"
            => {
                let block = blocks.free.pop().unwrap_or(0);
                blocks.counts[block] += 1;
                Ok(block)
            };
        "grown": "a block is added when none is free: a pool has as many as fit into the memory"
            => {
                let block = match blocks.free.pop() {
                    Some(block) => block,
                    None => {
                        blocks.counts.push(0);
                        blocks.counts.len() - 1
                    }
                };
                blocks.counts[block] = 1;
                Ok(block)
            };
        "needed-nothing": "the error says that 0 blocks were needed; it is 1"
            => crate::allocate(blocks).map_err(|_| BlockError::Full { needed: 0, free: 0 });
        "free-for-total": "the error gives all blocks for the free ones"
            => crate::allocate(blocks).map_err(|_| BlockError::Full { needed: 1, free: blocks.total() });
        "last-kept": "the last free block is never handed out"
            => if blocks.free.len() <= 1 {
                Err(BlockError::Full { needed: 1, free: blocks.free.len() })
            } else {
                crate::allocate(blocks)
            };
        "unnoticed": "a block is taken out of a copy of the pool, and the pool itself is not changed"
            => crate::allocate(&mut blocks.clone());
    }
}

/// What is done to a pool by whom.
pub(super) struct Acts<'a> {
    pub allocate: &'a dyn Fn(&mut Blocks) -> Result<usize, BlockError>,
    pub release: &'a dyn Fn(&mut Blocks, usize) -> Result<(), BlockError>,
    pub grow: &'a dyn Fn(&mut Blocks, &mut Table, usize) -> Result<(), BlockError>,
    pub fork: &'a dyn Fn(&mut Blocks, &Table) -> Table,
}

impl Acts<'_> {
    pub const REFERENCE: Acts<'static> = Acts {
        allocate: &crate::allocate,
        release: &crate::release,
        grow: &crate::grow,
        fork: &crate::fork,
    };
}

/// An answer in words.
pub(super) fn answered<T>(result: Result<T, BlockError>, done: impl Fn(T) -> String) -> String {
    match result {
        Ok(answer) => done(answer),
        Err(error) => format!("refused, “{error}”"),
    }
}

/// What is seen of a pool of (blocks, tokens per block) with some empty tables after each step.
pub(super) fn trace(
    (total, size, tables): (usize, usize, usize),
    steps: &[Do],
    by: &Acts,
) -> Trace<Seen> {
    let empty = (Blocks::new(total, size), vec![Table::default(); tables]);
    Trace::of(steps, empty, |(blocks, tables): &mut (Blocks, Vec<Table>), step| {
        let done = |()| "done".to_string();
        let said = match *step {
            Do::Allocate => answered((by.allocate)(blocks), |block| format!("block {block}")),
            Do::Share(block) => {
                blocks.counts[block] += 1;
                "done".into()
            }
            Do::Release(block) => answered((by.release)(blocks, block), done),
            Do::Grow(table, tokens) => {
                answered((by.grow)(blocks, &mut tables[table], tokens), done)
            }
            Do::Fork(table) => {
                let sibling = (by.fork)(blocks, &tables[table]);
                tables.push(sibling);
                "done".into()
            }
            Do::Drop(table) => {
                let given_back = std::mem::take(&mut tables[table]).blocks;
                let results = given_back.into_iter().rev().map(|block| (by.release)(blocks, block));
                let refused = results.filter_map(Result::err).next();
                answered(refused.map_or(Ok(()), Err), done)
            }
        };
        Seen {
            said,
            counts: blocks.counts.clone(),
            free: blocks.free.clone(),
            tables: tables.iter().map(table_said).collect(),
        }
    })
}

/// The same by lists of who holds what.
pub(super) fn plain((total, size, tables): (usize, usize, usize), steps: &[Do]) -> Trace<Seen> {
    let empty = Plain {
        size,
        counts: vec![0; total],
        free: (0..total).rev().collect(),
        tables: vec![(Vec::new(), 0); tables],
    };
    Trace::of(steps, empty, |all: &mut Plain, step| {
        let said = all.carry_out(*step);
        let tables = all.tables.iter();
        let tables = tables
            .map(|(blocks, tokens)| table_said(&Table { blocks: blocks.clone(), tokens: *tokens }));
        Seen { said, counts: all.counts.clone(), free: all.free.clone(), tables: tables.collect() }
    })
}

struct Plain {
    size: usize,
    counts: Vec<usize>,
    free: Vec<usize>,
    tables: Vec<(Vec<usize>, usize)>,
}

impl Plain {
    fn carry_out(&mut self, step: Do) -> String {
        match step {
            Do::Allocate => match self.take() {
                Some(block) => format!("block {block}"),
                None => "refused, “out of blocks: 1 needed, 0 free”".into(),
            },
            Do::Share(block) => {
                self.counts[block] += 1;
                "done".into()
            }
            Do::Release(block) => self.put(block),
            Do::Grow(table, tokens) => {
                // Token by token, on a copy.
                let (before, mut taken) = (self.free.clone(), Vec::new());
                let (held, length) = self.tables[table].clone();
                let mut needed = 0;
                for token in length..length + tokens {
                    if token >= (held.len() + needed) * self.size {
                        needed += 1;
                        taken.extend(self.free.pop());
                    }
                }
                if taken.len() < needed {
                    self.free = before;
                    return format!(
                        "refused, “out of blocks: {needed} needed, {} free”",
                        self.free.len()
                    );
                }
                taken.iter().for_each(|&block| self.counts[block] = 1);
                self.tables[table] = ([held, taken].concat(), length + tokens);
                "done".into()
            }
            Do::Fork(table) => {
                let sibling = self.tables[table].clone();
                for (block, count) in self.counts.iter_mut().enumerate() {
                    *count += sibling.0.iter().filter(|&&other| other == block).count();
                }
                self.tables.push(sibling);
                "done".into()
            }
            Do::Drop(table) => {
                let (mut blocks, _) = std::mem::take(&mut self.tables[table]);
                while let Some(block) = blocks.pop() {
                    self.put(block);
                }
                "done".into()
            }
        }
    }

    fn take(&mut self) -> Option<usize> {
        let block = self.free.pop()?;
        self.counts[block] = 1;
        Some(block)
    }

    fn put(&mut self, block: usize) -> String {
        let total = self.counts.len();
        if block >= total {
            return format!("refused, “there is no block {block}, the pool has {total}”");
        }
        if self.counts[block] == 0 {
            return format!("refused, “block {block} is not in use”");
        }
        self.counts[block] -= 1;
        if self.counts[block] == 0 {
            self.free.push(block);
        }
        "done".into()
    }
}

/// Random steps that take, share and give back.
pub(super) fn some_steps(random: &mut Random, total: usize, count: usize) -> Vec<Do> {
    let (mut users, mut free): (Vec<usize>, Vec<usize>) =
        (vec![0; total], (0..total).rev().collect());
    let mut steps = Vec::new();
    while steps.len() < count {
        let block = random.below(total);
        let step = match random.below(5) {
            0 if users[block] > 0 => Do::Share(block),
            1 | 2 if users[block] > 0 => Do::Release(block),
            3 | 4 => Do::Allocate,
            _ => continue,
        };
        match step {
            Do::Share(block) => users[block] += 1,
            Do::Release(block) => {
                users[block] -= 1;
                free.extend((users[block] == 0).then_some(block));
            }
            _ => {
                if let Some(block) = free.pop() {
                    users[block] = 1;
                }
            }
        }
        steps.push(step);
    }
    steps
}

/// `give block 2 back`
impl fmt::Display for Do {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Do::Allocate => write!(f, "take a block"),
            Do::Share(block) => write!(f, "one user more of block {block}"),
            Do::Release(block) => write!(f, "give block {block} back"),
            Do::Grow(table, tokens) => {
                write!(
                    f,
                    "{tokens} more token{} in table {table}",
                    if *tokens == 1 { "" } else { "s" }
                )
            }
            Do::Fork(table) => write!(f, "fork table {table}"),
            Do::Drop(table) => write!(f, "give back all blocks of table {table}"),
        }
    }
}
