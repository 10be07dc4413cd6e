//! What determines a training run, and its learning rate.

use crate::{
    mixed::{Mixed, Task},
    model::Model,
    recall,
};
use std::f64::consts::PI;

/// What determines a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The model.
    pub model: Model,
    /// The seed of its first weights and of its examples.
    pub seed: u64,
    /// How many batches it sees.
    pub steps: u64,
    /// How many lists or passages a batch holds.
    pub batch: usize,
    /// The highest learning rate.
    pub rate: f64,
    /// How many steps go by between two savings of a checkpoint; it changes no result.
    pub save_every: u64,
}

/// The rate rises over so many steps before it falls; over a quarter of a shorter run.
const WARM_UP: u64 = 100;

impl Run {
    /// The runs that made the course's weights.
    pub fn usual(model: impl Into<Model>) -> Self {
        match model.into() {
            model @ Model::Dates(_) => {
                Run { model, seed: 1, steps: 2400, batch: 96, rate: 0.003, save_every: 50 }
            }
            // A poem is a tenth of a passage, and is to be known by heart.
            model @ Model::Text(attn_lm::Model::Quatrains) => {
                Run { model, seed: 1, steps: 800, batch: 64, rate: 0.003, save_every: 50 }
            }
            model @ Model::Mixed(Mixed { task: Task::Recall { .. }, .. }) => Run {
                model,
                seed: 1,
                steps: 1200,
                batch: recall::SIZE,
                rate: 0.01,
                save_every: 500,
            },
            model @ (Model::Text(_) | Model::Mixed(Mixed { task: Task::Novel, .. })) => {
                Run { model, seed: 1, steps: 600, batch: 16, rate: 0.003, save_every: 50 }
            }
        }
    }

    /// A run of seconds.
    pub fn smoke(model: impl Into<Model>) -> Self {
        let usual = Run::usual(model);
        Run { steps: 24, batch: usual.batch / 6, ..usual }
    }

    /// The run in words, as the command's options.
    pub fn describe(&self) -> String {
        format!(
            "train {} --seed {} --steps {} --batch {} --rate {}",
            self.model, self.seed, self.steps, self.batch, self.rate
        )
    }

    /// The learning rate of a step, from 0: up to the highest in a line, then down half a cosine.
    pub fn rate_at(&self, step: u64) -> f64 {
        let warm_up = WARM_UP.min(self.steps.div_ceil(4));
        let rise = (step + 1) as f64 / warm_up as f64;
        let fall = 0.5 + 0.5 * (PI * step as f64 / self.steps as f64).cos();
        self.rate * fall * rise.min(1.0)
    }
}
