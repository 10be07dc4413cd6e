//! Chapter 12: patterns that leave nothing out.

use crate::{
    path::{DOUBLE, Path, SINGLE, Widths},
    problem::{Problem, Setting},
};
use ch12_sparse::{
    block_sparse,
    gather::gather_attention,
    given::{Block, Traffic, Work, tiles},
    ring::ring_attention,
    ring_hop, sparse_attention, top_k_attention, window_row,
};
use ndarray::{Array2, ArrayView2};

const SPARSE: Path = Path {
    name: "sparse, keys listed",
    chapter: 12,
    condition: "the lists leave nothing out",
    settings: &Setting::ALL,
    widths: Widths::Any,
    error: DOUBLE,
    run: |p| {
        let rows = rows(p);
        p.by_head(in_double(|q, k, v| sparse_attention(q, k, v, &rows, &mut Work::default())))
    },
};

pub(super) const PATHS: &[Path] = &[
    SPARSE,
    Path {
        name: "sparse, keys gathered",
        run: |p| {
            let rows = rows(p);
            p.by_head(in_double(|q, k, v| gather_attention(q, k, v, &rows)))
        },
        ..SPARSE
    },
    Path {
        name: "block-sparse",
        condition: "the visits leave nothing out",
        error: SINGLE,
        run: |p| {
            let block = Block { q: 4, k: 3 };
            let visits = tiles(&rows(p), p.lengths().1, block);
            p.by_head(|q, k, v| {
                block_sparse(q, k, v, &visits, block, &mut Traffic::default()).out.mapv(f64::from)
            })
        },
        ..SPARSE
    },
    Path {
        name: "the best keys",
        condition: "as many may be kept as there are",
        run: |p| {
            // Any scores will do where all keys are kept; what may not be seen has −∞.
            let (n, m) = p.lengths();
            let mut index = Array2::from_elem((n, m), f64::NEG_INFINITY);
            for (i, row) in rows(p).iter().enumerate() {
                row.iter().for_each(|&j| index[[i, j]] = (i * 7 + j * 5) as f64 % 3.0);
            }
            p.by_head(in_double(|q, k, v| top_k_attention(q, k, v, index.view(), m)))
        },
        ..SPARSE
    },
    Path {
        name: "a window in a list",
        condition: "the window is as long as the text",
        settings: &[Setting::Whole],
        run: |p| {
            let n = p.lengths().0;
            let rows: Vec<_> = (0..n).map(|i| window_row(i, n, n, 1, true)).collect();
            p.by_head(in_double(|q, k, v| sparse_attention(q, k, v, &rows, &mut Work::default())))
        },
        ..SPARSE
    },
    Path {
        name: "ring, hop by hop",
        condition: "",
        settings: &[Setting::Whole],
        error: SINGLE,
        run: |p| {
            p.by_head(|q, k, v| ring_attention(q, k, v, 3, p.causal, ring_hop).out.mapv(f64::from))
        },
        ..SPARSE
    },
];

/// Attention in f64 to inputs in f32.
fn in_double(
    attend: impl Fn(ArrayView2<f64>, ArrayView2<f64>, ArrayView2<f64>) -> Array2<f64>,
) -> impl Fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>) -> Array2<f64> {
    move |q, k, v| {
        let [q, k, v] = [q, k, v].map(|x| x.mapv(f64::from));
        attend(q.view(), k.view(), v.view())
    }
}

/// The keys that each query sees: all, or up to its own place in the text.
fn rows(p: &Problem) -> Vec<Vec<usize>> {
    let (n, m) = p.lengths();
    let seen = |i: usize| if p.causal { (m + i + 1).saturating_sub(n) } else { m };
    (0..n).map(|i| (0..seen(i)).collect()).collect()
}
