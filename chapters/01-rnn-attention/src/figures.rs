//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.

mod encoder_decoder;
mod forgetting;
mod gates;
mod learning;
mod memory;
pub mod trained;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch01/fixed", encoder_decoder::fixed),
        ("ch01/looking-back", encoder_decoder::looking_back),
        ("ch01/gates", gates::figure),
        ("ch01/memory", memory::figure),
        ("ch01/forgetting", forgetting::figure),
        ("ch01/learning", learning::figure),
        ("ch01/exact", trained::exact),
        ("ch01/gradient", trained::gradient),
        ("ch01/alignment", trained::alignment),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![("ch01/forgetting", forgetting::table), ("ch01/exact", trained::exact_table)]
}
