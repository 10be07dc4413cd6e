//! Chapter 2 against PyTorch: the reference, and the f64 oracle that the judges trust.
//! `oracles/ch02.py` made the file.

use anyhow::{Result, ensure};
use attn_exercise::judge::{Expected, close};
use ch02_additive_attention::{
    Additive, Concat, Pointer, Products, additive_scores, concat_scores, finite_differences,
    general_scores, local_weights, location_weights, oracle,
};
use integration::{Case, Recording};
use ndarray::{Array1, Array2, ArrayView2};

/// Both compute in f64 from the same f32 inputs, so only the order of summation tells them apart.
const F64_ERROR: f64 = 1e-9;

/// Refuses the oracle's f64 result if it is not torch's, and the reference's f32 result by the rule
/// of the judges with torch's as the exact one.
fn compare(
    case: &str,
    torch: Array2<f64>,
    oracle: &Array2<f64>,
    loops: &Array2<f32>,
    reference: &Array2<f32>,
) -> Result<()> {
    ensure!(oracle.dim() == torch.dim(), "{case}: {:?}, torch's {:?}", oracle.dim(), torch.dim());
    let scale = torch.fold(0.0_f64, |scale, x| scale.max(x.abs()));
    let furthest = (oracle - &torch).fold(0.0_f64, |most, x| most.max(x.abs()));
    ensure!(furthest <= F64_ERROR * scale, "{case}: {furthest:e}");
    // The judges measure the tolerance with two plain orders of summation; here one of them is on
    // trial.
    close("result", reference, &Expected::new(torch, &[loops]))
        .map_err(|refusal| anyhow::anyhow!("{case}: {refusal}"))
}

fn additive(case: &Case) -> Result<Additive> {
    Ok(Additive { w_q: case.f32("w_q")?, w_k: case.f32("w_k")?, v: case.f32("v")? })
}

#[test]
fn additive_scores_are_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch02.safetensors")?.cases("additive")? {
        let (weights, q, k) = (additive(&case)?, case.f32("q")?, case.f32("k")?);
        let (q, k) = (q.view(), k.view());
        compare(
            &name,
            case.f64("scores")?,
            &oracle::additive_scores(&weights, q, k),
            &oracle::additive_scores(&weights, q, k),
            &additive_scores(&weights, q, k),
        )?;
    }
    Ok(())
}

#[test]
fn general_scores_are_torchs_bilinear() -> Result<()> {
    for (name, case) in Recording::read("ch02.safetensors")?.cases("general")? {
        let (w, q, k): (Array2<f32>, Array2<f32>, Array2<f32>) =
            (case.f32("w")?, case.f32("q")?, case.f32("k")?);
        let (q, k) = (q.view(), k.view());
        compare(
            &name,
            case.f64("scores")?,
            &oracle::general_scores(w.view(), q, k),
            &oracle::general_scores(w.view(), q, k),
            &general_scores(w.view(), q, k, &mut Products::default()),
        )?;
    }
    Ok(())
}

#[test]
fn concat_scores_are_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch02.safetensors")?.cases("concat")? {
        let concat = Concat { w: case.f32("w")?, v: case.f32("v")? };
        let (q, k) = (case.f32("q")?, case.f32("k")?);
        let (q, k) = (q.view(), k.view());
        compare(
            &name,
            case.f64("scores")?,
            &oracle::concat_scores(&concat, q, k),
            &oracle::concat_scores(&concat, q, k),
            &concat_scores(&concat, q, k),
        )?;
    }
    Ok(())
}

#[test]
fn location_weights_are_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch02.safetensors")?.cases("location")? {
        let (w, q): (Array2<f32>, Array2<f32>) = (case.f32("w")?, case.f32("q")?);
        let torch: Array2<f64> = case.f64("weights")?;
        let m = torch.ncols();
        compare(
            &name,
            torch,
            &oracle::location_weights(w.view(), q.view(), m),
            &oracle::location_weights(w.view(), q.view(), m),
            &location_weights(w.view(), q.view(), m),
        )?;
    }
    Ok(())
}

#[test]
fn local_weights_are_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch02.safetensors")?.cases("local")? {
        let pointer = Pointer { w_p: case.f32("w_p")?, v_p: case.f32("v_p")? };
        let (q, scores, half) = (case.f32("q")?, case.f32("scores")?, case.number("half")?);
        let (q, scores) = (q.view(), scores.view());
        compare(
            &name,
            case.f64("weights")?,
            &oracle::local_weights(&pointer, q, scores, half),
            &oracle::local_weights(&pointer, q, scores, half),
            &local_weights(&pointer, q, scores, half),
        )?;
    }
    Ok(())
}

/// The loss of additive attention in f64: Σ (weights · values)².
fn loss(additive: &Additive, q: ArrayView2<f64>, k: &Array2<f32>, values: &Array2<f32>) -> f64 {
    let wide = |x: &Array2<f32>| x.mapv(f64::from);
    let v: Array1<f64> = additive.v.mapv(f64::from);
    let from_q = q.dot(&wide(&additive.w_q));
    let from_k = wide(k).dot(&wide(&additive.w_k));
    let out = from_q.rows().into_iter().map(|from_q| {
        let exp = (&from_k + &from_q).mapv(f64::tanh).dot(&v).mapv(f64::exp);
        let out = exp.dot(&wide(values)) / exp.sum();
        out.dot(&out)
    });
    out.sum()
}

/// Differences find the gradient that autograd computes: to 1e-8 of its size with steps of 1e-5.
#[test]
fn differences_are_torchs_autograd() -> Result<()> {
    for (name, case) in Recording::read("ch02.safetensors")?.cases("gradient")? {
        let weights = additive(&case)?;
        let (q, k, values): (Array2<f32>, Array2<f32>, Array2<f32>) =
            (case.f32("q")?, case.f32("k")?, case.f32("values")?);
        let (dq, torch): (Array2<f64>, Array1<f64>) = (case.f64("dq")?, case.f64("loss")?);
        let f = |q: ArrayView2<f64>| loss(&weights, q, &k, &values);
        let q = q.mapv(f64::from);
        ensure!((f(q.view()) - torch[0]).abs() < 1e-9, "{name}: another loss");
        let gradient = finite_differences(&f, q.view(), 1e-5);
        let scale = dq.fold(0.0_f64, |scale, x| scale.max(x.abs()));
        let furthest = (&gradient - &dq).fold(0.0_f64, |most, x| most.max(x.abs()));
        ensure!(furthest < 1e-8 * scale, "{name}: {furthest:e} of {scale:e}");
    }
    Ok(())
}
