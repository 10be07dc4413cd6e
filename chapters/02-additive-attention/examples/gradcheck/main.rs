//! The gradient of this chapter against central differences: `cargo attn gradcheck 2`.

mod functions;

use attn_core::random::Random;
use attn_exercise::{Gradcheck, gradcheck};
use ch02_additive_attention::given::Additive;
use functions::FUNCTIONS;
use std::process::ExitCode;

/// The gradients of Σ scores ∘ d_scores.
pub fn compare(random: &mut Random, check: &mut Gradcheck) {
    let (n, m, d_q, d_k, a) = (3, 4, 2, 3, 5);
    let [w_q, w_k] = [(d_q, a), (d_k, a)].map(|shape| random.normal(shape));
    let additive = Additive { w_q, w_k, v: random.normal(a) };
    let [q, k, d_scores] = [(n, d_q), (m, d_k), (n, m)].map(|shape| random.normal(shape));
    let sum = |additive: Additive| {
        let scores = (FUNCTIONS.additive_scores)(&additive, q.view(), k.view());
        (scores * &d_scores).iter().map(|&x| f64::from(x)).sum()
    };
    check.of("additive_backward (2.7) of additive_scores (2.1)");
    let gradients = (FUNCTIONS.additive_backward)(&additive, q.view(), k.view(), d_scores.view());
    check.compare("dw_q", &additive.w_q, gradients.dw_q.view(), |w_q| {
        sum(Additive { w_q: w_q.clone(), ..additive.clone() })
    });
    check.compare("dw_k", &additive.w_k, gradients.dw_k.view(), |w_k| {
        sum(Additive { w_k: w_k.clone(), ..additive.clone() })
    });
    check.compare("dv", &additive.v, gradients.dv.view(), |v| {
        sum(Additive { v: v.clone(), ..additive.clone() })
    });
}

fn main() -> ExitCode {
    gradcheck(compare)
}
