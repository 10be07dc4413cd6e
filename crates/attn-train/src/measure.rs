//! How well a trained model does on what it never saw.

use crate::{
    batch::{Batch, tensor},
    gru,
    model::Model,
    net::Net,
    part::Part,
    passages::Passages,
    train::{forward, loss},
};
use anyhow::{Context, Result, bail};
use attn_dates::{
    Model as DateModel,
    generator::{Example, Generator, LONGEST_LIST, Split},
    results::{Accuracy, HeldOut},
};
use candle_core::{D, Var};
use std::thread;

/// The held-out lists are the same for all models and runs.
const SEED: u64 = 20_261_122;
/// How many of each length: a share is then known to two percent or better.
pub const LISTS: usize = 500;
/// At a time, so that memory stays small.
const AT_A_TIME: usize = 50;

/// Exact matches on held-out days or forms, `lists` of each length; and, with the days, on texts that
/// are no date.
///
/// # Errors
/// When the model reads no dates.
pub fn accuracy(net: &Net, held_out: HeldOut, lists: usize) -> Result<Vec<Accuracy>> {
    let model = dates_model(net)?;
    // Texts that are no date have no form to hold out.
    let first = match held_out {
        HeldOut::Days => 0,
        HeldOut::Forms => 1,
    };
    let rows = (first..=LONGEST_LIST).map(|dates| {
        let mut examples = examples(held_out, dates, lists);
        examples.sort_by_key(|example| example.source.len());
        Ok(Accuracy { model, held_out, dates, exact: exact(net, &examples)?, lists })
    });
    rows.collect()
}

fn dates_model(net: &Net) -> Result<DateModel> {
    match net.model {
        Model::Dates(model) => Ok(model),
        model => bail!("{model} reads no dates"),
    }
}

/// How many of the examples come out exactly right, counted on two threads.
fn exact(net: &Net, examples: &[Example]) -> Result<usize> {
    let count = |examples: &[Example]| -> Result<usize> {
        let batches =
            examples.chunks(AT_A_TIME).map(|examples| matches(net, &Batch::new(examples)?));
        batches.sum()
    };
    let (one, two) = examples.split_at(examples.len() / 2);
    thread::scope(|scope| {
        let two = scope.spawn(|| count(two));
        Ok(count(one)? + two.join().expect("candle does not panic")?)
    })
}

/// The mean loss on the first `passages` of the held-out part of the novel, in nats per character, each
/// passage read without what comes before it. Computed on two threads.
///
/// # Errors
/// When the model continues no text.
pub fn held_out_loss(net: &Net, passages: usize) -> Result<f64> {
    mean_loss(net, &Passages::held_out(passages))
}

/// The mean loss of the model of poems on those that it was trained on, in nats per character.
///
/// # Errors
/// When the model is another.
pub fn loss_on_poems(net: &Net) -> Result<f64> {
    mean_loss(net, &Passages::poems())
}

fn mean_loss(net: &Net, passages: &Passages) -> Result<f64> {
    let passages: Vec<Passages> = passages.chunks(8).collect();
    let sum = |parts: &[Passages]| -> Result<f64> {
        parts.iter().map(|part| Ok(f64::from(part.loss(net)?.to_scalar::<f32>()?))).sum()
    };
    let (one, two) = passages.split_at(passages.len() / 2);
    let sum = thread::scope(|scope| -> Result<f64> {
        let two = scope.spawn(|| sum(two));
        Ok(sum(one)? + two.join().expect("candle does not panic")?)
    })?;
    Ok(sum / passages.iter().map(Part::predicted).sum::<usize>() as f64)
}

/// Held-out lists of so many dates; of none, texts that are no date.
pub fn examples(held_out: HeldOut, dates: usize, lists: usize) -> Vec<Example> {
    let split = match held_out {
        HeldOut::Days => Split::HeldOutDays,
        HeldOut::Forms => Split::HeldOutForms,
    };
    let mut generator = Generator::new(SEED + dates as u64, split);
    let mut example = || match dates {
        0 => generator.nonsense(),
        dates => generator.list(dates),
    };
    (0..lists).map(|_| example()).collect()
}

/// How many outputs are exactly right when the model writes by itself, the likeliest character at
/// each step. Teacher forcing tells: it writes the whole target exactly if each character is the
/// likeliest after the right ones before it.
pub fn matches(net: &Net, batch: &Batch) -> Result<usize> {
    let likeliest = forward(net, batch)?.logits.argmax(D::Minus1)?.to_vec2::<u32>()?;
    let right = |b: &usize| {
        let steps = batch.steps[*b];
        likeliest[*b][..steps] == batch.wanted[*b][..steps]
    };
    Ok((0..batch.examples()).filter(right).count())
}

/// The shares of exact matches for lists of 1 to 8 dates, with three digits.
pub fn shares(rows: &[Accuracy], held_out: HeldOut) -> String {
    let rows = rows.iter().filter(|row| row.held_out == held_out && row.dates > 0);
    let shares: Vec<String> = rows.map(|row| format!("{:.3}", row.share())).collect();
    shares.join(" ")
}

/// What was measured, in a line.
pub fn summary(rows: &[Accuracy], held_out: HeldOut) -> String {
    let what = match held_out {
        HeldOut::Days => "days",
        HeldOut::Forms => "days and forms",
    };
    let shares = shares(rows, held_out);
    let nothing = rows.iter().find(|row| row.dates == 0);
    let nothing = nothing.map_or(String::new(), |row| format!("; no date {:.3}", row.share()));
    format!("held-out {what}, lists of 1 to 8 dates exactly right: {shares}{nothing}")
}

/// How strongly the first output depends on the characters of a list, by their distance.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientRow {
    /// The model.
    pub model: DateModel,
    /// Whether its weights are trained, or those that training begins with.
    pub trained: bool,
    /// How many positions before the end marker the character stands.
    pub distance: usize,
    /// The norm of the gradient of the first output's loss with respect to the character's
    /// embedding; the mean over the lists.
    pub norm: f64,
    /// The same with each list's norms divided by their sum, so that all lists count alike, however
    /// small their loss is.
    pub share: f64,
}

/// The gradient of the first output's loss against distance, over held-out lists of eight dates,
/// with trained weights and with those that training begins with. None for models other than those
/// with a fixed context and with dot attention.
pub fn gradients(net: &Net) -> Result<Vec<GradientRow>> {
    let model = dates_model(net)?;
    if !matches!(model, DateModel::Fixed | DateModel::Dot) {
        return Ok(vec![]);
    }
    let mut rows = Vec::new();
    for trained in [false, true] {
        let first = Net::new(model, 1)?;
        let net = if trained { net } else { &first };
        let lists = lists_of_norms(net)?;
        let shortest = lists.iter().map(Vec::len).min().unwrap_or(0);
        let count = lists.len() as f64;
        for distance in 1..shortest {
            let mean = |f: fn(&[f64], usize) -> f64| {
                lists.iter().map(|norms| f(norms, distance)).sum::<f64>() / count
            };
            rows.push(GradientRow {
                model,
                trained,
                distance,
                norm: mean(|norms, distance| norms[distance]),
                share: mean(|norms, distance| norms[distance] / norms.iter().sum::<f64>()),
            });
        }
    }
    Ok(rows)
}

/// For each list the gradients' norms, the end marker's first.
fn lists_of_norms(net: &Net) -> Result<Vec<Vec<f64>>> {
    let mut lists = Vec::new();
    for examples in examples(HeldOut::Days, LONGEST_LIST, 100).chunks(20) {
        let mut batch = Batch::new(examples)?;
        // The first output alone.
        batch.fed.iter_mut().for_each(|row| row.truncate(1));
        batch.wanted.iter_mut().for_each(|row| row.truncate(1));
        batch.steps.fill(1);
        let embedding = net.get("encoder.embedding")?;
        let ids = tensor(&batch.source)?.t()?.contiguous()?; // m × batch
        let (width, count) = ids.dims2()?;
        let embedded = embedding.index_select(&ids.flatten_all()?, 0)?;
        let embedded = Var::from_tensor(&embedded.reshape((width, count, ()))?.detach())?;
        let states = gru::encode(net, &gru::gates_of_input(net, "encoder", &embedded)?)?;
        let output = gru::decode(net, &batch, &states)?;
        let gradients = loss(&output, &batch)?.backward()?;
        let gradient = gradients.get(&embedded).context("the loss depends on the source")?;
        let norms = gradient.sqr()?.sum(2)?.sqrt()?.to_vec2::<f32>()?; // m × batch
        for (b, length) in batch.lengths.iter().enumerate() {
            lists.push((0..*length).rev().map(|j| f64::from(norms[j][b])).collect());
        }
    }
    Ok(lists)
}
