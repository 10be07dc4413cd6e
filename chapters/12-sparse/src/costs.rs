//! What a choice costs, in FLOPs.

/// FLOPs of the lightning indexer for a query and a key: a product of `d` numbers in each head, and its
/// weight.
///
/// ```
/// use ch12_sparse::costs::{indexer, latent};
/// // DeepSeek-V3.2: 64 small heads of 128 beside 128 heads of latent attention.
/// assert_eq!(indexer(64, 128), 16_512);
/// assert_eq!(latent(128, 512, 64), 278_528);
/// ```
pub fn indexer(heads: u64, d: u64) -> u64 {
    heads * (2 * d + 2)
}

/// FLOPs of absorbed latent attention for a query and a key: keys of `latent + rotary` numbers, values of
/// `latent` (chapter 7).
pub fn latent(heads: u64, latent: u64, rotary: u64) -> u64 {
    heads * (2 * (latent + rotary) + 2 * latent)
}

/// FLOPs of the last query of a text of so many tokens in DeepSeek-V3.2: attention to all of them; the
/// indexer alone; and the indexer with attention to the `keep` best.
pub fn of_a_query(tokens: u64, keep: u64) -> [u64; 3] {
    let (index, attention) = (tokens * indexer(64, 128), latent(128, 512, 64));
    [tokens * attention, index, index + keep.min(tokens) * attention]
}
