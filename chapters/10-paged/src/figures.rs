//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.

mod fills;
mod table;
pub mod tables;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![("ch10/table", table::figure), ("ch10/fills", fills::figure), ("ch10/use", tables::figure)]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch10/use", tables::used),
        ("ch10/slots", tables::slots),
        ("ch10/beams", tables::beams),
        ("ch10/saved", tables::saved_blocks),
        ("ch10/sizes", tables::sizes),
        ("ch10/ways", tables::ways),
    ]
}
