//! 6.5 `mean_pool_kv_heads`

use super::kv_head::HEADS;
use crate::oracle;
use attn_exercise::{SOME_VALUES, exercise, pairwise, some_values};
use ndarray::{Array2, Array4, ArrayView2, Axis, array, s};

exercise! {
    /// The weights of `h` heads, d_model × h·d, and the numbers of heads before and after.
    crate::mean_pool_kv_heads: (w: Array2<f32>[d_model width], h: usize[h], h_kv: usize[h_kv]) -> Array2<f32>;

    exact: |c| c.call(oracle::pooled::<f64>);
    plain: |c| [c.call(oracle::pooled::<f32>), c.call(by_axes)];

    cases: |random| {
        let mut of = |about: &str, (h, h_kv), d_model, d: usize, kind| {
            case(about, (some_values(kind, (d_model, h * d), random), h, h_kv))
        };
        let mut cases = vec![
            case("by hand: 2 and 15", (array![[1.0, 3.0, 10.0, 20.0]], 4, 2)),
            case("by hand: heads of two columns", (array![[1.0, 5.0, 3.0, 7.0]], 2, 1)),
            of("to MQA", (8, 1), 6, 4, 0),
            of("nothing to pool", (4, 4), 5, 3, 0),
            of("groups of three", (6, 2), 4, 5, 0),
            of("", (12, 4), 33, 16, 0),
            of("groups of many heads", (34, 2), 2, 3, 0),
            of("wide heads", (2, 1), 1, 70, 0),
            of("heads of one column", (4, 2), 1, 1, 0),
            of("", (2, 2), 7, 1, 0),
            of("", (4, 2), 4, 1, 0),
            of("", (4, 2), 2, 1, 0),
        ];
        let levels = [HEADS.len(), 4, 3, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[heads, d_model, d, kind]| {
            of("small", HEADS[heads], [1, 2, 5, 12][d_model], [1, 2, 3][d], kind)
        }));
        cases
    };

    never {
        "h < h_kv": "heads are pooled, not multiplied";
        "width < h": "each head has a column at least";
        "width < h_kv": "each head has a column at least";
    }

    right (w, h, h_kv) {
        "four axes, and the mean of one" => by_axes(w, h, h_kv);
        "group by group" => {
            let (d, group) = (w.ncols() / h, h / h_kv);
            Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
                let members = (0..group).map(|member| w[[i, (column / d * group + member) * d + column % d]]);
                members.sum::<f32>() / group as f32
            })
        };
        "a product with a matrix of shares" => {
            let (d, group) = (w.ncols() / h, h / h_kv);
            let shares = Array2::from_shape_fn((h * d, h_kv * d), |(from, to)| {
                let same = from / d / group == to / d && from % d == to % d;
                if same { 1.0 / group as f32 } else { 0.0 }
            });
            w.dot(&shares)
        };
    }

    mistakes (w, h, h_kv) {
        "first": "the first head of each group is taken instead of the mean"
            => member(w, h, h_kv, |_| 0);
        "last": "the last head of each group is taken instead of the mean"
            => member(w, h, h_kv, |group| group - 1);
        "summed": "the heads of a group are added up and not divided by their number"
            => crate::mean_pool_kv_heads(w, h, h_kv) * (h / h_kv) as f32;
        "divided-by-h": "the sum of a group is divided by h, the number of all heads, instead of the group's"
            => crate::mean_pool_kv_heads(w, h, h_kv) / h_kv as f32;
        "divided-by-h-kv": "the sum of a group is divided by h_kv instead of the number of its heads"
            => crate::mean_pool_kv_heads(w, h, h_kv) * ((h / h_kv) as f32 / h_kv as f32);
        "root": "the sum of a group is divided by the root of the number of its heads"
            => crate::mean_pool_kv_heads(w, h, h_kv) * ((h / h_kv) as f32).sqrt();
        "every-h-kv-th": "the heads that are h_kv apart are pooled; a group is made of neighbours"
            => strided(w, h, h_kv);
        "neighbouring-columns": "neighbouring columns are pooled, across the border of heads; column c of a head goes with column c of the others"
            => {
                let group = h / h_kv;
                Array2::from_shape_fn((w.nrows(), w.ncols() / group), |(i, column)| {
                    w.slice(s![i, column * group..(column + 1) * group]).sum() / group as f32
                })
            };
        "columns-h-apart": "the columns that are h apart are taken for a head; a head's columns are neighbours"
            => {
                let (d, group) = (w.ncols() / h, h / h_kv);
                Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
                    let member = |m: usize| w[[i, column % d * h + column / d * group + m]];
                    (0..group).map(member).sum::<f32>() / group as f32
                })
            };
        "interleaved": "the means are right, but the new heads' columns are interleaved: all first columns, then all second ones"
            => {
                let right = crate::mean_pool_kv_heads(w, h, h_kv);
                let d = right.ncols() / h_kv;
                Array2::from_shape_fn(right.dim(), |(i, column)| right[[i, column % h_kv * d + column / h_kv]])
            };
        "overwritten-and-divided": "each head of a group overwrites the one before, and the last one is then divided by their number; they are added up"
            => member(w, h, h_kv, |group| group - 1) / (h / h_kv) as f32;
        "root-mean-square": "the root of the mean of the squares is taken instead of the mean"
            => crate::mean_pool_kv_heads(w.mapv(|x| x * x).view(), h, h_kv).mapv(f32::sqrt);
        "first-and-last": "only the first and the last head of a group are averaged"
            => (member(w, h, h_kv, |_| 0) + member(w, h, h_kv, |group| group - 1)) / 2.0;
        "all-heads": "every new head is the mean of all heads; it is that of its own group"
            => {
                let (d, all) = (w.ncols() / h, crate::mean_pool_kv_heads(w, h, 1));
                Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| all[[i, column % d]])
            };
        "median": "the middle of the group's sorted numbers is taken instead of their mean"
            => {
                let (d, group) = (w.ncols() / h, h / h_kv);
                Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
                    let first = column / d * group * d + column % d;
                    let mut members: Vec<f32> = w.slice(s![i, first..;d]).iter().take(group).copied().collect();
                    members.sort_by(f32::total_cmp);
                    (members[(group - 1) / 2] + members[group / 2]) / 2.0
                })
            };
        "largest": "the largest of the group's numbers is taken instead of their mean"
            => {
                let (d, group) = (w.ncols() / h, h / h_kv);
                Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
                    let first = column / d * group * d + column % d;
                    w.slice(s![i, first..;d]).iter().take(group).fold(f32::NEG_INFINITY, |a, b| a.max(*b))
                })
            };
        "copied-out": "the mean is copied back to every head of the group: the width stays as it was"
            => {
                let (d, group) = (w.ncols() / h, h / h_kv);
                let pooled = crate::mean_pool_kv_heads(w, h, h_kv);
                Array2::from_shape_fn(w.dim(), |(i, column)| pooled[[i, column / d / group * d + column % d]])
            };
        "running-mean": "each head is averaged with the mean so far, so that later heads count more: (((w₁ + w₂)/2 + w₃)/2 …"
            => {
                let (d, group) = (w.ncols() / h, h / h_kv);
                Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
                    let first = column / d * group * d + column % d;
                    let members = w.slice(s![i, first..;d]);
                    members.iter().take(group).copied().reduce(|mean, x| (mean + x) / 2.0).expect("a head")
                })
            };
        "divided-by-d": "the sum of a group is divided by d, the width of a head, instead of the number of its heads"
            => {
                let (d, group) = (w.ncols() / h, h / h_kv);
                crate::mean_pool_kv_heads(w, h, h_kv) * (group as f32 / d as f32)
            };
        "halved": "the sum of a group is divided by 2, however many heads it has"
            => crate::mean_pool_kv_heads(w, h, h_kv) * ((h / h_kv) as f32 / 2.0);
        "one-less": "the sum of a group is divided by one less than the number of its heads, where there are more than one"
            => {
                let group = h / h_kv;
                crate::mean_pool_kv_heads(w, h, h_kv) * (group as f32 / (group - 1).max(1) as f32)
            };
        "divided-twice": "the mean of a group is divided by the number of its heads once more"
            => crate::mean_pool_kv_heads(w, h, h_kv) / (h / h_kv) as f32;
        "first-heads": "the first h_kv heads are kept, and the others dropped; each new head is the mean of a group"
            => w.slice(s![.., ..h_kv * (w.ncols() / h)]).to_owned();
        "last-heads": "the last h_kv heads are kept, and the others dropped; each new head is the mean of a group"
            => w.slice(s![.., w.ncols() - h_kv * (w.ncols() / h)..]).to_owned();
        "one-number": "every column of a new head is the mean of all the group's numbers in that row; column c is that of the columns c"
            => {
                let (d, group) = (w.ncols() / h, h / h_kv);
                Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
                    let first = column / d * group * d;
                    w.slice(s![i, first..first + group * d]).mean().expect("a head")
                })
            };
        "added-so-far": "each new head is added to those before it, as when the sum is not begun anew for each group"
            => {
                let right = crate::mean_pool_kv_heads(w, h, h_kv);
                let d = right.ncols() / h_kv;
                Array2::from_shape_fn(right.dim(), |(i, column)| right.slice(s![i, column % d..=column;d]).sum())
            };
        "first-group-everywhere": "every new head is the mean of the first group"
            => {
                let right = crate::mean_pool_kv_heads(w, h, h_kv);
                let d = right.ncols() / h_kv;
                Array2::from_shape_fn(right.dim(), |(i, column)| right[[i, column % d]])
            };
        "by-kv-heads": "head a is added to new head a / h_kv, also where there is none; it is a divided by h/h_kv, the size of a group"
            => added_to(w, h, h_kv, |head| head / h_kv);
        "group-modulo": "head a is added to new head a mod (h/h_kv), also where there is none; it is a divided by that"
            => added_to(w, h, h_kv, |head| head % (h / h_kv));
        "own": "head a is added to new head a, also where there is none"
            => added_to(w, h, h_kv, |head| head);
        "width-by-new-heads": "a head is taken to be width / h_kv columns wide, also where these run past the end; it is width / h"
            => {
                let (d, group) = (w.ncols() / h_kv, h / h_kv);
                let mut pooled = Array2::zeros((w.nrows(), h_kv * d));
                for head in 0..h {
                    let shared = head / group;
                    let mut sum = pooled.slice_mut(s![.., shared * d..(shared + 1) * d]);
                    sum += &w.slice(s![.., head * d..(head + 1) * d]);
                }
                pooled / group as f32
            };
        "rows-pooled": "the rows of w are pooled, where they can be; its rows are the numbers of a token's state, and its columns the heads"
            => {
                let group = h / h_kv;
                if !w.nrows().is_multiple_of(group) {
                    return crate::mean_pool_kv_heads(w, h, h_kv);
                }
                Array2::from_shape_fn((w.nrows() / group, w.ncols()), |(i, column)| {
                    w.slice(s![i * group..(i + 1) * group, column]).mean().expect("a row")
                })
            };
        "columns-from-the-number": "a head's columns are taken to begin at the head's own number; they begin at that times d"
            => {
                let (d, group) = (w.ncols() / h, h / h_kv);
                Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
                    let members = (0..group).map(|member| w[[i, column / d * group + member + column % d]]);
                    members.sum::<f32>() / group as f32
                })
            };
    }
}

/// d_model × h_kv × group × d, and the mean over the group.
fn by_axes(w: ArrayView2<f32>, h: usize, h_kv: usize) -> Array2<f32> {
    let (d_model, d) = (w.nrows(), w.ncols() / h);
    let numbers: Vec<f32> = w.iter().copied().collect();
    let heads = Array4::from_shape_vec((d_model, h_kv, h / h_kv, d), numbers).expect("as many");
    let mean = heads.mean_axis(Axis(2)).expect("a head");
    mean.into_shape_with_order((d_model, h_kv * d)).expect("as many")
}

/// Each head is added to the new head that `which` names, be it there or not; then the sums are divided.
fn added_to(
    w: ArrayView2<f32>,
    h: usize,
    h_kv: usize,
    which: impl Fn(usize) -> usize,
) -> Array2<f32> {
    let (d, group) = (w.ncols() / h, h / h_kv);
    let mut pooled = Array2::zeros((w.nrows(), h_kv * d));
    for head in 0..h {
        let shared = which(head);
        let mut sum = pooled.slice_mut(s![.., shared * d..(shared + 1) * d]);
        sum += &w.slice(s![.., head * d..(head + 1) * d]);
    }
    pooled / group as f32
}

/// One head of each group.
fn member(w: ArrayView2<f32>, h: usize, h_kv: usize, which: fn(usize) -> usize) -> Array2<f32> {
    let (d, group) = (w.ncols() / h, h / h_kv);
    Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
        w[[i, (column / d * group + which(group)) * d + column % d]]
    })
}

/// The mean of the heads that are h_kv apart.
fn strided(w: ArrayView2<f32>, h: usize, h_kv: usize) -> Array2<f32> {
    let (d, group) = (w.ncols() / h, h / h_kv);
    Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
        let member = |m: usize| w[[i, (m * h_kv + column / d) * d + column % d]];
        (0..group).map(member).sum::<f32>() / group as f32
    })
}
