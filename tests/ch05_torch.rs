//! Chapter 5 against PyTorch: texts that torch computes whole, and the course in chunks. `oracles/ch05.py` made the file.

use anyhow::{Result, bail, ensure};
use attn_core::Mask;
use ch04_multi_head::oracle;
use ch05_kv_cache::{
    cached_layer, cross_attention,
    given::{AttentionLayer, KvCache, Layout, Projections, RingCache, Rotary},
    window_attention,
};
use integration::{Case, Recording, agree};
use ndarray::{Array2, Array3, Axis, Ix0, NdFloat, concatenate, s};

/// Ways to cut `tokens`: not at all, token by token, unevenly, and a long prompt before single tokens.
fn cuts(tokens: usize) -> Vec<Vec<usize>> {
    let mut uneven = vec![];
    while uneven.iter().sum::<usize>() < tokens {
        let left = tokens - uneven.iter().sum::<usize>();
        uneven.push(left.min(1 + 4 * uneven.len() % 7));
    }
    let mut prompt = vec![tokens - tokens / 3];
    prompt.extend(vec![1; tokens / 3]);
    vec![vec![tokens], vec![1; tokens], uneven, prompt]
}

/// Where each chunk begins and ends.
fn places(cuts: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    cuts.iter().scan(0, |start, length| {
        let from = *start;
        *start += length;
        Some((from, *start))
    })
}

fn layer(case: &Case) -> Result<AttentionLayer> {
    let [w_q, w_k, w_v, w_o] =
        [case.f32("w_q")?, case.f32("w_k")?, case.f32("w_v")?, case.f32("w_o")?];
    Ok(AttentionLayer::new(w_q, w_k, w_v, w_o, case.number("h")?)?)
}

#[test]
fn a_cached_layer_is_torchs_pass_over_the_whole_text() -> Result<()> {
    let mut tried = 0;
    for (name, case) in Recording::read("ch05.safetensors")?.cases("layer")? {
        let (layer, x) = (layer(&case)?, case.f32::<ndarray::Ix2>("x")?);
        let layout = match name.split(' ').next() {
            Some("interleaved") => Layout::Interleaved,
            Some("half") => Layout::Half,
            _ => bail!("{name}: which layout is this?"),
        };
        let rotary = Rotary { base: case.f32::<Ix0>("base")?.into_scalar(), layout };
        let wide = oracle::multi_head(
            &layer,
            &x.mapv(f64::from),
            &x.mapv(f64::from),
            Some(rotary),
            &Mask::Causal,
        );
        let loops = oracle::multi_head(&layer, &x, &x, Some(rotary), &Mask::Causal);
        let (h, d) = (layer.h, layer.w_k.ncols() / layer.h);
        for cuts in cuts(x.nrows()) {
            let mut cache = KvCache::new(h, x.nrows(), d, d);
            let mut rows = Array2::zeros((0, x.ncols()));
            for (from, to) in places(&cuts) {
                let chunk = cached_layer(&layer, &mut cache, x.slice(s![from..to, ..]), rotary)?;
                rows.append(Axis(0), chunk.view())?;
            }
            agree(&format!("{name}, cut {cuts:?}"), &wide, &rows, &loops, case.f64("out")?)?;
            tried += 1;
        }
    }
    ensure!(tried == 8 * 4, "{tried} cuts");
    Ok(())
}

fn windows<F: NdFloat>(q: &Array3<f32>, k: &Array3<f32>, v: &Array3<f32>, w: usize) -> Array3<F> {
    let (h, t, _) = q.dim();
    let may = Array2::from_shape_fn((t, t), |(i, j)| j <= i && i < j + w);
    let mut out = Array3::zeros((h, t, v.dim().2));
    for (head, mut out) in out.outer_iter_mut().enumerate() {
        let [q, k, v] = [q, k, v].map(|x| x.index_axis(Axis(0), head));
        out.assign(&attn_oracle::attention::<F>(q, k, v, &Mask::Dense(may.clone())).out);
    }
    out
}

#[test]
fn the_ring_is_torchs_attention_under_a_band() -> Result<()> {
    for (name, case) in Recording::read("ch05.safetensors")?.cases("window")? {
        let [q, k, v]: [Array3<f32>; 3] = [case.f32("q")?, case.f32("k")?, case.f32("v")?];
        let ((h, t, d), w) = (q.dim(), case.number("window")?);
        for cuts in cuts(t) {
            let mut ring = RingCache::new(h, w, d, v.dim().2);
            let mut out = Array3::zeros((h, 0, v.dim().2));
            for (from, to) in places(&cuts) {
                let [q, k, v] = [&q, &k, &v].map(|x| x.slice(s![.., from..to, ..]));
                out = concatenate![Axis(1), out, window_attention(&mut ring, q, k, v)];
            }
            let name = format!("{name}, cut {cuts:?}");
            let (wide, loops) = (windows(&q, &k, &v, w), windows(&q, &k, &v, w));
            agree(&name, &wide, &out, &loops, case.f64("out")?)?;
        }
    }
    Ok(())
}

#[test]
fn cross_attention_with_a_cache_is_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch05.safetensors")?.cases("cross")? {
        let (layer, x, memory) =
            (layer(&case)?, case.f32::<ndarray::Ix2>("x")?, case.f32::<ndarray::Ix2>("memory")?);
        let wide = oracle::multi_head(
            &layer,
            &x.mapv(f64::from),
            &memory.mapv(f64::from),
            None,
            &Mask::None,
        );
        let loops = oracle::multi_head(&layer, &x, &memory, None, &Mask::None);
        for cuts in cuts(x.nrows()) {
            let (mut projections, mut kept) = (Projections::new(layer.clone()), None);
            let mut out = Array2::zeros((0, x.ncols()));
            for (from, to) in places(&cuts) {
                let chunk = x.slice(s![from..to, ..]);
                let found = cross_attention(&mut projections, &mut kept, chunk, memory.view());
                out.append(Axis(0), found.view())?;
            }
            agree(&format!("{name}, cut {cuts:?}"), &wide, &out, &loops, case.f64("out")?)?;
        }
    }
    Ok(())
}
