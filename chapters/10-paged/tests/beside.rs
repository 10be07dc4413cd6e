//! Every function of the demonstration that is wrong is named, whatever the others do.

use ch10_paged::{
    allocate,
    beside::{Difference, compare},
    cached_prefix, copy_on_write, evict, fork,
    functions::{Functions, REFERENCE},
    given::{BlockError, Cached, Plan, ROOT, Slot, Table, Waste, chain},
    grow, paged_attention, release, schedule, slot, waste,
};
use ndarray::Axis;

/// The names of what differs.
fn named(by: Functions) -> Vec<&'static str> {
    compare(by).0.iter().map(|Difference { item, .. }| *item).collect()
}

#[test]
fn the_reference_differs_in_nothing() {
    let (differences, calls) = compare(REFERENCE);
    assert_eq!(differences, []);
    assert!(calls > 10_000, "{calls}");
}

#[test]
fn each_wrong_function_is_named() {
    let wrong: [(&str, Functions); 17] = [
        (
            "slot",
            Functions {
                slot: |table, size, position| {
                    let block = *table.blocks.get(position / size)?;
                    Some(Slot { block, offset: position % size })
                },
                ..REFERENCE
            },
        ),
        (
            "allocate",
            Functions {
                allocate: |blocks| {
                    let full = BlockError::Full { needed: 1, free: 0 };
                    let block = *blocks.free.last().ok_or(full)?;
                    blocks.counts[block] += 1;
                    Ok(block)
                },
                ..REFERENCE
            },
        ),
        (
            "release",
            Functions {
                release: |blocks, block| {
                    blocks.counts[block] = 1;
                    release(blocks, block)
                },
                ..REFERENCE
            },
        ),
        (
            "grow",
            Functions {
                grow: |blocks, table, tokens| {
                    grow(blocks, table, tokens)?;
                    table.blocks.sort();
                    Ok(())
                },
                ..REFERENCE
            },
        ),
        (
            "paged_attention",
            Functions {
                paged_attention: |q, keys, values, table| {
                    let tokens = table.blocks.len() * keys.len_of(Axis(2));
                    let whole = Table { blocks: table.blocks.clone(), tokens };
                    paged_attention(q, keys, values, &whole)
                },
                ..REFERENCE
            },
        ),
        ("fork", Functions { fork: |_, table| table.clone(), ..REFERENCE }),
        ("copy_on_write", Functions { copy_on_write: |_, _| Ok(()), ..REFERENCE }),
        (
            "copy_on_write",
            Functions {
                copy_on_write: |pool, table| {
                    let values = pool.values.clone();
                    copy_on_write(pool, table)?;
                    pool.values = values;
                    Ok(())
                },
                ..REFERENCE
            },
        ),
        (
            "copy_on_write",
            Functions {
                copy_on_write: |pool, table| {
                    let Some(last) = table.blocks.last_mut() else { return Ok(()) };
                    if pool.blocks.counts[*last] > 1 {
                        let own = allocate(&mut pool.blocks)?;
                        let held = pool.keys.index_axis(Axis(0), *last).to_owned();
                        pool.keys.index_axis_mut(Axis(0), own).assign(&held);
                        let held = pool.values.index_axis(Axis(0), *last).to_owned();
                        pool.values.index_axis_mut(Axis(0), own).assign(&held);
                        pool.blocks.counts[*last] -= 1;
                        *last = own;
                    }
                    Ok(())
                },
                ..REFERENCE
            },
        ),
        (
            "cached_prefix",
            Functions {
                cached_prefix: |index, prompt, size| {
                    let most = prompt.len().saturating_sub(1) / size;
                    let blocks = prompt.chunks_exact(size).take(most);
                    blocks.map_while(|tokens| index.get(&chain(ROOT, tokens)).copied()).collect()
                },
                ..REFERENCE
            },
        ),
        (
            "cached_prefix",
            Functions {
                cached_prefix: |index, prompt, size| {
                    cached_prefix(index, &[prompt, &[0]].concat(), size)
                },
                ..REFERENCE
            },
        ),
        (
            "evict",
            Functions {
                evict: |kept| {
                    let first: Vec<Cached> =
                        kept.iter().map(|cached| Cached { depth: 0, ..*cached }).collect();
                    evict(&first)
                },
                ..REFERENCE
            },
        ),
        (
            "evict",
            Functions {
                evict: |kept| {
                    let users = |cached: &Cached| Cached { users: 0, ..*cached };
                    evict(&kept.iter().map(users).collect::<Vec<_>>())
                },
                ..REFERENCE
            },
        ),
        (
            "schedule",
            Functions {
                schedule: |queue| Plan { preempted: Vec::new(), ..schedule(queue) },
                ..REFERENCE
            },
        ),
        // A request that gives way keeps the chunk that was planned for it.
        ("schedule", Functions { schedule: chunk_kept, ..REFERENCE }),
        (
            "waste",
            Functions {
                waste: |pieces, places| {
                    let right = waste(pieces, places);
                    Waste { internal: right.internal + right.reserved, ..right }
                },
                ..REFERENCE
            },
        ),
        (
            "fork",
            Functions {
                fork: |blocks, table| {
                    let mut sibling = fork(blocks, table);
                    sibling.tokens = 0;
                    sibling
                },
                ..REFERENCE
            },
        ),
    ];
    for (i, (name, by)) in wrong.into_iter().enumerate() {
        assert_eq!(named(by), [name], "wrong answer {i}");
    }
}

fn chunk_kept(queue: &ch10_paged::given::Queue) -> Plan {
    let mut plan = Plan::default();
    let (mut left, mut free, mut staying) = (queue.budget, queue.free, queue.running.clone());
    let mut order = queue.running.clone();
    order.sort_by_key(|job| job.known - job.cached != 1);
    for job in order {
        let tokens = (job.known - job.cached).min(left);
        if tokens == 0 || plan.preempted.contains(&job.id) {
            continue;
        }
        let needed = job.needs(tokens, queue.size);
        while needed > free && staying.iter().any(|other| other.id == job.id) {
            let Some(last) = staying.pop() else { break };
            free += last.own;
            plan.preempted.push(last.id);
        }
        if needed <= free && !plan.preempted.contains(&job.id) {
            plan.chunks.push((job.id, tokens));
            left -= tokens;
            free -= needed;
        }
    }
    let waiting = if plan.preempted.is_empty() { &queue.waiting[..] } else { &[] };
    for job in waiting {
        let tokens = (job.known - job.cached).min(left);
        let needed = job.needs(tokens, queue.size);
        if tokens == 0 || needed > free {
            break;
        }
        plan.chunks.push((job.id, tokens));
        left -= tokens;
        free -= needed;
    }
    plan
}

/// The first call in which it shows is told in words.
#[test]
fn a_difference_says_what_was_asked() {
    let by = Functions {
        slot: |table, size, position| {
            Some(slot(table, size, position).unwrap_or(Slot { block: 0, offset: 0 }))
        },
        fork: |_, table| table.clone(),
        ..REFERENCE
    };
    let (differences, _) = compare(by);
    let [first, second] = &differences[..] else { panic!("{differences:?}") };
    assert_eq!((first.id, first.item, first.what), ("10.1", "slot", "the slot"));
    assert!(
        first.asked.starts_with("position 8 of a text of 8 tokens in [0, 1, 2, 3]"),
        "{first:?}"
    );
    assert_eq!(
        (first.got.as_str(), first.wanted.as_str()),
        ("Some(Slot { block: 0, offset: 0 })", "None")
    );
    assert_eq!((second.item, second.what), ("fork", "counts"));
}
