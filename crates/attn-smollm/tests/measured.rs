//! What was measured with SmolLM2 (`data/measured.csv`, by `examples/measure`), and what the pages say
//! of it.

#[path = "../examples/share/pooled.rs"]
mod pooled;
#[path = "../examples/share/heads.rs"]
mod share;

use attn_lm::text;
use attn_smollm::{ModelError, Projected, SmolLm};
use ch06_mqa_gqa::functions::REFERENCE;
use pooled::{Pooled, pooled};
use share::Shared;

/// A measured number.
#[track_caller]
fn measured(what: &str) -> f64 {
    let mut rows = include_str!("../data/measured.csv").lines().skip(1);
    let row = rows.find_map(|row| row.rsplit_once(',').filter(|row| row.0 == what));
    row.expect(what).1.parse().expect("a number")
}

/// A whole number with commas.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let places = digits.chars().enumerate();
    places.fold(String::new(), |text, (i, digit)| match (digits.len() - i) % 3 {
        0 if i > 0 => format!("{text},{digit}"),
        _ => format!("{text}{digit}"),
    })
}

#[track_caller]
fn says(page: &str, sentence: &str) {
    assert!(page.contains(sentence), "the page does not say: {sentence}");
}

#[test]
fn chapter_5s_page_says_what_was_measured() {
    let page = include_str!("../../../book/src/ch05-kv-cache.md");
    let [with, without] = ["with a cache", "without"].map(|how| {
        let of = |what: &str| measured(&format!("{how}, {what}"));
        (of("rows"), of("s"))
    });
    says(page, &format!("| rows computed | {} | {} |", whole(with.0), whole(without.0)));
    says(page, &format!("| seconds | {:.1} | {:.1} |", with.1, without.1));
    let (rows, times) = (without.0 / with.0, without.1 / with.1);
    says(page, &format!("{rows:.0} times as many rows take {times:.0} times as long"));
    let bytes = 4.0 * measured("parameters");
    says(page, &format!("{} weights", whole(measured("parameters"))));
    says(page, &format!("{:.0} MB", bytes / 1e6));
    let [three, nine] =
        [3, 9].map(|heads| whole(measured(&format!("bytes per token with {heads} heads"))));
    says(page, &format!("{nine} bytes for each token instead of {three}"));
    assert_eq!(measured("without, the same text"), 1.0);
    assert_eq!((measured("prompt, tokens"), measured("written, tokens")), (5.0, 64.0));
}

#[test]
fn chapter_6s_page_says_what_was_measured() {
    let page = include_str!("../../../book/src/ch06-mqa-gqa.md");
    for (what, heads, loss) in [
        ("as it is", 3, "three heads"),
        ("a copy for each query head", 9, "nine heads"),
        ("the mean of the three", 1, "the mean"),
        ("the first of the three", 1, "the first"),
    ] {
        let bytes = whole(measured(&format!("bytes per token with {heads} heads")));
        let loss = measured(&format!("loss with {loss}"));
        says(page, &format!("| {what} | {heads} | {bytes} | {loss:.3} |"));
    }
    assert_eq!(measured("nine heads, apart"), 0.0);
    assert_eq!(measured("page, tokens"), 342.0);
    let guess = f64::ln(49_152.0);
    says(page, &format!("{guess:.2}"));
    assert!(measured("loss with the mean") < guess && guess < measured("loss with the first"));
}

#[test]
fn chapter_7s_page_says_what_was_measured() {
    let page = include_str!("../../../book/src/ch07-mla.md");
    for form in ["naive", "absorbed"] {
        let of = |what: &str| measured(&format!("{form}, {what}"));
        assert_eq!(of("numbers per token and layer"), 384.0);
        assert_eq!(of("the same text"), 1.0);
        assert!(of("apart") < 2e-6);
    }
    says(page, "384 numbers");
    says(page, "by less than two millionths of their range");
}

/// The losses are computed again where the model is there.
#[test]
fn losses_are_what_was_measured() {
    let (model, tokens) = match SmolLm::published() {
        Err(ModelError::Missing(_)) if std::env::var_os("ATTN_REQUIRE_SMOLLM").is_none() => {
            return eprintln!("skipped: {}", attn_smollm::how_to_get_it());
        }
        model => model.unwrap_or_else(|error| panic!("{error}")),
    };
    let page = tokens.encode(&text::held_out()[..1600]);
    for (what, model) in [
        ("loss with three heads", &model),
        ("loss with the mean", &pooled(&model, REFERENCE, Pooled::Mean)),
        ("loss with the first", &pooled(&model, REFERENCE, Pooled::First)),
    ] {
        let mut attention = Projected::new(model, Shared::new(model, REFERENCE, 1));
        let Ok(loss) = model.loss(&page, &mut attention);
        let recorded = measured(what);
        assert!((loss - recorded).abs() < 5e-4, "{what}: {loss}, recorded {recorded}");
    }
}
