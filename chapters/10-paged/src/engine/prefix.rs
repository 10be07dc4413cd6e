//! Full blocks that are kept after their texts have ended, for whoever begins in the same way.

use crate::given::Cached;
use std::collections::BTreeMap;

/// Which blocks are kept. Each has one user more than there are texts that use it: this list.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefixes {
    /// The block of a hash.
    pub index: BTreeMap<u64, usize>,
    /// What else is known of a kept block.
    kept: BTreeMap<usize, (u64, Cached)>,
}

impl Prefixes {
    /// Keeps a block, unless its tokens are kept already. Whether it does.
    pub fn keep(&mut self, hash: u64, block: usize, depth: usize, step: usize) -> bool {
        if self.index.contains_key(&hash) || self.kept.contains_key(&block) {
            return false;
        }
        self.index.insert(hash, block);
        self.kept.insert(block, (hash, Cached { block, users: 0, used: step, depth }));
        true
    }

    /// Notes that a block was used.
    pub fn touch(&mut self, block: usize, step: usize) {
        if let Some((_, cached)) = self.kept.get_mut(&block) {
            cached.used = step;
        }
    }

    pub fn holds(&self, block: usize) -> bool {
        self.kept.contains_key(&block)
    }

    /// All kept blocks, with their users by these counts.
    pub fn all(&self, counts: &[usize]) -> Vec<Cached> {
        let users = |block: usize| counts[block].saturating_sub(1);
        self.kept
            .values()
            .map(|(_, cached)| Cached { users: users(cached.block), ..*cached })
            .collect()
    }

    /// How many kept blocks no text uses.
    pub fn unused(&self, counts: &[usize]) -> usize {
        self.kept.keys().filter(|&&block| counts[block] == 1).count()
    }

    /// Keeps a block no longer. Whether it did.
    pub fn forget(&mut self, block: usize) -> bool {
        match self.kept.remove(&block) {
            Some((hash, _)) => self.index.remove(&hash).is_some(),
            None => false,
        }
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }
}
