//! What is printed: at most 80 columns.

use attn_core::heatmap::shades;
use attn_dates::vocabulary::{END, START, decode_source};
use ch01_rnn_attention::translator::Translation;
use ndarray::{ArrayView1, s};
use textwrap::{Options, WordSplitter, fill};

/// The most positions of the source that are drawn for each model.
const WIDE: usize = 34;
/// A weight below this is left blank, so that what is looked at stands out.
const BLANK: f32 = 0.02;
/// The characters of one date, and the comma or the end after it.
const DATE: usize = 11;

/// The whole demonstration.
pub fn report(dot: &Translation, additive: &Translation) -> String {
    let mut text = format!(
        "Reads  {}\n\n{:<15}{}\n{:<15}{}\n",
        shortened(&decode_source(&dot.source), 70),
        "dot",
        answer(dot),
        "additive",
        answer(additive)
    );
    if dot.dates.is_ok() && additive.dates.is_ok() {
        text += &pictures(dot, additive);
        text += &spreads(dot, additive);
    }
    text
}

/// The dates, or why there are none.
fn answer(translation: &Translation) -> String {
    match &translation.dates {
        Ok(dates) => {
            let dates: Vec<String> = dates.iter().map(ToString::to_string).collect();
            // Four dates a line.
            let lines: Vec<String> = dates.chunks(4).map(|line| line.join(", ")).collect();
            lines.join(&format!("\n{:15}", ""))
        }
        Err(reason) => {
            let indent = " ".repeat(15);
            let margins = Options::new(80).word_splitter(WordSplitter::NoHyphenation);
            let margins = margins.initial_indent(&indent).subsequent_indent(&indent);
            fill(&reason.to_string(), margins).trim_start().into()
        }
    }
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.into();
    }
    text.chars().take(most - 2).collect::<String>() + " …"
}

/// Where both looked for the first date: a row a character written, a column a character read.
fn pictures(dot: &Translation, additive: &Translation) -> String {
    let m = dot.source.len().min(WIDE);
    let read: String = dot.source[..m].iter().map(name).collect();
    let mut text = format!(
        "\nWhere each character of the first date looked\n\n    {:<width$}   {}\n    {read}   {read}\n",
        "dot",
        "additive",
        width = m
    );
    let [left, right] = [dot, additive].map(|translation| rows(translation, m));
    for ((name, left), right) in written(dot, additive).iter().zip(left).zip(right) {
        text += format!(" {name} {left}   {right}").trim_end();
        text.push('\n');
    }
    if dot.source.len() > m {
        text += &format!("(the first {m} positions of {})\n", dot.source.len());
    }
    text
}

/// The first rows of weights, one character a position.
fn rows(translation: &Translation, m: usize) -> Vec<String> {
    let n = translation.weights.nrows().min(DATE);
    let weights = translation.weights.slice(s![..n, ..m]);
    let weights = weights.mapv(|w| if w < BLANK { 0.0 } else { w });
    let lines = shades(weights.view(), 1.0);
    // The drawing has two characters an entry.
    let narrow = |line: &str| line.chars().step_by(2).collect();
    lines.lines().map(narrow).collect()
}

/// For each character of the first date: what was looked at most, with which weight, and how far the
/// scores lie apart.
fn spreads(dot: &Translation, additive: &Translation) -> String {
    let mut text = String::from(
        "\nThe largest weight, and how far the scores of a step lie apart (largest minus\n\
         smallest; the weights tell, since a lead of 1 is a factor of e)\n\n\
         \x20         dot                       additive\n\
         \x20  at  weight   spread       at  weight   spread\n",
    );
    let steps = dot.weights.rows().into_iter().zip(additive.weights.rows());
    for (name, (dot_row, additive_row)) in written(dot, additive).iter().zip(steps) {
        text += &format!("{name} {}        {}\n", one(dot, dot_row), one(additive, additive_row));
    }
    text
}

/// What one step of one model looked at most.
fn one(translation: &Translation, weights: ArrayView1<f32>) -> String {
    let largest = weights.fold(0.0_f32, |most, &w| most.max(w));
    let smallest = weights.fold(1.0_f32, |least, &w| least.min(w));
    let at = weights.iter().position(|&w| w == largest).unwrap_or(0);
    let spread = if smallest < f32::MIN_POSITIVE {
        "  > 87".to_string() // the smallest weight is too small for an f32
    } else {
        format!("{:>6.1}", (largest / smallest).ln())
    };
    format!(" {}  {largest:>6.3}   {spread}", name(&translation.source[at]))
}

/// What both wrote for the first date and right after it: one character a step, or both where they
/// differ.
fn written(dot: &Translation, additive: &Translation) -> Vec<String> {
    let characters = |translation: &Translation| -> Vec<char> {
        translation.output.chars().chain(['$']).take(DATE).collect()
    };
    let both = characters(dot).into_iter().zip(characters(additive));
    let name = |(a, b)| {
        if a == b { format!(" {a}") } else { format!("{a}{b}") }
    };
    both.map(name).collect()
}

/// A source token as one character: ^ for the start, $ for the end.
fn name(token: &usize) -> String {
    match *token {
        START => "^".into(),
        END => "$".into(),
        token => decode_source(&[token]),
    }
}
