//! Chapter 11: states of constant size, beside chapter 8's last rung and beside PyTorch.

use crate::sitting::{Sitting, timed};
use anyhow::{Result, ensure};
use attn_bench::{
    peer::Peer,
    rounds::{Timed, in_turn, seconds},
    table::Line,
};
use attn_core::random::Random;
use ch08_flash_cpu::ladder::queries_in_lanes;
use ch11_linear::{Forget, Recurrence, Write, mechanisms::retnet_gamma};
use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use rayon::prelude::*;
use serde::Serialize;

const HEADS: usize = 8;
/// Width of keys and values.
const D: usize = 64;
/// Tokens of a chunk.
const CHUNK: usize = 32;
/// Where chunks begin to be quicker than softmax attention.
const SHORT: [usize; 4] = [64, 128, 256, 512];
/// Where the time should grow in proportion.
const LONG: [usize; 7] = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];
/// Softmax attention takes minutes beyond it.
const LONGEST_SOFTMAX: usize = 16_384;
/// The length at which the forms are compared.
const FORMS: usize = 8192;

/// What PyTorch is asked for.
#[derive(Clone, Copy, Serialize)]
struct Sizes {
    n: usize,
    heads: usize,
    d: usize,
    chunk: usize,
}

/// Queries, keys and values of all heads: HEADS × n × D.
struct Inputs {
    q: Array3<f32>,
    k: Array3<f32>,
    v: Array3<f32>,
}

impl Inputs {
    /// Keys have length 1, as the delta rule needs them.
    fn new(n: usize) -> Self {
        let mut random = Random::new(11);
        let mut rows = || random.normal((HEADS, n, D));
        let (q, mut k, v): (Array3<f32>, Array3<f32>, Array3<f32>) = (rows(), rows(), rows());
        for mut key in k.rows_mut() {
            let length = key.dot(&key).sqrt();
            key /= length;
        }
        Inputs { q, k, v }
    }
}

/// What a head computes.
type Member = fn(usize) -> Recurrence<f32>;

/// RetNet's rate for a head.
fn retnet(head: usize) -> Recurrence<f32> {
    let gamma = retnet_gamma(i32::try_from(head).expect("few heads"));
    Recurrence { forget: Forget::Constant(gamma.ln() as f32), ..Recurrence::plain() }
}

/// The delta rule that replaces half of what it finds.
fn delta(n: usize) -> Recurrence<f32> {
    Recurrence { write: Write::Replace(ndarray::Array1::from_elem(n, 0.5)), ..Recurrence::plain() }
}

/// All heads beside each other; the rows of a head by `form`, from an empty state.
fn heads(
    inputs: &Inputs,
    form: impl Fn(usize, &mut Array2<f32>, [ndarray::ArrayView2<f32>; 3]) -> Array2<f32> + Sync,
) -> Vec<Array2<f32>> {
    let head = |h: usize| {
        let rows = [&inputs.q, &inputs.k, &inputs.v].map(|x| x.index_axis(Axis(0), h));
        form(h, &mut Array2::zeros((D, D)), rows)
    };
    (0..HEADS).into_par_iter().map(head).collect()
}

fn chunkwise(
    inputs: &Inputs,
    member: impl Fn(usize) -> Recurrence<f32> + Sync,
) -> Vec<Array2<f32>> {
    heads(inputs, |h, state, [q, k, v]| {
        member(h).chunkwise(state, q, k, v, CHUNK).expect("the sizes fit")
    })
}

fn recurrent(
    inputs: &Inputs,
    member: impl Fn(usize) -> Recurrence<f32> + Sync,
) -> Vec<Array2<f32>> {
    heads(inputs, |h, state, [q, k, v]| member(h).recurrent(state, q, k, v).expect("the sizes fit"))
}

/// Lengths, forms and steps.
pub fn measure(sitting: &mut Sitting, python: &str) -> Result<()> {
    let mut peer = Peer::start(python, include_str!("../peers/linear.py")).ok();
    let version = peer.as_ref().map_or("not installed".into(), |peer| peer.version.clone());
    sitting.about("PyTorch", version);
    lengths(sitting, peer.as_mut())?;
    forms(sitting)?;
    steps(sitting)
}

/// RetNet in chunks at growing lengths.
fn lengths(sitting: &mut Sitting, mut peer: Option<&mut Peer>) -> Result<()> {
    println!("\nA text in chunks of {CHUNK}, RetNet, {HEADS} heads, d = {D}; ms");
    let mut points = Vec::new();
    for n in SHORT.into_iter().chain(LONG) {
        let inputs = Inputs::new(n);
        let Inputs { q, k, v } = &inputs;
        let times = (4096 / n).max(1);
        let mut all: Vec<Timed> = vec![often(times, || chunkwise(&inputs, retnet))];
        let mut others = Vec::new();
        if n <= LONGEST_SOFTMAX {
            all.push(often(times, || queries_in_lanes(q.view(), k.view(), v.view(), true)));
            others.push("chapter 8's last rung");
        }
        let long = LONG.contains(&n);
        if let Some(peer) = peer.as_deref_mut().filter(|_| long) {
            let sizes = Sizes { n, heads: HEADS, d: D, chunk: CHUNK };
            let threads = sitting.threads;
            all.push(Box::new(move || peer.time(&sizes, threads)));
            others.push("PyTorch");
        }
        let times = in_turn(sitting.rounds, all)?;
        if long {
            points.push((n as f64, times[0].median()));
        }
        for (other, theirs) in others.into_iter().zip(&times[1..]) {
            let name = format!("n = {n}");
            sitting.table.add(Line::time_beside("length", name, &times[0], (other, theirs)));
        }
    }
    sitting.table.add(Line::amount("exponent", "of the text", "", exponent(&points)));
    Ok(())
}

/// The time of one of so many, where one is too short for the clock.
fn often<'a, T>(times: usize, mut work: impl FnMut() -> T + 'a) -> Timed<'a> {
    Box::new(move || {
        let all = || (0..times).map(|_| work()).collect::<Vec<_>>();
        Ok(seconds(all) / times as f64)
    })
}

/// The slope of the line through the points' logarithms, by least squares.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(n, time)| (n.ln(), time.ln())).collect();
    let count = logs.len() as f64;
    let x = logs.iter().map(|(x, _)| x).sum::<f64>() / count;
    let y = logs.iter().map(|(_, y)| y).sum::<f64>() / count;
    let up: f64 = logs.iter().map(|(a, b)| (a - x) * (b - y)).sum();
    up / logs.iter().map(|(a, _)| (a - x).powi(2)).sum::<f64>()
}

/// Chunks in turn with the recurrence token by token, which give the same rows.
fn forms(sitting: &mut Sitting) -> Result<()> {
    println!("\nIn chunks, beside token by token, n = {FORMS}; ms");
    let inputs = Inputs::new(FORMS);
    let members: [(&str, Member); 3] = [
        ("no decay", |_| Recurrence::plain()),
        ("RetNet", retnet),
        ("delta rule", |_| delta(FORMS)),
    ];
    for (name, member) in members {
        let (one, other) = (chunkwise(&inputs, member), recurrent(&inputs, member));
        let apart = one.iter().zip(&other).map(|(one, other)| {
            let scale = other.fold(1.0_f32, |largest, x| largest.max(x.abs()));
            (one - other).fold(0.0_f32, |m, x| m.max(x.abs())) / scale
        });
        let apart = apart.fold(0.0, f32::max);
        ensure!(apart < 1e-4, "{name}: the forms are {apart} apart");
        let all = vec![timed(|| chunkwise(&inputs, member)), timed(|| recurrent(&inputs, member))];
        let times = in_turn(sitting.rounds, all)?;
        let line = Line::time_beside("forms", name, &times[0], ("token by token", &times[1]));
        sitting.table.add(line);
    }
    Ok(())
}

/// One more token after texts of growing length: by the state, and by attention to a cache. All of them are measured
/// in turn, so that lengths can be compared.
fn steps(sitting: &mut Sitting) -> Result<()> {
    println!("\nOne more token, {HEADS} heads; ms");
    let all: Vec<Inputs> = LONG.into_iter().map(Inputs::new).collect();
    let last = |x: &Array3<f32>| x.slice(s![.., x.dim().1 - 1.., ..]).to_owned();
    let rows: Vec<[Array3<f32>; 3]> =
        all.iter().map(|inputs| [&inputs.q, &inputs.k, &inputs.v].map(last)).collect();
    let one = |states: &mut [Array2<f32>], rows: [ArrayView3<f32>; 3]| {
        for (h, state) in states.iter_mut().enumerate() {
            let [q, k, v] = rows.map(|x| x.index_axis_move(Axis(0), h));
            retnet(h).recurrent(state, q, k, v).expect("the sizes fit");
        }
    };
    let mut timed: Vec<Timed> = Vec::new();
    for (inputs, [q, k, v]) in all.iter().zip(&rows) {
        let mut states: Vec<Array2<f32>> = (0..HEADS).map(|_| Array2::zeros((D, D))).collect();
        one(&mut states, [inputs.q.view(), inputs.k.view(), inputs.v.view()]);
        timed.push(often(256, move || one(&mut states, [q.view(), k.view(), v.view()])));
    }
    for (inputs, [q, ..]) in all.iter().zip(&rows) {
        let (keys, values) = (inputs.k.view(), inputs.v.view());
        timed.push(often(16, move || queries_in_lanes(q.view(), keys, values, true)));
    }
    let times = in_turn(sitting.rounds, timed)?;
    let (states, caches) = times.split_at(LONG.len());
    for ((n, state), cache) in LONG.into_iter().zip(states).zip(caches) {
        let name = format!("after {n} tokens");
        let line = Line::time_beside("step", name, state, ("attention to a cache", cache));
        sitting.table.add(line);
    }
    let points = LONG.into_iter().zip(states).map(|(n, times)| (n as f64, times.median()));
    let exponent = exponent(&points.collect::<Vec<_>>());
    sitting.table.add(Line::amount("exponent", "of a step", "", exponent));
    Ok(())
}
