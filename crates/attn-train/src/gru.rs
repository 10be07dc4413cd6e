//! The three recurrent models, as `attn-dates` states them.

use crate::{
    batch::{Batch, column, tensor},
    cell::{Cell, Sequence},
    model::Model,
    net::{Net, Output, project, softmax},
};
use anyhow::Result;
use attn_dates::{EMBEDDING, Model as DateModel, STATE};
use candle_core::{DType, Device, Tensor};

/// All logits of a batch under teacher forcing.
pub fn forward(net: &Net, batch: &Batch) -> Result<Output> {
    // A character has only 44 values, so its part of the gates is a row of a table.
    let table = gates_of_input(net, "encoder", net.get("encoder.embedding")?)?; // 44×384
    let states = encode(net, &look_up(&table, &batch.source)?)?;
    decode(net, batch, &states)
}

/// The input as its part of the gates, `W_ih x + b_ih`; x has any number of leading axes.
pub fn gates_of_input(net: &Net, part: &str, x: &Tensor) -> Result<Tensor> {
    // The decoder's input is the embedding, then the context.
    let weight = net.get(&format!("{part}.weight_ih"))?.narrow(1, 0, EMBEDDING)?;
    let gates = project(x, &weight)?;
    Ok(gates.broadcast_add(net.get(&format!("{part}.bias_ih"))?)?)
}

/// The rows of the table that the numbers choose: steps × batch × 384.
fn look_up(table: &Tensor, numbers: &[Vec<u32>]) -> Result<Tensor> {
    let ids = tensor(numbers)?.t()?.contiguous()?;
    let (steps, batch) = ids.dims2()?;
    Ok(table.index_select(&ids.flatten_all()?, 0)?.reshape((steps, batch, ()))?)
}

/// The states after each input, batch × m × 128. `inputs` are the inputs' parts of the gates,
/// m × batch × 384.
pub fn encode(net: &Net, inputs: &Tensor) -> Result<Tensor> {
    let first = Tensor::zeros((inputs.dim(1)?, STATE), DType::F32, &Device::Cpu)?;
    sequence(net, "encoder", inputs, &first)
}

/// All states of a GRU whose inputs are known, batch × steps × 128.
fn sequence(net: &Net, part: &str, inputs: &Tensor, first: &Tensor) -> Result<Tensor> {
    let weight = turned(net.get(&format!("{part}.weight_hh"))?)?;
    let bias = net.get(&format!("{part}.bias_hh"))?.unsqueeze(0)?;
    let weights = Tensor::cat(&[&weight, &bias], 0)?; // 129×384
    let states = inputs.apply_op3(&weights, first, Sequence)?;
    Ok(states.transpose(0, 1)?.contiguous()?)
}

/// A weight on its side. It is turned once: turned in each step, it would be turned back in each
/// step of the gradient too, which took a third of the time.
fn turned(weight: &Tensor) -> Result<Tensor> {
    Ok(weight.t()?.contiguous()?)
}

/// All logits from the encoder's states, batch × m × 128.
pub fn decode(net: &Net, batch: &Batch, states: &Tensor) -> Result<Output> {
    let last = last(batch, states)?;
    let table = gates_of_input(net, "decoder", net.get("decoder.embedding")?)?; // 14×384
    let weight = net.get("decoder.weight_ih")?.narrow(1, EMBEDDING, STATE)?;
    let weight = turned(&weight)?; // 128×384, the context's
    let Some(attention) = Attention::new(net, batch, states)? else {
        let inputs = look_up(&table, &batch.fed)?.broadcast_add(&last.matmul(&weight)?)?;
        let states = sequence(net, "decoder", &inputs, &last)?;
        let context = last.unsqueeze(1)?.broadcast_as(states.shape())?;
        return Ok(Output {
            logits: net.linear("readout", &Tensor::cat(&[&states, &context], 2)?)?,
            alignment: None,
        });
    };
    let hidden = turned(net.get("decoder.weight_hh")?)?;
    let bias = net.get("decoder.bias_hh")?;
    let mut state = last;
    let (mut read, mut alignment) = (Vec::new(), Vec::new());
    for t in 0..batch.fed.first().map_or(0, Vec::len) {
        let (context, weights) = attention.look(&state)?;
        // Looked up step by step: a part of a tensor has a gradient as large as the whole.
        let input = table.index_select(&column(&batch.fed, t)?, 0)?;
        let input = (input + context.matmul(&weight)?)?;
        let gates = state.matmul(&hidden)?.broadcast_add(bias)?;
        state = input.apply_op3(&gates, &state, Cell)?;
        read.push(Tensor::cat(&[&state, &context], 1)?);
        alignment.push(weights);
    }
    Ok(Output {
        logits: net.linear("readout", &Tensor::stack(&read, 1)?)?,
        alignment: Some(Tensor::stack(&alignment, 1)?),
    })
}

/// The last state of each example: it ends at its own length.
fn last(batch: &Batch, states: &Tensor) -> Result<Tensor> {
    let (examples, width, _) = states.dims3()?;
    let lengths = batch.lengths.iter().enumerate();
    let ends: Vec<u32> = lengths.map(|(b, length)| (b * width + length - 1) as u32).collect();
    let ends = Tensor::from_vec(ends, examples, &Device::Cpu)?;
    Ok(states.reshape(((), STATE))?.index_select(&ends, 0)?)
}

/// Dot or additive attention over the encoder's states.
struct Attention<'a> {
    states: &'a Tensor,
    mask: Tensor,
    additive: Option<Additive>,
}

struct Additive {
    /// `W_q` on its side: 128×32.
    query: Tensor,
    /// `W_k h` of all states, the same at every step.
    keys: Tensor,
    /// `v`: 32×1.
    score: Tensor,
}

impl<'a> Attention<'a> {
    fn new(net: &'a Net, batch: &Batch, states: &'a Tensor) -> Result<Option<Self>> {
        let additive = match net.model {
            Model::Dates(DateModel::Dot) => None,
            Model::Dates(DateModel::Additive) => Some(Additive {
                query: turned(net.get("attention.query")?)?,
                keys: project(states, net.get("attention.key")?)?,
                score: net.get("attention.score")?.unsqueeze(1)?,
            }),
            _ => return Ok(None),
        };
        Ok(Some(Attention { states, mask: batch.source_mask()?, additive }))
    }

    /// The context, batch × 128, and the weights, batch × m.
    fn look(&self, state: &Tensor) -> Result<(Tensor, Tensor)> {
        let scores = match &self.additive {
            None => self.states.matmul(&state.unsqueeze(2)?)?.squeeze(2)?,
            Some(additive) => {
                let query = state.matmul(&additive.query)?.unsqueeze(1)?;
                let sum = additive.keys.broadcast_add(&query)?.tanh()?;
                let (batch, width, _) = sum.dims3()?;
                sum.reshape((batch * width, ()))?
                    .matmul(&additive.score)?
                    .reshape((batch, width))?
            }
        };
        let weights = softmax(&(scores + &self.mask)?)?;
        let context = weights.unsqueeze(1)?.matmul(self.states)?.squeeze(1)?;
        Ok((context, weights))
    }
}
