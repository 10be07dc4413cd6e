//! The demonstration, on untrained weights: what it refuses, and what it prints.

#[allow(dead_code)] // its `main`
#[path = "../examples/write/main.rs"]
mod demo;

use attn_lm::{CONTEXT, LanguageModel, Weights};
use clap::Parser;

fn run(args: &[&str]) -> Result<String, String> {
    let args = ["write"].iter().chain(args);
    let args = demo::Args::try_parse_from(args).map_err(|error| error.to_string())?;
    let load = |model| LanguageModel::new(&Weights::random(model, 5));
    let mut text = Vec::new();
    demo::run(&args, load, &mut text).map_err(|error| format!("{error:#}"))?;
    Ok(String::from_utf8(text).expect("text"))
}

/// With a cache and without, the texts are the same; and the rows are counted.
#[test]
fn both_texts_are_the_same() {
    let text = run(&["It was", "a truth", "--tokens", "40"]).expect("it runs");
    assert!(text.contains("\nBoth have written the same 40 characters.\n"), "{text}");
    // 14 of the prompt and 39 more; or 14 + 15 + … + 53.
    let rows = text.lines().find(|line| line.starts_with("rows computed")).expect("rows");
    let rows: Vec<&str> = rows.split_whitespace().skip(2).collect();
    assert_eq!(rows, ["53", "1340"]);
    // Three layers, eight heads, keys and values of sixteen f32.
    assert!(
        text.contains("hold 53 tokens, 3.0 KiB each: 159.0 KiB of the 162.0 KiB reserved."),
        "{text}"
    );
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

/// The trained model's text, as the page prints it, with a cache and without.
#[test]
fn the_trained_model_goes_on() {
    let args = ["write", "It was a truth", "--tokens", "57"];
    let args = demo::Args::try_parse_from(args).expect("arguments");
    let mut text = Vec::new();
    demo::run(&args, LanguageModel::trained, &mut text).expect("it runs");
    let text = String::from_utf8(text).expect("text");
    let line = "It was a truth to be sure the stay of the considered to her father";
    assert_eq!(text.matches(line).count(), 2, "{text}");
    assert!(text.contains("Both have written the same 57 characters."), "{text}");
}

/// A poem that the other model knows by heart, in two editions: the first line decides about the third.
#[test]
fn the_model_of_poems_knows_the_next_line() {
    for (first, rest) in [
        ("床前看月光", "，疑是地上霜。舉頭望山月，低頭思故鄉。"),
        ("床前明月光", "，疑是地上霜。舉頭望明月，低頭思故鄉。"),
    ] {
        let args = demo::Args::try_parse_from(["write", first]).expect("arguments");
        let mut text = Vec::new();
        demo::run(&args, LanguageModel::trained, &mut text).expect("it runs");
        let text = String::from_utf8(text).expect("text");
        assert_eq!(text.matches(&format!("  {first}{rest}")).count(), 2, "{text}");
    }
}

/// A text that ends only with the context.
#[test]
fn the_context_ends_it() {
    let text = run(&["Mr. Darcy"]).expect("it runs");
    let written = CONTEXT - "Mr. Darcy".len();
    assert!(text.contains(&format!("Both have written the same {written} characters.")), "{text}");
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let long = "a".repeat(300);
    for (args, why) in [
        (vec![""], "the prompt is empty, it needs at least one token"),
        (
            vec!["naïve"],
            "the character 'ï' at place 3 of the text is not one of the 63 that the model knows",
        ),
        (vec![&long[..]], "the prompt has 300 tokens, the context only 256"),
        (
            vec!["--budget", "tpu"],
            "“tpu” is no card that this program knows; it knows l4, rtx4090, a100, h100, h200",
        ),
        (
            vec!["--budget", "h100", "--memory", "much"],
            "“much” is no size of a memory; write one as 24GiB, 80GB or 500MiB",
        ),
        (
            vec!["--budget", "h100", "--tokens", "0"],
            "a text of 0 tokens takes no memory; give --tokens at least 1",
        ),
    ] {
        assert_eq!(run(&args).expect_err(why), why);
    }
    let said = run(&["--budget", "h100", "a text"]).expect_err("both");
    assert!(said.contains("cannot be used with"), "{said}");
}

/// A prompt that leaves no room, and one that leaves room for one character.
#[test]
fn a_full_context_is_no_error() {
    let text = run(&[&"a".repeat(CONTEXT)]).expect("it runs");
    assert!(
        text.contains("The prompt leaves no room in the context, so no step was taken."),
        "{text}"
    );
    let text = run(&[&"a".repeat(CONTEXT - 1)]).expect("it runs");
    assert!(text.contains("Both have written the same 1 character."), "{text}");
    let text = run(&["abc", "--tokens", "0"]).expect("it runs");
    assert!(text.contains("no step was taken"), "{text}");
}

#[test]
fn a_budget_needs_no_model() {
    let args = demo::Args::try_parse_from(["write", "--budget", "H100"]).expect("arguments");
    let mut text = Vec::new();
    demo::run(&args, |_| panic!("no model is needed"), &mut text).expect("it runs");
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("Llama-2-7B     12.6 GiB 512.0 KiB    2.0 GiB      30"), "{text}");
}
