//! The operation against chapter 11's recurrence, and its gradients against differences.

use attn_core::random::Random;
use attn_train::recurrence::recurrence;
use candle_core::{Device, Tensor, Var};
use ch11_linear::{Forget, Recurrence, Write};
use ndarray::{Array2, s};

const BATCH: usize = 2;
const N: usize = 7;
const D: usize = 3;
const WIDTH: usize = 4;
const NUMBERS: usize = 3 * D + 1 + WIDTH;

/// Keys of length below 1, gates below 1, βs from 0 to 1.
fn tokens() -> Vec<f32> {
    let mut tokens = Random::new(5).normal(BATCH * N * NUMBERS).to_vec();
    for token in tokens.chunks_exact_mut(NUMBERS) {
        token[D..2 * D].iter_mut().for_each(|k| *k *= 0.4);
        token[2 * D..3 * D].iter_mut().for_each(|gate| *gate = -0.3 * gate.abs());
        token[3 * D] = token[3 * D].abs().min(1.0);
    }
    tokens
}

fn run(tokens: &[f32], erase: bool) -> (Var, Tensor) {
    let var = Var::from_slice(tokens, (BATCH, N, NUMBERS), &Device::Cpu).unwrap();
    let out = recurrence(&var, D, erase).unwrap();
    (var, out)
}

#[test]
fn it_is_the_recurrence_of_chapter_11() {
    let tokens = tokens();
    for erase in [false, true] {
        let out = run(&tokens, erase).1.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (b, out) in out.chunks_exact(N * WIDTH).enumerate() {
            let sequence = &tokens[b * N * NUMBERS..(b + 1) * N * NUMBERS];
            let sequence = Array2::from_shape_vec((N, NUMBERS), sequence.to_vec()).unwrap();
            let part = |from: usize, to: usize| sequence.slice(s![.., from..to]);
            let beta = sequence.column(3 * D);
            let (write, values) = match erase {
                true => (Write::Replace(beta.to_owned()), part(3 * D + 1, NUMBERS).to_owned()),
                // β belongs to the value where nothing is erased.
                false => {
                    (Write::Add, &part(3 * D + 1, NUMBERS) * &beta.insert_axis(ndarray::Axis(1)))
                }
            };
            let forget = Forget::Channels(part(2 * D, 3 * D).to_owned());
            let chapters = Recurrence { forget, write, ..Recurrence::plain() };
            let mut state = Array2::zeros((D, WIDTH));
            let rows =
                chapters.recurrent(&mut state, part(0, D), part(D, 2 * D), values.view()).unwrap();
            for (ours, theirs) in out.iter().zip(&rows) {
                assert!((ours - theirs).abs() < 1e-5, "{ours}, should be {theirs}");
            }
        }
    }
}

#[test]
fn gradients_are_those_of_differences() {
    let tokens = tokens();
    let upstream = Random::new(6).normal(BATCH * N * WIDTH).to_vec();
    let loss = |tokens: &[f32], erase: bool| -> f64 {
        let out = run(tokens, erase).1.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        out.iter().zip(&upstream).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    for erase in [false, true] {
        let (var, out) = run(&tokens, erase);
        let weights = Tensor::from_slice(&upstream, (BATCH, N, WIDTH), &Device::Cpu).unwrap();
        let gradients = (out * weights).unwrap().sum_all().unwrap().backward().unwrap();
        let ours = gradients.get(&var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for i in 0..tokens.len() {
            let moved = |by: f32| {
                let mut moved = tokens.clone();
                moved[i] += by;
                loss(&moved, erase)
            };
            let difference = (moved(5e-3) - moved(-5e-3)) / 1e-2;
            let apart = (f64::from(ours[i]) - difference).abs();
            assert!(
                apart < 5e-3 * difference.abs().max(1.0),
                "number {} of token {}, erase {erase}: {}, should be {difference}",
                i % NUMBERS,
                i / NUMBERS % N,
                ours[i]
            );
        }
    }
}
