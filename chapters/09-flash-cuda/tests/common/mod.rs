//! What the tests of this chapter share.
#![allow(dead_code)] // each test program uses some of it

use attn_core::Mask;
use attn_oracle as oracle;
use ch08_flash_cpu::{Block, Traffic, flash_heads};
use ch09_flash_cuda::{Inputs, Outcome, Sizes};
use ndarray::{Axis, s};

/// How far a kernel may be from the exact result: its exponentials are `ex2.approx`, good to two units in the last
/// place of their argument.
pub const TOLERANCE: f64 = 1e-5;

/// One head of `d` = 64, unless told otherwise.
pub fn sizes(n: usize, m: usize) -> Sizes {
    Sizes { heads: 1, kv_heads: 1, n, m, d: 64 }
}

/// The first entry that is not what the f64 oracle says, head by head.
pub fn wrong(inputs: &Inputs, outcome: &Outcome) -> Option<String> {
    let group = inputs.q.len_of(Axis(0)) / inputs.k.len_of(Axis(0));
    let mask = if inputs.causal { Mask::Causal } else { Mask::None };
    for (head, q) in inputs.q.outer_iter().enumerate() {
        let [k, v] = [&inputs.k, &inputs.v].map(|array| array.slice(s![head / group, .., ..]));
        let exact = oracle::attention::<f64>(q, k, v, &mask);
        for ((i, c), want) in exact.out.indexed_iter() {
            let got = f64::from(outcome.out[[head, i, c]]);
            if !close(got, *want) {
                return Some(format!("out[{head},{i},{c}] is {got}, should be {want}"));
            }
        }
        for (i, want) in exact.lse.indexed_iter() {
            let got = f64::from(outcome.lse[[head, i]]);
            if !close(got, *want) {
                return Some(format!("lse[{head},{i}] is {got}, should be {want}"));
            }
        }
    }
    None
}

/// The first entry that is not what chapter 8's code gives.
pub fn unlike_chapter_8(inputs: &Inputs, outcome: &Outcome) -> Option<String> {
    let [q, k, v] = [&inputs.q, &inputs.k, &inputs.v].map(|array| array.view());
    let block = Block { q: 16, k: 32 };
    let flash = flash_heads(q, k, v, inputs.causal, block, &mut Traffic::default());
    let out = outcome.out.indexed_iter().zip(&flash.out);
    let out = out.map(|((at, got), want)| (format!("out{at:?}"), got, want));
    let lse = outcome.lse.indexed_iter().zip(&flash.lse);
    let lse = lse.map(|((at, got), want)| (format!("lse{at:?}"), got, want));
    let mut all = out.chain(lse);
    all.find(|(_, got, want)| !close(f64::from(**got), f64::from(**want)))
        .map(|(at, got, want)| format!("{at} is {got}, in chapter 8 {want}"))
}

fn close(got: f64, want: f64) -> bool {
    got == want || (got - want).abs() <= TOLERANCE * want.abs().max(1.0)
}
