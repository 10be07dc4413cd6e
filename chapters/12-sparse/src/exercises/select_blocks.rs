//! 12.9 `select_blocks`

use super::window_row::Row;
use attn_exercise::{exercise, pairwise};
use ndarray::{Array1, ArrayView1, array};

exercise! {
    /// How important each block is to a token, which token, and how many blocks it may read.
    crate::select_blocks as fn(ArrayView1<f64>, usize, usize, usize) -> Vec<usize>:
        (importance: Array1<f64>[blocks], t: usize, block: usize[block], count: usize[count]) -> Row;
    answer: |select_blocks, c| Row(c.call(select_blocks));

    exact: |c| {
        // One after the other: the best of what is left.
        let own = c.t / c.block;
        let mut chosen = vec![false; c.importance.len()];
        [0, own, own.saturating_sub(1)].into_iter().for_each(|b| chosen[b] = true);
        while chosen.iter().filter(|&&c| c).count() < c.count {
            let mut best: Option<usize> = None;
            for b in (0..own).filter(|&b| !chosen[b]) {
                if best.is_none_or(|best| c.importance[b] > c.importance[best]) {
                    best = Some(b);
                }
            }
            match best {
                Some(b) => chosen[b] = true,
                None => break,
            }
        }
        Row((0..chosen.len()).filter(|&b| chosen[b]).collect())
    };

    cases: |random| {
        let mut of = |about: &str, blocks: usize, t: usize, block: usize, count: usize| {
            case(about, (random.uniform(blocks).mapv(|x: f32| f64::from(x)), t, block, count))
        };
        let mut cases = vec![
            case("by hand: 0, 3 and 4 are always read; 2 is the best of the others", (array![0.0, 0.2, 0.5, 0.1, 0.0, 0.9], 19, 4, 4)),
            case("two that are equal", (array![0.9, 0.3, 0.1, 0.3, 0.3, 0.2, 0.1, 0.8], 29, 4, 5)),
            case("all equal", (Array1::from_elem(8, 0.25), 31, 4, 5)),
            case("all zero", (Array1::zeros(8), 30, 4, 4)),
            case("those that are always read are the best, too", (array![0.9, 0.1, 0.2, 0.3, 0.8, 0.7], 23, 4, 4)),
            case("the best lies behind the token", (array![0.1, 0.2, 0.1, 0.3, 0.2, 0.9, 0.95], 16, 4, 4)),
            of("the first token", 5, 0, 4, 3),
            of("the first block", 5, 3, 4, 4),
            of("the second block", 5, 4, 4, 4),
            of("the third block", 5, 11, 4, 4),
            of("the fourth block, where one is left out", 5, 13, 4, 3),
            of("as many as there are", 5, 19, 4, 5),
            of("more than there are", 5, 19, 4, 9),
            of("blocks of one token", 9, 7, 1, 5),
            of("one block", 1, 2, 4, 3),
            of("one block of one token", 1, 0, 1, 5),
            of("sixteen of forty", 40, 39 * 8 + 3, 8, 16),
            of("three", 7, 27, 4, 3),
            of("three of three", 3, 8, 3, 3),
            of("four of four", 4, 15, 4, 4),
            case("two that differ in the tenth digit", (array![0.5, 0.3, 0.3000000001, 0.1, 0.2, 0.4], 20, 4, 4)),
        ];
        let mut many = of("many that are equal", 60, 239, 4, 20);
        many.importance.mapv_inplace(|x| (3.0 * x).floor());
        cases.push(many);
        cases.extend(pairwise([6, 4, 3, 4]).into_iter().map(|[blocks, block, count, t]| {
            let (blocks, block) = (blocks + 2, block + 1);
            of("small", blocks, (blocks * block - 1) * (t + 1) / 4, block, count + 3)
        }));
        cases
    };

    never {
        "count = 1": "three are always chosen";
    }

    right (importance, t, block, count) {
        "with infinite importance for those that are always read" => {
            let own = t / block;
            let mut order: Vec<(f64, usize)> = (0..=own).map(|b| (if b == 0 || b + 1 >= own { f64::INFINITY } else { importance[b] }, b)).collect();
            order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let mut chosen: Vec<usize> = order.into_iter().take(count).map(|(_, b)| b).collect();
            chosen.sort();
            chosen
        };
        "by rank" => {
            let own = t / block;
            let always = |b: usize| b == 0 || b + 1 >= own;
            let free = count - (0..=own).filter(|&b| always(b)).count();
            (0..=own).filter(|&b| always(b) || (0..=own).filter(|&c| !always(c)).filter(|&c| importance[c] > importance[b] || importance[c] == importance[b] && c < b).count() < free).collect()
        };
        "the best again and again" => {
            let own = t / block;
            let mut chosen = std::collections::BTreeSet::from([0, own.saturating_sub(1), own]);
            while chosen.len() < count.min(own + 1) {
                let best = (0..own).rev().filter(|b| !chosen.contains(b)).max_by(|&a, &b| importance[a].total_cmp(&importance[b]));
                chosen.extend(best);
            }
            chosen.into_iter().collect()
        };
    }

    mistakes (importance, t, block, count) {
        "future": "blocks behind the token compete, too"
            => choose(importance, count, &always(t / block), importance.len());
        "besides": "those that are always read are not counted: there are up to three too many"
            => { let own = t / block; choose(importance, count + always(own).len(), &always(own), own + 1) };
        "no-first": "block 0 is not always read"
            => { let own = t / block; choose(importance, count, &[own.saturating_sub(1), own], own + 1) };
        "own-alone": "of the local ones the token's own block alone is always read"
            => { let own = t / block; choose(importance, count, &[0, own], own + 1) };
        "none-always": "the most important blocks are read, and none always"
            => { let own = t / block; choose(importance, count, &[], own + 1) };
        "three-local": "three local blocks are always read: the token's own and two before it"
            => { let own = t / block; choose(importance, count.max(4), &[0, own.saturating_sub(2), own.saturating_sub(1), own], own + 1) };
        "added-afterwards": "the best are chosen first, and those that are always read are added where they are missing"
            => {
                let own = t / block;
                let mut chosen = choose(importance, count, &[], own + 1);
                chosen.extend(always(own));
                chosen.sort();
                chosen.dedup();
                chosen
            };
        "twice": "a block that is always read is chosen once more if it is important: it is in the list twice"
            => {
                let own = t / block;
                let mut chosen = always(own);
                let mut rest: Vec<usize> = (0..=own).collect();
                rest.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]));
                let free = count - chosen.len();
                chosen.extend(rest.into_iter().take(free));
                chosen.sort();
                chosen
            };
        "least": "the least important blocks are read: the sort is the wrong way round"
            => { let own = t / block; choose((-&importance).view(), count, &always(own), own + 1) };
        "later-of-equals": "of two that are equally important the later one is read"
            => {
                let own = t / block;
                let mut rest: Vec<usize> = (0..=own).rev().filter(|b| !always(own).contains(b)).collect();
                rest.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]));
                let mut chosen = always(own);
                let free = count - chosen.len();
                chosen.extend(rest.into_iter().take(free));
                chosen.sort();
                chosen
            };
        "unsorted": "the blocks stand in the order in which they were chosen; they are ascending"
            => {
                let own = t / block;
                let mut rest: Vec<usize> = (0..=own).filter(|b| !always(own).contains(b)).collect();
                rest.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]));
                let mut chosen = always(own);
                let free = count - chosen.len();
                chosen.extend(rest.into_iter().take(free));
                chosen
            };
        "own-missing": "the token's own block is left out, since it is not over yet"
            => crate::select_blocks(importance, t, block, count).into_iter().filter(|&b| b != t / block || b == 0).collect();
        "own-one-on": "the token's own block is (t + 1) / block: at the end of a block that is the next one"
            => { let own = ((t + 1) / block).min(importance.len() - 1); choose(importance, count, &always(own), own + 1) };
        "own-rounded-up": "the token's own block is t / block rounded up, which is the next one for all but its first token"
            => { let own = t.div_ceil(block).min(importance.len() - 1); choose(importance, count, &always(own), own + 1) };
        "token-as-block": "the token's position is taken for its block"
            => crate::select_blocks(importance, t.min(importance.len() - 1), 1, count);
        "last-of-all": "the local blocks are the last ones of the text, not those at the token"
            => crate::select_blocks(importance, importance.len() - 1, 1, count);
        "most-recent": "the most recent blocks are read, whatever their importance"
            => { let own = t / block; let order = Array1::from_iter((0..importance.len()).map(|b| b as f64)); choose(order.view(), count, &always(own), own + 1) };
        "earliest": "the earliest blocks are read, whatever their importance"
            => { let own = t / block; let order = Array1::from_iter((0..importance.len()).map(|b| -(b as f64))); choose(order.view(), count, &always(own), own + 1) };
        "zeros-left-out": "a block with an importance of 0 is never read, although there is room for it"
            => { let own = t / block; crate::select_blocks(importance, t, block, count).into_iter().filter(|&b| importance[b] != 0.0 || always(own).contains(&b)).collect() };
        "one-fewer": "one block too few is read"
            => { let own = t / block; choose(importance, (count - 1).max(always(own).len()), &always(own), own + 1) };
        "always-only": "only those that are always read are read"
            => always(t / block);
        "importances": "the list holds how many blocks are chosen, from 0 on, not which"
            => (0..crate::select_blocks(importance, t, block, count).len()).collect();
        "ahead": "the block behind the token's own is taken for the second local one"
            => {
                let own = t / block;
                let mut always = vec![0, own, (own + 1).min(importance.len() - 1)];
                always.sort();
                always.dedup();
                choose(importance, count, &always, own + 1)
            };
        "repeated": "near the start the three that are always read are the same, and stand in the list several times"
            => {
                let own = t / block;
                let always = [0, own.saturating_sub(1), own];
                let free = count - always.len();
                with_rest(importance, always.to_vec(), 1..own.saturating_sub(1), free)
            };
        "future-fills-up": "where fewer than `count` blocks are past, the most important ones of the future fill up the list"
            => {
                let own = t / block;
                let chosen = crate::select_blocks(importance, t, block, count);
                let free = count - chosen.len();
                with_rest(importance, chosen, own + 1..importance.len(), free)
            };
        "future-fills-up-in-order": "where fewer than `count` blocks are past, the next ones of the future fill up the list"
            => {
                let own = t / block;
                let mut chosen = crate::select_blocks(importance, t, block, count);
                chosen.extend((own + 1..importance.len()).take(count - chosen.len()));
                chosen
            };
        "first-twice": "block 0 is among the others once more: if it is chosen, it is in the list twice"
            => { let own = t / block; let free = count - always(own).len(); with_rest(importance, always(own), 0..own.saturating_sub(1), free) };
        "first-competes": "block 0 is among the others once more: if it is chosen, there is one block fewer"
            => { let own = t / block; let free = count - always(own).len(); once(with_rest(importance, always(own), 0..own.saturating_sub(1), free)) };
        "before-twice": "the block before the token's own is among the others once more: if it is chosen, it is in the list twice"
            => { let own = t / block; let free = count - always(own).len(); with_rest(importance, always(own), 1..own, free) };
        "before-competes": "the block before the token's own is among the others once more: if it is chosen, there is one block fewer"
            => { let own = t / block; let free = count - always(own).len(); once(with_rest(importance, always(own), 1..own, free)) };
        "always-compete": "the three that are always read are among the others once more: for each that is chosen there is one block fewer"
            => { let own = t / block; let free = count - always(own).len(); once(with_rest(importance, always(own), 0..own + 1, free)) };
        "cut-to-count": "the best are chosen first, those that are always read are added, and the list is cut to `count` again: the token's own block is lost"
            => {
                let own = t / block;
                let mut chosen = once(with_rest(importance, always(own), 0..own + 1, count));
                chosen.truncate(count);
                chosen
            };
        "second-never": "block 1 is never chosen for its importance: the others are counted from 2"
            => { let own = t / block; let free = count - always(own).len(); with_rest(importance, always(own), 2..own.saturating_sub(1), free) };
        "third-last-never": "the block before the two local ones is never chosen for its importance: the range of the others ends too early"
            => { let own = t / block; let free = count - always(own).len(); with_rest(importance, always(own), 1..own.saturating_sub(2), free) };
        "own-one-back": "the token's own block is (t − 1) / block: at the start of a block that is the one before"
            => crate::select_blocks(importance, t.saturating_sub(1), block, count);
        "underflow": "1 is subtracted from the token's own block in the first one, too, which panics"
            => { assert!(t / block > 0, "attempt to subtract with overflow"); crate::select_blocks(importance, t, block, count) };
        "unstable": "the sort is not a stable one: of many that are equally important it may be any that comes first"
            => {
                let own = t / block;
                let mut rest: Vec<usize> = (1..own.saturating_sub(1)).collect();
                rest.sort_unstable_by(|&a, &b| importance[b].total_cmp(&importance[a]));
                let mut chosen = always(own);
                let free = count - chosen.len();
                chosen.extend(rest.into_iter().take(free));
                chosen.sort();
                chosen
            };
        "all-compete": "all blocks are among the others once more, even those behind the token: for each of the three that is chosen there is one block fewer"
            => { let own = t / block; let free = count - always(own).len(); once(with_rest(importance, always(own), 0..importance.len(), free)) };
        "own-alone-at-first": "in the first two blocks of the text the token's own block alone is read"
            => if t / block < 2 { vec![t / block] } else { crate::select_blocks(importance, t, block, count) };
        "by-importance": "the list is sorted by importance at the end; it is ascending"
            => {
                let own = t / block;
                let mut rest: Vec<usize> = (1..own.saturating_sub(1)).collect();
                rest.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]));
                let mut chosen = always(own);
                let free = count - chosen.len();
                chosen.extend(rest.into_iter().take(free));
                chosen.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]));
                chosen
            };
        "descending": "the list runs from the last block to the first; it is ascending"
            => crate::select_blocks(importance, t, block, count).into_iter().rev().collect();
        "own-competes": "the token's own block is not always read: it competes by its importance"
            => { let own = t / block; choose(importance, count, &[0, own.saturating_sub(1)], own + 1) };
        "first-never": "block 0 is neither always read nor among the others"
            => {
                let own = t / block;
                let mut always = vec![own.saturating_sub(1), own];
                always.dedup();
                let free = count - always.len();
                with_rest(importance, always, 1..own.saturating_sub(1), free)
            };
        "one-more": "one block too many is read"
            => crate::select_blocks(importance, t, block, count + 1);
    }
}

fn always(own: usize) -> Vec<usize> {
    let mut always = vec![0, own.saturating_sub(1), own];
    always.dedup();
    always
}

/// `first`, then the most important of those below `end`, until there are `count`.
fn choose(importance: ArrayView1<f64>, count: usize, first: &[usize], end: usize) -> Vec<usize> {
    let mut chosen = first.to_vec();
    chosen.sort();
    chosen.dedup();
    let mut rest: Vec<usize> = (0..end).filter(|b| !chosen.contains(b)).collect();
    rest.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]));
    let free = count.saturating_sub(chosen.len());
    chosen.extend(rest.into_iter().take(free));
    chosen.sort();
    chosen
}

/// These, and the most important of those, which may be among them.
fn with_rest(
    importance: ArrayView1<f64>,
    mut chosen: Vec<usize>,
    rest: std::ops::Range<usize>,
    free: usize,
) -> Vec<usize> {
    let mut rest: Vec<usize> = rest.collect();
    rest.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]));
    chosen.extend(rest.into_iter().take(free));
    chosen.sort();
    chosen
}

fn once(mut chosen: Vec<usize>) -> Vec<usize> {
    chosen.dedup();
    chosen
}
