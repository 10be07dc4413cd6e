//! Where a decoder looked, drawn with characters.

use attn_core::heatmap::shades;
use attn_dates::vocabulary::{END, START, decode_source};
use ch01_rnn_attention::translator::Translation;
use ndarray::{ArrayView1, s};
use std::ops::Range;

/// Source positions that fit into 80 columns, two characters each, beside the row's name.
const WIDE: usize = 36;
/// A weight below this is left blank, so that what is looked at stands out.
const BLANK: f32 = 0.02;
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
        text += &format!("\n    {}\n", spaced(&heading(&translation.source[columns.clone()])));
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

/// All positions if they fit; otherwise as many as fit around the one that half of these rows look
/// before, and half behind.
fn columns(translation: &Translation, rows: Range<usize>) -> Range<usize> {
    let m = translation.source.len();
    if m <= WIDE {
        return 0..m;
    }
    let weights = translation.weights.slice(s![rows, ..]);
    let mut looked: Vec<usize> = weights.rows().into_iter().map(most_looked_at).collect();
    looked.sort_unstable();
    let middle = looked[looked.len() / 2];
    let first = middle.saturating_sub(WIDE / 2).min(m - WIDE);
    first..first + WIDE
}

fn most_looked_at(weights: ArrayView1<f32>) -> usize {
    (0..weights.len()).fold(0, |best, j| if weights[j] > weights[best] { j } else { best })
}
