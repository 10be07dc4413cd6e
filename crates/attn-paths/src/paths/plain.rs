//! The oracle, and chapter 3.

use crate::{
    path::{DOUBLE, Path, SINGLE, Widths},
    problem::Setting,
};
use attn_core::Mask;
use ch03_scaled_dot_product::{allowed, attention, attention_dropout};
use ndarray::Array2;

const PLAIN: Path = Path {
    name: "plain loops in f64",
    chapter: 0,
    condition: "",
    settings: &Setting::ALL,
    widths: Widths::Any,
    error: DOUBLE,
    run: |p| p.by_head(|q, k, v| attn_oracle::attention::<f64>(q, k, v, &p.mask()).out),
};

pub(super) const PATHS: &[Path] = &[
    PLAIN,
    Path {
        name: "attention",
        chapter: 3,
        error: SINGLE,
        run: |p| p.by_head(|q, k, v| attention(q, k, v, &p.mask()).out.mapv(f64::from)),
        ..PLAIN
    },
    Path {
        name: "attention, mask as a table",
        chapter: 3,
        condition: "the table says what the mask says",
        error: SINGLE,
        run: |p| {
            p.by_head(|q, k, v| {
                let table = Mask::Dense(allowed(&p.mask(), q.nrows(), k.nrows()));
                attention(q, k, v, &table).out.mapv(f64::from)
            })
        },
        ..PLAIN
    },
    Path {
        name: "attention with dropout",
        chapter: 3,
        condition: "nothing is dropped",
        error: SINGLE,
        run: |p| {
            p.by_head(|q, k, v| {
                let kept = Array2::from_elem((q.nrows(), k.nrows()), true);
                attention_dropout(q, k, v, &p.mask(), kept.view(), 0.0).out.mapv(f64::from)
            })
        },
        ..PLAIN
    },
];
