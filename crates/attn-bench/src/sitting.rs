//! What every sitting has: a table that says where and when, and how often everything is measured.

use attn_bench::{
    rounds::{Timed, seconds},
    table::{self, Table},
};

/// What is measured in one go.
pub struct Sitting {
    pub table: Table,
    pub rounds: usize,
    pub threads: usize,
}

impl Sitting {
    /// Prints where and when.
    pub fn new(rounds: usize) -> Self {
        let threads = rayon::current_num_threads();
        let mut sitting = Sitting { table: Table::default(), rounds, threads };
        sitting.about("processor", table::processor());
        sitting.about("threads", threads.to_string());
        let today = table::said("date", &["+%F"]).unwrap_or_else(|| "unknown".into());
        sitting.about("date", today);
        let rust = table::said("rustc", &["--version"]).unwrap_or_else(|| "unknown".into());
        sitting.about("rust", rust);
        sitting.about("rounds", rounds.to_string());
        sitting.about("load before", table::load());
        sitting
    }

    /// Says something about the sitting, and prints it.
    pub fn about(&mut self, name: &str, value: String) {
        println!("{name:<13} {value}");
        self.table.about(name, value);
    }
}

/// Work, to be measured in turn with other work.
pub fn timed<'a, T>(mut work: impl FnMut() -> T + 'a) -> Timed<'a> {
    Box::new(move || Ok(seconds(&mut work)))
}
