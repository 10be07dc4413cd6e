use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

/// How many tokens a fingerprint covers. Fewer than this in common are never noticed.
pub const K: usize = 10;
/// Of so many fingerprints in a row, at least one is kept.
const WINDOW: usize = 6;
/// How many tokens in a row two exercises may have in common without a common fingerprint.
pub const LONGEST_MISSED: usize = WINDOW + K - 2;

/// The hashes of all runs of [`K`] tokens.
fn hashes(tokens: &[String]) -> Vec<u64> {
    let hash = |run: &[String]| {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        hasher.finish()
    };
    tokens.windows(K).map(hash).collect()
}

/// All fingerprints.
pub(super) fn all(tokens: &[String]) -> BTreeSet<u64> {
    hashes(tokens).into_iter().collect()
}

/// The smallest fingerprint of each window.
pub(super) fn winnowed(tokens: &[String]) -> BTreeSet<u64> {
    let hashes = hashes(tokens);
    // The paper says which of equal ones to take, for the sake of their places; a set has no places.
    let windows = hashes.windows(WINDOW.min(hashes.len()).max(1));
    windows.filter_map(|window| window.iter().min().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of hashes without a pattern, winnowing keeps 2/(w + 1).
    #[test]
    fn few_are_kept_and_none_of_short_texts_but_one() {
        let tokens: Vec<String> = (0..5000).map(|i| i.to_string()).collect();
        let share = winnowed(&tokens).len() as f64 / all(&tokens).len() as f64;
        let expected = 2.0 / (WINDOW as f64 + 1.0);
        assert!((share - expected).abs() < 0.02, "{share} of all, expected {expected}");
        assert_eq!(winnowed(&tokens[..K - 1]).len(), 0);
        assert_eq!(winnowed(&tokens[..K]).len(), 1);
        assert_eq!(winnowed(&tokens[..K + WINDOW - 1]).len(), 1, "one window");
    }
}
