//! Chapter 8 against PyTorch: every rung, the way back, and sequences of different lengths.
//! `oracles/ch08.py` made the file.

use anyhow::{Result, ensure};
use attn_core::Mask;
use attn_exercise::judge::{Expected, close};
use attn_oracle as oracle;
use ch03_scaled_dot_product::{attention, attention_backward};
use ch08_flash_cpu::{
    Block, Traffic, flash_backward, flash_forward, flash_heads,
    ladder::{Instructions, RUNGS, backward_with, queries_in_lanes, queries_in_lanes_with},
    online, split_kv, varlen,
};
use integration::{Case, Recording};
use ndarray::{Array, Array1, Array2, Array3, Axis, Dimension, array};

const FILE: &str = "ch08.safetensors";
const BLOCK: Block = Block { q: 16, k: 12 };

/// Refuses an f32 result by the rule of the judges, with torch's f64 result as the exact one and
/// chapter 3's plain f32 results to measure the tolerance with.
fn near<D: Dimension>(
    case: &str,
    name: &str,
    got: &Array<f32, D>,
    torch: Array<f64, D>,
    plain: &[&Array<f32, D>],
) -> Result<()> {
    // One key has weight 1 and no gradient: sums of differences of equal numbers, and nothing to
    // measure its rounding by.
    if torch.iter().all(|&x| x == 0.0) {
        ensure!(got.iter().all(|x| x.abs() < 1e-5), "{case}: {name} {got}");
        return Ok(());
    }
    close(name, got, &Expected::new(torch, plain))
        .map_err(|refusal| anyhow::anyhow!("{case}: {refusal}"))
}

fn mask(causal: bool) -> Mask {
    if causal { Mask::Causal } else { Mask::None }
}

/// The recorded inputs of several heads.
struct Heads {
    q: Array3<f32>,
    k: Array3<f32>,
    v: Array3<f32>,
    d_out: Array3<f32>,
    causal: bool,
}

impl Heads {
    fn read(case: &Case) -> Result<Self> {
        Ok(Heads {
            q: case.f32("q")?,
            k: case.f32("k")?,
            v: case.f32("v")?,
            d_out: case.f32("d_out")?,
            causal: case.number("causal")? == 1,
        })
    }

    /// Each query head with its key head.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let (h, h_kv) = (self.q.len_of(Axis(0)), self.k.len_of(Axis(0)));
        (0..h).map(move |head| (head, head / (h / h_kv)))
    }
}

#[test]
fn every_rung_is_torchs() -> Result<()> {
    for (name, case) in Recording::read(FILE)?.cases("heads")? {
        let inputs = Heads::read(&case)?;
        let Heads { q, k, v, causal, .. } = &inputs;
        let (out, lse): (Array3<f64>, Array2<f64>) = (case.f64("out")?, case.f64("lse")?);
        let (q, k, v) = (q.view(), k.view(), v.view());
        let mut all =
            vec![("flash_heads", flash_heads(q, k, v, *causal, BLOCK, &mut Traffic::default()))];
        all.extend(RUNGS.map(|rung| (rung.name, (rung.forward)(q, k, v, *causal))));
        for set in Instructions::available() {
            all.push((set.name(), queries_in_lanes_with(set, q, k, v, *causal)));
        }
        for (head, group) in inputs.pairs() {
            let (q, k, v) = (
                q.index_axis(Axis(0), head),
                k.index_axis(Axis(0), group),
                v.index_axis(Axis(0), group),
            );
            let product = attention(q, k, v, &mask(*causal));
            let loops = oracle::attention::<f32>(q, k, v, &mask(*causal));
            let mut heads: Vec<(&str, Array2<f32>, Array1<f32>)> = all
                .iter()
                .map(|(rung, output)| {
                    let out = output.out.index_axis(Axis(0), head).to_owned();
                    (*rung, out, output.lse.row(head).to_owned())
                })
                .collect();
            let one = online(q, k, v, *causal);
            heads.push(("online, one head", one.out, one.lse));
            for (rung, got, got_lse) in heads {
                let case = format!("{name}, head {head}, {rung}");
                let torch = out.index_axis(Axis(0), head).to_owned();
                near(&case, "out", &got, torch, &[&product.out, &loops.out])?;
                let torch = lse.row(head).to_owned();
                near(&case, "lse", &got_lse, torch, &[&product.lse, &loops.lse])?;
            }
        }
    }
    Ok(())
}

#[test]
fn gradients_are_those_of_torchs_autograd() -> Result<()> {
    for (name, case) in Recording::read(FILE)?.cases("heads")? {
        let inputs = Heads::read(&case)?;
        let Heads { q, k, v, d_out, causal } = &inputs;
        let (q, k, v, d_out) = (q.view(), k.view(), v.view(), d_out.view());
        let (dq, dk, dv): (Array3<f64>, Array3<f64>, Array3<f64>) =
            (case.f64("dq")?, case.f64("dk")?, case.f64("dv")?);
        // Chapter 3's gradients and this chapter's tiles, summed over the heads of a group.
        let zeros = || [&q, &k, &v].map(|x| Array3::<f32>::zeros(x.dim()));
        let (mut plain, mut tiles) = (zeros(), zeros());
        for (head, group) in inputs.pairs() {
            let (q, d_out) = (q.index_axis(Axis(0), head), d_out.index_axis(Axis(0), head));
            let (k, v) = (k.index_axis(Axis(0), group), v.index_axis(Axis(0), group));
            let once = flash_forward(q, k, v, *causal, BLOCK, &mut Traffic::default());
            let results = [attention_backward(q, k, v, &mask(*causal), d_out), {
                let traffic = &mut Traffic::default();
                flash_backward(q, k, v, *causal, &once, d_out, BLOCK, traffic)
            }];
            for (sums, result) in [&mut plain, &mut tiles].into_iter().zip(results) {
                let [dq, dk, dv] = sums;
                dq.index_axis_mut(Axis(0), head).assign(&result.dq);
                let mut part = dk.index_axis_mut(Axis(0), group);
                part += &result.dk;
                let mut part = dv.index_axis_mut(Axis(0), group);
                part += &result.dv;
            }
        }
        let forward = queries_in_lanes(q, k, v, *causal);
        let mut all = vec![("tiles", tiles.clone())];
        for set in Instructions::available() {
            let got = backward_with(set, q, k, v, *causal, &forward, d_out);
            all.push((set.name(), [got.dq, got.dk, got.dv]));
        }
        for (which, [got_dq, got_dk, got_dv]) in &all {
            let case = format!("{name}, {which}");
            near(&case, "dq", got_dq, dq.clone(), &[&plain[0], &tiles[0]])?;
            near(&case, "dk", got_dk, dk.clone(), &[&plain[1], &tiles[1]])?;
            near(&case, "dv", got_dv, dv.clone(), &[&plain[2], &tiles[2]])?;
        }
    }
    Ok(())
}

#[test]
fn one_query_in_parts_is_torchs() -> Result<()> {
    let mut tried = 0;
    for (name, case) in Recording::read(FILE)?.cases("heads")? {
        let inputs = Heads::read(&case)?;
        if inputs.q.len_of(Axis(1)) != 1 {
            continue;
        }
        let (out, lse): (Array3<f64>, Array2<f64>) = (case.f64("out")?, case.f64("lse")?);
        for (head, group) in inputs.pairs() {
            let q = inputs.q.index_axis(Axis(0), head);
            let k = inputs.k.index_axis(Axis(0), group);
            let v = inputs.v.index_axis(Axis(0), group);
            let loops = oracle::attention::<f32>(q, k, v, &Mask::None);
            let product = attention(q, k, v, &Mask::None);
            for parts in [1, 2, 7, 200] {
                let split = split_kv(q.row(0), k, v, parts);
                let got = split.out.insert_axis(Axis(0));
                let torch = out.index_axis(Axis(0), head).to_owned();
                near(&name, "out", &got, torch, &[&loops.out, &product.out])?;
                let torch = array![lse[[head, 0]]];
                near(&name, "lse", &array![split.lse], torch, &[&loops.lse, &product.lse])?;
                tried += 1;
            }
        }
    }
    ensure!(tried > 0, "no case has a single query");
    Ok(())
}

#[test]
fn sequences_of_different_lengths_are_torchs() -> Result<()> {
    for (name, case) in Recording::read(FILE)?.cases("varlen")? {
        let (q, k, v) = (case.f32("q")?, case.f32("k")?, case.f32("v")?);
        let (q, k, v): (Array2<f32>, Array2<f32>, Array2<f32>) = (q, k, v);
        let causal = case.number("causal")? == 1;
        let starts = |which| -> Result<Vec<usize>> {
            let starts: Array1<f32> = case.f32(which)?;
            Ok(starts.iter().map(|&start| start as usize).collect())
        };
        let (q_starts, k_starts) = (starts("q_starts")?, starts("k_starts")?);
        let traffic = &mut Traffic::default();
        let (q, k, v) = (q.view(), k.view(), v.view());
        let got = varlen(q, k, v, &q_starts, &k_starts, causal, BLOCK, traffic);
        let table = Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
            q_starts.windows(2).zip(k_starts.windows(2)).any(|(q, k)| {
                let inside = (q[0]..q[1]).contains(&i) && (k[0]..k[1]).contains(&j);
                inside && (!causal || j + q[1] <= k[1] + i)
            })
        });
        let plain = attention(q, k, v, &Mask::Dense(table.clone()));
        let loops = oracle::attention::<f32>(q, k, v, &Mask::Dense(table));
        near(&name, "out", &got.out, case.f64("out")?, &[&plain.out, &loops.out])?;
        near(&name, "lse", &got.lse, case.f64("lse")?, &[&plain.lse, &loops.lse])?;
    }
    Ok(())
}
