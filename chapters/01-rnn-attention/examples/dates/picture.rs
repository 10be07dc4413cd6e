//! Where a decoder looked, drawn with characters.

use attn_core::heatmap::shades;
use attn_dates::vocabulary::{END, START, decode_source};
use ch01_rnn_attention::translator::Translation;
use ndarray::{Axis, s};
use std::ops::Range;

/// Source positions that fit into 80 columns, two characters each, beside the row's name.
const WIDE: usize = 36;
/// A weight below this is left blank, so that what is looked at stands out.
const BLANK: f32 = 0.02;
/// A weight from which on a position counts as looked at, when only a part of a text fits.
const SEEN: f32 = 0.1;
/// The characters of one date and the comma or the end after it.
const DATE: usize = 11;

/// A picture for each date: a row for each character that was written, a column for each character
/// that was read. Only the part of a long text is shown that one date's characters looked at.
pub fn looked(translation: &Translation) -> String {
    let names = names(translation);
    let mut text =
        String::from("Where each character that it wrote (down) looked in what it read (across)\n");
    let n = translation.weights.nrows();
    for first in (0..n).step_by(DATE) {
        let rows = first..(first + DATE).min(n);
        let columns = columns(translation, rows.clone());
        text += &format!(
            "\n    {}\n",
            spaced(&heading(&translation.source[columns.clone()]))
        );
        let weights = translation.weights.slice(s![rows.clone(), columns]);
        let weights = weights.mapv(|w| if w < BLANK { 0.0 } else { w });
        for (name, row) in names[rows].iter().zip(shades(weights.view(), 1.0).lines()) {
            text += format!("  {name} {row}").trim_end();
            text.push('\n');
        }
    }
    text + "\n█ nearly all of the weight … ░ from 2 % on; ^ start and $ end of a text\n"
}

/// The characters that were written, and the end.
fn names(translation: &Translation) -> Vec<char> {
    let n = translation.weights.nrows();
    let written = translation.output.chars().chain(['$']);
    written.take(n).collect()
}

/// The characters that were read: ^, the text, $.
fn heading(source: &[usize]) -> String {
    let one = |&token: &usize| match token {
        START => "^".to_string(),
        END => "$".to_string(),
        token => decode_source(&[token]),
    };
    source.iter().map(one).collect()
}

fn spaced(text: &str) -> String {
    let text: String = text.chars().flat_map(|c| [c, ' ']).collect();
    text.trim_end().to_string()
}

/// All positions if they fit; otherwise as many as fit around those that these rows looked at.
fn columns(translation: &Translation, rows: Range<usize>) -> Range<usize> {
    let m = translation.source.len();
    if m <= WIDE {
        return 0..m;
    }
    let most = translation
        .weights
        .slice(s![rows, ..])
        .fold_axis(Axis(0), 0.0_f32, |most, &w| most.max(w));
    let first = most.iter().position(|&w| w >= SEEN).unwrap_or(0);
    let first = first.min(m - WIDE);
    first..first + WIDE
}
