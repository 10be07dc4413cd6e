//! Compares snapshots of numbers as numbers: another machine's last digit is no difference.

use insta::{Comparator, Settings, internals::SnapshotContents};

/// Equal text, except that two numbers in the same place may differ by `allowed`, absolutely or
/// relatively.
#[derive(Clone, Copy)]
pub struct Near {
    pub allowed: f64,
}

impl Near {
    /// Whether two texts agree. Line breaks and spaces only separate.
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
