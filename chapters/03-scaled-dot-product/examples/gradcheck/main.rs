//! The gradients of this chapter against central differences: `cargo attn gradcheck 3`.

mod functions;

use attn_core::{Mask, random::Random};
use attn_exercise::{Gradcheck, gradcheck};
use functions::FUNCTIONS;
use ndarray::Array2;
use std::process::ExitCode;

/// The gradients of Σ out ∘ d_out.
pub fn compare(random: &mut Random, check: &mut Gradcheck) {
    let (n, m, d, d_v) = (4, 5, 3, 2);
    let [q, k] = [(n, d), (m, d)].map(|shape| random.normal(shape));
    let [v, d_out] = [(m, d_v), (n, d_v)].map(|shape| random.normal(shape));
    for (mask, called) in [(Mask::None, "no mask"), (Mask::Causal, "causal")] {
        check.of(format!("attention_backward (3.6) of attention (3.3), {called}"));
        let sum = |q: &Array2<f32>, k: &Array2<f32>, v: &Array2<f32>| {
            let out = (FUNCTIONS.attention)(q.view(), k.view(), v.view(), &mask).out;
            (out * &d_out).iter().map(|&x| f64::from(x)).sum()
        };
        let gradients =
            (FUNCTIONS.attention_backward)(q.view(), k.view(), v.view(), &mask, d_out.view());
        check.compare("dq", &q, gradients.dq.view(), |q| sum(q, &k, &v));
        check.compare("dk", &k, gradients.dk.view(), |k| sum(&q, k, &v));
        check.compare("dv", &v, gradients.dv.view(), |v| sum(&q, &k, v));
    }
}

fn main() -> ExitCode {
    gradcheck(compare)
}
