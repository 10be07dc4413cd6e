//! Chapter 10.

use crate::{
    path::{Path, SINGLE, Widths},
    problem::{Problem, Setting},
};
use ch10_paged::{given::Table, paged_attention, slot};
use ndarray::{Array3, Array4, s};

pub(super) const PATHS: &[Path] = &[Path {
    name: "paged",
    chapter: 10,
    condition: "",
    settings: Setting::CAUSAL_OWN_KEYS,
    widths: Widths::Any,
    error: SINGLE,
    run: paged,
}];

/// Blocks of three tokens, scattered over a pool; every other place of it holds NaN.
fn paged(p: &Problem) -> Array3<f64> {
    let ((h, _), (_, m), (d, d_v)) = (p.heads(), p.lengths(), p.widths());
    let (size, needed) = (3, m.div_ceil(3));
    let total = 2 * needed + 1;
    // Every second block, from the last one to the first.
    let blocks = (0..needed).map(|i| total - 2 - 2 * i).collect();
    let table = Table { blocks, tokens: m };
    let mut keys = Array4::from_elem((total, h, size, d), f32::NAN);
    let mut values = Array4::from_elem((total, h, size, d_v), f32::NAN);
    for position in 0..m {
        let place = slot(&table, size, position).expect("a token of the text");
        let at = s![place.block, .., place.offset, ..];
        keys.slice_mut(at).assign(&p.k.slice(s![.., position, ..]));
        values.slice_mut(at).assign(&p.v.slice(s![.., position, ..]));
    }
    paged_attention(p.q.view(), keys.view(), values.view(), &table).mapv(f64::from)
}
