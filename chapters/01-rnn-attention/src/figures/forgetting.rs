//! What is left of the first token.

use crate::influence::{Influence, influence};
use attn_viz::{Axis, Figure, Lines};
use std::sync::LazyLock;

/// The spectral norms shown: contractive, not contractive but still forgetful, and neither.
const RHO: [f64; 3] = [0.9, 3.0, 6.0];
const PAIRS: usize = 32;
const SEED: u64 = 1;
const LENGTHS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Below this the difference of two f64 states is rounding.
const FLOOR: f64 = 1e-14;

static MEASURED: LazyLock<[Influence; 3]> =
    LazyLock::new(|| RHO.map(|rho| influence(rho, PAIRS, SEED)));

fn points(values: &[f64]) -> impl Iterator<Item = (f64, f64)> + '_ {
    let points = LENGTHS.into_iter().map(|m| (m as f64, values[m - 1]));
    points.filter(|(_, left)| *left > FLOOR)
}

pub fn figure() -> Figure {
    let [contractive, forgetful, neither] = &*MEASURED;
    let at = |m: usize, influence: &Influence| influence.last_state[m - 1];
    let alternative = format!(
        "In the last state of a network with spectral norm 0.9, {:.2} of the difference is left after 8 tokens and {:.0e} after 16, far below the bound. With norm 3 it is {:.2} at 16 tokens and {:.4} at 64, with norm 6 it stays near {:.1}. The context of a look back over the states of norm 0.9 keeps {:.2} at 16 tokens and {:.3} at 64: it falls like one over the length.",
        at(8, contractive),
        at(16, contractive),
        at(16, forgetful),
        at(64, forgetful),
        at(64, neither),
        contractive.context[15],
        contractive.context[63],
    );
    let bound = |m: usize| (m as f64, RHO[0].powi(m as i32 - 1));
    let title = "What is left of a difference in the first token at the end of m tokens: mean over 32 random networks of width 32 for each spectral norm ρ";
    Lines::new(title, &alternative)
        .x(Axis::log("length m (tokens)").ticks(LENGTHS.map(|m| m as f64)))
        .y(Axis::log("share of the difference").ticks([1.0, 1e-2, 1e-4, 1e-6, 1e-8]))
        .series("last state, ρ = 0.9", points(&contractive.last_state))
        .series("its bound ρ^(m−1)", LENGTHS.map(bound))
        .series("last state, ρ = 3", points(&forgetful.last_state))
        .series("last state, ρ = 6", points(&neither.last_state))
        .series("look back, ρ = 0.9", points(&contractive.context))
        .figure()
}

pub fn table() -> String {
    let [contractive, forgetful, neither] = &*MEASURED;
    let mut table = String::from(
        "| length m | last state, ρ = 0.9 | bound 0.9^(m−1) | last state, ρ = 3 | last state, ρ = 6 | look back, ρ = 0.9 |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for m in LENGTHS {
        let bound = RHO[0].powi(m as i32 - 1);
        let cells = [
            contractive.last_state[m - 1],
            bound,
            forgetful.last_state[m - 1],
            neither.last_state[m - 1],
            contractive.context[m - 1],
        ];
        table += &format!("| {m} | {} |\n", cells.map(share).join(" | "));
    }
    table
}

/// Two significant digits.
fn share(x: f64) -> String {
    match x {
        x if x >= 0.995 => format!("{x:.1}"),
        x if x < FLOOR => "below $10^{-14}$".into(),
        x if x >= 1e-3 => {
            let decimals = (1 - x.log10().floor() as i32).max(0) as usize;
            format!("{x:.decimals$}")
        }
        x => {
            let exponent = x.log10().floor() as i32;
            format!("${:.1} \\cdot 10^{{{exponent}}}$", x / 10f64.powi(exponent))
        }
    }
}
