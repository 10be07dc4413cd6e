//! 2.5 `local_weights`

use super::additive_scores::softmax_rows;
use crate::{Pointer, oracle, positions};
use attn_core::random::Random;
use attn_exercise::{SOME_VALUES, exercise, field, given, judge::require, pairwise, some_values};
use ch01_rnn_attention::softmax;
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, array};

given! { Pointer { w_p [d_q a], v_p [a] } }

exercise! {
    /// What points, queries n×d_q, scores n×m and the window's half-width.
    crate::local_weights: (pointer: Pointer, q: Array2<f32>[n d_q], scores: Array2<f32>[n m], half: usize[half]) -> Array2<f32>;

    exact: |c| c.call(oracle::local_weights::<f64>);
    plain: |c| [c.call(oracle::local_weights::<f32>)];
    first: |c, weights| outside_is_zero(c, weights);
    steps: |c| [field("p, where each query points", &positions(&c.pointer, c.q.view(), c.scores.ncols()))];

    cases: |random| {
        let by_hand = Pointer { w_p: array![[1.0, -2.0]], v_p: array![3.0, 1.0] };
        let mut of = |about, (n, m), (d_q, a), (half, sharp), kinds| {
            let sizes = (n, m, d_q, a);
            std::iter::repeat_with(|| random_case(random, about, sizes, half, sharp, kinds)).find(has_clear_windows).expect("soon")
        };
        let mut cases = vec![
            case("by hand: p = 4, equal scores", (by_hand, array![[0.0]], Array2::zeros((1, 8)), 2)),
            of("a single key", (1, 1), (1, 1), (1, 1.0), [0, 0]),
            of("", (4, 9), (3, 4), (2, 2.0), [0, 0]),
            of("a window wider than the text", (3, 5), (4, 2), (9, 2.0), [0, 0]),
            of("near the ends", (6, 12), (2, 3), (3, 20.0), [0, 0]),
            of("", (7, 33), (8, 16), (5, 2.0), [0, 0]),
            of("", (33, 129), (16, 8), (10, 3.0), [0, 0]),
        ];
        let levels = [3, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[n, m, d_q, a, half, of_q, of_scores]| {
            // A query near zero points at m/2: for an even m that is a key, and the window's edges lie on keys.
            let of_q = if of_q == 2 && m == 1 { 0 } else { of_q };
            let of_scores = if of_scores == 1 { 0 } else { of_scores };
            of("small", (n + 1, m + 1), (d_q + 1, a + 1), (half + 1, 2.0), [of_q, of_scores])
        }));
        cases
    };

    never {
        "scores large": "scores are of ordinary size, between −80 and 80, as for chapter 1's softmax";
    }

    right (pointer, q, scores, half) {
        "−∞ outside" => {
            let p = by_tanh(pointer, q, scores.ncols());
            let off = Array2::from_shape_fn(scores.raw_dim(), |(i, j)| j as f32 - p[i]);
            let inside = Zip::from(&scores).and(&off).map_collect(|&s, off| {
                if off.abs() > half as f32 { f32::NEG_INFINITY } else { s }
            });
            let exp = inside.exp();
            let sums = exp.sum_axis(Axis(1)).insert_axis(Axis(1));
            let variance = (half * half) as f32 / 4.0;
            (exp / sums) * (-&off * &off / (2.0 * variance)).exp()
        };
        "a range of keys" => {
            let m = scores.ncols();
            let mut weights = Array2::zeros(scores.raw_dim());
            for (i, p) in by_tanh(pointer, q, m).into_iter().enumerate() {
                let first = (p - half as f32).ceil().max(0.0) as usize;
                let last = ((p + half as f32).floor() as usize).min(m - 1);
                let sum: f32 = (first..=last).map(|j| scores[[i, j]].exp()).sum();
                for j in first..=last {
                    let steps = (j as f32 - p) / (half as f32 / 2.0);
                    weights[[i, j]] = scores[[i, j]].exp() / sum * (-0.5 * steps.powi(2)).exp();
                }
            }
            weights
        };
    }

    mistakes (pointer, q, scores, half) {
        "renormalised": "the weights sum to one after the Gaussian, because each row is divided by its sum or because the softmax comes last: they are not normalised again, and sum to less"
            => {
                let weights = crate::local_weights(pointer, q, scores, half);
                let sums = weights.sum_axis(Axis(1)).insert_axis(Axis(1));
                weights / sums
            };
        "no-gaussian": "the weights are not multiplied with the Gaussian around p"
            => Local { fade: |_, _| 1.0, ..RIGHT }.weights(pointer, q, scores, half);
        "no-align": "the Gaussian alone is returned: the softmax of the scores is missing"
            => Local { weight: |_, inside, fade| if inside { fade } else { 0.0 }, ..RIGHT }.weights(pointer, q, scores, half);
        "plain-softmax": "the softmax of all scores is returned: there is no window at all"
            => softmax_rows(scores.to_owned());
        "softmax-over-all": "the softmax runs over all keys, not only over those in the window"
            => Local { score: |s, _, _| s, weight: |w, inside, fade| if inside { w * fade } else { 0.0 }, ..RIGHT }.weights(pointer, q, scores, half);
        "zero-filled": "the scores outside the window are set to 0 before the softmax, and take a share of e⁰ each: they would have to be −∞, or not be there"
            => Local {
                score: |s, inside, _| if inside { s } else { 0.0 },
                weight: |w, inside, fade| if inside { w * fade } else { 0.0 },
                ..RIGHT
            }.weights(pointer, q, scores, half);
        "no-window": "there is no window: the Gaussian fades, but keys far away keep a little weight"
            => Local { score: |s, _, _| s, ..RIGHT }.weights(pointer, q, scores, half);
        "sigma-is-d": "σ is D instead of D/2"
            => Local { fade: |off, d| (-off * off / (2.0 * d * d)).exp(), ..RIGHT }.weights(pointer, q, scores, half);
        "no-two": "the distance is divided by σ² instead of 2σ²"
            => Local { fade: |off, d| (-off * off / (d * d / 4.0)).exp(), ..RIGHT }.weights(pointer, q, scores, half);
        "not-squared": "the distance in the Gaussian is not squared"
            => Local { fade: |off, d| (-off.abs() / (d * d / 2.0)).exp(), ..RIGHT }.weights(pointer, q, scores, half);
        "rounded": "p is rounded to a whole position: it is a real number"
            => Local { point: |x, m| (m * sigmoid(x)).round(), ..RIGHT }.weights(pointer, q, scores, half);
        "window-rounded": "the window lies around the rounded p: it reaches D to both sides of p itself"
            => Local { inside: |off, d| off.round().abs() <= d, ..RIGHT }.weights(pointer, q, scores, half);
        "window-floored": "the window lies around p cut down to a whole number: it reaches D to both sides of p itself"
            => Local { inside: |off, d| off.ceil().abs() <= d, ..RIGHT }.weights(pointer, q, scores, half);
        "no-length": "the sigmoid is not multiplied by the number of keys, so that every query points at the first"
            => Local { point: |x, _| sigmoid(x), ..RIGHT }.weights(pointer, q, scores, half);
        "one-less": "the sigmoid is multiplied by m − 1 instead of m"
            => Local { point: |x, m| (m - 1.0) * sigmoid(x), ..RIGHT }.weights(pointer, q, scores, half);
        "no-tanh": "there is no tanh in what predicts the position"
            => Local { hidden: |pointer, q| q.dot(&pointer.w_p).dot(&pointer.v_p), ..RIGHT }.weights(pointer, q, scores, half);
        "tanh-of-the-sum": "the tanh is taken of v·(q W) instead of each entry of q W"
            => Local { hidden: |pointer, q| q.dot(&pointer.w_p).dot(&pointer.v_p).tanh(), ..RIGHT }.weights(pointer, q, scores, half);
        "gaussian-of-scores": "the logarithm of the Gaussian is added to the scores before the softmax: that normalises the weights again"
            => Local { score: |s, _, fade| s + fade.ln(), weight: |w, _, _| w, ..RIGHT }.weights(pointer, q, scores, half);
        "sigma-whole": "σ is computed from whole numbers, `half / 2`, which drops a half"
            => Local { fade: |off, d| (-off * off / (2.0 * (d / 2.0).floor().powi(2))).exp(), ..RIGHT }.weights(pointer, q, scores, half);
        "sigma-not-squared": "the squared distance is divided by 2σ instead of 2σ²"
            => Local { fade: |off, d| (-off * off / d).exp(), ..RIGHT }.weights(pointer, q, scores, half);
        "no-brackets": "the squared distance is divided by 2 and multiplied by σ²: `/ 2.0 * sigma * sigma` without brackets"
            => Local { fade: |off, d| (-off * off / 2.0 * (d / 2.0).powi(2)).exp(), ..RIGHT }.weights(pointer, q, scores, half);
        "density": "the Gaussian is divided by σ√(2π), as a probability density: its peak has to be 1"
            => Local { fade: |off, d| (RIGHT.fade)(off, d) / (d / 2.0 * std::f32::consts::TAU.sqrt()), ..RIGHT }.weights(pointer, q, scores, half);
        "strictly-inside": "keys at the distance D itself are left out: the window includes them"
            => Local { inside: |off, d| off.abs() < d, ..RIGHT }.weights(pointer, q, scores, half);
        "floored": "p is cut down to a whole position: it is a real number"
            => Local { point: |x, m| (m * sigmoid(x)).floor(), ..RIGHT }.weights(pointer, q, scores, half);
        "clamped": "p is held back at the last key: it may lie beyond it"
            => Local { point: |x, m| (m * sigmoid(x)).min(m - 1.0), ..RIGHT }.weights(pointer, q, scores, half);
        "sigmoid-sign": "the sigmoid has the wrong sign, 1/(1 + e^x): every query points as far from the other end"
            => Local { point: |x, m| m * sigmoid(-x), ..RIGHT }.weights(pointer, q, scores, half);
        "from-one": "positions are counted from 1: the keys are at 0 to m − 1"
            => Local { point: |x, m| m * sigmoid(x) - 1.0, ..RIGHT }.weights(pointer, q, scores, half);
        "curve-on-scores": "the scores are multiplied with the Gaussian before the softmax, not the weights after it"
            => Local {
                score: |s, inside, fade| if inside { s * fade } else { f32::NEG_INFINITY },
                weight: |w, _, _| w,
                ..RIGHT
            }.weights(pointer, q, scores, half);
        "half-window": "the window reaches only D/2 to both sides of p instead of D"
            => Local { inside: |off, d| off.abs() <= d / 2.0, ..RIGHT }.weights(pointer, q, scores, half);
        "no-sigmoid": "the sigmoid is left out of p: the length is multiplied with what goes into it"
            => Local { point: |x, m| m * x, ..RIGHT }.weights(pointer, q, scores, half);
        "scores-times-curve": "the scores themselves are multiplied with the Gaussian: the softmax is missing"
            => {
                let (p, d) = (by_tanh(pointer, q, scores.ncols()), half as f32);
                Array2::from_shape_fn(scores.raw_dim(), |(i, j)| {
                    let off = j as f32 - p[i];
                    if (RIGHT.inside)(off, d) { scores[[i, j]] * (RIGHT.fade)(off, d) } else { 0.0 }
                })
            };
        "first-query": "every query points where the first one does"
            => {
                let same = Array2::from_shape_fn(q.raw_dim(), |(_, c)| q[[0, c]]);
                crate::local_weights(pointer, same.view(), scores, half)
            };
        "sigma-whole-at-least-1": "σ is computed from whole numbers, `half / 2`, which drops a half, and is at least 1"
            => Local { fade: |off, d| (-off * off / (2.0 * (d / 2.0).floor().max(1.0).powi(2))).exp(), ..RIGHT }.weights(pointer, q, scores, half);
    }
}

fn random_case(
    random: &mut Random,
    about: &str,
    (n, m, d_q, a): (usize, usize, usize, usize),
    half: usize,
    sharp: f32,
    [of_q, of_scores]: [usize; 2],
) -> Case {
    let pointer = Pointer {
        w_p: random.normal((d_q, a)) / (d_q as f32).sqrt(),
        v_p: random.normal(a) * (sharp / (a as f32).sqrt()),
    };
    let q = some_values(of_q, (n, d_q), random);
    case(about, (pointer, q, some_values(of_scores, (n, m), random), half))
}

/// Whether no query points so near to a key that rounding decides which keys are in the window.
/// (The two ends are safe: p lies between them however it is rounded.)
fn has_clear_windows(case: &Case) -> bool {
    let m = case.scores.ncols();
    case.q.rows().into_iter().all(|q| {
        let p = oracle::position::<f64>(&case.pointer, q, m);
        let is_an_end = p.round() == 0.0 || p.round() == m as f64;
        is_an_end || (p - p.round()).abs() > 1e-4
    })
}

/// Nothing outside of the window gets any weight, and no row more than one.
fn outside_is_zero(case: &Case, weights: &Array2<f32>) -> Result<(), String> {
    let half = case.half;
    for (i, row) in weights.rows().into_iter().enumerate() {
        if weights.dim() != case.scores.dim() {
            break; // the shape is refused by the comparison
        }
        let p = oracle::position::<f64>(&case.pointer, case.q.row(i), row.len());
        for (j, &weight) in row.iter().enumerate() {
            let far = (j as f64 - p).abs() > half as f64 + 1e-3;
            require(!far || weight == 0.0, || {
                format!(
                    "result[{i},{j}] is {weight:.4}, should be 0: the query points at {p:.3}, and the window ends at ±{half}"
                )
            })?;
        }
        let sum = row.sum();
        require(sum <= 1.0001, || format!("row {i} sums to {sum:.4}, more than 1"))?;
    }
    Ok(())
}

/// Where each query points, with the sigmoid by way of the tanh.
fn by_tanh(pointer: &Pointer, q: ArrayView2<f32>, m: usize) -> Array1<f32> {
    let x = q.dot(&pointer.w_p).tanh().dot(&pointer.v_p);
    x.mapv(|x| m as f32 * (0.5 + 0.5 * (0.5 * x).tanh()))
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The parts of local weights. The mistakes above each change one or two of them. `off` is a key's
/// distance from p, `d` the window's half-width, `fade` the Gaussian at that distance.
struct Local {
    hidden: fn(&Pointer, ArrayView2<f32>) -> Array1<f32>,
    point: fn(x: f32, m: f32) -> f32,
    inside: fn(off: f32, d: f32) -> bool,
    fade: fn(off: f32, d: f32) -> f32,
    /// What the softmax takes for a key.
    score: fn(score: f32, inside: bool, fade: f32) -> f32,
    /// What becomes of the softmax's weight.
    weight: fn(weight: f32, inside: bool, fade: f32) -> f32,
}

const RIGHT: Local = Local {
    hidden: |pointer, q| q.dot(&pointer.w_p).tanh().dot(&pointer.v_p),
    point: |x, m| m * sigmoid(x),
    inside: |off, d| off.abs() <= d,
    fade: |off, d| (-off * off / (d * d / 2.0)).exp(),
    score: |score, inside, _| if inside { score } else { f32::NEG_INFINITY },
    weight: |weight, _, fade| weight * fade,
};

impl Local {
    fn weights(
        &self,
        pointer: &Pointer,
        q: ArrayView2<f32>,
        scores: ArrayView2<f32>,
        half: usize,
    ) -> Array2<f32> {
        let d = half as f32;
        let mut weights = Array2::zeros(scores.raw_dim());
        for (i, &x) in (self.hidden)(pointer, q).iter().enumerate() {
            let p = (self.point)(x, scores.ncols() as f32);
            let keys = Array1::from_shape_fn(scores.ncols(), |j| {
                let off = j as f32 - p;
                ((self.inside)(off, d), (self.fade)(off, d))
            });
            let row = Zip::from(scores.row(i)).and(&keys);
            let taken = row.map_collect(|&s, &(inside, fade)| (self.score)(s, inside, fade));
            if taken.iter().all(|&s| s == f32::NEG_INFINITY) {
                continue; // an empty window
            }
            let row = Zip::from(&softmax(taken.view()))
                .and(&keys)
                .map_collect(|&weight, &(inside, fade)| (self.weight)(weight, inside, fade));
            weights.row_mut(i).assign(&row);
        }
        weights
    }
}
