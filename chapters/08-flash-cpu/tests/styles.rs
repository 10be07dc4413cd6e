//! Right answers in other styles: none of them may be refused.

use attn_core::Mask;
use ch03_scaled_dot_product::attention;
use ch08_flash_cpu::{
    Block, Gradients, HeadsOutput, Output, Split, State, Traffic,
    exercises::{flash_backward, flash_forward, flash_heads, merge, online, split_kv, varlen},
    given::seen,
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayView3, Axis, s};
use std::sync::Mutex;

/// The allocator counts for all threads, so that a measured case must not run beside another test.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> impl Drop {
    ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[test]
fn merge_in_other_styles() {
    let _alone = alone();
    /// Returns the other one where one is empty.
    fn early(a: &State, b: &State) -> State {
        if a.row_sum == 0.0 {
            return b.clone();
        }
        if b.row_sum == 0.0 {
            return a.clone();
        }
        let row_max = if a.row_max > b.row_max {
            a.row_max
        } else {
            b.row_max
        };
        let (x, y) = ((a.row_max - row_max).exp(), (b.row_max - row_max).exp());
        State {
            row_max,
            row_sum: a.row_sum * x + b.row_sum * y,
            out: &a.out * x + &b.out * y,
        }
    }
    /// In f64, entry by entry.
    fn wide(a: &State, b: &State) -> State {
        let row_max = f32::max(a.row_max, b.row_max);
        let shift = if row_max.is_finite() {
            f64::from(row_max)
        } else {
            0.0
        };
        let (x, y) = (
            (f64::from(a.row_max) - shift).exp(),
            (f64::from(b.row_max) - shift).exp(),
        );
        let both = |p: f32, q: f32| (x * f64::from(p) + y * f64::from(q)) as f32;
        State {
            row_max,
            row_sum: both(a.row_sum, b.row_sum),
            out: a
                .out
                .iter()
                .zip(&b.out)
                .map(|(&p, &q)| both(p, q))
                .collect(),
        }
    }
    merge::exercise().assert_accepts(&[("early returns", early as merge::Body), ("in f64", wide)]);
}

#[test]
fn online_in_other_styles() {
    let _alone = alone();
    /// By merging, as the hint says.
    fn merging(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, causal: bool) -> Output {
        let ((n, d), (m, d_v)) = (q.dim(), v.dim());
        let mut result = Output {
            out: Array2::zeros((n, d_v)),
            lse: Array1::zeros(n),
        };
        for i in 0..n {
            let mut state = State::empty(d_v);
            for j in 0..seen(i, n, m, causal) {
                let score = q.row(i).dot(&k.row(j)) / (d as f32).sqrt();
                state = ch08_flash_cpu::merge(&state, &State::of_key(score, v.row(j)));
            }
            let (out, lse) = state.finish();
            result.out.row_mut(i).assign(&out);
            result.lse[i] = lse;
        }
        result
    }
    /// Backwards, rescaling only when the maximum grows, with scaled queries.
    fn backwards(
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        causal: bool,
    ) -> Output {
        let ((n, d), (m, d_v)) = (q.dim(), v.dim());
        let mut result = Output {
            out: Array2::zeros((n, d_v)),
            lse: Array1::from_elem(n, f32::NEG_INFINITY),
        };
        for i in 0..n {
            let query = &q.row(i) / (d as f32).sqrt();
            let (mut row_max, mut row_sum) = (f32::NEG_INFINITY, 0.0);
            let mut out = result.out.row_mut(i);
            for j in (0..seen(i, n, m, causal)).rev() {
                let score = query.dot(&k.row(j));
                if score > row_max {
                    let factor = (row_max - score).exp();
                    row_sum *= factor;
                    out *= factor;
                    row_max = score;
                }
                let weight = (score - row_max).exp();
                row_sum += weight;
                out.scaled_add(weight, &v.row(j));
            }
            if row_sum > 0.0 {
                out /= row_sum;
                result.lse[i] = row_max + row_sum.ln();
            }
        }
        result
    }
    online::exercise().assert_accepts(&[
        ("merging", merging as online::Body),
        ("backwards, rescaling only when needed", backwards),
    ]);
}

/// Tiles with a state of task 1 a row, merged with the tile's own.
fn with_states(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> Output {
    let ((n, d), (m, d_v)) = (q.dim(), v.dim());
    let mut result = Output {
        out: Array2::zeros((n, d_v)),
        lse: Array1::zeros(n),
    };
    let mut first = 0;
    while first < n {
        let last = n.min(first + block.q);
        let q = traffic.load(q.slice(s![first..last, ..])) / (d as f32).sqrt();
        let mut states = vec![State::empty(d_v); last - first];
        let mut key = 0;
        while key < seen(last - 1, n, m, causal) {
            let end = m.min(key + block.k);
            let k = traffic.load(k.slice(s![key..end, ..]));
            let v = traffic.load(v.slice(s![key..end, ..]));
            for (r, state) in states.iter_mut().enumerate() {
                let open = seen(first + r, n, m, causal).clamp(key, end) - key;
                if open == 0 {
                    continue;
                }
                let scores = k.slice(s![..open, ..]).dot(&q.row(r));
                let row_max = scores.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
                let weights = (scores - row_max).exp();
                let own = State {
                    row_max,
                    row_sum: weights.sum(),
                    out: weights.dot(&v.slice(s![..open, ..])),
                };
                *state = ch08_flash_cpu::merge(state, &own);
            }
            key = end;
        }
        let mut out = Array2::zeros((last - first, d_v));
        for (r, state) in states.iter().enumerate() {
            let (row, lse) = state.finish();
            out.row_mut(r).assign(&row);
            result.lse[first + r] = lse;
        }
        traffic.store(&out, result.out.slice_mut(s![first..last, ..]));
        first = last;
    }
    result
}

#[test]
fn flash_forward_in_other_styles() {
    let _alone = alone();
    flash_forward::exercise()
        .assert_accepts(&[("a state a row", with_states as flash_forward::Body)]);
}

#[test]
fn flash_heads_in_other_styles() {
    let _alone = alone();
    /// Group by group, with slices; the heads are stacked at the end.
    fn stacked(
        q: ArrayView3<f32>,
        k: ArrayView3<f32>,
        v: ArrayView3<f32>,
        causal: bool,
        block: Block,
        traffic: &mut Traffic,
    ) -> HeadsOutput {
        let of_group = q.len_of(Axis(0)) / k.len_of(Axis(0));
        let mut heads = Vec::new();
        for (group, q) in q.axis_chunks_iter(Axis(0), of_group).enumerate() {
            for q in q.outer_iter() {
                let (k, v) = (k.slice(s![group, .., ..]), v.slice(s![group, .., ..]));
                heads.push(with_states(q, k, v, causal, block, traffic));
            }
        }
        let out: Vec<_> = heads.iter().map(|head| head.out.view()).collect();
        let lse: Vec<_> = heads.iter().map(|head| head.lse.view()).collect();
        HeadsOutput {
            out: ndarray::stack(Axis(0), &out).expect("one shape"),
            lse: ndarray::stack(Axis(0), &lse).expect("one length"),
        }
    }
    flash_heads::exercise().assert_accepts(&[("stacked", stacked as flash_heads::Body)]);
}

#[test]
fn flash_backward_in_other_styles() {
    let _alone = alone();
    /// Keys by rows, entry by entry, the scale at the end; gradients loaded and stored by hand.
    #[allow(clippy::too_many_arguments)]
    fn transposed(
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        causal: bool,
        forward: &Output,
        d_out: ArrayView2<f32>,
        block: Block,
        traffic: &mut Traffic,
    ) -> Gradients {
        let ((n, d), m) = (q.dim(), k.nrows());
        let scale = 1.0 / (d as f32).sqrt();
        let mut dq = Array2::zeros(q.dim());
        let (mut dk, mut dv) = (Array2::zeros(k.dim()), Array2::zeros(v.dim()));
        let mut first = 0;
        while first < n {
            let last = n.min(first + block.q);
            let rows = s![first..last, ..];
            let (d_out, q) = (traffic.load(d_out.slice(rows)), traffic.load(q.slice(rows)));
            let out = traffic.load(forward.out.slice(rows));
            let row_dot: Vec<f32> = (0..last - first)
                .map(|r| d_out.row(r).dot(&out.row(r)))
                .collect();
            let mut dq_tile = Array2::<f32>::zeros(q.dim());
            let mut key = 0;
            while key < seen(last - 1, n, m, causal) {
                let keys = s![key..m.min(key + block.k), ..];
                let (v, k) = (traffic.load(v.slice(keys)), traffic.load(k.slice(keys)));
                let mut weights = k.dot(&q.t()); // keys × rows
                for ((j, r), w) in weights.indexed_iter_mut() {
                    let sees = key + j < seen(first + r, n, m, causal);
                    *w = if sees {
                        (*w * scale - forward.lse[first + r]).exp()
                    } else {
                        0.0
                    };
                }
                let mut d_scores = v.dot(&d_out.t());
                for ((j, r), x) in d_scores.indexed_iter_mut() {
                    *x = weights[[j, r]] * (*x - row_dot[r]);
                }
                dq_tile += &(d_scores.t().dot(&k) * scale);
                let mut sum = traffic.load(dv.slice(keys));
                sum += &weights.dot(&d_out);
                traffic.store(&sum, dv.slice_mut(keys));
                let sum = traffic.load(dk.slice(keys)) + d_scores.dot(&q) * scale;
                traffic.store(&sum, dk.slice_mut(keys));
                key += block.k;
            }
            traffic.store(&dq_tile, dq.slice_mut(rows));
            first = last;
        }
        Gradients { dq, dk, dv }
    }
    /// The masked scores as −∞ first, then one exponential for the whole tile.
    #[allow(clippy::too_many_arguments)]
    fn masked_scores(
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        causal: bool,
        forward: &Output,
        d_out: ArrayView2<f32>,
        block: Block,
        traffic: &mut Traffic,
    ) -> Gradients {
        let ((n, d), m) = (q.dim(), k.nrows());
        let mut gradients = Gradients {
            dq: Array2::zeros(q.dim()),
            dk: Array2::zeros(k.dim()),
            dv: Array2::zeros(v.dim()),
        };
        for first in (0..n).step_by(block.q) {
            let last = (first + block.q).min(n);
            let q = traffic.load(q.slice(s![first..last, ..])) / (d as f32).sqrt();
            let d_out = traffic.load(d_out.slice(s![first..last, ..]));
            let out = traffic.load(forward.out.slice(s![first..last, ..]));
            let row_dot = (&out * &d_out).sum_axis(Axis(1)).insert_axis(Axis(1));
            let lse = forward.lse.slice(s![first..last]);
            let finite = lse.mapv(|lse| if lse.is_finite() { lse } else { 0.0 });
            let mut dq = Array2::zeros(q.dim());
            for key in (0..seen(last - 1, n, m, causal)).step_by(block.k) {
                let end = (key + block.k).min(m);
                let k = traffic.load(k.slice(s![key..end, ..]));
                let v = traffic.load(v.slice(s![key..end, ..]));
                let mut weights = q.dot(&k.t());
                for (r, mut row) in weights.rows_mut().into_iter().enumerate() {
                    let open = seen(first + r, n, m, causal).clamp(key, end) - key;
                    row.slice_mut(s![open..]).fill(f32::NEG_INFINITY);
                }
                let weights = (weights - finite.view().insert_axis(Axis(1))).exp();
                let d_scores = (d_out.dot(&v.t()) - &row_dot) * &weights;
                dq = dq + d_scores.dot(&k);
                let to = gradients.dv.slice_mut(s![key..end, ..]);
                traffic.add(&weights.t().dot(&d_out), to);
                let to = gradients.dk.slice_mut(s![key..end, ..]);
                traffic.add(&d_scores.t().dot(&q), to); // q has its factor already
            }
            let dq = dq / (d as f32).sqrt();
            traffic.store(&dq, gradients.dq.slice_mut(s![first..last, ..]));
        }
        gradients
    }
    flash_backward::exercise().assert_accepts(&[
        ("keys by rows", transposed as flash_backward::Body),
        ("masked scores", masked_scores),
    ]);
}

#[test]
fn split_kv_in_other_styles() {
    let _alone = alone();
    /// Each part at once, as chapter 3 would; merged from the back, by log-sum-exp.
    fn at_once(q: ArrayView1<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, parts: usize) -> Split {
        let m = k.nrows();
        let part = |p: usize| {
            let keys = s![p * m / parts..(p + 1) * m / parts, ..];
            let one = attention(
                q.insert_axis(Axis(0)),
                k.slice(keys),
                v.slice(keys),
                &Mask::None,
            );
            let lse = one.lse[0];
            State {
                row_max: lse,
                row_sum: if lse == f32::NEG_INFINITY { 0.0 } else { 1.0 },
                out: one.out.row(0).to_owned(),
            }
        };
        let parts: Vec<State> = (0..parts).map(part).collect();
        let merge = |a: State, b: &State| ch08_flash_cpu::merge(b, &a);
        let (out, lse) = parts
            .iter()
            .rev()
            .fold(State::empty(v.ncols()), merge)
            .finish();
        Split { parts, out, lse }
    }
    split_kv::exercise().assert_accepts(&[("chapter 3 on each part", at_once as split_kv::Body)]);
}

#[test]
fn varlen_in_other_styles() {
    let _alone = alone();
    /// By the indices of the sequences, with the tiles of another style.
    #[allow(clippy::too_many_arguments)]
    fn indexed(
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        q_starts: &[usize],
        k_starts: &[usize],
        causal: bool,
        block: Block,
        traffic: &mut Traffic,
    ) -> Output {
        let mut out = Array2::zeros((0, v.ncols()));
        let mut lse = Vec::new();
        for b in 0..q_starts.len() - 1 {
            let q = q.slice(s![q_starts[b]..q_starts[b + 1], ..]);
            let keys = s![k_starts[b]..k_starts[b + 1], ..];
            let one = with_states(q, k.slice(keys), v.slice(keys), causal, block, traffic);
            out.append(Axis(0), one.out.view()).expect("one width");
            lse.extend(one.lse);
        }
        Output {
            out,
            lse: lse.into(),
        }
    }
    varlen::exercise().assert_accepts(&[("appended", indexed as varlen::Body)]);
}
