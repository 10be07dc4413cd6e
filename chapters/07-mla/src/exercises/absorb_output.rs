//! 7.6 `absorb_output`

use super::compress::{in_f64, through_f32};
use crate::{given::AbsorbedOutput, oracle, seeded};
use attn_exercise::{exercise, fields, pairwise};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, array, s};

fields! { AbsorbedOutput { product, apart, together } }

exercise! {
    /// W_UV and W_O.
    crate::absorb_output: (w_uv: Array3<f64>[h d_c d_v], w_o: Array3<f64>[h d_v d_model]) -> AbsorbedOutput;

    exact: |c| {
        let product = oracle::products(c.w_uv.view(), c.w_o.view());
        AbsorbedOutput { apart: c.w_uv.len() + c.w_o.len(), together: product.len(), product }
    };
    then: |c, answer| in_f64(&[("product", &answer.product, &oracle::products(c.w_uv.view(), c.w_o.view()))]);

    cases: |random| {
        let mut of = |about, h, (d_c, d_v, d_model)| {
            case(about, (seeded::normal(random, (h, d_c, d_v)), seeded::normal(random, (h, d_v, d_model))))
        };
        let mut cases = vec![
            case("by hand: ten numbers apart, twelve together", (array![[[1.0], [2.0]], [[0.0], [1.0]]], array![[[3.0, 4.0, 5.0]], [[1.0, 0.0, 0.0]]])),
            of("", 2, (6, 3, 8)),
            of("as in V2, each width an eighth", 3, (64, 16, 40)),
            of("values as wide as the latent", 3, (5, 5, 7)),
            of("narrow latents", 4, (3, 8, 16)),
            of("many heads", 17, (2, 3, 70)),
        ];
        cases.extend(pairwise([4, 4, 4, 4]).into_iter().map(|[h, d_c, d_v, d_model]| of("small", h + 1, (d_c + 1, d_v + 1, d_model + 1))));
        cases
    };

    right (w_uv, w_o) {
        "number by number" => {
            let ((h, d_c, d_v), d_model) = (w_uv.dim(), w_o.dim().2);
            let entry = |(a, i, j): (usize, usize, usize)| (0..d_v).map(|l| w_uv[[a, i, l]] * w_o[[a, l, j]]).sum();
            let product = Array3::from_shape_fn((h, d_c, d_model), entry);
            AbsorbedOutput { apart: w_uv.len() + w_o.len(), together: product.len(), product }
        };
        "latent by latent" => {
            let right = crate::absorb_output(w_uv, w_o);
            let product = each(w_uv, w_o, |v, o| {
                let rows: Vec<_> = v.outer_iter().map(|row| o.t().dot(&row)).collect();
                let rows: Vec<_> = rows.iter().map(|row| row.view()).collect();
                ndarray::stack(Axis(0), &rows).expect("equal rows")
            });
            AbsorbedOutput { product, ..right }
        };
        "transposed" => with(w_uv, w_o, |v, o| o.t().dot(&v.t()).reversed_axes().as_standard_layout().into_owned());
    }

    mistakes (w_uv, w_o) {
        "heads-summed": "the products of all heads are added up to one, which stands for every head; each head's sum of latents needs its own"
            => {
                let right = crate::absorb_output(w_uv, w_o);
                let sum = right.product.sum_axis(Axis(0));
                AbsorbedOutput { product: Array3::from_shape_fn(right.product.raw_dim(), |(_, i, j)| sum[[i, j]]), ..right }
            };
        "first-slab": "every head has the W_O of head 0"
            => with_head(w_uv, w_o, |a| (a, 0));
        "first-values": "every head has the W_UV of head 0"
            => with_head(w_uv, w_o, |a| (0, a));
        "slabs-summed": "every head has the sum of all heads' W_O"
            => {
                let sum = w_o.sum_axis(Axis(0));
                with(w_uv, w_o, |v, _| v.dot(&sum))
            };
        "slabs-interleaved": "row r of head a's W_O is row r·h + a of all rows stacked; the d_v rows of a head stand together"
            => {
                let (h, d_v, _) = w_o.dim();
                let interleaved = Array3::from_shape_fn(w_o.raw_dim(), |(a, r, c)| {
                    let row = r * h + a;
                    w_o[[row / d_v, row % d_v, c]]
                });
                let product = each(w_uv, interleaved.view(), |v, o| v.dot(&o));
                AbsorbedOutput { product, ..crate::absorb_output(w_uv, w_o) }
            };
        "slabs-reversed": "the heads of W_O are in reverse order"
            => with_head(w_uv, w_o, |a| (a, w_o.dim().0 - 1 - a));
        "transposed-result": "the product is d_model × d_c; latents are rows, and multiply it from the left"
            => {
                let right = crate::absorb_output(w_uv, w_o);
                AbsorbedOutput { product: right.product.permuted_axes([0, 2, 1]).as_standard_layout().into_owned(), ..right }
            };
        "not-transposed": "where all widths are equal, W_UV is transposed; it is W_UK that is, in the query"
            => with(w_uv, w_o, |v, o| if v.is_square() { v.t().dot(&o) } else { v.dot(&o) });
        "order": "where all widths are equal, the product is W_O W_UV instead of W_UV W_O"
            => with(w_uv, w_o, |v, o| if v.is_square() && o.is_square() { o.dot(&v) } else { v.dot(&o) });
        "scaled": "the products are divided by the number of heads; what the heads add is summed, not averaged"
            => with(w_uv, w_o, |v, o| v.dot(&o) / w_uv.dim().0 as f64);
        "scaled-by-width": "the products are divided by √d_v"
            => with(w_uv, w_o, |v, o| v.dot(&o) / (v.ncols() as f64).sqrt());
        "apart-of-one-head": "`apart` counts one head; it is the numbers of all heads"
            => counted(w_uv, w_o, |h, apart, together| (apart / h, together));
        "together-of-one-head": "`together` counts one head; it is the numbers of all heads"
            => counted(w_uv, w_o, |h, apart, together| (apart, together / h));
        "both-of-one-head": "both counts are those of one head; they are to be those of all heads"
            => counted(w_uv, w_o, |h, apart, together| (apart / h, together / h));
        "counts-exchanged": "the two counts are exchanged"
            => counted(w_uv, w_o, |_, apart, together| (together, apart));
        "apart-without-w-o": "`apart` counts W_UV alone; W_O has to be kept as well"
            => counted(w_uv, w_o, |_, _, together| (w_uv.len(), together));
        "apart-without-w-uv": "`apart` counts W_O alone; W_UV has to be kept as well"
            => counted(w_uv, w_o, |_, _, together| (w_o.len(), together));
        "apart-multiplied": "`apart` multiplies the numbers of W_UV and W_O instead of adding them"
            => counted(w_uv, w_o, |_, _, together| (w_uv.len() * w_o.len(), together));
        "w-o-once": "`apart` counts W_O for one head, and W_UV for all; each head has a W_O of its own"
            => counted(w_uv, w_o, |h, _, together| (w_uv.len() + w_o.len() / h, together));
        "w-uv-once": "`apart` counts W_UV for one head, and W_O for all; each head has a W_UV of its own"
            => counted(w_uv, w_o, |h, _, together| (w_uv.len() / h + w_o.len(), together));
        "apart-of-all-sizes": "`apart` is the product of all sizes, h·d_c·d_v·d_model; the numbers of W_UV and of W_O are added"
            => counted(w_uv, w_o, |_, _, together| (w_uv.len() * w_o.dim().2, together));
        "apart-without-d-v": "`apart` is h·(d_c + d_model): the width d_v, which W_UV and W_O both have, is left out"
            => counted(w_uv, w_o, |h, _, together| (h * (w_uv.dim().1 + w_o.dim().2), together));
        "together-with-factors": "`together` counts W_UV and W_O beside their products, which replace them"
            => counted(w_uv, w_o, |_, apart, together| (apart, together + apart));
        "together-square": "`together` is h·d_model²; each product is d_c × d_model"
            => counted(w_uv, w_o, |h, apart, _| (apart, h * w_o.dim().2.pow(2)));
        "flops": "the counts are FLOPs of a row instead of numbers, twice as many"
            => counted(w_uv, w_o, |_, apart, together| (2 * apart, 2 * together));
        "bytes": "the counts are bytes of f64 instead of numbers, eight times as many"
            => counted(w_uv, w_o, |_, apart, together| (8 * apart, 8 * together));
        "w-o-first": "the product is W_O W_UV, also where the widths do not fit; a latent meets W_UV first"
            => with(w_uv, w_o, |v, o| o.dot(&v));
        "w-uv-transposed": "W_UV is transposed, also where the widths do not fit; it is W_UK that is, in the query"
            => with(w_uv, w_o, |v, o| v.t().dot(&o));
        "w-o-transposed": "W_O is transposed, also where the widths do not fit"
            => with(w_uv, w_o, |v, o| v.dot(&o.t()));
        "last-head-everywhere": "the product of every head is overwritten by that of the last"
            => changed(w_uv, w_o, |_, _, all| all.index_axis(Axis(0), all.dim().0 - 1).to_owned());
        "summed-so-far": "the product of head a is added to those before it, as when the sum is not begun anew for each head"
            => changed(w_uv, w_o, |_, a, all| all.slice(s![..=a, .., ..]).sum_axis(Axis(0)));
        "only-head-0": "only the product of head 0 is filled in, and the others stay zeros"
            => changed(w_uv, w_o, |own, a, _| if a == 0 { own.to_owned() } else { Array2::zeros(own.raw_dim()) });
        "heads-averaged": "the products of all heads are averaged, and the mean stands for every head; each needs its own"
            => changed(w_uv, w_o, |_, _, all| all.mean_axis(Axis(0)).expect("heads"));
        "values-summed": "every head has the sum of all heads' W_UV"
            => {
                let sum = w_uv.sum_axis(Axis(0));
                with(w_uv, w_o, |_, o| sum.dot(&o))
            };
        "values-reversed": "the heads of W_UV are in reverse order"
            => with_head(w_uv, w_o, |a| (w_uv.dim().0 - 1 - a, a));
        "next-slab": "head a has the W_O of head a + 1"
            => with_head(w_uv, w_o, |a| (a, (a + 1) % w_o.dim().0));
        "scaled-by-the-latent": "the products are divided by √d_c"
            => with(w_uv, w_o, |v, o| v.dot(&o) / (v.nrows() as f64).sqrt());
        "scaled-by-the-model": "the products are divided by √d_model"
            => with(w_uv, w_o, |v, o| v.dot(&o) / (o.ncols() as f64).sqrt());
        "together-added": "`together` adds d_c and d_model for each head; a product has d_c·d_model numbers"
            => counted(w_uv, w_o, |h, apart, _| (apart, h * (w_uv.dim().1 + w_o.dim().2)));
        "together-of-one-matrix": "`together` counts one matrix of (h·d_c) × (h·d_model); there are h of d_c × d_model"
            => counted(w_uv, w_o, |h, apart, together| (apart, together * h));
        "together-of-all-sizes": "`together` is the product of all sizes, h·d_c·d_v·d_model; d_v is gone from the products"
            => counted(w_uv, w_o, |_, apart, together| (apart, together * w_uv.dim().2));
        "together-flops": "`together` counts the FLOPs that make the products, 2·h·d_c·d_v·d_model; it is to count their numbers"
            => counted(w_uv, w_o, |_, apart, together| (apart, 2 * together * w_uv.dim().2));
        "together-without-d-model": "`together` is h·d_c; a product has d_c·d_model numbers"
            => counted(w_uv, w_o, |h, apart, _| (apart, h * w_uv.dim().1));
        "together-of-w-o": "`together` is h·d_v·d_model, as many as W_O has; the products have d_c rows"
            => counted(w_uv, w_o, |_, apart, _| (apart, w_o.len()));
        "together-of-w-uv": "`together` is h·d_c·d_v, as many as W_UV has; the products have d_model columns"
            => counted(w_uv, w_o, |_, apart, _| (apart, w_uv.len()));
        "together-saved": "`together` is the difference of the two counts"
            => counted(w_uv, w_o, |_, apart, together| (apart, together.abs_diff(apart)));
        "apart-with-product": "`apart` counts the products beside W_UV and W_O"
            => counted(w_uv, w_o, |_, apart, together| (apart + together, together));
        "apart-of-two-values": "`apart` counts W_UV twice and W_O not at all"
            => counted(w_uv, w_o, |_, _, together| (2 * w_uv.len(), together));
        "apart-of-the-model": "`apart` counts W_UV and W_O as d_model × d_v both; W_UV is d_c × d_v"
            => counted(w_uv, w_o, |_, _, together| (2 * w_o.len(), together));
        "apart-of-the-larger": "`apart` is the larger of the two, W_UV or W_O; both are kept"
            => counted(w_uv, w_o, |_, _, together| (w_uv.len().max(w_o.len()), together));
        "rows": "the counts are rows instead of numbers"
            => counted(w_uv, w_o, |h, _, _| (h * (w_uv.dim().1 + w_uv.dim().2), h * w_uv.dim().1));
        "counts-squared": "both counts are multiplied by h once more"
            => counted(w_uv, w_o, |h, apart, together| (apart * h, together * h));
        "through-f32": "the numbers go through f32, which keeps seven digits; this chapter asks for f64"
            => {
                let right = crate::absorb_output(w_uv, w_o);
                AbsorbedOutput { product: through_f32(&right.product), ..right }
            };
    }
}

/// Each head by itself.
fn each(
    w_uv: ArrayView3<f64>,
    w_o: ArrayView3<f64>,
    multiply: impl Fn(ArrayView2<f64>, ArrayView2<f64>) -> Array2<f64>,
) -> Array3<f64> {
    let mut out = Array3::zeros((w_uv.dim().0, w_uv.dim().1, w_o.dim().2));
    for (a, mut out) in out.outer_iter_mut().enumerate() {
        out.assign(&multiply(w_uv.index_axis(Axis(0), a), w_o.index_axis(Axis(0), a)));
    }
    out
}

/// With other products.
fn with(
    w_uv: ArrayView3<f64>,
    w_o: ArrayView3<f64>,
    multiply: impl Fn(ArrayView2<f64>, ArrayView2<f64>) -> Array2<f64>,
) -> AbsorbedOutput {
    AbsorbedOutput { product: each(w_uv, w_o, multiply), ..crate::absorb_output(w_uv, w_o) }
}

/// With another product in the place of each, given the right one, its number, and all.
fn changed(
    w_uv: ArrayView3<f64>,
    w_o: ArrayView3<f64>,
    change: impl Fn(ArrayView2<f64>, usize, &Array3<f64>) -> Array2<f64>,
) -> AbsorbedOutput {
    let right = crate::absorb_output(w_uv, w_o);
    AbsorbedOutput { product: super::mla_naive::changed(&right.product, change), ..right }
}

/// With the matrices of other heads.
fn with_head(
    w_uv: ArrayView3<f64>,
    w_o: ArrayView3<f64>,
    which: impl Fn(usize) -> (usize, usize),
) -> AbsorbedOutput {
    let right = crate::absorb_output(w_uv, w_o);
    let mut product = Array3::zeros(right.product.raw_dim());
    for (a, mut product) in product.outer_iter_mut().enumerate() {
        let (v, o) = which(a);
        product.assign(&w_uv.index_axis(Axis(0), v).dot(&w_o.index_axis(Axis(0), o)));
    }
    AbsorbedOutput { product, ..right }
}

/// With other counts, given the heads and the right ones.
fn counted(
    w_uv: ArrayView3<f64>,
    w_o: ArrayView3<f64>,
    count: impl Fn(usize, usize, usize) -> (usize, usize),
) -> AbsorbedOutput {
    let right = crate::absorb_output(w_uv, w_o);
    let (apart, together) = count(w_uv.dim().0, right.apart, right.together);
    AbsorbedOutput { apart, together, ..right }
}
