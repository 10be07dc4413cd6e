//! The demonstration, and the trained model behind it.

#[allow(dead_code)] // its `main`
#[path = "../examples/scores/main.rs"]
mod scores;

use attn_dates::{
    LONGEST_SOURCE, Model, Weights,
    fixture::fixtures,
    generator::{Generator, Split},
    results::HeldOut,
    vocabulary::{encode_source, encode_target},
};
use ch01_rnn_attention::{
    Attended,
    figures::trained::shares,
    top_softmax,
    translator::{Look, Translator},
};
use ch02_additive_attention::{Additive, additive_scores, additive_translator};
use clap::Parser;
use ndarray::Axis;
use scores::Args;
use std::{fs, path::PathBuf};

fn run(args: &[&str]) -> Result<String, String> {
    let args = Args::try_parse_from(["scores"].iter().chain(args)).map_err(|e| e.to_string())?;
    scores::run(&args).map_err(|error| format!("{error:#}"))
}

fn translator() -> Translator {
    additive_translator(&Weights::trained(Model::Additive))
}

/// The chapter's own forward pass against candle's, with which the models were trained.
#[test]
fn logits_and_alignments_are_candles() {
    let fixtures = fixtures(Model::Additive);
    assert!(!fixtures.is_empty(), "no fixtures");
    for fixture in fixtures {
        let source = encode_source(&fixture.source).expect("a text that the models take");
        let (logits, weights) = translator().forced(&source, &encode_target(&fixture.target));
        assert_eq!(logits.dim(), fixture.logits.dim(), "{}", fixture.source);
        let furthest = |a: &ndarray::Array2<f32>, b: &ndarray::Array2<f32>| {
            (a - b).fold(0.0_f32, |most, x| most.max(x.abs()))
        };
        let off = furthest(&logits, &fixture.logits);
        println!("{}: logits off by {off:.1e}", fixture.source);
        assert!(off < 1e-4, "{}: {off}", fixture.source);
        let alignment = fixture.alignment.expect("a model with attention");
        let off = furthest(&weights, &alignment);
        assert!(off < 1e-4, "{}: weights off by {off}", fixture.source);
    }
}

#[test]
fn a_date_comes_out_as_an_iso_date() {
    let dates = translator().translate("the 3rd of May, 1979");
    let dates = dates.expect("a text").dates.expect("a date");
    assert_eq!(dates[0].to_string(), "1979-05-03");
    assert_eq!(dates.len(), 1);
}

/// The chapter's own code gets as many lists right as the training program measured, up to the
/// chance of the draw.
#[test]
fn held_out_lists_come_out_right_as_often_as_was_measured() {
    const LISTS: usize = 100;
    let translator = translator();
    let mut generator = Generator::new(7, Split::HeldOutDays);
    for dates in [1, 4] {
        let right = (0..LISTS).filter(|_| {
            let example = generator.list(dates);
            let translation = translator.translate(&example.source).expect("a text");
            translation.output == example.target
        });
        let share = right.count() as f64 / LISTS as f64;
        let measured = shares(Model::Additive, HeldOut::Days)[dates - 1].1;
        println!("{dates} dates: {share:.3}, measured {measured:.3}");
        assert!((share - measured).abs() < 0.15, "{dates}: {share}, {measured}");
    }
}

/// The page says that dot attention puts its weight on one position and additive attention spreads
/// it, and why: the scores of the one lie further apart.
#[test]
fn dot_scores_lie_further_apart_than_additive_ones() {
    let text = "the 3rd of May, 1979";
    let weights = Weights::trained(Model::Additive);
    let bound = 2.0 * weights.vector("attention.score").mapv(f32::abs).sum();
    let additive = translator().translate(text).expect("a text").weights;
    let dot = Translator::dot(&Weights::trained(Model::Dot));
    let dot = dot.translate(text).expect("a text").weights;
    // Mean over the steps of the largest weight and of the largest lead, ln(largest / smallest).
    let means = |weights: &ndarray::Array2<f32>| {
        let n = weights.nrows() as f32;
        let rows = weights.rows().into_iter().map(|row| {
            let largest = row.fold(0.0_f32, |most, &w| most.max(w));
            let smallest = row.fold(1.0_f32, |least, &w| least.min(w));
            (largest / n, (largest / smallest.max(f32::MIN_POSITIVE)).ln() / n)
        });
        rows.fold((0.0, 0.0), |sum, row| (sum.0 + row.0, sum.1 + row.1))
    };
    let (dot, additive) = (means(&dot), means(&additive));
    println!("dot {dot:?}, additive {additive:?}, bound {bound}");
    assert!(dot.0 > 0.85 && additive.0 < 0.75);
    assert!(dot.1 > 2.0 * additive.1);
    assert!(additive.1 < bound / 2.0);
}

/// Chapter 1 prints what becomes of this model when only the best position is looked at.
#[test]
fn a_single_position_at_a_time_is_not_enough_for_additive_scores() {
    const LISTS: usize = 100;
    let weights = Weights::trained(Model::Additive);
    let right = |keep: usize| {
        let additive = Additive {
            w_q: weights.matrix("attention.query").reversed_axes().to_owned(),
            w_k: weights.matrix("attention.key").reversed_axes().to_owned(),
            v: weights.vector("attention.score").to_owned(),
        };
        let look: Look = Box::new(move |state, states| {
            let scores = additive_scores(&additive, state.insert_axis(Axis(0)), states);
            let weights = top_softmax(scores.row(0), keep);
            Attended { context: weights.dot(&states), weights }
        });
        let translator = Translator::new(&weights, look);
        let mut generator = Generator::new(7, Split::HeldOutDays);
        let right = (0..LISTS).filter(|_| {
            let example = generator.list(4);
            translator.translate(&example.source).expect("a text").output == example.target
        });
        right.count()
    };
    let [one, all] = [1, usize::MAX].map(right);
    println!("of {LISTS} lists of four dates: {one} with one position, {all} with all");
    // The page prints 13 and 100; another order of summation may turn one of them.
    assert!(one.abs_diff(13) <= 1 && all >= 99);
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
    assert!(text.contains("dot            1979-05-03\nadditive       1979-05-03\n"), "{text}");
    // Words need no quotes.
    assert_eq!(run(&["the", "3rd", "of", "May,", "1979"]), Ok(text));
}

#[test]
fn a_text_that_is_no_date_gets_an_answer() {
    for text in ["hello world", "may", "12345", "the 31st of february"] {
        let text = run(&[text]).expect("a text");
        println!("{text}");
        assert!(text.contains("\nadditive       "), "{text}");
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
