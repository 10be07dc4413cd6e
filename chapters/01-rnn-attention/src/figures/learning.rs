//! How the loss of the two models falls when training begins.

use attn_dates::{
    Model,
    results::{Loss, losses},
};
use attn_viz::{Axis, Figure, Lines};

pub(super) fn figure() -> Figure {
    let name = |model| match model {
        Model::Fixed => "fixed context",
        _ => "dot attention",
    };
    let runs = losses();
    let ends: Vec<String> = runs
        .iter()
        .map(|(model, rows)| {
            let [first, last] = [rows.first(), rows.last()].map(|row| row.expect("a loss").loss);
            format!("{} from {first:.2} to {last:.2}", name(*model))
        })
        .collect();
    let alternative = format!("The loss, in nats per character: {}.", ends.join("; "));
    let title = "The loss while the two models learn, in a run of 300 steps: means over 20 steps. The lists grow from one date to eight over the first third";
    let chart = Lines::new(title, &alternative)
        .x(Axis::linear("step").from_zero())
        .y(Axis::linear("loss (nats per character)").from_zero());
    let with = |chart: Lines, (model, rows): &(Model, Vec<Loss>)| {
        let points = rows.iter().map(|row| (row.step as f64, row.loss));
        chart.series(name(*model), points)
    };
    runs.iter().fold(chart, with).figure()
}
