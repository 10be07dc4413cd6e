//! The figures and tables of the book's page on this chapter: counts of the simulator, which runs the committed PTX.

mod banks;
mod counted;
mod roofline;
mod threads;
mod traffic;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch09/threads", threads::figure),
        ("ch09/banks", banks::figure),
        ("ch09/traffic-tiled", traffic::tiled),
        ("ch09/traffic-warp", traffic::warp),
        ("ch09/roofline", roofline::figure),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch09/counts", counted::table),
        ("ch09/bounds", roofline::table),
        ("ch09/skipped", counted::skipped),
        ("ch09/decoding", counted::decoding),
    ]
}
