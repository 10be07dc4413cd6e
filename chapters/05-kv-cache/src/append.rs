use crate::given::{CacheError, KvCache};
use ndarray::{ArrayView3, s};

// ANCHOR: append
/// Puts the keys and values of a chunk of tokens behind those that a cache holds. `start` is the
/// position of the chunk's first token.
///
/// Shapes: `keys` (h, n, d), `values` (h, n, d_v). Nothing that is held is moved or copied, and the
/// cache's two arrays stay the same ones: it costs h·n·(d + d_v) numbers, however much is held.
///
/// # Errors
/// In this order: [`CacheError::Shape`] for other heads or widths; [`CacheError::Position`] if the
/// chunk does not start where the cache ends; [`CacheError::Full`] if not all of it fits. The cache
/// is then as it was before.
///
/// ```
/// use ch05_kv_cache::{append, given::KvCache};
/// use ndarray::Array3;
/// let mut cache = KvCache::new(1, 4, 2, 2);
/// let chunk = Array3::ones((1, 3, 2)); // three tokens
/// append(&mut cache, chunk.view(), chunk.view(), 0).unwrap();
/// assert_eq!((cache.len, cache.keys[[0, 2, 0]], cache.keys[[0, 3, 0]]), (3, 1.0, 0.0));
/// let error = append(&mut cache, chunk.view(), chunk.view(), 3).unwrap_err();
/// assert_eq!(error.to_string(), "6 tokens need 6 places, the cache has 4");
/// ```
pub fn append(
    cache: &mut KvCache,
    keys: ArrayView3<f32>,
    values: ArrayView3<f32>,
    start: usize,
) -> Result<(), CacheError> {
    cache.fits(keys, values)?;
    // SOLUTION 5.2: refuse a gap and what does not fit, then write the new places alone
    let (len, capacity) = (cache.len, cache.capacity());
    if start != len {
        return Err(CacheError::Position { start, len });
    }
    let needed = len + keys.dim().1;
    if needed > capacity {
        return Err(CacheError::Full { needed, capacity });
    }
    cache.keys.slice_mut(s![.., len..needed, ..]).assign(&keys);
    cache.values.slice_mut(s![.., len..needed, ..]).assign(&values);
    cache.len = needed;
    Ok(())
    // END SOLUTION
}
// ANCHOR_END: append
