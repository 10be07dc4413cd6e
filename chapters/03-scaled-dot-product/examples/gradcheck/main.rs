//! The gradients of this chapter against central differences: `cargo attn gradcheck 3`.

mod functions;

use attn_core::{Mask, random::Random};
use attn_exercise::{Gradcheck, gradcheck};
use ch03_scaled_dot_product::given::Gradients;
use functions::FUNCTIONS;
use ndarray::{Array1, Array2};
use std::process::ExitCode;

/// The sizes: all differ.
const N: usize = 4;
const M: usize = 5;
const D: usize = 3;
const D_V: usize = 2;

/// What dropout drops with.
const P: f32 = 0.25;

/// All gradients of the chapter.
pub fn compare(random: &mut Random, check: &mut Gradcheck) {
    softmax(random, check);
    attention(random, check);
    dropout(random, check);
}

/// The gradient of Σ weights ∘ d_weights, without the log-sum-exp, which no exercise computes alone.
fn softmax(random: &mut Random, check: &mut Gradcheck) {
    let [scores, d_weights] = [(); 2].map(|()| random.normal((N, M)));
    check.of("softmax_backward (3.5) of softmax_rows (3.1)");
    let weights = (FUNCTIONS.softmax_rows)(scores.view());
    let d_lse = Array1::zeros(N);
    let d_scores = (FUNCTIONS.softmax_backward)(weights.view(), d_weights.view(), d_lse.view());
    check.compare("d_scores", &scores, d_scores.view(), |scores| {
        sum((FUNCTIONS.softmax_rows)(scores.view()), &d_weights)
    });
}

/// The gradients of Σ out ∘ d_out.
fn attention(random: &mut Random, check: &mut Gradcheck) {
    for (mask, called) in [(Mask::None, "no mask"), (Mask::Causal, "causal")] {
        let inputs = Inputs::random(random);
        let Inputs { q, k, v, d_out } = &inputs;
        check.of(format!("attention_backward (3.6) of attention (3.3), {called}"));
        let gradients =
            (FUNCTIONS.attention_backward)(q.view(), k.view(), v.view(), &mask, d_out.view());
        inputs.compare(check, &gradients, |q, k, v| {
            sum((FUNCTIONS.attention)(q.view(), k.view(), v.view(), &mask).out, d_out)
        });
    }
}

fn dropout(random: &mut Random, check: &mut Gradcheck) {
    let inputs = Inputs::random(random);
    let kept = random.uniform((N, M)).mapv(|draw| draw >= P);
    let Inputs { q, k, v, d_out } = &inputs;
    let (kept, mask) = (kept.view(), Mask::None);
    check.of("dropout_backward (3.8) of attention_dropout (3.7)");
    let gradients =
        (FUNCTIONS.dropout_backward)(q.view(), k.view(), v.view(), &mask, kept, P, d_out.view());
    inputs.compare(check, &gradients, |q, k, v| {
        sum((FUNCTIONS.attention_dropout)(q.view(), k.view(), v.view(), &mask, kept, P).out, d_out)
    });
}

struct Inputs {
    q: Array2<f32>,
    k: Array2<f32>,
    v: Array2<f32>,
    d_out: Array2<f32>,
}

impl Inputs {
    fn random(random: &mut Random) -> Self {
        let [q, k] = [(N, D), (M, D)].map(|shape| random.normal(shape));
        let [v, d_out] = [(M, D_V), (N, D_V)].map(|shape| random.normal(shape));
        Inputs { q, k, v, d_out }
    }

    fn compare(
        &self,
        check: &mut Gradcheck,
        gradients: &Gradients,
        f: impl Fn(&Array2<f32>, &Array2<f32>, &Array2<f32>) -> f64,
    ) {
        let Inputs { q, k, v, .. } = self;
        check.compare("dq", q, gradients.dq.view(), |q| f(q, k, v));
        check.compare("dk", k, gradients.dk.view(), |k| f(q, k, v));
        check.compare("dv", v, gradients.dv.view(), |v| f(q, k, v));
    }
}

/// The sum of the products of their entries.
fn sum(x: Array2<f32>, weights: &Array2<f32>) -> f64 {
    (x * weights).iter().map(|&x| f64::from(x)).sum()
}

fn main() -> ExitCode {
    gradcheck(compare)
}
