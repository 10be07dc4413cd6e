//! A GRU as operations of their own, with their gradients.
//!
//! Made of candle's single operations, a step takes some eighty passes over small tensors, forwards
//! and back. [`Cell`] makes one of what follows the products with the weights. [`Sequence`] takes
//! all steps at once where the inputs are known beforehand, so that the gradient of the weights is
//! one product, not one per step that is added to the sum so far. Tests hold both against candle's
//! own gradients.

use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor, bail};
use ndarray::{ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul};

/// `h′` from the input's part of the gates, the state's part (both batch × 3·width) and the state
/// (batch × width), in PyTorch's convention.
pub struct Cell;

/// All states, steps × batch × width, from the inputs' parts of the gates, steps × batch × 3·width,
/// the weights, and the first state. The weights are `W_hh` on its side, width × 3·width, with
/// `b_hh` below it as a last row.
pub struct Sequence;

/// Reset gate, update gate and candidate of one unit.
fn gates(input: &[f32], hidden: &[f32], width: usize, i: usize) -> [f32; 3] {
    let reset = sigmoid(input[i] + hidden[i]);
    let update = sigmoid(input[width + i] + hidden[width + i]);
    let candidate = tanh(input[2 * width + i] + reset * hidden[2 * width + i]);
    [reset, update, candidate]
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// By the exponential, which is twice as quick as the library's and right to 1e-7 (absolutely).
fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + (2.0 * x).exp())
}

/// The new states of a batch.
fn forward(input: &[f32], hidden: &[f32], state: &[f32], width: usize, new: &mut [f32]) {
    for (b, (new, state)) in new.chunks_exact_mut(width).zip(state.chunks_exact(width)).enumerate()
    {
        let wide = 3 * width * b..3 * width * (b + 1);
        let (input, hidden) = (&input[wide.clone()], &hidden[wide]);
        for (i, (new, old)) in new.iter_mut().zip(state).enumerate() {
            let [_, update, candidate] = gates(input, hidden, width, i);
            *new = (1.0 - update) * candidate + update * old;
        }
    }
}

/// What a step's gradient is made of.
struct Step<'a> {
    input: &'a [f32],
    hidden: &'a [f32],
    state: &'a [f32],
    width: usize,
}

impl Step<'_> {
    /// The gradients of the three from that of the new states, `grad`, in whose place that of the
    /// old states comes.
    fn backward(&self, grad: &mut [f32], d_input: &mut [f32], d_hidden: &mut [f32]) {
        let width = self.width;
        for (b, grad) in grad.chunks_exact_mut(width).enumerate() {
            let wide = 3 * width * b..3 * width * (b + 1);
            let (input, hidden) = (&self.input[wide.clone()], &self.hidden[wide.clone()]);
            let (d_input, d_hidden) = (&mut d_input[wide.clone()], &mut d_hidden[wide]);
            let state = &self.state[width * b..width * (b + 1)];
            for (i, (grad, old)) in grad.iter_mut().zip(state).enumerate() {
                let [reset, update, candidate] = gates(input, hidden, width, i);
                // Of the sums inside the three nonlinear functions.
                let d_candidate = *grad * (1.0 - update) * (1.0 - candidate * candidate);
                let d_update = *grad * (old - candidate) * update * (1.0 - update);
                let d_reset = d_candidate * hidden[2 * width + i] * reset * (1.0 - reset);
                d_input[i] = d_reset;
                d_input[width + i] = d_update;
                d_input[2 * width + i] = d_candidate;
                d_hidden[i] = d_reset;
                d_hidden[width + i] = d_update;
                d_hidden[2 * width + i] = d_candidate * reset;
                *grad *= update;
            }
        }
    }
}

pub(crate) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((from, to)) = layout.contiguous_offsets() else {
        bail!("this operation takes contiguous tensors");
    };
    Ok(&storage.as_slice()?[from..to])
}

pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

fn tensor(values: Vec<f32>, like: &Tensor) -> Result<Option<Tensor>> {
    Tensor::from_vec(values, like.shape(), &Device::Cpu).map(Some)
}

type Gradients = (Option<Tensor>, Option<Tensor>, Option<Tensor>);

impl CustomOp3 for Cell {
    fn name(&self) -> &'static str {
        "gru-cell"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        hidden: &CpuStorage,
        hidden_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, width) = state_layout.shape().dims2()?;
        let input = contiguous(input, input_layout)?;
        let hidden = contiguous(hidden, hidden_layout)?;
        let state = contiguous(state, state_layout)?;
        let mut new = vec![0.0; batch * width];
        forward(input, hidden, state, width, &mut new);
        Ok((CpuStorage::F32(new), (batch, width).into()))
    }

    fn bwd(
        &self,
        input: &Tensor,
        hidden: &Tensor,
        state: &Tensor,
        _new: &Tensor,
        grad: &Tensor,
    ) -> Result<Gradients> {
        let (_, width) = state.dims2()?;
        let step = Step {
            input: &values(input)?,
            hidden: &values(hidden)?,
            state: &values(state)?,
            width,
        };
        let mut grad = values(grad)?;
        let mut d_input = vec![0.0; step.input.len()];
        let mut d_hidden = vec![0.0; step.hidden.len()];
        step.backward(&mut grad, &mut d_input, &mut d_hidden);
        Ok((tensor(d_input, input)?, tensor(d_hidden, hidden)?, tensor(grad, state)?))
    }
}

fn matrix(values: &[f32], width: usize) -> ArrayView2<'_, f32> {
    let shape = (values.len() / width, width);
    ArrayView2::from_shape(shape, values).expect("whole rows")
}

fn matrix_mut(values: &mut [f32], width: usize) -> ArrayViewMut2<'_, f32> {
    let shape = (values.len() / width, width);
    ArrayViewMut2::from_shape(shape, values).expect("whole rows")
}

/// The states' parts of the gates, `state W + b`, a row a state.
fn hidden_parts(state: &[f32], weights: &[f32], width: usize) -> Vec<f32> {
    let (weight, bias) = weights.split_at(3 * width * width);
    let mut hidden = bias.repeat(state.len() / width);
    let product = &mut matrix_mut(&mut hidden, 3 * width);
    general_mat_mul(1.0, &matrix(state, width), &matrix(weight, 3 * width), 1.0, product);
    hidden
}

impl CustomOp3 for Sequence {
    fn name(&self) -> &'static str {
        "gru-sequence"
    }

    fn cpu_fwd(
        &self,
        inputs: &CpuStorage,
        inputs_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
        first: &CpuStorage,
        first_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, width) = first_layout.shape().dims2()?;
        let (steps, ..) = inputs_layout.shape().dims3()?;
        let inputs = contiguous(inputs, inputs_layout)?;
        let weights = contiguous(weights, weights_layout)?;
        let mut state = contiguous(first, first_layout)?;
        let mut states = vec![0.0; steps * batch * width];
        for (input, new) in
            inputs.chunks_exact(batch * 3 * width).zip(states.chunks_exact_mut(batch * width))
        {
            forward(input, &hidden_parts(state, weights, width), state, width, new);
            state = new;
        }
        Ok((CpuStorage::F32(states), (steps, batch, width).into()))
    }

    fn bwd(
        &self,
        inputs: &Tensor,
        weights: &Tensor,
        first: &Tensor,
        states: &Tensor,
        grad: &Tensor,
    ) -> Result<Gradients> {
        let (batch, width) = first.dims2()?;
        let (narrow, wide) = (batch * width, batch * 3 * width);
        let (input, weight, grad) = (values(inputs)?, values(weights)?, values(grad)?);
        // The state before each step.
        let mut before = values(first)?;
        before.extend(values(states)?);
        before.truncate(before.len() - narrow);
        let hidden = hidden_parts(&before, &weight, width);
        let (mut d_input, mut d_hidden) = (vec![0.0; input.len()], vec![0.0; input.len()]);
        let mut d_state = vec![0.0; narrow];
        for t in (0..input.len() / wide).rev() {
            let (from, to) = (t * wide, (t + 1) * wide);
            let step = Step {
                input: &input[from..to],
                hidden: &hidden[from..to],
                state: &before[t * narrow..(t + 1) * narrow],
                width,
            };
            for (sum, grad) in d_state.iter_mut().zip(&grad[t * narrow..]) {
                *sum += grad;
            }
            let d_hidden = &mut d_hidden[from..to];
            step.backward(&mut d_state, &mut d_input[from..to], d_hidden);
            // The state acts through the products too.
            let weight = matrix(&weight[..3 * width * width], 3 * width);
            let d_state = &mut matrix_mut(&mut d_state, width);
            general_mat_mul(1.0, &matrix(d_hidden, 3 * width), &weight.t(), 1.0, d_state);
        }
        let d_hidden = matrix(&d_hidden, 3 * width);
        let mut d_weights = matrix(&before, width).t().dot(&d_hidden).into_raw_vec_and_offset().0;
        d_weights.extend(d_hidden.sum_axis(Axis(0)));
        Ok((tensor(d_input, inputs)?, tensor(d_weights, weights)?, tensor(d_state, first)?))
    }
}
