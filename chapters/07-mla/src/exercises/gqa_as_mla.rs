//! 7.9 `gqa_as_mla`

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

    cases: |random| {
        let mut of = |about, (h_kv, h), m, (d, d_v)| {
            case(about, (seeded::normal(random, (h_kv, m, d)), seeded::normal(random, (h_kv, m, d_v)), h))
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

/// With the heads dealt out to the groups in another way.
fn grouped(
    k: ArrayView3<f64>,
    v: ArrayView3<f64>,
    h: usize,
    group: impl Fn(usize) -> usize,
) -> AsMla {
    weighted(k, v, h, |a, other| f64::from(group(a) == other))
}
