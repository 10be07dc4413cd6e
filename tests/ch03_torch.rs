//! Chapter 3 against PyTorch: the reference, and the f64 oracle that the judges trust.
//! `oracles/ch03.py` made the file.

use anyhow::{Result, ensure};
use attn_core::Mask;
use attn_exercise::judge::{Expected, close};
use attn_oracle as oracle;
use ch03_scaled_dot_product::{
    Gradients, Output, allowed, attention, attention_backward, softmax_rows,
};
use integration::{Case, Recording};
use ndarray::{Array, Array2, Dimension, Zip};

/// Both compute in f64 from the same f32 inputs, so only the order of summation tells them apart.
const F64_ERROR: f64 = 1e-9;

/// Refuses an f64 result that differs from torch's by more than a billionth of the largest entry.
fn same<D: Dimension>(
    case: &str,
    name: &str,
    ours: &Array<f64, D>,
    torch: &Array<f64, D>,
) -> Result<()> {
    ensure!(
        ours.shape() == torch.shape(),
        "{case}: {name} has shape {:?}, torch's {:?}",
        ours.shape(),
        torch.shape()
    );
    let finite = torch.iter().filter(|x| x.is_finite());
    let scale = finite.fold(0.0_f64, |scale, x| scale.max(x.abs()));
    let mut wrong = None;
    Zip::from(ours).and(torch).for_each(|&x, &t| {
        let right = x == t || (x - t).abs() <= F64_ERROR * scale;
        if !right {
            wrong.get_or_insert((x, t));
        }
    });
    ensure!(wrong.is_none(), "{case}: {name}, ours and torch's: {wrong:?}");
    Ok(())
}

/// Refuses an f32 result by the rule of the judges, with torch's f64 result as the exact one.
fn near<D: Dimension>(
    case: &str,
    name: &str,
    reference: &Array<f32, D>,
    loops: &Array<f32, D>,
    torch: Array<f64, D>,
) -> Result<()> {
    // The judges measure the tolerance with two plain orders of summation; here one of them is on
    // trial.
    close(name, reference, &Expected::new(torch, &[loops]))
        .map_err(|refusal| anyhow::anyhow!("{case}: {refusal}"))
}

/// The mask that a case is about, as the course writes it.
fn mask(name: &str, case: &Case) -> Result<Mask> {
    let padding = || Ok::<_, anyhow::Error>(Mask::Padding(case.flags("padding_keys")?));
    let dense = || Ok::<_, anyhow::Error>(Mask::Dense(case.flags("dense")?));
    Ok(match name.split(' ').next() {
        Some("none" | "logits") => Mask::None,
        Some("causal" | "wide") => Mask::Causal,
        Some("prefix") => Mask::Prefix(case.number("prefix_keys")?),
        Some("padding") => padding()?,
        Some("dense") => dense()?,
        Some("combined") => Mask::All(vec![Mask::Causal, padding()?, dense()?]),
        _ => anyhow::bail!("{name}: which mask is this?"),
    })
}

#[test]
fn softmax_is_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch03.safetensors")?.cases("softmax")? {
        let (x, torch) = (case.f32("x")?, case.f64("weights")?);
        same(&name, "weights", &oracle::softmax_rows(x.view()), &torch)?;
        let loops = oracle::softmax_rows::<f32>(x.view());
        near(&name, "weights", &softmax_rows(x.view()), &loops, torch)?;
    }
    Ok(())
}

#[test]
fn attention_is_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch03.safetensors")?.cases("attention")? {
        let (q, k, v) = (case.f32("q")?, case.f32("k")?, case.f32("v")?);
        let (q, k, v, mask) = (q.view(), k.view(), v.view(), mask(&name, &case)?);
        let table: Array2<bool> = case.flags("table")?;
        ensure!(allowed(&mask, q.nrows(), k.nrows()) == table, "{name}: another mask");

        let (out, lse) = (case.f64("out")?, case.f64("lse")?);
        let ours = oracle::attention::<f64>(q, k, v, &mask);
        same(&name, "out", &ours.out, &out)?;
        same(&name, "lse", &ours.lse, &lse)?;

        let loops = oracle::attention::<f32>(q, k, v, &mask);
        let Output { out: reference, lse: reference_lse } = attention(q, k, v, &mask);
        near(&name, "out", &reference, &loops.out, out)?;
        near(&name, "lse", &reference_lse, &loops.lse, lse)?;
    }
    Ok(())
}

#[test]
fn gradients_are_those_of_torchs_autograd() -> Result<()> {
    let mut tried = 0;
    for (name, case) in Recording::read("ch03.safetensors")?.cases("attention")? {
        if !case.has("d_out") {
            continue;
        }
        let (q, k, v, d_out) = (case.f32("q")?, case.f32("k")?, case.f32("v")?, case.f32("d_out")?);
        let (q, k, v, d_out) = (q.view(), k.view(), v.view(), d_out.view());
        let mask = mask(&name, &case)?;
        let (dq, dk, dv) = (case.f64("dq")?, case.f64("dk")?, case.f64("dv")?);

        let ours = oracle::attention_backward::<f64>(q, k, v, &mask, d_out);
        same(&name, "dq", &ours.dq, &dq)?;
        same(&name, "dk", &ours.dk, &dk)?;
        same(&name, "dv", &ours.dv, &dv)?;

        let loops = oracle::attention_backward::<f32>(q, k, v, &mask, d_out);
        let reference: Gradients = attention_backward(q, k, v, &mask, d_out);
        near(&name, "dq", &reference.dq, &loops.dq, dq)?;
        near(&name, "dk", &reference.dk, &loops.dk, dk)?;
        near(&name, "dv", &reference.dv, &loops.dv, dv)?;
        tried += 1;
    }
    ensure!(tried >= 20, "only {tried} cases have gradients");
    Ok(())
}

#[test]
fn an_empty_row_is_recorded_as_zeros_and_minus_infinity() -> Result<()> {
    let mut empty_rows = 0;
    for (name, case) in Recording::read("ch03.safetensors")?.cases("attention")? {
        let (out, lse): (Array2<f64>, ndarray::Array1<f64>) = (case.f64("out")?, case.f64("lse")?);
        let table: Array2<bool> = case.flags("table")?;
        for (i, row) in table.rows().into_iter().enumerate() {
            let empty = !row.iter().any(|&a| a);
            ensure!(empty == (lse[i] == f64::NEG_INFINITY), "{name}: lse[{i}] is {}", lse[i]);
            ensure!(!empty || out.row(i).iter().all(|&x| x == 0.0), "{name}: out[{i}]");
            empty_rows += usize::from(empty);
        }
    }
    ensure!(empty_rows > 0, "no row is empty");
    Ok(())
}

/// PyTorch aligns its flag's mask top-left: query i sees keys j ≤ i, whatever n and m are.
#[test]
fn torchs_is_causal_is_top_left_and_the_course_is_bottom_right() -> Result<()> {
    for (name, case) in Recording::read("ch03.safetensors")?.cases("is_causal")? {
        let (q, k, v) = (case.f32("q")?, case.f32("k")?, case.f32("v")?);
        let (q, k, v) = (q.view(), k.view(), v.view());
        let torch: Array2<f64> = case.f64("out")?;
        let top_left = Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| j <= i);
        let ours = oracle::attention::<f64>(q, k, v, &Mask::Dense(top_left)).out;
        same(&name, "out", &ours, &torch)?;
        let bottom_right = oracle::attention::<f64>(q, k, v, &Mask::Causal).out;
        ensure!(same(&name, "out", &bottom_right, &torch).is_err(), "{name}: no difference");
    }
    Ok(())
}
