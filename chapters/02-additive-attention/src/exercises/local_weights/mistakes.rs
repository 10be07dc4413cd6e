//! The known wrong answers to 2.5.

use super::Body;
use crate::{Pointer, positions};
use attn_exercise::Mistake;
use ch01_rnn_attention::softmax;
use ndarray::{Array1, Array2, ArrayView2};

/// What can go wrong, with the right choice for each as the default.
struct Choices {
    /// Where a query points, from `v_p · tanh(q W_p)`, of m.
    point: fn(f32, usize) -> f32,
    /// Whether the softmax runs over the window alone.
    softmax_inside: bool,
    /// What is multiplied, at a distance from p, for a half-width.
    fade: fn(f32, f32) -> f32,
    /// Whether a key at this distance from p is in the window of this half-width.
    inside: fn(f32, f32) -> bool,
    /// Whether keys outside the window are left out.
    cut: bool,
    /// Whether each row is normalised once more.
    again: bool,
}

const RIGHT: Choices = Choices {
    point: |x, m| m as f32 * sigmoid(x),
    softmax_inside: true,
    fade: |off, half| (-off * off / (half * half / 2.0)).exp(),
    inside: |off, half| off.abs() <= half,
    cut: true,
    again: false,
};

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn local(
    pointer: &Pointer,
    q: ArrayView2<f32>,
    scores: ArrayView2<f32>,
    half: usize,
    choices: Choices,
) -> Array2<f32> {
    let (m, reach) = (scores.ncols(), half as f32);
    let hidden = q.dot(&pointer.w_p).mapv(f32::tanh).dot(&pointer.v_p);
    let mut weights = Array2::zeros(scores.raw_dim());
    for (i, &x) in hidden.iter().enumerate() {
        let off = |j: usize| j as f32 - (choices.point)(x, m);
        let inside = |j: usize| (choices.inside)(off(j), reach);
        let among: Vec<usize> = (0..m)
            .filter(|&j| !choices.softmax_inside || inside(j))
            .collect();
        let window: Array1<f32> = among.iter().map(|&j| scores[[i, j]]).collect();
        for (&j, align) in among.iter().zip(softmax(window.view())) {
            if inside(j) || !choices.cut {
                weights[[i, j]] = align * (choices.fade)(off(j), reach);
            }
        }
        if choices.again {
            let sum = weights.row(i).sum();
            weights.row_mut(i).mapv_inplace(|w| w / sum);
        }
    }
    weights
}

pub(super) fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "renormalised",
            when: "the weights sum to one after the Gaussian, because each row is divided by its sum or because the softmax comes last: they are not normalised again, and sum to less",
            body: |pointer, q, scores, half| {
                let again = true;
                local(pointer, q, scores, half, Choices { again, ..RIGHT })
            },
        },
        Mistake {
            name: "no-gaussian",
            when: "the weights are not multiplied with the Gaussian around p",
            body: |pointer, q, scores, half| {
                let fade = |_, _| 1.0;
                local(pointer, q, scores, half, Choices { fade, ..RIGHT })
            },
        },
        Mistake {
            name: "softmax-over-all",
            when: "the softmax runs over all keys, not only over those in the window",
            body: |pointer, q, scores, half| {
                let softmax_inside = false;
                let choices = Choices {
                    softmax_inside,
                    ..RIGHT
                };
                local(pointer, q, scores, half, choices)
            },
        },
        Mistake {
            name: "no-window",
            when: "there is no window: the Gaussian fades, but keys far away keep a little weight",
            body: |pointer, q, scores, half| {
                let choices = Choices {
                    softmax_inside: false,
                    cut: false,
                    ..RIGHT
                };
                local(pointer, q, scores, half, choices)
            },
        },
        Mistake {
            name: "sigma-is-d",
            when: "σ is D instead of D/2",
            body: |pointer, q, scores, half| {
                let fade = |off: f32, half: f32| (-off * off / (2.0 * half * half)).exp();
                local(pointer, q, scores, half, Choices { fade, ..RIGHT })
            },
        },
        Mistake {
            name: "no-two",
            when: "the distance is divided by σ² instead of 2σ²",
            body: |pointer, q, scores, half| {
                let fade = |off: f32, half: f32| (-off * off / (half * half / 4.0)).exp();
                local(pointer, q, scores, half, Choices { fade, ..RIGHT })
            },
        },
        Mistake {
            name: "not-squared",
            when: "the distance in the Gaussian is not squared",
            body: |pointer, q, scores, half| {
                let fade = |off: f32, half: f32| (-off.abs() / (half * half / 2.0)).exp();
                local(pointer, q, scores, half, Choices { fade, ..RIGHT })
            },
        },
        Mistake {
            name: "rounded",
            when: "p is rounded to a whole position: it is a real number",
            body: |pointer, q, scores, half| {
                let point = |x, m: usize| (m as f32 * sigmoid(x)).round();
                local(pointer, q, scores, half, Choices { point, ..RIGHT })
            },
        },
        Mistake {
            name: "no-length",
            when: "the sigmoid is not multiplied by the number of keys, so that every query points at the first",
            body: |pointer, q, scores, half| {
                let point = |x, _| sigmoid(x);
                local(pointer, q, scores, half, Choices { point, ..RIGHT })
            },
        },
        Mistake {
            name: "one-less",
            when: "the sigmoid is multiplied by m − 1 instead of m",
            body: |pointer, q, scores, half| {
                let point = |x, m| (m as f32 - 1.0) * sigmoid(x);
                local(pointer, q, scores, half, Choices { point, ..RIGHT })
            },
        },
        Mistake {
            name: "no-tanh",
            when: "there is no tanh in what predicts the position",
            body: |pointer, q, scores, half| {
                let p = q.dot(&pointer.w_p).dot(&pointer.v_p);
                let mut weights = Array2::zeros(scores.raw_dim());
                for (i, &x) in p.iter().enumerate() {
                    // A pointer that gives x: sigmoid is undone by a hidden layer of one number.
                    let one = Pointer {
                        w_p: Array2::from_elem((1, 1), 100.0),
                        v_p: Array1::from_elem(1, x),
                    };
                    let row = scores.slice(ndarray::s![i..i + 1, ..]);
                    let out = crate::local_weights(&one, Array2::ones((1, 1)).view(), row, half);
                    weights.row_mut(i).assign(&out.row(0));
                }
                weights
            },
        },
        Mistake {
            name: "gaussian-of-scores",
            when: "the logarithm of the Gaussian is added to the scores before the softmax: that normalises the weights again",
            body: |pointer, q, scores, half| {
                let p = positions(pointer, q, scores.ncols());
                let reach = half as f32;
                let mut weights = Array2::zeros(scores.raw_dim());
                for (i, &p) in p.iter().enumerate() {
                    let faded: Array1<f32> = (0..scores.ncols())
                        .map(|j| {
                            let off = j as f32 - p;
                            scores[[i, j]] - off * off / (reach * reach / 2.0)
                        })
                        .collect();
                    weights.row_mut(i).assign(&softmax(faded.view()));
                }
                weights
            },
        },
        Mistake {
            name: "sigma-whole",
            when: "σ is computed from whole numbers, `half / 2`, which drops a half",
            body: |pointer, q, scores, half| {
                let fade =
                    |off: f32, half: f32| (-off * off / (2.0 * (half / 2.0).floor().powi(2))).exp();
                local(pointer, q, scores, half, Choices { fade, ..RIGHT })
            },
        },
        Mistake {
            name: "sigma-not-squared",
            when: "the squared distance is divided by 2σ instead of 2σ²",
            body: |pointer, q, scores, half| {
                let fade = |off: f32, half: f32| (-off * off / half).exp();
                local(pointer, q, scores, half, Choices { fade, ..RIGHT })
            },
        },
        Mistake {
            name: "no-brackets",
            when: "the squared distance is divided by 2 and multiplied by σ²: `/ 2.0 * sigma * sigma` without brackets",
            body: |pointer, q, scores, half| {
                let fade = |off: f32, half: f32| (-off * off / 2.0 * (half / 2.0).powi(2)).exp();
                local(pointer, q, scores, half, Choices { fade, ..RIGHT })
            },
        },
        Mistake {
            name: "density",
            when: "the Gaussian is divided by σ√(2π), as a probability density: its peak has to be 1",
            body: |pointer, q, scores, half| {
                let fade = |off: f32, half: f32| {
                    (-off * off / (half * half / 2.0)).exp()
                        / (half / 2.0 * std::f32::consts::TAU.sqrt())
                };
                local(pointer, q, scores, half, Choices { fade, ..RIGHT })
            },
        },
        Mistake {
            name: "strictly-inside",
            when: "keys at the distance D itself are left out: the window includes them",
            body: |pointer, q, scores, half| {
                let inside = |off: f32, half: f32| off.abs() < half;
                local(pointer, q, scores, half, Choices { inside, ..RIGHT })
            },
        },
        Mistake {
            name: "floored",
            when: "p is cut down to a whole position: it is a real number",
            body: |pointer, q, scores, half| {
                let point = |x, m: usize| (m as f32 * sigmoid(x)).floor();
                local(pointer, q, scores, half, Choices { point, ..RIGHT })
            },
        },
        Mistake {
            name: "clamped",
            when: "p is held back at the last key: it may lie beyond it",
            body: |pointer, q, scores, half| {
                let point = |x, m: usize| (m as f32 * sigmoid(x)).min(m as f32 - 1.0);
                local(pointer, q, scores, half, Choices { point, ..RIGHT })
            },
        },
        Mistake {
            name: "sigmoid-sign",
            when: "the sigmoid has the wrong sign, 1/(1 + e^x): every query points as far from the other end",
            body: |pointer, q, scores, half| {
                let point = |x: f32, m: usize| m as f32 * sigmoid(-x);
                local(pointer, q, scores, half, Choices { point, ..RIGHT })
            },
        },
        Mistake {
            name: "from-one",
            when: "positions are counted from 1: the keys are at 0 to m − 1",
            body: |pointer, q, scores, half| {
                let point = |x, m: usize| m as f32 * sigmoid(x) - 1.0;
                local(pointer, q, scores, half, Choices { point, ..RIGHT })
            },
        },
        Mistake {
            name: "curve-on-scores",
            when: "the scores are multiplied with the Gaussian before the softmax, not the weights after it",
            body: |pointer, q, scores, half| {
                let p = positions(pointer, q, scores.ncols());
                let reach = half as f32;
                let mut weights = Array2::zeros(scores.raw_dim());
                for (i, &p) in p.iter().enumerate() {
                    let off = |j: usize| j as f32 - p;
                    let among: Vec<usize> = (0..scores.ncols())
                        .filter(|&j| off(j).abs() <= reach)
                        .collect();
                    let faded: Array1<f32> = among
                        .iter()
                        .map(|&j| scores[[i, j]] * (RIGHT.fade)(off(j), reach))
                        .collect();
                    for (&j, weight) in among.iter().zip(softmax(faded.view())) {
                        weights[[i, j]] = weight;
                    }
                }
                weights
            },
        },
        Mistake {
            name: "tanh-of-the-sum",
            when: "the tanh is taken of v·(q W) instead of each entry of q W",
            body: |pointer, q, scores, half| {
                // A pointer whose hidden layer is the sum already.
                let one = Pointer {
                    w_p: pointer.w_p.dot(&pointer.v_p).insert_axis(ndarray::Axis(1)),
                    v_p: Array1::ones(1),
                };
                crate::local_weights(&one, q, scores, half)
            },
        },
    ]
}
