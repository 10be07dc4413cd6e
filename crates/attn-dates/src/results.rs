//! How well the models do: measured by `attn-train` when it wrote their weights.

use crate::Model;

/// How many held-out lists of one length come out exactly right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accuracy {
    /// The model.
    pub model: Model,
    /// What was held out.
    pub held_out: HeldOut,
    /// How many dates each list has; 0 for texts that are no date.
    pub dates: usize,
    /// How many lists came out exactly right.
    pub exact: usize,
    /// How many lists there were.
    pub lists: usize,
}

/// What training never showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldOut {
    /// The days.
    Days,
    /// The days, and the forms they are written in.
    Forms,
}

impl Accuracy {
    /// The share that came out exactly right, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.exact as f64 / self.lists as f64
    }
}

/// How strongly the loss of a model's first output depends on a character, by its distance.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// The model: with a fixed context or with dot attention.
    pub model: Model,
    /// Whether its weights are trained, or those that training begins with.
    pub trained: bool,
    /// How many positions before the end marker the character stands.
    pub distance: usize,
    /// The norm of the gradient of the first output's loss, in nats, with respect to the
    /// character's embedding; the mean over the lists.
    pub norm: f64,
    /// The same with each list's norms divided by their sum, so that all lists count alike, however
    /// small their loss is.
    pub share: f64,
}

/// All that was measured, in the order of models, what was held out, and length.
pub fn accuracy() -> Vec<Accuracy> {
    let row = |fields: Vec<&str>| Accuracy {
        model: fields[0].parse().expect("the name of a model"),
        held_out: match fields[1] {
            "days" => HeldOut::Days,
            "forms" => HeldOut::Forms,
            other => panic!("{other} is not held out"),
        },
        dates: whole(fields[2]),
        exact: whole(fields[3]),
        lists: whole(fields[4]),
    };
    rows(include_str!("../data/accuracy.csv")).map(row).collect()
}

/// The gradient's norm against distance, of the models with a fixed context and with dot attention,
/// over 100 held-out lists of eight dates: as far back as the shortest of them goes.
pub fn gradients() -> Vec<Gradient> {
    let number = |field: &str| field.parse().expect("a number");
    let row = |fields: Vec<&str>| Gradient {
        model: fields[0].parse().expect("the name of a model"),
        trained: match fields[1] {
            "trained" => true,
            "first" => false,
            other => panic!("{other} are no weights"),
        },
        distance: whole(fields[2]),
        norm: number(fields[3]),
        share: number(fields[4]),
    };
    rows(include_str!("../data/gradients.csv")).map(row).collect()
}

/// The loss of a training run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// The last of the steps that it is the mean of.
    pub step: usize,
    /// In nats per character.
    pub loss: f64,
}

/// How the loss falls in a run of 300 steps, one that a reader can start: of the models with a fixed
/// context and with dot attention.
pub fn losses() -> [(Model, Vec<Loss>); 2] {
    let files = [
        (Model::Fixed, include_str!("../losses/gru-fixed.csv")),
        (Model::Dot, include_str!("../losses/gru-dot.csv")),
    ];
    let row = |fields: Vec<&str>| Loss {
        step: whole(fields[0]),
        loss: fields[1].parse().expect("a number"),
    };
    files.map(|(model, csv)| (model, rows(csv).map(row).collect()))
}

fn whole(field: &str) -> usize {
    field.parse().expect("a whole number")
}

/// The rows after the header.
fn rows(csv: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    csv.lines().skip(1).map(|line| line.split(',').collect())
}
