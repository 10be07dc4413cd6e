// ANCHOR: mixed_cache_bytes
/// The bytes of the caches of a model some of whose layers see everything and the others a window: of
/// every `every` layers the last one is full, so that layers `every − 1`, `2·every − 1`, … (counted from
/// 0) keep all `tokens` and the others the last `window` of them. A token takes `bytes` in each layer.
///
/// ```
/// use ch12_sparse::mixed_cache_bytes;
/// // Six layers, of which the last is full: five windows of 10, and 100 tokens.
/// assert_eq!(mixed_cache_bytes(6, 6, 10, 100, 2), 2 * (5 * 10 + 100));
/// ```
///
/// # Panics
/// If `every` is 0.
#[track_caller]
pub fn mixed_cache_bytes(layers: u64, every: u64, window: u64, tokens: u64, bytes: u64) -> u64 {
    assert!(every > 0, "of every 0 layers one is full");
    // SOLUTION 12.14: the full layers hold the text, the others no more than the window
    let full = layers / every;
    bytes * (full * tokens + (layers - full) * window.min(tokens))
    // END SOLUTION
}
// ANCHOR_END: mixed_cache_bytes
