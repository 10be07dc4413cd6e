//! How well the models predict, measured when they were trained.

use crate::Model;

/// A training run and how well its model does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// The model.
    pub model: Model,
    /// The seed of its first weights and of its batches.
    pub seed: u64,
    /// How many batches it saw.
    pub steps: u64,
    /// The mean loss on held-out text, in nats per character.
    pub loss: f64,
}

/// All runs, model by model.
pub fn losses() -> Vec<Loss> {
    rows(include_str!("../data/losses.csv"), |cells| Loss {
        model: number(cells[0]),
        seed: number(cells[1]),
        steps: number(cells[2]),
        loss: number(cells[3]),
    })
}

/// The model with eight heads of keys and values, converted to fewer and trained a little further.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// Which heads it has now.
    pub model: Model,
    /// How the heads of a group became one: `mean`, `first` or `random`.
    pub conversion: String,
    /// How many batches it saw then.
    pub steps: u64,
    /// The mean loss on held-out text as converted, in nats per character.
    pub before: f64,
    /// And after those batches.
    pub after: f64,
}

/// All conversions.
pub fn conversions() -> Vec<Converted> {
    rows(include_str!("../data/converted.csv"), |cells| Converted {
        model: number(cells[0]),
        conversion: cells[1].into(),
        steps: number(cells[2]),
        before: number(cells[3]),
        after: number(cells[4]),
    })
}

fn rows<T>(table: &str, row: impl Fn(&[&str]) -> T) -> Vec<T> {
    table.lines().skip(1).map(|line| row(&line.split(',').collect::<Vec<_>>())).collect()
}

fn number<T: std::str::FromStr>(cell: &str) -> T {
    cell.parse().ok().expect("attn-train wrote the table")
}
