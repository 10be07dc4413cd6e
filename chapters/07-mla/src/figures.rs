//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![]
}
