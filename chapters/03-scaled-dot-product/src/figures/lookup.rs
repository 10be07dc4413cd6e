//! A few penguins look up the mass of others that resemble them: real weights for the eye. The
//! chapter's demonstration does the same with all of them.

use crate::{attention, masked_scores, softmax_rows};
use attn_core::Mask;
use attn_viz::{Figure, Heatmap};
use ndarray::{Array2, Axis, concatenate, s};

const PENGUINS: &str = include_str!("../../data/penguins.csv");
/// Bill length, bill depth and flipper length; then the mass.
const FEATURES: usize = 3;
const QUERIES: usize = 6;
const KEYS: usize = 12;
/// How sharply a difference is punished.
const SHARPNESS: f32 = 4.0;

pub fn figure() -> Figure {
    let all = measured();
    let known = every(&all, KEYS, 0);
    let asked = every(&all, QUERIES, 14);
    let features = |rows: &Array2<f32>| standardised(&all, rows);
    // −|q − k|²/2 = q·k − |k|²/2 − |q|²/2: one more coordinate holds −|k|²/2; the last term is the
    // same for all keys, and the softmax does not see it.
    let (q, k) = (features(&asked), features(&known));
    let half_norms = (&k * &k).sum_axis(Axis(1)).insert_axis(Axis(1)) / -2.0;
    let q = concatenate![Axis(1), q, Array2::ones((QUERIES, 1))];
    let k = concatenate![Axis(1), k, half_norms];
    // The scores are to be SHARPNESS times that, so attention's division by √d is undone.
    let q = &q * (SHARPNESS * (q.ncols() as f32).sqrt());
    let v = known.slice(s![.., FEATURES..]);
    let weights = softmax_rows(masked_scores(q.view(), k.view(), &Mask::None).view());
    let out = attention(q.view(), k.view(), v, &Mask::None).out;

    let mass = |rows: &Array2<f32>| rows.column(FEATURES).mapv(|g| format!("{g:.0}")).to_vec();
    let answers = asked.column(FEATURES).into_iter().zip(out.column(0));
    let answers: Vec<String> =
        answers.map(|(is, out)| format!("{out:.0} g for one of {is:.0} g")).collect();
    let alternative = format!(
        "Weights of {QUERIES} penguins over {KEYS} others. Each row sums to one, and most of its weight is on penguins of a similar size, so that the large weights run from the top left to the bottom right. The weighted means of the known masses are {}.",
        answers.join(", ")
    );
    let title = "Weights of six penguins (rows) over twelve known ones (columns), compared by bill and flipper. The labels are their masses, which the comparison does not see; weights below 0.05 are shown by colour alone";
    Heatmap::new(title, &alternative, weights.dim(), |i, j| f64::from(weights[[i, j]]))
        .rows("query: mass (g)", mass(&asked))
        .columns("key: mass (g)", mass(&known))
        .legend("weight")
        .full(1.0)
        .figure()
}

/// All penguins: three features and the mass, in the file's units.
fn measured() -> Array2<f32> {
    let rows = PENGUINS.lines().skip(1);
    let numbers = rows.flat_map(|row| row.split(',').map(|x| x.parse().unwrap_or(f32::NAN)));
    let numbers: Vec<f32> = numbers.collect();
    let width = FEATURES + 1;
    Array2::from_shape_vec((numbers.len() / width, width), numbers).expect("four columns")
}

/// `count` rows at even distances from row `first` on, by mass.
fn every(all: &Array2<f32>, count: usize, first: usize) -> Array2<f32> {
    let step = all.nrows() / count;
    let mut rows: Vec<usize> = (0..count).map(|i| first + i * step).collect();
    let mass = |row: &usize| all[[*row, FEATURES]];
    rows.sort_by(|a, b| mass(a).total_cmp(&mass(b)));
    all.select(Axis(0), &rows)
}

/// The features of some rows, in standard deviations from the mean of all.
fn standardised(all: &Array2<f32>, rows: &Array2<f32>) -> Array2<f32> {
    let features = s![.., ..FEATURES];
    let mean = all.slice(features).mean_axis(Axis(0)).expect("rows");
    let spread = all.slice(features).std_axis(Axis(0), 0.0);
    (&rows.slice(features) - &mean) / &spread
}
