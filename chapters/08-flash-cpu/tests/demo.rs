//! The demonstration: what it refuses to start, and what it prints.

#[allow(dead_code)] // its `main`
#[path = "../examples/ladder/main.rs"]
mod demo;

use clap::Parser;
use std::{fs, path::PathBuf};

const MIB: u64 = 1 << 20;

/// Runs it on a machine with so much free memory.
fn run(args: &[&str], free: Option<u64>) -> Result<String, String> {
    let args = ["ladder"].iter().chain(args);
    let args = demo::Arguments::try_parse_from(args).map_err(|e| e.to_string())?;
    let mut text = Vec::new();
    demo::run(args, free, &mut text).map_err(|error| format!("{error:#}"))?;
    Ok(String::from_utf8(text).expect("text"))
}

/// The line of a rung.
fn line<'a>(text: &'a str, rung: &str) -> &'a str {
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| line.starts_with(&format!("{rung} ")));
    line.unwrap_or_else(|| panic!("no line of {rung}:\n{text}"))
}

#[test]
fn a_rung_that_does_not_fit_is_not_started_and_says_what_it_would_need() {
    let text = run(&["--n", "512", "--heads", "1"], Some(3 * MIB)).expect("the others fit");
    // Inputs and result: 4 · 512·64 numbers; naive: 17 bytes for each of 512² scores.
    let needs = "not started: it would need 4.8 MiB, and 3.0 MiB are free";
    assert!(line(&text, "naive").ends_with(needs), "{text}");
    for rung in ["online", "tiled", "threads", "keys in lanes", "queries in lanes"] {
        assert!(line(&text, rung).contains(" ms "), "{text}");
    }
}

#[test]
fn a_rung_that_takes_too_long_is_not_started() {
    let text = run(&["--n", "300", "--patience", "0"], None).expect("it says so");
    for rung in ch08_flash_cpu::ladder::RUNGS {
        let line = line(&text, rung.name);
        assert!(line.ends_with("it would take about 0 s; see --patience"), "{line}");
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused_before_they_are_made() {
    let refused = run(&["--n", "16384"], Some(50 * MIB)).expect_err("64 MiB in 50");
    let why = "inputs and a result of these sizes need 64.0 MiB, and 50.0 MiB are free";
    assert_eq!(refused, why);
}

#[test]
fn absurd_sizes_are_refused_by_name() {
    for (args, why) in [
        (["--n", "0"], "--n is 0"),
        (["--d", "0"], "--d is 0"),
        (["--heads", "0"], "--heads is 0"),
        (["--n", "18446744073709551615"], "too large for any machine"),
        (["--n", "-1"], "invalid value '-1' for '--n <N>'"),
        (["--patience", "nan"], "--patience is NaN"),
        (["--text", "no such file"], "no such file cannot be read"),
    ] {
        let refused = run(&args, None).expect_err(args[0]);
        assert!(refused.contains(why), "{args:?}: {refused}");
    }
}

#[test]
fn what_is_printed_fits_80_columns_and_shows_the_text() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rhyme.txt");
    fs::write(&path, "a rose is a rose\n".repeat(60)).expect("written");
    let args = ["--n", "512", "--heads", "1", "--text", &path.to_string_lossy()];
    let text = run(&args, None).expect("it runs");
    assert!(text.starts_with("n = m = 512, d = 64, 1 head, every"), "{text}");
    assert!(text.contains("The first 512 of 1020 bytes"), "{text}");
    assert!(text.contains("a   r o s e · a   r o s e   i s   a"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}
