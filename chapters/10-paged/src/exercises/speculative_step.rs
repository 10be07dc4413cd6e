//! 10.12 `speculative_step`

use super::slot::said as table_said;
use crate::{
    given::{Blocks, Table},
    grow, release,
};
use attn_exercise::{Field, Fields, SOME_VALUES, exercise, field, pairwise, some_values};
use ndarray::{Array2, ArrayView2, array};
use serde::{Deserialize, Serialize};

/// What is written, and what can be seen of the pool and the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    written: Vec<usize>,
    table: String,
    counts: Vec<usize>,
    free: Vec<usize>,
}

impl Fields for Seen {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("what is written", &self.written),
            field("the table", self.table.clone()),
            field("counts", &self.counts),
            field("free", &self.free),
        ]
    }
}

exercise! {
    /// Tokens of a block, tokens of the text before the proposed ones, these, and the logits.
    crate::speculative_step as fn(&mut Blocks, &mut Table, &[usize], ArrayView2<f32>) -> Vec<usize>: (
        size: usize[size], before: usize[before], proposed: Vec<usize>, logits: Array2<f32>[rows vocab],
    ) -> Seen;
    answer: |speculative_step, c| {
        let (mut blocks, mut table) = c.pool();
        let written = speculative_step(&mut blocks, &mut table, &c.proposed, c.logits.view());
        Seen { written, table: table_said(&table), counts: blocks.counts, free: blocks.free }
    };

    exact: |c| {
        let mut written = Vec::new();
        for (i, row) in c.logits.rows().into_iter().enumerate() {
            let token = (0..row.len()).find(|&a| (0..row.len()).all(|b| row[a] >= row[b])).unwrap_or(0);
            written.push(token);
            if c.proposed.get(i) != Some(&token) {
                break;
            }
        }
        // A text that was never longer, in the same blocks.
        let (all, tokens) = (c.before + c.proposed.len(), c.before + written.len() - 1);
        let (_, table) = c.pool();
        let kept = (0..table.blocks.len()).take_while(|i| i * c.size < tokens).count();
        let mut free: Vec<usize> = (0..c.total()).rev().filter(|block| *block > all.div_ceil(c.size)).collect();
        free.extend(table.blocks[kept..].iter().rev());
        let mut counts = vec![0; c.total()];
        table.blocks[..kept].iter().for_each(|&block| counts[block] = 1);
        counts[0] = 1;
        let table = table_said(&Table { blocks: table.blocks[..kept].to_vec(), tokens });
        Seen { written, table, counts, free }
    };

    cases: |random| {
        // Logits of which the largest is that of these tokens.
        let mut of = |about: &str, size, before, proposed: &[usize], says: &[usize], vocab: usize| {
            let mut logits: Array2<f32> = random.normal((says.len(), vocab));
            says.iter().enumerate().for_each(|(i, &token)| logits[[i, token]] = 5.0);
            case(about, (size, before, proposed.to_vec(), logits))
        };
        let mut cases = vec![
            case("by hand: the first of three is kept", (2, 2, vec![1, 0, 0], array![[0.0, 9.0], [0.0, 9.0], [9.0, 0.0], [9.0, 0.0]])),
            of("all are kept", 2, 3, &[4, 2, 5], &[4, 2, 5, 1], 6),
            of("none is kept", 2, 3, &[4, 2, 5], &[3, 2, 5, 1], 6),
            of("nothing was proposed", 4, 6, &[], &[3], 6),
            of("one in the middle is wrong, those behind it would be right", 4, 5, &[1, 2, 3, 4], &[1, 5, 3, 4, 0], 6),
            of("the last is wrong", 4, 5, &[1, 2, 3, 4], &[1, 2, 3, 0, 2], 6),
            of("two blocks are given back", 2, 3, &[1, 2, 3, 4, 5], &[1, 0, 3, 4, 5, 1], 6),
            of("no block is given back", 8, 3, &[1, 2, 3], &[1, 0, 3, 4], 6),
            of("exactly a block is left", 4, 3, &[1, 2, 3], &[1, 0, 3, 4], 6),
            of("none is kept, and the text ends with a block", 4, 4, &[1, 2], &[0, 2, 3], 6),
            of("blocks of one token", 1, 2, &[1, 2, 3], &[1, 2, 0, 4], 6),
            of("a single token before", 2, 1, &[3, 3, 3], &[3, 3, 1, 3], 5),
            of("the model writes what was proposed next", 2, 2, &[1, 2, 1], &[2, 1, 1, 0], 4),
            of("a vocabulary of one", 2, 3, &[0, 0], &[0, 0, 0], 1),
        ];
        cases.push(case("two tokens are equally likely", (2, 2, vec![1, 2], array![[0.0, 3.0, 3.0], [1.0, 2.0, 2.0], [4.0, 4.0, 1.0]])));
        let levels = [4, 4, 4, 3, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[size, before, k, vocab, kind]| {
            let logits = some_values(kind, (k + 1, vocab + 1), random);
            let best = |i: usize| (0..vocab + 1).fold(0, |best, j| if logits[[i, j]] > logits[[i, best]] { j } else { best });
            let proposed = (0..k).map(|i| if random.below(3) > 0 { best(i) } else { random.below(vocab + 1) }).collect();
            case("small", (size + 1, before + 1, proposed, logits.clone()))
        }));
        cases
    };

    right (blocks, table, proposed, logits) {
        "one after the other" => {
            let (mut written, mut kept) = (Vec::new(), 0);
            loop {
                let token = best(logits, kept);
                written.push(token);
                if kept == proposed.len() || token != proposed[kept] {
                    break;
                }
                kept += 1;
            }
            table.tokens = table.tokens - proposed.len() + kept;
            shorten(blocks, table);
            written
        };
        "split off" => {
            let kept = proposed.iter().enumerate().position(|(i, &token)| best(logits, i) != token).unwrap_or(proposed.len());
            table.tokens -= proposed.len() - kept;
            let empty = table.blocks.split_off(table.tokens.div_ceil(blocks.size));
            for block in empty.into_iter().rev() {
                release(blocks, block).expect("in use");
            }
            proposed[..kept].iter().copied().chain([best(logits, kept)]).collect()
        };
        "token by token" => {
            let written = crate::speculative_step(&mut blocks.clone(), &mut table.clone(), proposed, logits);
            for _ in written.len() - 1..proposed.len() {
                table.tokens -= 1;
                if table.tokens % blocks.size == 0 && let Some(block) = table.blocks.pop() {
                    release(blocks, block).expect("in use");
                }
            }
            written
        };
    }

    mistakes (blocks, table, proposed, logits) {
        "all-kept": "all proposed tokens are kept, whatever the model says of them"
            => {
                let mut written = proposed.to_vec();
                written.push(best(logits, proposed.len()));
                written
            };
        "none-kept": "no proposed token is kept, also those that the model would have written itself"
            => {
                table.tokens -= proposed.len();
                shorten(blocks, table);
                vec![best(logits, 0)]
            };
        "all-that-agree": "every proposed token that agrees is kept, also behind one that does not: it was computed after a token that is not in the text"
            => {
                let agree: Vec<usize> = (0..proposed.len()).filter(|&i| best(logits, i) == proposed[i]).collect();
                table.tokens -= proposed.len() - agree.len();
                shorten(blocks, table);
                let mut written: Vec<usize> = agree.iter().map(|&i| proposed[i]).collect();
                written.push(best(logits, agree.len()));
                written
            };
        "own-token-missing": "the token that the model writes itself is left out: a step in which nothing is kept writes nothing"
            => {
                let mut written = crate::speculative_step(blocks, table, proposed, logits);
                written.pop();
                written
            };
        "own-from-the-last-row": "the model's own token is taken from the last row; that has seen proposed tokens which are not kept"
            => {
                let mut written = crate::speculative_step(blocks, table, proposed, logits);
                if let Some(last) = written.last_mut() {
                    *last = best(logits, proposed.len());
                }
                written
            };
        "own-from-the-first-row": "the model's own token is taken from the first row; that has seen none of the kept ones"
            => {
                let mut written = crate::speculative_step(blocks, table, proposed, logits);
                if let Some(last) = written.last_mut() {
                    *last = best(logits, 0);
                }
                written
            };
        "row-behind": "a proposed token is compared with the row behind it, which says what comes after it"
            => {
                let kept = (0..proposed.len()).take_while(|&i| best(logits, i + 1) == proposed[i]).count();
                table.tokens -= proposed.len() - kept;
                shorten(blocks, table);
                let mut written = proposed[..kept].to_vec();
                written.push(best(logits, kept));
                written
            };
        "table-stays": "the table still holds the tokens that are not kept: later tokens attend to them"
            => crate::speculative_step(&mut blocks.clone(), &mut table.clone(), proposed, logits);
        "blocks-stay": "`tokens` of the table is lowered, and its empty blocks stay: they are never given back"
            => {
                let written = crate::speculative_step(&mut blocks.clone(), &mut table.clone(), proposed, logits);
                table.tokens -= proposed.len() + 1 - written.len();
                written
            };
        "blocks-lost": "the empty blocks are taken out of the table and not given back to the pool: they are lost"
            => {
                let written = crate::speculative_step(&mut blocks.clone(), &mut table.clone(), proposed, logits);
                table.tokens -= proposed.len() + 1 - written.len();
                table.blocks.truncate(table.tokens.div_ceil(blocks.size));
                written
            };
        "given-back-and-named": "the empty blocks are given back, and the table still names them"
            => {
                let before = table.blocks.clone();
                let written = crate::speculative_step(blocks, table, proposed, logits);
                table.blocks = before;
                written
            };
        "last-block-too": "the last block that still holds tokens is given back, if it is not full"
            => {
                let written = crate::speculative_step(blocks, table, proposed, logits);
                if table.tokens % blocks.size > 0 && let Some(block) = table.blocks.pop() {
                    let _ = release(blocks, block);
                }
                written
            };
        "one-block": "one block is given back at most"
            => {
                let written = crate::speculative_step(&mut blocks.clone(), &mut table.clone(), proposed, logits);
                table.tokens -= proposed.len() + 1 - written.len();
                if table.blocks.len() > table.tokens.div_ceil(blocks.size) && let Some(block) = table.blocks.pop() {
                    let _ = release(blocks, block);
                }
                written
            };
        "first-first": "the empty blocks are given back in the order of the text; the last one goes first"
            => {
                let written = crate::speculative_step(&mut blocks.clone(), &mut table.clone(), proposed, logits);
                table.tokens -= proposed.len() + 1 - written.len();
                for block in table.blocks.split_off(table.tokens.div_ceil(blocks.size)) {
                    let _ = release(blocks, block);
                }
                written
            };
        "own-token-counted": "the model's own token is counted in the table, which has not read it yet"
            => {
                let written = crate::speculative_step(&mut blocks.clone(), &mut table.clone(), proposed, logits);
                table.tokens -= proposed.len() - (written.len() - 1).min(proposed.len());
                table.tokens += usize::from(written.len() <= proposed.len());
                shorten(blocks, table);
                written
            };
        "last-of-equals": "of equally large logits the last counts, as with `max_by`; it is the first"
            => {
                let last = |row: usize| (0..logits.ncols()).fold(0, |best, j| if logits[[row, j]] >= logits[[row, best]] { j } else { best });
                let kept = (0..proposed.len()).take_while(|&i| last(i) == proposed[i]).count();
                table.tokens -= proposed.len() - kept;
                shorten(blocks, table);
                let mut written = proposed[..kept].to_vec();
                written.push(last(kept));
                written
            };
    }
}

impl Case {
    /// Room for the text, another text's block, and three more.
    fn total(&self) -> usize {
        (self.before + self.proposed.len()).div_ceil(self.size) + 4
    }

    /// Block 0 belongs to another text; the table's come behind it.
    fn pool(&self) -> (Blocks, Table) {
        let (mut blocks, mut table) = (Blocks::new(self.total(), self.size), Table::default());
        let _ = grow(&mut blocks, &mut Table::default(), 1);
        let _ = grow(&mut blocks, &mut table, self.before + self.proposed.len());
        (blocks, table)
    }
}

/// The first of the largest logits of a row.
fn best(logits: ArrayView2<f32>, row: usize) -> usize {
    (0..logits.ncols())
        .fold(0, |best, j| if logits[[row, j]] > logits[[row, best]] { j } else { best })
}

/// Gives back what is behind the last token.
fn shorten(blocks: &mut Blocks, table: &mut Table) {
    while table.blocks.len() > table.tokens.div_ceil(blocks.size) {
        if let Some(block) = table.blocks.pop() {
            let _ = release(blocks, block);
        }
    }
}
