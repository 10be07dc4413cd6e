//! Chapter 1 against PyTorch: the reference, and the f64 oracle that the judges trust.
//! `oracles/ch01.py` made the file.

use anyhow::{Result, ensure};
use attn_exercise::judge::{Expected, close};
use ch01_rnn_attention::{
    Attended, Gru, Rnn, attend_all, decode, decode_attending, encode, gru_step, oracle,
    teacher_forcing,
};
use integration::{Case, Recording};
use ndarray::{Array, Array1, Array2, ArrayView1, Dimension, Zip};

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
    let scale = torch.fold(0.0_f64, |scale, x| scale.max(x.abs()));
    let mut wrong = None;
    Zip::from(ours).and(torch).for_each(|&x, &t| {
        let right = (x - t).abs() <= F64_ERROR * scale;
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

/// Torch's weights in the course's layout, a row an input.
fn turned(case: &Case, name: &str) -> Result<Array2<f32>> {
    let matrix: Array2<f32> = case.f32(name)?;
    Ok(matrix.reversed_axes().as_standard_layout().into_owned())
}

/// The weights of an `nn.RNN`: its two biases are only ever added to each other.
fn rnn(case: &Case) -> Result<Rnn> {
    let biases: [Array1<f32>; 2] = [case.f32("bias_ih")?, case.f32("bias_hh")?];
    Ok(Rnn {
        w_x: turned(case, "weight_ih")?,
        w_h: turned(case, "weight_hh")?,
        b: &biases[0] + &biases[1],
    })
}

/// The weights of an `nn.GRU`: its blocks have the same order.
fn gru(case: &Case) -> Result<Gru> {
    Ok(Gru {
        w_x: turned(case, "weight_ih")?,
        w_h: turned(case, "weight_hh")?,
        b_x: case.f32("bias_ih")?,
        b_h: case.f32("bias_hh")?,
    })
}

/// The two biases of an RNN are added in f32 here and in f64 there: half a unit in the last place.
const TWO_BIASES: f64 = 1e-6;

/// Refuses an f64 result that differs from torch's by more than the sum of two f32 biases rounds.
fn same_but_for_biases(case: &str, ours: &Array2<f64>, torch: &Array2<f64>) -> Result<()> {
    ensure!(ours.dim() == torch.dim(), "{case}: {:?}", ours.dim());
    let furthest = (ours - torch).fold(0.0_f64, |most, x| most.max(x.abs()));
    ensure!(furthest < TWO_BIASES, "{case}: {furthest:e}");
    Ok(())
}

#[test]
fn encode_is_torchs_rnn() -> Result<()> {
    for (name, case) in Recording::read("ch01.safetensors")?.cases("rnn")? {
        let (rnn, inputs) = (rnn(&case)?, case.f32("inputs")?);
        let torch: Array2<f64> = case.f64("states")?;
        let ours = oracle::encode::<f64>(&rnn, inputs.view());
        same_but_for_biases(&name, &ours, &torch)?;
        let loops = oracle::encode::<f32>(&rnn, inputs.view());
        near(&name, "states", &encode(&rnn, inputs.view()), &loops, ours)?;
    }
    Ok(())
}

#[test]
fn gru_step_is_torchs_gru() -> Result<()> {
    for (name, case) in Recording::read("ch01.safetensors")?.cases("gru")? {
        let gru = gru(&case)?;
        let inputs: Array2<f32> = case.f32("inputs")?;
        let torch: Array2<f64> = case.f64("states")?;
        let (m, d) = torch.dim();
        let (mut exact, mut loops) = (vec![0.0_f64; d], vec![0.0_f32; d]);
        let mut state = Array1::<f32>::zeros(d);
        let (mut all_exact, mut all_loops) = (Array2::zeros((m, d)), Array2::zeros((m, d)));
        let mut states = Array2::zeros((m, d));
        for (t, x) in inputs.rows().into_iter().enumerate() {
            exact = oracle::gru_step(&gru, &oracle::vector(x), &exact);
            loops = oracle::gru_step(&gru, &oracle::vector(x), &loops);
            state = gru_step(&gru, x, state.view());
            all_exact.row_mut(t).assign(&ArrayView1::from(&exact));
            all_loops.row_mut(t).assign(&ArrayView1::from(&loops));
            states.row_mut(t).assign(&state);
        }
        same(&name, "states", &all_exact, &torch)?;
        near(&name, "states", &states, &all_loops, torch)?;
    }
    Ok(())
}

#[test]
fn attend_all_is_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch01.safetensors")?.cases("attend")? {
        let state: Array1<f32> = case.f32("state")?;
        let states: Array2<f32> = case.f32("states")?;
        let (context, weights): (Array1<f64>, Array1<f64>) =
            (case.f64("context")?, case.f64("weights")?);
        let ours = oracle::attend_all::<f64>(&oracle::vector(state.view()), states.view());
        same(&name, "context", &ours.0, &context)?;
        same(&name, "weights", &ours.1, &weights)?;
        let loops = oracle::attend_all::<f32>(&state.to_vec(), states.view());
        let reference: Attended = attend_all(state.view(), states.view());
        near(&name, "context", &reference.context, &loops.0, context)?;
        near(&name, "weights", &reference.weights, &loops.1, weights)?;
    }
    Ok(())
}

#[test]
fn decoders_with_and_without_attention_are_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch01.safetensors")?.cases("decode")? {
        let rnn = rnn(&case)?;
        let states: Array2<f32> = case.f32("states")?;
        let inputs: Array2<f32> = case.f32("inputs")?;
        let (states, inputs) = (states.view(), inputs.view());
        let z = states.row(states.nrows() - 1);

        let fixed: Array2<f64> = case.f64("fixed")?;
        let ours = oracle::decode::<f64>(&rnn, z, inputs);
        same_but_for_biases(&name, &ours, &fixed)?;
        let loops = oracle::decode::<f32>(&rnn, z, inputs);
        near(&name, "states", &decode(&rnn, z, inputs), &loops, ours)?;

        let (looking, looked): (Array2<f64>, Array2<f64>) =
            (case.f64("looking")?, case.f64("looked")?);
        let ours = oracle::decode_attending::<f64>(&rnn, states, inputs);
        same_but_for_biases(&name, &ours.0, &looking)?;
        same_but_for_biases(&name, &ours.1, &looked)?;
        let loops = oracle::decode_attending::<f32>(&rnn, states, inputs);
        let reference = decode_attending(&rnn, states, inputs);
        near(&name, "states", &reference.states, &loops.0, ours.0)?;
        near(&name, "weights", &reference.weights, &loops.1, ours.1)?;
    }
    Ok(())
}

#[test]
fn teacher_forcing_is_torchs_cross_entropy() -> Result<()> {
    for (name, case) in Recording::read("ch01.safetensors")?.cases("loss")? {
        let logits: Array2<f32> = case.f32("logits")?;
        let targets: Array1<f32> = case.f32("targets")?;
        let targets: Vec<usize> = targets.iter().map(|&target| target as usize).collect();
        let torch: Array1<f64> = case.f64("loss")?;
        let fed = [&[2], &targets[..targets.len() - 1]].concat();
        let rows: Vec<ArrayView1<f32>> = fed.iter().map(|&t| logits.row(t)).collect();
        let ours = Array1::from(vec![oracle::loss::<f64>(&rows, &targets)]);
        same(&name, "loss", &ours, &torch)?;
        let loops = Array1::from(vec![oracle::loss::<f32>(&rows, &targets)]);
        let mut step = |token: usize| logits.row(token).to_owned();
        let loss = Array1::from(vec![teacher_forcing(&mut step, 2, &targets)]);
        near(&name, "loss", &loss, &loops, torch)?;
    }
    Ok(())
}
