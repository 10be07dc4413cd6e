//! The gradients of this chapter against central differences: `cargo attn gradcheck 8`.

mod functions;

use attn_core::random::Random;
use attn_exercise::{Gradcheck, gradcheck};
use ch08_flash_cpu::given::{Block, Traffic};
use functions::FUNCTIONS;
use ndarray::{Array1, Array2, array};
use std::process::ExitCode;

/// The sizes: all differ.
const N: usize = 4;
const M: usize = 7;
const D: usize = 3;
const D_V: usize = 2;

/// All gradients of the chapter, of Σ out ∘ d_out.
pub fn compare(random: &mut Random, check: &mut Gradcheck) {
    by_tiles(random, check);
    sink(random, check);
}

fn by_tiles(random: &mut Random, check: &mut Gradcheck) {
    let block = Block { q: 3, k: 2 };
    for causal in [false, true] {
        let [q, k] = [(N, D), (M, D)].map(|shape| random.normal(shape));
        let [v, d_out] = [(M, D_V), (N, D_V)].map(|shape| random.normal(shape));
        let forward = |q: &Array2<f32>, k: &Array2<f32>, v: &Array2<f32>| {
            let mut traffic = Traffic::default();
            (FUNCTIONS.flash_forward)(q.view(), k.view(), v.view(), causal, block, &mut traffic)
        };
        let loss =
            |q: &Array2<f32>, k: &Array2<f32>, v: &Array2<f32>| sum(forward(q, k, v).out, &d_out);
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
        check.compare("dq", &q, gradients.dq.view(), |q| loss(q, &k, &v));
        check.compare("dk", &k, gradients.dk.view(), |k| loss(&q, k, &v));
        check.compare("dv", &v, gradients.dv.view(), |v| loss(&q, &k, v));
    }
}

fn sink(random: &mut Random, check: &mut Gradcheck) {
    let [q, k] = [(N, D), (M, D)].map(|shape| random.normal(shape));
    let [v, d_out] = [(M, D_V), (N, D_V)].map(|shape| random.normal(shape));
    let sink: Array1<f32> = random.normal(1);
    let forward = |sink| (FUNCTIONS.sink_attention)(q.view(), k.view(), v.view(), false, sink);
    check.of("sink_gradient (8.10) of sink_attention (8.9)");
    let gradient = (FUNCTIONS.sink_gradient)(&forward(sink[0]), d_out.view(), sink[0]);
    check.compare("dz", &sink, array![gradient].view(), |sink| sum(forward(sink[0]).out, &d_out));
}

/// The sum of the products of their entries.
fn sum(x: Array2<f32>, weights: &Array2<f32>) -> f64 {
    (x * weights).iter().map(|&x| f64::from(x)).sum()
}

fn main() -> ExitCode {
    gradcheck(compare)
}
