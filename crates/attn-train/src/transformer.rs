//! The Transformer, as `attn-dates` states it.

use crate::{
    batch::{Batch, tensor},
    net::{Net, Output, project, softmax},
};
use anyhow::Result;
use attn_dates::{HEADS, LAYERS, POSITIONS, WIDTH};
use candle_core::{Device, Tensor};
use candle_nn::{ops::layer_norm_slow, rotary_emb::rope_i_slow};

const HEAD: usize = WIDTH / HEADS;

/// All logits of a batch under teacher forcing.
pub fn forward(net: &Net, batch: &Batch) -> Result<Output> {
    let rope = Rope::new()?;
    let memory = encode(net, &rope, batch)?;
    let mut y = embed(net, "decoder", &batch.fed)?;
    let steps = y.dim(1)?;
    let causal = causal(steps)?;
    let padding = padding(batch)?;
    for layer in 0..LAYERS {
        let layer = format!("decoder.{layer}");
        let x = norm(net, &format!("{layer}.norm1"), &y)?;
        y = (y + heads(net, &format!("{layer}.self"), &x, &x, &causal, Some(&rope))?)?;
        let x = norm(net, &format!("{layer}.norm2"), &y)?;
        y = (y + heads(net, &format!("{layer}.cross"), &x, &memory, &padding, None)?)?;
        let x = norm(net, &format!("{layer}.norm3"), &y)?;
        y = (y + feed(net, &layer, &x)?)?;
    }
    let y = norm(net, "decoder.norm", &y)?;
    Ok(Output { logits: net.linear("readout", &y)?, alignment: None })
}

/// The memory: batch × m × 64.
fn encode(net: &Net, rope: &Rope, batch: &Batch) -> Result<Tensor> {
    let mut x = embed(net, "encoder", &batch.source)?;
    let padding = padding(batch)?;
    for layer in 0..LAYERS {
        let layer = format!("encoder.{layer}");
        let y = norm(net, &format!("{layer}.norm1"), &x)?;
        x = (x + heads(net, &format!("{layer}.self"), &y, &y, &padding, Some(rope))?)?;
        let y = norm(net, &format!("{layer}.norm2"), &x)?;
        x = (x + feed(net, &layer, &y)?)?;
    }
    norm(net, "encoder.norm", &x)
}

fn embed(net: &Net, part: &str, rows: &[Vec<u32>]) -> Result<Tensor> {
    let ids = tensor(rows)?;
    let (batch, width) = ids.dims2()?;
    let table = net.get(&format!("{part}.embedding"))?;
    Ok(table.index_select(&ids.flatten_all()?, 0)?.reshape((batch, width, WIDTH))?)
}

fn norm(net: &Net, name: &str, x: &Tensor) -> Result<Tensor> {
    let weight = net.get(&format!("{name}.weight"))?;
    let bias = net.get(&format!("{name}.bias"))?;
    Ok(layer_norm_slow(x, weight, bias, 1e-5)?)
}

fn feed(net: &Net, layer: &str, x: &Tensor) -> Result<Tensor> {
    let inner = net.linear(&format!("{layer}.feed.in"), x)?.relu()?;
    net.linear(&format!("{layer}.feed.out"), &inner)
}

/// Multi-head attention of `a` over `b`; the mask is broadcast over batch × heads × n × m.
fn heads(
    net: &Net,
    name: &str,
    a: &Tensor,
    b: &Tensor,
    mask: &Tensor,
    rope: Option<&Rope>,
) -> Result<Tensor> {
    let (batch, n, _) = a.dims3()?;
    let split = |x: &Tensor, matrix: &str| -> Result<Tensor> {
        let x = project(x, net.get(&format!("{name}.{matrix}"))?)?;
        let rows = x.dim(1)?;
        Ok(x.reshape((batch, rows, HEADS, HEAD))?.transpose(1, 2)?.contiguous()?)
    };
    let (mut q, mut k, v) = (split(a, "query")?, split(b, "key")?, split(b, "value")?);
    if let Some(rope) = rope {
        q = rope.turn(&q)?;
        k = rope.turn(&k)?;
    }
    // The queries are fewer numbers than the scores; √16 is a power of two, so it is the same.
    let q = (q / (HEAD as f64).sqrt())?;
    let weights = softmax(&q.matmul(&k.t()?)?.broadcast_add(mask)?)?;
    let out = weights.matmul(&v)?.transpose(1, 2)?.contiguous()?;
    project(&out.reshape((batch, n, WIDTH))?, net.get(&format!("{name}.out"))?)
}

fn padding(batch: &Batch) -> Result<Tensor> {
    Ok(batch.source_mask()?.unsqueeze(1)?.unsqueeze(1)?)
}

fn causal(n: usize) -> Result<Tensor> {
    let rows =
        (0..n).flat_map(|i| (0..n).map(move |j| if j <= i { 0.0 } else { f32::NEG_INFINITY }));
    Ok(Tensor::from_vec(rows.collect::<Vec<f32>>(), (n, n), &Device::Cpu)?)
}

/// The table of rotations.
struct Rope {
    cos: Tensor,
    sin: Tensor,
}

impl Rope {
    fn new() -> Result<Self> {
        let angles = (0..POSITIONS).flat_map(|p| {
            (0..HEAD / 2).map(move |i| p as f64 * 10_000_f64.powf(-2.0 * i as f64 / HEAD as f64))
        });
        let angles: Vec<f64> = angles.collect();
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|angle| f(*angle) as f32).collect();
            Tensor::from_vec(values, (POSITIONS, HEAD / 2), &Device::Cpu)
        };
        Ok(Rope { cos: table(f64::cos)?, sin: table(f64::sin)? })
    }

    fn turn(&self, x: &Tensor) -> Result<Tensor> {
        Ok(rope_i_slow(x, &self.cos, &self.sin)?)
    }
}
