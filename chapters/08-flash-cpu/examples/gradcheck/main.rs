//! The gradients of this chapter against central differences: `cargo attn gradcheck 8`.

mod functions;

use attn_core::random::Random;
use attn_exercise::{Gradcheck, gradcheck};
use ch08_flash_cpu::given::{Block, Traffic};
use functions::FUNCTIONS;
use ndarray::Array2;
use std::process::ExitCode;

/// The gradients of Σ out ∘ d_out, tile by tile.
pub fn compare(random: &mut Random, check: &mut Gradcheck) {
    let (n, m, d, d_v) = (4, 7, 3, 2);
    let block = Block { q: 3, k: 2 };
    for causal in [false, true] {
        let [q, k] = [(n, d), (m, d)].map(|shape| random.normal(shape));
        let [v, d_out] = [(m, d_v), (n, d_v)].map(|shape| random.normal(shape));
        let forward = |q: &Array2<f32>, k: &Array2<f32>, v: &Array2<f32>| {
            let mut traffic = Traffic::default();
            (FUNCTIONS.flash_forward)(q.view(), k.view(), v.view(), causal, block, &mut traffic)
        };
        let sum = |q: &Array2<f32>, k: &Array2<f32>, v: &Array2<f32>| {
            (forward(q, k, v).out * &d_out).iter().map(|&x| f64::from(x)).sum()
        };
        let called = if causal { "causal" } else { "no mask" };
        check.of(format!("flash_backward (8.5) of flash_forward (8.3), {called}"));
        let gradients = (FUNCTIONS.flash_backward)(
            q.view(),
            k.view(),
            v.view(),
            causal,
            &forward(&q, &k, &v),
            d_out.view(),
            block,
            &mut Traffic::default(),
        );
        check.compare("dq", &q, gradients.dq.view(), |q| sum(q, &k, &v));
        check.compare("dk", &k, gradients.dk.view(), |k| sum(&q, k, &v));
        check.compare("dv", &v, gradients.dv.view(), |v| sum(&q, &k, v));
    }
}

fn main() -> ExitCode {
    gradcheck(compare)
}
