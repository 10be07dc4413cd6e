//! 10.6 `fork`

use super::allocate::{Acts, Do, Seen, plain, trace};
use crate::given::{Blocks, Table};
use attn_exercise::{Trace, exercise};

exercise! {
    /// How many blocks of which size there are, and what is done with them.
    crate::fork as fn(&mut Blocks, &Table) -> Table: (total: usize[total], size: usize[size], steps: Vec<Do>) -> Trace<Seen>;
    answer: |fork, c| trace((c.total, c.size, 2), &c.steps, &Acts { fork, ..Acts::REFERENCE });

    exact: |c| plain((c.total, c.size, 2), &c.steps);

    cases: |random| {
        use Do::{Drop, Fork, Grow};
        let of = |about: &str, total, size, steps: &[Do]| case(about, (total, size, steps.to_vec()));
        let mut cases = vec![
            of("by hand: three tokens in two blocks", 4, 2, &[Grow(0, 3), Fork(0), Drop(0), Drop(2)]),
            of("a fork of a fork", 4, 2, &[Grow(0, 4), Fork(0), Fork(2), Fork(0), Drop(0), Drop(3)]),
            of("an empty text", 3, 2, &[Fork(0), Grow(0, 1), Fork(2), Grow(1, 1)]),
            of("beside another text", 5, 2, &[Grow(1, 3), Grow(0, 3), Fork(0), Drop(1), Grow(1, 2)]),
            of("blocks out of order", 6, 2, &[Grow(0, 2), Grow(1, 2), Grow(0, 3), Fork(0), Drop(0), Grow(1, 3)]),
            of("no block is free", 2, 2, &[Grow(0, 4), Fork(0), Drop(0), Drop(2), Grow(1, 1)]),
            of("a single block", 1, 4, &[Grow(0, 2), Fork(0), Fork(0), Drop(2), Drop(0), Drop(3)]),
            of("a single place", 1, 1, &[Grow(0, 1), Fork(0), Drop(0), Drop(2)]),
            of("blocks of one token", 4, 1, &[Grow(0, 3), Fork(0), Drop(0), Grow(1, 1)]),
            of("equal numbers", 3, 3, &[Grow(0, 5), Fork(0), Drop(2), Drop(0)]),
            of("a block that is hardly used", 2, 8, &[Grow(0, 9), Fork(0), Drop(0), Drop(2)]),
        ];
        for (total, size) in [(1, 2), (2, 1), (2, 2), (3, 2), (2, 3), (5, 3), (7, 4)] {
            let (mut steps, mut tables) = (vec![Grow(0, 1 + random.below(2 * size))], 2);
            for _ in 0..7 {
                steps.push(match random.below(4) {
                    0 => Drop(random.below(tables)),
                    1 => Grow(random.below(2), random.below(size)),
                    _ => {
                        tables += 1;
                        Fork(random.below(tables - 1))
                    }
                });
            }
            // Tables that were forked share their last block, and must not grow without a copy.
            let growing = |step: &Do| matches!(step, Grow(..));
            let first_fork = steps.iter().position(|step| matches!(step, Fork(_))).unwrap_or(steps.len());
            let steps: Vec<Do> = steps.iter().enumerate().filter(|(i, step)| *i < first_fork || !growing(step)).map(|(_, step)| *step).collect();
            cases.push(case("random", (total, size, steps)));
        }
        cases
    };

    right (blocks, table) {
        "field by field" => {
            for i in 0..table.blocks.len() {
                blocks.counts[table.blocks[i]] += 1;
            }
            Table { blocks: table.blocks.to_vec(), tokens: table.tokens }
        };
        "by the counts" => {
            for (block, count) in blocks.counts.iter_mut().enumerate() {
                if table.blocks.contains(&block) {
                    *count += 1;
                }
            }
            table.clone()
        };
        "counted while copied" => {
            let shared = table.blocks.iter().map(|&block| {
                blocks.counts[block] += 1;
                block
            });
            Table { blocks: shared.collect(), tokens: table.tokens }
        };
    }

    mistakes (blocks, table) {
        "not-counted": "the blocks are not counted: the first of the two to end frees what the other uses"
            => table.clone();
        "first-block-only": "the first block alone is counted; each block of the table has one user more"
            => {
                if let Some(&block) = table.blocks.first() {
                    blocks.counts[block] += 1;
                }
                table.clone()
            };
        "last-block-only": "the last block alone is counted; each block of the table has one user more"
            => {
                if let Some(&block) = table.blocks.last() {
                    blocks.counts[block] += 1;
                }
                table.clone()
            };
        "full-blocks-only": "the last block is not counted unless it is full; it is shared, too, until somebody writes"
            => {
                for &block in &table.blocks[..table.tokens / blocks.size] {
                    blocks.counts[block] += 1;
                }
                table.clone()
            };
        "two": "the counts become 2, also where more than two share the block"
            => {
                for &block in &table.blocks {
                    blocks.counts[block] = 2;
                }
                table.clone()
            };
        "all-counted": "every block in use gets one user more, also those of other texts"
            => {
                for count in &mut blocks.counts {
                    *count += usize::from(*count > 0);
                }
                table.clone()
            };
        "by-number": "the first blocks of the pool are counted, as many as the table has"
            => {
                for block in 0..table.blocks.len() {
                    blocks.counts[block] += 1;
                }
                table.clone()
            };
        "per-token": "a block gets one user more for each token in it"
            => {
                for (i, &block) in table.blocks.iter().enumerate() {
                    blocks.counts[block] += blocks.size.min(table.tokens - i * blocks.size);
                }
                table.clone()
            };
        "copied": "the sibling gets blocks of its own, where there are some: nothing has to be copied before somebody writes"
            => {
                let mut sibling = Table::default();
                match crate::grow(blocks, &mut sibling, table.tokens) {
                    Ok(()) => sibling,
                    Err(_) => crate::fork(blocks, table),
                }
            };
        "last-copied": "the last block is replaced by a free one, if it is not full: the copy can wait until somebody writes"
            => {
                let mut sibling = crate::fork(blocks, table);
                if !table.tokens.is_multiple_of(blocks.size) && let Some(last) = sibling.blocks.last_mut() && let Ok(own) = crate::allocate(blocks) {
                    blocks.counts[*last] -= 1;
                    *last = own;
                }
                sibling
            };
        "without-the-rest": "the sibling has the full blocks alone: its last tokens are missing"
            => {
                let full = table.tokens / blocks.size;
                let shared = Table { blocks: table.blocks[..full].to_vec(), tokens: full * blocks.size };
                crate::fork(blocks, &shared)
            };
        "no-tokens": "the sibling's `tokens` is 0, as if its blocks were empty"
            => Table { tokens: 0, ..crate::fork(blocks, table) };
        "full": "the sibling's `tokens` counts all places of its blocks, also the empty ones"
            => {
                let tokens = table.blocks.len() * blocks.size;
                Table { tokens, ..crate::fork(blocks, table) }
            };
        "empty": "the sibling is a new text without blocks"
            => Table::default();
    }
}
