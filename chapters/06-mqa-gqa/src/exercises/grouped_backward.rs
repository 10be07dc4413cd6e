//! 6.4 `grouped_backward`

use super::kv_head::HEADS;
use crate::{Gradients, kv_head, oracle};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    SOME_MASKS, SOME_VALUES, exercise, field, fields, pairwise, some_mask, some_values,
};
use ch03_scaled_dot_product::{attention_backward, exercises::attention_backward::some_d_out};
use ndarray::{Array3, ArrayView3, Axis, array, s};

fields! { Gradients { dq, dk, dv } }

exercise! {
    /// The inputs of grouped-query attention, and the gradient with respect to its output (h, n, d_v).
    crate::grouped_backward: (
        q: Array3<f32>[h n d], k: Array3<f32>[h_kv m d], v: Array3<f32>[h_kv m d_v], mask: Mask, d_out: Array3<f32>[h n d_v],
    ) -> Gradients;

    exact: |c| {
        let [dq, dk, dv] = c.call(oracle::backward::<f64>);
        vec![field("dq", &dq), field("dk", &dk), field("dv", &dv)]
    };
    plain: |c| [
        {
            let [dq, dk, dv] = c.call(oracle::backward::<f32>);
            Gradients { dq, dk, dv }
        },
        c.call(expanded),
    ];

    cases: |random| {
        let mut of = |about: &str, (h, h_kv), (n, m), (d, d_v), mask| {
            let [q, k, v, d_out] = [(h, n, d), (h_kv, m, d), (h_kv, m, d_v), (h, n, d_v)].map(|shape| random.normal(shape));
            case(about, (q, k, v, mask, d_out))
        };
        let mut cases = vec![
            by_hand(),
            of("", (4, 2), (3, 5), (4, 3), Mask::None),
            of("MQA", (4, 1), (5, 5), (4, 4), Mask::Causal),
            of("MHA", (3, 3), (4, 6), (4, 4), Mask::Causal),
            of("groups of three", (6, 2), (5, 3), (4, 4), Mask::Causal),
            of("", (8, 2), (17, 19), (8, 4), Mask::Causal),
            of("many heads", (32, 8), (2, 3), (2, 2), Mask::Causal),
        ];
        let levels = [HEADS.len(), 3, 3, 3, 3, SOME_MASKS, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        let mut kinds = (0..SOME_VALUES).cycle();
        cases.extend(pairwise(levels).into_iter().map(|[heads, n, m, d, d_v, mask, of_q, of_k, of_v]| {
            let ((h, h_kv), sizes) = (HEADS[heads], ([1, 2, 5][n], [1, 3, 5][m]));
            let mask = some_mask(mask, sizes, &mut Random::new((n + 3 * m) as u64));
            let (d, d_v) = ([1, 3, 4][d], [1, 3, 4][d_v]);
            let q = some_values(of_q, (h, sizes.0, d), random);
            let k = some_values(of_k, (h_kv, sizes.1, d), random);
            let v = some_values(of_v, (h_kv, sizes.1, d_v), random);
            let d_out = some_d_out(&rows(q.view()), &rows(k.view()), &rows(v.view()), &Mask::None, &mut kinds, random);
            let d_out = d_out.into_shape_with_order((h, sizes.0, d_v)).expect("as many");
            case("small", (q, k, v, mask, d_out))
        }));
        cases
    };

    never { "h < h_kv": "a key/value head without a query head would be of no use"; }

    right (q, k, v, mask, d_out) {
        "copied out, then added up" => expanded(q, k, v, mask, d_out);
        "f64 inside" => {
            let [dq, dk, dv] = oracle::backward::<f64>(q, k, v, mask, d_out).map(|x| x.mapv(|x| x as f32));
            Gradients { dq, dk, dv }
        };
        "from the last head to the first" => {
            let mut order: Vec<usize> = (0..q.dim().0).rev().collect();
            order.sort_by_key(|i| std::cmp::Reverse(kv_head(*i, q.dim().0, k.dim().0)));
            added(q, k, v, mask, d_out, &order, kv_head)
        };
    }

    mistakes (q, k, v, mask, d_out) {
        "last-of-the-group": "dk and dv are overwritten by each query head of the group, so that the last one's are left; they are added up"
            => {
                let group = q.dim().0 / k.dim().0;
                let order: Vec<usize> = (0..q.dim().0).filter(|i| i % group == group - 1).collect();
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dq: right.dq, ..added(q, k, v, mask, d_out, &order, kv_head) }
            };
        "first-of-the-group": "dk and dv are those of the first query head of each group; the others use the same keys and values too"
            => {
                let group = q.dim().0 / k.dim().0;
                let order: Vec<usize> = (0..q.dim().0).step_by(group).collect();
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dq: right.dq, ..added(q, k, v, mask, d_out, &order, kv_head) }
            };
        "averaged": "dk and dv are the mean over the group; they are the sum: each use of a key has its effect on the loss"
            => {
                let share = k.dim().0 as f32 / q.dim().0 as f32;
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dk: right.dk * share, dv: right.dv * share, ..right }
            };
        "keys-averaged": "dk is the mean over the group, and dv the sum; both are sums"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dk: right.dk * (k.dim().0 as f32 / q.dim().0 as f32), ..right }
            };
        "values-averaged": "dv is the mean over the group, and dk the sum; both are sums"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dv: right.dv * (k.dim().0 as f32 / q.dim().0 as f32), ..right }
            };
        "queries-summed": "dq is added up over the group too; every query head has its own"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                let group = q.dim().0 / k.dim().0;
                let mut dq = right.dq.clone();
                for (i, mut sum) in dq.outer_iter_mut().enumerate() {
                    let first = i / group * group;
                    sum.assign(&right.dq.slice(s![first..first + group, .., ..]).sum_axis(Axis(0)));
                }
                Gradients { dq, ..right }
            };
        "queries-averaged": "dq is the mean over the group; every query head has its own"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                let group = q.dim().0 / k.dim().0;
                let mut dq = right.dq.clone();
                for (i, mut mean) in dq.outer_iter_mut().enumerate() {
                    let first = i / group * group;
                    mean.assign(&right.dq.slice(s![first..first + group, .., ..]).mean_axis(Axis(0)).expect("a head"));
                }
                Gradients { dq, ..right }
            };
        "queries-divided": "dq is divided by the size of the group; it is nobody's share"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dq: right.dq * (k.dim().0 as f32 / q.dim().0 as f32), ..right }
            };
        "root-of-the-group": "dk and dv are divided by the root of the group's size; they are plain sums"
            => {
                let share = (k.dim().0 as f32 / q.dim().0 as f32).sqrt();
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dk: right.dk * share, dv: right.dv * share, ..right }
            };
        "always-causal": "the gradients are those of causal attention, whatever the mask says"
            => crate::grouped_backward(q, k, v, &Mask::Causal, d_out);
        "negated": "all gradients have the opposite sign"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dq: -right.dq, dk: -right.dk, dv: -right.dv }
            };
        "sum-of-d-out": "the gradient of the output is added up over the group before it is handed on to each head"
            => {
                let group = q.dim().0 / k.dim().0;
                let mut sums = d_out.to_owned();
                for (i, mut own) in sums.outer_iter_mut().enumerate() {
                    let first = i / group * group;
                    own.assign(&d_out.slice(s![first..first + group, .., ..]).sum_axis(Axis(0)));
                }
                crate::grouped_backward(q, k, v, mask, sums.view())
            };
        "first-d-out-of-the-group": "every head gets the output's gradient of its group's first head"
            => {
                let group = q.dim().0 / k.dim().0;
                let first: Vec<usize> = (0..q.dim().0).map(|i| i / group * group).collect();
                crate::grouped_backward(q, k, v, mask, d_out.select(Axis(0), &first).view())
            };
        "keys-and-values-swapped": "dk and dv are exchanged where they have the same shape"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                match k.dim() == v.dim() {
                    true => Gradients { dq: right.dq, dk: right.dv, dv: right.dk },
                    false => right,
                }
            };
        "added-to-modulo": "the gradients are right, but they are added up in key/value head i mod h_kv"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                let wrong = added_to(q, k, v, mask, d_out, |i| i % k.dim().0);
                Gradients { dq: right.dq, ..wrong }
            };
        "mask-ignored": "the mask is not handed on: the gradients are those of attention without it"
            => crate::grouped_backward(q, k, v, &Mask::None, d_out);
        "scale-forgotten": "dq and dk lack the factor 1/√d; attention_backward of chapter 3 has it already"
            => {
                let root = (q.dim().2 as f32).sqrt();
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dq: right.dq * root, dk: right.dk * root, ..right }
            };
        "scaled-twice": "dq and dk are divided by √d once more; attention_backward of chapter 3 has done it already"
            => {
                let root = (q.dim().2 as f32).sqrt();
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dq: right.dq / root, dk: right.dk / root, ..right }
            };
        "mean-of-d-out": "the gradient of the output is averaged over the group before it is handed on"
            => {
                let group = q.dim().0 / k.dim().0;
                let mut mean = d_out.to_owned();
                for (i, mut own) in mean.outer_iter_mut().enumerate() {
                    let first = i / group * group;
                    own.assign(&d_out.slice(s![first..first + group, .., ..]).mean_axis(Axis(0)).expect("a head"));
                }
                crate::grouped_backward(q, k, v, mask, mean.view())
            };
        "sum-of-all": "dk and dv are added up over all query heads, and every key/value head gets that; each gets its own group's"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                let all = |x: &Array3<f32>| x.sum_axis(Axis(0)).broadcast(x.dim()).expect("heads").to_owned();
                Gradients { dk: all(&right.dk), dv: all(&right.dv), ..right }
            };
        "own-d-out-of-the-group": "query head i gets the output's gradient of head g, its group's number; it gets its own"
            => {
                let of_group: Vec<usize> = (0..q.dim().0).map(|i| kv_head(i, q.dim().0, k.dim().0)).collect();
                crate::grouped_backward(q, k, v, mask, d_out.select(Axis(0), &of_group).view())
            };
        "query-of-the-group": "query head i is given the queries of head g, its group's number; it has its own"
            => {
                let of_group: Vec<usize> = (0..q.dim().0).map(|i| kv_head(i, q.dim().0, k.dim().0)).collect();
                crate::grouped_backward(q.select(Axis(0), &of_group).view(), k, v, mask, d_out)
            };
        "queries-added-to-the-group": "dq is added up in place g, the group's number, and the places behind stay zeros; every query head has its own"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                let mut dq = Array3::zeros(right.dq.raw_dim());
                for (i, own) in right.dq.outer_iter().enumerate() {
                    let mut sum = dq.index_axis_mut(Axis(0), kv_head(i, q.dim().0, k.dim().0));
                    sum += &own;
                }
                Gradients { dq, ..right }
            };
        "queries-at-the-group": "dq of head i is written to place g, the group's number, so that the last one of each group is left, and the places behind stay zeros"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                let mut dq = Array3::zeros(right.dq.raw_dim());
                for (i, own) in right.dq.outer_iter().enumerate() {
                    dq.index_axis_mut(Axis(0), kv_head(i, q.dim().0, k.dim().0)).assign(&own);
                }
                Gradients { dq, ..right }
            };
        "queries-added-so-far": "dq of head i is added to those before it; every query head has its own"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                let mut dq = right.dq.clone();
                for (i, mut sum) in dq.outer_iter_mut().enumerate() {
                    sum.assign(&right.dq.slice(s![..=i, .., ..]).sum_axis(Axis(0)));
                }
                Gradients { dq, ..right }
            };
        "keys-and-values-added-so-far": "dk and dv of a group are added to those of the groups before it"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                let so_far = |x: &Array3<f32>| {
                    let mut sums = x.clone();
                    for (g, mut sum) in sums.outer_iter_mut().enumerate() {
                        sum.assign(&x.slice(s![..=g, .., ..]).sum_axis(Axis(0)));
                    }
                    sums
                };
                Gradients { dk: so_far(&right.dk), dv: so_far(&right.dv), ..right }
            };
        "no-dq": "dq is left as it began, all zeros"
            => Gradients { dq: Array3::zeros(q.raw_dim()), ..crate::grouped_backward(q, k, v, mask, d_out) };
        "no-dk": "dk is left as it began, all zeros"
            => Gradients { dk: Array3::zeros(k.raw_dim()), ..crate::grouped_backward(q, k, v, mask, d_out) };
        "no-dv": "dv is left as it began, all zeros"
            => Gradients { dv: Array3::zeros(v.raw_dim()), ..crate::grouped_backward(q, k, v, mask, d_out) };
        "divided-by-h": "dk and dv are divided by h, the number of all query heads; they are plain sums"
            => {
                let h = q.dim().0 as f32;
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dk: right.dk / h, dv: right.dv / h, ..right }
            };
        "divided-by-h-kv": "dk and dv are divided by h_kv; they are plain sums"
            => {
                let h_kv = k.dim().0 as f32;
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dk: right.dk / h_kv, dv: right.dv / h_kv, ..right }
            };
        "multiplied-by-the-group": "dk and dv are multiplied by the size of the group; they are plain sums"
            => {
                let group = (q.dim().0 / k.dim().0) as f32;
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dk: right.dk * group, dv: right.dv * group, ..right }
            };
        "all-averaged": "dq, dk and dv are divided by the size of the group, as when the output's gradient is"
            => {
                let share = k.dim().0 as f32 / q.dim().0 as f32;
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dq: right.dq * share, dk: right.dk * share, dv: right.dv * share }
            };
        "negative-keys": "dk is subtracted where it should be added"
            => {
                let right = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dk: -right.dk, ..right }
            };
        "one-head-for-each-key-head": "only the first h_kv query heads are gone through, each with a key/value head of its own; each key/value head has h/h_kv query heads"
            => {
                let order: Vec<usize> = (0..k.dim().0).collect();
                added(q, k, v, mask, d_out, &order, |i, _, _| i)
            };
        "one-head-of-each-group": "only the first query head of each group is gone through, and dq stays zero for the others"
            => {
                let group = q.dim().0 / k.dim().0;
                let order: Vec<usize> = (0..q.dim().0).step_by(group).collect();
                added(q, k, v, mask, d_out, &order, kv_head)
            };
        "by-kv-heads": "query head i uses key/value head i / h_kv, also where there is none; it is i divided by h/h_kv, the size of a group"
            => strict(q, k, v, mask, d_out, |i, _, h_kv| i / h_kv);
        "group-modulo": "query head i uses key/value head i mod (h/h_kv), also where there is none; it is i divided by that"
            => strict(q, k, v, mask, d_out, |i, h, h_kv| i % (h / h_kv));
        "own": "query head i uses key/value head i, also where there is none; the heads of a group share one"
            => strict(q, k, v, mask, d_out, |i, _, _| i);
        "values-added-to-keys": "dv is added to dk and dk to dv, also where they have another width"
            => {
                let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| Array3::zeros(x.raw_dim()));
                for i in 0..q.dim().0 {
                    let at = kv_head(i, q.dim().0, k.dim().0);
                    let own = |x: ArrayView3<f32>, head| x.index_axis_move(Axis(0), head).to_owned();
                    let head = attention_backward(own(q, i).view(), own(k, at).view(), own(v, at).view(), mask, own(d_out, i).view());
                    dq.index_axis_mut(Axis(0), i).assign(&head.dq);
                    let mut sum = dk.index_axis_mut(Axis(0), at);
                    sum += &head.dv;
                    let mut sum = dv.index_axis_mut(Axis(0), at);
                    sum += &head.dk;
                }
                Gradients { dq, dk, dv }
            };
        "d-out-modulo": "query head i gets the output's gradient of head i mod h_kv; it gets its own"
            => {
                let heads: Vec<usize> = (0..q.dim().0).map(|i| i % k.dim().0).collect();
                crate::grouped_backward(q, k, v, mask, d_out.select(Axis(0), &heads).view())
            };
        "exchanged": "dk and dv are exchanged, also where they differ in width"
            => {
                let Gradients { dq, dk, dv } = crate::grouped_backward(q, k, v, mask, d_out);
                Gradients { dq, dk: dv, dv: dk }
            };
    }

    within {
        kv_head: |wrong, (q, k, v, mask, d_out)| {
            let order: Vec<usize> = (0..q.dim().0).collect();
            added(q, k, v, mask, d_out, &order, |i, h, h_kv| wrong(i, h, h_kv).min(h_kv - 1))
        };
    }
}

/// Two query heads on one key whose weight is 1: the gradients of the value are added up.
fn by_hand() -> Case {
    case(
        "by hand: dv is 3 + 4",
        (
            array![[[1.0]], [[-1.0]]],
            array![[[2.0]]],
            array![[[5.0]]],
            Mask::None,
            array![[[3.0]], [[4.0]]],
        ),
    )
}

/// The rows of all heads below each other.
fn rows(x: ArrayView3<f32>) -> ndarray::Array2<f32> {
    let (h, n, d) = x.dim();
    x.as_standard_layout().into_owned().into_shape_with_order((h * n, d)).expect("as many")
}

/// The heads in this order, each with the key/value head that `which` names and that its gradients are added to.
fn added(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    d_out: ArrayView3<f32>,
    order: &[usize],
    which: impl Fn(usize, usize, usize) -> usize,
) -> Gradients {
    let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| Array3::zeros(x.raw_dim()));
    for &i in order {
        let at = which(i, q.dim().0, k.dim().0);
        let own = |x: ArrayView3<f32>, head| x.index_axis_move(Axis(0), head).to_owned();
        let (q, k, v, d_out) = (own(q, i), own(k, at), own(v, at), own(d_out, i));
        let head = attention_backward(q.view(), k.view(), v.view(), mask, d_out.view());
        dq.index_axis_mut(Axis(0), i).assign(&head.dq);
        dk.index_axis_mut(Axis(0), at).zip_mut_with(&head.dk, |sum, x| *sum += x);
        dv.index_axis_mut(Axis(0), at).zip_mut_with(&head.dv, |sum, x| *sum += x);
    }
    Gradients { dq, dk, dv }
}

/// All heads in their order, each with the key/value head that `which` names, be it there or not.
fn strict(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    d_out: ArrayView3<f32>,
    which: impl Fn(usize, usize, usize) -> usize,
) -> Gradients {
    let order: Vec<usize> = (0..q.dim().0).collect();
    added(q, k, v, mask, d_out, &order, which)
}

/// The right heads, whose gradients are added to another.
fn added_to(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    d_out: ArrayView3<f32>,
    to: impl Fn(usize) -> usize,
) -> Gradients {
    let copied = copies(q, k, v, mask, d_out);
    let [mut dk, mut dv] = [k, v].map(|x| Array3::zeros(x.raw_dim()));
    for i in 0..q.dim().0 {
        dk.index_axis_mut(Axis(0), to(i))
            .zip_mut_with(&copied.dk.index_axis(Axis(0), i), |sum, x| *sum += x);
        dv.index_axis_mut(Axis(0), to(i))
            .zip_mut_with(&copied.dv.index_axis(Axis(0), i), |sum, x| *sum += x);
    }
    Gradients { dq: copied.dq, dk, dv }
}

/// The gradients as if every query head had keys and values of its own.
fn copies(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    d_out: ArrayView3<f32>,
) -> Gradients {
    let (h, h_kv) = (q.dim().0, k.dim().0);
    let heads: Vec<usize> = oracle::pairs(h, h_kv).into_iter().map(|(_, shared)| shared).collect();
    let (k, v) = (k.select(Axis(0), &heads), v.select(Axis(0), &heads));
    let order: Vec<usize> = (0..h).collect();
    added(q, k.view(), v.view(), mask, d_out, &order, |i, _, _| i)
}

/// Keys and values copied out to every query head; then the gradients of the copies are added up.
fn expanded(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    d_out: ArrayView3<f32>,
) -> Gradients {
    added_to(q, k, v, mask, d_out, |i| kv_head(i, q.dim().0, k.dim().0))
}
