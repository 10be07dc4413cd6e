//! What the chapter's text says, as tests: the numbers printed there are asserted here.

use attn_core::random::Random;
use attn_dates::{
    Model, Weights,
    results::{HeldOut, gradients, losses},
};
use ch01_rnn_attention::{
    Attended, Gru, Lstm, Readout, ReadoutGradients, Remembered, Rnn, attend_all, decode,
    decode_attending, encode,
    figures::trained::shares,
    greedy, gru_step,
    influence::{Influence, LONGEST, influence, network},
    lstm_step, readout_backward,
    rnn::spectral_norm,
    rnn_step, softmax, teacher_forcing, top_softmax,
};
use ndarray::{Array1, Array2, ArrayView, ArrayView1, Dimension, array};

/// Refuses an array that is not the printed one.
#[track_caller]
fn near<D: Dimension>(got: ArrayView<f32, D>, printed: ndarray::Array<f32, D>) {
    assert_eq!(got.shape(), printed.shape());
    let far = got.iter().zip(&printed).any(|(a, b)| (a - b).abs() > 1e-5);
    assert!(!far, "{got} is printed as {printed}");
}

fn ln(x: f32) -> f32 {
    x.ln()
}

/// The notes' database: five rows with a relevance and a reading.
#[test]
fn two_meanings_of_normalise_give_two_answers() {
    let (relevance, readings) =
        (array![8.0_f32, 4.0, 4.0, 2.0, 2.0], array![5.0, 2.0, 8.0, 3.0, 6.0]);
    let by_sum = &relevance / relevance.sum();
    near(by_sum.view(), array![0.4, 0.2, 0.2, 0.1, 0.1]);
    assert!((by_sum.dot(&readings) - 4.9).abs() < 1e-5);
    let weights = softmax(relevance.view());
    let printed = array![0.960, 0.018, 0.018, 0.002, 0.002];
    assert!((&weights - &printed).iter().all(|e: &f32| e.abs() < 5e-4), "{weights}");
    assert!((weights.dot(&readings) - 4.998).abs() < 5e-4);
}

/// Dividing by the sum does not see a factor, the softmax does not see a shift, and neither does
/// the other's.
#[test]
fn a_factor_and_a_shift() {
    let scores = array![8.0_f32, 4.0, 4.0, 2.0, 2.0];
    let by_sum = |scores: &Array1<f32>| scores / scores.sum();
    near(by_sum(&(&scores * 0.5)).view(), by_sum(&scores));
    near(softmax((&scores + 10.0).view()).view(), softmax(scores.view()));
    // Halved, the softmax is much softer; shifted, the quotients are nearly even.
    assert!((softmax((&scores * 0.5).view())[0] - 0.730).abs() < 1e-3);
    assert!((by_sum(&(&scores + 10.0))[0] - 0.257).abs() < 1e-3);
    // With a sum of zero the quotient is no number at all.
    assert!(!by_sum(&array![1.0, -1.0])[0].is_finite());
}

#[test]
fn the_softmax_worked_by_hand() {
    near(softmax(array![0.0, ln(2.0), ln(4.0)].view()).view(), array![1.0, 2.0, 4.0] / 7.0);
}

#[test]
fn a_step_worked_by_hand() {
    let rnn = Rnn {
        w_x: array![[ln(2.0) / 2.0, 0.0]],
        w_h: array![[0.0, 4.0 * ln(3.0)], [0.0, 0.0]],
        b: array![0.0, -ln(3.0)],
    };
    let (x, state) = (array![2.0], array![0.5, -0.5]);
    near(rnn_step(&rnn, x.view(), state.view()).view(), array![0.6, 0.8]);
    // The state on the other side of the matrix: ln 2 − 2 ln 3 goes into the first entry.
    let other = (x.dot(&rnn.w_x) + rnn.w_h.dot(&state) + &rnn.b).mapv(f32::tanh);
    near(other.view(), array![-77.0 / 85.0, -0.8]);
}

fn counting() -> Rnn {
    Rnn { w_x: array![[ln(2.0)]], w_h: array![[ln(1.5) / 0.6]], b: array![0.0] }
}

#[test]
fn reading_and_writing_worked_by_hand() {
    let rnn = counting();
    near(encode(&rnn, array![[1.0], [1.0]].view()).view(), array![[0.6], [0.8]]);
    let w = rnn.w_h[[0, 0]];
    let decoder = Rnn { w_x: array![[ln(2.0)], [w]], w_h: array![[-w]], b: array![0.0] };
    let inputs = array![[1.0], [ln(3.0) / ln(2.0)]];
    near(decode(&decoder, array![0.6].view(), inputs.view()).view(), array![[0.6], [0.8]]);
}

#[test]
fn a_look_back_worked_by_hand() {
    let states = array![[0.0, 1.0], [ln(3.0), 0.0]];
    let Attended { context, weights } = attend_all(array![1.0, 0.0].view(), states.view());
    near(weights.view(), array![0.25, 0.75]);
    near(context.view(), array![0.75 * ln(3.0), 0.25]);
    assert!((0.75 * ln(3.0) - 0.824).abs() < 1e-3);
}

#[test]
fn a_step_that_looks_back_worked_by_hand() {
    let rnn = Rnn {
        w_x: array![[0.0, ln(3.0)], [0.0, 0.0], [4.0 / 3.0 * ln(2.0), 0.0]],
        w_h: Array2::zeros((2, 2)),
        b: Array1::zeros(2),
    };
    let states = array![[2.0 - ln(3.0), 0.0], [1.0, 1.0]];
    let decoded = decode_attending(&rnn, states.view(), array![[1.0]].view());
    near(decoded.weights.view(), array![[0.25, 0.75]]);
    near(decoded.states.view(), array![[0.6, 0.8]]);
}

#[test]
fn a_gated_step_worked_by_hand() {
    let gru = Gru {
        w_x: array![[0.0, ln(3.0), 0.0]],
        w_h: array![[0.0, 0.0, 2.0 * ln(2.0)]],
        b_x: array![0.0, 0.0, 0.0],
        b_h: array![0.0, 0.0, ln(2.0)],
    };
    let after = gru_step(&gru, array![1.0].view(), array![0.5].view());
    near(after.view(), array![0.525]);
    // With z and 1 − z exchanged: ¾·0.6 + ¼·0.5.
    assert!((0.75_f32 * 0.6 + 0.25 * 0.5 - 0.575).abs() < 1e-6);
}

#[test]
fn the_best_worked_by_hand() {
    let weights = top_softmax(array![0.0, ln(3.0), -1.0, 0.0].view(), 2);
    near(weights.view(), array![0.25, 0.75, 0.0, 0.0]);
    // The database: its best three rows, and the softmax of all five.
    let (relevance, readings) =
        (array![8.0_f32, 4.0, 4.0, 2.0, 2.0], array![5.0, 2.0, 8.0, 3.0, 6.0]);
    let three = top_softmax(relevance.view(), 3);
    assert!(three[3] == 0.0 && three[4] == 0.0);
    assert!((three[0] - 0.965).abs() < 5e-4 && (three[1] - 0.018).abs() < 5e-4);
    assert!((three.dot(&readings) - 5.0).abs() < 5e-4, "{}", three.dot(&readings));
}

#[test]
fn a_step_with_a_memory_worked_by_hand() {
    let lstm = Lstm {
        w_x: array![[0.0, ln(3.0), 0.0, 0.0]],
        w_h: array![[0.0, 0.0, 2.0 * ln(2.0), 0.0]],
        b_x: array![0.0, 0.0, 0.0, ln(3.0)],
        b_h: array![0.0, 0.0, 0.0, -2.0 * ln(3.0)],
    };
    let before = 4.0 / 3.0 * (ln(2.0) - 0.3);
    assert!((before - 0.524).abs() < 1e-3);
    let (x, state, cell) = (array![1.0], array![0.5], array![before]);
    let Remembered { state, cell } = lstm_step(&lstm, x.view(), state.view(), cell.view());
    near(cell.view(), array![ln(2.0)]);
    near(state.view(), array![0.15]);
    // The output gate on the cell itself, without the tanh.
    assert!((0.25 * ln(2.0) - 0.1733).abs() < 1e-4);
}

/// A forget gate of 1 and an input gate of 0 keep the cell to the last bit, through a hundred tokens,
/// however large it is. What is shown of it lies between −1 and 1.
#[test]
fn a_cell_can_be_left_alone_whatever_it_holds() {
    let mut lstm = Lstm::random(3, 4, &mut Random::new(1));
    lstm.b_x.slice_mut(ndarray::s![..4]).fill(-200.0); // input
    lstm.b_x.slice_mut(ndarray::s![4..8]).fill(200.0); // forget
    let before = array![0.5, -40.0, 1e-3, 7.0];
    let mut after = Remembered { state: Array1::zeros(4), cell: before.clone() };
    for x in Random::new(3).normal((100, 3)).rows() {
        after = lstm_step(&lstm, x, after.state.view(), after.cell.view());
        assert!(after.state.iter().all(|s| s.abs() <= 1.0));
    }
    assert_eq!(after.cell, before);
}

/// The unit of 1997 adds to its cell and never takes away: fed the same token, it grows without end.
#[test]
fn without_a_forget_gate_a_cell_grows_without_end() {
    let steps = 100;
    let grown = |forget: f32| {
        let mut lstm = Lstm {
            w_x: Array2::zeros((1, 4)),
            w_h: Array2::zeros((1, 4)),
            b_x: array![100.0, forget, 100.0, 100.0], // open, the candidate 1
            b_h: Array1::zeros(4),
        };
        lstm.w_x.fill(0.0);
        let mut after = Remembered { state: Array1::zeros(1), cell: Array1::zeros(1) };
        for _ in 0..steps {
            after = lstm_step(&lstm, array![1.0].view(), after.state.view(), after.cell.view());
        }
        after.cell[0]
    };
    assert_eq!(grown(100.0), 100.0); // the gate always open is no gate
    assert!((grown(0.0) - 2.0).abs() < 1e-4); // half open: 1 + 1/2 + 1/4 + …
}

#[test]
fn a_gradient_worked_by_hand() {
    let readout = Readout { w: array![[0.0, ln(3.0)]], b: array![0.0, 0.0] };
    let states = array![[1.0], [-1.0]];
    let ReadoutGradients { dw, db, d_states } = readout_backward(&readout, states.view(), &[1, 1]);
    near(dw.view(), array![[-0.25, 0.25]]);
    near(db.view(), array![0.5, -0.5]);
    near(d_states.view(), array![[-ln(3.0) / 8.0], [-3.0 * ln(3.0) / 8.0]]);
    // As the sum of the losses: twice.
    near(db.view(), array![1.0, -1.0] / 2.0);
}

/// Steps against the gradient: 200 of them, and the loss falls from ln 5 to next to nothing.
#[test]
fn a_read_out_learns_from_its_gradient() {
    let states = Random::new(4).normal((8, 16));
    let targets = [0, 1, 2, 3, 4, 0, 1, 2];
    let mut readout = Readout { w: Array2::zeros((16, 5)), b: Array1::zeros(5) };
    let loss = |readout: &Readout| {
        let logits = states.dot(&readout.w) + &readout.b;
        let losses = logits.rows().into_iter().zip(targets);
        losses.map(|(row, target)| -softmax(row)[target].ln()).sum::<f32>() / 8.0
    };
    let first = loss(&readout);
    for _ in 0..200 {
        let gradients = readout_backward(&readout, states.view(), &targets);
        readout.w.scaled_add(-0.5, &gradients.dw);
        readout.b.scaled_add(-0.5, &gradients.db);
    }
    println!("from {first:.3} to {:.4}", loss(&readout));
    assert!((first - ln(5.0)).abs() < 1e-5);
    assert!(loss(&readout) < 0.02);
}

/// An update gate of 1 keeps the state to the last bit, through a hundred tokens.
#[test]
fn a_gate_can_leave_the_state_alone() {
    let mut gru = Gru {
        w_x: Random::new(1).normal((3, 12)),
        w_h: Random::new(2).normal((4, 12)),
        b_x: Array1::zeros(12),
        b_h: Array1::zeros(12),
    };
    gru.b_x.slice_mut(ndarray::s![4..8]).fill(100.0);
    let before = array![0.5, -0.25, 0.125, 1.0];
    let mut state = before.clone();
    for x in Random::new(3).normal((100, 3)).rows() {
        state = gru_step(&gru, x, state.view());
    }
    assert_eq!(state, before);
}

#[test]
fn writing_worked_by_hand() {
    let logits = array![
        [0.0, 1.0, 3.0, 2.0],
        [0.5, 0.0, 0.0, 1.0],
        [0.0, 2.0, 1.0, 1.5],
        [9.0, 0.0, 0.0, 0.0],
    ];
    let mut step = |token: usize| logits.row(token).to_owned();
    assert_eq!(greedy(&mut step, 0, 3, 10), [2, 1]);
    assert_eq!(greedy(&mut step, 0, 3, 1), [2]);

    let logits = array![[0.0, 0.0, ln(2.0)], [ln(4.0), ln(3.0), 0.0], [0.0, 0.0, 0.0]];
    let mut step = |token: usize| logits.row(token).to_owned();
    let loss = teacher_forcing(&mut step, 0, &[1, 0]);
    assert!((loss - ln(8.0) / 2.0).abs() < 1e-6 && (loss - 1.0397).abs() < 1e-4);
    // Fed its own choices instead: token 2 is likelier than 1, and after it all are alike.
    assert!(((ln(4.0) + ln(3.0)) / 2.0 - 1.2425).abs() < 1e-4);
}

/// A diagonal matrix shows its norm; and the norm of a random one bounds every image.
#[test]
fn the_spectral_norm_is_the_most_a_matrix_lengthens() {
    let diagonal = array![[0.5, 0.0], [0.0, -2.0]];
    assert!((spectral_norm(diagonal.view()) - 2.0).abs() < 1e-6);
    assert_eq!(spectral_norm(Array2::zeros((3, 3)).view()), 0.0);
    let w = Random::new(1).normal((16, 16));
    let norm = spectral_norm(w.view()) as f32;
    let length = |x: ArrayView1<f32>| x.dot(&x).sqrt();
    for x in Random::new(2).normal((100, 16)).rows() {
        assert!(length(x.dot(&w).view()) <= norm * length(x) * 1.0001);
    }
}

/// The claim of the page, with its condition: at most ρ^(m−1) where ρ < 1.
#[test]
fn a_contractive_recurrence_forgets_the_first_token_geometrically() {
    for rho in [0.5, 0.9] {
        let influence = influence(rho, 8, 1);
        for (steps, left) in influence.last_state.iter().enumerate() {
            let bound = rho.powi(steps as i32);
            assert!(*left <= bound * (1.0 + 1e-5), "ρ = {rho}, {steps}: {left} > {bound}");
        }
        // Each further token takes at least the factor.
        for pair in influence.last_state.windows(2) {
            assert!(pair[1] <= rho * pair[0] * (1.0 + 1e-5) + 1e-16);
        }
    }
}

/// A look back keeps a share that falls like one over the length, not geometrically.
#[test]
fn a_look_back_still_finds_the_first_token() {
    let Influence { last_state, context } = influence(0.9, 8, 1);
    let (m, last) = (LONGEST as f64, LONGEST - 1);
    println!("at {m} tokens: last state {:.1e}, context {:.1e}", last_state[last], context[last]);
    assert!(last_state[last] < 1e-9);
    assert!(context[last] > 0.1 / m);
    assert!(context[last] > 1e6 * last_state[last]);
}

/// Without the condition nothing is promised: with norm 3 these networks forget all the same, only
/// slower; with norm 6 they do not.
#[test]
fn a_recurrence_that_is_not_contractive_may_forget_or_not() {
    let norm = spectral_norm(network(3.0, &mut Random::new(1)).w_h.view());
    assert!((norm - 3.0).abs() < 1e-3);
    let left = |rho| influence(rho, 8, 1).last_state[LONGEST - 1];
    let (three, six) = (left(3.0), left(6.0));
    println!("ρ = 3: {three:.1e}; ρ = 6: {six:.1e}");
    assert!(three < 0.01);
    assert!(six > 0.5);
}

/// The page compares two models that were trained alike.
#[test]
fn the_two_models_were_trained_for_as_many_steps() {
    let steps = |model| Weights::trained(model).about("steps").to_string();
    assert_eq!(steps(Model::Fixed), steps(Model::Dot));
    assert_eq!(steps(Model::Dot), "2400");
    let weights = Weights::trained(Model::Dot);
    assert!(weights.about("command").contains("--batch 96"));
    assert_eq!(weights.matrix("encoder.embedding").ncols(), 32);
    assert_eq!(weights.matrix("decoder.embedding").ncols(), 32);
}

/// What the page says of its figure of lists that come out right.
#[test]
fn with_attention_longer_lists_come_out_right_and_without_it_they_do_not() {
    let [fixed, dot] = [Model::Fixed, Model::Dot].map(|model| shares(model, HeldOut::Days));
    println!("fixed {fixed:?}\ndot {dot:?}");
    assert_eq!((fixed.len(), dot.len()), (8, 8));
    assert!(dot[0].1 > 0.9);
    for ((dates, fixed), (_, dot)) in fixed.iter().zip(&dot) {
        assert!(dot > fixed, "{dates} dates: {dot}, {fixed}");
    }
    assert!(fixed[0].1 > 0.8, "most single dates");
    assert!(fixed[1].1 < 0.4 && fixed[2].1 < 0.02, "at once");
    assert!(dot[7].1 > 0.9 && dot[7].1 < dot[0].1, "slowly");
}

/// What the page says of its figure of gradients.
#[test]
fn the_gradient_vanishes_before_training_without_attention_alone() {
    let share = |model, trained: bool, distance: std::ops::Range<usize>| {
        let rows = gradients().into_iter();
        let rows: Vec<f64> = rows
            .filter(|row| row.model == model && row.trained == trained)
            .filter(|row| distance.contains(&row.distance))
            .map(|row| row.share)
            .collect();
        rows.iter().sum::<f64>() / rows.len() as f64
    };
    // A factor of about a thousand every 16 characters.
    for from in [16, 32, 48] {
        let factor = share(Model::Fixed, false, from..from + 8)
            / share(Model::Fixed, false, from + 16..from + 24);
        println!("untrained, fixed, {from}: a factor of {factor:.0}");
        assert!((500.0..2000.0).contains(&factor), "{factor}");
    }
    for (model, trained) in [(Model::Dot, false), (Model::Fixed, true)] {
        let ratio = share(model, trained, 16..32) / share(model, trained, 64..80);
        println!("{model}, trained {trained}: {ratio:.2}");
        assert!((0.3..3.0).contains(&ratio), "{model}: {ratio}");
    }
    let valley = share(Model::Dot, true, 56..80);
    for slope in [1..16, 96..103] {
        let times = share(Model::Dot, true, slope.clone()) / valley;
        println!("trained, dot, {slope:?}: {times:.1} times the valley");
        assert!(times > 4.0, "{slope:?}: {times}");
    }
}

/// The short run that the reader can start: only the model that looks back goes on learning.
#[test]
fn the_loss_of_a_short_run_is_the_printed_one() {
    let last = losses().map(|(model, rows)| {
        let last = rows.last().expect("a loss");
        (model, last.step, format!("{:.2}", last.loss))
    });
    let printed = [(Model::Fixed, 300, "0.98".into()), (Model::Dot, 300, "0.54".into())];
    assert_eq!(last, printed);
    // An even guess, where both begin.
    assert_eq!(format!("{:.2}", 14_f64.ln()), "2.64");
    for (_, rows) in losses() {
        assert!((rows[0].loss - 14_f64.ln()).abs() < 0.2);
    }
}
