//! How different the heads of the trained model are, and what it loses without one of them.

use crate::{
    AttentionLayer, Transformer, encoder_block, functions::REFERENCE, head_weights, layer_norm,
    looks, teacher_forced,
};
use attn_core::Mask;
use attn_dates::{
    HEADS, LAYERS, Model, Weights,
    generator::{Generator, Split},
    vocabulary::{END, encode_source, encode_target},
};
use ndarray::{Array2, Array3, ArrayView1, Axis, s};
use std::thread;

/// One attention of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a block of the encoder.
    Encoder(usize),
    /// In a block of the decoder, from what is written to what was written.
    Own(usize),
    /// In a block of the decoder, to what was read.
    Cross(usize),
}

impl Place {
    /// All of them, from the bottom.
    pub fn all() -> Vec<Place> {
        let of = |place: fn(usize) -> Place| (0..LAYERS).map(place);
        of(Place::Encoder).chain(of(Place::Own)).chain(of(Place::Cross)).collect()
    }

    fn layer(self, model: &mut Transformer) -> &mut AttentionLayer {
        match self {
            Place::Encoder(block) => &mut model.encoder[block].self_attention,
            Place::Own(block) => &mut model.decoder[block].self_attention,
            Place::Cross(block) => &mut model.decoder[block].cross_attention,
        }
    }

    fn name(self) -> String {
        match self {
            Place::Encoder(block) => format!("encoder, block {block}"),
            Place::Own(block) => format!("decoder, block {block}, itself"),
            Place::Cross(block) => format!("decoder, block {block}, memory"),
        }
    }
}

/// What was measured of one attention.
#[derive(Clone, Debug)]
pub struct Alike {
    /// Where it is.
    pub place: Place,
    /// The Jensen–Shannon divergence of the weights of every two heads, in bits, the mean over all
    /// rows: the smallest, the mean and the largest of the six pairs.
    pub apart: [f64; 3],
    /// How many of the lists come out right without one head, for each of the four.
    pub without: [usize; HEADS],
    /// How many come out right if it is the only one that is left.
    pub alone: [usize; HEADS],
}

/// The lists that are read, each of two dates of days that were never trained on.
pub const LISTS: usize = 100;

/// A list, as the model takes it.
struct List {
    source: Vec<usize>,
    target: Vec<usize>,
}

fn lists() -> Vec<List> {
    let mut generator = Generator::new(4, Split::HeldOutDays);
    let list = |_| {
        let example = generator.list(2);
        List {
            source: encode_source(&example.source).expect("a text that the model takes"),
            target: encode_target(&example.target),
        }
    };
    (0..LISTS).map(list).collect()
}

fn trained() -> Transformer {
    Transformer::new(&Weights::trained(Model::Transformer)).expect("a model that fits")
}

/// What was measured of each attention, as it is kept in `data/heads.csv`. A test measures it anew.
pub fn kept() -> Vec<Alike> {
    let rows = include_str!("../../data/heads.csv").lines().skip(1);
    let row = |(place, row): (Place, &str)| {
        let numbers: Vec<f64> =
            row.split(',').map(|number| number.parse().expect("a number")).collect();
        Alike {
            place,
            apart: std::array::from_fn(|i| numbers[i]),
            without: std::array::from_fn(|head| numbers[3 + head] as usize),
            alone: std::array::from_fn(|head| numbers[3 + HEADS + head] as usize),
        }
    };
    Place::all().into_iter().zip(rows).map(row).collect()
}

/// Measures how many lists the whole model gets right, and what each attention is like. Takes some
/// seconds.
pub fn measured() -> (usize, Vec<Alike>) {
    let (model, lists) = (trained(), lists());
    let memories: Vec<Array2<f32>> = lists.iter().map(|list| memory(&model, list)).collect();
    let apart = divergences(&model, &lists, &memories);
    let measure = |place: Place, apart: [f64; 3]| {
        // What the encoder makes of a text changes only with its own heads.
        let right = |silent: &dyn Fn(usize) -> bool| {
            let model = silenced(place, silent);
            match place {
                Place::Encoder(_) => {
                    let right = |list: &&List| is_right(&model, &memory(&model, list), list);
                    lists.iter().filter(right).count()
                }
                _ => {
                    let pairs = lists.iter().zip(&memories);
                    pairs.filter(|(list, memory)| is_right(&model, memory, list)).count()
                }
            }
        };
        Alike {
            place,
            apart,
            without: std::array::from_fn(|head| right(&|other| other == head)),
            alone: std::array::from_fn(|head| right(&|other| other != head)),
        }
    };
    let all = lists.iter().zip(&memories).filter(|(list, memory)| is_right(&model, memory, list));
    let alike = thread::scope(|scope| {
        let start = |(place, apart)| scope.spawn(move || measure(place, apart));
        let places: Vec<_> = Place::all().into_iter().zip(apart).map(start).collect();
        places.into_iter().map(|place| place.join().expect("a measurement")).collect()
    });
    (all.count(), alike)
}

fn memory(model: &Transformer, list: &List) -> Array2<f32> {
    model.encode(&list.source).expect("a short text")
}

/// Whether the model writes the target. It reads it, too: as long as every token is the most likely
/// one, what it would write by itself is the same.
fn is_right(model: &Transformer, memory: &Array2<f32>, list: &List) -> bool {
    let logits = teacher_forced(model, memory.view(), &list.target).expect("a short list");
    let wanted = list.target.iter().copied().chain([END]);
    logits.rows().into_iter().zip(wanted).all(|(row, token)| {
        row.iter().enumerate().all(|(other, &score)| other == token || score < row[token])
    })
}

/// The model in which some heads of one attention add nothing.
fn silenced(place: Place, silent: impl Fn(usize) -> bool) -> Transformer {
    let mut model = trained();
    let layer = place.layer(&mut model);
    let d_v = layer.w_v.ncols() / layer.h;
    for head in (0..layer.h).filter(|&head| silent(head)) {
        layer.w_o.slice_mut(s![head * d_v..(head + 1) * d_v, ..]).fill(0.0);
    }
    model
}

/// The smallest, mean and largest divergence of two heads, for each attention.
fn divergences(model: &Transformer, lists: &[List], memories: &[Array2<f32>]) -> Vec<[f64; 3]> {
    let pairs: Vec<(usize, usize)> =
        (0..HEADS).flat_map(|a| (a + 1..HEADS).map(move |b| (a, b))).collect();
    let mut sums = Array2::<f64>::zeros((Place::all().len(), pairs.len()));
    let mut rows = vec![0.0; Place::all().len()];
    for (list, memory) in lists.iter().zip(memories) {
        for (place, weights) in weights(model, list, memory).into_iter().enumerate() {
            for i in 0..weights.dim().1 {
                // A row of one key is 1 in every head.
                if weights.slice(s![0, i, ..]).iter().filter(|&&w| w > 0.0).count() < 2 {
                    continue;
                }
                rows[place] += 1.0;
                for (pair, &(a, b)) in pairs.iter().enumerate() {
                    sums[[place, pair]] +=
                        divergence(weights.slice(s![a, i, ..]), weights.slice(s![b, i, ..]));
                }
            }
        }
    }
    let summary = |(sums, rows): (ArrayView1<f64>, &f64)| {
        let means = &sums / *rows;
        let least = means.fold(f64::INFINITY, |least, &x| least.min(x));
        let most = means.fold(0.0_f64, |most, &x| most.max(x));
        [least, means.mean().expect("pairs"), most]
    };
    sums.rows().into_iter().zip(&rows).map(summary).collect()
}

/// The weights of all heads, attention by attention, while the model reads a list and its target.
fn weights(model: &Transformer, list: &List, memory: &Array2<f32>) -> Vec<Array3<f32>> {
    let mut weights = Vec::new();
    let mut x = model.source_embedding.select(Axis(0), &list.source);
    for block in &model.encoder {
        let seen = layer_norm(x.view(), &block.norm_1);
        let (seen, rotary) = (seen.view(), Some(block.rotary));
        weights.push(head_weights(&block.self_attention, seen, seen, rotary, &Mask::None));
        x = encoder_block(REFERENCE, block, x.view(), &Mask::None);
    }
    let mut target = vec![attn_dates::vocabulary::START];
    target.extend(&list.target);
    let looks = looks(model, memory.view(), &target).expect("a short list");
    weights.extend(looks.iter().map(|looks| looks.own.clone()));
    weights.extend(looks.into_iter().map(|looks| looks.cross));
    weights
}

/// The Jensen–Shannon divergence of two rows of weights, in bits: 0 if they are the same, 1 if no key
/// has a weight in both.
fn divergence(p: ArrayView1<f32>, q: ArrayView1<f32>) -> f64 {
    let terms = p.iter().zip(q).map(|(&p, &q)| {
        let (p, q) = (f64::from(p), f64::from(q));
        let part = |x: f64| if x > 0.0 { x * (2.0 * x / (p + q)).log2() } else { 0.0 };
        0.5 * (part(p) + part(q))
    });
    terms.sum()
}

pub(super) fn table() -> String {
    let mut table = String::from(
        "| attention | two heads apart: least, mean, most | right without one head | right with one head alone |\n\
         | --- | ---: | ---: | ---: |\n",
    );
    let range = |counts: &[usize; HEADS]| {
        let mut counts = *counts;
        counts.sort_unstable();
        counts.map(|count| count.to_string()).join(", ")
    };
    for Alike { place, apart: [least, mean, most], without, alone } in &kept() {
        table += &format!(
            "| {} | {least:.2}, {mean:.2}, {most:.2} | {} | {} |\n",
            place.name(),
            range(without),
            range(alone)
        );
    }
    table
}
