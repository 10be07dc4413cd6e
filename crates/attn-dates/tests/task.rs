//! What the generator promises: real days, a clean split, lists that fit.

use attn_dates::{
    LONGEST_SOURCE, LONGEST_TARGET,
    answer::read,
    calendar::Date,
    forms::{Form, HELD_OUT, TRAINED},
    generator::{Example, Generator, Split},
    vocabulary::{encode_source, encode_target},
};
use std::collections::HashSet;

fn dates(example: &Example) -> Vec<Date> {
    read(&example.source, &example.target, true, 1.0).unwrap()
}

#[test]
fn lists_have_as_many_dates_as_asked_for_and_fit_into_the_models() {
    for split in [Split::Train, Split::HeldOutDays, Split::HeldOutForms] {
        let mut generator = Generator::new(3, split);
        for n in 1..=8 {
            for _ in 0..100 {
                let example = generator.list(n);
                assert_eq!(dates(&example).len(), n);
                assert!(encode_source(&example.source).is_ok(), "{}", example.source);
                assert!(example.source.chars().count() <= LONGEST_SOURCE);
                assert!(encode_target(&example.target).len() < LONGEST_TARGET);
            }
        }
    }
}

#[test]
fn training_sees_no_held_out_day_and_no_held_out_form() {
    let forms = |forms: &[Form], date: &Date| -> HashSet<String> {
        forms.iter().map(|form| form.write(date)).collect()
    };
    for (split, held_out, seen, unseen) in [
        (Split::Train, false, &TRAINED[..], &HELD_OUT[..]),
        (Split::HeldOutDays, true, &TRAINED, &HELD_OUT),
        (Split::HeldOutForms, true, &HELD_OUT, &TRAINED),
    ] {
        let mut generator = Generator::new(4, split);
        for _ in 0..2000 {
            let example = generator.list(1);
            let date = dates(&example)[0];
            assert_eq!(date.is_held_out(), held_out);
            assert!(forms(seen, &date).contains(&example.source), "{}", example.source);
            assert!(!forms(unseen, &date).contains(&example.source), "{}", example.source);
        }
    }
}

#[test]
fn commas_separate_only_dates_without_commas() {
    let mut generator = Generator::new(5, Split::Train);
    for _ in 0..500 {
        let example = generator.list(4);
        let parts: Vec<&str> = if example.source.contains(';') {
            example.source.split("; ").collect()
        } else {
            example.source.split(", ").collect()
        };
        let parts = parts.iter().flat_map(|part| part.split(" and "));
        let written: Vec<&str> = parts.collect();
        let dates = dates(&example);
        assert_eq!(written.len(), dates.len(), "{}", example.source);
        for (text, date) in written.iter().zip(&dates) {
            assert!(TRAINED.iter().any(|form| form.write(date) == *text), "{text}");
        }
    }
}

#[test]
fn nonsense_can_be_read_and_is_empty_in_iso() {
    let mut generator = Generator::new(6, Split::Train);
    for _ in 0..500 {
        let example = generator.nonsense();
        assert!(encode_source(&example.source).is_ok());
        assert_eq!(example.target, "");
    }
}

#[test]
fn a_seed_means_the_same_examples() {
    let list = |seed| Generator::new(seed, Split::Train).list(3);
    assert_eq!(list(1), list(1));
    assert_ne!(list(1), list(2));
}
