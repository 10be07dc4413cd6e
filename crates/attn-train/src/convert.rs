//! The multi-head language model with fewer heads of keys and values, trained a little further (chapter 6).

use crate::{
    adam::Adam, measure::held_out_loss, net::Net, passages::Batches, run::Run,
    train::loss_and_gradients,
};
use anyhow::{Result, ensure};
use attn_lm::{HEAD, HEADS, Model, WIDTH, Weights};
use std::fmt;

/// How the heads that are to share keys and values become one (Ainslie et al., 2305.13245, §2.1 and Figure 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// Their mean.
    Mean,
    /// The first of them.
    First,
    /// None of them: weights as before any training.
    Random,
}

impl Conversion {
    /// All of them.
    pub const ALL: [Conversion; 3] = [Conversion::Mean, Conversion::First, Conversion::Random];
}

impl fmt::Display for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Conversion::Mean => "mean",
            Conversion::First => "first",
            Conversion::Random => "random",
        })
    }
}

/// A converted model, before and after it was trained further.
pub struct Converted {
    /// Which heads it has.
    pub model: Model,
    /// How they were made.
    pub conversion: Conversion,
    /// The loss on held-out text as converted, in nats per character.
    pub before: f64,
    /// And after so many steps of training.
    pub after: f64,
}

/// A model with fewer heads of keys and values, made of the trained one with as many as queries.
///
/// # Errors
/// When the model has no such heads.
pub fn convert(model: Model, conversion: Conversion) -> Result<Net> {
    ensure!(model != Model::Mla, "latent attention shares no heads");
    let group = HEADS / model.kv_heads();
    let mut values = Net::new(model, 1)?.values()?;
    for (name, tensor) in Weights::trained(Model::Mha).tensors() {
        let old: Vec<f32> = tensor.iter().copied().collect();
        let shared = name.ends_with(".key") || name.ends_with(".value");
        let new = match (shared, conversion) {
            (true, Conversion::Random) => continue,
            (true, Conversion::First) => of_groups(&old, group, 1),
            (true, Conversion::Mean) => of_groups(&old, group, group),
            (false, _) => old,
        };
        values.insert(name.to_string(), new);
    }
    Net::from_values(model, values)
}

/// The mean of the first `members` heads of each group; a head is 16 rows of 128.
fn of_groups(weights: &[f32], group: usize, members: usize) -> Vec<f32> {
    let head = HEAD * WIDTH;
    let mean = |heads: &[f32]| -> Vec<f32> {
        let member = |i: usize| heads[..members * head].iter().skip(i).step_by(head);
        (0..head).map(|i| member(i).sum::<f32>() / members as f32).collect()
    };
    weights.chunks_exact(group * head).flat_map(mean).collect()
}

/// Converts, measures, trains further and measures again, on the first `passages` of held-out text.
///
/// # Errors
/// When the model has no such heads.
pub fn convert_and_train(
    model: Model,
    conversion: Conversion,
    run: &Run,
    passages: usize,
) -> Result<Converted> {
    let net = convert(model, conversion)?;
    let before = held_out_loss(&net, passages)?;
    let (mut adam, batches) = (Adam::new(&net), Batches::new(model, run.seed, run.batch));
    for done in 0..run.steps {
        let (_, gradients) = loss_and_gradients(&net, &batches.halves(done))?;
        adam.step(&net, &gradients, done + 1, run.rate_at(done))?;
    }
    Ok(Converted { model, conversion, before, after: held_out_loss(&net, passages)? })
}
