//! What can be trained.

use std::{fmt, str::FromStr};

/// A model of either task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Reads written dates.
    Dates(attn_dates::Model),
    /// Continues a text.
    Text(attn_lm::Model),
}

impl Model {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Model> {
        let dates = attn_dates::Model::ALL.map(Model::Dates);
        dates.into_iter().chain(attn_lm::Model::ALL.map(Model::Text))
    }

    /// The name in commands and files.
    pub fn name(self) -> &'static str {
        match self {
            Model::Dates(model) => model.name(),
            Model::Text(model) => model.name(),
        }
    }

    /// The tensors that the model consists of: their names and shapes.
    pub fn tensors(self) -> Vec<(String, Vec<usize>)> {
        match self {
            Model::Dates(model) => model.tensors(),
            Model::Text(model) => model.tensors(),
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
        f.write_str(self.name())
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Model::all().find(|model| model.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Model::all().map(Model::name).collect();
            format!("there is no model {name}; the models are {}", names.join(", "))
        })
    }
}
