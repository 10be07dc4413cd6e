//! Which token each number of a head comes from, when the heads are split rightly and wrongly.

use crate::split_heads;
use attn_viz::{Figure, Heatmap};
use ndarray::{Array2, Array3};

const TOKENS: usize = 4;
const HEADS: usize = 2;
const WIDTH: usize = 3;

/// A sequence in which every number is its token's.
fn marked() -> Array2<f32> {
    Array2::from_shape_fn((TOKENS, HEADS * WIDTH), |(i, _)| i as f32)
}

pub fn right() -> Figure {
    let heads = split_heads(marked().view(), HEADS);
    let alternative = format!(
        "{HEADS} heads of {TOKENS} rows. In each head, row i holds three numbers of token i and nothing else."
    );
    draw(
        "Split rightly: the token that each number comes from. Row i of each head is token i",
        &alternative,
        &heads,
    )
}

pub fn wrong() -> Figure {
    let shape = (HEADS, TOKENS, WIDTH);
    let numbers = marked().into_raw_vec_and_offset().0;
    let heads = Array3::from_shape_vec(shape, numbers).expect("as many numbers as before");
    let alternative = "The same numbers, read into the same shape in memory order. Head 0 holds tokens 0 and 1 alone, in two rows each; head 1 holds tokens 2 and 3.";
    draw(
        "Reshaped without a transpose: head 0 never sees tokens 2 and 3, and each token counts as two",
        alternative,
        &heads,
    )
}

fn draw(title: &str, alternative: &str, heads: &Array3<f32>) -> Figure {
    let (h, n, d) = heads.dim();
    let at = |row: usize, c: usize| f64::from(heads[[row / n, row % n, c]]);
    let names = (0..h * n).map(|row| format!("head {}, row {}", row / n, row % n));
    Heatmap::new(title, alternative, (h * n, d), at)
        .rows("", names)
        .columns("place c in the head", (0..d).map(|c| c.to_string()))
        .legend("token")
        .full((TOKENS - 1) as f64)
        .figure()
}
