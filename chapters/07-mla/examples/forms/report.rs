//! What is printed: at most 80 columns.

use super::model::{Run, Way, shape};
use attn_lm::text;
use ch07_mla::Mla;
use std::fmt::Write;

/// The whole demonstration.
pub fn report(beginning: &str, layers: &[Mla], runs: &[(Way, Run)]) -> String {
    let (_, first) = &runs[0];
    let length = first.tokens.len();
    let mut out = folded("read     ", beginning);
    let mut texts: Vec<(Vec<&str>, &[usize])> = Vec::new();
    for (way, run) in runs {
        match texts.iter_mut().find(|(_, tokens)| *tokens == run.tokens) {
            Some((names, _)) => names.push(way.name()),
            None => texts.push((vec![way.name()], &run.tokens)),
        }
    }
    match texts.as_slice() {
        [(_, tokens)] => out += &folded("wrote    ", &text::decode(tokens)),
        texts => {
            for (names, tokens) in texts {
                let _ = writeln!(out, "\n{}", names.join("; "));
                out += &folded("wrote    ", &text::decode(tokens));
            }
        }
    }
    let shape = shape(&layers[0]);
    let _ = writeln!(
        out,
        "\n{} layers; {} heads of {} on latents of {} and a rotary key of {}.\n\
         Read at once: {} characters. Written one by one: {length}.\n",
        layers.len(),
        shape.h,
        shape.d,
        shape.d_c,
        shape.d_r,
        beginning.chars().count(),
    );
    out += "                              numbers kept       MFLOP   MFLOP to write\n";
    out += "                             per character     to read    one character\n";
    for (way, run) in runs {
        let (read, write) = (run.to_read as f64 / 1e6, run.to_write as f64 / 1e6);
        let each = match length {
            1 => "–".to_string(),
            length => format!("{:.3}", write / (length - 1) as f64),
        };
        let _ = writeln!(out, "{:<28} {:>13} {read:>11.2} {each:>16}", way.name(), run.kept);
    }
    let apart = runs.iter().map(|(_, run)| {
        let most = (&run.logits - &first.logits).fold(0.0_f32, |most, x| most.max(x.abs()));
        f64::from(most)
    });
    let apart = apart.fold(0.0, f64::max);
    match texts.len() {
        1 if apart == 0.0 => {
            out += "\nAll four wrote the same text, with the same scores to the last bit of f32.\n";
        }
        1 => {
            let _ = writeln!(
                out,
                "\nAll four wrote the same text; their scores are apart by {apart:.0e} at most."
            );
        }
        texts => {
            let _ = writeln!(
                out,
                "\nThere are {texts} different texts. All forms are the same function, so that some of\n\
                 the functions they were written with are not right."
            );
        }
    }
    let _ = writeln!(
        out,
        "\nTime of the whole attention, projections included, in f64 on this machine:"
    );
    for (way, run) in runs {
        let _ = writeln!(out, "{:<28} {:>10.1} ms", way.name(), run.time.as_secs_f64() * 1e3);
    }
    out
}

/// Text in lines of at most 80 columns, broken at spaces where there are any.
fn folded(label: &str, text: &str) -> String {
    const WIDTH: usize = 71;
    let mut rest: Vec<char> = text.trim_end().replace('\n', " ⏎ ").chars().collect();
    let mut lines = Vec::new();
    while rest.len() > WIDTH {
        let space = rest[..=WIDTH].iter().rposition(|&character| character == ' ');
        let end = space.filter(|&space| space > 0).unwrap_or(WIDTH);
        let after = rest.split_off(end);
        lines.push(rest.iter().collect::<String>());
        rest = after.into_iter().skip_while(|&character| character == ' ').collect();
    }
    lines.push(rest.iter().collect());
    format!("{label}{}\n", lines.join(&format!("\n{:>9}", "")))
}
