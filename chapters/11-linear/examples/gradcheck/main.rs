//! The gradients of this chapter against central differences: `cargo attn gradcheck 11`.

mod functions;

use attn_core::random::Random;
use attn_exercise::{Gradcheck, gradcheck};
use functions::FUNCTIONS;
use ndarray::Array2;
use std::process::ExitCode;

/// The sizes: all differ.
const C: usize = 5;
const D: usize = 3;
const D_V: usize = 2;

/// The gradients of one chunk, of Σ out ∘ d_out + Σ S′ ∘ d_next.
///
/// The chunk is [`chunked`](ch11_linear::chunked) with γ = 1 and all tokens in one chunk.
pub fn compare(random: &mut Random, check: &mut Gradcheck) {
    let [state, d_next] = [(); 2].map(|()| random.normal((D, D_V)));
    let [q, k] = [(); 2].map(|()| random.normal((C, D)));
    let [v, d_out] = [(); 2].map(|()| random.normal((C, D_V)));
    let loss = |state: &Array2<f32>, q: &Array2<f32>, k: &Array2<f32>, v: &Array2<f32>| {
        let [q, k, v] = [q, k, v].map(wide);
        let mut state = wide(state);
        let out = (FUNCTIONS.chunked)(&mut state, q.view(), k.view(), v.view(), 1.0, C);
        sum(out, &d_out) + sum(state, &d_next)
    };
    check.of("chunk_backward (11.11) of chunked (11.4), one chunk, γ = 1");
    let [wide_q, wide_k, wide_v] = [&q, &k, &v].map(wide);
    let gradients = (FUNCTIONS.chunk_backward)(
        wide(&state).view(),
        wide_q.view(),
        wide_k.view(),
        wide_v.view(),
        wide(&d_out).view(),
        wide(&d_next).view(),
    );
    check.compare("dq", &q, narrow(&gradients.dq).view(), |q| loss(&state, q, &k, &v));
    check.compare("dk", &k, narrow(&gradients.dk).view(), |k| loss(&state, &q, k, &v));
    check.compare("dv", &v, narrow(&gradients.dv).view(), |v| loss(&state, &q, &k, v));
    let d_state = narrow(&gradients.d_state);
    check.compare("d_state", &state, d_state.view(), |state| loss(state, &q, &k, &v));
}

/// For the functions of this chapter, which are in f64.
fn wide(x: &Array2<f32>) -> Array2<f64> {
    x.mapv(f64::from)
}

/// For the comparison, which is in f32.
fn narrow(x: &Array2<f64>) -> Array2<f32> {
    x.mapv(|x| x as f32)
}

/// The sum of the products of their entries.
fn sum(x: Array2<f64>, weights: &Array2<f32>) -> f64 {
    (x * wide(weights)).sum()
}

fn main() -> ExitCode {
    gradcheck(compare)
}
