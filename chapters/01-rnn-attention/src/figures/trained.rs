//! What the trained models do: how often they are right, what reaches the first token, and where
//! one of them looks.

use crate::translator::Translator;
use attn_dates::{
    Model, Weights,
    results::{Gradient, HeldOut, accuracy, gradients},
    vocabulary::{END, START, decode_source},
};
use attn_viz::{Axis, Figure, Heatmap, Lines};

/// The date that is looked at.
pub const DATE: &str = "the 3rd of May, 1979";

/// The share of lists that come out exactly right, by the number of dates in them.
pub fn shares(model: Model, held_out: HeldOut) -> Vec<(usize, f64)> {
    let rows = accuracy().into_iter();
    rows.filter(|row| row.model == model && row.held_out == held_out && row.dates > 0)
        .map(|row| (row.dates, row.share()))
        .collect()
}

pub(super) fn exact() -> Figure {
    let [fixed, dot] = [Model::Fixed, Model::Dot].map(|model| shares(model, HeldOut::Days));
    let ends = |shares: &[(usize, f64)]| match (shares.first(), shares.last()) {
        (Some(first), Some(last)) => format!(
            "{} of single dates and {} of lists of {}",
            percent(first.1),
            percent(last.1),
            last.0
        ),
        _ => "nothing yet".into(),
    };
    let alternative = format!(
        "Without attention {} come out exactly right; with dot attention {}.",
        ends(&fixed),
        ends(&dot)
    );
    let points = |shares: &[(usize, f64)]| {
        let points = shares.iter().map(|&(dates, share)| (dates as f64, share));
        points.collect::<Vec<_>>()
    };
    let title = "Lists of held-out dates that come out exactly right, by length";
    Lines::new(title, &alternative)
        .x(Axis::linear("dates in the list").ticks((1..=8).map(f64::from)))
        .y(Axis::linear("share exactly right").ticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]))
        .series("fixed context", points(&fixed))
        .series("dot attention", points(&dot))
        .figure()
}

pub(super) fn exact_table() -> String {
    let mut table = String::from(
        "| dates in the list | fixed context | dot attention |\n| ---: | ---: | ---: |\n",
    );
    let [fixed, dot] = [Model::Fixed, Model::Dot].map(|model| shares(model, HeldOut::Days));
    for ((dates, fixed), (_, dot)) in fixed.into_iter().zip(dot) {
        table += &format!("| {dates} | {} | {} |\n", percent(fixed), percent(dot));
    }
    table
}

/// A share in percent, with one decimal.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Neighbouring distances that are averaged, so that the curve can be read.
const STEP: usize = 8;

/// The share of the gradient's norm by distance from the end.
fn by_distance(model: Model, trained: bool) -> Vec<(f64, f64)> {
    let rows = gradients().into_iter();
    let rows: Vec<Gradient> =
        rows.filter(|row| row.model == model && row.trained == trained).collect();
    let mean = |chunk: &[Gradient], of: fn(&Gradient) -> f64| {
        chunk.iter().map(of).sum::<f64>() / chunk.len() as f64
    };
    let chunks = rows.chunks(STEP).filter(|chunk| chunk.len() == STEP);
    let point = |chunk| (mean(chunk, |row| row.distance as f64), mean(chunk, |row| row.share));
    chunks.map(point).collect()
}

pub(super) fn gradient() -> Figure {
    let curves = [
        ("fixed context, untrained", Model::Fixed, false),
        ("dot attention, untrained", Model::Dot, false),
        ("fixed context, trained", Model::Fixed, true),
        ("dot attention, trained", Model::Dot, true),
    ];
    let curves = curves.map(|(name, model, trained)| (name, by_distance(model, trained)));
    let ends = curves.iter().map(|(name, points)| match (points.first(), points.last()) {
        (Some(near), Some(far)) => format!(
            "{name}, {:.1e} near the end and {:.1e} at {:.0} characters",
            near.1, far.1, far.0
        ),
        _ => format!("{name}, not measured"),
    });
    let ends: Vec<String> = ends.collect();
    let alternative = format!("The share of one character: {}.", ends.join("; "));
    let title = "What the loss of the first character that is written depends on: the share of each character that was read in the gradient's norm, by its distance from the end. Mean over held-out lists of eight dates and over eight neighbouring characters";
    let mut lines = Lines::new(title, &alternative)
        .x(Axis::linear("distance from the end of the text (characters)").from_zero())
        .y(Axis::log("share of the gradient's norm"));
    for (name, points) in curves {
        lines = lines.series(name, points);
    }
    lines.figure()
}

pub(super) fn alignment() -> Figure {
    let translator = Translator::dot(&Weights::trained(Model::Dot));
    heatmap(&translator, "dot attention")
}

/// Where a trained model looks while it writes [`DATE`]: the part that holds a weight.
pub fn heatmap(translator: &Translator, name: &str) -> Figure {
    let translation = translator.translate(DATE).expect("a text that the models take");
    let weights = translation.weights;
    let (n, m) = weights.dim();
    let written: Vec<String> = translation.output.chars().map(String::from).collect();
    let rows = written.iter().cloned().chain(["end".into()]);
    let columns = translation.source.iter().map(|&token| match token {
        START => "start".into(),
        END => "end".into(),
        token => decode_source(&[token]).replace(' ', "␣"),
    });
    let columns: Vec<String> = columns.collect();
    let most = |i: usize| {
        let best = (0..m).max_by(|&a, &b| weights[[i, a]].total_cmp(&weights[[i, b]]));
        best.unwrap_or(0)
    };
    let looks: Vec<String> = (0..n.min(written.len()))
        .map(|i| format!("{} looks most at {}", written[i], columns[most(i)]))
        .collect();
    let alternative = format!("A row for each character that is written: {}.", looks.join("; "));
    let title = format!(
        "Where the model with {name} looks: “{DATE}” (across) becomes {} (down)",
        translation.output
    );
    Heatmap::new(&title, &alternative, (n, m), |i, j| f64::from(weights[[i, j]]))
        .rows("written", rows)
        .columns("read", columns)
        .legend("weight")
        .full(1.0)
        .figure()
}
