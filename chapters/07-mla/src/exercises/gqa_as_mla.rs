//! 7.9 `gqa_as_mla`

use super::compress::{in_f64, through_f32};
use crate::{
    given::{AsMla, Up, rms_norm, rope},
    oracle, seeded,
};
use attn_exercise::{Field, Fields, exercise, field, judge::require, pairwise};
use ndarray::{Array1, Array2, Array3, ArrayView3, Axis, array, s};

exercise! {
    /// The keys, turned already, and the values of all groups, and the number of heads.
    crate::gqa_as_mla: (k: Array3<f64>[h_kv m d], v: Array3<f64>[h_kv m d_v], h: usize[h]) -> AsMla;

    // In which order a latent holds them is free: what counts is what the weights make of it.
    exact: |c| {
        let (h_kv, m, d) = c.k.dim();
        let group = |a: usize| a / (c.h / h_kv);
        let repeated = |x: &Array3<f64>| Array3::from_shape_fn((c.h, m, x.dim().2), |(a, j, l)| x[[group(a), j, l]]);
        vec![
            field("numbers kept per token", h_kv * (d + c.v.dim().2)),
            field("c·w_uk", &repeated(&c.k)),
            field("c·w_uv", &repeated(&c.v)),
        ]
    };
    first: |c, answer| {
        let ((_, m, d), d_v, d_c) = (c.k.dim(), c.v.dim().2, answer.c.ncols());
        let shapes = [("w_uk", answer.up.w_uk.dim(), (c.h, d_c, d)), ("w_uv", answer.up.w_uv.dim(), (c.h, d_c, d_v))];
        let wrong = shapes.into_iter().find(|(_, is, should)| is != should);
        require(answer.c.nrows() == m, || format!("c has {} rows, should have one for each of {m} tokens", answer.c.nrows()))
            .and(require(wrong.is_none(), || {
                let (name, is, should) = wrong.unwrap_or_default();
                format!("{name} has shape {is:?}, should be {should:?}, with d_c = {d_c} as c has it")
            }))
    };
    then: |c, answer| {
        let group = |a: usize| a / (c.h / c.k.dim().0);
        for (name, w, x) in [("c·w_uk", &answer.up.w_uk, &c.k), ("c·w_uv", &answer.up.w_uv, &c.v)] {
            for (a, w) in w.outer_iter().enumerate() {
                let own = x.index_axis(Axis(0), group(a)).to_owned();
                in_f64(&[(name, &answer.c.dot(&w), &own)])?;
            }
        }
        Ok(())
    };

    cases: |random| {
        // Thirds, since the random numbers themselves are numbers of f32 too.
        let mut of = |about, (h_kv, h), m, (d, d_v)| {
            case(about, (seeded::normal(random, (h_kv, m, d)) / 3.0, seeded::normal(random, (h_kv, m, d_v)) / 3.0, h))
        };
        let mut cases = vec![
            case("by hand: two groups of two heads, one token", (array![[[1.0]], [[2.0]]], array![[[3.0]], [[4.0]]], 4)),
            of("", (2, 6), 5, (4, 4)),
            of("", (3, 6), 7, (4, 2)),
            of("one group for all heads: multi-query attention", (1, 4), 5, (4, 4)),
            of("a group for each head: multi-head attention", (4, 4), 5, (4, 3)),
            of("as in Llama 3 8B, narrower", (8, 32), 6, (4, 4)),
        ];
        cases.extend(pairwise([3, 3, 4, 4, 4]).into_iter().map(|[h_kv, heads, m, d, d_v]| {
            of("small", (h_kv + 1, (h_kv + 1) * (heads + 1)), m + 1, (d + 1, d_v + 1))
        }));
        cases.push(of("small", (1, 1), 1, (1, 1)));
        cases.push(of("small", (1, 1), 3, (2, 4)));
        cases.push(of("small", (4, 4), 3, (2, 2)));
        cases.push(of("small", (5, 5), 5, (5, 5)));
        cases
    };

    never {
        "h_kv > h": "a group has at least one head";
    }

    right (k, v, h) {
        "all keys, then all values" => keys_first(k, v, h);
        "values first" => {
            let ((h_kv, m, d), d_v) = (k.dim(), v.dim().2);
            built(k, v, h, h_kv * (d + d_v), |j, column| {
                let place = column % (d + d_v);
                let group = column / (d + d_v);
                if place < d_v { v[[group, j, place]] } else { k[[group, j, place - d_v]] }
            }, |a, column, l| {
                let group = a * h_kv / h;
                (f64::from(column == group * (d + d_v) + d_v + l), f64::from(column == group * (d + d_v) + l))
            }, m)
        };
        // Any invertible change of the latents is undone by the weights.
        "latents doubled, weights halved" => {
            let AsMla { c, up } = crate::gqa_as_mla(k, v, h);
            AsMla { c: c * 2.0, up: Up { w_uk: up.w_uk / 2.0, w_uv: up.w_uv / 2.0 } }
        };
    }

    mistakes (k, v, h) {
        "modulo": "head a has group a mod h_kv; the heads of a group stand side by side"
            => grouped(k, v, h, |a| a % k.dim().0);
        "divided-by-groups": "head a has group a / h_kv; it is a divided by the heads of a group, h/h_kv"
            => grouped(k, v, h, |a| (a / k.dim().0).min(k.dim().0 - 1));
        "head-as-group": "head a has group a, and the heads that are left over have the last group; the heads of a group stand side by side"
            => grouped(k, v, h, |a| a.min(k.dim().0 - 1));
        "first-group": "every head has group 0"
            => grouped(k, v, h, |_| 0);
        "reversed": "the groups are dealt out in reverse order"
            => grouped(k, v, h, |a| k.dim().0 - 1 - a * k.dim().0 / h);
        "one-off": "the groups are shifted by one head"
            => grouped(k, v, h, |a| (a + 1) % h * k.dim().0 / h);
        "repeated": "what is kept holds every head's key and value, repeated; it has to hold each group's once, and the weights repeat it"
            => {
                let repeat = |x: ArrayView3<f64>| Array3::from_shape_fn((h, x.dim().1, x.dim().2), |(a, j, l)| x[[a * k.dim().0 / h, j, l]]);
                crate::gqa_as_mla(repeat(k).view(), repeat(v).view(), h)
            };
        "keys-for-values": "w_uv takes the keys out of a latent where they are as wide as the values"
            => {
                let mut all = crate::gqa_as_mla(k, v, h);
                if all.up.w_uk.dim() == all.up.w_uv.dim() {
                    all.up.w_uv = all.up.w_uk.clone();
                }
                all
            };
        "exchanged": "w_uk takes out the values and w_uv the keys where both are as wide"
            => {
                let AsMla { c, up: Up { w_uk, w_uv } } = crate::gqa_as_mla(k, v, h);
                let up = if w_uk.dim() == w_uv.dim() { Up { w_uk: w_uv, w_uv: w_uk } } else { Up { w_uk, w_uv } };
                AsMla { c, up }
            };
        "orders-differ": "the latents hold all keys and then all values, and the weights expect each group's key and value side by side"
            => AsMla { up: crate::gqa_as_mla(k, v, h).up, ..keys_first(k, v, h) };
        "groups-summed": "every head adds up the keys and values of all groups"
            => weighted(k, v, h, |_, _| 1.0);
        "groups-averaged": "every head has the mean of the groups"
            => weighted(k, v, h, |_, _| 1.0 / k.dim().0 as f64);
        "all-ones": "the weights are ones where there should be an identity: every number of a key is the sum of all its numbers"
            => {
                let mut all = crate::gqa_as_mla(k, v, h);
                for w in [&mut all.up.w_uk, &mut all.up.w_uv] {
                    for mut row in w.rows_mut() {
                        let sum = row.sum();
                        row.fill(sum);
                    }
                }
                all
            };
        "keys-only": "a latent holds the keys alone, and values are made of keys"
            => {
                let mut all = crate::gqa_as_mla(k, k, h);
                let d_v = v.dim().2;
                all.up.w_uv = Array3::from_shape_fn((h, all.c.ncols(), d_v), |(a, i, l)| {
                    if l < k.dim().2 { all.up.w_uk[[a, i, l]] } else { 0.0 }
                });
                let kept = k.dim().0 * k.dim().2;
                let columns: Vec<usize> = (0..all.c.ncols()).filter(|column| column % (2 * k.dim().2) < k.dim().2).collect();
                assert_eq!(columns.len(), kept);
                AsMla {
                    c: all.c.select(Axis(1), &columns),
                    up: Up { w_uk: all.up.w_uk.select(Axis(1), &columns), w_uv: all.up.w_uv.select(Axis(1), &columns) },
                }
            };
        "divided-among-heads": "the weights divide a group's key and value among its heads, 1/(h/h_kv) each; every head gets it whole"
            => {
                let AsMla { c, up } = crate::gqa_as_mla(k, v, h);
                let heads = (h / k.dim().0) as f64;
                AsMla { c, up: Up { w_uk: up.w_uk / heads, w_uv: up.w_uv / heads } }
            };
        "keys-scaled": "the keys are divided by √d; the scores are, where they are made"
            => {
                let AsMla { c, up: Up { w_uk, w_uv } } = crate::gqa_as_mla(k, v, h);
                AsMla { c, up: Up { w_uk: w_uk / (k.dim().2 as f64).sqrt(), w_uv } }
            };
        "keys-turned-again": "the keys are turned again where d is even, with base 10,000; they are given turned"
            => {
                let mut turned = k.to_owned();
                if k.dim().2.is_multiple_of(2) {
                    for mut group in turned.outer_iter_mut() {
                        let again = rope(group.view(), 0, 10_000.0);
                        group.assign(&again);
                    }
                }
                crate::gqa_as_mla(turned.view(), v, h)
            };
        "latents-normalised": "the latents are normalised, as those of DeepSeek are; these have to give back keys and values as they were"
            => {
                let AsMla { c, up } = crate::gqa_as_mla(k, v, h);
                AsMla { c: rms_norm(c.view(), Array1::ones(c.ncols()).view()), up }
            };
        "first-head-of-a-group": "only the first head of a group finds its key and value; the others find zeros"
            => {
                let mut all = crate::gqa_as_mla(k, v, h);
                for a in (0..h).filter(|a| a % (h / k.dim().0) > 0) {
                    for w in [&mut all.up.w_uk, &mut all.up.w_uv] {
                        w.index_axis_mut(Axis(0), a).fill(0.0);
                    }
                }
                all
            };
        "value-at-the-key": "w_uv begins in the row where the group's key lies; its value lies d rows further on"
            => placed(k, v, h, |key, _, _| (key, key));
        "key-at-the-value": "w_uk begins in the row where the group's value lies; its key lies d rows before it"
            => placed(k, v, h, |_, value, _| (value, value));
        "values-expected-first": "the latents hold each group's key and then its value, and the weights expect the value first"
            => placed(k, v, h, |key, _, _| (key + v.dim().2, key));
        "steps-of-d": "the weights look for group g from row g·d on, as if a latent held the keys alone; a group has d + d_v rows"
            => placed(k, v, h, |_, _, group| (group * k.dim().2, group * k.dim().2 + k.dim().2));
        "steps-of-d-apart": "the weights look for the key of group g from row g·d on and for its value from row g·d_v on; a group has d + d_v rows"
            => placed(k, v, h, |_, _, group| (group * k.dim().2, group * v.dim().2));
        "keys-expected-first": "the latents hold each group's key and value side by side, and the weights expect all keys and then all values"
            => placed(k, v, h, |_, _, group| (group * k.dim().2, k.dim().0 * k.dim().2 + group * v.dim().2));
        "values-forgotten": "every value is zero: the values are not written into the latents, or nothing is written into w_uv"
            => latents(k, v, h, |k, _| (k, Array3::zeros(v.raw_dim())));
        "keys-forgotten": "every key is zero: the keys are not written into the latents, or nothing is written into w_uk"
            => latents(k, v, h, |_, v| (Array3::zeros(k.raw_dim()), v));
        "first-token-everywhere": "every latent holds the keys of the first token"
            => latents(k, v, h, |keys, values| (Array3::from_shape_fn(k.raw_dim(), |(g, _, l)| keys[[g, 0, l]]), values));
        "first-token-in-both": "every latent holds the keys and values of the first token"
            => latents(k, v, h, |keys, values| {
                let first = |x: Array3<f64>| Array3::from_shape_fn(x.raw_dim(), |(g, _, l)| x[[g, 0, l]]);
                (first(keys), first(values))
            });
        "last-token-only": "only the latent of the last token is filled in, and the others stay zeros"
            => latents(k, v, h, |keys, values| {
                let last = |x: Array3<f64>| Array3::from_shape_fn(x.raw_dim(), |(g, j, l)| if j + 1 == x.dim().1 { x[[g, j, l]] } else { 0.0 });
                (last(keys), last(values))
            });
        "reshaped": "keys and values are read into m rows in the order in which they lie in memory, group by group; a row has to hold all groups of one token"
            => {
                let read = |x: Array3<f64>| {
                    let (h_kv, m, d) = x.dim();
                    let numbers: Vec<f64> = x.iter().copied().collect();
                    let rows = Array2::from_shape_vec((m, h_kv * d), numbers).expect("as many");
                    Array3::from_shape_fn((h_kv, m, d), |(g, j, l)| rows[[j, g * d + l]])
                };
                latents(k, v, h, |keys, values| (read(keys), read(values)))
            };
        "first-heads-only": "the first h_kv heads get a group each, and the others zeros; each group has h/h_kv heads"
            => weighted(k, v, h, |a, group| f64::from(a == group));
        "first-h-kv-heads": "only the first h_kv heads are filled in, and the others stay zeros"
            => weighted(k, v, h, |a, group| f64::from(a < k.dim().0 && a * k.dim().0 / h == group));
        "values-of-first-head": "w_uv is filled in for the first head of a group alone, and w_uk for all"
            => {
                let mut all = crate::gqa_as_mla(k, v, h);
                for a in (0..h).filter(|a| a % (h / k.dim().0) > 0) {
                    all.up.w_uv.index_axis_mut(Axis(0), a).fill(0.0);
                }
                all
            };
        "values-of-modulo": "the keys have their groups right, and the values have group a mod h_kv"
            => AsMla { up: Up { w_uv: grouped(k, v, h, |a| a % k.dim().0).up.w_uv, ..keys_first(k, v, h).up }, ..keys_first(k, v, h) };
        "first-number-only": "each head takes the first number of its key and of its value alone: the weights have a single 1"
            => {
                let AsMla { c, up: Up { mut w_uk, mut w_uv } } = crate::gqa_as_mla(k, v, h);
                w_uk.slice_mut(s![.., .., 1..]).fill(0.0);
                w_uv.slice_mut(s![.., .., 1..]).fill(0.0);
                AsMla { c, up: Up { w_uk, w_uv } }
            };
        "one-group-kept": "a latent holds the key and the value of one group, those of the last, which are written over the others; it has room for all"
            => {
                let last = |x: ArrayView3<f64>| x.slice(s![x.dim().0 - 1.., .., ..]).to_owned();
                crate::gqa_as_mla(last(k).view(), last(v).view(), h)
            };
        "groups-added-up": "a latent holds the sum of all groups' keys and of their values; it has room for each of them"
            => {
                let sum = |x: ArrayView3<f64>| x.sum_axis(Axis(0)).insert_axis(Axis(0));
                crate::gqa_as_mla(sum(k).view(), sum(v).view(), h)
            };
        "weights-transposed": "w_uk and w_uv are transposed, (h, d, d_c) and (h, d_v, d_c); a latent stands on their left"
            => {
                let AsMla { c, up } = crate::gqa_as_mla(k, v, h);
                let [w_uk, w_uv] = [up.w_uk, up.w_uv].map(|w| w.permuted_axes([0, 2, 1]).as_standard_layout().into_owned());
                AsMla { c, up: Up { w_uk, w_uv } }
            };
        "weights-of-groups": "w_uk and w_uv have a matrix for each group; they are to have one for each of the h heads"
            => crate::gqa_as_mla(k, v, k.dim().0);
        "latents-transposed": "the latents are transposed, d_c × m; each token has a row"
            => {
                let AsMla { c, up } = crate::gqa_as_mla(k, v, h);
                AsMla { c: c.reversed_axes().as_standard_layout().into_owned(), up }
            };
        "beyond-the-groups": "head a has group a / h_kv, also where there is none; it is a divided by the heads of a group, h/h_kv"
            => sliced(k, v, h, |a| a / k.dim().0);
        "heads-beyond-the-groups": "head a has group a, also where there is none; it is a divided by the heads of a group, h/h_kv"
            => sliced(k, v, h, |a| a);
        "numbers-beyond-the-groups": "head a has group a / h_kv, and the ones are written number by number, also where there is no such group; it is a divided by the heads of a group, h/h_kv"
            => written(k, v, h, |a| a / k.dim().0);
        "numbers-of-heads-beyond": "head a has group a, and the ones are written number by number, also where there is no such group; it is a divided by the heads of a group, h/h_kv"
            => written(k, v, h, |a| a);
        "heads-of-the-first-group": "only the heads of the first group are filled in, and the others stay zeros"
            => weighted(k, v, h, |a, group| f64::from(a < h / k.dim().0 && group == 0));
        "value-d-v-further": "w_uv begins d_v rows behind the group's key, which may be past the end; its value lies d rows behind it"
            => placed(k, v, h, |key, _, _| (key, key + v.dim().2));
        "through-f32": "the numbers go through f32, which keeps seven digits; this chapter asks for f64"
            => {
                let AsMla { c, up } = crate::gqa_as_mla(k, v, h);
                AsMla { c: through_f32(&c), up }
            };
    }
}

/// What can be seen of the answer without knowing the order within a latent.
impl Fields for AsMla {
    fn fields(&self) -> Vec<Field> {
        let fits = |w: &Array3<f64>| w.dim().1 == self.c.ncols();
        let made = |w: &Array3<f64>| {
            let c =
                Array3::from_shape_fn((w.dim().0, self.c.nrows(), self.c.ncols()), |(_, j, l)| {
                    self.c[[j, l]]
                });
            if fits(w) { oracle::products(c.view(), w.view()) } else { Array3::zeros((0, 0, 0)) }
        };
        vec![
            field("numbers kept per token", self.c.ncols()),
            field("c·w_uk", &made(&self.up.w_uk)),
            field("c·w_uv", &made(&self.up.w_uv)),
        ]
    }
}

/// Latents by token and column; weights by head, column and place, for keys and for values.
fn built(
    k: ArrayView3<f64>,
    v: ArrayView3<f64>,
    h: usize,
    d_c: usize,
    latent: impl Fn(usize, usize) -> f64,
    weights: impl Fn(usize, usize, usize) -> (f64, f64),
    m: usize,
) -> AsMla {
    let w_uk = Array3::from_shape_fn((h, d_c, k.dim().2), |(a, column, l)| weights(a, column, l).0);
    let w_uv = Array3::from_shape_fn((h, d_c, v.dim().2), |(a, column, l)| weights(a, column, l).1);
    let c = Array2::from_shape_fn((m, d_c), |(j, column)| latent(j, column));
    AsMla { c, up: Up { w_uk, w_uv } }
}

/// The keys of all groups, then the values of all groups.
fn keys_first(k: ArrayView3<f64>, v: ArrayView3<f64>, h: usize) -> AsMla {
    weighted(k, v, h, |a, group| f64::from(a * k.dim().0 / h == group))
}

/// The same, where `weight` says how much head a takes of a group.
fn weighted(
    k: ArrayView3<f64>,
    v: ArrayView3<f64>,
    h: usize,
    weight: impl Fn(usize, usize) -> f64,
) -> AsMla {
    let ((h_kv, m, d), d_v) = (k.dim(), v.dim().2);
    let d_c = h_kv * (d + d_v);
    let mut c = Array2::zeros((m, d_c));
    let mut up = Up { w_uk: Array3::zeros((h, d_c, d)), w_uv: Array3::zeros((h, d_c, d_v)) };
    for group in 0..h_kv {
        let (key, value) = (group * d, h_kv * d + group * d_v);
        c.slice_mut(s![.., key..key + d]).assign(&k.index_axis(Axis(0), group));
        c.slice_mut(s![.., value..value + d_v]).assign(&v.index_axis(Axis(0), group));
        for a in 0..h {
            let share = weight(a, group);
            up.w_uk.slice_mut(s![a, key..key + d, ..]).assign(&(Array2::eye(d) * share));
            up.w_uv.slice_mut(s![a, value..value + d_v, ..]).assign(&(Array2::eye(d_v) * share));
        }
    }
    AsMla { c, up }
}

/// With weights that look elsewhere: given where the group's key and its value lie, and its number,
/// the rows in which the two identities begin.
fn placed(
    k: ArrayView3<f64>,
    v: ArrayView3<f64>,
    h: usize,
    place: impl Fn(usize, usize, usize) -> (usize, usize),
) -> AsMla {
    let AsMla { c, up: Up { mut w_uk, mut w_uv } } = crate::gqa_as_mla(k, v, h);
    let (d, d_v) = (k.dim().2, v.dim().2);
    w_uk.fill(0.0);
    w_uv.fill(0.0);
    for a in 0..h {
        let group = a * k.dim().0 / h;
        let at = group * (d + d_v);
        let (key, value) = place(at, at + d, group);
        for l in 0..d {
            w_uk[[a, key + l, l]] = 1.0;
        }
        for l in 0..d_v {
            w_uv[[a, value + l, l]] = 1.0;
        }
    }
    AsMla { c, up: Up { w_uk, w_uv } }
}

/// With other keys and values in the latents.
fn latents(
    k: ArrayView3<f64>,
    v: ArrayView3<f64>,
    h: usize,
    change: impl Fn(Array3<f64>, Array3<f64>) -> (Array3<f64>, Array3<f64>),
) -> AsMla {
    let (k, v) = change(k.to_owned(), v.to_owned());
    crate::gqa_as_mla(k.view(), v.view(), h)
}

/// With the heads dealt out in another way, even to groups that do not exist.
fn sliced(
    k: ArrayView3<f64>,
    v: ArrayView3<f64>,
    h: usize,
    group: impl Fn(usize) -> usize,
) -> AsMla {
    let AsMla { c, up: Up { mut w_uk, mut w_uv } } = crate::gqa_as_mla(k, v, h);
    let (d, d_v) = (k.dim().2, v.dim().2);
    w_uk.fill(0.0);
    w_uv.fill(0.0);
    for a in 0..h {
        let key = group(a) * (d + d_v);
        let value = key + d;
        w_uk.slice_mut(s![a, key..value, ..]).assign(&Array2::eye(d));
        w_uv.slice_mut(s![a, value..value + d_v, ..]).assign(&Array2::eye(d_v));
    }
    AsMla { c, up: Up { w_uk, w_uv } }
}

/// The same, number by number.
fn written(
    k: ArrayView3<f64>,
    v: ArrayView3<f64>,
    h: usize,
    group: impl Fn(usize) -> usize,
) -> AsMla {
    let AsMla { c, up: Up { mut w_uk, mut w_uv } } = crate::gqa_as_mla(k, v, h);
    let (d, d_v) = (k.dim().2, v.dim().2);
    w_uk.fill(0.0);
    w_uv.fill(0.0);
    for a in 0..h {
        let key = group(a) * (d + d_v);
        for l in 0..d {
            w_uk[[a, key + l, l]] = 1.0;
        }
        for l in 0..d_v {
            w_uv[[a, key + d + l, l]] = 1.0;
        }
    }
    AsMla { c, up: Up { w_uk, w_uv } }
}

/// With the heads dealt out to the groups in another way.
fn grouped(
    k: ArrayView3<f64>,
    v: ArrayView3<f64>,
    h: usize,
    group: impl Fn(usize) -> usize,
) -> AsMla {
    weighted(k, v, h, |a, other| f64::from(group(a) == other))
}
