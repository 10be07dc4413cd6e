//! The gates of a GRU step as one operation with its gradient.
//!
//! Made of candle's single operations a step takes some eighty passes over small tensors, forwards
//! and back; as one operation it takes three. A test holds it against candle's own gradients.

use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor, bail};

/// `h′` from the input's part of the gates, the state's part (both batch × 3·width) and the state
/// (batch × width), in PyTorch's convention.
pub struct Cell;

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

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((from, to)) = layout.contiguous_offsets() else {
        bail!("the cell takes contiguous tensors");
    };
    Ok(&storage.as_slice()?[from..to])
}

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
        let mut out = Vec::with_capacity(batch * width);
        for ((input, hidden), state) in input
            .chunks_exact(3 * width)
            .zip(hidden.chunks_exact(3 * width))
            .zip(state.chunks_exact(width))
        {
            for (i, old) in state.iter().enumerate() {
                let [_, update, candidate] = gates(input, hidden, width, i);
                out.push((1.0 - update) * candidate + update * old);
            }
        }
        Ok((CpuStorage::F32(out), (batch, width).into()))
    }

    fn bwd(
        &self,
        input: &Tensor,
        hidden: &Tensor,
        state: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (batch, width) = state.dims2()?;
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (input, hidden) = (values(input)?, values(hidden)?);
        let (state, grad) = (values(state)?, values(grad)?);
        let mut d_input = vec![0.0; batch * 3 * width];
        let mut d_hidden = vec![0.0; batch * 3 * width];
        let mut d_state = vec![0.0; batch * width];
        for b in 0..batch {
            let wide = 3 * width * b..3 * width * (b + 1);
            let (input, hidden) = (&input[wide.clone()], &hidden[wide.clone()]);
            let (d_input, d_hidden) = (&mut d_input[wide.clone()], &mut d_hidden[wide]);
            for i in 0..width {
                let (grad, old) = (grad[b * width + i], state[b * width + i]);
                let [reset, update, candidate] = gates(input, hidden, width, i);
                // Of the sums inside the three nonlinear functions.
                let d_candidate = grad * (1.0 - update) * (1.0 - candidate * candidate);
                let d_update = grad * (old - candidate) * update * (1.0 - update);
                let d_reset = d_candidate * hidden[2 * width + i] * reset * (1.0 - reset);
                d_input[i] = d_reset;
                d_input[width + i] = d_update;
                d_input[2 * width + i] = d_candidate;
                d_hidden[i] = d_reset;
                d_hidden[width + i] = d_update;
                d_hidden[2 * width + i] = d_candidate * reset;
                d_state[b * width + i] = grad * update;
            }
        }
        let wide = |values| Tensor::from_vec(values, (batch, 3 * width), &Device::Cpu);
        let d_state = Tensor::from_vec(d_state, (batch, width), &Device::Cpu)?;
        Ok((Some(wide(d_input)?), Some(wide(d_hidden)?), Some(d_state)))
    }
}
