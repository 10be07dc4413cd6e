//! The figures and tables of the book's page on this chapter.

pub mod cited;
mod groups;
pub mod intensity;
mod measured;
pub mod own;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch06/groups", groups::figure),
        ("ch06/time", cited::time),
        ("ch06/decode", measured::figure),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch06/intensity", intensity::table),
        ("ch06/quality", cited::quality),
        ("ch06/own", own::table),
        ("ch06/converted", own::converted),
        ("ch06/models", cited::models),
        ("ch06/decode", measured::table),
        ("ch06/sitting", measured::sitting),
    ]
}
