//! The demonstration: that the book's page shows what it prints, and that it fits a terminal.

#[allow(dead_code)] // its `main`
#[path = "../examples/tour/main.rs"]
mod tour;

use clap::Parser;
use std::fs;

/// The page includes the code by anchor; the results stand there as text, and this keeps them true.
#[test]
fn the_page_shows_every_step_in_order_with_the_results_of_this_run() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../book/src/primer.md");
    let page = fs::read_to_string(page).expect("the book's page");
    let mut rest = page.as_str();
    for step in tour::steps() {
        let code = format!("steps.rs:{}}}}}\n```\n", step.anchor);
        let results = format!("```text\n{}```\n", step.results());
        let Some((_, after)) = rest.split_once(&code) else {
            panic!("the page does not include the code of `{}`", step.anchor);
        };
        let shown = after.trim_start().starts_with(&results);
        assert!(shown, "`{}` gives\n{}", step.anchor, step.results());
        rest = after;
    }
}

#[test]
fn every_step_has_code_and_results_and_fits_80_columns() {
    for step in tour::steps() {
        assert!(!step.code().trim().is_empty(), "{} has no code", step.anchor);
        assert!(!step.results().is_empty(), "{} has no results", step.anchor);
    }
    for line in tour::run().lines() {
        assert!(line.chars().count() <= 80, "too wide: {line}");
    }
}

#[test]
fn it_takes_no_arguments() {
    assert!(tour::Args::try_parse_from(["tour"]).is_ok());
    let refusal = tour::Args::try_parse_from(["tour", "3"]).err().expect("refused");
    assert!(refusal.to_string().contains("unexpected argument '3'"));
}
