//! What is printed: at most 80 columns.

use super::picture;
use attn_dates::vocabulary::decode_source;
use ch01_rnn_attention::translator::Translation;
use textwrap::{Options, WordSplitter, fill};

/// The whole demonstration.
pub fn report(fixed: &Translation, attending: &Translation) -> String {
    let source = decode_source(&attending.source);
    let mut text = format!(
        "Reads\n{}\nWithout attention, from its last state alone\n{}\nWith attention\n{}",
        wrapped(&source),
        answer(fixed),
        answer(attending),
    );
    if attending.dates.is_ok() {
        text += "\n";
        text += &picture::looked(attending);
    }
    text
}

/// The dates, one per line, or why there are none.
fn answer(translation: &Translation) -> String {
    match &translation.dates {
        Ok(dates) => dates.iter().map(|date| format!("  {date}\n")).collect(),
        Err(reason) => wrapped(&reason.to_string()),
    }
}

/// A text in indented lines of at most 78 characters, broken between words where it can be.
fn wrapped(text: &str) -> String {
    let margins = Options::new(78).word_splitter(WordSplitter::NoHyphenation);
    fill(text, margins.initial_indent("  ").subsequent_indent("  ")) + "\n"
}
