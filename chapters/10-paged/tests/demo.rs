//! The demonstration: what it prints, and what it refuses.

#[allow(dead_code)] // its `main`
#[path = "../examples/serve/main.rs"]
mod demo;

use attn_lm::{Model, Weights};
use ch10_paged::engine::Lm;
use clap::Parser;

fn run(args: &[&str]) -> Result<String, String> {
    let args = ["serve"].iter().chain(args);
    let args = demo::Args::try_parse_from(args).map_err(|error| error.to_string())?;
    let model = || Lm::new(&Weights::random(Model::Mha, 5));
    let mut text = Vec::new();
    demo::run(&args, model, false, &mut text).map_err(|error| format!("{error:#}"))?;
    Ok(String::from_utf8(text).expect("text"))
}

#[test]
fn all_four_write_the_same() {
    for args in [
        &["--requests", "8"][..],
        &["--requests", "6", "--size", "1"],
        &["--requests", "1", "--size", "256"],
    ] {
        let text = run(args).expect("it runs");
        assert!(text.contains("\nAll four have written the same "), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

/// What is said of wrong functions, for the eye.
#[test]
fn wrong_functions_are_named() {
    use ch10_paged::{
        beside::compare,
        copy_on_write,
        functions::{Functions, REFERENCE},
        given::Slot,
    };
    let wrong = Functions {
        slot: |table, size, position| {
            let block = *table.blocks.get(position / size)?;
            Some(Slot { block, offset: position % size })
        },
        copy_on_write: |pool, table| {
            let values = pool.values.clone();
            copy_on_write(pool, table)?;
            pool.values = values;
            Ok(())
        },
        ..REFERENCE
    };
    let said = |by| {
        let (differences, calls) = compare(by);
        let mut text = Vec::new();
        demo::report::say(&differences, calls, &mut text).expect("written");
        String::from_utf8(text).expect("text")
    };
    assert!(said(REFERENCE).ends_with("All of them gave the same answers.\n\n"));
    let text = said(wrong);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let text = text.lines().skip(1).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(text);
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert_eq!(run(&["--requests", "0"]), Err("1 to 256 requests, not 0".into()));
    assert_eq!(run(&["--size", "0"]), Err("a block has 1 to 256 tokens".into()));
    assert_eq!(run(&["--size", "257"]), Err("a block has 1 to 256 tokens".into()));
}
