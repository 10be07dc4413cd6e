//! How large scores become as queries and keys get wider.

use crate::{Additive, additive_scores, dot_scores};
use attn_core::random::Random;
use attn_viz::{Axis, Figure, Lines};
use ndarray::Array2;
use std::sync::LazyLock;

/// The widths of queries and keys.
pub const WIDTHS: [usize; 5] = [4, 16, 64, 256, 1024];
/// The width of the hidden layer, the same throughout.
pub const HIDDEN: usize = 64;
const PAIRS: usize = 64;
const SEED: u64 = 2;

/// Scores at one width: the root of the mean square, and the largest magnitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Root mean square.
    pub typical: f64,
    /// Largest magnitude.
    pub largest: f64,
}

/// What was measured at one width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The width of queries and keys.
    pub d: usize,
    /// Dot scores, not scaled.
    pub dot: Size,
    /// Additive scores.
    pub additive: Size,
    /// `‖v‖₁`, which no additive score exceeds.
    pub bound: f64,
}

/// Scores of 64 standard normal queries against 64 standard normal keys of width `d`. The weights
/// of the additive score are standard normal, `v` with variance 1/64.
///
/// Costs about 64·64·(2d + 4·64) operations.
pub fn measure(d: usize) -> Measured {
    let mut random = Random::new(SEED);
    // The same v for every width.
    let v = random.normal(HIDDEN) / (HIDDEN as f32).sqrt();
    let additive = Additive { w_q: random.normal((d, HIDDEN)), w_k: random.normal((d, HIDDEN)), v };
    let (q, k) = (random.normal((PAIRS, d)), random.normal((PAIRS, d)));
    Measured {
        d,
        dot: size(&dot_scores(q.view(), k.view())),
        additive: size(&additive_scores(&additive, q.view(), k.view())),
        bound: f64::from(additive.v.mapv(f32::abs).sum()),
    }
}

fn size(scores: &Array2<f32>) -> Size {
    let squares = scores.mapv(|s| f64::from(s).powi(2));
    Size {
        typical: (squares.sum() / squares.len() as f64).sqrt(),
        largest: squares.fold(0.0_f64, |most, &s| most.max(s)).sqrt(),
    }
}

static MEASURED: LazyLock<[Measured; 5]> = LazyLock::new(|| WIDTHS.map(measure));

pub(super) fn figure() -> Figure {
    let (first, last) = (MEASURED[0], MEASURED[WIDTHS.len() - 1]);
    let alternative = format!(
        "The typical dot product grows from {:.1} at d = 4 to {:.1} at d = 1024, along √d. The typical additive score goes from {:.2} to {:.2}, and even the largest of 4,096 additive scores, {:.1} at d = 1024, stays below the bound of {:.1}.",
        first.dot.typical,
        last.dot.typical,
        first.additive.typical,
        last.additive.typical,
        last.additive.largest,
        last.bound,
    );
    let points = |of: fn(&Measured) -> f64| MEASURED.iter().map(move |at| (at.d as f64, of(at)));
    let title = "The size of scores between standard normal queries and keys: root mean square over 4,096 pairs";
    Lines::new(title, &alternative)
        .x(Axis::log("width of a query, d (numbers)").ticks(WIDTHS.map(|d| d as f64)))
        .y(Axis::log("size of a score").ticks([0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]))
        .series("dot product", points(|at| at.dot.typical))
        .series("√d", points(|at| (at.d as f64).sqrt()))
        .series("additive", points(|at| at.additive.typical))
        .series("largest additive", points(|at| at.additive.largest))
        .series("its bound ‖v‖₁", points(|at| at.bound))
        .figure()
}

pub(super) fn table() -> String {
    let mut table = String::from(
        "| d | dot product, typical | largest | additive, typical | largest | ‖v‖₁ |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for at in MEASURED.iter() {
        table += &format!(
            "| {} | {:.1} | {:.1} | {:.2} | {:.2} | {:.2} |\n",
            at.d,
            at.dot.typical,
            at.dot.largest,
            at.additive.typical,
            at.additive.largest,
            at.bound
        );
    }
    table
}
