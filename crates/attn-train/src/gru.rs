//! The three recurrent models, as `attn-dates` states them.

use crate::{
    batch::{Batch, column},
    net::{Net, Output, project, softmax},
};
use anyhow::Result;
use attn_dates::{EMBEDDING, Model, STATE};
use candle_core::{DType, Device, Tensor};

/// All logits of a batch under teacher forcing.
pub fn forward(net: &Net, batch: &Batch) -> Result<Output> {
    // A character has only 44 values, so its part of the gates is a table: 44×384.
    let table = gates_of_input(net, "encoder", net.get("encoder.embedding")?)?;
    let width = batch.source.first().map_or(0, Vec::len);
    let inputs = (0..width).map(|j| Ok(table.index_select(&column(&batch.source, j)?, 0)?));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    let states = encode(net, &inputs)?;
    decode(net, batch, &states)
}

/// The states after each input: batch × m × 128. `inputs` are the inputs' parts of the gates.
pub fn encode(net: &Net, inputs: &[Tensor]) -> Result<Tensor> {
    let mut state = Tensor::zeros((inputs[0].dim(0)?, STATE), DType::F32, &Device::Cpu)?;
    let mut states = Vec::new();
    for input in inputs {
        state = step(net, "encoder", input, &state)?;
        states.push(state.clone());
    }
    Ok(Tensor::stack(&states, 1)?)
}

/// The encoder's input as its part of the gates, `W_ih x + b_ih`.
pub fn gates_of_input(net: &Net, part: &str, x: &Tensor) -> Result<Tensor> {
    // The decoder's input is the embedding, then the context.
    let weight = net
        .get(&format!("{part}.weight_ih"))?
        .narrow(1, 0, EMBEDDING)?;
    let gates = project(x, &weight)?;
    Ok(gates.broadcast_add(net.get(&format!("{part}.bias_ih"))?)?)
}

/// One GRU step from the input's part of the gates, batch × 384.
fn step(net: &Net, part: &str, input: &Tensor, state: &Tensor) -> Result<Tensor> {
    let gates = project(state, net.get(&format!("{part}.weight_hh"))?)?;
    let gates = gates.broadcast_add(net.get(&format!("{part}.bias_hh"))?)?;
    Ok(input.apply_op3(&gates, state, crate::cell::Cell)?)
}

/// All logits from the encoder's states, batch × m × 128.
pub fn decode(net: &Net, batch: &Batch, states: &Tensor) -> Result<Output> {
    let (examples, width, _) = states.dims3()?;
    // Each example ends at its own length.
    let last = batch
        .lengths
        .iter()
        .enumerate()
        .map(|(b, length)| (b * width + length - 1) as u32);
    let last = Tensor::from_vec(last.collect::<Vec<_>>(), examples, &Device::Cpu)?;
    let last = states.reshape(((), STATE))?.index_select(&last, 0)?;

    let table = gates_of_input(net, "decoder", net.get("decoder.embedding")?)?;
    let weight = net
        .get("decoder.weight_ih")?
        .narrow(1, EMBEDDING, STATE)?
        .contiguous()?;
    let attention = Attention::new(net, batch, states)?;
    let fixed = project(&last, &weight)?;
    let mut state = last.clone();
    let (mut read, mut alignment) = (Vec::new(), Vec::new());
    for t in 0..batch.fed.first().map_or(0, Vec::len) {
        let input = table.index_select(&column(&batch.fed, t)?, 0)?;
        let (context, input) = match &attention {
            None => (last.clone(), (input + &fixed)?),
            Some(attention) => {
                let (context, weights) = attention.look(&state)?;
                alignment.push(weights);
                let input = (input + project(&context, &weight)?)?;
                (context, input)
            }
        };
        state = step(net, "decoder", &input, &state)?;
        read.push(Tensor::cat(&[&state, &context], 1)?);
    }
    let alignment = match attention {
        None => None,
        Some(_) => Some(Tensor::stack(&alignment, 1)?),
    };
    Ok(Output {
        logits: net.linear("readout", &Tensor::stack(&read, 1)?)?,
        alignment,
    })
}

/// Dot or additive attention over the encoder's states.
struct Attention<'a> {
    states: &'a Tensor,
    mask: Tensor,
    additive: Option<Additive<'a>>,
}

struct Additive<'a> {
    query: &'a Tensor,
    /// `W_k h` of all states, the same at every step.
    keys: Tensor,
    score: Tensor,
}

impl<'a> Attention<'a> {
    fn new(net: &'a Net, batch: &Batch, states: &'a Tensor) -> Result<Option<Self>> {
        let additive = match net.model {
            Model::Fixed | Model::Transformer => return Ok(None),
            Model::Dot => None,
            Model::Additive => Some(Additive {
                query: net.get("attention.query")?,
                keys: project(states, net.get("attention.key")?)?,
                score: net.get("attention.score")?.unsqueeze(0)?,
            }),
        };
        Ok(Some(Attention {
            states,
            mask: batch.source_mask()?,
            additive,
        }))
    }

    /// The context, batch × 128, and the weights, batch × m.
    fn look(&self, state: &Tensor) -> Result<(Tensor, Tensor)> {
        let scores = match &self.additive {
            None => self.states.matmul(&state.unsqueeze(2)?)?.squeeze(2)?,
            Some(additive) => {
                let query = project(state, additive.query)?.unsqueeze(1)?;
                let sum = additive.keys.broadcast_add(&query)?.tanh()?;
                project(&sum, &additive.score)?.squeeze(2)?
            }
        };
        let weights = softmax(&(scores + &self.mask)?)?;
        let context = weights.unsqueeze(1)?.matmul(self.states)?.squeeze(1)?;
        Ok((context, weights))
    }
}
