//! The book's table of costs against what the chapters' own code keeps, reads and counts.

use attn_core::random::Random;
use attn_paths::{Layer, Variant};
use attn_ring::{Part, Sizes, threads};
use ch05_kv_cache::{
    append,
    given::{KvCache, RingCache},
    window_attention,
};
use ch06_mqa_gqa::{Cache, grouped_decode};
use ch07_mla::{
    cheaper_form,
    given::{Latents, Shape},
};
use ch09_flash_cuda::{Device, Inputs, Rung, attention};
use ch10_paged::{
    given::{Blocks, Table},
    grow,
};
use ch11_linear::{Recurrence, given::State, linear_step};
use ch12_sparse::{costs::of_a_query, given::Stream, stream_step};
use ndarray::{Array1, Array2};

/// Small, and no two sizes alike.
const LAYER: Layer = Layer {
    h: 6,
    h_kv: 2,
    d: 4,
    d_v: 3,
    d_c: 5,
    d_r: 2,
    w: 7,
    block: 8,
    sinks: 1,
    keep: 9,
    h_i: 10,
    d_i: 11,
};

const LENGTHS: [usize; 4] = [1, 7, 8, 20];

fn kept(name: &str, m: usize) -> usize {
    (Variant::named(name).kept.of)(&LAYER, m)
}

fn step(name: &str, m: usize) -> usize {
    (Variant::named(name).step.of)(&LAYER, m)
}

#[test]
fn a_decoding_step_reads_what_is_kept() {
    let mut random = Random::new(1);
    let Layer { h, h_kv, d, d_v, .. } = LAYER;
    for m in LENGTHS {
        for (name, heads) in [("MHA", h), ("GQA", h_kv), ("MQA", 1)] {
            let cache = Cache::new(random.normal((heads, m, d)), random.normal((heads, m, d_v)));
            let out = grouped_decode(random.normal((h, d)).view(), &cache);
            assert_eq!(out.dim(), (h, d_v));
            assert_eq!(cache.numbers_read(), kept(name, m), "{name}, {m} tokens");
        }
    }
}

#[test]
fn what_is_kept_is_what_the_chapters_hold() {
    let mut random = Random::new(1);
    let Layer { h, d, d_v, d_c, d_r, w, block, .. } = LAYER;
    for m in LENGTHS {
        let mut cache = KvCache::new(h, m, d, d_v);
        let (k, v) = (random.normal((h, m, d)), random.normal((h, m, d_v)));
        append(&mut cache, k.view(), v.view(), 0).expect("room");
        assert_eq!(cache.keys.len() + cache.values.len(), kept("MHA", m));

        let mut ring = RingCache::new(h, w, d, d_v);
        let _ = window_attention(&mut ring, k.view(), k.view(), v.view());
        let used = ring.tokens.min(ring.window());
        assert_eq!((ring.keys.len() + ring.values.len()) * used / w, kept("window", m));

        let mut latents = Latents::empty(d_c, d_r);
        for _ in 0..m {
            latents.append(&Latents { c: Array2::ones((1, d_c)), k_r: Array2::ones((1, d_r)) });
        }
        assert_eq!(latents.numbers(), kept("MLA", m));

        let (mut blocks, mut table) = (Blocks::new(m, block), Table::default());
        grow(&mut blocks, &mut table, m).expect("enough blocks");
        assert_eq!(table.blocks.len() * block * h * (d + d_v), kept("paged", m));
    }
}

/// However many tokens come, the states stay as large as they were.
#[test]
fn a_state_does_not_grow() {
    let mut random = Random::new(1);
    let Layer { h, d, d_v, .. } = LAYER;
    let mut state = State::empty(d, d_v);
    let mut held = Array2::<f64>::zeros((d, d_v));
    for m in 1..50 {
        let (q, k, v): (Array2<f32>, Array2<f32>, Array2<f32>) =
            (random.uniform((1, d)), random.uniform((1, d)), random.normal((1, d_v)));
        let [q, k, v] = [q, k, v].map(|x| x.mapv(f64::from));
        let _ = linear_step(&mut state, q.row(0), k.row(0), v.row(0));
        Recurrence::plain()
            .recurrent(&mut held, q.view(), k.view(), v.view())
            .expect("sizes that fit");
        assert_eq!(h * (state.s.len() + state.z.len()), kept("linear", m));
        assert_eq!(h * held.len(), kept("delta rule", m));
    }
}

#[test]
fn latent_attention_costs_what_chapter_7_counts() {
    let Layer { h, d, d_r, d_v, d_c, .. } = LAYER;
    let shape = Shape { h, d, d_r, d_v, d_c };
    for m in LENGTHS {
        assert_eq!(step("MLA", m), cheaper_form(&shape, 1, m).absorbed);
        let text = (Variant::named("MLA").text.of)(&LAYER, m);
        assert_eq!(text, cheaper_form(&shape, m, m).naive);
    }
}

/// A kernel counts every FLOP that it does. Beside the products of the closed form there are, for each pair,
/// the scale, the maximum, the exponential and the sum.
#[test]
fn attention_costs_what_a_kernel_counts() {
    let (h, n, d) = (2, 40, 64);
    let layer = Layer { h, h_kv: h, d, d_v: d, ..LAYER };
    let mut random = Random::new(1);
    let mut tensor = || random.normal((h, n, d));
    let inputs = Inputs { q: tensor(), k: tensor(), v: tensor(), causal: false };
    let outcome = attention(&mut Device::simulator(), Rung::Naive, &inputs).expect("it runs");
    let counted: u64 = outcome.reports.iter().map(|report| report.total.flops).sum();
    let formula = (Variant::named("MHA").text.of)(&layer, n) as f64;
    let more = counted as f64 / formula - 1.0;
    assert!((0.0..0.12).contains(&more), "{counted} FLOPs counted, {formula} in the products");
    // One query among n keys, the step, is a row of that.
    assert_eq!((Variant::named("MHA").step.of)(&layer, n) * n, formula as usize);
}

/// A stream of chapter 12, with its first token kept.
#[test]
fn a_stream_keeps_its_sinks_and_its_window() {
    let mut random = Random::new(1);
    let Layer { h, d, d_v, w, sinks, .. } = LAYER;
    let mut stream = Stream::new(sinks, w);
    for m in 1..30 {
        let (q, k, v): (Array1<f32>, Array1<f32>, Array1<f32>) =
            (random.normal(d), random.normal(d), random.normal(d_v));
        let [q, k, v] = [q, k, v].map(|x| x.mapv(f64::from));
        let _ = stream_step(&mut stream, q.view(), k.view(), v.view());
        let held: usize =
            [&stream.keys, &stream.values].into_iter().flatten().map(|x| x.len()).sum();
        assert_eq!(h * held, kept("window and sinks", m));
        // A multiplication and an addition for each number that is read.
        assert_eq!(2 * h * held, step("window and sinks", m));
    }
}

/// DeepSeek-V3.2's own sizes, for which chapter 12 has the costs of a query.
#[test]
fn a_choice_costs_what_chapter_12_counts() {
    let layer = Layer { h: 128, ..Layer::EXAMPLE };
    let best = Variant::named("MLA, the best k");
    // What the absorbed form does once for each query, however long the text is.
    let absorbed = 2 * layer.h * layer.d_c * (layer.d + layer.d_v);
    for m in [1, 2048, 2049, 131_072] {
        let [all, _, chosen] = of_a_query(m as u64, layer.keep as u64).map(|flops| flops as usize);
        assert_eq!((best.step.of)(&layer, m) - absorbed, chosen);
        assert_eq!((Variant::named("MLA").step.of)(&layer, m) - absorbed, all);
        assert_eq!((best.text.of)(&layer, m), m * (best.step.of)(&layer, m));
        // The keys of the indexer, and the latents of those that are chosen.
        assert_eq!(best.read(&layer, m), 128 * m + 576 * m.min(2048));
    }
}

#[test]
fn a_ring_sends_what_the_formula_says() {
    let Layer { h, h_kv, d, d_v, .. } = LAYER;
    for (m, size) in [(12, 3), (13, 4), (5, 7)] {
        let sizes = Sizes { h, h_kv, n: m, m, d, d_v, causal: true };
        let Part { q, k, v } = Part::seeded(&sizes, 1, 0, 1);
        let run = threads(q.view(), k.view(), v.view(), true, size).expect("it runs");
        // What GQA keeps, four bytes a number, and P − 1 steps on.
        let formula = 4 * kept("GQA", m) * (size - 1);
        assert_eq!(run.sent.iter().sum::<u64>(), formula as u64);
    }
}

/// A whole text is n steps wherever a step costs the same after every token.
#[test]
fn a_text_is_its_steps_where_nothing_grows() {
    for name in ["linear", "delta rule"] {
        let variant = Variant::named(name);
        assert_eq!((variant.text.of)(&LAYER, 9), 9 * (variant.step.of)(&LAYER, 9));
    }
    let short = Layer { w: 100, ..LAYER };
    let (window, all) = (Variant::named("window"), Variant::named("MHA"));
    assert_eq!((window.text.of)(&short, 9), (all.text.of)(&short, 9));
}
