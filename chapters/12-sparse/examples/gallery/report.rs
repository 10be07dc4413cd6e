//! What the demonstration prints.

use super::functions::FUNCTIONS;
use attn_core::heatmap::table;
use attn_lm::{LanguageModel, Model};
use ch12_sparse::{
    beside, gallery,
    given::Work,
    model::{Sees, kept_by_the_best, losses, mean_over, on_the_first, passages, weights},
    seeded::normal,
};
use ndarray::Array2;
use std::fmt::Write;

/// Tokens of a pattern in the gallery.
const N: usize = 12;
/// Passages of the novel that are read.
const PASSAGES: usize = 3;

pub fn report(cache: usize, sinks: usize, characters: usize) -> String {
    let mut text = String::new();
    shown(&mut text);
    let model = LanguageModel::trained(Model::Mha);
    streams(&mut text, &model, (cache, sinks), characters);
    heads(&mut text, &model);
    for (id, item, what) in beside::differences(&FUNCTIONS) {
        writeln!(text, "\n{id} {item} is not what the reference is:\n  {what}").expect("text");
    }
    text
}

/// The patterns, two beside each other, and what they cost.
fn shown(text: &mut String) {
    writeln!(text, "Who sees whom, of {N} tokens: rows are queries, columns are keys.")
        .expect("text");
    let drawn = gallery::patterns(N).into_iter().map(|(name, pattern)| {
        let rows: Vec<Vec<usize>> =
            (0..N).map(|i| (FUNCTIONS.pattern_row)(&pattern, i, N)).collect();
        let mut seen = Array2::from_elem((N, N), false);
        rows.iter()
            .enumerate()
            .for_each(|(i, row)| row.iter().filter(|&&j| j < N).for_each(|&j| seen[[i, j]] = true));
        let mut random = attn_core::random::Random::new(1);
        let x = normal(&mut random, (N, 4));
        // A row that names a token which does not exist has no key for it.
        let rows: Vec<Vec<usize>> =
            rows.into_iter().map(|row| row.into_iter().filter(|&j| j < N).collect()).collect();
        let mut work = Work::default();
        (FUNCTIONS.sparse_attention)(x.view(), x.view(), x.view(), &rows, &mut work);
        let mut lines = vec![name.to_string()];
        lines.extend(table(seen.view()).lines().map(|line| line.trim_end().to_string()));
        lines.push(format!("{} products of {}", work.products, N * N));
        lines
    });
    let drawn: Vec<Vec<String>> = drawn.collect();
    for trio in drawn.chunks(3) {
        for line in 0..N + 2 {
            let parts: Vec<String> =
                trio.iter().map(|lines| format!("{:<25}", lines[line])).collect();
            writeln!(text, "  {}", parts.concat().trim_end()).expect("text");
        }
        writeln!(text).expect("text");
    }
}

/// Loss against position.
fn streams(
    text: &mut String,
    model: &LanguageModel,
    (cache, sinks): (usize, usize),
    characters: usize,
) {
    let borders: Vec<usize> = [0, 64, 128, 256, 512, 1024, 2048, 4096]
        .into_iter()
        .filter(|&at| at < characters)
        .collect();
    let passages = passages(characters + 1, PASSAGES);
    writeln!(
        text,
        "A character model, trained on passages of {}; nats per character, by position.",
        Model::Mha.context()
    )
    .expect("text");
    let ends: Vec<usize> = borders.iter().skip(1).copied().chain([characters]).collect();
    let heading: Vec<String> =
        ends.iter().map(|end| format!("{:>8}", format!("to {end}"))).collect();
    writeln!(text, "  {:<28}{}", "", heading.concat()).expect("text");
    let window = |sinks: usize| Sees::Stream { sinks, window: cache - sinks };
    let named = [
        ("everything".to_string(), Sees::everything()),
        (format!("the last {cache}"), window(0)),
        (format!("the first {sinks}, the last {}", cache - sinks), window(sinks)),
        ("the best 16 of each head".to_string(), Sees::Best(16)),
    ];
    for (name, sees) in named {
        let sees = vec![sees; model.attention.len()];
        let all: Vec<Vec<f64>> =
            passages.iter().map(|tokens| losses(model, tokens, &sees, FUNCTIONS)).collect();
        let means: Vec<String> = borders
            .iter()
            .zip(&ends)
            .map(|(&from, &to)| format!("{:>8.2}", mean_over(&all, from..to)))
            .collect();
        writeln!(text, "  {name:<28}{}", means.concat()).expect("text");
    }
}

/// What the heads look at.
fn heads(text: &mut String, model: &LanguageModel) {
    let from = 64;
    let passages = passages(256, PASSAGES);
    let found: Vec<Vec<Vec<Array2<f64>>>> =
        passages.iter().map(|tokens| weights(model, tokens, FUNCTIONS)).collect();
    writeln!(
        text,
        "\n% of a head's weight on character 0, for characters {from} to 255 (even: 0.7)"
    )
    .expect("text");
    let heading: Vec<String> = (0..8).map(|head| format!("{:>6}", format!("h{head}"))).collect();
    writeln!(text, "  {:<9}{}", "", heading.concat()).expect("text");
    for (layer, heads) in on_the_first(&found, from).iter().enumerate() {
        let heads: Vec<String> =
            heads.iter().map(|share| format!("{:>6.1}", 100.0 * share)).collect();
        writeln!(text, "  layer {layer}  {}", heads.concat()).expect("text");
    }
    writeln!(text, "\n% of the weight that the largest of a row have, mean over heads")
        .expect("text");
    let keeps = [1, 4, 16, 64];
    let heading: Vec<String> =
        keeps.iter().map(|keep| format!("{:>8}", format!("{keep}"))).collect();
    writeln!(text, "  {:<9}{}", "", heading.concat()).expect("text");
    let shares: Vec<Vec<f64>> =
        keeps.iter().map(|&keep| kept_by_the_best(&found, keep, from)).collect();
    for layer in 0..model.attention.len() {
        let each: Vec<String> =
            shares.iter().map(|of_layers| format!("{:>8.1}", 100.0 * of_layers[layer])).collect();
        writeln!(text, "  layer {layer}  {}", each.concat()).expect("text");
    }
}
