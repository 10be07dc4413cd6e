//! The demonstration: what it prints, and what it refuses; the figures.

#[allow(dead_code)] // its `main`
#[path = "../examples/gallery/main.rs"]
mod demo;

use ch12_sparse::{beside::differences, figures, functions::REFERENCE, given::Stream};
use clap::Parser;

fn run(args: &[&str]) -> Result<String, String> {
    let args = ["gallery"].iter().chain(args);
    let args = demo::Args::try_parse_from(args).map_err(|error| error.to_string())?;
    demo::run(&args).map_err(|error| format!("{error:#}"))
}

#[test]
fn a_stream_without_sinks_is_worse_and_everything_is_worse_beyond_its_training() {
    let text = run(&["--characters", "640"]).expect("it runs");
    let numbers = |row: &str| -> Vec<f64> {
        let line = text.lines().find(|line| line.trim_start().starts_with(row)).expect(row);
        line[30..].split_whitespace().map(|number| number.parse().expect("a number")).collect()
    };
    let (all, last, sinks) =
        (numbers("everything"), numbers("the last 64"), numbers("the first 4"));
    assert!(all.len() == 5 && last.len() == 5);
    // Before the first eviction all are the same.
    assert!((all[0] - last[0]).abs() < 0.011 && (all[0] - sinks[0]).abs() < 0.011, "{text}");
    assert!(all[4] > sinks[4], "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(!text.contains("is not what the reference is"));
}

#[test]
fn what_it_refuses() {
    assert!(run(&["--cache", "0"]).unwrap_err().contains("1 to 256 tokens"));
    assert!(run(&["--cache", "8", "--sinks", "8"]).unwrap_err().contains("at most 7"));
    assert!(run(&["--characters", "3"]).unwrap_err().contains("512 to 4096"));
}

/// A wrong function is named, and the others are not.
#[test]
fn wrong_functions_are_named() {
    assert_eq!(differences(&REFERENCE), []);
    let named =
        |functions| differences(&functions).into_iter().map(|(id, ..)| id).collect::<Vec<_>>();
    let wrong = ch12_sparse::functions::Functions { stream_step: forgets, ..REFERENCE };
    assert_eq!(named(wrong), ["12.6"]);
    let wrong = ch12_sparse::functions::Functions {
        top_k_attention: |q, k, v, index, keep| {
            ch12_sparse::top_k_attention(q, k, v, index, keep + 1)
        },
        ..REFERENCE
    };
    assert_eq!(named(wrong), ["12.11"]);
    let wrong = ch12_sparse::functions::Functions { pattern_row: |_, i, _| vec![i], ..REFERENCE };
    assert_eq!(named(wrong), ["12.2"]);
    let wrong = ch12_sparse::functions::Functions {
        sparse_attention: |q, k, v, rows, work| {
            work.products += 1;
            ch12_sparse::sparse_attention(q, k, v, rows, work)
        },
        ..REFERENCE
    };
    assert_eq!(named(wrong), ["12.4"]);
}

fn forgets(
    cache: &mut Stream,
    q: ndarray::ArrayView1<f64>,
    k: ndarray::ArrayView1<f64>,
    v: ndarray::ArrayView1<f64>,
) -> ndarray::Array1<f64> {
    let sinks = std::mem::take(&mut cache.sinks);
    let out = ch12_sparse::stream_step(cache, q, k, v);
    cache.sinks = sinks;
    out
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

#[test]
fn every_table_has_rows() {
    for (name, write) in figures::tables() {
        let table = write();
        assert!(table.lines().count() > 3, "{name}");
        if let Ok(folder) = std::env::var("ATTN_FIGURES") {
            std::fs::write(format!("{folder}/{}.md", name.replace('/', "-")), table).unwrap();
        }
    }
}
