use crate::given::{expect_groups, expect_ranks};
use std::ops::Range;

// ANCHOR: shard_kv_heads
/// Which key/value heads each of `ranks` devices has to hold, when each computes `h / ranks` neighbouring
/// query heads.
///
/// With more devices than key/value heads, several hold a copy of the same head.
///
/// ```
/// use ch06_mqa_gqa::shard_kv_heads;
/// assert_eq!(shard_kv_heads(32, 8, 2), [0..4, 4..8]);
/// assert_eq!(shard_kv_heads(8, 2, 4), [0..1, 0..1, 1..2, 1..2]);
/// ```
#[track_caller]
pub fn shard_kv_heads(h: usize, h_kv: usize, ranks: usize) -> Vec<Range<usize>> {
    expect_groups(h, h_kv);
    expect_ranks(h, h_kv, ranks);
    // SOLUTION 6.6: those that the device's own query heads use
    let own = h / ranks;
    (0..ranks)
        .map(|rank| {
            let (first, last) = (rank * own, (rank + 1) * own - 1);
            first * h_kv / h..last * h_kv / h + 1
        })
        .collect()
    // END SOLUTION
}
// ANCHOR_END: shard_kv_heads
