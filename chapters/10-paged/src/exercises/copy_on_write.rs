//! 10.7 `copy_on_write`

use super::{allocate::answered, slot::said as table_said};
use crate::{
    allocate, fork,
    given::{BlockError, Pool, Table},
    grow, release,
};
use attn_exercise::{
    Field, Fields, SOME_VALUES, Trace, Value, exercise, field, pairwise, some_values,
};
use ndarray::{Array3, Axis, s};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that is done to the texts of a pool.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Do {
    /// Writes the next row behind a text.
    Append(usize),
    /// Forks a text.
    Fork(usize),
    /// Ends a text.
    Drop(usize),
}

/// What can be seen of a pool and its texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen<F> {
    said: String,
    counts: Vec<usize>,
    free: Vec<usize>,
    tables: Vec<String>,
    keys: Vec<Array3<F>>,
    values: Vec<Array3<F>>,
}

impl<F> Fields for Seen<F>
where
    for<'a> Value: From<&'a Array3<F>>,
{
    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            field("the answer", self.said.clone()),
            field("counts", &self.counts),
            field("free", &self.free),
        ];
        for (i, table) in self.tables.iter().enumerate() {
            fields.push(field(format!("text {i}"), table.clone()));
        }
        for (i, (keys, values)) in self.keys.iter().zip(&self.values).enumerate() {
            fields.push(field(format!("keys of text {i}"), keys));
            fields.push(field(format!("values of text {i}"), values));
        }
        fields
    }
}

exercise! {
    /// How many blocks of which size there are, keys and values of t tokens, and what is done with them.
    crate::copy_on_write as fn(&mut Pool, &mut Table) -> Result<(), BlockError>: (
        total: usize[total], size: usize[size], keys: Array3<f32>[h t d], values: Array3<f32>[h t d_v], steps: Vec<Do>,
    ) -> Trace<Seen<f32>>;
    answer: |copy_on_write, c| trace(c, copy_on_write);

    exact: |c| expected(c);

    cases: |random| {
        use Do::{Append, Drop, Fork};
        let mut of = |about: &str, (total, size): (usize, usize), (h, d, d_v): (usize, usize, usize), steps: &[Do]| {
            let t = steps.len();
            case(about, (total, size, random.normal((h, t, d)), random.normal((h, t, d_v)), steps.to_vec()))
        };
        let row = |first: f32| Array3::from_shape_fn((1, 6, 1), |(_, j, _)| first * (j + 1) as f32);
        let mut cases = vec![
            case("by hand: a sibling writes, then the first", (3, 2, row(1.0), row(10.0), vec![Append(0), Fork(0), Append(1), Append(0), Append(0), Append(1)])),
            of("nobody shares", (3, 2), (2, 3, 2), &[Append(0), Append(0), Append(0), Append(0)]),
            of("a full block is not written to", (4, 2), (2, 3, 2), &[Append(0), Append(0), Fork(0), Append(1), Append(0), Append(1)]),
            of("three siblings", (6, 4), (2, 2, 3), &[Append(0), Append(0), Fork(0), Fork(0), Append(1), Append(2), Append(0), Append(1)]),
            of("the last of two needs no copy", (4, 4), (1, 2, 2), &[Append(0), Fork(0), Append(0), Append(1), Append(0), Append(1)]),
            of("the sibling ends first", (3, 4), (2, 2, 2), &[Append(0), Append(0), Fork(0), Drop(0), Append(1), Append(1)]),
            of("no block is free", (2, 4), (2, 3, 3), &[Append(0), Fork(0), Append(1), Fork(0), Append(2), Append(1), Drop(1), Append(2)]),
            of("no block is free, and none is needed", (1, 4), (1, 2, 3), &[Append(0), Append(0), Fork(0), Append(1), Drop(0), Append(1)]),
            of("only the last block", (6, 2), (2, 2, 2), &[Append(0), Append(0), Append(0), Append(0), Append(0), Fork(0), Append(1), Append(0)]),
            of("a fork of a fork", (8, 3), (1, 3, 2), &[Append(0), Append(0), Fork(0), Fork(1), Append(2), Append(1), Fork(2), Append(3), Append(0), Append(2)]),
            of("blocks of one token", (5, 1), (2, 2, 3), &[Append(0), Fork(0), Append(0), Append(1), Append(1)]),
            of("an empty text forks", (3, 2), (1, 2, 2), &[Fork(0), Append(0), Append(1), Append(1)]),
            of("a used block comes again", (3, 4), (2, 3, 2), &[Append(0), Append(0), Append(0), Drop(0), Append(0), Fork(0), Append(1), Append(0)]),
        ];
        let levels = [4, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES];
        for (i, [total, size, h, d, d_v, of_keys, of_values]) in pairwise(levels).into_iter().enumerate() {
            let steps = match i % 3 {
                0 => vec![Append(0), Fork(0), Append(1), Append(0)],
                1 => vec![Append(0), Append(0), Fork(0), Append(0), Drop(0), Append(1)],
                _ => vec![Append(0)],
            };
            let t = 1 + i % 6;
            cases.push(case("small", (total + 1, size + 1, some_values(of_keys, (h + 1, t, d + 1), random), some_values(of_values, (h + 1, t, d_v + 1), random), steps)));
        }
        for (total, size, h, t, d) in [(1, 1, 2, 2, 2), (2, 3, 3, 1, 3), (3, 2, 3, 3, 2), (4, 4, 4, 4, 4), (2, 2, 1, 2, 3), (3, 4, 2, 4, 3), (5, 2, 1, 1, 1), (1, 3, 4, 3, 4)] {
            for d_v in [1, 2, 3, 4] {
                let (keys, values): (Array3<f32>, Array3<f32>) = (random.normal((h, t, d)), random.normal((h, t, d_v)));
                cases.push(case("small", (total, size, keys, values, vec![Append(0), Fork(0), Append(1), Append(0)])));
            }
        }
        cases
    };

    right (pool, table) {
        "refused first" => {
            let inside = table.tokens % pool.blocks.size;
            if inside == 0 {
                return Ok(());
            }
            let place = table.blocks.len() - 1;
            let shared = table.blocks[place];
            if pool.blocks.counts[shared] == 1 {
                return Ok(());
            }
            let own = allocate(&mut pool.blocks)?;
            let keys = pool.keys.index_axis(Axis(0), shared).to_owned();
            pool.keys.index_axis_mut(Axis(0), own).assign(&keys);
            let values = pool.values.index_axis(Axis(0), shared).to_owned();
            pool.values.index_axis_mut(Axis(0), own).assign(&values);
            release(&mut pool.blocks, shared)?;
            table.blocks[place] = own;
            Ok(())
        };
        "only what is held" => {
            let held = table.tokens % pool.blocks.size;
            if let (1.., Some(&shared)) = (held, table.blocks.last()) && pool.blocks.counts[shared] > 1 {
                let own = allocate(&mut pool.blocks)?;
                for place in 0..held {
                    let key = pool.keys.slice(s![shared, .., place, ..]).to_owned();
                    pool.keys.slice_mut(s![own, .., place, ..]).assign(&key);
                    let value = pool.values.slice(s![shared, .., place, ..]).to_owned();
                    pool.values.slice_mut(s![own, .., place, ..]).assign(&value);
                }
                pool.blocks.counts[shared] -= 1;
                table.blocks.pop();
                table.blocks.push(own);
            }
            Ok(())
        };
        "both at once" => {
            let Some(last) = table.blocks.last_mut() else { return Ok(()) };
            if table.tokens % pool.blocks.size > 0 && pool.blocks.counts[*last] > 1 {
                let (shared, own) = (*last, allocate(&mut pool.blocks)?);
                let (from, mut to) = pool.keys.multi_slice_mut((s![shared, .., .., ..], s![own, .., .., ..]));
                to.assign(&from);
                let (from, mut to) = pool.values.multi_slice_mut((s![shared, .., .., ..], s![own, .., .., ..]));
                to.assign(&from);
                (*last, pool.blocks.counts[shared]) = (own, pool.blocks.counts[shared] - 1);
            }
            Ok(())
        };
    }

    mistakes (pool, table) {
        "never": "a shared block is written to: the sibling reads what it did not write"
            => Ok(());
        "always": "the last block is copied whether anybody shares it or not"
            => if table.tokens.is_multiple_of(pool.blocks.size) { Ok(()) } else { copy(pool, table, table.blocks.len() - 1, true) };
        "full-copied": "a full block is copied too: the next token goes into a new block, and nobody writes to this one"
            => match table.blocks.last() {
                Some(&last) if pool.blocks.counts[last] > 1 => copy(pool, table, table.blocks.len() - 1, true),
                _ => Ok(()),
            };
        "count-stays": "the count of the shared block does not go down: when all its users have ended, it is still in use"
            => if shared(pool, table) { copy(pool, table, table.blocks.len() - 1, false) } else { Ok(()) };
        "freed": "the shared block is put into the list of free ones, though others use it still"
            => {
                if shared(pool, table) {
                    let last = table.blocks[table.blocks.len() - 1];
                    copy(pool, table, table.blocks.len() - 1, true)?;
                    pool.blocks.free.push(last);
                }
                Ok(())
            };
        "table-stays": "the block is copied, and the table still names the shared one: it is written to all the same"
            => copied(pool, table, |table, _| table);
        "first-block": "the first block is copied; the next token is written into the last one"
            => if shared(pool, table) { copy(pool, table, 0, true) } else { Ok(()) };
        "all-blocks": "all shared blocks are copied; the full ones are never written to again, and can be shared for ever"
            => {
                if shared(pool, table) {
                    let needed = table.blocks.iter().filter(|&&block| pool.blocks.counts[block] > 1).count();
                    if needed > pool.blocks.free.len() {
                        return Err(BlockError::Full { needed, free: pool.blocks.free.len() });
                    }
                    for place in 0..table.blocks.len() {
                        if pool.blocks.counts[table.blocks[place]] > 1 {
                            copy(pool, table, place, true)?;
                        }
                    }
                }
                Ok(())
            };
        "not-copied": "the table gets a block of its own, but nothing is copied into it"
            => {
                if shared(pool, table) {
                    let own = allocate(&mut pool.blocks)?;
                    let place = table.blocks.len() - 1;
                    pool.blocks.counts[table.blocks[place]] -= 1;
                    table.blocks[place] = own;
                }
                Ok(())
            };
        "values-forgotten": "the keys are copied and the values are not"
            => half(pool, table, false);
        "keys-forgotten": "the values are copied and the keys are not"
            => half(pool, table, true);
        "more-than-two": "a block is copied only if more than two share it"
            => {
                match table.blocks.last() {
                    Some(&last) if pool.blocks.counts[last] > 2 => crate::copy_on_write(pool, table),
                    _ => Ok(()),
                }
            };
        "refused-early": "a full pool refuses, also where no copy is needed"
            => {
                if pool.blocks.free.is_empty() {
                    return Err(BlockError::Full { needed: 1, free: 0 });
                }
                crate::copy_on_write(pool, table)
            };
        "full-ignored": "a pool without a free block lets the text write into the shared one, and does not refuse"
            => match crate::copy_on_write(pool, table) {
                Err(BlockError::Full { .. }) => Ok(()),
                other => other,
            };
        "count-before": "the count of the shared block goes down before it is clear that there is a free one: a pool that refuses stays as it was"
            => {
                if shared(pool, table) && pool.blocks.free.is_empty() {
                    pool.blocks.counts[table.blocks[table.blocks.len() - 1]] -= 1;
                }
                crate::copy_on_write(pool, table)
            };
        "behind": "the copy is put behind the shared block in the table, and does not replace it"
            => copied(pool, table, |mut table, own| {
                table.blocks.push(own);
                table
            });
        "back-to-front": "the empty block is copied over the shared one: all its users lose what it held"
            => {
                if shared(pool, table) {
                    let (last, own) = (table.blocks[table.blocks.len() - 1], allocate(&mut pool.blocks)?);
                    for pages in [&mut pool.keys, &mut pool.values] {
                        let empty = pages.index_axis(Axis(0), own).to_owned();
                        pages.index_axis_mut(Axis(0), last).assign(&empty);
                    }
                    pool.blocks.counts[last] -= 1;
                    let place = table.blocks.len() - 1;
                    table.blocks[place] = own;
                }
                Ok(())
            };
    }
}

/// Whether the next token would go into a block that somebody else uses too.
fn shared(pool: &Pool, table: &Table) -> bool {
    let last = table.blocks.last();
    last.is_some_and(|&last| {
        !table.tokens.is_multiple_of(pool.blocks.size) && pool.blocks.counts[last] > 1
    })
}

/// Replaces one block of a table by a copy.
fn copy(
    pool: &mut Pool,
    table: &mut Table,
    place: usize,
    count_down: bool,
) -> Result<(), BlockError> {
    let (shared, own) = (table.blocks[place], allocate(&mut pool.blocks)?);
    for pages in [&mut pool.keys, &mut pool.values] {
        let held = pages.index_axis(Axis(0), shared).to_owned();
        pages.index_axis_mut(Axis(0), own).assign(&held);
    }
    if count_down {
        pool.blocks.counts[shared] -= 1;
    }
    table.blocks[place] = own;
    Ok(())
}

/// A copy that is made, and a table that is changed in some other way.
fn copied(
    pool: &mut Pool,
    table: &mut Table,
    change: impl Fn(Table, usize) -> Table,
) -> Result<(), BlockError> {
    if shared(pool, table) {
        let before = table.clone();
        copy(pool, table, before.blocks.len() - 1, true)?;
        *table = change(before.clone(), table.blocks[before.blocks.len() - 1]);
    }
    Ok(())
}

/// A copy of which the keys or the values are missing.
fn half(pool: &mut Pool, table: &mut Table, keys: bool) -> Result<(), BlockError> {
    let (k, v) = (pool.keys.clone(), pool.values.clone());
    crate::copy_on_write(pool, table)?;
    if keys {
        pool.keys = k;
    } else {
        pool.values = v;
    }
    Ok(())
}

/// What is seen of a pool and its texts after each step. Text 0 is empty at first.
fn trace(
    c: &Case,
    copy_on_write: impl Fn(&mut Pool, &mut Table) -> Result<(), BlockError>,
) -> Trace<Seen<f32>> {
    let ((h, t, d), d_v) = (c.keys.dim(), c.values.dim().2);
    let empty = (Pool::new(c.total, c.size, (h, d, d_v)), vec![Table::default()]);
    let mut next = 0..;
    Trace::of(&c.steps, empty, |(pool, tables): &mut (Pool, Vec<Table>), step| {
        let row = next.next().unwrap_or(0) % t;
        let done = |()| "done".to_string();
        let said = match *step {
            Do::Append(text) => {
                let mut write = || {
                    let table = &mut tables[text];
                    copy_on_write(pool, table)?;
                    grow(&mut pool.blocks, table, 1)?;
                    let place = (table.tokens - 1) % c.size;
                    let block = table.blocks[(table.tokens - 1) / c.size];
                    let (key, value) =
                        (c.keys.index_axis(Axis(1), row), c.values.index_axis(Axis(1), row));
                    pool.keys.slice_mut(s![block, .., place, ..]).assign(&key);
                    pool.values.slice_mut(s![block, .., place, ..]).assign(&value);
                    Ok(())
                };
                answered(write(), done)
            }
            Do::Fork(text) => {
                let sibling = fork(&mut pool.blocks, &tables[text]);
                tables.push(sibling);
                "done".into()
            }
            Do::Drop(text) => {
                for block in std::mem::take(&mut tables[text]).blocks.into_iter().rev() {
                    let _ = release(&mut pool.blocks, block);
                }
                "done".into()
            }
        };
        let held = |of: &ndarray::Array4<f32>, table: &Table| {
            let (_, h, size, width) = of.dim();
            Array3::from_shape_fn((h, table.tokens, width), |(head, j, column)| {
                of[[table.blocks[j / size], head, j % size, column]]
            })
        };
        Seen {
            said,
            counts: pool.blocks.counts.clone(),
            free: pool.blocks.free.clone(),
            tables: tables.iter().map(table_said).collect(),
            keys: tables.iter().map(|table| held(&pool.keys, table)).collect(),
            values: tables.iter().map(|table| held(&pool.values, table)).collect(),
        }
    })
}

/// Texts as lists of rows, and tables of blocks beside them.
#[derive(Default)]
struct Plain {
    texts: Vec<Vec<usize>>,
    tables: Vec<Vec<usize>>,
    free: Vec<usize>,
}

/// The same by lists of rows: what a text holds does not depend on where it lies.
fn expected(c: &Case) -> Trace<Seen<f64>> {
    let (h, t, _) = c.keys.dim();
    let empty = Plain {
        texts: vec![Vec::new()],
        tables: vec![Vec::new()],
        free: (0..c.total).rev().collect(),
    };
    let mut next = 0..;
    Trace::of(&c.steps, empty, |all: &mut Plain, step| {
        let row = next.next().unwrap_or(0) % t;
        let users = |all: &Plain, block: usize| {
            all.tables.iter().flatten().filter(|&&b| b == block).count()
        };
        let said = match *step {
            Do::Append(text) => {
                let begins = all.texts[text].len().is_multiple_of(c.size);
                let alone = all.tables[text].last().is_some_and(|&last| users(all, last) == 1);
                match (begins || !alone).then(|| all.free.pop()) {
                    Some(None) => "refused, “out of blocks: 1 needed, 0 free”".into(),
                    taken => {
                        if let Some(Some(block)) = taken {
                            if !begins {
                                all.tables[text].pop();
                            }
                            all.tables[text].push(block);
                        }
                        all.texts[text].push(row);
                        "done".to_string()
                    }
                }
            }
            Do::Fork(text) => {
                all.texts.push(all.texts[text].clone());
                all.tables.push(all.tables[text].clone());
                "done".into()
            }
            Do::Drop(text) => {
                all.texts[text].clear();
                while let Some(block) = all.tables[text].pop() {
                    if users(all, block) == 0 {
                        all.free.push(block);
                    }
                }
                "done".into()
            }
        };
        let rows = |of: &Array3<f32>, text: &Vec<usize>| {
            Array3::from_shape_fn((h, text.len(), of.dim().2), |(head, j, column)| {
                f64::from(of[[head, text[j], column]])
            })
        };
        let tables = all.tables.iter().zip(&all.texts);
        Seen {
            said,
            counts: (0..c.total).map(|block| users(all, block)).collect(),
            free: all.free.clone(),
            tables: tables
                .map(|(blocks, text)| {
                    table_said(&Table { blocks: blocks.clone(), tokens: text.len() })
                })
                .collect(),
            keys: all.texts.iter().map(|text| rows(&c.keys, text)).collect(),
            values: all.texts.iter().map(|text| rows(&c.values, text)).collect(),
        }
    })
}

/// `append to text 1`
impl fmt::Display for Do {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Do::Append(text) => write!(f, "append to text {text}"),
            Do::Fork(text) => write!(f, "fork text {text}"),
            Do::Drop(text) => write!(f, "end text {text}"),
        }
    }
}
