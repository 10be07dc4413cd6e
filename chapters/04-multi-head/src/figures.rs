//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.

mod accuracy;
pub mod alike;
mod blocks;
pub mod cost;
mod dealing;
pub mod diagonal;
mod heads;
mod positions;
mod rotation;
mod split;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch04/dealing", dealing::figure),
        ("ch04/rotation", rotation::figure),
        ("ch04/blocks", blocks::figure),
        ("ch04/split", split::right),
        ("ch04/scramble", split::wrong),
        ("ch04/distance", positions::distance),
        ("ch04/head-dates", heads::fetching),
        ("ch04/head-other", heads::other),
        ("ch04/head-own", heads::own),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch04/accuracy", accuracy::table),
        ("ch04/alike", alike::table),
        ("ch04/cost", cost::table),
        ("ch04/diagonal", diagonal::table),
    ]
}
