//! Learning how much each column counts, by gradient descent through attention.

use super::{
    functions::FUNCTIONS,
    kernel::{Kernel, rmse},
    report::{short, unit},
    split::Split,
    table::Table,
};
use attn_core::Mask;
use ndarray::{Array1, Array2, Axis, s};
use std::fmt::Write;

/// How far a step goes along the gradient.
const RATE: f32 = 4.0;

/// How many losses are printed, the first and the last among them.
const SHOWN: usize = 6;

/// One factor for each column, the square root of its scale: learned on the known rows alone.
struct Learner {
    /// The rows, standardised: m×d.
    rows: Array2<f32>,
    /// What is predicted, standardised: m×1.
    targets: Array2<f32>,
    /// The natural logarithms of the factors: d. So a factor stays positive, however far a step goes.
    logs: Array1<f32>,
}

impl Learner {
    fn factors(&self) -> Array1<f32> {
        self.logs.mapv(f32::exp)
    }

    /// The loss, half of the mean squared error where each known row is predicted from all others, and
    /// its gradient with respect to the logarithms.
    fn loss_and_gradient(&self) -> (f32, Array1<f32>) {
        let (m, d) = self.rows.dim();
        let scaled = &self.rows * &self.factors(); // m×d
        let Kernel { q, k } = Kernel::of(scaled.view(), scaled.view());
        // A row that might look at itself would learn to look at nothing else.
        let others = Mask::Dense(Array2::from_shape_fn((m, m), |(i, j)| i != j));
        let (q, k, v) = (q.view(), k.view(), self.targets.view());
        let errors = (FUNCTIONS.attention)(q, k, v, &others).out - &self.targets; // m×1
        let loss = errors.mapv(|error| error * error).sum() / (2 * m) as f32;
        let d_out = &errors / m as f32;
        let gradients = (FUNCTIONS.attention_backward)(q, k, v, &others, d_out.view());
        // A factor is in its column of the queries and of the keys, and in the keys' half norms, which
        // are −(x·factor)²/2. The derivative of x·factor by the factor's logarithm is x·factor.
        let by_half_norm = gradients.dk.slice(s![.., d..]);
        let through = &gradients.dq.slice(s![.., ..d]) * Kernel::undo(d)
            + gradients.dk.slice(s![.., ..d])
            - &by_half_norm * &scaled;
        (loss, (through * &scaled).sum_axis(Axis(0)))
    }

    fn step(&mut self) -> f32 {
        let (loss, gradient) = self.loss_and_gradient();
        self.logs.scaled_add(-RATE, &gradient);
        loss
    }
}

/// Learns in so many steps, and tells what came of it.
pub fn learn(table: &Table, target: usize, split: &Split, scale: f32, steps: usize) -> String {
    let (mean, deviation) = (split.values.mean().unwrap_or_default(), split.values.std(0.0));
    let mut learner = Learner {
        rows: split.keys.clone(),
        targets: (&split.values - mean) / deviation,
        logs: Array1::from_elem(split.features.len(), scale.ln() / 2.0),
    };
    let unit = unit(&table.columns[target]);
    let mut text = format!(
        "Learning {} scales by gradient descent: each of the {} known rows is predicted\n\
         from the others\n    step  error, root mean square\n",
        split.features.len(),
        split.train.len(),
    );
    for step in 0..=steps {
        let loss = match step {
            last if last == steps => learner.loss_and_gradient().0,
            _ => learner.step(),
        };
        if (step * (SHOWN - 1)).is_multiple_of(steps) || step == steps {
            let error = short(f64::from((2.0 * loss).sqrt() * deviation));
            text += format!("{step:>8}  {error:>9} {unit}").trim_end();
            text.push('\n');
        }
    }
    let _ = writeln!(text, "\n   scale  column");
    for (factor, &feature) in learner.factors().iter().zip(&split.features) {
        let scale = short(f64::from(factor * factor));
        let _ = writeln!(text, "{scale:>8}  {}", table.columns[feature]);
    }
    let factors = learner.factors();
    let kernel = Kernel::of((&split.queries * &factors).view(), (&split.keys * &factors).view());
    let before = short(rmse(split, &Kernel::new(split, scale).predict(split)));
    let after = short(rmse(split, &kernel.predict(split)));
    let _ = writeln!(
        text,
        "\nOn the held-out rows, which it never saw: {} with the scale {scale} for\n\
         all columns, {} with those that were learned.",
        format!("{before} {unit}").trim_end(),
        format!("{after} {unit}").trim_end(),
    );
    text
}
