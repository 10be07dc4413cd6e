//! The GRU's own operations against the same made of candle's.

use attn_core::random::Random;
use attn_train::cell::{Cell, Sequence};
use candle_core::{Device, Result, Tensor, Var};
use candle_nn::ops::sigmoid;

const BATCH: usize = 3;
const WIDTH: usize = 5;

fn plain(input: &Tensor, hidden: &Tensor, state: &Tensor) -> Result<Tensor> {
    let block = |x: &Tensor, i: usize| x.narrow(1, i * WIDTH, WIDTH);
    let reset = sigmoid(&(block(input, 0)? + block(hidden, 0)?)?)?;
    let update = sigmoid(&(block(input, 1)? + block(hidden, 1)?)?)?;
    let candidate = (block(input, 2)? + (reset * block(hidden, 2)?)?)?.tanh()?;
    (1.0 - &update)? * candidate + (update * state)?
}

fn random(seed: u64, width: usize) -> Var {
    // Three times standard normal: gates that are nearly shut or open as well.
    let values = Random::new(seed).normal(BATCH * width) * 3.0;
    Var::from_vec(values.to_vec(), (BATCH, width), &Device::Cpu).unwrap()
}

fn close(what: &str, a: &Tensor, b: &Tensor) {
    let (a, b) = (a.flatten_all().unwrap(), b.flatten_all().unwrap());
    let (a, b) = (a.to_vec1::<f32>().unwrap(), b.to_vec1::<f32>().unwrap());
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (x, y)) in a.iter().zip(&b).enumerate() {
        assert!((x - y).abs() < 5e-6, "{what}[{i}] is {x}, should be {y}");
    }
}

#[test]
fn values_and_gradients_are_those_of_single_operations() {
    let (input, hidden) = (random(1, 3 * WIDTH), random(2, 3 * WIDTH));
    let (state, upstream) = (random(3, WIDTH), random(4, WIDTH));
    let ours = input.apply_op3(&hidden, &state, Cell).unwrap();
    let plain = plain(&input, &hidden, &state).unwrap();
    close("state", &ours, &plain);
    let gradients = |out: &Tensor| {
        let loss = (out * upstream.as_tensor()).unwrap().sum_all().unwrap();
        loss.backward().unwrap()
    };
    let (ours, plain) = (gradients(&ours), gradients(&plain));
    for (what, var) in [("input", &input), ("hidden", &hidden), ("state", &state)] {
        close(what, ours.get(var).unwrap(), plain.get(var).unwrap());
    }
}

#[test]
fn gates_that_are_fully_shut_or_open_stay_finite() {
    let wide = |x: f32| Tensor::full(x, (1, 3 * WIDTH), &Device::Cpu).unwrap();
    let state = Tensor::full(0.5_f32, (1, WIDTH), &Device::Cpu).unwrap();
    for x in [-1e4, 1e4] {
        let out = wide(x).apply_op3(&wide(x), &state, Cell).unwrap();
        let out = out.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        // Update gate open: the old state. Shut: the candidate, tanh of −10 000.
        let expected = if x > 0.0 { 0.5 } else { -1.0 };
        assert!(out.iter().all(|y| *y == expected), "{out:?}");
    }
}

#[test]
fn a_sequence_has_the_states_and_gradients_of_its_steps() {
    const STEPS: usize = 4;
    let part = |seed: u64, rows: usize, width: usize| {
        let values = Random::new(seed).normal(rows * width).to_vec();
        Var::from_vec(values, (rows, width), &Device::Cpu).unwrap()
    };
    let inputs: Vec<Var> = (0..STEPS as u64).map(|t| part(t, BATCH, 3 * WIDTH)).collect();
    let (weight, bias) = (part(11, WIDTH, 3 * WIDTH), part(12, 1, 3 * WIDTH));
    let (first, upstream) = (part(13, BATCH, WIDTH), part(14, STEPS * BATCH, WIDTH));

    let mut state = first.as_tensor().clone();
    let mut states = Vec::new();
    for input in &inputs {
        let hidden = state.matmul(&weight).unwrap().broadcast_add(&bias).unwrap();
        state = plain(input, &hidden, &state).unwrap();
        states.push(state.clone());
    }
    let plain = Tensor::stack(&states, 0).unwrap();

    let weights = Tensor::cat(&[weight.as_tensor(), bias.as_tensor()], 0).unwrap();
    let together: Vec<&Tensor> = inputs.iter().map(Var::as_tensor).collect();
    let together = Tensor::stack(&together, 0).unwrap();
    let ours = together.apply_op3(&weights, &first, Sequence).unwrap();
    close("states", &ours, &plain);

    let gradients = |out: &Tensor| {
        let out = out.reshape((STEPS * BATCH, WIDTH)).unwrap();
        let loss = (out * upstream.as_tensor()).unwrap().sum_all().unwrap();
        loss.backward().unwrap()
    };
    let (ours, plain) = (gradients(&ours), gradients(&plain));
    for (what, var) in [("weight", &weight), ("bias", &bias), ("first", &first)] {
        close(what, ours.get(var).unwrap(), plain.get(var).unwrap());
    }
    for input in &inputs {
        close("input", ours.get(input).unwrap(), plain.get(input).unwrap());
    }
}
