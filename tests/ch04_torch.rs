//! Chapter 4 against PyTorch: the reference, and the f64 oracle that the judges trust.
//! `oracles/ch04.py` made the file.

use anyhow::{Result, ensure};
use attn_core::Mask;
use ch04_multi_head::{
    AttentionLayer, DecoderBlock, FeedForward, LayerNorm, Layout, Rotary, decoder_block,
    head_weights, layer_norm, multi_head_attention, oracle, rope,
};
use integration::{Case, Recording, agree};
use ndarray::{Array2, Array3, Ix0};

fn wide(x: &Array2<f32>) -> Array2<f64> {
    x.mapv(f64::from)
}

fn layout(name: &str) -> Result<Layout> {
    match name.split(' ').next() {
        Some("interleaved") => Ok(Layout::Interleaved),
        Some("half") => Ok(Layout::Half),
        _ => anyhow::bail!("{name}: which layout is this?"),
    }
}

fn layer(case: &Case, prefix: &str) -> Result<AttentionLayer> {
    let matrix = |name: &str| case.f32(&format!("{prefix}{name}"));
    let [w_q, w_k, w_v, w_o] = [matrix("w_q")?, matrix("w_k")?, matrix("w_v")?, matrix("w_o")?];
    Ok(AttentionLayer::new(w_q, w_k, w_v, w_o, case.number("h")?)?)
}

#[test]
fn both_layouts_of_rope_are_as_stated() -> Result<()> {
    let mut tried = 0;
    for (name, case) in Recording::read("ch04.safetensors")?.cases("rope")? {
        let (x, start) = (case.f32("x")?, case.number("start")?);
        let rotary =
            Rotary { base: case.f32::<Ix0>("base")?.into_scalar(), layout: layout(&name)? };
        agree(
            &name,
            &oracle::rope(&wide(&x), start, rotary),
            &rope(x.view(), start, rotary),
            &oracle::rope(&x, start, rotary),
            case.f64("out")?,
        )?;
        tried += 1;
    }
    ensure!(tried == 8, "{tried} cases");
    Ok(())
}

#[test]
fn multi_head_attention_is_torchs_module() -> Result<()> {
    let mut looked = 0;
    for (name, case) in Recording::read("ch04.safetensors")?.cases("multi_head")? {
        let layer = layer(&case, "")?;
        let (x, memory): (Array2<f32>, Array2<f32>) = (case.f32("x")?, case.f32("memory")?);
        let mask = match name.split(' ').next() {
            Some("none") => Mask::None,
            Some("causal") => Mask::Causal,
            Some("padding") => Mask::Padding(case.flags("padding_keys")?),
            _ => anyhow::bail!("{name}: which mask is this?"),
        };
        agree(
            &name,
            &oracle::multi_head(&layer, &wide(&x), &wide(&memory), None, &mask),
            &multi_head_attention(&layer, x.view(), memory.view(), &mask),
            &oracle::multi_head(&layer, &x, &memory, None, &mask),
            case.f64("out")?,
        )?;
        if case.has("weights") {
            let torch: Array3<f64> = case.f64("weights")?;
            let ours = head_weights(&layer, x.view(), memory.view(), None, &mask);
            let furthest = (&ours.mapv(f64::from) - &torch).fold(0.0_f64, |m, x| m.max(x.abs()));
            ensure!(furthest < 1e-6, "{name}: a weight is off by {furthest:e}");
            looked += 1;
        }
    }
    ensure!(looked >= 5, "only {looked} cases have weights");
    Ok(())
}

#[test]
fn layer_norm_is_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch04.safetensors")?.cases("layer_norm")? {
        let x = case.f32("x")?;
        let norm = LayerNorm { gain: case.f32("gain")?, bias: case.f32("bias")? };
        agree(
            &name,
            &oracle::layer_norm(&wide(&x), &norm),
            &layer_norm(x.view(), &norm),
            &oracle::layer_norm(&x, &norm),
            case.f64("out")?,
        )?;
    }
    Ok(())
}

#[test]
fn a_decoders_block_is_the_one_made_of_torchs_parts() -> Result<()> {
    for (name, case) in Recording::read("ch04.safetensors")?.cases("block")? {
        let norm = |i: usize| -> Result<LayerNorm> {
            Ok(LayerNorm {
                gain: case.f32(&format!("gain_{i}"))?,
                bias: case.f32(&format!("bias_{i}"))?,
            })
        };
        let block = DecoderBlock {
            norm_1: norm(1)?,
            self_attention: layer(&case, "own_")?,
            rotary: Rotary { base: 100.0, layout: layout(&name)? },
            norm_2: norm(2)?,
            cross_attention: layer(&case, "cross_")?,
            norm_3: norm(3)?,
            feed_forward: FeedForward {
                w_1: case.f32("w_1")?,
                b_1: case.f32("b_1")?,
                w_2: case.f32("w_2")?,
                b_2: case.f32("b_2")?,
            },
        };
        let (x, memory): (Array2<f32>, Array2<f32>) = (case.f32("x")?, case.f32("memory")?);
        agree(
            &name,
            &oracle::decoder_block(&block, &wide(&x), &wide(&memory), &Mask::None),
            &decoder_block(&block, x.view(), memory.view(), &Mask::None),
            &oracle::decoder_block(&block, &x, &memory, &Mask::None),
            case.f64("out")?,
        )?;
    }
    Ok(())
}
