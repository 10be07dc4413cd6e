//! How the chapters' `tests/snapshots.rs` compare: pictures exactly, numbers as numbers.

use insta::{Comparator, Settings, internals::SnapshotContents};
use std::env;

/// Makes sure that a green run says something: insta can be told to accept or to pass over
/// differences.
///
/// # Panics
/// Names the variable that is set.
pub fn assert_compared() {
    let off = |name: &str| env::var(name).is_ok_and(|value| value == "1");
    assert!(!off("INSTA_FORCE_PASS"), "INSTA_FORCE_PASS=1: no snapshot can fail; unset it");
    let update = env::var("INSTA_UPDATE").unwrap_or_default();
    assert!(
        !["always", "1", "force", "unseen"].contains(&update.as_str()),
        "INSTA_UPDATE={update}: snapshots were written, not compared; run again without it"
    );
}

/// Text without the blanks at the ends of its lines, which editors remove.
pub fn picture(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// Equal text, except that two numbers in the same place may differ by `allowed`, absolutely or
/// relatively: another machine's last digit is no difference.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    /// How far a number may be from the snapshot's, in units of the larger of it and 1.
    pub allowed: f64,
}

impl Near {
    /// Whether two texts agree. Line breaks, spaces, commas and brackets only separate.
    pub fn agree(self, a: &str, b: &str) -> bool {
        let words = |text: &str| -> Vec<String> {
            let spaced = text.replace(['[', ']', ','], " ");
            spaced.split_whitespace().map(String::from).collect()
        };
        let (a, b) = (words(a), words(b));
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| self.same(a, b))
    }

    fn same(self, a: &str, b: &str) -> bool {
        match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(x), Ok(y)) if x.is_finite() && y.is_finite() => {
                (x - y).abs() <= self.allowed * x.abs().max(1.0)
            }
            _ => a == b,
        }
    }

    /// Settings under which `assert_snapshot!` compares in this way.
    pub fn settings(self) -> Settings {
        let mut settings = Settings::clone_current();
        settings.set_comparator(Box::new(self));
        settings
    }
}

impl Comparator for Near {
    fn matches(&self, reference: &insta::Snapshot, test: &insta::Snapshot) -> bool {
        match (reference.contents(), test.contents()) {
            (SnapshotContents::Text(a), SnapshotContents::Text(b)) => {
                self.agree(&a.to_string(), &b.to_string())
            }
            _ => false,
        }
    }

    fn dyn_clone(&self) -> Box<dyn Comparator> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers_and_words_as_words() {
        let near = Near { allowed: 1e-5 };
        assert!(near.agree("out [[0.12345, -0.00000]]", "out [[0.12346,\n 0.00000]]"));
        assert!(near.agree("lse [-inf, 100000]", "lse [-inf, 100000.5]"));
        assert!(!near.agree("out [0.12345]", "out [0.12350]"));
        assert!(!near.agree("lse [-inf]", "lse [inf]"));
        assert!(!near.agree("lse [1]", "lse [NaN]"));
        assert!(!near.agree("out [1, 2]", "out [1]"));
        assert!(!near.agree("out [1]", "lse [1]"));
    }
}
