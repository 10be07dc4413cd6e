//! Chapter 12 against PyTorch: patterns by masks, and sparse attention by content by its papers' equations. `oracles/ch12.py` made the
//! file.

use anyhow::{Result, ensure};
use ch08_flash_cpu::given::Block;
use ch12_sparse::{
    block_importance, block_sparse, compressed_attention,
    gather::gather_attention,
    given::{Pattern, Stream, Traffic, Work, tiles},
    index_scores, moba_blocks,
    nsa::{Sizes, nsa_attention},
    pattern_row, sparse_attention, stream_step, top_k_attention,
};
use integration::{Case, Recording, same};
use ndarray::{Array1, Array2, Array3};

/// Calls a check for each case of a kind, of which there are so many.
fn each(kind: &str, count: usize, check: impl Fn(&str, &Case) -> Result<()>) -> Result<()> {
    let recording = Recording::read("ch12.safetensors")?;
    let cases = recording.cases(kind)?;
    ensure!(cases.len() == count, "{} cases of {kind}", cases.len());
    cases.iter().try_for_each(|(name, case)| check(&format!("{kind}, {name}"), case))
}

fn tokens(case: &Case) -> Result<[Array2<f64>; 3]> {
    Ok([case.f64("q")?, case.f64("k")?, case.f64("v")?])
}

/// The positions that are true.
fn places(flags: impl IntoIterator<Item = bool>) -> Vec<usize> {
    flags.into_iter().enumerate().filter_map(|(place, flag)| flag.then_some(place)).collect()
}

#[test]
fn patterns() -> Result<()> {
    each("pattern", 5, |name, case| {
        let [q, k, v] = tokens(case)?;
        let n = q.nrows();
        let globals: Array1<bool> = case.flags("globals")?;
        let (random, seen): (Array2<bool>, Array2<bool>) =
            (case.flags("random")?, case.flags("seen")?);
        let pattern = Pattern {
            window: case.number("window")?,
            dilation: case.number("dilation")?,
            globals: places(globals),
            random: random.rows().into_iter().map(|row| places(row.to_vec())).collect(),
            causal: case.number("causal")? == 1,
        };
        let rows: Vec<Vec<usize>> = (0..n).map(|i| pattern_row(&pattern, i, n)).collect();
        for (i, row) in rows.iter().enumerate() {
            ensure!(*row == places(seen.row(i).to_vec()), "{name}: row {i} is {row:?}");
        }
        let out: Array2<f64> = case.f64("out")?;
        same(
            name,
            &sparse_attention(q.view(), k.view(), v.view(), &rows, &mut Work::default()),
            &out,
        )?;
        same(name, &gather_attention(q.view(), k.view(), v.view(), &rows), &out)?;
        // In f32, on tiles of several sizes.
        let [q, k, v] = [q, k, v].map(|x| x.mapv(|x| x as f32));
        for block in [Block { q: 1, k: 1 }, Block { q: 4, k: 8 }, Block { q: 16, k: 3 }] {
            let visits = tiles(&rows, n, block);
            let tiled =
                block_sparse(q.view(), k.view(), v.view(), &visits, block, &mut Traffic::default());
            let furthest = out
                .iter()
                .zip(&tiled.out)
                .fold(0.0, |most: f64, (a, b)| most.max((a - f64::from(*b)).abs()));
            ensure!(furthest < 1e-5, "{name}: the tiles are off by {furthest:e}");
        }
        Ok(())
    })
}

#[test]
fn native_sparse_attention() -> Result<()> {
    each("nsa", 3, |name, case| {
        let [q, k, v] = tokens(case)?;
        let sizes = Sizes {
            length: case.number("length")?,
            stride: case.number("stride")?,
            block: case.number("block")?,
            count: case.number("count")?,
            window: case.number("window")?,
        };
        let compressed =
            compressed_attention(q.view(), k.view(), v.view(), sizes.length, sizes.stride);
        same(name, &compressed.weights, &case.f64("weights")?)?;
        same(name, &compressed.out, &case.f64("compressed")?)?;
        let importance =
            block_importance(compressed.weights.view(), sizes.length, sizes.stride, sizes.block);
        same(name, &importance, &case.f64("importance")?)?;
        let gates: Array2<f64> = case.f64("gates")?;
        same(
            name,
            &nsa_attention(q.view(), k.view(), v.view(), gates.view(), sizes),
            &case.f64("out")?,
        )
    })
}

#[test]
fn the_lightning_indexer_and_what_it_chooses() -> Result<()> {
    each("dsa", 2, |name, case| {
        let [q, k, v] = tokens(case)?;
        let index_q: Array3<f64> = case.f64("index_q")?;
        let (index_k, w): (Array2<f64>, Array2<f64>) = (case.f64("index_k")?, case.f64("w")?);
        let scores = index_scores(index_q.view(), index_k.view(), w.view());
        let past = scores.mapv(|score| if score == f64::NEG_INFINITY { 0.0 } else { score });
        same(name, &past, &case.f64("scores")?)?;
        let out =
            top_k_attention(q.view(), k.view(), v.view(), scores.view(), case.number("keep")?);
        same(name, &out, &case.f64("out")?)
    })
}

#[test]
fn mixture_of_block_attention() -> Result<()> {
    each("moba", 2, |name, case| {
        let (q, k): (Array2<f64>, Array2<f64>) = (case.f64("q")?, case.f64("k")?);
        let chosen = moba_blocks(q.view(), k.view(), case.number("block")?, case.number("count")?);
        ensure!(chosen == case.flags("chosen")?, "{name}: other blocks");
        Ok(())
    })
}

#[test]
fn streams() -> Result<()> {
    each("stream", 2, |name, case| {
        let [q, k, v] = tokens(case)?;
        let mut cache = Stream::new(case.number("sinks")?, case.number("window")?);
        let mut out = Array2::zeros(v.dim());
        for t in 0..q.nrows() {
            out.row_mut(t).assign(&stream_step(&mut cache, q.row(t), k.row(t), v.row(t)));
        }
        same(name, &out, &case.f64("out")?)
    })
}
