//! The demonstration: what it prints, and what it refuses.

#[allow(dead_code)] // its `main`
#[path = "../examples/recall/main.rs"]
mod demo;

use ch11_linear::figures;
use clap::Parser;
use std::io::Write;

fn run(args: &[&str]) -> Result<String, String> {
    let args = ["recall"].iter().chain(args);
    let args = demo::Args::try_parse_from(args).map_err(|error| error.to_string())?;
    demo::run(&args).map_err(|error| format!("{error:#}"))
}

#[test]
fn states_stay_as_large_as_they_are_and_a_cache_finds_everything() {
    let text = run(&["--words", "2048"]).expect("it runs");
    let numbers = |row: &str, from: &str| -> Vec<f64> {
        let rest = &text[text.find(from).expect(from)..];
        let line = rest.lines().find(|line| line.trim_start().starts_with(row)).expect(row);
        let rest = line.trim_start().trim_start_matches(row);
        rest.split_whitespace().map(|number| number.parse().expect("a number")).collect()
    };
    assert_eq!(numbers("sum, in chunks", "KiB held"), [32.0; 4]);
    assert_eq!(numbers("cache, softmax", "KiB held"), [32.0, 128.0, 512.0, 2048.0]);
    assert_eq!(numbers("cache, softmax", "% found"), [100.0; 6]);
    let (decay, delta) = (numbers("decay, in chunks", "% found"), numbers("delta rule", "% found"));
    assert_eq!((decay[0], delta[0]), (100.0, 100.0));
    assert!(delta[5] < 10.0 && decay[5] < 10.0);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_text_of_ones_own() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    write!(file, "{}", "one two three four ".repeat(20)).expect("written");
    let path = file.path().to_str().expect("a path");
    let text = run(&["--text", path]).expect("it runs");
    assert!(text.contains("80 words, 4 of them different"), "{text}");

    let mut short = tempfile::NamedTempFile::new().expect("a file");
    write!(short, "three words only").expect("written");
    let refused = run(&["--text", short.path().to_str().expect("a path")]).unwrap_err();
    assert!(refused.ends_with("has 3 words, and it takes 64 at least"), "{refused}");
    assert!(run(&["--text", "/nowhere/at/all"]).unwrap_err().contains("cannot be read"));
}

/// A label that does not fit its box panics.
#[test]
fn every_figure_is_drawn() {
    for (name, draw) in figures::figures() {
        let svg = draw().svg(&name.replace('/', "-"));
        assert!(svg.starts_with("<svg "), "{name}");
        if let Ok(folder) = std::env::var("ATTN_FIGURES") {
            std::fs::write(format!("{folder}/{}.svg", name.replace('/', "-")), svg).unwrap();
        }
    }
}
