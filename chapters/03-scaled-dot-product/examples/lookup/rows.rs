//! A closer look: which rows a query attends to.

use super::{report::short, split::Split, table::Table};
use attn_core::heatmap::shades;
use ndarray::{Array2, ArrayView1, Axis};
use std::fmt::Write;

const ROWS_SHOWN: usize = 8;
const KEYS_DRAWN: usize = 30;
const QUERIES_DRAWN: usize = 8;
const WIDTH: usize = 80;

/// The training rows that one held-out row attends to most.
pub fn one_row(
    table: &Table,
    target: usize,
    split: &Split,
    weights: &Array2<f32>,
    query: usize,
) -> String {
    let columns = shown_columns(table, target, split);
    let weights = weights.row(query);
    let row = split.held_out[query];
    let mut text =
        format!("Held-out row {}, line {} of the file, attends to\n", query + 1, table.lines[row]);
    let cells = |row: usize| {
        let cells = columns.iter().map(|(column, name)| {
            let width = name.chars().count();
            format!("  {:>width$}", short(table.rows[[row, *column]]))
        });
        cells.collect::<String>()
    };
    let names: String = columns.iter().map(|(_, name)| format!("  {name}")).collect();
    let _ = writeln!(text, "weight    line{names}");
    for j in by_weight(weights).into_iter().take(ROWS_SHOWN) {
        let row = split.train[j];
        let _ = writeln!(text, "{:>6.3}  {:>6}{}", weights[j], table.lines[row], cells(row));
    }
    let _ = writeln!(text, "   the row asked{}", &cells(row)[2..]);
    let _ = writeln!(
        text,
        "predicted {}, is {}",
        short(f64::from(weights.dot(&split.values.column(0)))),
        short(split.answers[query])
    );
    text
}

/// The features that fit on a line, then the target; each with its name, shortened and padded to
/// hold numbers.
fn shown_columns(table: &Table, target: usize, split: &Split) -> Vec<(usize, String)> {
    let name = |column: usize| {
        let name: String = table.columns[column].chars().take(18).collect();
        format!("{name:>9}")
    };
    let width = |name: &String| 2 + name.chars().count();
    let last = name(target);
    let mut left = WIDTH - 14 - width(&last);
    let mut columns = Vec::new();
    for &feature in &split.features {
        let name = name(feature);
        let Some(rest) = left.checked_sub(width(&name)) else {
            break;
        };
        left = rest;
        columns.push((feature, name));
    }
    columns.push((target, last));
    columns
}

/// The training rows, the heaviest first.
fn by_weight(weights: ArrayView1<f32>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    order
}

/// Weights below this share of their row's largest are drawn blank.
const FAINT: f32 = 0.01;

/// A text heatmap of the weights of a few held-out rows.
pub fn drawing(split: &Split, weights: &Array2<f32>, query: usize) -> String {
    let n = weights.nrows();
    let mut queries: Vec<usize> = (0..n).cycle().skip(query).take(n.min(QUERIES_DRAWN)).collect();
    queries.sort_by(|&a, &b| split.answers[a].total_cmp(&split.answers[b]));
    let mut shares = weights.select(Axis(0), &queries);
    for mut row in shares.rows_mut() {
        let largest = row.fold(0.0_f32, |most, &w| most.max(w));
        row.mapv_inplace(|w| if w < FAINT * largest { 0.0 } else { w / largest });
    }
    let most = shares.fold_axis(Axis(0), 0.0_f32, |most, &w| most.max(w));
    let mut keys = by_weight(most.view());
    keys.truncate(KEYS_DRAWN);
    keys.sort_by(|&a, &b| split.values[[a, 0]].total_cmp(&split.values[[b, 0]]));
    let mut text = format!(
        "Weights of {} held-out rows (down) over the {} known rows that they attend to\n\
         most (across), both ordered by target. █ is the largest of its line.\n",
        queries.len(),
        keys.len(),
    );
    let drawn = shades(shares.select(Axis(1), &keys).view(), 1.0);
    for (query, line) in queries.iter().zip(drawn.lines()) {
        let _ = writeln!(text, "{:>8} │{line}│", query + 1);
    }
    text
}
