//! A training run.

use crate::{
    adam::Values,
    batch::{Batch, Batches, tensor},
    checkpoint::Checkpoint,
    gru,
    mixed::Task,
    model::Model,
    net::{Net, Output, log_softmax},
    part::Part,
    passages, recall,
    run::Run,
    transformer,
};
use anyhow::{Result, ensure};
use candle_core::{D, Tensor};
use std::{path::Path, thread};

/// Trains to the end, from the checkpoint if there is one; gives the model and the loss of every step,
/// in nats per character. `report` is told of every step: how many are done, and the loss.
///
/// # Errors
/// When the checkpoint cannot be read or written or is of another run, or the loss is no number.
pub fn train(
    run: &Run,
    checkpoint: &Path,
    report: impl FnMut(u64, f64),
) -> Result<(Net, Vec<f32>)> {
    match run.model {
        Model::Dates(_) => {
            let batches = Batches { seed: run.seed, size: run.batch, steps: run.steps };
            train_on(run, checkpoint, |step| batches.halves(step), report)
        }
        Model::Text(model) => {
            let batches = passages::Batches::new(model, run.seed, run.batch);
            train_on(run, checkpoint, |step| Ok(batches.halves(step)), report)
        }
        Model::Mixed(mixed) => match mixed.task {
            Task::Recall { .. } => train_on(
                run,
                checkpoint,
                |step| Ok(recall::halves(run.seed, step, run.batch)),
                report,
            ),
            Task::Novel => {
                let batches = passages::Batches::new(attn_lm::Model::Mha, run.seed, run.batch);
                train_on(run, checkpoint, |step| Ok(batches.halves(step)), report)
            }
        },
    }
}

fn train_on<P: Part>(
    run: &Run,
    checkpoint: &Path,
    halves: impl Fn(u64) -> Result<[Vec<P>; 2]>,
    mut report: impl FnMut(u64, f64),
) -> Result<(Net, Vec<f32>)> {
    let mut at = match Checkpoint::load(run, checkpoint)? {
        Some(at) => at,
        None => Checkpoint::start(run)?,
    };
    // So that a place where nothing can be saved is known before the work, not after it.
    at.save(run, checkpoint)?;
    for done in at.done()..run.steps {
        let step = done + 1;
        let (loss, gradients) = loss_and_gradients(&at.net, &halves(done)?)?;
        ensure!(loss.is_finite(), "the loss of step {step} is {loss}: the rate is too high");
        at.adam.step(&at.net, &gradients, step, run.rate_at(done))?;
        at.losses.push(loss as f32);
        if step.is_multiple_of(run.save_every) || step == run.steps {
            at.save(run, checkpoint)?;
        }
        report(step, loss);
    }
    Ok((at.net, at.losses))
}

/// All logits of a batch under teacher forcing.
pub fn forward(net: &Net, batch: &Batch) -> Result<Output> {
    match net.model {
        Model::Dates(attn_dates::Model::Transformer) => transformer::forward(net, batch),
        _ => gru::forward(net, batch),
    }
}

/// The sum of the losses of all characters, in nats.
pub fn loss(output: &Output, batch: &Batch) -> Result<Tensor> {
    let wanted = tensor(&batch.wanted)?.unsqueeze(2)?;
    let log = log_softmax(&output.logits)?.gather(&wanted, D::Minus1)?;
    Ok((log.squeeze(2)? * batch.target_weights()?)?.sum_all()?.neg()?)
}

impl Part for Batch {
    fn predicted(&self) -> usize {
        self.characters()
    }

    fn loss(&self, net: &Net) -> Result<Tensor> {
        loss(&forward(net, self)?, self)
    }
}

/// The mean loss a character and its gradients. The halves are computed side by side; their sum
/// does not depend on which is ready first.
pub fn loss_and_gradients<P: Part>(net: &Net, halves: &[Vec<P>; 2]) -> Result<(f64, Values)> {
    let half = |parts: &[P]| -> Result<(f64, Values)> {
        let losses = parts.iter().map(|part| part.loss(net));
        let loss = Tensor::stack(&losses.collect::<Result<Vec<_>>>()?, 0)?.sum_all()?;
        let gradients = loss.backward()?;
        let values = net.vars.iter().map(|(name, var)| {
            let values = match gradients.get(var) {
                Some(gradient) => gradient.flatten_all()?.to_vec1::<f32>()?,
                None => vec![0.0; var.elem_count()],
            };
            Ok((name.clone(), values))
        });
        Ok((f64::from(loss.to_scalar::<f32>()?), values.collect::<Result<Values>>()?))
    };
    let (one, two) = thread::scope(|scope| {
        let two = scope.spawn(|| half(&halves[1]));
        (half(&halves[0]), two.join().expect("candle does not panic"))
    });
    let ((loss, mut gradients), (other_loss, others)) = (one?, two?);
    let characters = halves.iter().flatten().map(Part::predicted).sum::<usize>();
    for (sum, other) in gradients.values_mut().zip(others.values()) {
        for (x, y) in sum.iter_mut().zip(other) {
            *x = (*x + y) / characters as f32;
        }
    }
    Ok(((loss + other_loss) / characters as f64, gradients))
}
