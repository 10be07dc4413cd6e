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
fn a_date_is_read_and_every_head_is_drawn() {
    let text = run(&[]).expect("a date");
    assert!(text.starts_with("read     the 3rd of May, 1979\nwrote    1979-05-03\n"), "{text}");
    assert!(text.contains("the decoder ran 11 times and computed 66 rows"), "{text}");
    for head in 0..4 {
        assert!(text.contains(&format!("\nhead {head}\n")), "{text}");
    }
    let own = run(&["--own", "--block", "0", "the", "3rd", "of", "May,", "1979"]).expect("a date");
    assert!(own.contains("Self-attention of decoder block 0"), "{own}");
    let list = run(&["4 jul 1976; 29 february 2000"]).expect("two dates");
    assert!(list.contains("wrote    1976-07-04\nwrote    2000-02-29\n"), "{list}");
    for text in [text, own, list] {
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn a_text_without_a_date_is_refused() {
    for text in ["hello", "see you in the garden"] {
        assert_eq!(refusal(&[text]), "the model finds no date in this text");
    }
}

#[test]
fn text_that_the_model_does_not_take_is_refused() {
    assert_eq!(refusal(&[""]), "the text is empty; write a date, such as 3 May 1979");
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
    assert!(error.contains("absent.safetensors cannot be read"), "{error}");
    let path = folder.join("damaged.safetensors");
    fs::write(&path, b"not safetensors").unwrap();
    let error = refusal(&["--weights", &path.to_string_lossy()]);
    assert!(error.contains("the weights are cut off or damaged"), "{error}");
}
