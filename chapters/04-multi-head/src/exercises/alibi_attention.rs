//! 4.10 `alibi_attention`

use crate::{alibi::slopes, oracle};
use attn_core::Mask;
use attn_exercise::{SOME_VALUES, exercise, field, pairwise, some_values};
use ch03_scaled_dot_product::{attention, masked_scores, softmax_rows};
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis, array, concatenate, s};

exercise! {
    /// The queries, keys and values of all heads.
    crate::alibi_attention: (q: Array3<f32>[h n d], k: Array3<f32>[h m d], v: Array3<f32>[h m d_v]) -> Array3<f32>;

    exact: |c| {
        let [q, k, v] = [&c.q, &c.k, &c.v].map(|x| x.mapv(f64::from));
        oracle::alibi(&q, &k, &v)
    };
    plain: |c| [oracle::alibi(&c.q, &c.k, &c.v), c.call(by_place)];
    steps: |c| {
        let scores = masked_scores(c.q.index_axis(Axis(0), 0), c.k.index_axis(Axis(0), 0), &Mask::Causal);
        let slopes = Array1::from(slopes(c.q.dim().0));
        let mut biased = scores.clone();
        add(&mut biased, slopes[0], |distance| -distance);
        [field("slope of each head", &slopes), field("scores of head 0", &scores), field("the same with their biases", &biased)]
    };

    cases: |random| {
        let mut of = |about, h, (n, m), (d, d_v)| {
            case(about, (random.normal((h, n, d)), random.normal((h, m, d)), random.normal((h, m, d_v))))
        };
        let mut cases = vec![
            by_hand(),
            of("one head", 1, (5, 5), (4, 3)),
            of("", 4, (6, 6), (4, 4)),
            of("5 heads", 5, (1, 9), (4, 2)),
            of("7 heads", 7, (4, 9), (2, 3)),
            of("8 heads", 8, (33, 33), (8, 8)),
            of("12 heads", 12, (9, 31), (4, 2)),
            of("20 heads", 20, (3, 40), (2, 1)),
            of("queries that see nothing", 2, (6, 3), (4, 3)),
            of("", 3, (127, 129), (8, 4)),
        ];
        let levels = [3, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[h, n, m, d, d_v, of_q, of_k, of_v]| {
            let (h, n, m, d, d_v) = (h + 1, n + 1, m + 1, d + 1, d_v + 1);
            case("small", (some_values(of_q, (h, n, d), random), some_values(of_k, (h, m, d), random), some_values(of_v, (h, m, d_v), random)))
        }));
        cases
    };

    right (q, k, v) {
        // The query's own share of the bias is the same for all keys, and falls out.
        "the key's place alone" => by_place(q, k, v);
        "row by row, from the last key that is seen" => each(q, k, v, slopes, |q, k, v, slope| {
            let (n, m) = (q.nrows(), k.nrows());
            let mut out = Array2::zeros((n, v.ncols()));
            for i in 0..n {
                let seen = (m + i + 1).saturating_sub(n);
                let scores = k.slice(s![..seen, ..]).dot(&q.row(i)) / (q.ncols() as f32).sqrt();
                let far: Array1<f32> = (0..seen).rev().map(|distance| slope * distance as f32).collect();
                let weights = softmax_rows((scores - far).view().insert_axis(Axis(0)));
                out.row_mut(i).assign(&weights.row(0).dot(&v.slice(s![..seen, ..])));
            }
            out
        });
        "f64 inside" => {
            let [q, k, v] = [q, k, v].map(|x| x.mapv(f64::from));
            oracle::alibi(&q, &k, &v).mapv(|x| x as f32)
        };
    }

    mistakes (q, k, v) {
        "no-bias": "no bias is subtracted: nothing tells the order of the keys that a query sees"
            => with(q, k, v, |_| 0.0);
        "sign": "the bias is added instead of subtracted: the farthest keys are preferred"
            => with(q, k, v, |distance| distance);
        "biased-before-scale": "the bias is subtracted before the division by √d, so that it is divided too"
            => each(q, k, v, slopes, |q, k, v, slope| biased(q, k, v, slope / (q.ncols() as f32).sqrt()));
        "no-scale": "the products q · k are not divided by √d; the bias replaces the rotations, not the scale"
            => each(q, k, v, slopes, |q, k, v, slope| biased((&q * (q.ncols() as f32).sqrt()).view(), k, v, slope));
        "formula-for-all": "the slopes are 2^(−8(a + 1)/h) for every h; where h is no power of two, p takes the place of h and the rest follows another rule"
            => each(q, k, v, |h| evenly(h).collect(), biased);
        "half-steps": "the slopes are 2^−1, 2^−2, 2^−3 …, which is right for 8 heads alone"
            => each(q, k, v, |h| (1..=h).map(|a| (-(a as f32)).exp2()).collect(), biased);
        "from-zero": "the slopes begin with 2^0 = 1: the exponent counts from 0 instead of 1"
            => each(q, k, v, |h| {
                let p = power(h);
                (0..p).map(|a| slope(a, p)).chain((0..2 * p).step_by(2).map(|a| slope(a, 2 * p))).take(h).collect()
            }, biased);
        "from-zero-in-the-first-p": "the slopes of the first p heads begin with 2^0 = 1: the exponent counts from 0 instead of 1"
            => each(q, k, v, |h| {
                let p = power(h);
                (0..p).map(|a| slope(a, p)).chain(evenly(2 * p).step_by(2)).take(h).collect()
            }, biased);
        "base-e": "the slopes are powers of e instead of 2"
            => each(q, k, v, |h| slopes(h).into_iter().map(|slope| slope.log2().exp()).collect(), biased);
        "one-slope": "all heads have the slope of head 0"
            => each(q, k, v, |h| vec![slopes(h)[0]; h], biased);
        "reversed": "the slopes are in reverse order: head 0 has the smallest"
            => each(q, k, v, |h| slopes(h).into_iter().rev().collect(), biased);
        "sorted": "the slopes are sorted; the heads from p on take theirs after all of the first p"
            => each(q, k, v, |h| {
                let mut slopes = slopes(h);
                slopes.sort_by(|a, b| b.total_cmp(a));
                slopes
            }, biased);
        "first-of-the-double": "where h is no power of two, the slopes are the first h of 2p heads"
            => each(q, k, v, |h| if h.is_power_of_two() { slopes(h) } else { evenly(2 * power(h)).take(h).collect() }, biased);
        "second-of-the-double": "the heads from p on have the slopes of the first ones again, which are the second, the fourth … of 2p heads; they have the first, the third …"
            => each(q, k, v, |h| evenly(power(h)).chain(evenly(2 * power(h)).skip(1).step_by(2)).take(h).collect(), biased);
        "all-of-the-double": "the heads from p on have the first, the second, the third … of the slopes of 2p heads; they have every other one"
            => each(q, k, v, |h| evenly(power(h)).chain(evenly(2 * power(h))).take(h).collect(), biased);
        "not-causal": "a query sees keys that come after it, and their bias is positive"
            => each(q, k, v, slopes, |q, k, v, slope| {
                let mut scores = masked_scores(q, k, &Mask::None);
                add(&mut scores, slope, |distance| -distance);
                softmax_rows(scores.view()).dot(&v)
            });
        "not-causal-both-ways": "a query sees keys that come after it, and their distance counts as well"
            => each(q, k, v, slopes, |q, k, v, slope| {
                let mut scores = masked_scores(q, k, &Mask::None);
                add(&mut scores, slope, |distance| -distance.abs());
                softmax_rows(scores.view()).dot(&v)
            });
        "top-left": "the causal mask is aligned top-left: query i sees the keys up to i"
            => each(q, k, v, slopes, |q, k, v, slope| {
                let (n, m) = (q.nrows(), k.nrows());
                let mut scores = masked_scores(q, k, &Mask::Dense(Array2::from_shape_fn((n, m), |(i, j)| j <= i)));
                add(&mut scores, slope, |distance| -distance);
                softmax_rows(scores.view()).dot(&v)
            });
        "distance-from-zero": "the bias is larger than 0 for no key: where n < m, the distance is i − j and is cut off at 0, although query i stands at key m − n + i"
            => each(q, k, v, slopes, |q, k, v, slope| {
                let mut scores = masked_scores(q, k, &Mask::Causal);
                for ((i, j), score) in scores.indexed_iter_mut() {
                    *score -= slope * i.saturating_sub(j) as f32;
                }
                softmax_rows(scores.view()).dot(&v)
            });
        "absolute-distance": "the distance is |i − j|, although query i stands at key m − n + i: keys on both sides of place i are made smaller"
            => each(q, k, v, slopes, |q, k, v, slope| {
                let mut scores = masked_scores(q, k, &Mask::Causal);
                for ((i, j), score) in scores.indexed_iter_mut() {
                    *score -= slope * i.abs_diff(j) as f32;
                }
                softmax_rows(scores.view()).dot(&v)
            });
        "on-the-weights": "the bias is subtracted from the weights, after the softmax"
            => each(q, k, v, slopes, |q, k, v, slope| {
                let mut weights = softmax_rows(masked_scores(q, k, &Mask::Causal).view());
                for ((i, j), weight) in weights.indexed_iter_mut() {
                    let distance = (k.nrows() + i) as f32 - (q.nrows() + j) as f32;
                    *weight -= slope * distance.max(0.0);
                }
                weights.dot(&v)
            });
        "factor-not-renormalised": "the weights are multiplied by e^(−slope · distance) after the softmax, and do not sum to one any more"
            => each(q, k, v, slopes, |q, k, v, slope| {
                let mut weights = softmax_rows(masked_scores(q, k, &Mask::Causal).view());
                for ((i, j), weight) in weights.indexed_iter_mut() {
                    let distance = (k.nrows() + i) as f32 - (q.nrows() + j) as f32;
                    *weight *= (-slope * distance.max(0.0)).exp();
                }
                weights.dot(&v)
            });
        "squared": "the distance is squared; the bias is linear in it"
            => with(q, k, v, |distance| -distance * distance);
        "logarithm": "the logarithm of the distance is used; the bias is linear in it"
            => with(q, k, v, |distance| -(1.0 + distance.max(0.0)).ln());
        "divided-by-length": "the distance is divided by the number of keys"
            => each(q, k, v, slopes, |q, k, v, slope| biased(q, k, v, slope / k.nrows() as f32));
    }
}

/// Three heads, so that both rules for slopes are used: 1/16, 1/256 and 1/4. One query and two keys;
/// with the bias of each head, the scores are ln 3 and 0.
fn by_hand() -> Case {
    let key = |slope: f32| array![[3.0_f32.ln() + slope], [0.0]];
    let keys = [1.0 / 16.0, 1.0 / 256.0, 1.0 / 4.0].map(key);
    let k = ndarray::stack![Axis(0), keys[0], keys[1], keys[2]];
    let one = array![[4.0], [0.0]];
    let v = ndarray::stack![Axis(0), one, one, one];
    case("by hand: weights 3/4 and 1/4", (Array3::ones((3, 1, 1)), k, v))
}

type View<'a> = ArrayView2<'a, f32>;

/// Each head with its slope.
fn each(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    slopes: impl Fn(usize) -> Vec<f32>,
    attend: impl Fn(View, View, View, f32) -> Array2<f32>,
) -> Array3<f32> {
    let mut out = Array3::zeros((q.dim().0, q.dim().1, v.dim().2));
    for (head, slope) in slopes(q.dim().0).into_iter().enumerate() {
        let [q, k, v] = [q, k, v].map(|x| x.index_axis_move(Axis(0), head));
        out.index_axis_mut(Axis(0), head).assign(&attend(q, k, v, slope));
    }
    out
}

/// One head, as it should be.
fn biased(q: View, k: View, v: View, slope: f32) -> Array2<f32> {
    let mut scores = masked_scores(q, k, &Mask::Causal);
    add(&mut scores, slope, |distance| -distance);
    softmax_rows(scores.view()).dot(&v)
}

/// All heads, with another bias per distance.
fn with(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    bias: fn(f32) -> f32,
) -> Array3<f32> {
    each(q, k, v, slopes, |q, k, v, slope| {
        let mut scores = masked_scores(q, k, &Mask::Causal);
        add(&mut scores, slope, bias);
        softmax_rows(scores.view()).dot(&v)
    })
}

/// Adds `slope · bias(distance)` to each score.
fn add(scores: &mut Array2<f32>, slope: f32, bias: fn(f32) -> f32) {
    let (n, m) = scores.dim();
    for ((i, j), score) in scores.indexed_iter_mut() {
        *score += slope * bias((m + i) as f32 - (n + j) as f32);
    }
}

/// The largest power of two that is at most h.
fn power(h: usize) -> usize {
    (0..).map(|i| 1 << i).take_while(|&p| p <= h).last().unwrap_or(1)
}

/// 2^(−8·number/heads)
fn slope(number: usize, heads: usize) -> f32 {
    (-8.0 * number as f32 / heads as f32).exp2()
}

/// The slopes of `heads` heads, where that is a power of two.
fn evenly(heads: usize) -> impl Iterator<Item = f32> + Clone {
    (1..=heads).map(move |number| slope(number, heads))
}

/// The bias as one more column: slope · j is what a key has of its own, and the query's share of the
/// bias is the same for all keys.
fn by_place(q: ArrayView3<f32>, k: ArrayView3<f32>, v: ArrayView3<f32>) -> Array3<f32> {
    each(q, k, v, slopes, |q, k, v, slope| {
        let d = q.ncols() as f32;
        // Chapter 3 divides by the root of d + 1.
        let factor = ((d + 1.0) / d).sqrt();
        let ones = Array2::from_elem((q.nrows(), 1), (d + 1.0).sqrt());
        let m = k.nrows();
        // Counted from the last key, where the numbers are smallest for the nearest.
        let places = Array2::from_shape_fn((m, 1), |(j, _)| slope * (j as f32 - (m - 1) as f32));
        let (q, k) = (concatenate![Axis(1), &q * factor, ones], concatenate![Axis(1), k, places]);
        attention(q.view(), k.view(), v, &Mask::Causal).out
    })
}
