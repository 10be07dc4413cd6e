//! What single heads of the trained model attend to.

use crate::{Looks, Transformer, looks, step_by_step};
use attn_dates::{
    LONGEST_TARGET, Model, Weights,
    vocabulary::{START, decode_source, decode_target, encode_source},
};
use attn_viz::{Figure, Heatmap};
use ndarray::{ArrayView2, Axis};
use std::sync::LazyLock;

/// What the model reads.
const TEXT: &str = "the 3rd of May, 1979";

/// What it writes, and where its heads look.
struct Seen {
    source: Vec<String>,
    written: Vec<String>,
    layers: Vec<Looks>,
}

static SEEN: LazyLock<Seen> = LazyLock::new(|| {
    let model = Transformer::new(&Weights::trained(Model::Transformer)).expect("a model that fits");
    let ids = encode_source(TEXT).expect("a text that the model takes");
    let memory = model.encode(&ids).expect("a short text");
    let written = step_by_step(&model, memory.view(), LONGEST_TARGET - 1).expect("a short limit");
    let mut target = vec![START];
    target.extend(&written.tokens);
    let layers = looks(&model, memory.view(), &target).expect("what was just written");
    // Row t predicts token t + 1.
    let written = written.tokens.iter().map(|&token| decode_target(&[token])).chain(["end".into()]);
    Seen { source: names(&ids), written: written.collect(), layers }
});

fn names(ids: &[usize]) -> Vec<String> {
    let last = ids.len() - 1;
    let name = |(i, &id): (usize, &usize)| match decode_source(&[id]).as_str() {
        _ if i == 0 => "start".to_string(),
        _ if i == last => "end".to_string(),
        " " => "␣".to_string(),
        character => character.to_string(),
    };
    ids.iter().enumerate().map(name).collect()
}

/// For each row, the label of the column with the largest weight.
fn strongest(weights: ArrayView2<f32>, rows: &[String], columns: &[String]) -> String {
    let best = weights.rows().into_iter().zip(rows).map(|(row, name)| {
        let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let (j, weight) = best.expect("a key");
        format!("{name} to {} (position {j}, {weight:.2})", columns[j])
    });
    best.collect::<Vec<_>>().join(", ")
}

/// Block and head of each figure.
const FETCHING: (usize, usize) = (1, 0);
const OTHER: (usize, usize) = (0, 0);
const OWN: (usize, usize) = (1, 2);

pub fn fetching() -> Figure {
    cross(FETCHING)
}

pub fn other() -> Figure {
    cross(OTHER)
}

fn cross((layer, head): (usize, usize)) -> Figure {
    let Seen { source, written, layers } = &*SEEN;
    let weights = layers[layer].cross.index_axis(Axis(0), head);
    let title = format!(
        "Cross-attention of head {head} in decoder block {layer}: for each character written (rows), the weights over “{TEXT}”"
    );
    let alternative =
        format!("The largest weight of each row: {}.", strongest(weights, written, source));
    Heatmap::new(&title, &alternative, weights.dim(), |i, j| f64::from(weights[[i, j]]))
        .rows("written", written.clone())
        .columns("read", source.clone())
        .legend("weight")
        .full(1.0)
        .figure()
}

pub fn own() -> Figure {
    let Seen { written, layers, .. } = &*SEEN;
    let (layer, head) = OWN;
    let weights = layers[layer].own.index_axis(Axis(0), head);
    let mut read = vec!["start".to_string()];
    read.extend(written[..written.len() - 1].iter().cloned());
    let title = format!(
        "Self-attention of head {head} in decoder block {layer}: for each character written (rows), the weights over what was written before"
    );
    let alternative = format!(
        "Nothing above the diagonal: the mask is causal. The largest weight of each row: {}.",
        strongest(weights, written, &read)
    );
    Heatmap::new(&title, &alternative, weights.dim(), |i, j| f64::from(weights[[i, j]]))
        .rows("to write", written.clone())
        .columns("written before", read)
        .legend("weight")
        .full(1.0)
        .figure()
}
