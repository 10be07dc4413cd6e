//! 10.4 `grow`

use super::allocate::{Acts, Do, Seen, plain, trace};
use crate::{
    allocate,
    given::{BlockError, Blocks, Table},
};
use attn_exercise::{Trace, exercise};

exercise! {
    /// How many blocks of which size there are, and what is done with them.
    crate::grow as fn(&mut Blocks, &mut Table, usize) -> Result<(), BlockError>: (total: usize[total], size: usize[size], steps: Vec<Do>) -> Trace<Seen>;
    answer: |grow, c| trace((c.total, c.size, 2), &c.steps, &Acts { grow, ..Acts::REFERENCE });

    exact: |c| plain((c.total, c.size, 2), &c.steps);

    cases: |random| {
        use Do::{Drop, Grow};
        let of = |about: &str, total, size, steps: &[Do]| case(about, (total, size, steps.to_vec()));
        let mut cases = vec![
            of("by hand: three tokens, then two, then too many", 3, 4, &[Grow(0, 3), Grow(0, 2), Grow(0, 8), Grow(0, 7)]),
            of("token by token", 3, 2, &[Grow(0, 1), Grow(0, 1), Grow(0, 1), Grow(0, 1), Grow(0, 1), Grow(0, 1), Grow(0, 1)]),
            of("two texts in turn", 6, 2, &[Grow(0, 2), Grow(1, 1), Grow(0, 1), Grow(1, 2), Grow(0, 3), Grow(1, 3)]),
            of("exactly full blocks", 4, 4, &[Grow(0, 4), Grow(1, 8), Grow(0, 4), Grow(1, 1)]),
            of("nothing", 2, 3, &[Grow(0, 0), Grow(0, 3), Grow(0, 0), Grow(1, 0), Grow(0, 1)]),
            of("blocks of one token", 4, 1, &[Grow(0, 2), Grow(1, 1), Grow(0, 1), Grow(1, 1)]),
            of("a single block", 1, 4, &[Grow(0, 2), Grow(1, 1), Grow(0, 2), Grow(0, 1)]),
            of("a single place", 1, 1, &[Grow(0, 1), Grow(0, 1), Grow(1, 1)]),
            of("refused, then less", 4, 2, &[Grow(0, 3), Grow(1, 5), Grow(1, 4), Grow(0, 1), Grow(0, 1)]),
            of("one goes, another gets its blocks", 5, 2, &[Grow(0, 5), Grow(1, 3), Drop(0), Grow(1, 4), Grow(0, 3)]),
            of("blocks out of order", 6, 2, &[Grow(0, 3), Grow(1, 4), Drop(0), Grow(1, 3), Grow(0, 4), Grow(1, 1)]),
            of("a prompt of sixteen and a half blocks", 20, 4, &[Grow(0, 66), Grow(0, 1), Grow(0, 1), Grow(0, 1), Grow(1, 12), Grow(1, 1)]),
            of("more tokens than blocks", 3, 16, &[Grow(0, 20), Grow(0, 12), Grow(1, 16), Grow(1, 1)]),
        ];
        for (total, size) in [(1, 2), (2, 1), (2, 2), (3, 2), (2, 3), (5, 3), (7, 4)] {
            let mut steps = Vec::new();
            for _ in 0..9 {
                steps.push(match random.below(6) {
                    0 => Drop(random.below(2)),
                    _ => Grow(random.below(2), random.below(2 * size + 1)),
                });
            }
            cases.push(case("random", (total, size, steps)));
        }
        cases
    };

    right (blocks, table, tokens) {
        "room first" => {
            let room = table.blocks.len() * blocks.size - table.tokens;
            let needed = tokens.saturating_sub(room).div_ceil(blocks.size);
            if needed > blocks.free.len() {
                return Err(BlockError::Full { needed, free: blocks.free.len() });
            }
            for _ in 0..needed {
                let block = allocate(blocks)?;
                table.blocks.push(block);
            }
            table.tokens += tokens;
            Ok(())
        };
        "on copies" => {
            let (mut new_blocks, mut new) = (blocks.clone(), table.clone());
            new.tokens += tokens;
            let needed = new.tokens.div_ceil(blocks.size) - table.blocks.len();
            while new.blocks.len() * blocks.size < new.tokens {
                let block = allocate(&mut new_blocks).map_err(|_| BlockError::Full { needed, free: blocks.free.len() })?;
                new.blocks.push(block);
            }
            (*blocks, *table) = (new_blocks, new);
            Ok(())
        };
        "split off" => {
            let (all, size) = (table.tokens + tokens, blocks.size);
            let needed = all / size + usize::from(all % size > 0) - table.blocks.len();
            let Some(rest) = blocks.free.len().checked_sub(needed) else {
                return Err(BlockError::Full { needed, free: blocks.free.len() });
            };
            let mut taken = blocks.free.split_off(rest);
            taken.reverse();
            taken.iter().for_each(|&block| blocks.counts[block] = 1);
            table.blocks.append(&mut taken);
            table.tokens += tokens;
            Ok(())
        };
        "token by token, and back" => {
            let (before, held) = (blocks.clone(), table.clone());
            let needed = (table.tokens + tokens).div_ceil(blocks.size) - table.blocks.len();
            for _ in 0..tokens {
                if table.tokens == table.blocks.len() * blocks.size {
                    match allocate(blocks) {
                        Ok(block) => table.blocks.push(block),
                        Err(_) => {
                            (*blocks, *table) = (before, held);
                            return Err(BlockError::Full { needed, free: blocks.free.len() });
                        }
                    }
                }
                table.tokens += 1;
            }
            Ok(())
        };
    }

    mistakes (blocks, table, tokens) {
        "room-forgotten": "the room in the last block is forgotten: each call begins a new block"
            => take(blocks, table, tokens, |blocks, _| tokens.div_ceil(blocks.size));
        "block-per-token": "every token gets a block of its own; a block has room for `size` of them"
            => take(blocks, table, tokens, |_, _| tokens);
        "rounded-down": "the blocks are rounded down: the tokens in the last, partly filled block have no place"
            => take(blocks, table, tokens, |blocks, table| ((table.tokens + tokens) / blocks.size).saturating_sub(table.blocks.len()));
        "one-more": "one block is taken in advance: a text whose blocks are just full needs no other until its next token"
            => take(blocks, table, tokens, |blocks, table| ((table.tokens + tokens) / blocks.size + 1).saturating_sub(table.blocks.len()));
        "held-forgotten": "the blocks that the table has are not subtracted: it gets as many as it needs in all"
            => take(blocks, table, tokens, |blocks, table| (table.tokens + tokens).div_ceil(blocks.size));
        "one-block": "one block is taken at most, however many tokens come"
            => take(blocks, table, tokens, |blocks, table| usize::from(table.tokens + tokens > table.blocks.len() * blocks.size));
        "partly": "the blocks that there are are taken before the rest is refused: pool and table stay as they were"
            => {
                let needed = (table.tokens + tokens).div_ceil(blocks.size) - table.blocks.len();
                let free = blocks.free.len();
                for _ in 0..needed {
                    let block = allocate(blocks).map_err(|_| BlockError::Full { needed, free })?;
                    table.blocks.push(block);
                }
                table.tokens += tokens;
                Ok(())
            };
        "leaked": "the blocks that there are are taken before the rest is refused, and the table does not name them: nobody can give them back"
            => {
                let needed = (table.tokens + tokens).div_ceil(blocks.size) - table.blocks.len();
                let (free, mut taken) = (blocks.free.len(), Vec::new());
                for _ in 0..needed {
                    taken.push(allocate(blocks).map_err(|_| BlockError::Full { needed, free })?);
                }
                table.blocks.extend(taken);
                table.tokens += tokens;
                Ok(())
            };
        "needed-one": "the error of `allocate` is passed on: it says 1 needed and 0 free, and what was taken before is gone"
            => {
                let needed = (table.tokens + tokens).div_ceil(blocks.size) - table.blocks.len();
                for _ in 0..needed {
                    table.blocks.push(allocate(blocks)?);
                }
                table.tokens += tokens;
                Ok(())
            };
        "counted-before": "`tokens` of the table has grown before it is refused: pool and table stay as they were"
            => {
                let result = crate::grow(blocks, table, tokens);
                if result.is_err() {
                    table.tokens += tokens;
                }
                result
            };
        "tokens-stay": "`tokens` of the table is not changed, so that the next call does not know of these tokens"
            => {
                let before = table.tokens;
                crate::grow(blocks, table, tokens)?;
                table.tokens = before;
                Ok(())
            };
        "tokens-replaced": "`tokens` of the table becomes the number of the new ones; it grows by that"
            => {
                crate::grow(blocks, table, tokens)?;
                table.tokens = tokens;
                Ok(())
            };
        "tokens-against-blocks": "the tokens are compared with the free blocks; a block has room for several"
            => if tokens > blocks.free.len() {
                Err(BlockError::Full { needed: tokens, free: blocks.free.len() })
            } else {
                crate::grow(blocks, table, tokens)
            };
        "needed-in-all": "`needed` in the error counts all blocks of the text; it is how many more"
            => crate::grow(blocks, table, tokens).map_err(|error| match error {
                BlockError::Full { needed, free } => BlockError::Full { needed: needed + table.blocks.len(), free },
                other => other,
            });
        "missing": "`needed` in the error says how many are missing; it is how many more the text needs"
            => crate::grow(blocks, table, tokens).map_err(|error| match error {
                BlockError::Full { needed, free } => BlockError::Full { needed: needed - free, free },
                other => other,
            });
        "in-front": "new blocks are put in front of the table; they hold what comes last"
            => {
                let before = table.blocks.len();
                crate::grow(blocks, table, tokens)?;
                table.blocks.rotate_left(before);
                Ok(())
            };
        "sorted": "the table is sorted by the numbers of the blocks; it is in the order of the text"
            => {
                crate::grow(blocks, table, tokens)?;
                table.blocks.sort();
                Ok(())
            };
        "next-in-the-pool": "the block after the last one is taken to be the next in the pool; `allocate` says which it is"
            => {
                let before = table.blocks.len();
                crate::grow(blocks, table, tokens)?;
                for i in before.max(1)..table.blocks.len() {
                    table.blocks[i] = (table.blocks[i - 1] + 1) % blocks.total();
                }
                Ok(())
            };
        "last-refused": "the last free block is never taken"
            => {
                let needed = (table.tokens + tokens).div_ceil(blocks.size) - table.blocks.len();
                if needed > 0 && needed >= blocks.free.len() {
                    return Err(BlockError::Full { needed, free: blocks.free.len() });
                }
                crate::grow(blocks, table, tokens)
            };
    }
}

/// Takes so many blocks, all or none.
fn take(
    blocks: &mut Blocks,
    table: &mut Table,
    tokens: usize,
    needed: impl Fn(&Blocks, &Table) -> usize,
) -> Result<(), BlockError> {
    let (needed, free) = (needed(blocks, table), blocks.free.len());
    if needed > free {
        return Err(BlockError::Full { needed, free });
    }
    for _ in 0..needed {
        table.blocks.push(allocate(blocks)?);
    }
    table.tokens += tokens;
    Ok(())
}
