//! The demonstration, and the trained models behind it.

#[allow(dead_code)] // its `main`
#[path = "../examples/dates/main.rs"]
mod dates;

use attn_dates::{
    LONGEST_SOURCE, Model, Weights,
    fixture::fixtures,
    generator::{Generator, Split},
    results::HeldOut,
    vocabulary::{encode_source, encode_target},
};
use ch01_rnn_attention::{attend_top, figures::trained::shares, translator::Translator};
use clap::Parser;
use dates::Args;
use ndarray::{ArrayView1, ArrayView2};
use std::{fs, path::PathBuf};

fn run(args: &[&str]) -> Result<String, String> {
    let args = Args::try_parse_from(["dates"].iter().chain(args)).map_err(|e| e.to_string())?;
    dates::run(&args).map_err(|error| format!("{error:#}"))
}

fn translator(model: Model) -> Translator {
    let weights = Weights::trained(model);
    match model {
        Model::Fixed => Translator::fixed(&weights),
        _ => Translator::dot(&weights),
    }
}

/// The chapter's own forward pass against candle's, with which the models were trained.
#[test]
fn logits_and_alignments_are_candles() {
    for model in [Model::Fixed, Model::Dot] {
        let fixtures = fixtures(model);
        assert!(!fixtures.is_empty(), "{model}: no fixtures");
        let translator = translator(model);
        for fixture in fixtures {
            let source = encode_source(&fixture.source).expect("a text that the models take");
            let (logits, weights) = translator.forced(&source, &encode_target(&fixture.target));
            assert_eq!(logits.dim(), fixture.logits.dim(), "{model}: {}", fixture.source);
            let furthest = |a: &ndarray::Array2<f32>, b: &ndarray::Array2<f32>| {
                (a - b).fold(0.0_f32, |most, x| most.max(x.abs()))
            };
            let off = furthest(&logits, &fixture.logits);
            println!("{model}: {}: logits off by {off:.1e}", fixture.source);
            assert!(off < 1e-4, "{model}: {}: {off}", fixture.source);
            if let Some(alignment) = fixture.alignment {
                let off = furthest(&weights, &alignment);
                assert!(off < 1e-4, "{model}: {}: weights off by {off}", fixture.source);
            }
        }
    }
}

#[test]
fn a_date_comes_out_as_an_iso_date() {
    let dates = translator(Model::Dot).translate("the 3rd of May, 1979");
    let dates = dates.expect("a text").dates.expect("a date");
    assert_eq!(dates[0].to_string(), "1979-05-03");
    assert_eq!(dates.len(), 1);
}

/// What the page says of the trained model when only the best positions are looked at: it was never
/// trained to look at so few.
#[test]
fn a_single_position_at_a_time_is_nearly_enough() {
    const LISTS: usize = 100;
    let weights = Weights::trained(Model::Dot);
    let share = |keep: usize, dates: usize| {
        let look =
            move |state: ArrayView1<f32>, states: ArrayView2<f32>| attend_top(state, states, keep);
        let translator = Translator::new(&weights, Box::new(look));
        let mut generator = Generator::new(7, Split::HeldOutDays);
        let right = (0..LISTS).filter(|_| {
            let example = generator.list(dates);
            let translation = translator.translate(&example.source).expect("a text");
            translation.output == example.target
        });
        right.count()
    };
    let [one, four, all_of_four] =
        [(1, 1), (1, 4), (usize::MAX, 4)].map(|(keep, dates)| share(keep, dates));
    println!(
        "kept 1: {one} single dates, {four} lists of four; kept all: {all_of_four} lists of four"
    );
    // The page prints 100, 96 and 97; another order of summation may turn one of them.
    assert!(one >= 99 && four.abs_diff(96) <= 1 && all_of_four.abs_diff(97) <= 1);
}

/// The chapter's own code gets as many single dates right as the training program measured, up to
/// the chance of the draw.
#[test]
fn held_out_dates_come_out_right_as_often_as_was_measured() {
    const DATES: usize = 200;
    for model in [Model::Fixed, Model::Dot] {
        let translator = translator(model);
        let mut generator = Generator::new(7, Split::HeldOutDays);
        let right = (0..DATES).filter(|_| {
            let example = generator.list(1);
            let translation = translator.translate(&example.source).expect("a text");
            translation.output == example.target
        });
        let share = right.count() as f64 / DATES as f64;
        let measured = shares(model, HeldOut::Days)[0].1;
        println!("{model}: {share:.3}, measured {measured:.3}");
        assert!((share - measured).abs() < 0.12, "{model}: {share}, {measured}");
    }
}

#[test]
fn what_is_printed_fits_80_columns() {
    let list = "the 3rd of May, 1979; 4 May 1980; 5 May 1981; 6 May 1982; 7 May 1983; 8 May 1984";
    for text in ["the 3rd of May, 1979", list, "no date at all"] {
        let text = run(&[text]).expect("a text");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
    let text = run(&[]).expect("the default");
    assert!(text.contains("With attention\n  1979-05-03\n"), "{text}");
    // Words need no quotes.
    assert_eq!(run(&["the", "3rd", "of", "May,", "1979"]), Ok(text));
}

#[test]
fn a_text_that_is_no_date_gets_an_answer() {
    for text in ["hello world", "may", "12345", "the 31st of february"] {
        let text = run(&[text]).expect("a text");
        let (_, answer) = text.split_once("With attention\n").expect("an answer");
        println!("{answer}");
        assert!(answer.contains("date"), "{answer}");
    }
}

#[test]
fn a_text_that_no_model_takes_is_refused() {
    let refused = |text: &str, part: &str| {
        let error = run(&[text]).expect_err("it should be refused");
        assert!(error.contains(part), "{error}");
    };
    refused("", "the text is empty");
    refused("  ", "the text is empty");
    refused(&"1".repeat(LONGEST_SOURCE + 1), "at most 254");
    refused("3. März 1979", "character 5 is “ä”");
}

/// A file of weights that cannot be used is one clear line.
#[test]
fn damaged_weights_are_refused() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let refused = |name: &str, contents: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, contents).expect("the target folder can be written to");
        let error = run(&["--weights", &path.to_string_lossy(), "3 May 1979"]);
        let error = error.expect_err("the file is bad");
        println!("{error}");
        assert!(!error.contains('\n'), "{error}");
    };
    refused("empty.safetensors", b"");
    refused("text.safetensors", b"these are no weights");
    refused("short.safetensors", &u64::MAX.to_le_bytes());
    assert!(run(&["--weights", "no/such/file", "3 May 1979"]).is_err());
}
