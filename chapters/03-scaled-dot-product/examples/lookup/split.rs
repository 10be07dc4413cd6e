//! Some rows are held out as queries; the others are the keys and values that they look things up
//! in.

use super::table::Table;
use anyhow::{Result, ensure};
use attn_core::random::Random;
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// A table divided into rows to learn from and rows to predict.
pub struct Split {
    /// The columns to predict from.
    pub features: Vec<usize>,
    /// The rows of the table that are looked up.
    pub train: Vec<usize>,
    /// The rows of the table that are predicted.
    pub held_out: Vec<usize>,
    /// Features of the training rows, standardised: m×d.
    pub keys: Array2<f32>,
    /// Targets of the training rows: m×1.
    pub values: Array2<f32>,
    /// Features of the held-out rows, standardised in the same way: n×d.
    pub queries: Array2<f32>,
    /// Targets of the held-out rows, n.
    pub answers: Array1<f64>,
}

impl Split {
    /// Holds out a `fraction` of the rows, at least one of them, which the seed picks.
    pub fn new(table: &Table, target: usize, fraction: f64, seed: u64) -> Result<Self> {
        let rows = table.rows.nrows();
        let n = ((rows as f64 * fraction).round() as usize).clamp(1, rows - 2);
        let draws = Random::new(seed).uniform(rows);
        let mut held_out: Vec<usize> = (0..rows).collect();
        held_out.sort_by(|&a, &b| draws[a].total_cmp(&draws[b]));
        let train = held_out.split_off(n);

        let features: Vec<usize> = (0..table.columns.len()).filter(|&c| c != target).collect();
        let of = |rows: &[usize]| {
            let rows = table.rows.select(Axis(0), rows);
            (rows.select(Axis(1), &features), rows.column(target).to_owned())
        };
        let ((known, values), (asked, answers)) = (of(&train), of(&held_out));
        let mean = known.mean_axis(Axis(0)).expect("at least two rows");
        let deviation = known.std_axis(Axis(0), 0.0);
        for (&deviation, &feature) in deviation.iter().zip(&features) {
            ensure!(
                deviation > 0.0,
                "{}: the column “{}” does not vary over the {} rows that are not held out; \
                 leave it out, or try another --seed",
                table.file,
                table.columns[feature],
                train.len()
            );
        }
        let standardised = |x: ArrayView2<f64>| ((&x - &mean) / &deviation).mapv(|z| z as f32);
        Ok(Split {
            keys: standardised(known.view()),
            values: values.mapv(|y| y as f32).insert_axis(Axis(1)),
            queries: standardised(asked.view()),
            answers,
            features,
            train,
            held_out,
        })
    }
}
