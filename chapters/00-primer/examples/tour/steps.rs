//! The steps of the tour. What stands between anchors is shown, in the terminal and in the book.

use super::Step;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, array, s};

/// All steps, in order.
pub fn all() -> Vec<Step> {
    vec![
        borrowing(),
        arrays(),
        parts(),
        rows(),
        sums(),
        products(),
        broadcasting(),
        entries(),
        zips(),
        widths(),
        infinities(),
    ]
}

fn borrowing() -> Step {
    // ANCHOR: borrowing
    /// Views in, owned out: reads `x`, and makes a new array.
    fn doubled(x: ArrayView2<f32>) -> Array2<f32> {
        let mut result = x.to_owned();
        result *= 2.0; // changes `result`; the caller's array is untouched
        result
    }

    let x = array![[1.0, 2.0]];
    let twice = doubled(x.view()); // lends x for the time of the call
    let sum = &x + &twice; // `&` lends too: both are still there afterwards
    // ANCHOR_END: borrowing
    Step::new("borrowing", "Views in, owned out")
        .gives("x", x)
        .gives("twice", twice)
        .gives("sum", sum)
}

fn arrays() -> Step {
    // ANCHOR: arrays
    let x: Array2<f32> = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let (n, m) = x.dim(); // 2 rows, 3 columns: x.nrows() and x.ncols()
    let entry = x[[1, 2]]; // row 1, column 2, both counted from 0
    let zeros: Array2<f32> = Array2::zeros((n, m));
    let table = Array2::from_shape_fn((n, m), |(i, j)| j <= i);
    // ANCHOR_END: arrays
    Step::new("arrays", "An array, and more ways to make one")
        .gives("entry", entry)
        .gives("zeros", zeros)
        .gives("table", table)
}

fn parts() -> Step {
    // ANCHOR: parts
    let x: Array2<f32> = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let whole: ArrayView2<f32> = x.view(); // all of x
    let row: ArrayView1<f32> = x.row(1);
    let right: ArrayView2<f32> = x.slice(s![.., 1..]); // columns from 1 on
    let turned: ArrayView2<f32> = x.t(); // rows become columns
    let copy: Array2<f32> = right.to_owned(); // only this one copies numbers
    // ANCHOR_END: parts
    assert_eq!((whole, copy.view()), (x.view(), right));
    Step::new("parts", "Views: the same numbers, seen in part or turned")
        .gives("row", row)
        .gives("right", right)
        .gives("turned", turned)
}

fn rows() -> Step {
    // ANCHOR: rows
    let x = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let mut sums: Vec<f32> = Vec::new();
    for row in x.rows() {
        sums.push(row.sum());
    }
    let firsts: Vec<f32> = x.axis_iter(Axis(0)).map(|row| row[0]).collect();
    let tops: Vec<f32> = x.axis_iter(Axis(1)).map(|column| column[0]).collect();
    let mut halved = x.clone();
    for mut row in halved.rows_mut() {
        row /= 2.0;
    }
    // ANCHOR_END: rows
    Step::new("rows", "Row by row, column by column")
        .gives("sums", Array1::from(sums))
        .gives("firsts", Array1::from(firsts))
        .gives("tops", Array1::from(tops))
        .gives("halved", halved)
}

fn sums() -> Step {
    // ANCHOR: sums
    let x = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let down: Array1<f32> = x.sum_axis(Axis(0)); // one sum a column
    let across: Array1<f32> = x.sum_axis(Axis(1)); // one sum a row
    let all: f32 = x.sum();
    // ANCHOR_END: sums
    Step::new("sums", "Sums along an axis")
        .gives("down", down)
        .gives("across", across)
        .gives("all", all)
}

fn products() -> Step {
    // ANCHOR: products
    let q = array![[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]; // 3×2
    let k = array![[3.0, 4.0], [5.0, 6.0]]; // 2×2
    let scores: Array2<f32> = q.dot(&k.t()); // rows of q with rows of k
    let one: f32 = q.row(1).dot(&k.row(0)); // scores[[1, 0]]
    let mixed: Array1<f32> = array![0.5, 0.5].dot(&k); // half of each row of k
    // ANCHOR_END: products
    Step::new("products", "Products")
        .gives("scores", scores)
        .gives("one", one)
        .gives("mixed", mixed)
}

fn broadcasting() -> Step {
    // ANCHOR: broadcasting
    let x = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]; // 2×3
    let per_column = array![10.0, 20.0, 30.0]; // 3
    let per_row = array![100.0, 200.0]; // 2
    let a = &x + &per_column; // the same three in every row
    let b = &x + &per_row.insert_axis(Axis(1)); // 2×1, repeated
    // ANCHOR_END: broadcasting
    Step::new("broadcasting", "Broadcasting: a small array beside a large one")
        .gives("a", a)
        .gives("b", b)
}

fn entries() -> Step {
    // ANCHOR: entries
    let x = array![[1.0, -2.0], [-3.0, 4.0]];
    let doubled: Array2<f32> = x.mapv(|entry| 2.0 * entry); // a new array
    let mut squares = x.clone();
    squares.mapv_inplace(|entry| entry * entry); // `squares` itself changes
    let largest: f32 = x.fold(f32::NEG_INFINITY, |max, &entry| max.max(entry));
    // ANCHOR_END: entries
    Step::new("entries", "Every entry")
        .gives("doubled", doubled)
        .gives("squares", squares)
        .gives("largest", largest)
}

fn zips() -> Step {
    // ANCHOR: zips
    let scores = array![[1.0, 2.0], [3.0, 4.0]];
    let allowed = array![[true, false], [true, true]];
    let kept = |&score: &f64, &may: &bool| if may { score } else { 0.0 };
    let hidden = Zip::from(&scores).and(&allowed).map_collect(kept);
    let mut sums = array![0.5, 0.5];
    let rows = hidden.rows();
    Zip::from(&mut sums).and(rows).for_each(|sum, row| *sum += row.sum());
    // ANCHOR_END: zips
    Step::new("zips", "Zip: several arrays in step").gives("hidden", hidden).gives("sums", sums)
}

fn widths() -> Step {
    // ANCHOR: widths
    let narrow: f32 = [1e8, 1.0, -1e8].iter().sum(); // 1 is lost beside 1e8
    let wide: f64 = [1e8, 1.0, -1e8].iter().sum();
    let reordered: f32 = [1e8, -1e8, 1.0].iter().sum();
    // ANCHOR_END: widths
    Step::new("widths", "f32 and f64")
        .gives("narrow", narrow)
        .gives("wide", wide)
        .gives("reordered", reordered)
}

#[allow(clippy::eq_op)] // that they are not what they look like is the point
fn infinities() -> Step {
    // ANCHOR: infinities
    let nothing = f32::NEG_INFINITY; // −∞, below every other number
    let vanished = nothing.exp(); // exactly 0
    let overflowed = 89.0_f32.exp(); // more than an f32 can hold
    let undefined = nothing - nothing; // NaN, “not a number”; so is 0 / 0
    let spread = array![1.0, undefined, 2.0].sum(); // NaN spreads
    let equal = undefined == undefined; // NaN equals nothing, not even itself
    let ignored = undefined.max(1.0); // but `max` passes over it
    // ANCHOR_END: infinities
    Step::new("infinities", "−∞ and NaN")
        .gives("vanished", vanished)
        .gives("overflowed", overflowed)
        .gives("undefined", undefined)
        .gives("spread", spread)
        .gives("equal", equal)
        .gives("ignored", ignored)
}
