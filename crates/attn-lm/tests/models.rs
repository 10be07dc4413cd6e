//! The models by the plainest attention there is, without a cache: they give what candle gave when they
//! were trained.

use attn_lm::{
    Attention, AttentionWeights, CONTEXT, EPSILON, Grouped, HEAD, LanguageModel, Latent, Model,
    ROPE_BASE, Weights, quatrains, rms_norm,
    text::{self, VOCABULARY},
};
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use std::convert::Infallible;

/// Attends among the tokens of one call.
struct Naive<'a>(&'a LanguageModel);

impl Attention for Naive<'_> {
    type Error = Infallible;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Infallible> {
        Ok(match &self.0.attention[layer] {
            AttentionWeights::Grouped(weights) => grouped(weights, x),
            AttentionWeights::Latent(weights) => latent(weights, x),
        })
    }
}

fn rope(x: ArrayView2<f32>) -> Array2<f32> {
    let d = x.ncols();
    Array2::from_shape_fn(x.dim(), |(position, c)| {
        let angle = position as f32 * ROPE_BASE.powf(-((c / 2 * 2) as f32) / d as f32);
        let other = x[[position, c ^ 1]];
        let sign = if c % 2 == 0 { -1.0 } else { 1.0 };
        x[[position, c]] * angle.cos() + sign * other * angle.sin()
    })
}

fn one_head(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>) -> Array2<f32> {
    let mut out = Array2::zeros((q.nrows(), v.ncols()));
    for (i, mut out) in out.rows_mut().into_iter().enumerate() {
        let scores = k.slice(s![..=i, ..]).dot(&q.row(i)) / (q.ncols() as f32).sqrt();
        let weights = scores.mapv(f32::exp);
        out.assign(&(weights.dot(&v.slice(s![..=i, ..])) / weights.sum()));
    }
    out
}

fn columns(x: &Array2<f32>, head: usize, width: usize) -> ArrayView2<'_, f32> {
    x.slice(s![.., head * width..(head + 1) * width])
}

fn beside(heads: &[Array2<f32>]) -> Array2<f32> {
    let views: Vec<_> = heads.iter().map(|x| x.view()).collect();
    concatenate(Axis(1), &views).unwrap()
}

fn grouped(weights: &Grouped, x: ArrayView2<f32>) -> Array2<f32> {
    let (q, k, v) = (x.dot(&weights.w_q), x.dot(&weights.w_k), x.dot(&weights.w_v));
    let group = weights.heads / weights.kv_heads;
    let heads = (0..weights.heads).map(|head| {
        let q = rope(columns(&q, head, HEAD));
        let k = rope(columns(&k, head / group, HEAD));
        one_head(q.view(), k.view(), columns(&v, head / group, HEAD))
    });
    beside(&heads.collect::<Vec<_>>()).dot(&weights.w_o)
}

fn latent(weights: &Latent, x: ArrayView2<f32>) -> Array2<f32> {
    let q = x.dot(&weights.w_q);
    let c = rms_norm(x.dot(&weights.w_dkv).view(), weights.norm.view(), EPSILON);
    let (k, v) = (c.dot(&weights.w_uk), c.dot(&weights.w_uv));
    let shared = rope(x.dot(&weights.w_kr).view());
    let width = q.ncols() / weights.heads;
    let heads = (0..weights.heads).map(|head| {
        let q = columns(&q, head, width);
        let (content, rotary) = q.split_at(Axis(1), HEAD);
        let q = concatenate![Axis(1), content, rope(rotary)];
        let k = concatenate![Axis(1), columns(&k, head, HEAD), shared];
        one_head(q.view(), k.view(), columns(&v, head, HEAD))
    });
    beside(&heads.collect::<Vec<_>>()).dot(&weights.w_o)
}

fn logits(model: Model, language_model: &LanguageModel, text: &str) -> Array2<f32> {
    let numbers = model.alphabet().encode(text).unwrap();
    let Ok(logits) = language_model.logits(&numbers, &mut Naive(language_model));
    logits
}

#[test]
fn the_logits_are_those_of_the_training_program() {
    for model in Model::ALL {
        let language_model = LanguageModel::trained(model);
        for (text, expected) in fixtures(model) {
            let logits = logits(model, &language_model, &text);
            let last = logits.slice(s![logits.nrows() - expected.nrows().., ..]);
            let apart = (&last - &expected).mapv(f32::abs).fold(0.0, |a: f32, b| a.max(*b));
            println!("{model}, {} characters: {apart:.1e}", logits.nrows());
            assert!(apart < 2e-4, "{model}, {} characters: {apart}", logits.nrows());
        }
    }
}

/// The file's own loss is of many passages; these are the first of them.
#[test]
fn the_models_predict_text_that_they_never_saw() {
    let text = &text::held_out()[..8 * CONTEXT + 1];
    for model in Model::NOVEL {
        let weights = Weights::trained(model);
        let language_model = LanguageModel::new(&weights);
        let mut sum = 0.0;
        for start in (0..8 * CONTEXT).step_by(CONTEXT) {
            let passage = &text[start..=start + CONTEXT];
            let logits = logits(model, &language_model, &passage[..CONTEXT]);
            let wanted = text::encode(&passage[1..]).unwrap();
            for (row, wanted) in logits.rows().into_iter().zip(wanted) {
                sum += row.mapv(f32::exp).sum().ln() - row[wanted];
            }
        }
        let loss = sum / (8 * CONTEXT) as f32;
        let stated: f32 = weights.about("loss").parse().unwrap();
        println!("{model}: {loss:.3} here, {stated} on all held-out text");
        assert!((loss - stated).abs() < 0.15, "{model}: {loss}, {stated}");
        assert!(stated < (VOCABULARY as f32).ln() / 2.0, "{model}");
        assert_eq!(weights.about("data"), model.title());
        assert!(
            weights.about("command").starts_with(&format!("attn-train train {model} --seed 1 "))
        );
    }
}

#[test]
fn the_poems_are_known_by_heart() {
    let model = Model::Quatrains;
    let language_model = LanguageModel::trained(model);
    for poem in quatrains::poems() {
        let mut text: String = poem.text.chars().take(5).collect();
        for _ in 5..25 {
            let logits = logits(model, &language_model, &text);
            let last = logits.row(logits.nrows() - 1);
            let best = (0..last.len()).max_by(|a, b| last[*a].total_cmp(&last[*b])).unwrap();
            text += &model.alphabet().decode(&[best]);
        }
        assert_eq!(text, format!("{}\n", poem.text));
    }
}

#[test]
fn an_untrained_model_of_each_kind_has_finite_logits() {
    for model in Model::ALL {
        let language_model = LanguageModel::new(&Weights::random(model, 3));
        let text = if model == Model::Quatrains {
            "床前看月光，疑是地上霜。"
        } else {
            "It is a truth"
        };
        let logits = logits(model, &language_model, text);
        assert_eq!(logits.dim(), (text.chars().count(), model.alphabet().len()));
        assert!(logits.iter().all(|x| x.is_finite()), "{model}");
    }
}

/// The texts whose logits candle computed, and these of the last characters.
fn fixtures(model: Model) -> Vec<(String, Array2<f32>)> {
    let path = format!("{}/fixtures/{model}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let fixture = |i: usize| {
        let text = metadata.get(&format!("{i}.text"))?.clone();
        let view = file.tensor(&format!("{i}.logits")).unwrap();
        let (numbers, _) = view.data().as_chunks();
        let numbers = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let shape = (view.shape()[0], view.shape()[1]);
        Some((text, Array2::from_shape_vec(shape, numbers).unwrap()))
    };
    let fixtures: Vec<_> = (0..).map_while(fixture).collect();
    assert_eq!(fixtures.len(), 3);
    fixtures
}
