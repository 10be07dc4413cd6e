//! Chapter 8.

use crate::{
    path::{Path, SINGLE, Widths},
    problem::{Problem, Setting},
};
use ch08_flash_cpu::{
    Block, State, Traffic, flash_heads,
    ladder::{self, Forward},
    merge, online, push, sink_attention, split_kv, varlen,
};
use ndarray::{Array2, Array3, ArrayView1, ArrayView2, Axis, s};

const FLASH: Path = Path {
    name: "flash, tiles",
    chapter: 8,
    condition: "",
    settings: &Setting::ALL,
    widths: Widths::Any,
    error: SINGLE,
    run: |p| {
        let (q, k, v) = (p.q.view(), p.k.view(), p.v.view());
        flash_heads(q, k, v, p.causal, BLOCK, &mut Traffic::default()).out.mapv(f64::from)
    },
};

/// Tiles that divide next to nothing.
const BLOCK: Block = Block { q: 4, k: 3 };

pub(super) const PATHS: &[Path] = &[
    FLASH,
    Path {
        name: "online softmax",
        run: |p| p.by_head(|q, k, v| online(q, k, v, p.causal).out.mapv(f64::from)),
        ..FLASH
    },
    Path {
        name: "attention with a sink",
        condition: "the sink's score is −∞",
        run: |p| {
            p.by_head(|q, k, v| {
                sink_attention(q, k, v, p.causal, f32::NEG_INFINITY).out.mapv(f64::from)
            })
        },
        ..FLASH
    },
    Path { name: "sequences of different lengths", run: heads_as_sequences, ..FLASH },
    Path {
        name: "split-KV, 3 parts",
        settings: Setting::STEPS,
        run: |p| {
            p.by_head(|q, k, v| {
                split_kv(q.row(0), k, v, 3).out.insert_axis(Axis(0)).mapv(f64::from)
            })
        },
        ..FLASH
    },
    Path { name: "keys pushed one by one", settings: Setting::STEPS, run: pushed, ..FLASH },
    Path { name: "two halves merged", settings: Setting::STEPS, run: halves, ..FLASH },
    Path { name: "rung: naive", run: |p| rung(p, ladder::naive), ..FLASH },
    Path { name: "rung: online", run: |p| rung(p, ladder::online), ..FLASH },
    Path { name: "rung: tiled", run: |p| rung(p, ladder::tiled), ..FLASH },
    Path { name: "rung: threads", run: |p| rung(p, ladder::threads), ..FLASH },
    Path { name: "rung: keys in lanes", run: |p| rung(p, ladder::keys_in_lanes), ..FLASH },
    Path { name: "rung: queries in lanes", run: |p| rung(p, ladder::queries_in_lanes), ..FLASH },
];

fn rung(p: &Problem, forward: Forward) -> Array3<f64> {
    forward(p.q.view(), p.k.view(), p.v.view(), p.causal).out.mapv(f64::from)
}

fn score(q: ArrayView1<f32>, key: ArrayView1<f32>) -> f32 {
    q.dot(&key) / (q.len() as f32).sqrt()
}

/// The state of a query after some keys.
fn state(q: ArrayView1<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>) -> State {
    let mut state = State::empty(v.ncols());
    for (key, value) in k.rows().into_iter().zip(v.rows()) {
        push(&mut state, score(q, key), value);
    }
    state
}

fn pushed(p: &Problem) -> Array3<f64> {
    p.by_head(|q, k, v| state(q.row(0), k, v).finish().0.insert_axis(Axis(0)).mapv(f64::from))
}

fn halves(p: &Problem) -> Array3<f64> {
    p.by_head(|q, k, v| {
        let half = k.nrows() / 2;
        let first = state(q.row(0), k.slice(s![..half, ..]), v.slice(s![..half, ..]));
        let second = state(q.row(0), k.slice(s![half.., ..]), v.slice(s![half.., ..]));
        merge(&first, &second).finish().0.insert_axis(Axis(0)).mapv(f64::from)
    })
}

/// The heads, one after the other in one batch, as if they were sequences.
fn heads_as_sequences(p: &Problem) -> Array3<f64> {
    let ((h, h_kv), (n, m), (d, d_v)) = (p.heads(), p.lengths(), p.widths());
    let group = h / h_kv;
    // Row r is row r % length of head r / length, which is shared by `of` query heads.
    let rows = |x: &Array3<f32>, length: usize, of: usize, width: usize| {
        Array2::from_shape_fn((h * length, width), |(row, c)| {
            x[[row / length / of, row % length, c]]
        })
    };
    let (q, k, v) = (rows(&p.q, n, 1, d), rows(&p.k, m, group, d), rows(&p.v, m, group, d_v));
    let starts = |rows: usize| (0..=h).map(|i| i * rows).collect::<Vec<_>>();
    let traffic = &mut Traffic::default();
    let out =
        varlen(q.view(), k.view(), v.view(), &starts(n), &starts(m), p.causal, BLOCK, traffic).out;
    out.into_shape_with_order((h, n, d_v)).expect("h·n rows").mapv(f64::from)
}
