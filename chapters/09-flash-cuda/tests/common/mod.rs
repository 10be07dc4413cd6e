//! What the tests of this chapter share.
#![allow(dead_code)] // each test program uses some of it

use ch08_flash_cpu::{Block, Traffic, flash_heads};
use ch09_flash_cuda::{
    Inputs, Outcome, Sizes,
    precision::{Expected, Numbers, SINGLE, expected},
};

/// One head of `d` = 64, unless told otherwise.
pub fn sizes(n: usize, m: usize) -> Sizes {
    Sizes { heads: 1, kv_heads: 1, n, m, d: 64 }
}

/// The first entry that is further than allowed from what the f64 oracle says, for a kernel of f32.
pub fn wrong(inputs: &Inputs, outcome: &Outcome) -> Option<String> {
    unlike(&expected(Numbers::F32, inputs).expect("inputs that fit"), outcome)
}

/// The first entry that is further than allowed from what is expected.
pub fn unlike(expected: &Expected, outcome: &Outcome) -> Option<String> {
    let Expected { out, lse, out_allowed, lse_allowed } = expected;
    let far = |got: f32, want: f64, allowed: f64| {
        let got = f64::from(got);
        let close = got == want || (got - want).abs() <= allowed;
        (!close).then(|| format!("is {got}, should be {want}, give or take {allowed:.0e}"))
    };
    let of = outcome
        .out
        .indexed_iter()
        .find_map(|(at, got)| Some(format!("out{at:?} {}", far(*got, out[at], out_allowed[at])?)));
    of.or_else(|| {
        outcome.lse.indexed_iter().find_map(|(at, got)| {
            Some(format!("lse{at:?} {}", far(*got, lse[at], lse_allowed[at])?))
        })
    })
}

/// The first entry that is not what chapter 8's code gives, which computes in f32: it may be as far from exact as f32 has it.
pub fn unlike_chapter_8(expected: &Expected, inputs: &Inputs, outcome: &Outcome) -> Option<String> {
    let [q, k, v] = [&inputs.q, &inputs.k, &inputs.v].map(|array| array.view());
    let block = Block { q: 16, k: 32 };
    let flash = flash_heads(q, k, v, inputs.causal, block, &mut Traffic::default());
    let Expected { out_allowed, lse_allowed, .. } = expected;
    let far = |got: f32, want: f32, allowed: f64| {
        let allowed = allowed + SINGLE * f64::from(want.abs().max(1.0));
        let close = got == want || f64::from(got - want).abs() <= allowed;
        !close
    };
    let out =
        outcome.out.indexed_iter().find(|(at, got)| far(**got, flash.out[*at], out_allowed[*at]));
    if let Some((at, got)) = out {
        return Some(format!("out{at:?} is {got}, in chapter 8 {}", flash.out[at]));
    }
    let lse =
        outcome.lse.indexed_iter().find(|(at, got)| far(**got, flash.lse[*at], lse_allowed[*at]));
    lse.map(|(at, got)| format!("lse{at:?} is {got}, in chapter 8 {}", flash.lse[at]))
}
