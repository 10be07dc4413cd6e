//! 1.11 `readout_backward`

use crate::{Readout, ReadoutGradients, oracle, softmax};
use attn_exercise::{Field, Value, exercise, field, fields, given, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, NdFloat, array};

given! { Readout { w [d vocab], b [vocab] } }
fields! { ReadoutGradients { db, dw, d_states } }

exercise! {
    /// The weights of the read-out, states n×d and n targets.
    crate::readout_backward: (readout: Readout, states: Array2<f32>[n d], targets: Vec<usize>[n]) -> ReadoutGradients;

    exact: |c| c.call(by_oracle::<f64>);
    plain: |c| [c.call(by_oracle::<f32>), c.call(step_by_step), c.call(by_jacobians)];
    steps: |c| {
        let p = probabilities(&c.readout, c.states.view());
        [
            field("the logits", &(c.states.dot(&c.readout.w) + &c.readout.b)),
            field("the probabilities", &p),
            field("the gradient of the logits", &d_logits(p, &c.targets)),
        ]
    };

    cases: |random| {
        let by_hand = Readout { w: array![[0.0, 3.0_f32.ln()]], b: array![0.0, 0.0] };
        let mut of = |about, (n, d, vocab), kind, scale: f32| {
            let w = random.normal((d, vocab)) * (scale / (d as f32).sqrt());
            let readout = Readout { w, b: random.normal(vocab) * 0.5 };
            let states = some_values(kind, (n, d), random);
            let targets = (0..n).map(|_| random.below(vocab)).collect();
            case(about, (readout, states, targets))
        };
        let mut cases = vec![
            case("by hand: d_logits 1/8, −1/8 and 3/8, −3/8", (by_hand, array![[1.0], [-1.0]], vec![1, 1])),
            of("", (1, 1, 1), 0, 1.0),
            of("", (1, 3, 5), 0, 1.0),
            of("", (5, 3, 4), 0, 1.0),
            of("", (4, 4, 4), 0, 1.0),
            of("", (7, 16, 3), 0, 1.0),
            of("", (31, 33, 46), 0, 1.0),
            of("", (33, 5, 17), 0, 3.0),
            of("", (3, 129, 127), 0, 1.0),
        ];
        let mut sure = of("nearly sure of every target", (4, 4, 6), 0, 0.0);
        for (t, &target) in sure.targets.iter().enumerate() {
            sure.states.row_mut(t).fill(0.0);
            sure.states[[t, t]] = 1.0;
            sure.readout.w[[t, target]] = 12.0;
        }
        cases.push(sure);
        let mut low = of("all logits are about −60", (3, 2, 4), 0, 0.0);
        low.readout.b -= 60.0;
        cases.push(low);
        let mut same = of("every target is the same token", (6, 3, 4), 0, 1.0);
        same.targets = vec![2; 6];
        cases.push(same);
        for [n, d, vocab, kind] in pairwise([3, 3, 3, 4]) {
            // Large states would make logits that a softmax without a maximum cannot take.
            let scale = if kind == 1 { 0.05 } else { 1.0 };
            cases.push(of("small", (n + 1, d + 1, vocab + 1), kind, scale));
        }
        cases
    };

    right (readout, states, targets) {
        "step by step, outer products" => step_by_step(readout, states, targets);
        "through the whole Jacobian of each softmax" => by_jacobians(readout, states, targets);
        "onehot as a table" => {
            let vocab = readout.b.len();
            let onehot = Array2::from_shape_fn((targets.len(), vocab), |(t, c)| if targets[t] == c { 1.0 } else { 0.0 });
            let d_logits = (probabilities(readout, states) - onehot) * (targets.len() as f32).recip();
            ReadoutGradients {
                dw: d_logits.t().dot(&states).reversed_axes(),
                db: Array1::ones(targets.len()).dot(&d_logits),
                d_states: readout.w.dot(&d_logits.t()).reversed_axes(),
            }
        };
    }

    mistakes (readout, states, targets) {
        "sum": "the gradients are those of the sum of the losses: they are not divided by the number of steps"
            => back(readout, states, d_logits(probabilities(readout, states), targets) * targets.len() as f32);
        "sign": "the probabilities are subtracted from the targets: the signs are the other way round, and the loss would grow"
            => back(readout, states, -d_logits(probabilities(readout, states), targets));
        "no-onehot": "the probabilities alone are taken for the gradient: the 1 of the target is not subtracted"
            => back(readout, states, probabilities(readout, states) / targets.len() as f32);
        "target-only": "only the target's logit gets a gradient, p − 1; the others have to fall, by p each"
            => {
                let all = d_logits(probabilities(readout, states), targets);
                back(readout, states, Array2::from_shape_fn(all.raw_dim(), |(t, c)| if targets[t] == c { all[[t, c]] } else { 0.0 }))
            };
        "one-over-p": "the gradient −1/p with respect to the target's probability is used as that of its logit: it has yet to go through the softmax"
            => {
                let p = probabilities(readout, states);
                back(readout, states, Array2::from_shape_fn(p.raw_dim(), |(t, c)| {
                    if targets[t] == c { -1.0 / (p[[t, c]] * targets.len() as f32) } else { 0.0 }
                }))
            };
        "logits": "the softmax is missing: the 1 is subtracted from the target's logit"
            => {
                let logits = states.dot(&readout.w) + &readout.b;
                back(readout, states, d_logits(logits, targets))
            };
        "softmax-again": "p − onehot goes through the softmax's Jacobian once more: it is the gradient of the logits already"
            => {
                let p = probabilities(readout, states);
                let d_p = d_logits(p.clone(), targets);
                let row = (&p * &d_p).sum_axis(Axis(1)).insert_axis(Axis(1));
                back(readout, states, &p * &(&d_p - &row))
            };
        "sigmoid": "p (1 − p) is multiplied in, as behind a sigmoid and a squared error: here it cancels"
            => {
                let p = probabilities(readout, states);
                back(readout, states, &p * &(1.0 - &p) * d_logits(p.clone(), targets))
            };
        "no-bias": "the bias is left out of the logits"
            => {
                let none = Readout { b: Array1::zeros(readout.b.len()), ..readout.clone() };
                crate::readout_backward(&none, states, targets)
            };
        "by-the-vocabulary": "the sum is divided by the number of tokens in the vocabulary instead of the number of steps"
            => {
                let d = d_logits(probabilities(readout, states), targets) * (targets.len() as f32 / readout.b.len() as f32);
                back(readout, states, d)
            };
        "by-both": "the sum is divided by the number of steps and by that of the tokens: the mean runs over the steps alone"
            => back(readout, states, d_logits(probabilities(readout, states), targets) / readout.b.len() as f32);
        "averaged-twice": "the gradients of weights and bias are divided by the number of steps once more: d_logits holds it already"
            => {
                let (right, n) = (crate::readout_backward(readout, states, targets), targets.len() as f32);
                ReadoutGradients { dw: right.dw / n, db: right.db / n, ..right }
            };
        "states-not-averaged": "the gradient of the states is not divided by the number of steps"
            => {
                let right = crate::readout_backward(readout, states, targets);
                ReadoutGradients { d_states: right.d_states * targets.len() as f32, ..right }
            };
        "last-step": "the gradients of weights and bias are overwritten by each step (=) instead of added up (+=)"
            => {
                let d = d_logits(probabilities(readout, states), targets);
                let last = targets.len() - 1;
                let dw = outer(states.row(last), d.row(last));
                ReadoutGradients { dw, db: d.row(last).to_owned(), ..back(readout, states, d) }
            };
        "bias-from-the-last": "the gradient of the bias is the last step's alone: it is the sum over the steps"
            => {
                let d = d_logits(probabilities(readout, states), targets);
                ReadoutGradients { db: d.row(targets.len() - 1).to_owned(), ..back(readout, states, d) }
            };
        "mean-state": "the mean of the states stands in the place of each step's own state in the gradient of the weights"
            => {
                let d = d_logits(probabilities(readout, states), targets);
                let mean = states.mean_axis(Axis(0)).expect("a state");
                ReadoutGradients { dw: outer(mean.view(), d.sum_axis(Axis(0)).view()), ..back(readout, states, d) }
            };
        "transposed": "the gradient of the weights comes out transposed: it has the shape of the weights"
            => {
                let right = crate::readout_backward(readout, states, targets);
                ReadoutGradients { dw: right.dw.reversed_axes(), ..right }
            };
        "transposed-where-square": "the gradient of the weights is transposed where they are square"
            => {
                let right = crate::readout_backward(readout, states, targets);
                let dw = if right.dw.is_square() { right.dw.reversed_axes() } else { right.dw };
                ReadoutGradients { dw, ..right }
            };
        "not-turned": "the gradient of the states goes through W where W transposed belongs, which fits only where W is square"
            => {
                let d = d_logits(probabilities(readout, states), targets);
                let d_states = if readout.w.is_square() { d.dot(&readout.w) } else { d.dot(&readout.w.t()) };
                ReadoutGradients { d_states, ..back(readout, states, d) }
            };
        "p-to-the-states": "the states get the probabilities times W transposed, without the 1 of the target"
            => {
                let p = probabilities(readout, states);
                let d_states = p.dot(&readout.w.t()) / targets.len() as f32;
                ReadoutGradients { d_states, ..crate::readout_backward(readout, states, targets) }
            };
        "shifted": "step t is compared with the target of the step before it (the first with the last): the targets are those of their own steps already"
            => {
                let mut before = targets.to_vec();
                before.rotate_right(1);
                crate::readout_backward(readout, states, &before)
            };
        "own-choice": "the likeliest token is taken for the target"
            => {
                let logits = states.dot(&readout.w) + &readout.b;
                let own: Vec<usize> = logits.rows().into_iter().map(|row| super::attend_all::largest(&row.to_owned())).collect();
                crate::readout_backward(readout, states, &own)
            };
        "columns": "the softmax runs over the steps instead of the tokens"
            => {
                let logits = states.dot(&readout.w) + &readout.b;
                back(readout, states, d_logits(by_rows(logits.reversed_axes()).reversed_axes(), targets))
            };
        "squared": "2 (p − onehot), the gradient of a squared error"
            => back(readout, states, d_logits(probabilities(readout, states), targets) * 2.0);
    }

    within {
        softmax: |softmax, (readout, states, targets)| {
            let mut p = states.dot(&readout.w) + &readout.b;
            for mut row in p.rows_mut() {
                let weights = softmax(row.view());
                row.assign(&weights);
            }
            back(readout, states, d_logits(p, targets))
        };
    }
}

fn by_oracle<F: NdFloat>(
    readout: &Readout,
    states: ArrayView2<f32>,
    targets: &[usize],
) -> Vec<Field>
where
    for<'a> Value: From<&'a Array2<F>> + From<&'a Array1<F>>,
{
    let (dw, db, d_states) = oracle::readout_backward(readout, states, targets);
    vec![field("db", &db), field("dw", &dw), field("d_states", &d_states)]
}

/// One outer product per step, added up.
fn step_by_step(readout: &Readout, states: ArrayView2<f32>, targets: &[usize]) -> ReadoutGradients {
    let n = targets.len() as f32;
    let mut gradients = ReadoutGradients {
        dw: Array2::zeros(readout.w.raw_dim()),
        db: Array1::zeros(readout.b.len()),
        d_states: Array2::zeros(states.raw_dim()),
    };
    for (t, (state, &target)) in states.rows().into_iter().zip(targets).enumerate() {
        let exp = (state.dot(&readout.w) + &readout.b).exp();
        let mut d = &exp / exp.sum();
        d[target] -= 1.0;
        gradients.dw.scaled_add(1.0 / n, &outer(state, d.view()));
        gradients.db.scaled_add(1.0 / n, &d);
        gradients.d_states.row_mut(t).assign(&(readout.w.dot(&d) / n));
    }
    gradients
}

/// From −1/p at the target through the Jacobian `p_l (δ_lc − p_c)` of each step's softmax.
fn by_jacobians(readout: &Readout, states: ArrayView2<f32>, targets: &[usize]) -> ReadoutGradients {
    let p = probabilities(readout, states);
    let d = Array2::from_shape_fn(p.raw_dim(), |(t, c)| {
        let p_l = p[[t, targets[t]]];
        let d_p = -1.0 / (p_l * targets.len() as f32);
        let delta = if targets[t] == c { 1.0 } else { 0.0 };
        d_p * p_l * (delta - p[[t, c]])
    });
    back(readout, states, d)
}

fn probabilities(readout: &Readout, states: ArrayView2<f32>) -> Array2<f32> {
    by_rows(states.dot(&readout.w) + &readout.b)
}

/// The softmax of each row.
fn by_rows(mut logits: Array2<f32>) -> Array2<f32> {
    for mut row in logits.rows_mut() {
        let p = softmax(row.view());
        row.assign(&p);
    }
    logits
}

/// `p − onehot`, divided by the number of steps.
fn d_logits(mut p: Array2<f32>, targets: &[usize]) -> Array2<f32> {
    for (mut row, &target) in p.rows_mut().into_iter().zip(targets) {
        row[target] -= 1.0;
    }
    p / targets.len() as f32
}

/// The three gradients that follow from that of the logits.
fn back(readout: &Readout, states: ArrayView2<f32>, d_logits: Array2<f32>) -> ReadoutGradients {
    ReadoutGradients {
        dw: states.t().dot(&d_logits),
        db: d_logits.sum_axis(Axis(0)),
        d_states: d_logits.dot(&readout.w.t()),
    }
}

/// Each entry of `a` times each of `b`.
fn outer(a: ArrayView1<f32>, b: ArrayView1<f32>) -> Array2<f32> {
    Array2::from_shape_fn((a.len(), b.len()), |(r, c)| a[r] * b[c])
}
