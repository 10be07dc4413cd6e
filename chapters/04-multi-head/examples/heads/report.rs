//! What is printed: at most 80 columns.

use super::{Args, functions::FUNCTIONS, picture};
use anyhow::Result;
use attn_dates::{
    LONGEST_TARGET, Weights,
    answer::{self, NoDate},
    vocabulary::{END, START, decode_target, encode_source},
};
use ch03_scaled_dot_product::softmax_rows;
use ch04_multi_head::{
    Looks, Transformer, Written, looks, row_by_row, step_by_step, teacher_forced,
};
use ndarray::Array2;
use std::fmt::Write;

/// The whole demonstration.
pub fn report(weights: &Weights, args: &Args) -> Result<String> {
    let read = args.text();
    let source = encode_source(&read)?;
    let model = Transformer::new(weights)?.on(FUNCTIONS);
    let memory = model.encode(&source)?;
    let written = step_by_step(&model, memory.view(), LONGEST_TARGET - 1)?;
    let lowest = written.lowest_probability();
    let output = decode_target(&written.tokens);
    let dates = answer::read(&read, &output, written.ended, lowest);
    let dates = dates.map_err(shortened)?;
    let forced = teacher_forced(&model, memory.view(), &written.tokens)?;
    let rows = row_by_row(&model, memory.view(), &written.tokens)?;
    let apart =
        |other: &Array2<f32>| (&written.logits - other).fold(0.0_f32, |most, x| most.max(x.abs()));

    let mut target = vec![START];
    target.extend(&written.tokens);
    let layers = looks(&model, memory.view(), &target)?;
    let mut text = String::new();
    let _ = writeln!(text, "read     {}", read.trim());
    for date in dates {
        let _ = writeln!(text, "wrote    {date}");
    }
    let (blocks, heads) = (model.decoder.len(), model.decoder[0].cross_attention.h);
    let _ =
        writeln!(text, "\nA Transformer of {blocks} + {blocks} blocks with {heads} heads each.");
    text += &steps(&written);
    let n = target.len();
    let _ = writeln!(
        text,
        "\nStep by step, the decoder ran {n} times and computed {} rows.\n\
         Under teacher forcing it ran once and computed {n}: the scores are the same\n\
         to within {:.0e}. With its keys and values kept, it ran {n} times and computed\n\
         {n}: the scores are the same to within {:.0e}.",
        n * (n + 1) / 2,
        apart(&forced),
        apart(&rows)
    );
    let Looks { own, cross } = &layers[usize::from(args.block)];
    text += &match args.own {
        true => picture::own(own, &target, args.block),
        false => picture::cross(cross, &source, &target, args.block),
    };
    Ok(text)
}

/// What does not end need not be shown to its end.
fn shortened(error: NoDate) -> NoDate {
    match error {
        NoDate::Endless { output } if output.len() > 22 => NoDate::Endless {
            output: format!("{}…", &output[..22]), // ISO dates are ASCII
        },
        error => error,
    }
}

/// What was written first: each character with its probability.
fn steps(written: &Written) -> String {
    const SHOWN: usize = 11;
    let mut text = "\nStep by step\n  had read    wrote  probability\n".to_string();
    let probabilities = softmax_rows(written.logits.view());
    let tokens = written.tokens.iter().copied().chain([END]);
    for (step, token) in tokens.enumerate().take(SHOWN) {
        let read = decode_target(&written.tokens[..step]);
        let name = match token {
            END => "end".to_string(),
            token => decode_target(&[token]),
        };
        let probability = probabilities[[step, token]];
        let _ = writeln!(text, "  {read:<10}  {name:>5}  {probability:>11.4}");
    }
    let rest = (written.tokens.len() + 1).saturating_sub(SHOWN);
    if rest > 0 {
        let _ = writeln!(text, "  … and {rest} more");
    }
    text
}
