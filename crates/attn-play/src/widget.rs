//! A figure with its controls.

use crate::{Control, Settings};
use attn_viz::Figure;

/// A figure with its controls.
pub struct Widget {
    /// Its name: `softmax`.
    pub name: &'static str,
    /// What the reader can set.
    pub controls: fn() -> Vec<Control>,
    /// What is shown then.
    pub answer: fn(&Settings) -> Answer,
}

/// What a widget shows at some settings.
pub struct Answer {
    /// The drawings.
    pub figures: Vec<Figure>,
    /// Numbers, each behind its name, as they are written.
    pub numbers: Vec<(String, String)>,
    /// What is to be seen, in one sentence.
    pub says: String,
    /// The largest values of sliders that depend on other controls.
    pub limits: Vec<(&'static str, usize)>,
}

impl Answer {
    /// Without numbers so far.
    pub fn new(figures: Vec<Figure>, says: String) -> Self {
        Answer { figures, numbers: Vec::new(), says, limits: Vec::new() }
    }

    /// One more number.
    pub fn number(mut self, name: &str, value: impl ToString) -> Self {
        self.numbers.push((name.into(), value.to_string()));
        self
    }

    /// What stands behind a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.numbers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Widget {
    /// What it shows where the settings are these `name=value` pairs; see [`Settings::parse`].
    pub fn at(&self, settings: &str) -> Answer {
        (self.answer)(&Settings::parse(&(self.controls)(), settings))
    }
}
