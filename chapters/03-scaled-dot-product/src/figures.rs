//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.

pub mod cost;
mod halves;
mod lookup;
mod masks;
mod scale;
mod steps;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch03/lookup", lookup::figure),
        ("ch03/steps", steps::figure),
        ("ch03/largest-weight", scale::largest_weight),
        ("ch03/jacobian", scale::jacobian),
        ("ch03/causal-square", masks::causal_square),
        ("ch03/causal-wide", masks::causal_wide),
        ("ch03/causal-tall", masks::causal_tall),
        ("ch03/prefix", masks::prefix),
        ("ch03/combined", masks::combined),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch03/saturation", scale::table),
        ("ch03/held", scale::held),
        ("ch03/cost", cost::table),
        ("ch03/halves", halves::table),
    ]
}
