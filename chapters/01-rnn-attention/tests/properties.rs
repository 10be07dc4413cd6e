//! What holds for every input, on seeded ones.

use attn_core::random::Random;
use attn_dates::{Model, Weights, vocabulary::encode_source};
use ch01_rnn_attention::{
    Attended, Gru, Lstm, Readout, Remembered, Rnn, attend_all, attend_top, decode,
    decode_attending, encode, gru_step, lstm_step, readout_backward, rnn_step, softmax,
    top_softmax,
    translator::{Look, Translator},
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array, concatenate, s};
use std::panic::{UnwindSafe, catch_unwind};

fn furthest(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f32 {
    (&a - &b).fold(0.0, |most, x| most.max(x.abs()))
}

fn rnn(seed: u64, d_in: usize, d: usize) -> Rnn {
    let mut random = Random::new(seed);
    Rnn {
        w_x: random.normal((d_in, d)) / (d_in as f32).sqrt(),
        w_h: random.normal((d, d)) / (2.0 * (d as f32).sqrt()),
        b: random.normal(d) * 0.5,
    }
}

#[test]
fn softmax_does_not_see_a_shift_and_keeps_the_order() {
    let scores = Random::new(1).normal(33);
    let weights = softmax(scores.view());
    assert!((weights.sum() - 1.0).abs() < 1e-6);
    let shifted = softmax((&scores + 7.0).view());
    assert!(furthest(weights.view(), shifted.view()) < 1e-6);
    for (i, j) in [(0, 1), (5, 9), (30, 2)] {
        assert_eq!(scores[i] > scores[j], weights[i] > weights[j]);
    }
}

#[test]
fn permuting_the_states_permutes_the_weights_and_leaves_the_context() {
    let mut random = Random::new(2);
    let (state, states) = (random.normal(16), random.normal((33, 16)));
    let order: Vec<usize> = (0..33).map(|j| j * 5 % 33).collect();
    let one = attend_all(state.view(), states.view());
    let other = attend_all(state.view(), states.select(Axis(0), &order).view());
    assert!(furthest(one.context.view(), other.context.view()) < 1e-5);
    let permuted = one.weights.select(Axis(0), &order);
    assert!(furthest(permuted.view(), other.weights.view()) < 1e-6);
}

/// What is kept is the softmax of all, divided by its own sum; with everything kept, to the last bit.
#[test]
fn the_best_keep_their_proportions() {
    let scores = Random::new(20).normal(31);
    let all = softmax(scores.view());
    for keep in 0..40 {
        let weights = top_softmax(scores.view(), keep);
        assert_eq!(weights.iter().filter(|&&w| w > 0.0).count(), keep.min(31));
        let kept: f32 = all.iter().zip(&weights).filter(|(_, w)| **w > 0.0).map(|(a, _)| a).sum();
        for (weight, all) in weights.iter().zip(&all) {
            assert!(*weight == 0.0 || (weight * kept - all).abs() < 1e-6);
        }
        let least = all.iter().zip(&weights).filter(|(_, w)| **w > 0.0).map(|(a, _)| *a);
        let least = least.fold(1.0, f32::min);
        assert!(all.iter().zip(&weights).all(|(a, w)| *w > 0.0 || *a <= least));
    }
    assert_eq!(top_softmax(Array1::zeros(0).view(), 3).len(), 0);
}

#[test]
fn a_look_at_the_best_with_everything_kept_is_a_look_at_all() {
    let mut random = Random::new(21);
    let (state, states) = (random.normal(8), random.normal((9, 8)));
    let all = attend_all(state.view(), states.view());
    let top = attend_top(state.view(), states.view(), 9);
    assert!(furthest(all.weights.view(), top.weights.view()) < 1e-6);
    assert!(furthest(all.context.view(), top.context.view()) < 1e-5);
    let one = attend_top(state.view(), states.view(), 1);
    assert!(states.rows().into_iter().any(|row| row == one.context));
}

/// Each row of the gradient of the logits sums to zero, so the bias's gradient does.
#[test]
fn what_one_token_gains_the_others_lose() {
    let mut random = Random::new(22);
    let readout = Readout { w: random.normal((4, 7)), b: random.normal(7) };
    let gradients = readout_backward(&readout, random.normal((5, 4)).view(), &[0, 6, 3, 3, 1]);
    assert!(gradients.db.sum().abs() < 1e-6);
    assert!(gradients.dw.sum_axis(Axis(1)).iter().all(|sum| sum.abs() < 1e-6));
}

#[test]
fn equal_scores_give_the_mean() {
    let states = Random::new(3).normal((31, 8));
    let Attended { context, weights } = attend_all(Array1::zeros(8).view(), states.view());
    assert!(weights.iter().all(|w| (w - 1.0 / 31.0).abs() < 1e-7));
    let mean = states.mean_axis(Axis(0)).expect("rows");
    assert!(furthest(context.view(), mean.view()) < 1e-6);
}

#[test]
fn one_state_is_its_own_context() {
    let mut random = Random::new(4);
    let (state, states) = (random.normal(8), random.normal((1, 8)));
    let attended = attend_all(state.view(), states.view());
    assert_eq!(attended.weights, array![1.0]);
    assert_eq!(attended.context, states.row(0));
}

/// Reading a sequence in two halves, the second from where the first ended, is reading it at once.
#[test]
fn the_state_is_all_that_an_encoder_carries() {
    let (rnn, inputs) = (rnn(5, 3, 8), Random::new(6).normal((9, 3)));
    let whole = encode(&rnn, inputs.view());
    let mut state = encode(&rnn, inputs.slice(s![..4, ..])).row(3).to_owned();
    for x in inputs.slice(s![4.., ..]).rows() {
        state = rnn_step(&rnn, x, state.view());
    }
    assert_eq!(state, whole.row(8));
}

/// What comes later does not change earlier states, to the last bit.
#[test]
fn no_state_sees_the_future() {
    let rnn = rnn(7, 3, 8);
    let inputs = Random::new(8).normal((9, 3));
    let mut loud = inputs.clone();
    loud.slice_mut(s![6.., ..]).fill(1e3);
    let (a, b) = (encode(&rnn, inputs.view()), encode(&rnn, loud.view()));
    assert_eq!(a.slice(s![..6, ..]), b.slice(s![..6, ..]));
    assert_ne!(a.row(8), b.row(8));
}

/// With a single state to look at, looking back is a fixed context.
#[test]
fn attention_over_one_state_is_the_fixed_context() {
    let rnn = rnn(9, 3 + 8, 8);
    let mut random = Random::new(10);
    let (z, inputs) = (random.normal((1, 8)), random.normal((7, 3)));
    let fixed = decode(&rnn, z.row(0), inputs.view());
    let looking = decode_attending(&rnn, z.view(), inputs.view());
    assert_eq!(looking.states, fixed);
    assert_eq!(looking.weights, Array2::<f32>::ones((7, 1)));
}

/// A decoder step by step is the decoder at once.
#[test]
fn one_step_at_a_time_gives_the_same() {
    let rnn = rnn(11, 3 + 8, 8);
    let mut random = Random::new(12);
    let (states, inputs) = (random.normal((5, 8)), random.normal((4, 3)));
    let at_once = decode_attending(&rnn, states.view(), inputs.view());
    let mut state = states.row(4).to_owned();
    for (t, y) in inputs.rows().into_iter().enumerate() {
        let Attended { context, weights } = attend_all(state.view(), states.view());
        let x = concatenate![Axis(0), y, context];
        state = rnn_step(&rnn, x.view(), state.view());
        assert_eq!(at_once.states.row(t), state);
        assert_eq!(at_once.weights.row(t), weights);
    }
}

/// Between its candidate and the state before, coordinate by coordinate.
#[test]
fn a_gated_step_stays_between_minus_one_and_one() {
    let mut random = Random::new(13);
    let gru = Gru {
        w_x: random.normal((5, 24)),
        w_h: random.normal((8, 24)),
        b_x: random.normal(24),
        b_h: random.normal(24),
    };
    let mut state = Array1::zeros(8);
    for x in random.normal((100, 5)).rows() {
        state = gru_step(&gru, x, state.view());
        assert!(state.iter().all(|s: &f32| s.abs() <= 1.0), "{state}");
    }
}

/// A gate times a tanh, whatever the cell holds by then.
#[test]
fn what_an_lstm_shows_stays_between_minus_one_and_one() {
    let mut random = Random::new(23);
    let lstm = Lstm::random(5, 8, &mut random);
    let mut after = Remembered { state: Array1::zeros(8), cell: random.normal(8) * 50.0 };
    for x in random.normal((100, 5)).rows() {
        after = lstm_step(&lstm, x, after.state.view(), after.cell.view());
        assert!(after.state.iter().all(|s: &f32| s.abs() <= 1.0), "{}", after.state);
    }
}

#[test]
fn nothing_to_read_or_to_write_is_no_trouble() {
    assert_eq!(encode(&rnn(1, 3, 4), Array2::zeros((0, 3)).view()).dim(), (0, 4));
    let decoder = rnn(1, 3 + 4, 4);
    let none = Array2::zeros((0, 3));
    let written = decode(&decoder, Array1::zeros(4).view(), none.view());
    assert_eq!(written.dim(), (0, 4));
    let looked = decode_attending(&decoder, Array2::zeros((2, 4)).view(), none.view());
    assert_eq!((looked.states.dim(), looked.weights.dim()), ((0, 4), (0, 2)));
}

#[track_caller]
fn refusal<T>(act: impl FnOnce() -> T + UnwindSafe) -> String {
    let panic = catch_unwind(act).err().expect("it should be refused");
    match panic.downcast_ref::<String>() {
        Some(message) => message.clone(),
        None => panic.downcast_ref::<&str>().expect("a message").to_string(),
    }
}

#[test]
fn sizes_that_do_not_fit_are_named() {
    let vector = |d: usize| Array1::<f32>::zeros(d);
    let matrix = |n: usize, d: usize| Array2::<f32>::zeros((n, d));
    assert_eq!(
        refusal(move || rnn_step(&rnn(1, 3, 4), vector(2).view(), vector(4).view())),
        "input width 2 ≠ rows of w_x 3"
    );
    assert_eq!(
        refusal(move || rnn_step(&rnn(1, 3, 4), vector(3).view(), vector(5).view())),
        "state width 5 ≠ rows of w_h 4"
    );
    assert_eq!(
        refusal(move || encode(&rnn(1, 3, 4), matrix(5, 2).view())),
        "input width 2 ≠ rows of w_x 3"
    );
    assert_eq!(
        refusal(move || decode(&rnn(1, 3, 4), vector(4).view(), matrix(5, 3).view())),
        "input width 7 ≠ rows of w_x 3"
    );
    assert_eq!(
        refusal(move || attend_all(vector(3).view(), matrix(5, 4).view())),
        "state width 3 ≠ states' width 4"
    );
    assert_eq!(
        refusal(move || attend_all(vector(3).view(), matrix(0, 3).view())),
        "no states to attend to"
    );
    assert_eq!(
        refusal(move || decode_attending(&rnn(1, 5, 2), matrix(0, 2).view(), matrix(1, 3).view())),
        "no states to attend to"
    );
    let gru = || Gru { w_x: matrix(3, 12), w_h: matrix(4, 12), b_x: vector(12), b_h: vector(8) };
    assert_eq!(
        refusal(move || gru_step(&gru(), vector(3).view(), vector(4).view())),
        "width of b_h 8 ≠ three times the state width 12"
    );
    let lstm = || Lstm { w_x: matrix(3, 16), w_h: matrix(4, 16), b_x: vector(16), b_h: vector(16) };
    assert_eq!(
        refusal(move || lstm_step(&lstm(), vector(3).view(), vector(4).view(), vector(5).view())),
        "cell width 5 ≠ state width 4"
    );
    let readout = || Readout { w: matrix(4, 7), b: vector(7) };
    assert_eq!(
        refusal(move || readout_backward(&readout(), matrix(2, 4).view(), &[1])),
        "targets 1 ≠ states 2"
    );
    assert_eq!(
        refusal(move || readout_backward(&readout(), matrix(2, 4).view(), &[1, 7])),
        "target 7, but the vocabulary has 7 tokens"
    );
}

/// The trained models' forward pass, on untrained weights: fed its own choices step by step, it
/// gives the logits that it gives when the same tokens are forced on it.
#[test]
fn teacher_forcing_and_writing_step_by_step_give_the_same_logits() {
    let source = encode_source("the 3rd of May, 1979").expect("a text");
    for model in [Model::Fixed, Model::Dot] {
        let weights = Weights::random(model, 5);
        let translator = match model {
            Model::Fixed => Translator::fixed(&weights),
            _ => Translator::dot(&weights),
        };
        let states = translator.read(&source);
        let mut writer = translator.writer(&states);
        let (mut own, mut tokens) = (Vec::new(), Vec::new());
        let mut token = attn_dates::vocabulary::START;
        for _ in 0..12 {
            let logits = writer.step(token);
            token = (0..logits.len()).fold(0, |a, b| if logits[b] > logits[a] { b } else { a });
            own.push(logits);
            tokens.push(token);
        }
        let (forced, weights) = translator.forced(&source, &tokens[..11]);
        assert_eq!((forced.nrows(), weights.dim()), (12, (12, source.len())));
        for (own, forced) in own.iter().zip(forced.rows()) {
            assert_eq!(own, forced);
        }
        assert_eq!(writer.looked(), weights);
    }
}

/// The fixed model is the dot model with a look back that sees the last state only.
#[test]
fn the_models_differ_in_their_context_alone() {
    let source = encode_source("3 May").expect("a text");
    let weights = Weights::random(Model::Dot, 6);
    let last: Look = Box::new(|_: ArrayView1<f32>, states: ArrayView2<f32>| Attended {
        context: states.row(states.nrows() - 1).to_owned(),
        weights: Array1::zeros(states.nrows()),
    });
    let (looking, _) = Translator::dot(&weights).forced(&source, &[2, 3]);
    let (not_looking, _) = Translator::new(&weights, last).forced(&source, &[2, 3]);
    assert_ne!(looking, not_looking);
}

#[test]
#[should_panic(expected = "no states to attend to")]
fn a_decoder_needs_something_that_was_read() {
    let translator = Translator::dot(&Weights::random(Model::Dot, 1));
    let nothing = translator.read(&[]);
    translator.writer(&nothing);
}
