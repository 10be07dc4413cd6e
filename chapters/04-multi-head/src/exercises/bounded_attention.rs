//! 4.9 `bounded_attention`

use crate::{
    given::{Bound, EPSILON},
    oracle,
};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Field, Given, Input, SOME_MASKS, SOME_VALUES, Sizes, exercise, field, pairwise, some_mask,
    some_values,
};
use attn_oracle::to;
use ch03_scaled_dot_product::{allowed, attention, masked_scores, softmax_rows};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array};

exercise! {
    /// One head, what bounds its scores, and a mask.
    crate::bounded_attention: (
        q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], bound: Bound, mask: Mask,
    ) -> Array2<f32>;

    exact: |c| oracle::bounded(&to::<f64>(c.q.view()), &to(c.k.view()), &to(c.v.view()), &c.bound, &c.mask);
    plain: |c| [oracle::bounded(&c.q, &c.k, &c.v, &c.bound, &c.mask), c.call(row_by_row)];
    steps: |c| {
        let before = masked_scores(c.q.view(), c.k.view(), &Mask::None);
        let (name, after) = match &c.bound {
            Bound::Norm { q_gain, k_gain } => {
                let (q, k) = (normed(c.q.view(), rms) * q_gain, normed(c.k.view(), rms) * k_gain);
                ("scores of normalised q and k", masked_scores(q.view(), k.view(), &Mask::None))
            }
            Bound::Cap(cap) => ("scores, capped", before.mapv(|s| cap * (s / cap).tanh())),
        };
        [field("scores as they are", &before), field(name, &after)]
    };

    cases: |random| {
        let mut of = |about, (n, m), (d, d_v), bound: usize, mask: &dyn Fn(&mut _) -> Mask, kinds: [usize; 3]| {
            let [of_q, of_k, of_v] = kinds;
            let (q, k) = (some_values(of_q, (n, d), random), some_values(of_k, (m, d), random));
            let v = some_values(of_v, (m, d_v), random);
            let bound = some_bound(bound, d, random);
            case(about, (q, k, v, bound, mask(random)))
        };
        let padding = Mask::padding((0..31).map(|j| j % 3 != 1));
        let mut cases = vec![norm_by_hand(), cap_by_hand()];
        for bound in 0..BOUNDS {
            cases.extend([
                of("", (5, 7), (4, 3), bound, &|_| Mask::None, [0; 3]),
                of("", (1, 6), (8, 2), bound, &|_| Mask::Dense(array![[true, false, true, true, false, true]]), [0; 3]),
                of("query 0 sees nothing", (6, 5), (4, 4), bound, &|_| Mask::Causal, [0; 3]),
                of("", (33, 31), (16, 8), bound, &|_| Mask::All(vec![Mask::Causal, padding.clone()]), [0; 3]),
            ]);
        }
        let mut loud = of("queries 100 times as large", (4, 6), (8, 3), 1, &|_| Mask::Causal, [0; 3]);
        loud.q *= 100.0;
        let mut quiet = of("numbers of about 0.003, so that ε counts", (4, 6), (8, 3), 0, &|_| Mask::Causal, [0; 3]);
        quiet.q *= 0.003;
        quiet.k *= 0.003;
        let mut high = of("scores of about 30 on one side", (3, 5), (4, 3), 2, &|_| Mask::None, [0; 3]);
        high.q.mapv_inplace(|x: f32| 4.0 + x.abs());
        high.k.mapv_inplace(|x: f32| 3.0 + x.abs());
        cases.extend([loud, quiet, high]);
        let levels = [3, 3, 3, 3, BOUNDS, SOME_MASKS, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[n, m, d, d_v, bound, mask, of_q, of_k, of_v]| {
            let (n, m) = (n + 1, m + 1);
            of("small", (n, m), (d + 1, d_v + 1), bound, &|random| some_mask(mask, (n, m), random), [of_q, of_k, of_v])
        }));
        cases
    };

    right (q, k, v, bound, mask) {
        "row by row" => row_by_row(q, k, v, bound, mask);
        "f64 inside" => oracle::bounded(&to::<f64>(q), &to(k), &to(v), bound, mask).mapv(|x| x as f32);
        "hidden scores are kept as they are" => on_cap(q, k, v, bound, mask, |cap| {
            finish(masked_scores(q, k, mask).mapv(|s| if s.is_finite() { cap * (s / cap).tanh() } else { s }), v)
        });
        "tanh by exponentials" => on_cap(q, k, v, bound, mask, |cap| {
            mapped(q, k, v, mask, |s| {
                let e = (-2.0 * s.abs() / cap).exp();
                (cap * (1.0 - e) / (1.0 + e)).copysign(s)
            })
        });
    }

    mistakes (q, k, v, bound, mask) {
        "capped-after-mask": "the scores are capped after the mask has hidden some: their −∞ becomes −cap, and a hidden key takes part with e^(−cap)"
            => on_cap(q, k, v, bound, mask, |cap| finish(masked_scores(q, k, mask).mapv(|s| cap * (s / cap).tanh()), v));
        "no-cap": "the scores are not capped"
            => on_cap(q, k, v, bound, mask, |_| attention(q, k, v, mask).out);
        "undivided": "the score is not divided by the cap before the tanh: cap · tanh(s)"
            => on_cap(q, k, v, bound, mask, |cap| mapped(q, k, v, mask, |s| cap * s.tanh()));
        "unmultiplied": "the tanh is not multiplied by the cap: all scores lie between −1 and 1"
            => on_cap(q, k, v, bound, mask, |cap| mapped(q, k, v, mask, |s| (s / cap).tanh()));
        "bare-tanh": "the cap is not used: tanh(s) lies between −1 and 1, whatever the cap"
            => on_cap(q, k, v, bound, mask, |_| mapped(q, k, v, mask, f32::tanh));
        "clamped": "the scores are cut off at ±cap; soft-capping bends them, by a tanh"
            => on_cap(q, k, v, bound, mask, |cap| mapped(q, k, v, mask, |s| s.clamp(-cap, cap)));
        "capped-before-scale": "the products q · k are capped, and divided by √d afterwards; the score that is capped is the divided one"
            => on_cap(q, k, v, bound, mask, |cap| {
                let root_d = (q.ncols() as f32).sqrt();
                mapped(q, k, v, mask, |s| cap * (s * root_d / cap).tanh() / root_d)
            });
        "cap-without-scale": "the capped scores are not divided by √d: soft-capping comes after the division, it does not replace it"
            => on_cap(q, k, v, bound, mask, |cap| {
                let root_d = (q.ncols() as f32).sqrt();
                mapped(q, k, v, mask, |s| cap * (s * root_d / cap).tanh())
            });
        "capped-above-only": "only positive scores are capped; those far below zero are bent as well"
            => on_cap(q, k, v, bound, mask, |cap| mapped(q, k, v, mask, |s| if s > 0.0 { cap * (s / cap).tanh() } else { s }));
        "weights-capped": "the weights are capped instead of the scores"
            => on_cap(q, k, v, bound, mask, |cap| {
                softmax_rows(masked_scores(q, k, mask).view()).mapv(|w| cap * (w / cap).tanh()).dot(&v)
            });
        "sigmoid": "a sigmoid takes the place of the tanh: it lies between 0 and 1, and is ½ for a score of 0"
            => on_cap(q, k, v, bound, mask, |cap| mapped(q, k, v, mask, |s| cap / (1.0 + (-s / cap).exp())));
        "capped-twice": "the scores are capped twice"
            => on_cap(q, k, v, bound, mask, |cap| mapped(q, k, v, mask, |s| cap * (s / cap).tanh().tanh()));
        "mask-ignored": "the mask is not used"
            => crate::bounded_attention(q, k, v, bound, &Mask::None);
        "mask-ignored-when-capped": "the mask is not used where the scores are capped"
            => on_cap(q, k, v, bound, mask, |_| crate::bounded_attention(q, k, v, bound, &Mask::None));
        "no-norm": "queries and keys are not normalised"
            => on_norm(q, k, v, bound, mask, |_, _| attention(q, k, v, mask).out);
        "gains-alone": "queries and keys are multiplied by their gains, but not normalised"
            => on_norm(q, k, v, bound, mask, |g, h| attention((&q * g).view(), (&k * h).view(), v, mask).out);
        "queries-only": "only the queries are normalised"
            => on_norm(q, k, v, bound, mask, |g, _| attention((normed(q, rms) * g).view(), k, v, mask).out);
        "keys-only": "only the keys are normalised"
            => on_norm(q, k, v, bound, mask, |_, h| attention(q, (normed(k, rms) * h).view(), v, mask).out);
        "values-too": "the values are normalised as well; they arrive as they are"
            => crate::bounded_attention(q, k, if is_norm(bound) { normed(v, rms) } else { v.to_owned() }.view(), bound, mask);
        "length": "a query is divided by its length; it is divided by the root of the mean of its squares, which is √d times less, so that the scores come out d times too small"
            => both(q, k, v, bound, mask, |row| (row.dot(&row) + EPSILON).sqrt());
        "mean-subtracted": "the mean of each query and key is subtracted first, as in layer normalisation; QK-norm only divides"
            => on_norm(q, k, v, bound, mask, |g, h| {
                let centred = |x: ArrayView2<f32>| &x - &x.mean_axis(Axis(1)).expect("columns").insert_axis(Axis(1));
                let (q, k) = (normed(centred(q).view(), rms) * g, normed(centred(k).view(), rms) * h);
                attention(q.view(), k.view(), v, mask).out
            });
        "columns": "the columns are normalised instead of the rows"
            => on_norm(q, k, v, bound, mask, |g, h| {
                let (q, k) = (normed(q.t(), rms).reversed_axes() * g, normed(k.t(), rms).reversed_axes() * h);
                attention(q.view(), k.view(), v, mask).out
            });
        "whole-matrix": "all queries are divided by one number, the root of the mean of all squares, and so are all keys; each row has a number of its own"
            => on_norm(q, k, v, bound, mask, |g, h| {
                let whole = |x: ArrayView2<f32>| &x / ((&x * &x).mean().expect("entries") + EPSILON).sqrt();
                attention((whole(q) * g).view(), (whole(k) * h).view(), v, mask).out
            });
        "k-gain-for-both": "k_gain is used for the queries too; they have a gain of their own"
            => on_norm(q, k, v, bound, mask, |_, h| attention((normed(q, rms) * h).view(), (normed(k, rms) * h).view(), v, mask).out);
        "q-gain-for-both": "q_gain is used for the keys too; they have a gain of their own"
            => on_norm(q, k, v, bound, mask, |g, _| attention((normed(q, rms) * g).view(), (normed(k, rms) * g).view(), v, mask).out);
        "no-gains": "the gains are forgotten: the normalised queries and keys are not multiplied by them"
            => on_norm(q, k, v, bound, mask, |_, _| attention(normed(q, rms).view(), normed(k, rms).view(), v, mask).out);
        "one-plus-gain": "it is multiplied by 1 + gain, as in Gemma's code; here the gain is the whole factor"
            => on_norm(q, k, v, bound, mask, |g, h| {
                attention((normed(q, rms) * &(g + 1.0)).view(), (normed(k, rms) * &(h + 1.0)).view(), v, mask).out
            });
        "gains-first": "the gains multiply before the rows are normalised, so that they change the mean of the squares too"
            => on_norm(q, k, v, bound, mask, |g, h| {
                attention(normed((&q * g).view(), rms).view(), normed((&k * h).view(), rms).view(), v, mask).out
            });
        "no-epsilon": "ε is missing: small queries and keys are blown up"
            => both(q, k, v, bound, mask, |row| (row.dot(&row) / row.len() as f32).sqrt());
        "epsilon-outside": "ε is added to the root instead of under it"
            => both(q, k, v, bound, mask, |row| (row.dot(&row) / row.len() as f32).sqrt() + EPSILON);
        "epsilon-1e-6": "ε is 1e-6, as in some models; here it is 1e-5, `EPSILON`"
            => both(q, k, v, bound, mask, |row| (row.dot(&row) / row.len() as f32 + 1e-6).sqrt());
        "no-root": "it is divided by the mean of the squares instead of its root"
            => both(q, k, v, bound, mask, |row| row.dot(&row) / row.len() as f32 + EPSILON);
        "norm-without-scale": "the scores of the normalised queries and keys are not divided by √d; normalising does not replace that"
            => on_norm(q, k, v, bound, mask, |g, h| {
                let q = normed(q, rms) * g * (q.ncols() as f32).sqrt();
                attention(q.view(), (normed(k, rms) * h).view(), v, mask).out
            });
        "scores-normalised": "the rows of scores are normalised instead of the queries and keys"
            => on_norm(q, k, v, bound, mask, |_, _| {
                let mut scores = normed(masked_scores(q, k, &Mask::None).view(), rms);
                hide(&mut scores, mask);
                finish(scores, v)
            });
    }
}

/// What [`some_bound`] makes: a norm, and a small and a large cap.
const BOUNDS: usize = 3;

fn some_bound(kind: usize, d: usize, random: &mut Random) -> Bound {
    let mut gain = || random.normal(d) * 0.5 + 1.2;
    match kind {
        0 => Bound::Norm { q_gain: gain(), k_gain: gain() },
        1 => Bound::Cap(1.5),
        _ => Bound::Cap(20.0),
    }
}

impl Given for Bound {
    fn fields(&self, _name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        match self {
            Bound::Norm { q_gain, k_gain } => {
                vec![field("q_gain", q_gain), field("k_gain", k_gain)]
            }
            Bound::Cap(cap) => vec![field("cap", *cap)],
        }
    }

    fn text(&self, _name: &str) -> Option<String> {
        Some(match self {
            Bound::Norm { .. } => "QK-norm".into(),
            Bound::Cap(cap) => format!("cap {cap}"),
        })
    }

    fn kinds(&self, _sizes: &Sizes) -> Vec<&'static str> {
        vec![match self {
            Bound::Norm { .. } => "norm",
            Bound::Cap(_) => "cap",
        }]
    }

    fn required_kinds(&self) -> &'static [&'static str] {
        &["norm", "cap"]
    }

    fn is_choice(&self) -> bool {
        true
    }
}

impl Input for Bound {
    type Passed<'a> = &'a Bound;

    fn pass(&self) -> &Bound {
        self
    }

    fn altered(&self) -> Vec<Self> {
        match self {
            Bound::Norm { q_gain, k_gain } => {
                let other = |gain: &Array1<f32>| gain.mapv(|g| 1.0 - g);
                vec![
                    Bound::Norm { q_gain: other(q_gain), k_gain: k_gain.clone() },
                    Bound::Norm { q_gain: q_gain.clone(), k_gain: other(k_gain) },
                    Bound::Cap(1.5),
                ]
            }
            Bound::Cap(cap) => vec![Bound::Cap(cap / 2.0)],
        }
    }

    fn nudged(&self, pattern: usize) -> Self {
        match self {
            Bound::Norm { q_gain, k_gain } => {
                Bound::Norm { q_gain: q_gain.nudged(pattern), k_gain: k_gain.nudged(pattern) }
            }
            Bound::Cap(_) => self.clone(),
        }
    }
}

/// Without the norm, the scores would be 20 and 0.
fn norm_by_hand() -> Case {
    let k = array![[5.0, 5.0, 5.0, 5.0], [3.0, -3.0, 3.0, -3.0]];
    let bound =
        Bound::Norm { q_gain: Array1::from_elem(4, 3.0_f32.ln() / 2.0), k_gain: Array1::ones(4) };
    let inputs = (Array2::from_elem((1, 4), 2.0), k, array![[4.0], [0.0]], bound, Mask::None);
    case("by hand: weights 3/4 and 1/4", inputs)
}

/// tanh(½ ln 3) = ½. The third key is hidden.
fn cap_by_hand() -> Case {
    let ln3 = 3.0_f32.ln();
    let k = array![[ln3 * ln3], [0.0], [0.0]];
    let mask = Mask::padding([true, true, false]);
    let inputs = (array![[1.0]], k, array![[4.0], [0.0], [36.0]], Bound::Cap(2.0 * ln3), mask);
    case("by hand: weights 3/4, 1/4 and 0", inputs)
}

fn is_norm(bound: &Bound) -> bool {
    matches!(bound, Bound::Norm { .. })
}

type View<'a> = ArrayView2<'a, f32>;

/// The reference, but `wrong(cap)` where there is a cap.
fn on_cap(
    q: View,
    k: View,
    v: View,
    bound: &Bound,
    mask: &Mask,
    wrong: impl Fn(f32) -> Array2<f32>,
) -> Array2<f32> {
    match bound {
        Bound::Cap(cap) => wrong(*cap),
        Bound::Norm { .. } => crate::bounded_attention(q, k, v, bound, mask),
    }
}

/// The reference, but `wrong(q_gain, k_gain)` where there is a norm.
fn on_norm(
    q: View,
    k: View,
    v: View,
    bound: &Bound,
    mask: &Mask,
    wrong: impl Fn(&Array1<f32>, &Array1<f32>) -> Array2<f32>,
) -> Array2<f32> {
    match bound {
        Bound::Norm { q_gain, k_gain } => wrong(q_gain, k_gain),
        Bound::Cap(_) => crate::bounded_attention(q, k, v, bound, mask),
    }
}

/// The reference, but each query and key is divided by `size`.
fn both(
    q: View,
    k: View,
    v: View,
    bound: &Bound,
    mask: &Mask,
    size: fn(ArrayView1<f32>) -> f32,
) -> Array2<f32> {
    on_norm(q, k, v, bound, mask, |g, h| {
        attention((normed(q, size) * g).view(), (normed(k, size) * h).view(), v, mask).out
    })
}

/// Each row divided by its size.
fn normed(x: View, size: fn(ArrayView1<f32>) -> f32) -> Array2<f32> {
    let mut x = x.to_owned();
    for mut row in x.rows_mut() {
        let size = size(row.view());
        row /= size;
    }
    x
}

fn rms(row: ArrayView1<f32>) -> f32 {
    (row.dot(&row) / row.len() as f32 + EPSILON).sqrt()
}

fn hide(scores: &mut Array2<f32>, mask: &Mask) {
    let (n, m) = scores.dim();
    for (index, may) in allowed(mask, n, m).indexed_iter() {
        if !may {
            scores[index] = f32::NEG_INFINITY;
        }
    }
}

fn finish(scores: Array2<f32>, v: View) -> Array2<f32> {
    softmax_rows(scores.view()).dot(&v)
}

/// Attention whose scores go through `change` before the mask hides some.
fn mapped(q: View, k: View, v: View, mask: &Mask, change: impl Fn(f32) -> f32) -> Array2<f32> {
    let mut scores = masked_scores(q, k, &Mask::None).mapv(change);
    hide(&mut scores, mask);
    finish(scores, v)
}

/// One query after the other, over the keys that it sees.
fn row_by_row(q: View, k: View, v: View, bound: &Bound, mask: &Mask) -> Array2<f32> {
    let table = allowed(mask, q.nrows(), k.nrows());
    let (q, k) = match bound {
        Bound::Norm { q_gain, k_gain } => (normed(q, rms) * q_gain, normed(k, rms) * k_gain),
        Bound::Cap(_) => (q.to_owned(), k.to_owned()),
    };
    let mut out = Array2::zeros((q.nrows(), v.ncols()));
    for (i, mut out) in out.rows_mut().into_iter().enumerate() {
        let seen: Vec<usize> = (0..k.nrows()).filter(|&j| table[[i, j]]).collect();
        let keys = k.select(Axis(0), &seen);
        let mut scores = keys.dot(&q.row(i)) / (q.ncols() as f32).sqrt();
        if let Bound::Cap(cap) = bound {
            scores.mapv_inplace(|s| (s / cap).tanh() * cap);
        }
        let weights = softmax_rows(scores.view().insert_axis(Axis(0)));
        out.assign(&weights.row(0).dot(&v.select(Axis(0), &seen)));
    }
    out
}
