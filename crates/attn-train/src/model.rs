//! What can be trained.

use crate::mixed::Mixed;
use std::{fmt, str::FromStr};

/// A model of either task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Reads written dates.
    Dates(attn_dates::Model),
    /// Continues a text.
    Text(attn_lm::Model),
    /// Shows what its kind of layers can do (chapter 11); its weights are not kept.
    Mixed(Mixed),
}

impl Model {
    /// Those whose weights the chapters load.
    pub fn all() -> impl Iterator<Item = Model> {
        let dates = attn_dates::Model::ALL.map(Model::Dates);
        dates.into_iter().chain(attn_lm::Model::ALL.map(Model::Text))
    }

    /// The tensors that the model consists of: their names and shapes.
    pub fn tensors(self) -> Vec<(String, Vec<usize>)> {
        match self {
            Model::Dates(model) => model.tensors(),
            Model::Text(model) => model.tensors(),
            Model::Mixed(mixed) => mixed.tensors(),
        }
    }
}

impl From<attn_dates::Model> for Model {
    fn from(model: attn_dates::Model) -> Self {
        Model::Dates(model)
    }
}

impl From<attn_lm::Model> for Model {
    fn from(model: attn_lm::Model) -> Self {
        Model::Text(model)
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Model::Dates(model) => model.fmt(f),
            Model::Text(model) => model.fmt(f),
            Model::Mixed(mixed) => mixed.fmt(f),
        }
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Model::all()
            .chain(Mixed::all().map(Model::Mixed))
            .find(|model| model.to_string() == name)
            .ok_or_else(|| {
                let names: Vec<String> = Model::all().map(|model| model.to_string()).collect();
                format!("there is no model {name}; the models are {}", names.join(", "))
            })
    }
}
