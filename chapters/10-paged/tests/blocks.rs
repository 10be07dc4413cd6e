//! The allocator and the tables against lists of tokens, over a hundred thousand operations.

use attn_core::random::Random;
use ch10_paged::{
    allocate, copy_on_write, fork,
    given::{BlockError, Pool, Table},
    grow, release, slot,
};

/// What a text holds, and how its tokens are told apart from all others.
type Text = Vec<f32>;

/// Compares a pool with what its texts should be.
fn audit(pool: &Pool, tables: &[Table], texts: &[Text]) {
    let blocks = &pool.blocks;
    let mut users = vec![0; blocks.total()];
    for block in tables.iter().flat_map(|table| &table.blocks) {
        users[*block] += 1;
    }
    assert_eq!(blocks.counts, users, "counts are the references of the tables");
    let used = users.iter().filter(|&&users| users > 0).count();
    assert_eq!(blocks.free.len() + used, blocks.total(), "free + used = total");
    let mut free = blocks.free.clone();
    free.sort();
    free.dedup();
    assert_eq!(free.len(), blocks.free.len(), "no block is free twice");
    assert!(free.iter().all(|&block| users[block] == 0));
    for (table, text) in tables.iter().zip(texts) {
        assert_eq!(table.tokens, text.len());
        assert_eq!(table.blocks.len(), text.len().div_ceil(blocks.size), "no block too many");
        for (position, token) in text.iter().enumerate() {
            let place = slot(table, blocks.size, position).expect("a slot");
            assert_eq!(pool.keys[[place.block, 0, place.offset, 0]], *token);
            assert_eq!(pool.values[[place.block, 0, place.offset, 0]], -*token);
        }
    }
}

fn operations(random: &mut Random, count: usize, (total, size): (usize, usize)) {
    let mut pool = Pool::new(total, size, (1, 1, 1));
    let (mut tables, mut texts): (Vec<Table>, Vec<Text>) = (Vec::new(), Vec::new());
    let mut stamp = 0.0;
    for i in 0..count {
        let before = (pool.clone(), tables.clone());
        let which = random.below(tables.len().max(1));
        let refused = match random.below(8) {
            0 if tables.len() < 12 => {
                tables.push(Table::default());
                texts.push(Vec::new());
                None
            }
            1 if tables.len() < 12 && !tables.is_empty() => {
                let sibling = fork(&mut pool.blocks, &tables[which]);
                tables.push(sibling);
                texts.push(texts[which].clone());
                None
            }
            2 if !tables.is_empty() => {
                texts.swap_remove(which);
                for block in tables.swap_remove(which).blocks.into_iter().rev() {
                    release(&mut pool.blocks, block).expect("its own block");
                }
                None
            }
            3 => match pool.blocks.free.last().copied() {
                Some(free) => release(&mut pool.blocks, free).err(),
                None => release(&mut pool.blocks, total).err(),
            },
            _ if !tables.is_empty() => {
                let tokens = 1 + random.below(2 * size);
                let copied = copy_on_write(&mut pool, &mut tables[which]);
                let result = copied.and_then(|()| {
                    // A copy that is made stays, though there may be no room for the rest.
                    let before = (pool.blocks.clone(), tables[which].clone());
                    let grown = grow(&mut pool.blocks, &mut tables[which], tokens);
                    if grown.is_err() {
                        assert_eq!(before, (pool.blocks.clone(), tables[which].clone()));
                    }
                    grown
                });
                if result.is_ok() {
                    for _ in 0..tokens {
                        stamp += 1.0;
                        let place = slot(&tables[which], size, texts[which].len()).expect("a slot");
                        pool.keys[[place.block, 0, place.offset, 0]] = stamp;
                        pool.values[[place.block, 0, place.offset, 0]] = -stamp;
                        texts[which].push(stamp);
                    }
                }
                None
            }
            _ => None,
        };
        if let Some(error) = refused {
            assert!(matches!(error, BlockError::NotInUse { .. } | BlockError::Unknown { .. }));
            assert_eq!(before, (pool.clone(), tables.clone()), "a refusal changes nothing");
        }
        if i % 16 == 0 {
            audit(&pool, &tables, &texts);
        }
    }
    audit(&pool, &tables, &texts);
    for block in tables.into_iter().flat_map(|table| table.blocks) {
        release(&mut pool.blocks, block).expect("its own block");
    }
    assert_eq!(pool.blocks.free.len(), total);
    // All of them can be handed out again, each once.
    let mut all: Vec<usize> =
        (0..total).map(|_| allocate(&mut pool.blocks).expect("free")).collect();
    all.sort();
    assert_eq!(all, (0..total).collect::<Vec<_>>());
}

#[test]
fn a_hundred_thousand_operations() {
    let mut random = Random::new(10);
    for sizes in
        [(1, 1), (3, 1), (7, 2), (12, 3), (20, 4), (16, 8), (5, 16), (40, 2), (64, 1), (30, 5)]
    {
        operations(&mut random, 10_000, sizes);
    }
}
