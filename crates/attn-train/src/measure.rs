//! How well a trained model does on what it never saw.

use crate::{batch::Batch, net::Net, train::forward};
use anyhow::Result;
use attn_dates::{
    generator::{Example, Generator, LONGEST_LIST, Split},
    results::{Accuracy, HeldOut},
};
use candle_core::D;

/// The held-out lists are the same for all models and runs.
const SEED: u64 = 20_261_122;
/// At a time, so that memory stays small.
const AT_A_TIME: usize = 50;

/// Exact matches on held-out days and forms, `lists` of each length.
pub fn accuracy(net: &Net, lists: usize) -> Result<Vec<Accuracy>> {
    let mut rows = Vec::new();
    for held_out in [HeldOut::Days, HeldOut::Forms] {
        // Texts that are no date have no form to hold out.
        let first = if held_out == HeldOut::Days { 0 } else { 1 };
        for dates in first..=LONGEST_LIST {
            let mut examples = examples(held_out, dates, lists);
            examples.sort_by_key(|example| example.source.len());
            let mut exact = 0;
            for examples in examples.chunks(AT_A_TIME) {
                exact += matches(net, &Batch::new(examples)?)?;
            }
            rows.push(Accuracy {
                model: net.model,
                held_out,
                dates,
                exact,
                lists,
            });
        }
    }
    Ok(rows)
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
    Ok((0..batch.len()).filter(right).count())
}
