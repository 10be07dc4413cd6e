//! What was measured, as a file: lines `# name: value` about the machine, then one line a thing.

use crate::rounds::Times;
use anyhow::{Context, Result};
use std::{fmt::Write, fs, path::Path, process::Command};

/// The machine and the sitting, then what was measured.
#[derive(Clone, Debug, Default)]
pub struct Table {
    about: Vec<(String, String)>,
    lines: Vec<Line>,
}

/// One thing that was measured.
#[derive(Clone, Debug)]
pub struct Line {
    /// What kind of measurement: `ladder`, `forward`, `backward`, …
    pub kind: &'static str,
    /// Of what: a rung's name, or sizes.
    pub name: String,
    /// What the numbers are.
    pub unit: &'static str,
    /// Median.
    pub ours: f64,
    /// The middle half of the rounds.
    pub spread: (f64, f64),
    /// What it is compared with, that one's median, and how many times as fast ours is.
    pub other: Option<(&'static str, f64, f64)>,
}

impl Line {
    /// From times: `amount` divided by them, such as GFLOP by seconds.
    pub fn rate(
        kind: &'static str,
        name: impl Into<String>,
        unit: &'static str,
        amount: f64,
        ours: &Times,
        other: Option<(&'static str, &Times)>,
    ) -> Self {
        let (fast, slow) = ours.spread();
        Line {
            kind,
            name: name.into(),
            unit,
            ours: amount / ours.median(),
            spread: (amount / slow, amount / fast),
            other: other
                .map(|(name, times)| (name, amount / times.median(), ours.times_as_fast_as(times))),
        }
    }

    /// How long it takes, in milliseconds.
    pub fn time(kind: &'static str, name: impl Into<String>, ours: &Times) -> Self {
        let [median, low, high] =
            [ours.median(), ours.spread().0, ours.spread().1].map(|seconds| 1e3 * seconds);
        Line { kind, name: name.into(), unit: "ms", ours: median, spread: (low, high), other: None }
    }

    /// How long it takes, in milliseconds, and how many times as fast as something else.
    pub fn time_beside(
        kind: &'static str,
        name: impl Into<String>,
        ours: &Times,
        (other, theirs): (&'static str, &Times),
    ) -> Self {
        let ratio = ours.times_as_fast_as(theirs);
        Line { other: Some((other, 1e3 * theirs.median(), ratio)), ..Line::time(kind, name, ours) }
    }

    /// What was counted, the same in every round.
    pub fn amount(
        kind: &'static str,
        name: impl Into<String>,
        unit: &'static str,
        ours: f64,
    ) -> Self {
        Line { kind, name: name.into(), unit, ours, spread: (ours, ours), other: None }
    }
}

impl Table {
    /// Says something about the sitting.
    pub fn about(&mut self, name: &str, value: impl Into<String>) {
        self.about.push((name.into(), value.into()));
    }

    /// Adds a line, and prints it.
    pub fn add(&mut self, line: Line) {
        anstream::println!("{}", line.show());
        self.lines.push(line);
    }

    /// The lines of a kind.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.kind == kind)
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = String::new();
        for (name, value) in &self.about {
            writeln!(text, "# {name}: {value}")?;
        }
        writeln!(text, "kind,name,unit,median,low,high,other,other_median,ratio")?;
        for line in &self.lines {
            let Line { kind, name, unit, ours, spread: (low, high), other } = line;
            write!(text, "{kind},{name},{unit},{ours:.4},{low:.4},{high:.4}")?;
            match other {
                Some((other, theirs, ratio)) => {
                    writeln!(text, ",{other},{theirs:.4},{ratio:.3}")?;
                }
                None => writeln!(text, ",,,")?,
            }
        }
        fs::write(path, text).with_context(|| path.display().to_string())
    }
}

impl Line {
    fn show(&self) -> String {
        let Line { name, unit, ours, spread: (low, high), other, .. } = self;
        let mut text = format!("  {name:<34} {ours:>8.2} {unit:<8} ({low:.2} … {high:.2})");
        if let Some((other, theirs, ratio)) = other {
            text += &format!("   {other} {theirs:.2}, ratio {ratio:.2}");
        }
        text
    }
}

/// A bar of text, `full` being 40 characters long.
pub fn bar(value: f64, full: f64) -> String {
    let eighths = (value / full * 320.0).round().max(0.0) as usize;
    let last = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    "█".repeat(eighths / 8) + last
}

/// The processor's name, as the system tells it.
pub fn processor() -> String {
    let from_linux = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split(':').nth(1)?.trim().to_string())
    });
    let from_mac = || said("sysctl", &["-n", "machdep.cpu.brand_string"]);
    from_linux.or_else(from_mac).unwrap_or_else(|| std::env::consts::ARCH.into())
}

/// How many programs wanted a core before, over the last minute and the last five, where the system
/// says so. Above the number of cores, others were measured too.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut numbers = text.split_whitespace();
    match (numbers.next(), numbers.next()) {
        (Some(one), Some(five)) => format!("{one} over a minute, {five} over five"),
        _ => "unknown".into(),
    }
}

/// What a command prints, if it can be run.
pub fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_values() {
        assert_eq!(bar(2.0, 2.0).chars().count(), 40);
        assert_eq!(bar(1.0, 2.0), "█".repeat(20));
        assert_eq!(bar(0.0, 2.0), "");
    }
}
