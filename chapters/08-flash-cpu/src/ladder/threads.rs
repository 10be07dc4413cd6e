//! Rung 4: all cores. Query tiles have nothing to do with each other, so every core takes the next
//! one as soon as it has time; rayon keeps them busy.
//!
//! A tile's numbers do not depend on who computes it, so the result is the same to the last bit on
//! any number of threads.

use super::{
    tasks::{self, GAPLESS},
    tiled::BLOCK,
};
use crate::{
    flash_forward,
    given::{HeadsOutput, expect_heads},
    traffic::Traffic,
};
use ndarray::{ArrayView3, Axis, s};

/// See the file.
#[track_caller]
pub fn threads(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
) -> HeadsOutput {
    expect_heads(q, k, v);
    let (n, m) = (q.len_of(Axis(1)), k.len_of(Axis(1)));
    tasks::each(
        q.dim(),
        v.dim(),
        BLOCK.q,
        || (),
        |(), task| {
            let q = q.slice(s![task.head, task.rows.clone(), ..]);
            // As if these queries were the newest ones: the keys beyond are hidden from all of them.
            let hidden = if causal { n - task.rows.end } else { 0 };
            let keys = m.saturating_sub(hidden);
            let k = k.slice(s![task.group, ..keys, ..]);
            let v = v.slice(s![task.group, ..keys, ..]);
            let one = flash_forward(q, k, v, causal, BLOCK, &mut Traffic::default());
            task.out.copy_from_slice(one.out.as_slice().expect(GAPLESS));
            task.lse.copy_from_slice(one.lse.as_slice().expect(GAPLESS));
        },
    )
}
