//! The decoders of [`crate::mixed`], computed.

use crate::{
    batch::tensor,
    decoder::{Rope, attend, feed_forward, rms_norm, split},
    mixed::{Mixed, Mixer},
    net::{Net, project},
    recurrence::recurrence,
};
use anyhow::Result;
use candle_core::{D, Device, Tensor};
use candle_nn::ops::{sigmoid, silu};

/// Gates are this root of a sigmoid: near 1 when training begins (2312.06635, §4.4).
const ROOT: f64 = 16.0;

/// The logits after the last `asked` tokens of some texts of one length: batch × asked × vocabulary.
///
/// # Errors
/// When the net is of another model.
pub fn forward(net: &Net, mixed: Mixed, texts: &[Vec<u32>], asked: usize) -> Result<Tensor> {
    let ids = tensor(texts)?;
    let (batch, n) = ids.dims2()?;
    let rope = Rope::new(n, mixed.heads().1)?;
    let embedded = net.get("embedding")?.index_select(&ids.flatten_all()?, 0)?;
    let mut x = embedded.reshape((batch, n, mixed.width()))?;
    for layer in 0..mixed.layers() {
        let y = rms_norm(net, &format!("{layer}.norm1"), &x)?;
        x = (x + mix(net, mixed, layer, &y, &rope)?)?;
        if mixed.feed_forward(layer) > 0 {
            let y = rms_norm(net, &format!("{layer}.norm2"), &x)?;
            x = (x + feed_forward(net, layer, &y)?)?;
        }
    }
    let x = x.narrow(1, n - asked, asked)?.contiguous()?;
    project(&rms_norm(net, "norm", &x)?, net.get("readout")?)
}

/// One layer's mixing. Every kind sees a mean of each token and the one before it, weighed per channel (as RWKV does): so
/// a value can be written under the key that stands before it.
fn mix(net: &Net, mixed: Mixed, layer: usize, x: &Tensor, rope: &Rope) -> Result<Tensor> {
    let (heads, head) = mixed.heads();
    let get = |name: &str| net.get(&format!("{layer}.mixer.{name}"));
    let (batch, n, width) = x.dims3()?;
    let first = Tensor::zeros((batch, 1, width), x.dtype(), &Device::Cpu)?;
    let before = Tensor::cat(&[&first, &x.narrow(1, 0, n - 1)?], 1)?;
    let step = (before - x)?;
    let projected = |matrix: &str| -> Result<Tensor> {
        let seen = (x + step.broadcast_mul(get(&format!("{matrix}_shift"))?)?)?;
        split(&project(&seen, get(matrix)?)?, heads)
    };
    let (q, k, v) = (projected("query")?, projected("key")?, projected("value")?);
    let mixer = mixed.mixer(layer);
    // One number per head and token as batch × heads × n × 1.
    let per_head = |x: &Tensor| -> Result<Tensor> { Ok(x.transpose(1, 2)?.unsqueeze(3)?) };
    let ones = Tensor::ones((batch, heads, n, 1), x.dtype(), &Device::Cpu)?;
    let open = Tensor::zeros((batch, heads, n, head), x.dtype(), &Device::Cpu)?;
    let (tokens, erase) = match mixer {
        Mixer::Softmax => {
            return project(&attend(&rope.turn(&q)?, &rope.turn(&k)?, &v)?, get("out")?);
        }
        Mixer::Linear => (
            [features(&q)?, features(&k)?, open, ones.clone(), Tensor::cat(&[&v, &ones], 3)?],
            false,
        ),
        Mixer::Gla => {
            let gates = project(&project(x, get("gate.down")?)?, get("gate.up")?)?;
            let gates = split(&gates.broadcast_add(get("gate.bias")?)?, heads)?;
            ([q, k, log_gate(&gates)?, ones, v], false)
        }
        Mixer::Delta | Mixer::GatedDelta => {
            let beta = per_head(&sigmoid(&project(x, get("beta")?)?)?)?;
            let gates = if mixer == Mixer::Delta {
                open
            } else {
                let gates = project(x, get("gate.weight")?)?.broadcast_add(get("gate.bias")?)?;
                per_head(&log_gate(&gates)?)?.broadcast_as(open.shape())?
            };
            ([unit(&silu(&q)?)?, unit(&silu(&k)?)?, gates, beta, v], true)
        }
    };
    let tokens = Tensor::cat(&tokens, 3)?;
    let numbers = tokens.dim(3)?;
    let out = recurrence(&tokens.reshape((batch * heads, n, numbers))?.contiguous()?, head, erase)?;
    let out = out.reshape((batch, heads, n, ()))?;
    let out = match mixer {
        Mixer::Linear => out.narrow(3, 0, head)?.broadcast_div(&out.narrow(3, head, 1)?)?,
        _ => rms_norm(net, &format!("{layer}.mixer.norm"), &out)?,
    };
    let out = out.transpose(1, 2)?.contiguous()?.reshape((batch, n, heads * head))?;
    project(&out, get("out")?)
}

/// elu + 1.
fn features(x: &Tensor) -> Result<Tensor> {
    Ok((x.elu(1.0)? + 1.0)?)
}

/// log σ(x) / 16, by way of −log(1 + e^−x).
fn log_gate(x: &Tensor) -> Result<Tensor> {
    // Where e^−x is beyond f32, log(1 + e^−x) is −x to the last digit.
    let small = x.clamp(-80.0, f64::INFINITY)?;
    Ok(((small.neg()?.exp()? + 1.0)?.log()?.neg()? / ROOT)?)
}

/// Each row brought to length 1.
fn unit(x: &Tensor) -> Result<Tensor> {
    let length = (x.sqr()?.sum_keepdim(D::Minus1)? + 1e-6)?.sqrt()?;
    Ok(x.broadcast_div(&length)?)
}
