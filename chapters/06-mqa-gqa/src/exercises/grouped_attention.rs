//! 6.2 `grouped_attention`

use super::kv_head::HEADS;
use crate::{kv_head, oracle};
use attn_core::{Mask, random::Random};
use attn_exercise::{SOME_MASKS, SOME_VALUES, exercise, field, pairwise, some_mask, some_values};
use ch03_scaled_dot_product::{allowed, attention, masked_scores, softmax_rows};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, array, concatenate, s, stack};

exercise! {
    /// Queries (h, n, d), keys (h_kv, m, d), values (h_kv, m, d_v), and a mask.
    crate::grouped_attention: (
        q: Array3<f32>[h n d], k: Array3<f32>[h_kv m d], v: Array3<f32>[h_kv m d_v], mask: Mask,
    ) -> Array3<f32>;

    exact: |c| c.call(oracle::attention::<f64>);
    plain: |c| [c.call(oracle::attention::<f32>), c.call(stacked)];
    steps: |c| {
        let scores = per_head(c.q.view(), c.k.view(), c.v.view(), kv_head, |q, k, _| masked_scores(q, k, &c.mask));
        let heads: Vec<usize> = (0..c.q.dim().0).map(|i| kv_head(i, c.q.dim().0, c.k.dim().0)).collect();
        [field("key/value head of each query head", &heads), field("scores of each query head", &scores)]
    };

    cases: |random| {
        let mut of = |about: &str, (h, h_kv), (n, m), (d, d_v), mask, kinds: [usize; 3]| case(about, (
            some_values(kinds[0], (h, n, d), random),
            some_values(kinds[1], (h_kv, m, d), random),
            some_values(kinds[2], (h_kv, m, d_v), random),
            mask,
        ));
        let mut cases = vec![
            by_hand(),
            of("", (4, 2), (3, 5), (4, 3), Mask::None, [0; 3]),
            of("MQA", (4, 1), (5, 5), (8, 8), Mask::Causal, [0; 3]),
            of("MHA", (3, 3), (4, 6), (4, 4), Mask::Causal, [0; 3]),
            of("groups of three", (6, 2), (5, 3), (4, 4), Mask::Causal, [0; 3]),
            of("groups of two", (6, 3), (7, 9), (5, 4), Mask::Prefix(3), [0; 3]),
            of("one token", (8, 2), (1, 33), (16, 16), Mask::Causal, [0; 3]),
            of("", (8, 2), (31, 33), (16, 8), Mask::Causal, [0; 3]),
            of("many heads", (32, 8), (2, 3), (2, 2), Mask::Causal, [0; 3]),
        ];
        let levels = [HEADS.len(), 3, 3, 3, 3, SOME_MASKS, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        let small = pairwise(levels).into_iter().map(|[heads, n, m, d, d_v, mask, of_q, of_k, of_v]| {
            let sizes = ([1, 2, 5][n], [1, 3, 5][m]);
            let mask = some_mask(mask, sizes, &mut Random::new((n + 3 * m) as u64));
            of("small", HEADS[heads], sizes, ([1, 3, 4][d], [1, 3, 4][d_v]), mask, [of_q, of_k, of_v])
        });
        cases.extend(small.collect::<Vec<_>>());
        cases
    };

    never { "h < h_kv": "a key/value head without a query head would be of no use"; }

    right (q, k, v, mask) {
        "keys and values copied out to every head" => {
            let copied = |x: ArrayView3<f32>| {
                let group = q.dim().0 / x.dim().0;
                Array3::from_shape_fn((q.dim().0, x.dim().1, x.dim().2), |(i, j, c)| x[[i / group, j, c]])
            };
            let (k, v) = (copied(k), copied(v));
            per_head(q, k.view(), v.view(), |i, _, _| i, |q, k, v| attention(q, k, v, mask).out)
        };
        "group by group, rows stacked" => stacked(q, k, v, mask);
        "f64 inside" => oracle::attention::<f64>(q, k, v, mask).mapv(|x| x as f32);
    }

    mistakes (q, k, v, mask) {
        "keys-modulo": "the keys of head i mod h_kv are used with the right values"
            => shared(q, k, v, mask, |i, _, h_kv| i % h_kv, kv_head);
        "values-modulo": "the values of head i mod h_kv are used with the right weights"
            => shared(q, k, v, mask, kv_head, |i, _, h_kv| i % h_kv);
        "keys-first": "every query head looks at the keys of head 0"
            => shared(q, k, v, mask, |_, _, _| 0, kv_head);
        "values-first": "every query head takes the values of head 0"
            => shared(q, k, v, mask, kv_head, |_, _, _| 0);
        "causal-over-stacked": "the queries of a group are stacked into one matrix, and a causal mask takes them for that many tokens; it holds for the n rows of each head"
            => by_groups(q, k, v, |q, k, v, _| attention(q, k, v, &over_rows(mask, q.nrows())).out);
        "all-keys": "every query head attends to the keys of all key/value heads at once"
            => {
                let n = q.dim().1;
                let (keys, values) = (side_by_side(k), side_by_side(v));
                let table = allowed(mask, n, k.dim().1);
                let table = Array2::from_shape_fn((n, keys.nrows()), |(i, j)| table[[i, j % k.dim().1]]);
                let table = Mask::Dense(table);
                per_head(q, k, v, kv_head, |q, _, _| attention(q, keys.view(), values.view(), &table).out)
            };
        "mean-of-queries": "the queries of a group are averaged, and its heads all get the same"
            => {
                let (h, h_kv) = (q.dim().0, k.dim().0);
                let mut mean = q.to_owned();
                for i in 0..h {
                    let g = kv_head(i, h, h_kv);
                    let group = q.slice(s![g * h / h_kv..(g + 1) * h / h_kv, .., ..]);
                    mean.index_axis_mut(Axis(0), i).assign(&group.mean_axis(Axis(0)).expect("a head"));
                }
                crate::grouped_attention(mean.view(), k, v, mask)
            };
        "group-summed": "the outputs of a group are added up, and all its heads get the sum"
            => group_sums(q, k, v, mask);
        "group-averaged": "the outputs of a group are averaged, and all its heads get the mean"
            => group_sums(q, k, v, mask) * (k.dim().0 as f32 / q.dim().0 as f32);
        "first-of-the-group": "only the first query head of each group attends; the others get its output"
            => {
                let (h, h_kv) = (q.dim().0, k.dim().0);
                let right = crate::grouped_attention(q, k, v, mask);
                let first: Vec<usize> = (0..h).map(|i| kv_head(i, h, h_kv) * (h / h_kv)).collect();
                right.select(Axis(0), &first)
            };
        "heads-dealt-out": "the outputs stand in the order of the members: head j of group g is written to place j·h_kv + g instead of g·(h/h_kv) + j"
            => {
                let (h, h_kv) = (q.dim().0, k.dim().0);
                let right = crate::grouped_attention(q, k, v, mask);
                let from: Vec<usize> = (0..h).map(|place| place % h_kv * (h / h_kv) + place / h_kv).collect();
                right.select(Axis(0), &from)
            };
        "mask-ignored": "the mask is not handed on to the heads"
            => crate::grouped_attention(q, k, v, &Mask::None);
        "always-causal": "every head is masked causally, whatever the mask says"
            => crate::grouped_attention(q, k, v, &Mask::Causal);
        "mask-on-head-0": "only query head 0 obeys the mask"
            => {
                let mut out = crate::grouped_attention(q, k, v, &Mask::None);
                let masked = crate::grouped_attention(q, k, v, mask);
                out.index_axis_mut(Axis(0), 0).assign(&masked.index_axis(Axis(0), 0));
                out
            };
        "only-causal": "only a causal mask is handed on; the others are dropped"
            => match mask {
                Mask::Causal => crate::grouped_attention(q, k, v, mask),
                _ => crate::grouped_attention(q, k, v, &Mask::None),
            };
        "mean-of-keys-and-values": "all heads use the mean of the key/value heads"
            => {
                let mean = |x: ArrayView3<f32>| x.mean_axis(Axis(0)).expect("a head").broadcast(x.dim()).expect("heads").to_owned();
                crate::grouped_attention(q, mean(k).view(), mean(v).view(), mask)
            };
        "mean-of-keys": "all heads look at the mean of the keys' heads; the values are right"
            => {
                let mean = k.mean_axis(Axis(0)).expect("a head");
                crate::grouped_attention(q, mean.broadcast(k.dim()).expect("heads"), v, mask)
            };
        "group-backwards": "the outputs of a group stand in the opposite order"
            => {
                let group = q.dim().0 / k.dim().0;
                let right = crate::grouped_attention(q, k, v, mask);
                let from: Vec<usize> = (0..q.dim().0).map(|i| i / group * group + group - 1 - i % group).collect();
                right.select(Axis(0), &from)
            };
        "mask-on-the-first": "only the first query head of each group obeys the mask"
            => {
                let (h, h_kv) = (q.dim().0, k.dim().0);
                let mut out = crate::grouped_attention(q, k, v, &Mask::None);
                let masked = crate::grouped_attention(q, k, v, mask);
                for first in (0..h).step_by(h / h_kv) {
                    out.index_axis_mut(Axis(0), first).assign(&masked.index_axis(Axis(0), first));
                }
                out
            };
        "scaled-twice": "the scores are divided by √d twice: attention of chapter 3 has done it already"
            => rescaled(q, k, v, mask, 1.0 / (q.dim().2 as f32).sqrt());
        "no-scale": "the scores are not divided by √d"
            => rescaled(q, k, v, mask, (q.dim().2 as f32).sqrt());
        "root-of-all-heads": "the scores are divided by √(h·d), the width of all heads together, instead of √d"
            => rescaled(q, k, v, mask, 1.0 / (q.dim().0 as f32).sqrt());
        "root-of-the-group": "the scores are divided by the root of the group's size as well as √d"
            => rescaled(q, k, v, mask, (k.dim().0 as f32 / q.dim().0 as f32).sqrt());
        "values-unweighted": "the values of a group are added up without weights"
            => per_head(q, k, v, kv_head, |q, _, v| {
                let sum = v.sum_axis(Axis(0));
                sum.broadcast((q.nrows(), v.ncols())).expect("a row").to_owned()
            });
        "softmax-over-the-group": "the softmax of a group runs over its rows instead of its keys"
            => by_groups(q, k, v, |q, k, v, rows| {
                let mut scores = masked_scores(q, k, &Mask::None);
                let table = allowed(mask, rows, k.nrows());
                scores.indexed_iter_mut().filter(|((r, j), _)| !table[[r % rows, *j]]).for_each(|(_, s)| *s = f32::NEG_INFINITY);
                softmax_rows(scores.t()).t().dot(&v)
            });
        "keys-and-values-swapped": "keys and values are exchanged where they have the same shape"
            => if k.dim() == v.dim() {
                crate::grouped_attention(q, v, k, mask)
            } else {
                crate::grouped_attention(q, k, v, mask)
            };
        "heads-and-queries-swapped": "the heads of a group are told apart by the wrong axis: query i of the group's rows is taken for head i mod (h/h_kv)"
            => {
                let group = q.dim().0 / k.dim().0;
                by_groups(q, k, v, |q, k, v, n| {
                    let table = allowed(mask, n, k.nrows());
                    let tall = Array2::from_shape_fn((q.nrows(), k.nrows()), |(r, j)| table[[r / group, j]]);
                    attention(q, k, v, &Mask::Dense(tall)).out
                })
            };
        "group-modulo": "query head i uses key/value head i mod (h/h_kv), also where there is none; it is i divided by that"
            => strict(q, k, v, mask, |i, h, h_kv| i % (h / h_kv));
        "by-kv-heads": "query head i uses key/value head i / h_kv, also where there is none; it is i divided by h/h_kv, the size of a group"
            => strict(q, k, v, mask, |i, _, h_kv| i / h_kv);
        "own": "query head i uses key/value head i, also where there is none; the heads of a group share one"
            => strict(q, k, v, mask, |i, _, _| i);
        "query-of-the-group": "query head g of all heads meets the keys of group g, for every member of the group; each member has its own queries"
            => {
                let (h, h_kv) = (q.dim().0, k.dim().0);
                let of_group: Vec<usize> = (0..h).map(|i| kv_head(i, h, h_kv)).collect();
                crate::grouped_attention(q.select(Axis(0), &of_group).view(), k, v, mask)
            };
        "one-head-of-each-group": "only the first query head of each group attends, and the others stay zeros"
            => kept(q, k, v, mask, |i, group| i % group == 0);
        "last-head-of-each-group": "only the last query head of each group attends, and the others stay zeros"
            => kept(q, k, v, mask, |i, group| i % group == group - 1);
        "only-head-0": "only head 0 is filled in, and the others stay zeros"
            => kept(q, k, v, mask, |i, _| i == 0);
        "one-head-for-each-key-head": "the first h_kv query heads attend, each with a key/value head of its own, and the others stay zeros; each key/value head has h/h_kv query heads"
            => {
                let h_kv = k.dim().0;
                let mut out = Array3::zeros((q.dim().0, q.dim().1, v.dim().2));
                let own = per_head(q.slice(s![..h_kv, .., ..]), k, v, |i, _, _| i, |q, k, v| attention(q, k, v, mask).out);
                out.slice_mut(s![..h_kv, .., ..]).assign(&own);
                out
            };
        "last-head-everywhere": "every head is overwritten by the last one"
            => {
                let right = crate::grouped_attention(q, k, v, mask);
                right.select(Axis(0), &vec![q.dim().0 - 1; q.dim().0])
            };
        "written-to-head-0": "every output is written to head 0, so that the last one is left there, and the others stay zeros"
            => {
                let right = crate::grouped_attention(q, k, v, mask);
                let mut out = Array3::zeros(right.raw_dim());
                out.index_axis_mut(Axis(0), 0).assign(&right.index_axis(Axis(0), q.dim().0 - 1));
                out
            };
        "written-to-the-group": "the output of head i is written to place g, its group's number, so that the last one of each group is left there, and the others stay zeros"
            => {
                let (h, h_kv) = (q.dim().0, k.dim().0);
                let right = crate::grouped_attention(q, k, v, mask);
                let mut out = Array3::zeros(right.raw_dim());
                for i in 0..h {
                    out.index_axis_mut(Axis(0), kv_head(i, h, h_kv)).assign(&right.index_axis(Axis(0), i));
                }
                out
            };
        "summed-in-the-first": "the outputs of a group are added up in the place of its first head, and the others stay zeros"
            => {
                let group = q.dim().0 / k.dim().0;
                let mut sums = group_sums(q, k, v, mask);
                for (i, mut sum) in sums.outer_iter_mut().enumerate() {
                    if i % group > 0 {
                        sum.fill(0.0);
                    }
                }
                sums
            };
        "divided-by-the-group": "each head's output is divided by the size of its group; it is nobody's share"
            => crate::grouped_attention(q, k, v, mask) * (k.dim().0 as f32 / q.dim().0 as f32);
        "keys-and-values-summed": "all heads use the sum of the key/value heads"
            => {
                let sum = |x: ArrayView3<f32>| x.sum_axis(Axis(0)).broadcast(x.dim()).expect("heads").to_owned();
                crate::grouped_attention(q, sum(k).view(), sum(v).view(), mask)
            };
        "scaled-after": "the outputs are divided by √d; the scores are, and attention of chapter 3 has done it"
            => crate::grouped_attention(q, k, v, mask) / (q.dim().2 as f32).sqrt();
        "values-for-keys": "keys and values are exchanged, also where they have another width"
            => per_head(q, v, k, kv_head, |q, v, k| attention(q, v, k, mask).out);
    }

    within {
        kv_head: |wrong, (q, k, v, mask)| {
            // Out of range stays in range, so that the rest is compared.
            let which = |i: usize, h: usize, h_kv: usize| wrong(i, h, h_kv).min(h_kv - 1);
            shared(q, k, v, mask, which, which)
        };
    }
}

/// Four query heads, two key/value heads, width 1: the second group has other values.
fn by_hand() -> Case {
    let ln3 = 3.0_f32.ln();
    case(
        "by hand: 3, 1, 30 and 10",
        (
            array![[[1.0]], [[-1.0]], [[1.0]], [[-1.0]]],
            array![[[0.0], [ln3]], [[0.0], [ln3]]],
            array![[[0.0], [4.0]], [[0.0], [40.0]]],
            Mask::None,
        ),
    )
}

/// Every query head by itself, with the key/value head that `which` names.
fn per_head(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    which: impl Fn(usize, usize, usize) -> usize,
    attend: impl Fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>) -> Array2<f32>,
) -> Array3<f32> {
    let (h, h_kv) = (q.dim().0, k.dim().0);
    let heads = (0..h).map(|i| {
        let at = which(i, h, h_kv);
        attend(q.index_axis(Axis(0), i), k.index_axis(Axis(0), at), v.index_axis(Axis(0), at))
    });
    let heads: Vec<Array2<f32>> = heads.collect();
    let views: Vec<_> = heads.iter().map(|x| x.view()).collect();
    stack(Axis(0), &views).expect("heads of one shape")
}

/// Attention with the key/value head that `which` names, be it there or not.
fn strict(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    which: impl Fn(usize, usize, usize) -> usize,
) -> Array3<f32> {
    per_head(q, k, v, which, |q, k, v| attention(q, k, v, mask).out)
}

/// The heads that `which` keeps, given each one's number and the size of a group; zeros for
/// the others.
fn kept(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    which: impl Fn(usize, usize) -> bool,
) -> Array3<f32> {
    let (h, h_kv) = (q.dim().0, k.dim().0);
    let mut out = crate::grouped_attention(q, k, v, mask);
    for (i, mut out) in out.outer_iter_mut().enumerate() {
        if !which(i, h / h_kv) {
            out.fill(0.0);
        }
    }
    out
}

/// Attention with the keys of one head and the values of another.
pub fn shared(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    of_keys: impl Fn(usize, usize, usize) -> usize,
    of_values: impl Fn(usize, usize, usize) -> usize,
) -> Array3<f32> {
    let (h, h_kv) = (q.dim().0, k.dim().0);
    let keys: Vec<usize> = (0..h).map(|i| of_keys(i, h, h_kv)).collect();
    let values: Vec<usize> = (0..h).map(|i| of_values(i, h, h_kv)).collect();
    let (k, v) = (k.select(Axis(0), &keys), v.select(Axis(0), &values));
    per_head(q, k.view(), v.view(), |i, _, _| i, |q, k, v| attention(q, k, v, mask).out)
}

/// Group by group: the rows of its heads below each other, its keys, its values, and how many rows a head has.
fn by_groups(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    attend: impl Fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, usize) -> Array2<f32>,
) -> Array3<f32> {
    let (h, n, d) = q.dim();
    let rows = h / k.dim().0 * n;
    let tall =
        q.as_standard_layout().into_owned().into_shape_with_order((h * n, d)).expect("as many");
    let groups = tall.axis_chunks_iter(Axis(0), rows).zip(k.outer_iter()).zip(v.outer_iter());
    let out: Vec<Array2<f32>> = groups.map(|((q, k), v)| attend(q, k, v, n)).collect();
    let views: Vec<_> = out.iter().map(|x| x.view()).collect();
    let out = concatenate(Axis(0), &views).expect("groups of one width");
    out.into_shape_with_order((h, n, v.dim().2)).expect("as many")
}

/// Group by group, as one product of matrices each.
fn stacked(q: ArrayView3<f32>, k: ArrayView3<f32>, v: ArrayView3<f32>, mask: &Mask) -> Array3<f32> {
    by_groups(q, k, v, |q, k, v, n| {
        let table = allowed(mask, n, k.nrows());
        let tall = Array2::from_shape_fn((q.nrows(), k.nrows()), |(r, j)| table[[r % n, j]]);
        attention(q, k, v, &Mask::Dense(tall)).out
    })
}

/// A mask for `rows` rows, as one who stacks the queries makes it: tables are repeated, and a causal
/// mask looks after itself.
fn over_rows(mask: &Mask, rows: usize) -> Mask {
    match mask {
        Mask::Dense(table) => {
            let n = table.nrows();
            Mask::Dense(Array2::from_shape_fn((rows, table.ncols()), |(r, j)| table[[r % n, j]]))
        }
        Mask::All(masks) => Mask::All(masks.iter().map(|mask| over_rows(mask, rows)).collect()),
        mask => mask.clone(),
    }
}

/// The rows of all heads below each other.
fn side_by_side(x: ArrayView3<f32>) -> Array2<f32> {
    let views: Vec<_> = x.outer_iter().collect();
    concatenate(Axis(0), &views).expect("heads of one width")
}

/// Every head gets the sum of its group.
fn group_sums(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
) -> Array3<f32> {
    let (h, h_kv) = (q.dim().0, k.dim().0);
    let right = crate::grouped_attention(q, k, v, mask);
    let mut sums = right.clone();
    for (i, mut sum) in sums.outer_iter_mut().enumerate() {
        let first = kv_head(i, h, h_kv) * (h / h_kv);
        sum.assign(&right.slice(s![first..first + h / h_kv, .., ..]).sum_axis(Axis(0)));
    }
    sums
}

/// With scores that are multiplied by a factor.
fn rescaled(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    factor: f32,
) -> Array3<f32> {
    crate::grouped_attention((&q * factor).view(), k, v, mask)
}
