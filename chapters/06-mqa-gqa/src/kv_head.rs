use crate::given::expect_groups;

// ANCHOR: kv_head
/// The key/value head that query head `i` of `h` uses: `h / h_kv` neighbouring query heads share one.
///
/// `⌊i · h_kv / h⌋`. With `h_kv = h` each query head has its own (MHA), with `h_kv = 1` all share the only
/// one (MQA). Ainslie et al., arXiv:2305.13245, §2.2 and Figure 2.
///
/// ```
/// use ch06_mqa_gqa::kv_head;
/// let heads: Vec<usize> = (0..8).map(|i| kv_head(i, 8, 2)).collect();
/// assert_eq!(heads, [0, 0, 0, 0, 1, 1, 1, 1]);
/// ```
#[track_caller]
pub fn kv_head(i: usize, h: usize, h_kv: usize) -> usize {
    expect_groups(h, h_kv);
    // SOLUTION 6.1: neighbours share
    i * h_kv / h
    // END SOLUTION
}
// ANCHOR_END: kv_head
