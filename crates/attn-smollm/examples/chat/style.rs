//! How the model answers: what the reader can set, and what its program is told.

use clap::Args;
use serde::{Deserialize, Serialize};

/// How the model answers.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Style {
    /// How much chance there is in the choice of a token; 0 takes the likeliest
    #[arg(long, value_name = "T", default_value_t = 0.2)]
    pub temperature: f32,
    /// Chance chooses among the likeliest tokens, as few as are this likely together
    #[arg(long, value_name = "P", default_value_t = 0.9)]
    pub top_p: f32,
    /// What the logit of a token that was written is divided by
    #[arg(long, value_name = "X", default_value_t = 1.1)]
    pub penalty: f32,
    /// Of the choices
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many tokens a reply has at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub tokens: usize,
    /// Show where the heads looked when the first token with this text was chosen
    #[arg(long, value_name = "TOKEN")]
    pub why: Option<String>,
}
