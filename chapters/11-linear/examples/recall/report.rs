//! What is printed: at most 80 columns.

use super::{
    functions::FUNCTIONS,
    memory::{Kind, Memory, Text, WIDTH, read},
};
use ch11_linear::beside::{Difference, compare};
use std::{fmt::Write, time::Instant};

/// How far back the words are that are asked for, and how many places around there.
const BACK: [usize; 6] = [1, 4, 16, 64, 256, 1024];
const ASKED: usize = 40;

/// The whole report.
pub fn report(name: &str, words: &[&str]) -> String {
    let text = Text::new(words);
    let n = words.len();
    let mut out = format!(
        "{name}: {n} words, {} of them different.\n\
         Each place has a random key, each word a random value, of {WIDTH} numbers.\n",
        text.vocabulary.nrows(),
    );
    if cfg!(overlay) {
        beside(&mut out);
    }
    bytes(&text, &mut out);
    recall(&text, &mut out);
    times(&text, &mut out);
    out
}

/// Which of somebody's functions are wrong, and how it shows first.
fn beside(out: &mut String) {
    let differences = compare(FUNCTIONS);
    if differences.is_empty() {
        out.push_str("\nBeside the reference's, on drawn rows: all give the same.\n");
    }
    for Difference { id, item, what } in differences {
        let _ = writeln!(out, "\n✗ {item} ({id}) gives another answer:\n  {what}");
    }
}

/// Bytes against the length of what was read.
fn bytes(text: &Text, out: &mut String) {
    let n = text.words.len();
    let lengths = [n / 64, n / 16, n / 4, n];
    let _ = write!(out, "\nKiB held after words   ");
    for length in lengths {
        let _ = write!(out, "{length:>9}");
    }
    out.push('\n');
    for kind in [Kind::Sum, Kind::Features, Kind::Cache] {
        let _ = write!(out, "  {:<21}", kind.name());
        for length in lengths {
            let (memory, _) = read(kind, text, length);
            let _ = write!(out, "{:>9.1}", memory.bytes() as f64 / 1024.0);
        }
        out.push('\n');
    }
}

/// What each memory finds, by how far back it is.
fn recall(text: &Text, out: &mut String) {
    let n = text.words.len();
    let backs: Vec<usize> = BACK.into_iter().filter(|back| back + ASKED <= n).collect();
    let _ = write!(out, "\n% found, words ago      ");
    for back in &backs {
        let _ = write!(out, "{back:>8}");
    }
    out.push('\n');
    for kind in Kind::ALL {
        let (memory, _) = read(kind, text, n);
        let _ = write!(out, "  {:<22}", kind.name());
        for &back in &backs {
            let _ = write!(out, "{:>8.0}", 100.0 * found(&memory, text, back));
        }
        out.push('\n');
    }
}

/// The share of words that are found, of those from `back` words ago on; of the last word alone for 1.
fn found(memory: &Memory, text: &Text, back: usize) -> f64 {
    let n = text.words.len();
    // As many places as lie between this distance and twice it, or ASKED.
    let count = back.min(ASKED);
    let right = (0..count).filter(|i| {
        let place = n - back - i;
        memory.ask(text, place) == text.words[place]
    });
    right.count() as f64 / count as f64
}

/// Microseconds a word.
fn times(text: &Text, out: &mut String) {
    let n = text.words.len();
    let lengths = [n / 16, n / 4, n];
    let _ = write!(out, "\nµs a word, after words ");
    for length in lengths {
        let _ = write!(out, "{length:>9}");
    }
    out.push('\n');
    for kind in Kind::ALL {
        let _ = write!(out, "  {:<21}", kind.name());
        for length in lengths {
            let (memory, took) = read(kind, text, length);
            let micros = match memory {
                // A step reads the whole cache.
                Memory::Cache(keys, values) => {
                    let begun = Instant::now();
                    for i in 0..16 {
                        ch11_linear::recall::softmax_read(text.keys.row(i), keys, values);
                    }
                    1e6 * begun.elapsed().as_secs_f64() / 16.0
                }
                _ => 1e6 * took.as_secs_f64() / length as f64,
            };
            let _ = write!(out, "{micros:>9.2}");
        }
        out.push('\n');
    }
}
