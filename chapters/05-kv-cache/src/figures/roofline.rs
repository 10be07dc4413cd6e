//! A step of decoding under the roof of a card.

use crate::{
    decode_cost,
    given::{Cost, Model},
    models::{card, published},
};
use attn_viz::{Axis, Figure, Lines};

/// How many texts are written at once.
pub const BATCHES: [u64; 5] = [1, 4, 16, 64, 256];
/// How many tokens each of them has.
pub const TOKENS: u64 = 1024;

/// What a step costs, and its FLOPs per byte.
pub fn step(model: &Model, batch: u64) -> (Cost, f64) {
    let machine = card("h100").expect("a card of the list").machine;
    let cost = decode_cost(model, machine, TOKENS, batch);
    (cost, cost.flop as f64 / cost.bytes as f64)
}

pub(super) fn figure() -> Figure {
    let machine = card("h100").expect("a card of the list").machine;
    let ridge = machine.peak / machine.bandwidth;
    let reached = |cost: Cost| cost.flop as f64 / cost.seconds / 1e12;
    let points = |name: &str| {
        BATCHES.map(|batch| {
            let (cost, intensity) = step(&published(name).model, batch);
            (intensity, reached(cost))
        })
    };
    let [old, new] = ["Llama-2-7B", "Llama-3-8B"].map(points);
    let alternative = format!(
        "The roof rises with the bandwidth up to {ridge:.0} FLOPs per byte and is level at {:.0} TFLOP/s from there on. Steps of Llama-2-7B with 1 to 256 texts lie on its slope, at {:.1} to {:.0} FLOPs per byte; those of Llama-3-8B go from {:.1} to {:.0}, since its caches are a quarter as large. No step reaches the level part.",
        machine.peak / 1e12,
        old[0].0,
        old[4].0,
        new[0].0,
        new[4].0,
    );
    let roof = [0.5, 1.0, 10.0, 100.0, ridge, 1000.0];
    let title = "Steps of decoding on an H100, with 1, 4, 16, 64 and 256 texts of 1,024 tokens: the most that they can reach";
    Lines::new(title, &alternative)
        .x(Axis::log("FLOPs per byte read"))
        .y(Axis::log("TFLOP/s"))
        .series("roof", roof.map(|x| (x, (x * machine.bandwidth).min(machine.peak) / 1e12)))
        .series("Llama-2-7B", old)
        .series("Llama-3-8B", new)
        .figure()
}

pub(super) fn table() -> String {
    let mut table = String::from(
        "| model | texts | weights | caches | FLOPs per byte | a step | tokens per second |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for name in ["Llama-2-7B", "Llama-3-8B"] {
        let model = &published(name).model;
        for batch in BATCHES {
            let (cost, intensity) = step(model, batch);
            let weights = model.parameters * model.number_bytes;
            table += &format!(
                "| {name} | {batch} | {:.1}\u{a0}GB | {:.1}\u{a0}GB | {intensity:.1} | {:.1}\u{a0}ms | {:.0} |\n",
                weights as f64 / 1e9,
                (cost.bytes - weights) as f64 / 1e9,
                1e3 * cost.seconds,
                batch as f64 / cost.seconds,
            );
        }
    }
    table
}
