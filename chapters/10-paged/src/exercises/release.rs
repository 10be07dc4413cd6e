//! 10.3 `release`

use super::allocate::{Acts, Do, Seen, plain, some_steps, trace};
use crate::given::{BlockError, Blocks};
use attn_exercise::{Trace, exercise};

exercise! {
    /// How many blocks there are, and what is done with them.
    crate::release as fn(&mut Blocks, usize) -> Result<(), BlockError>: (total: usize[total], steps: Vec<Do>) -> Trace<Seen>;
    answer: |release, c| trace((c.total, 4, 0), &c.steps, &Acts { release, ..Acts::REFERENCE });

    exact: |c| plain((c.total, 4, 0), &c.steps);

    cases: |random| {
        use Do::{Allocate, Release, Share};
        let of = |about: &str, total, steps: &[Do]| case(about, (total, steps.to_vec()));
        let mut cases = vec![
            of("by hand: a shared block is given back twice, and a third time", 2, &[Allocate, Share(0), Release(0), Release(0), Release(0), Allocate]),
            of("a single block", 1, &[Allocate, Release(0), Release(0), Allocate]),
            of("never used", 3, &[Release(1), Allocate, Release(2), Release(0)]),
            of("no such block", 2, &[Allocate, Release(2), Release(7), Release(0)]),
            of("no such block, of one", 1, &[Release(1), Allocate, Release(1)]),
            of("the middle one first", 4, &[Allocate, Allocate, Allocate, Release(1), Release(2), Release(0), Allocate]),
            of("three users", 3, &[Allocate, Share(0), Share(0), Allocate, Release(0), Release(1), Release(0), Release(0), Allocate, Allocate]),
            of("given back, taken, given back", 2, &[Allocate, Release(0), Allocate, Release(0), Release(0)]),
            of("another one stays", 3, &[Allocate, Allocate, Release(0), Share(1), Release(1), Allocate]),
        ];
        for total in [1, 2, 3, 5, 8] {
            let mut steps = some_steps(random, total, 14 + total);
            steps.extend((0..total).map(Release));
            cases.push(case("random", (total, steps)));
        }
        cases
    };

    right (blocks, block) {
        "refused first" => {
            if block >= blocks.counts.len() {
                return Err(BlockError::Unknown { block, total: blocks.counts.len() });
            }
            if blocks.counts[block] == 0 {
                return Err(BlockError::NotInUse { block });
            }
            blocks.counts[block] -= 1;
            if blocks.counts[block] == 0 {
                blocks.free.push(block);
            }
            Ok(())
        };
        "matched" => match blocks.counts.get(block).copied() {
            None => Err(BlockError::Unknown { block, total: blocks.total() }),
            Some(0) => Err(BlockError::NotInUse { block }),
            Some(1) => {
                blocks.counts[block] = 0;
                blocks.free.push(block);
                Ok(())
            }
            Some(users) => {
                blocks.counts[block] = users - 1;
                Ok(())
            }
        };
        "by the list" => {
            let total = blocks.total();
            match block {
                _ if block >= total => Err(BlockError::Unknown { block, total }),
                _ if blocks.free.contains(&block) => Err(BlockError::NotInUse { block }),
                _ => {
                    blocks.counts[block] -= 1;
                    blocks.free.extend((blocks.counts[block] == 0).then_some(block));
                    Ok(())
                }
            }
        };
    }

    mistakes (blocks, block) {
        "freed-at-once": "the block is free at once, though others use it still"
            => {
                known(blocks, block)?;
                blocks.counts[block] = 0;
                blocks.free.push(block);
                Ok(())
            };
        "freed-while-counted": "the block is put into the list of free ones, though its count is not 0 yet: somebody uses it still"
            => {
                known(blocks, block)?;
                blocks.counts[block] -= 1;
                blocks.free.push(block);
                Ok(())
            };
        "never-freed": "the count goes down, but a block without users is not put into the list of free ones: it is lost"
            => {
                known(blocks, block)?;
                blocks.counts[block] -= 1;
                Ok(())
            };
        "freed-too-early": "the block is freed when one user is left: it is free when none is"
            => {
                known(blocks, block)?;
                blocks.counts[block] -= 1;
                if blocks.counts[block] <= 1 {
                    blocks.free.push(block);
                }
                Ok(())
            };
        "count-stays": "the count is not lowered: a block with one user is put into the list of free ones and still counts as used"
            => {
                known(blocks, block)?;
                if blocks.counts[block] == 1 {
                    blocks.free.push(block);
                }
                Ok(())
            };
        "double-free": "a block that is free already is freed again: it stands twice in the list, and two texts will get it"
            => {
                if block >= blocks.total() {
                    return Err(BlockError::Unknown { block, total: blocks.total() });
                }
                blocks.counts[block] = blocks.counts[block].saturating_sub(1);
                if blocks.counts[block] == 0 {
                    blocks.free.push(block);
                }
                Ok(())
            };
        "underflow": "the count of a block that nobody uses goes below zero, and panics"
            => {
                if block >= blocks.total() {
                    return Err(BlockError::Unknown { block, total: blocks.total() });
                }
                assert!(blocks.counts[block] > 0, "attempt to subtract with overflow");
                crate::release(blocks, block)
            };
        "silent": "a block that nobody uses is given back without a refusal: whoever does that has lost count"
            => match crate::release(blocks, block) {
                Err(BlockError::NotInUse { .. }) => Ok(()),
                other => other,
            };
        "unknown-panics": "the list of counts is asked for a block that the pool does not have, and panics"
            => {
                if blocks.counts[block] == 0 {
                    return Err(BlockError::NotInUse { block });
                }
                crate::release(blocks, block)
            };
        "unknown-not-in-use": "a block that does not exist is said not to be in use; it is `Unknown`"
            => crate::release(blocks, block).map_err(|_| BlockError::NotInUse { block });
        "unknown-by-one": "block `total` is taken for one of the pool; they are 0 to `total` − 1"
            => {
                if block > blocks.total() {
                    return Err(BlockError::Unknown { block, total: blocks.total() });
                }
                if blocks.counts.get(block).is_none_or(|&count| count == 0) {
                    return Err(BlockError::NotInUse { block });
                }
                crate::release(blocks, block)
            };
        "in-front": "the block is put in front of the free ones; it is the next to be handed out, and stands last"
            => {
                known(blocks, block)?;
                blocks.counts[block] -= 1;
                if blocks.counts[block] == 0 {
                    blocks.free.insert(0, block);
                }
                Ok(())
            };
        "sorted": "the list of free blocks is sorted, and which is handed out next is no longer the last that came back"
            => {
                crate::release(blocks, block)?;
                blocks.free.sort_by(|a, b| b.cmp(a));
                Ok(())
            };
        "sorted-up": "the list of free blocks is sorted upwards, and which is handed out next is no longer the last that came back"
            => {
                crate::release(blocks, block)?;
                blocks.free.sort();
                Ok(())
            };
        "pushed-before-refusal": "the block is in the list of free ones before it is refused: a pool that refuses stays as it was"
            => {
                let result = crate::release(blocks, block);
                if let Err(BlockError::NotInUse { .. }) = result {
                    blocks.free.push(block);
                }
                result
            };
        "first-shared": "a shared block is refused, as if only its last user could give it back"
            => {
                known(blocks, block)?;
                if blocks.counts[block] > 1 {
                    return Err(BlockError::NotInUse { block });
                }
                crate::release(blocks, block)
            };
    }
}

/// The refusals of the reference.
fn known(blocks: &Blocks, block: usize) -> Result<(), BlockError> {
    match blocks.counts.get(block) {
        None => Err(BlockError::Unknown { block, total: blocks.total() }),
        Some(0) => Err(BlockError::NotInUse { block }),
        Some(_) => Ok(()),
    }
}
