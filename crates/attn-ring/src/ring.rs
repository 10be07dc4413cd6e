use crate::{
    error::RingError,
    link::Link,
    sizes::{Part, Sizes},
};
use ch08_flash_cpu::{
    State,
    given::{HeadsOutput, seen},
    merge, push,
};
use ndarray::{Array2, Array3, ArrayView3};
use std::{ops::Range, thread};

// ANCHOR: ring
/// This process's share of attention: the rows of its own queries, over the keys of all processes.
///
/// Shapes: `part` as [`Part`] says; `out` (h, n/P, d_v), `lse` (h, n/P). Causal is aligned bottom-right
/// over the whole text: query i of all n sees the keys up to m − n + i. A query that sees nothing gives
/// zeros and −∞.
///
/// Each process computes its share of 2·h·n·m·(d + d_v) FLOPs and sends [`Sizes::sent_by`] bytes, the one
/// while it does the other. It holds its part, one block to attend to and one to receive, and one state for
/// each of its queries; never the whole text. With a causal mask the first process has least to compute and
/// the last one most, and the ring turns as fast as the last one.
///
/// (Liu et al., [arXiv:2310.01889](https://arxiv.org/abs/2310.01889), §3 and Algorithm 1.)
///
/// ```
/// use attn_ring::{Part, Sizes, threads};
/// let sizes = Sizes { h: 2, h_kv: 1, n: 5, m: 7, d: 4, d_v: 3, causal: true };
/// let whole = Part::seeded(&sizes, 1, 0, 1);
/// let ring = threads(whole.q.view(), whole.k.view(), whole.v.view(), true, 3).unwrap();
/// let alone = threads(whole.q.view(), whole.k.view(), whole.v.view(), true, 1).unwrap();
/// assert!((&ring.output.out - &alone.output.out).iter().all(|x| x.abs() < 1e-5));
/// assert_eq!(ring.sent.iter().sum::<u64>(), sizes.sent(3));
/// ```
///
/// # Errors
/// A part of other sizes, and what [`Link::pass`] returns.
pub fn ring_attention(
    link: &mut impl Link,
    sizes: &Sizes,
    part: Part,
) -> Result<HeadsOutput, RingError> {
    let (rank, size) = (link.rank(), link.size());
    let (queries, keys) = (sizes.queries(rank, size), sizes.keys(rank, size));
    let held = Sizes::of(part.q.view(), part.k.view(), part.v.view(), sizes.causal)?;
    let expected = Sizes { n: queries.len(), m: keys.len(), ..*sizes };
    if held != expected {
        return Err(RingError::Sizes(format!("process {rank} holds {held:?}, not {expected:?}")));
    }

    let mut states = vec![State::empty(sizes.d_v); sizes.h * queries.len()];
    let mut block = part.block();
    for step in 0..size {
        // Blocks move forward, so the one that is here now is from `step` processes before.
        let owner = |step: usize| (rank + size - step) % size;
        let keys = sizes.keys(owner(step), size);
        if step + 1 == size {
            attend(&mut states, sizes, part.q.view(), queries.clone(), keys, &block);
            break;
        }
        let expected = sizes.block(owner(step + 1), size);
        block = thread::scope(|scope| {
            // The transfer stays on this thread: some transports allow no other.
            let (q, queries, block, states) = (part.q.view(), queries.clone(), &block, &mut states);
            scope.spawn(move || attend(states, sizes, q, queries, keys, block));
            link.pass(block, expected)
        })?;
    }

    let mut output = HeadsOutput {
        out: Array3::zeros((sizes.h, queries.len(), sizes.d_v)),
        lse: Array2::zeros((sizes.h, queries.len())),
    };
    let rows = output.out.rows_mut().into_iter().zip(&mut output.lse);
    for (state, (mut row, lse)) in states.iter().zip(rows) {
        let (out, row_lse) = state.finish();
        row.assign(&out);
        *lse = row_lse;
    }
    Ok(output)
}

/// Merges what each query finds in a block of keys and values into its state.
fn attend(
    states: &mut [State],
    sizes: &Sizes,
    q: ArrayView3<f32>,
    queries: Range<usize>,
    keys: Range<usize>,
    block: &[f32],
) {
    let &Sizes { h, h_kv, n, m, d, d_v, causal } = sizes;
    let (k, v) = block.split_at(h_kv * keys.len() * d);
    let k = ArrayView3::from_shape((h_kv, keys.len(), d), k).expect("its size was checked");
    let v = ArrayView3::from_shape((h_kv, keys.len(), d_v), v).expect("its size was checked");
    let scale = 1.0 / (d as f32).sqrt();
    let rows = (0..h).flat_map(|head| queries.clone().enumerate().map(move |row| (head, row)));
    for (state, (head, (row, i))) in states.iter_mut().zip(rows) {
        let group = head / (h / h_kv);
        let mut of_block = State::empty(d_v);
        // The keys of the block that query i of the whole text may see.
        for j in keys.start..keys.end.min(seen(i, n, m, causal)) {
            let at = j - keys.start;
            let score =
                q.slice(ndarray::s![head, row, ..]).dot(&k.slice(ndarray::s![group, at, ..]));
            push(&mut of_block, score * scale, v.slice(ndarray::s![group, at, ..]));
        }
        *state = merge(state, &of_block);
    }
}
// ANCHOR_END: ring
