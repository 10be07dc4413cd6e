//! 11.10 `wy_form`

use crate::{
    given::Wy,
    seeded::{normal, units},
};
use attn_exercise::{exercise, field, fields, pairwise};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array};

fields! { Wy { w, u } }

exercise! {
    /// The keys and values of a chunk, and how much of each is written.
    crate::wy_form: (k: Array2<f64>[n d], v: Array2<f64>[n d_v], beta: Array1<f64>[n]) -> Wy;

    // By the steps: u_t is β_t (v_t − what k_t finds) from an empty state, and row t of W the same for the values of the identity,
    // with the sign turned.
    exact: |c| {
        let ((count, d), d_v) = (c.k.dim(), c.v.ncols());
        let written = |width: usize, start: &dyn Fn(usize, usize) -> f64, value: &dyn Fn(usize, usize) -> f64| {
            let mut state = Array2::from_shape_fn((d, width), |(row, column)| start(row, column));
            let mut all = Array2::zeros((count, width));
            for r in 0..count {
                for column in 0..width {
                    let found: f64 = (0..d).map(|row| c.k[[r, row]] * state[[row, column]]).sum();
                    let new = c.beta[r] * (value(r, column) - found);
                    all[[r, column]] = new;
                    for row in 0..d {
                        state[[row, column]] += c.k[[r, row]] * new;
                    }
                }
            }
            all
        };
        let u = written(d_v, &|_, _| 0.0, &|r, column| c.v[[r, column]]);
        // With the identity as the state and nothing to write, each step adds −w_t.
        let w = written(d, &|row, column| f64::from(u8::from(row == column)), &|_, _| 0.0).mapv(|x| 0.0 - x);
        Wy { w, u }
    };

    steps: |c| [field("k kᵀ", &c.k.dot(&c.k.t()))];

    cases: |random| {
        let mut of = |about: &str, (c, d, d_v): (usize, usize, usize), beta: Option<f64>| {
            let betas = (0..c).map(|i| beta.unwrap_or(((i * 7 + 3) % 10) as f64 / 10.0)).collect();
            case(about, (units(random, c, d), normal(random, (c, d_v)), betas))
        };
        let mut cases = vec![
            case("by hand: half of 5 is written, then 7 less that, then half of 1 − 7", (array![[1.0], [1.0], [1.0]], array![[5.0], [7.0], [1.0]], array![0.5, 1.0, 0.5])),
            of("β = 1", (6, 4, 3), Some(1.0)),
            of("β = 1/2", (5, 3, 4), Some(0.5)),
            of("β = 2: reflections", (5, 4, 3), Some(2.0)),
            of("seventeen tokens", (17, 4, 3), None),
            of("other βs", (9, 4, 4), None),
            case("keys at right angles: nothing to subtract", (Array2::eye(3), of("", (3, 3, 2), None).v, array![1.0, 0.5, 0.25])),
            case("keys that are longer than 1", (of("", (5, 3, 2), None).k * 1.5, of("", (5, 3, 2), None).v, array![0.3, 0.9, 0.5, 0.7, 0.2])),
        ];
        cases.extend(pairwise([4, 4, 4]).into_iter().map(|[c, d, d_v]| {
            let betas = (0..=c).map(|i| 0.9 - 0.2 * i as f64).collect();
            case("small", (normal(random, (c + 1, d + 1)), normal(random, (c + 1, d_v + 1)), betas))
        }));
        cases
    };

    right (k, v, beta) {
        "a triangular matrix, solved row by row" => {
            let lower = below(k, beta);
            let solve = |rows: ArrayView2<f64>| {
                let mut solved = &rows * &beta.insert_axis(Axis(1));
                for r in 0..rows.nrows() {
                    for i in 0..r {
                        let done = solved.row(i).to_owned();
                        solved.row_mut(r).scaled_add(-lower[[r, i]], &done);
                    }
                }
                solved
            };
            Wy { w: solve(k), u: solve(v) }
        };
        "column by column" => {
            let (mut w, mut u) = (&k * &beta.insert_axis(Axis(1)), &v * &beta.insert_axis(Axis(1)));
            let lower = below(k, beta);
            for i in 0..k.nrows() {
                for r in i + 1..k.nrows() {
                    let (done, written) = (w.row(i).to_owned(), u.row(i).to_owned());
                    w.row_mut(r).scaled_add(-lower[[r, i]], &done);
                    u.row_mut(r).scaled_add(-lower[[r, i]], &written);
                }
            }
            Wy { w, u }
        };
        "the powers of a nilpotent matrix" => {
            // (I + L)⁻¹ = I − L + L² − …, which ends after n terms.
            let (lower, mut term) = (below(k, beta), Array2::<f64>::from_diag(&beta));
            let mut inverse = term.clone();
            for _ in 1..k.nrows() {
                term = -lower.dot(&term);
                inverse += &term;
            }
            Wy { w: inverse.dot(&k), u: inverse.dot(&v) }
        };
        "through the states" => {
            let (mut held, mut passed) = (Array2::<f64>::zeros((k.ncols(), v.ncols())), Array2::<f64>::eye(k.ncols()));
            let (mut w, mut u) = (Array2::zeros(k.dim()), Array2::zeros(v.dim()));
            for r in 0..k.nrows() {
                let key = k.row(r);
                u.row_mut(r).assign(&((&v.row(r) - &key.dot(&held)) * beta[r]));
                w.row_mut(r).assign(&(key.dot(&passed) * beta[r]));
                held += &key.insert_axis(Axis(1)).dot(&u.row(r).insert_axis(Axis(0)));
                passed -= &key.insert_axis(Axis(1)).dot(&w.row(r).insert_axis(Axis(0)));
            }
            Wy { w, u }
        };
    }

    mistakes (k, v, beta) {
        "keys-in-the-sum": "the sum subtracts keys and values as they came instead of finished rows of W and U: what was erased before is forgotten"
            => substituted(k, v, |_, i| (k.row(i).to_owned(), v.row(i).to_owned()), |r, i| k.row(i).dot(&k.row(r)), |sum, r| sum * beta[r]);
        "weighted-keys-in-the-sum": "the sum subtracts β k and β v instead of the finished rows of W and U"
            => substituted(k, v, |_, i| (&k.row(i) * beta[i], &v.row(i) * beta[i]), |r, i| k.row(i).dot(&k.row(r)), |sum, r| sum * beta[r]);
        "beta-on-the-first": "β multiplies k and v alone, not the sum that is subtracted"
            => from_scaled(k, v, beta, |r, i| k.row(i).dot(&k.row(r)));
        "no-beta": "β is not used"
            => crate::wy_form(k, v, Array1::ones(k.nrows()).view());
        "beta-of-the-earlier": "the products in the sum are multiplied by β of the earlier token as well: w_i has it already"
            => substituted(k, v, done, |r, i| beta[i] * k.row(i).dot(&k.row(r)), |sum, r| sum * beta[r]);
        "beta-at-the-end": "the rows are multiplied by β after all of them are finished: what the later rows subtract lacks it"
            => {
                let plain = crate::wy_form(k, v, Array1::ones(k.nrows()).view());
                let beta = beta.insert_axis(Axis(1));
                Wy { w: plain.w * beta, u: plain.u * beta }
            };
        "added": "the sum is added instead of subtracted"
            => substituted(k, v, done, |r, i| -k.row(i).dot(&k.row(r)), |sum, r| sum * beta[r]);
        "no-sum": "nothing is subtracted: W and U are β k and β v, as if all keys were at right angles"
            => Wy { w: &k * &beta.insert_axis(Axis(1)), u: &v * &beta.insert_axis(Axis(1)) };
        "last-only": "only the row just before is subtracted; it is all rows before"
            => substituted(k, v, done, |r, i| if i + 1 == r { k.row(i).dot(&k.row(r)) } else { 0.0 }, |sum, r| sum * beta[r]);
        "first-only": "only the first row is subtracted; it is all rows before"
            => substituted(k, v, done, |r, i| if i == 0 { k.row(i).dot(&k.row(r)) } else { 0.0 }, |sum, r| sum * beta[r]);
        "itself-too": "the row itself is in the sum: i ≤ r instead of i < r"
            => in_place(k, v, beta, |r, i| i <= r, |_, r, i| k.row(i).dot(&k.row(r)));
        "backwards": "the rows are computed from the last to the first, each from those behind it"
            => {
                let turned = |x: ArrayView2<f64>| x.slice(ndarray::s![..;-1, ..]).to_owned();
                let found = crate::wy_form(turned(k).view(), turned(v).view(), beta.slice(ndarray::s![..;-1]));
                Wy { w: turned(found.w.view()), u: turned(found.u.view()) }
            };
        "w-in-the-products": "the products are w_i · k_r instead of k_i · k_r"
            => in_place(k, v, beta, |r, i| i < r, |w, r, i| w.row(i).dot(&k.row(r)));
        "no-products": "the rows before are subtracted whole, without the product of the keys"
            => substituted(k, v, done, |_, _| 1.0, |sum, r| sum * beta[r]);
        "cosines": "the products are divided by the lengths of the keys"
            => {
                let length = |r: usize| k.row(r).dot(&k.row(r)).sqrt();
                substituted(k, v, done, |r, i| k.row(i).dot(&k.row(r)) / (length(i) * length(r)), |sum, r| sum * beta[r])
            };
        "beta-squared": "β multiplies twice"
            => crate::wy_form(k, v, (&beta * &beta).view());
        "u-plain": "U is β v: nothing is subtracted from its rows"
            => Wy { u: &v * &beta.insert_axis(Axis(1)), ..crate::wy_form(k, v, beta) };
        "w-plain": "W is β k: nothing is subtracted from its rows"
            => Wy { w: &k * &beta.insert_axis(Axis(1)), ..crate::wy_form(k, v, beta) };
        "exchanged": "where keys and values have one width, W and U have changed places"
            => {
                let right = crate::wy_form(k, v, beta);
                if k.ncols() == v.ncols() { Wy { w: right.u, u: right.w } } else { right }
            };
        "u-without-beta": "β multiplies the rows of W, and not those of U"
            => {
                let mut found = Wy { w: k.to_owned(), u: v.to_owned() };
                for r in 0..k.nrows() {
                    for i in 0..r {
                        subtract(&mut found, r, i, k.row(i).dot(&k.row(r)));
                    }
                    found.w.row_mut(r).mapv_inplace(|x| x * beta[r]);
                }
                found
            };
        "own-length": "the products are k_r · k_r instead of k_i · k_r"
            => substituted(k, v, done, |r, _| k.row(r).dot(&k.row(r)), |sum, r| sum * beta[r]);
        "length-of-the-earlier": "the products are k_i · k_i instead of k_i · k_r"
            => substituted(k, v, done, |_, i| k.row(i).dot(&k.row(i)), |sum, r| sum * beta[r]);
        "first-beta": "β of token 0 multiplies all rows"
            => crate::wy_form(k, v, Array1::from_elem(k.nrows(), beta[0]).view());
        "products-of-values": "the products are of values, v_i · v_r, instead of keys"
            => substituted(k, v, done, |r, i| v.row(i).dot(&v.row(r)), |sum, r| sum * beta[r]);
        "beta-of-the-wrong-row": "the sum is multiplied by β of the earlier tokens instead of the row's own"
            => from_scaled(k, v, beta, |r, i| beta[i] * k.row(i).dot(&k.row(r)));
        "beta-on-the-sum-alone": "β multiplies the sum that is subtracted, and not k and v"
            => substituted(k, v, done, |r, i| beta[r] * k.row(i).dot(&k.row(r)), |sum, _| sum);
        "beta-on-the-sum-twice": "β multiplies the sum that is subtracted twice"
            => substituted(k, v, done, |r, i| beta[r] * k.row(i).dot(&k.row(r)), |sum, r| sum * beta[r]);
        "beta-in-the-loop": "β multiplies the row after each subtraction; it multiplies it once, after all of them"
            => {
                let mut found = Wy { w: k.to_owned(), u: v.to_owned() };
                for r in 0..k.nrows() {
                    for i in 0..r {
                        subtract(&mut found, r, i, k.row(i).dot(&k.row(r)));
                        found.w.row_mut(r).mapv_inplace(|x| beta[r] * x);
                        found.u.row_mut(r).mapv_inplace(|x| beta[r] * x);
                    }
                }
                found
            };
        "first-without-beta": "the first row is k and v as they came: β multiplies it, too"
            => substituted(k, v, done, |r, i| k.row(i).dot(&k.row(r)), |sum, r| if r == 0 { sum } else { sum * beta[r] });
        "w-without-beta": "β multiplies the rows of U, and not those of W"
            => {
                let plain = crate::wy_form(k, v, Array1::ones(k.nrows()).view());
                Wy { w: plain.w, ..crate::wy_form(k, v, beta) }
            };
        "overlap-with-the-unfinished": "the products are of k_i with what is left of row r, as in Gram and Schmidt's orthogonalisation; they are of k_i with k_r"
            => in_place(k, v, beta, |r, i| i < r, |w, r, i| k.row(i).dot(&w.row(r)));
        "rows-behind": "the sum runs over the rows behind r, which are not finished; it runs over those before"
            => in_place(k, v, beta, |r, i| i > r, |_, r, i| k.row(i).dot(&k.row(r)));
        "all-rows": "the sum runs over all other rows, those behind r too, which are not finished"
            => in_place(k, v, beta, |r, i| i != r, |_, r, i| k.row(i).dot(&k.row(r)));
        "mean": "the sum is divided by the number of its terms"
            => substituted(k, v, done, |r, i| k.row(i).dot(&k.row(r)) / r as f64, |sum, r| sum * beta[r]);
        "values-by-values": "for U the products are of values, v_i · v_r; they are of keys for both"
            => {
                let of_values = substituted(k, v, done, |r, i| v.row(i).dot(&v.row(r)), |sum, r| sum * beta[r]);
                Wy { u: of_values.u, ..crate::wy_form(k, v, beta) }
            };
        "two-terms": "what is subtracted twice over is left out: I − L stands in the place of the inverse of I + L, and U and W lack its further powers"
            => {
                let (lower, scaled) = (below(k, beta), Array2::from_diag(&beta));
                let passes = (Array2::<f64>::eye(k.nrows()) - &lower + lower.dot(&lower)).dot(&scaled);
                Wy { w: passes.dot(&k), u: passes.dot(&v) }
            };
        "not-inverted": "I + L multiplies β k and β v; its inverse does"
            => {
                let passes = (Array2::<f64>::eye(k.nrows()) + below(k, beta)).dot(&Array2::from_diag(&beta));
                Wy { w: passes.dot(&k), u: passes.dot(&v) }
            };
        "w-negated": "W has the opposite sign: S + Kᵀ (U − W S) subtracts it already"
            => {
                let right = crate::wy_form(k, v, beta);
                Wy { w: -right.w, ..right }
            };
        "u-negated": "U has the opposite sign"
            => {
                let right = crate::wy_form(k, v, beta);
                Wy { u: -right.u, ..right }
            };
        "first-token-last": "w_r is k_r times the matrices I − β k kᵀ in the wrong order: the last of them erases first when the state is multiplied from the left"
            => {
                let mut w = Array2::zeros(k.dim());
                let mut passes = Array2::<f64>::eye(k.ncols());
                for r in 0..k.nrows() {
                    let key = k.row(r);
                    w.row_mut(r).assign(&(passes.dot(&key) * beta[r]));
                    passes = (Array2::<f64>::eye(k.ncols()) - key.insert_axis(Axis(1)).dot(&key.insert_axis(Axis(0))) * beta[r]).dot(&passes);
                }
                Wy { w, ..crate::wy_form(k, v, beta) }
            };
        "keys-in-w": "the sum of W subtracts keys as they came instead of finished rows of W; U is right"
            => {
                let wrong = substituted(k, v, |_, i| (k.row(i).to_owned(), v.row(i).to_owned()), |r, i| k.row(i).dot(&k.row(r)), |sum, r| sum * beta[r]);
                Wy { w: wrong.w, ..crate::wy_form(k, v, beta) }
            };
        "not-transposed": "k k is computed instead of k kᵀ"
            => {
                let products = k.dot(&k);
                substituted(k, v, done, |r, i| products[[r, i]], |sum, r| sum * beta[r])
            };
        "first-left-out": "the sum begins with token 1: token 0 is never subtracted"
            => substituted(k, v, done, |r, i| if i == 0 { 0.0 } else { k.row(i).dot(&k.row(r)) }, |sum, r| sum * beta[r]);
        "diagonal-too": "the row itself is in the system that is solved: each row is divided by 1 + β k · k"
            => substituted(k, v, done, |r, i| k.row(i).dot(&k.row(r)), |sum, r| sum * (beta[r] / (1.0 + beta[r] * k.row(r).dot(&k.row(r)))));

    }
}

/// The strictly lower part of diag(β) K Kᵀ.
fn below(k: ArrayView2<f64>, beta: ArrayView1<f64>) -> Array2<f64> {
    let mut products = k.dot(&k.t()) * beta.insert_axis(Axis(1));
    products.indexed_iter_mut().for_each(|((r, i), x)| *x = if i < r { *x } else { 0.0 });
    products
}

/// The finished rows.
fn done(found: &Wy, i: usize) -> (Array1<f64>, Array1<f64>) {
    (found.w.row(i).to_owned(), found.u.row(i).to_owned())
}

/// Forward substitution: what is subtracted of row i, how often in row r, and what becomes of the difference.
fn substituted(
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    subtracted: impl Fn(&Wy, usize) -> (Array1<f64>, Array1<f64>),
    overlap: impl Fn(usize, usize) -> f64,
    finish: impl Fn(Array1<f64>, usize) -> Array1<f64>,
) -> Wy {
    let mut found = Wy { w: k.to_owned(), u: v.to_owned() };
    for r in 0..k.nrows() {
        let (mut w, mut u) = (k.row(r).to_owned(), v.row(r).to_owned());
        for i in 0..r {
            let (of_w, of_u) = subtracted(&found, i);
            w.scaled_add(-overlap(r, i), &of_w);
            u.scaled_add(-overlap(r, i), &of_u);
        }
        found.w.row_mut(r).assign(&finish(w, r));
        found.u.row_mut(r).assign(&finish(u, r));
    }
    found
}

/// Row by row in place: what is subtracted is what a row has become so far, finished or not.
fn in_place(
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    beta: ArrayView1<f64>,
    subtracts: impl Fn(usize, usize) -> bool,
    overlap: impl Fn(&Array2<f64>, usize, usize) -> f64,
) -> Wy {
    let mut found = Wy { w: k.to_owned(), u: v.to_owned() };
    for r in 0..k.nrows() {
        for i in (0..k.nrows()).filter(|&i| subtracts(r, i)) {
            let overlap = overlap(&found.w, r, i);
            subtract(&mut found, r, i, overlap);
        }
        found.w.row_mut(r).mapv_inplace(|x| beta[r] * x);
        found.u.row_mut(r).mapv_inplace(|x| beta[r] * x);
    }
    found
}

/// Row by row from β k and β v.
fn from_scaled(
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    beta: ArrayView1<f64>,
    overlap: impl Fn(usize, usize) -> f64,
) -> Wy {
    let scale = beta.insert_axis(Axis(1));
    let mut found = Wy { w: &k * &scale, u: &v * &scale };
    for r in 0..k.nrows() {
        (0..r).for_each(|i| subtract(&mut found, r, i, overlap(r, i)));
    }
    found
}

/// Row i is subtracted from row r.
fn subtract(found: &mut Wy, r: usize, i: usize, overlap: f64) {
    let (of_w, of_u) = done(found, i);
    found.w.row_mut(r).scaled_add(-overlap, &of_w);
    found.u.row_mut(r).scaled_add(-overlap, &of_u);
}
