//! Numbers as text, and points as numbers.

/// The nearest hundredth: points have no more digits, so that they are the same after being written and read.
pub(crate) fn hundredths(x: f64) -> f64 {
    // Adding zero makes −0 a plain 0.
    (x * 100.0).round() / 100.0 + 0.0
}

/// A number as a person writes it: `8`, `7.5`, `6.25`.
pub(crate) fn short(x: f64) -> String {
    hundredths(x).to_string()
}

/// A count with its noun: `1 file`, `2 files`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Numbers with commas: `3, 5`.
pub(crate) fn listed(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}
