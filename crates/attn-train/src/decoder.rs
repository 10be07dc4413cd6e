//! The language models, as `attn-lm` states them.

use crate::{
    batch::tensor,
    causal_softmax::causal_softmax,
    model::Model,
    net::{Net, project},
};
use anyhow::{Result, bail};
use attn_lm::{HEAD, HEADS, ROPE_BASE, ROTARY, WIDTH};
use candle_core::{D, Device, Tensor};
use candle_nn::{ops::silu, rotary_emb::rope_i_slow};

/// All logits of some texts of one length: batch × n × vocabulary.
pub fn forward(net: &Net, texts: &[Vec<u32>]) -> Result<Tensor> {
    let Model::Text(model) = net.model else { bail!("{} continues no text", net.model) };
    let ids = tensor(texts)?;
    let (batch, n) = ids.dims2()?;
    const { assert!(HEAD == ROTARY) };
    let rope = Rope::new(n, HEAD)?;
    let embedded = net.get("embedding")?.index_select(&ids.flatten_all()?, 0)?;
    let mut x = embedded.reshape((batch, n, WIDTH))?;
    for layer in 0..model.layers() {
        let y = rms_norm(net, &format!("{layer}.norm1"), &x)?;
        let name = format!("{layer}.attention");
        let found = match model {
            attn_lm::Model::Mla => latent(net, &name, &y, &rope)?,
            _ => grouped(net, &name, &y, &rope, model.kv_heads())?,
        };
        x = (x + found)?;
        let y = rms_norm(net, &format!("{layer}.norm2"), &x)?;
        x = (x + feed_forward(net, layer, &y)?)?;
    }
    project(&rms_norm(net, "norm", &x)?, net.get("readout")?)
}

/// SwiGLU.
pub(crate) fn feed_forward(net: &Net, layer: usize, x: &Tensor) -> Result<Tensor> {
    let matrix = |name: &str| net.get(&format!("{layer}.feed.{name}"));
    let inner = (silu(&project(x, matrix("gate")?)?)? * project(x, matrix("up")?)?)?;
    project(&inner, matrix("down")?)
}

pub(crate) fn rms_norm(net: &Net, name: &str, x: &Tensor) -> Result<Tensor> {
    let root = (x.sqr()?.mean_keepdim(D::Minus1)? + 1e-5)?.sqrt()?;
    Ok(x.broadcast_div(&root)?.broadcast_mul(net.get(&format!("{name}.weight"))?)?)
}

/// batch × n × (heads·width) as batch × heads × n × width.
pub(crate) fn split(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, n, width) = x.dims3()?;
    Ok(x.reshape((batch, n, heads, width / heads))?.transpose(1, 2)?.contiguous()?)
}

/// Each key/value head serves `HEADS / kv_heads` neighbouring query heads.
fn grouped(net: &Net, name: &str, x: &Tensor, rope: &Rope, kv_heads: usize) -> Result<Tensor> {
    let projected = |matrix: &str| project(x, net.get(&format!("{name}.{matrix}"))?);
    let q = rope.turn(&split(&projected("query")?, HEADS)?)?;
    let k = rope.turn(&split(&projected("key")?, kv_heads)?)?;
    let v = split(&projected("value")?, kv_heads)?;
    project(&attend(&q, &k, &v)?, net.get(&format!("{name}.out"))?)
}

fn latent(net: &Net, name: &str, x: &Tensor, rope: &Rope) -> Result<Tensor> {
    let matrix = |matrix: &str| net.get(&format!("{name}.{matrix}"));
    let q = split(&project(x, matrix("query")?)?, HEADS)?;
    let turned = rope.turn(&q.narrow(3, HEAD, ROTARY)?.contiguous()?)?;
    let q = Tensor::cat(&[&q.narrow(3, 0, HEAD)?, &turned], 3)?;
    let c = rms_norm(net, &format!("{name}.norm"), &project(x, matrix("latent")?)?)?;
    let k = split(&project(&c, matrix("key")?)?, HEADS)?;
    let shared = rope.turn(&split(&project(x, matrix("rotary_key")?)?, 1)?)?;
    let (batch, _, n, _) = shared.dims4()?;
    let shared = shared.broadcast_as((batch, HEADS, n, ROTARY))?;
    let k = Tensor::cat(&[&k, &shared.contiguous()?], 3)?;
    let v = split(&project(&c, matrix("value")?)?, HEADS)?;
    project(&attend(&q, &k, &v)?, net.get(&format!("{name}.out"))?)
}

/// The heads' outputs side by side, batch × n × (heads·width). q: batch × heads × n × width; k, v: batch × kv heads × n ×
/// width.
pub(crate) fn attend(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let (batch, heads, n, width) = q.dims4()?;
    let kv_heads = k.dim(1)?;
    // The query heads of a group below each other, so that keys and values need no copies.
    let q = (q / (width as f64).sqrt())?;
    let q = q.reshape((batch, kv_heads, heads / kv_heads * n, width))?;
    let weights = causal_softmax(&q.matmul(&k.t()?)?)?;
    let out = weights.matmul(v)?.reshape((batch, heads, n, ()))?;
    Ok(out.transpose(1, 2)?.contiguous()?.reshape((batch, n, ()))?)
}

/// The table of rotations.
pub(crate) struct Rope {
    cos: Tensor,
    sin: Tensor,
}

impl Rope {
    /// Of `n` positions, for rows of this width.
    pub(crate) fn new(n: usize, width: usize) -> Result<Self> {
        let angles = (0..n).flat_map(|p| {
            (0..width / 2)
                .map(move |i| p as f64 * f64::from(ROPE_BASE).powf(-2.0 * i as f64 / width as f64))
        });
        let angles: Vec<f64> = angles.collect();
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|angle| f(*angle) as f32).collect();
            Tensor::from_vec(values, (n, width / 2), &Device::Cpu)
        };
        Ok(Rope { cos: table(f64::cos)?, sin: table(f64::sin)? })
    }

    pub(crate) fn turn(&self, x: &Tensor) -> Result<Tensor> {
        Ok(rope_i_slow(x, &self.cos, &self.sin)?)
    }
}
