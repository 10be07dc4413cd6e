//! 10.9 `evict`

use crate::given::Cached;
use attn_exercise::{Field, Fields, Input, exercise, field};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// The block that goes, or none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Gone(Option<usize>);

impl Fields for Gone {
    fn fields(&self) -> Vec<Field> {
        vec![field("the block", self.0.map_or("none".into(), |block| block.to_string()))]
    }
}

exercise! {
    /// Blocks that are kept, each with its users, the step of its last use, and the blocks before it.
    crate::evict as fn(&[Cached]) -> Option<usize>: (kept: Vec<Cached>) -> Gone;
    answer: |evict, c| Gone(evict(Input::pass(&c.kept)));

    exact: |c| {
        // Whoever loses against nobody.
        let before = |a: &Cached, b: &Cached| a.used < b.used || a.used == b.used && a.depth > b.depth;
        let unused = || c.kept.iter().filter(|cached| cached.users == 0);
        Gone(unused().find(|a| unused().all(|b| !before(b, a))).map(|cached| cached.block))
    };

    cases: |random| {
        // (block, users, used, depth)
        let of = |about: &str, kept: &[(usize, usize, usize, usize)]| {
            case(about, (kept.iter().map(|&(block, users, used, depth)| Cached { block, users, used, depth }).collect(),))
        };
        let mut cases = vec![
            of("by hand: two blocks of a text that ended in step 5, and one in use", &[(4, 1, 2, 0), (7, 0, 5, 0), (1, 0, 5, 1)]),
            of("nothing is kept", &[]),
            of("all are in use", &[(0, 1, 3, 0), (1, 2, 1, 1)]),
            of("the oldest is in use", &[(3, 1, 1, 0), (5, 0, 4, 0), (2, 0, 6, 0)]),
            of("the oldest stands last", &[(3, 0, 9, 0), (5, 0, 4, 0), (2, 0, 2, 0)]),
            of("the oldest is a beginning, younger ones follow it", &[(3, 0, 2, 0), (5, 0, 4, 1), (2, 0, 6, 2)]),
            of("a chain of four, listed from its beginning", &[(6, 0, 7, 0), (8, 0, 7, 1), (0, 0, 7, 2), (3, 0, 7, 3)]),
            of("a chain of four, listed from its end", &[(3, 0, 7, 3), (0, 0, 7, 2), (8, 0, 7, 1), (6, 0, 7, 0)]),
            of("the end of the chain is in use", &[(6, 1, 7, 0), (8, 1, 7, 1), (0, 0, 7, 2), (3, 1, 8, 3)]),
            of("an old short text and a young long one", &[(9, 0, 3, 0), (1, 0, 8, 0), (2, 0, 8, 1), (4, 0, 8, 5)]),
            of("an old long text and a young short one", &[(9, 0, 8, 0), (1, 0, 3, 0), (2, 0, 3, 1), (4, 0, 3, 2)]),
            of("kept first, but used again", &[(0, 0, 9, 0), (1, 0, 2, 0), (2, 0, 5, 0)]),
            of("many users, used long ago", &[(0, 3, 1, 0), (1, 0, 8, 0), (2, 1, 0, 1)]),
            of("a single one", &[(5, 0, 3, 0)]),
            of("a single one, in use", &[(5, 1, 3, 0)]),
            of("the youngest is the deepest", &[(1, 0, 4, 1), (2, 0, 5, 6), (7, 0, 4, 0)]),
            of("the lowest number is neither", &[(0, 0, 4, 0), (2, 0, 4, 1), (7, 0, 3, 0)]),
        ];
        for n in [2, 3, 5, 8, 12, 20] {
            // All (used, depth) differ, so that there is one answer.
            let mut kept = Vec::new();
            for block in 0..n {
                let used = random.below(4);
                let depth = kept.iter().filter(|cached: &&Cached| cached.used == used).count();
                kept.push(Cached { block: (block * 7 + 3) % 23, users: random.below(3) / 2, used, depth });
            }
            for i in (1..kept.len()).rev() {
                kept.swap(i, random.below(i + 1));
            }
            cases.push(case("random", (kept,)));
        }
        cases
    };

    right (kept) {
        "sorted" => {
            let mut unused: Vec<&Cached> = kept.iter().filter(|cached| cached.users == 0).collect();
            unused.sort_by(|a, b| a.used.cmp(&b.used).then(b.depth.cmp(&a.depth)));
            unused.first().map(|cached| cached.block)
        };
        "one after the other" => {
            let mut best: Option<&Cached> = None;
            for cached in kept {
                if cached.users > 0 {
                    continue;
                }
                match best {
                    Some(other) if (other.used, Reverse(other.depth)) <= (cached.used, Reverse(cached.depth)) => {}
                    _ => best = Some(cached),
                }
            }
            best.map(|cached| cached.block)
        };
        "the oldest step first" => {
            let oldest = kept.iter().filter(|cached| cached.users == 0).map(|cached| cached.used).min()?;
            let of_that_step = kept.iter().filter(|cached| cached.users == 0 && cached.used == oldest);
            of_that_step.max_by_key(|cached| cached.depth).map(|cached| cached.block)
        };
    }

    mistakes (kept) {
        "used-evicted": "a block that a text uses is given away: its keys are written over while somebody reads them"
            => kept.iter().min_by_key(|cached| (cached.used, Reverse(cached.depth))).map(|cached| cached.block);
        "used-only": "the blocks in use are considered, and those that nobody uses are not"
            => kept.iter().filter(|cached| cached.users > 0).min_by_key(|cached| (cached.used, Reverse(cached.depth))).map(|cached| cached.block);
        "head-first": "of several last used in the same step the first of its text goes: all behind it are then of no use, since a beginning is looked up from its first block"
            => unused(kept).min_by_key(|cached| (cached.used, cached.depth)).map(|cached| cached.block);
        "tie-by-list": "of several last used in the same step the first in the list goes; it is the one with most blocks before it"
            => unused(kept).min_by_key(|cached| cached.used).map(|cached| cached.block);
        "tie-by-number": "of several last used in the same step the lowest number goes; it is the one with most blocks before it"
            => unused(kept).min_by_key(|cached| (cached.used, cached.block)).map(|cached| cached.block);
        "youngest": "the block goes that was used last: it is the one most likely to be wanted again"
            => unused(kept).max_by_key(|cached| (cached.used, cached.depth)).map(|cached| cached.block);
        "youngest-head": "the block goes that was used last, and of several the first of its text"
            => unused(kept).max_by_key(|cached| (cached.used, Reverse(cached.depth))).map(|cached| cached.block);
        "first-kept": "the first in the list goes, as in a queue: when it was last used does not count"
            => unused(kept).next().map(|cached| cached.block);
        "last-kept": "the last in the list goes, as from a stack: when it was last used does not count"
            => unused(kept).last().map(|cached| cached.block);
        "deepest": "the one with most blocks before it goes, whenever it was used; that decides only between those of the same step"
            => unused(kept).max_by_key(|cached| (cached.depth, Reverse(cached.used))).map(|cached| cached.block);
        "lowest-number": "the lowest number goes"
            => unused(kept).map(|cached| cached.block).min();
        "place": "the place in the list is returned instead of the block"
            => {
                let block = crate::evict(kept)?;
                kept.iter().position(|cached| cached.block == block)
            };
        "step": "the step of the last use is returned instead of the block"
            => unused(kept).map(|cached| cached.used).min();
        "oldest-or-none": "the oldest of all is looked for, and if it is in use, none goes"
            => kept.iter().min_by_key(|cached| (cached.used, Reverse(cached.depth))).filter(|cached| cached.users == 0).map(|cached| cached.block);
        "none-if-any": "none goes as long as any block is in use"
            => if kept.iter().any(|cached| cached.users > 0) { None } else { crate::evict(kept) };
        "one-user": "a block with a single user counts as unused, as if the list of kept blocks were that user"
            => kept.iter().filter(|cached| cached.users <= 1).min_by_key(|cached| (cached.used, Reverse(cached.depth))).map(|cached| cached.block);
        "panics": "none is unused, and `unwrap` panics"
            => Some(crate::evict(kept).expect("called `Option::unwrap()` on a `None` value"));
    }
}

fn unused(kept: &[Cached]) -> impl Iterator<Item = &Cached> {
    kept.iter().filter(|cached| cached.users == 0)
}
