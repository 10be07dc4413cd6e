//! The demonstration: what it prints, and that bad input is one clear line.

#[allow(dead_code)] // its `main`
#[path = "../examples/forms/main.rs"]
mod forms;

use clap::Parser;
use forms::Args;

fn run(args: &[&str]) -> Result<String, String> {
    let args = Args::try_parse_from(["forms"].iter().chain(args)).map_err(|e| e.to_string())?;
    forms::run(&args).map_err(|error| format!("{error:#}"))
}

fn refusal(args: &[&str]) -> String {
    let error = run(args).expect_err("the input is bad");
    assert!(!error.contains('\n'), "more than one line: {error}");
    error
}

#[test]
fn all_forms_write_the_same_text() {
    let all: [&[&str]; 4] = [
        &[],
        &["--length", "1", "Mr."],
        &["--untrained"],
        &["--untrained", "--length", "3", "She", "was"],
    ];
    for args in all {
        let text = run(args).expect("a text");
        assert!(text.contains("All four wrote the same text"), "{text}");
        assert_eq!(text.matches("wrote    ").count(), 1, "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

/// The numbers of the table: three layers, each with a latent of 48 and a rotary key of 16.
#[test]
fn what_is_kept_is_counted() {
    let text = run(&["--untrained"]).expect("a text");
    let kept = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).expect(name);
        line[name.len()..].split_whitespace().next().expect("a number").parse::<usize>().unwrap()
    };
    assert_eq!(kept("naive, expanding again"), 3 * (48 + 16));
    assert_eq!(kept("naive, keys and values kept"), 3 * (8 * (16 + 16) + 16));
    assert_eq!(kept("absorbed"), 3 * (48 + 16));
    assert_eq!(kept("the cheaper one, each time"), 3 * (48 + 16));
}

#[test]
fn input_that_the_model_does_not_take_is_refused() {
    assert_eq!(refusal(&[""]), "the beginning is empty; write a few words");
    assert!(refusal(&["naïve"]).starts_with("the character 'ï' at place 3"));
    assert!(refusal(&["--length", "0"]).starts_with("--length is 0"));
    assert_eq!(
        refusal(&["--length", "250", "A", "truth"]),
        "7 characters and 250 more are 257; the model was trained on texts of 256"
    );
}
