//! 6.6 `shard_kv_heads`

use crate::{given::expect_ranks, kv_head};
use attn_exercise::{Field, Fields, exercise, field};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The key/value heads of each device, first and last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    held: String,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        vec![field("held", self.held.clone())]
    }
}

exercise! {
    /// Query heads, key/value heads, and devices.
    crate::shard_kv_heads as fn(usize, usize, usize) -> Vec<Range<usize>>: (h: usize[h], h_kv: usize[h_kv], ranks: usize[ranks]) -> Answer;
    answer: |shard_kv_heads, c| {
        expect_ranks(c.h, c.h_kv, c.ranks);
        Answer { held: text(&shard_kv_heads(c.h, c.h_kv, c.ranks)) }
    };

    exact: |c| {
        // Which heads the queries of each device ask for, one by one.
        let own = c.h / c.ranks;
        let held = (0..c.ranks).map(|rank| {
            let mut asked: Vec<usize> = (rank * own..(rank + 1) * own).map(|i| i / (c.h / c.h_kv)).collect();
            asked.dedup();
            asked[0]..asked[asked.len() - 1] + 1
        });
        vec![field("held", text(&held.collect::<Vec<_>>()))]
    };

    cases: |_random| {
        let of = |about: &str, h, h_kv, ranks| case(about, (h, h_kv, ranks));
        vec![
            of("by hand: two devices, two heads each", 8, 4, 2),
            of("by hand: a copy each", 8, 2, 4),
            of("one device", 8, 2, 1),
            of("one of everything", 1, 1, 1),
            of("as many devices as key/value heads", 8, 4, 4),
            of("as many devices as query heads", 8, 2, 8),
            of("MQA", 8, 1, 4),
            of("MHA", 4, 4, 2),
            of("MHA, a device for each head", 4, 4, 4),
            of("threes", 12, 3, 6),
            of("Llama-3-70B on 16 devices", 64, 8, 16),
            of("many devices", 256, 8, 64),
            of("Qwen2.5-7B on 2 devices", 28, 4, 2),
            of("", 2, 1, 1),
            of("", 2, 2, 1),
            of("", 2, 1, 2),
            of("", 6, 2, 3),
            of("", 16, 8, 2),
        ]
        .into_iter()
        .filter(|c| c.h_kv.is_multiple_of(c.ranks) || c.ranks.is_multiple_of(c.h_kv))
        .collect()
    };

    never {
        "h < h_kv": "a key/value head without a query head would be of no use";
        "h < ranks": "each device computes a query head at least";
    }

    right (h, h_kv, ranks) {
        "by the reference of 6.1" => (0..ranks).map(|rank| {
            let (first, last) = (rank * h / ranks, (rank + 1) * h / ranks - 1);
            kv_head(first, h, h_kv)..kv_head(last, h, h_kv) + 1
        }).collect();
        "two formulas" => (0..ranks).map(|rank| match ranks <= h_kv {
            true => rank * (h_kv / ranks)..(rank + 1) * (h_kv / ranks),
            false => rank / (ranks / h_kv)..rank / (ranks / h_kv) + 1,
        }).collect();
        "asked for one by one" => (0..ranks).map(|rank| {
            let asked = (0..h).filter(|i| i * ranks / h == rank).map(|i| i * h_kv / h);
            let asked: Vec<usize> = asked.collect();
            asked[0]..asked[asked.len() - 1] + 1
        }).collect();
    }

    mistakes (h, h_kv, ranks) {
        "copies-dealt-out": "with more devices than key/value heads, these are dealt out one by one, rank mod h_kv; a device needs the one that its own query heads use"
            => (0..ranks).map(|rank| match ranks <= h_kv {
                true => rank * (h_kv / ranks)..(rank + 1) * (h_kv / ranks),
                false => rank % h_kv..rank % h_kv + 1,
            }).collect();
        "no-copies": "the devices beyond the number of key/value heads get none; they need a copy"
            => (0..ranks).map(|rank| match ranks <= h_kv {
                true => rank * (h_kv / ranks)..(rank + 1) * (h_kv / ranks),
                false => rank.min(h_kv)..(rank + 1).min(h_kv),
            }).collect();
        "copies-of-the-last": "the devices beyond the number of key/value heads all get a copy of the last one"
            => (0..ranks).map(|rank| match ranks <= h_kv {
                true => rank * (h_kv / ranks)..(rank + 1) * (h_kv / ranks),
                false => rank.min(h_kv - 1)..rank.min(h_kv - 1) + 1,
            }).collect();
        "copies-of-the-first": "with more devices than key/value heads, all get the first one"
            => (0..ranks).map(|rank| match ranks <= h_kv {
                true => rank * (h_kv / ranks)..(rank + 1) * (h_kv / ranks),
                false => 0..1,
            }).collect();
        "all-everywhere": "every device holds all key/value heads: nothing is saved"
            => vec![0..h_kv; ranks];
        "one-each": "every device gets one key/value head, even where there are more heads than devices"
            => (0..ranks).map(|rank| {
                let first = rank * h_kv / ranks;
                first..first + 1
            }).collect();
        "query-heads": "the ranges are those of the query heads; asked for are the key/value heads"
            => (0..ranks).map(|rank| rank * (h / ranks)..(rank + 1) * (h / ranks)).collect();
        "first-and-last": "a range ends with the last head instead of after it"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().map(|held| held.start..held.end - 1).collect();
        "one-too-many": "a range ends one head too late"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().map(|held| held.start..held.end + 1).collect();
        "per-head": "there is a range for each key/value head instead of each device"
            => (0..h_kv).map(|head| head..head + 1).collect();
        "backwards": "the devices are served from the last to the first"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().rev().collect();
        "whole-share": "every device gets h_kv / ranks heads, which is none where there are more devices; it needs one then"
            => (0..ranks).map(|rank| rank * (h_kv / ranks)..(rank + 1) * (h_kv / ranks)).collect();
        "share-of-each": "the heads are shared out as r·h_kv/ranks .. (r + 1)·h_kv/ranks, which is empty for some devices where there are more of them; each needs one then"
            => (0..ranks).map(|rank| rank * h_kv / ranks..(rank + 1) * h_kv / ranks).collect();
        "one-each-past-the-end": "a device's first head is its own number times what a device holds, also where several share one: the numbers run past the last head"
            => {
                let each = (h_kv / ranks).max(1);
                (0..ranks).map(|rank| rank * each..(rank + 1) * each).collect()
            };
        "last-takes-the-rest": "every device but the last gets one head, and the last one the rest"
            => (0..ranks).map(|rank| match rank + 1 == ranks {
                true => rank.min(h_kv - 1)..h_kv,
                false => rank.min(h_kv - 1)..rank.min(h_kv - 1) + 1,
            }).collect();
        "start-and-length": "a range is written as its start and its length; it ends after its last head"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().map(|held| held.start..held.len()).collect();
        "group-each": "every device gets as many key/value heads as a group has query heads"
            => (0..ranks).map(|rank| rank * (h / h_kv)..(rank + 1) * (h / h_kv)).collect();
        "end-of-the-next": "a range ends after the head that the next device's first query head uses; it ends after that of its own last one"
            => (0..ranks).map(|rank| {
                let (own, group) = (h / ranks, h / h_kv);
                rank * own / group..(rank + 1) * own / group + 1
            }).collect();
        "group-of-a-device": "the query heads are divided by h/ranks, those of a device, instead of h/h_kv, those of a group: every device gets the head of its own number"
            => (0..ranks).map(|rank| rank..rank + 1).collect();
        "modulo": "every device gets one head, rank mod h_kv"
            => (0..ranks).map(|rank| rank % h_kv..rank % h_kv + 1).collect();
        "group-modulo": "the query heads are taken modulo h/h_kv, the size of a group; they are divided by it"
            => (0..ranks).map(|rank| {
                let (own, group) = (h / ranks, h / h_kv);
                rank * own % group..((rank + 1) * own - 1) % group + 1
            }).collect();
        "by-kv-heads": "the query heads are divided by h_kv instead of h/h_kv, the size of a group"
            => (0..ranks).map(|rank| {
                let own = h / ranks;
                rank * own / h_kv..((rank + 1) * own - 1) / h_kv + 1
            }).collect();
        "kv-modulo": "the query heads are taken modulo h_kv, as if the key/value heads were dealt out one by one"
            => (0..ranks).map(|rank| {
                let own = h / ranks;
                rank * own % h_kv..((rank + 1) * own - 1) % h_kv + 1
            }).collect();
        "from-one": "the devices are counted from 1: each has what the one behind it should have"
            => (1..=ranks).map(|rank| {
                let own = h / ranks;
                rank * own * h_kv / h..((rank + 1) * own - 1) * h_kv / h + 1
            }).collect();
        "one-device-less": "the last device is missing"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().take(ranks - 1).collect();
        "one-device-more": "there is a device too many"
            => (0..=ranks).map(|rank| {
                let own = h / ranks;
                rank * own * h_kv / h..((rank + 1) * own - 1) * h_kv / h + 1
            }).collect();
        "all-before": "every range begins with head 0; it begins with the first one that the device's own query heads use"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().map(|held| 0..held.end).collect();
        "all-behind": "every range ends with the last head of all; it ends with the last one that the device's own query heads use"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().map(|held| held.start..h_kv).collect();
        "last-only": "a device gets the head of its last query head alone"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().map(|held| held.end - 1..held.end).collect();
        "as-many-as-queries": "a device gets as many key/value heads as it has query heads, from the right one on"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().map(|held| held.start..held.start + h / ranks).collect();
        "as-many-as-a-group": "a device gets as many key/value heads as a group has query heads, from the right one on"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().map(|held| held.start..held.start + h / h_kv).collect();
        "share-from-the-right-one": "a device gets h_kv / ranks heads from the right one on, which is none where there are more devices; it needs one then"
            => crate::shard_kv_heads(h, h_kv, ranks).into_iter().map(|held| held.start..held.start + h_kv / ranks).collect();
        "per-query-head": "there is a range for each query head instead of each device"
            => (0..h).map(|i| i * h_kv / h..i * h_kv / h + 1).collect();
        "one-range": "there is a single range, of all key/value heads; each device has its own"
            => crate::shard_kv_heads(h, h_kv, 1);
    }
}

/// As a reader sees it: `0..2, 2..4`.
fn text(held: &[Range<usize>]) -> String {
    let held: Vec<String> = held.iter().map(|range| format!("{range:?}")).collect();
    held.join(", ")
}
