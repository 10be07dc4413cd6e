//! Chapter 5: one more token, with a cache and without, at several lengths of the text.

use crate::sitting::{Sitting, timed};
use anyhow::{Result, ensure};
use attn_bench::{rounds::in_turn, table::Line};
use attn_core::{Mask, random::Random};
use ch04_multi_head::rotary_self_attention;
use ch05_kv_cache::{
    cached_layer,
    given::{AttentionLayer, KvCache, Layout, Rotary},
    rewind,
};
use ndarray::{Array2, s};

const D_MODEL: usize = 512;
const HEADS: usize = 8;
const ROTARY: Rotary = Rotary { base: 10_000.0, layout: Layout::Interleaved };
/// Tokens that are there before the one that is measured.
const BEFORE: [usize; 7] = [63, 127, 255, 511, 1023, 2047, 4095];

/// A step of a layer with a cache, in turn with the same step by a pass over the whole text.
pub fn measure(sitting: &mut Sitting) -> Result<()> {
    println!("\nOne more token of a layer, d_model = {D_MODEL}, {HEADS} heads; tokens/s");
    let mut random = Random::new(5);
    let mut weights = || random.normal((D_MODEL, D_MODEL)) / (D_MODEL as f32).sqrt();
    let [w_q, w_k, w_v, w_o] = [weights(), weights(), weights(), weights()];
    let layer = AttentionLayer { w_q, w_k, w_v, w_o, h: HEADS };
    for before in BEFORE {
        let text: Array2<f32> = random.normal((before + 1, D_MODEL));
        let (old, new) = (text.slice(s![..before, ..]), text.slice(s![before.., ..]));
        let d = D_MODEL / HEADS;
        let mut cache = KvCache::new(HEADS, before + 1, d, d);
        cached_layer(&layer, &mut cache, old, ROTARY)?;
        let mut step = || -> Result<Array2<f32>> {
            let row = cached_layer(&layer, &mut cache, new, ROTARY)?;
            rewind(&mut cache, 1)?;
            Ok(row)
        };
        let whole = || rotary_self_attention(&layer, text.view(), ROTARY, &Mask::Causal);
        let furthest =
            (&step()? - &whole().slice(s![before.., ..])).fold(0.0_f32, |m, x| m.max(x.abs()));
        ensure!(furthest < 1e-4, "the two differ by {furthest}");
        // Short steps many times, so that the clock can tell.
        let times = 1 + 4096 / (before + 1);
        let with = timed(|| (0..times).map(|_| step()).collect::<Result<Vec<_>>>());
        let without = timed(|| (0..times).map(|_| whole()).collect::<Vec<_>>());
        let measured = in_turn(sitting.rounds, vec![with, without])?;
        let name = format!("{} tokens", before + 1);
        let without = Some(("without", &measured[1]));
        let line = Line::rate("decode", name, "tokens/s", times as f64, &measured[0], without);
        sitting.table.add(line);
    }
    Ok(())
}
