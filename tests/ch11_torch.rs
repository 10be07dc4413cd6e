//! Chapter 11 against PyTorch: each member of the family by its paper's equations. `oracles/ch11.py` made the file, and held it against
//! the naive reference functions of flash-linear-attention.

use anyhow::{Result, ensure};
use ch11_linear::{
    Recurrence, bonus_step, chunk_backward, chunked, delta_step, feature_map, given::State,
    kda_step, linear_attention, linear_step, mechanisms, positive_features,
};
use integration::{Case, Recording, same};
use ndarray::{Array1, Array2, Ix0, Ix1, Ix2};

/// The state, the queries, the keys and the values.
type Tokens = [Array2<f64>; 4];

fn tokens(case: &Case) -> Result<Tokens> {
    Ok([case.f64("state")?, case.f64("q")?, case.f64("k")?, case.f64("v")?])
}

/// Every form of a member, in chunks of all kinds, against the recorded rows and the state after them.
fn all_forms(name: &str, case: &Case, member: &Recurrence<f64>) -> Result<()> {
    let [state, q, k, v] = tokens(case)?;
    let (out, after) = (case.f64::<Ix2>("out")?, case.f64::<Ix2>("after")?);
    let mut held = state.clone();
    same(name, &member.recurrent(&mut held, q.view(), k.view(), v.view())?, &out)?;
    same(name, &held, &after)?;
    for chunk in [1, 3, 16, 64] {
        let mut held = state.clone();
        let rows = member.chunkwise(&mut held, q.view(), k.view(), v.view(), chunk)?;
        same(&format!("{name}, chunks of {chunk}"), &rows, &out)?;
        same(&format!("{name}, chunks of {chunk}"), &held, &after)?;
    }
    Ok(())
}

/// The rows of an exercise that takes one token at a time.
fn steps(
    name: &str,
    case: &Case,
    mut step: impl FnMut(&mut Array2<f64>, &Tokens, usize) -> Array1<f64>,
) -> Result<()> {
    let tokens = tokens(case)?;
    let mut state = tokens[0].clone();
    let mut rows = Array2::zeros(tokens[3].dim());
    for t in 0..rows.nrows() {
        rows.row_mut(t).assign(&step(&mut state, &tokens, t));
    }
    same(name, &rows, &case.f64("out")?)?;
    same(name, &state, &case.f64("after")?)
}

/// Calls a check for each case of a kind.
fn each(kind: &str, check: impl Fn(&str, &Case) -> Result<()>) -> Result<()> {
    let recording = Recording::read("ch11.safetensors")?;
    let cases = recording.cases(kind)?;
    ensure!(cases.len() == 4, "{} cases of {kind}", cases.len());
    cases.iter().try_for_each(|(name, case)| check(&format!("{kind}, {name}"), case))
}

#[test]
fn features_and_the_forms_with_z() -> Result<()> {
    each("features", |name, case| {
        let [q, k, v] = [case.f64::<Ix2>("q")?, case.f64("k")?, case.f64("v")?];
        let [q, k] = [q, k].map(|x| feature_map(x.view()));
        same(name, &q, &case.f64("phi_q")?)?;
        let out = case.f64::<Ix2>("out")?;
        same(name, &linear_attention(q.view(), k.view(), v.view()), &out)?;
        let mut state = State::empty(k.ncols(), v.ncols());
        let mut rows = Array2::zeros(v.dim());
        for (t, mut row) in rows.rows_mut().into_iter().enumerate() {
            row.assign(&linear_step(&mut state, q.row(t), k.row(t), v.row(t)));
        }
        same(name, &rows, &out)
    })
}

#[test]
fn performers_features() -> Result<()> {
    each("performer", |name, case| {
        let (x, directions) = (case.f64::<Ix2>("x")?, case.f64::<Ix2>("directions")?);
        same(name, &positive_features(x.view(), directions.view()), &case.f64::<Ix2>("out")?)
    })
}

#[test]
fn retention() -> Result<()> {
    each("retention", |name, case| {
        let head = case.f64::<Ix0>("head")?.into_scalar() as i32;
        all_forms(name, case, &mechanisms::retnet(head))?;
        let [mut state, q, k, v] = tokens(case)?;
        let gamma = mechanisms::retnet_gamma(head);
        let rows = chunked(&mut state, q.view(), k.view(), v.view(), gamma, 5);
        same(name, &rows, &case.f64("out")?)
    })
}

#[test]
fn gated_linear_attention() -> Result<()> {
    each("gla", |name, case| {
        all_forms(name, case, &mechanisms::gla(case.f64::<Ix2>("before")?.view()))
    })
}

#[test]
fn state_space_duality() -> Result<()> {
    each("ssd", |name, case| {
        let (a, steps) = (case.f64::<Ix0>("a")?.into_scalar(), case.f64::<Ix1>("steps")?);
        all_forms(name, case, &mechanisms::mamba2(a, steps.view()))
    })
}

#[test]
fn rwkv_6() -> Result<()> {
    each("rwkv6", |name, case| {
        let (w, bonus) = (case.f64::<Ix2>("w")?, case.f64::<Ix1>("bonus")?);
        all_forms(name, case, &mechanisms::rwkv6(w.view(), bonus.view()))?;
        let gates = w.mapv(|w| (-w.exp()).exp());
        steps(name, case, |state, [_, q, k, v], t| {
            bonus_step(state, q.row(t), k.row(t), v.row(t), gates.row(t), bonus.view())
        })
    })
}

#[test]
fn delta_rule() -> Result<()> {
    each("delta", |name, case| {
        let beta = case.f64::<Ix1>("beta")?;
        all_forms(name, case, &mechanisms::delta(beta.view()))?;
        steps(name, case, |state, [_, q, k, v], t| {
            delta_step(state, k.row(t), v.row(t), beta[t]);
            q.row(t).dot(state)
        })
    })
}

#[test]
fn gated_delta_rule() -> Result<()> {
    each("gated_delta", |name, case| {
        let (beta, gates) = (case.f64::<Ix1>("beta")?, case.f64::<Ix1>("log_gates")?);
        all_forms(name, case, &mechanisms::gated_delta(gates.view(), beta.view()))
    })
}

#[test]
fn kimi_delta_attention() -> Result<()> {
    each("kda", |name, case| {
        let (beta, log_gates) = (case.f64::<Ix1>("beta")?, case.f64::<Ix2>("log_gates")?);
        all_forms(name, case, &mechanisms::kda(log_gates.view(), beta.view()))?;
        let gates = log_gates.mapv(f64::exp);
        steps(name, case, |state, [_, q, k, v], t| {
            kda_step(state, q.row(t), k.row(t), v.row(t), beta[t], gates.row(t))
        })
    })
}

#[test]
fn gradients_of_a_chunk() -> Result<()> {
    each("backward", |name, case| {
        let [state, q, k, v] = tokens(case)?;
        let (d_out, d_next) = (case.f64::<Ix2>("d_out")?, case.f64::<Ix2>("d_next")?);
        let found =
            chunk_backward(state.view(), q.view(), k.view(), v.view(), d_out.view(), d_next.view());
        same(name, &found.dq, &case.f64("d_q")?)?;
        same(name, &found.dk, &case.f64("d_k")?)?;
        same(name, &found.dv, &case.f64("d_v")?)?;
        same(name, &found.d_state, &case.f64("d_state")?)
    })
}
