//! The weights of every head, drawn with characters.

use attn_core::heatmap::shades;
use attn_dates::vocabulary::{decode_source, decode_target};
use ndarray::{Array3, s};
use std::fmt::Write;

/// Rows and columns that are drawn: a date, and what fits into 80 columns.
const ROWS: usize = 11;
const COLUMNS: usize = 37;
/// Smaller weights are left blank, or the picture would be grey all over.
const FAINT: f32 = 0.1;

/// From what was written to what was read, (h, n, m).
pub fn cross(weights: &Array3<f32>, source: &[usize], target: &[usize], block: u8) -> String {
    let columns = labels(source, decode_source);
    let title = format!(
        "Cross-attention of decoder block {block}: to write a character (rows),\n\
         where the heads look in what was read (columns; ^ start, $ end).\n\
         Blank: below a tenth; █: near one."
    );
    heads(&title, weights, &columns, target)
}

/// From what was written to what was written before, (h, n, n).
pub fn own(weights: &Array3<f32>, target: &[usize], block: u8) -> String {
    let mut columns = labels(target, decode_target);
    columns.pop(); // the end has not been read
    let title = format!(
        "Self-attention of decoder block {block}: to write a character (rows),\n\
         where the heads look in what was written before (columns; ^ start).\n\
         Blank: below a tenth; █: near one."
    );
    heads(&title, weights, &columns, target)
}

/// A character for each token; the first is the start, and the end stands behind the last.
fn labels(tokens: &[usize], decode: fn(&[usize]) -> String) -> Vec<char> {
    let mut labels: Vec<char> =
        tokens.iter().map(|&token| decode(&[token]).chars().next().unwrap_or('$')).collect();
    labels[0] = '^';
    if labels.last() != Some(&'$') {
        labels.push('$');
    }
    labels
}

fn heads(title: &str, weights: &Array3<f32>, columns: &[char], target: &[usize]) -> String {
    let mut text = format!("\n{title}\n");
    let written = labels(target, decode_target);
    let (rows, shown) = (weights.dim().1.min(ROWS), weights.dim().2.min(COLUMNS));
    for (head, weights) in weights.outer_iter().enumerate() {
        let names: String = columns[..shown].iter().map(|c| format!("{c} ")).collect();
        let _ = write!(text, "\nhead {head}\n    {}\n", names.trim_end());
        let seen = weights.slice(s![..rows, ..shown]);
        let seen = seen.mapv(|w| if w < FAINT { 0.0 } else { w });
        let drawn = shades(seen.view(), 1.0);
        // Row t writes token t + 1.
        for (row, name) in drawn.lines().zip(&written[1..]) {
            let _ = writeln!(text, "  {name} {}", row.trim_end());
        }
    }
    let hidden = (weights.dim().1 - rows, weights.dim().2 - shown);
    if hidden != (0, 0) {
        let _ = writeln!(text, "\nNot drawn: {} rows, {} columns.", hidden.0, hidden.1);
    }
    text
}
