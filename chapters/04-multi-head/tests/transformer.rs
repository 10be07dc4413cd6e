//! The whole model: the same numbers as the program that trained it, and the same whether it is
//! told the answer or writes it.

use attn_dates::{
    LONGEST_TARGET, Model, POSITIONS, Weights, fixture,
    vocabulary::{START, decode_target, encode_source, encode_target},
};
use ch04_multi_head::{
    LayerError, Transformer, Written, looks, row_by_row, step_by_step, teacher_forced,
};
use ndarray::{Array2, Axis, s};

fn trained() -> Transformer {
    Transformer::new(&Weights::trained(Model::Transformer)).expect("a model that fits")
}

#[track_caller]
fn near(what: &str, a: &Array2<f32>, b: &Array2<f32>, allowed: f32) {
    assert_eq!(a.dim(), b.dim(), "{what}");
    let furthest = (a - b).fold(0.0_f32, |most, x| most.max(x.abs()));
    println!("{what}: {furthest:e} apart");
    assert!(furthest <= allowed, "{what}: {furthest:e} apart");
}

const TEXTS: [&str; 4] =
    ["the 3rd of May, 1979", "1/2/2003", "4 jul 1976; 29 february 2000", "no date at all"];

#[test]
fn teacher_forcing_and_step_by_step_decoding_give_the_same_logits() {
    for model in [
        trained(),
        Transformer::new(&Weights::random(Model::Transformer, 7)).expect("a model that fits"),
    ] {
        for text in TEXTS {
            let memory = model.encode(&encode_source(text).unwrap()).unwrap();
            let written = step_by_step(&model, memory.view(), LONGEST_TARGET - 1).unwrap();
            let forced = teacher_forced(&model, memory.view(), &written.tokens).unwrap();
            near(text, &written.logits, &forced, 1e-4);
            // With its keys and values kept, the decoder computes one row per step.
            let rows = row_by_row(&model, memory.view(), &written.tokens).unwrap();
            near(text, &written.logits, &rows, 1e-4);
        }
    }
}

/// What is forced need not be what the model would have written.
#[test]
fn each_row_of_teacher_forcing_depends_on_what_stands_before_it_alone() {
    let model = trained();
    let memory = model.encode(&encode_source(TEXTS[0]).unwrap()).unwrap();
    let target = encode_target("2024-12-31,1999");
    let whole = teacher_forced(&model, memory.view(), &target).unwrap();
    assert_eq!(whole.dim(), (target.len() + 1, 14));
    for length in 0..target.len() {
        let part = teacher_forced(&model, memory.view(), &target[..length]).unwrap();
        let rows = whole.slice(s![..=length, ..]).to_owned();
        near(&format!("{length} tokens"), &part, &rows, 1e-4);
    }
}

#[test]
fn a_decoder_that_does_not_end_is_stopped() {
    let model = Transformer::new(&Weights::random(Model::Transformer, 7)).unwrap();
    let memory = model.encode(&[START]).unwrap();
    let Written { tokens, ended, .. } = step_by_step(&model, memory.view(), 5).unwrap();
    assert!(!ended && tokens.len() == 5);
}

#[test]
fn empty_and_overlong_sequences_are_refused() {
    let model = trained();
    let error = model.encode(&[]).unwrap_err();
    assert_eq!(error.to_string(), "the source is empty, it needs at least one token");
    assert!(model.encode(&[START; POSITIONS]).is_ok());
    let error = model.encode(&[START; POSITIONS + 1]).unwrap_err();
    assert_eq!(error.to_string(), "the source has 257 tokens, but there are only 256 positions");
    let memory = model.encode(&[START]).unwrap();
    let error = teacher_forced(&model, memory.view(), &[START; POSITIONS]).unwrap_err();
    assert!(matches!(error, LayerError::TooLong { tokens: 257, .. }));
}

/// The weights that are shown are those that are used: rows sum to one, and nothing looks ahead.
#[test]
fn what_is_shown_of_the_heads_are_weights() {
    let model = trained();
    let source = encode_source(TEXTS[0]).unwrap();
    let memory = model.encode(&source).unwrap();
    let mut target = vec![START];
    target.extend(encode_target("1979-05-03"));
    let layers = looks(&model, memory.view(), &target).unwrap();
    assert_eq!(layers.len(), 2);
    for layer in layers {
        assert_eq!(layer.own.dim(), (4, 11, 11));
        assert_eq!(layer.cross.dim(), (4, 11, source.len()));
        for weights in [&layer.own, &layer.cross] {
            let sums = weights.sum_axis(Axis(2));
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5));
        }
        assert!(layer.own.indexed_iter().all(|((_, i, j), &w)| j <= i || w == 0.0));
    }
}

/// What the page says of “the 3rd of May, 1979”: the year is read from its digits, the month from
/// its name, the day from the 3. The weights of all heads of both blocks are added up.
#[test]
fn the_heads_look_at_what_they_copy() {
    let model = trained();
    let text = TEXTS[0];
    let source = encode_source(text).unwrap();
    let memory = model.encode(&source).unwrap();
    let written = step_by_step(&model, memory.view(), LONGEST_TARGET - 1).unwrap();
    assert_eq!(decode_target(&written.tokens), "1979-05-03");
    let mut target = vec![START];
    target.extend(&written.tokens);
    let layers = looks(&model, memory.view(), &target).unwrap();
    let sum: Array2<f32> = layers
        .iter()
        .map(|layer| layer.cross.sum_axis(Axis(0)))
        .fold(Array2::zeros((target.len(), source.len())), |sum, weights| sum + weights);
    // Position 0 is the start.
    let place = |part: &str| text.find(part).expect("a part of the text") + 1;
    let year = place("1979");
    for (row, from) in [
        (2, year + 2..year + 3),
        (3, year + 3..year + 4),
        (6, place("May")..place("May") + 3),
        (9, place("3")..place("3") + 1),
    ] {
        let weights = sum.row(row);
        let best = (0..source.len()).max_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        assert!(from.contains(&best.unwrap()), "row {row}: {best:?}, {weights:.2}");
    }
}

/// The program that trained the model computed with another library.
#[test]
fn the_logits_are_those_of_the_training_program() {
    let model = trained();
    let fixtures = fixture::fixtures(Model::Transformer);
    assert!(!fixtures.is_empty());
    for fixture in fixtures {
        let memory = model.encode(&encode_source(&fixture.source).unwrap()).unwrap();
        let target = encode_target(&fixture.target);
        let logits = teacher_forced(&model, memory.view(), &target).unwrap();
        near(&fixture.source, &logits, &fixture.logits, 1e-4);
    }
}
