//! The demonstration: what it prints, and that bad input is one clear line.

#[allow(dead_code)] // its `main`
#[path = "../examples/heads/main.rs"]
mod heads;

use clap::Parser;
use heads::Args;
use std::{fs, path::PathBuf};

fn run(args: &[&str]) -> Result<String, String> {
    let args = Args::try_parse_from(["heads"].iter().chain(args)).map_err(|e| e.to_string())?;
    heads::run(&args).map_err(|error| format!("{error:#}"))
}

fn refusal(args: &[&str]) -> String {
    let error = run(args).expect_err("the input is bad");
    assert!(!error.contains('\n'), "more than one line: {error}");
    error
}

#[test]
fn text_that_the_model_does_not_take_is_refused() {
    assert_eq!(
        refusal(&[""]),
        "the text is empty; write a date, such as 3 May 1979"
    );
    assert_eq!(refusal(&[" \t"]), refusal(&[""]));
    let long = "1 ".repeat(200);
    assert!(refusal(&[&long]).ends_with("characters; the models take at most 254"));
    assert_eq!(
        refusal(&["3. März 1979"]),
        "character 5 is “ä”; the models know letters a to z, digits, spaces and , - . / ;"
    );
    assert!(refusal(&["3", "May–4", "May"]).starts_with("character 6 is “–”"));
    assert!(run(&["--block", "2"]).is_err());
}

#[test]
fn weights_that_are_missing_or_damaged_are_refused_by_name() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let absent = folder.join("absent.safetensors");
    let error = refusal(&["--weights", &absent.to_string_lossy()]);
    assert!(
        error.contains("absent.safetensors cannot be read"),
        "{error}"
    );
    let path = folder.join("damaged.safetensors");
    fs::write(&path, b"not safetensors").unwrap();
    let error = refusal(&["--weights", &path.to_string_lossy()]);
    assert!(
        error.contains("the weights are cut off or damaged"),
        "{error}"
    );
}
