use crate::given::Cached;
use std::cmp::Reverse;

// ANCHOR: evict
/// The kept block that goes when room is needed: among those that no text uses, the one whose last use
/// lies longest ago. Of several last used in the same step, the one that has most blocks before it.
/// `None` if all are used.
///
/// ```
/// use ch10_paged::{evict, given::Cached};
/// let kept = [
///     Cached { block: 4, users: 1, used: 2, depth: 0 }, // in use
///     Cached { block: 7, users: 0, used: 5, depth: 0 },
///     Cached { block: 1, users: 0, used: 5, depth: 1 },
/// ];
/// assert_eq!(evict(&kept), Some(1));
/// ```
pub fn evict(kept: &[Cached]) -> Option<usize> {
    // SOLUTION 10.9: of those without users the oldest, and of equally old ones the deepest
    let unused = kept.iter().filter(|cached| cached.users == 0);
    unused.min_by_key(|cached| (cached.used, Reverse(cached.depth))).map(|cached| cached.block)
    // END SOLUTION
}
// ANCHOR_END: evict
