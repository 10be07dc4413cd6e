use crate::given::{CacheError, KvCache};

// ANCHOR: rewind
/// Takes the last `count` tokens out of a cache, as if they had never been appended. The next chunk
/// starts at the position of the first of them.
///
/// Copies and clears nothing: what lies beyond `len` means nothing, and is written over in time.
///
/// # Errors
/// [`CacheError::Rewind`] if the cache holds fewer tokens; it is then as it was before.
///
/// ```
/// use ch05_kv_cache::{given::KvCache, rewind};
/// let mut cache = KvCache { len: 5, ..KvCache::new(1, 8, 2, 2) };
/// rewind(&mut cache, 2).unwrap();
/// assert_eq!(cache.len, 3);
/// let error = rewind(&mut cache, 4).unwrap_err();
/// assert_eq!(error.to_string(), "4 tokens are to be taken back, the cache holds 3");
/// ```
pub fn rewind(cache: &mut KvCache, count: usize) -> Result<(), CacheError> {
    // SOLUTION 5.10: fewer tokens are held, if there are so many
    match cache.len.checked_sub(count) {
        Some(len) => cache.len = len,
        None => return Err(CacheError::Rewind { count, len: cache.len }),
    }
    Ok(())
    // END SOLUTION
}
// ANCHOR_END: rewind
