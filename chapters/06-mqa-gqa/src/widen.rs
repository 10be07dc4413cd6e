use crate::given::{Transformer, expect_groups};

// ANCHOR: matched_width
/// The inner width of the feed-forward networks with which a Transformer of `h_kv` key/value heads has as
/// many weights as one with `h` of them and width `d_ff`; rounded down.
///
/// Fewer heads of keys and values leave weights over; comparisons at equal size give them to the
/// feed-forward networks (Shazeer, arXiv:1911.02150, §4.1).
///
/// ```
/// use ch06_mqa_gqa::{Transformer, matched_width};
/// // Shazeer's Transformer: six layers of an encoder, six of a decoder with two attentions each.
/// let base = Transformer {
///     d_model: 1024, h: 8, d: 128, attentions: 18, feed_forwards: 12, matrices: 2, d_ff: 4096,
/// };
/// assert_eq!(matched_width(&base, 1), 5440);
/// ```
#[track_caller]
pub fn matched_width(model: &Transformer, h_kv: usize) -> usize {
    expect_groups(model.h, h_kv);
    // SOLUTION 6.7: what keys and values no longer need, dealt out to the feed-forward networks
    let saved = model.attentions * 2 * model.d_model * (model.h - h_kv) * model.d;
    let per_unit_of_width = model.feed_forwards * model.matrices * model.d_model;
    model.d_ff + saved / per_unit_of_width
    // END SOLUTION
}
// ANCHOR_END: matched_width
