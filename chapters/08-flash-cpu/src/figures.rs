//! The figures and tables of the book's page on this chapter, computed by the chapter's own code or
//! read from what was measured.

mod bytes;
mod lanes;
mod loops;
mod measured;
mod merging;
mod tiles;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch08/merging", merging::figure),
        ("ch08/tiles", tiles::figure),
        ("ch08/loops", loops::figure),
        ("ch08/keys-in-lanes", lanes::keys),
        ("ch08/queries-in-lanes", lanes::queries),
        ("ch08/bytes", bytes::figure),
        ("ch08/ladder", measured::ladder),
        ("ch08/against-torch", measured::against_torch),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch08/states", merging::table),
        ("ch08/bytes", bytes::table),
        ("ch08/sitting", measured::sitting),
        ("ch08/rungs", measured::rungs),
        ("ch08/forward", measured::forward),
        ("ch08/backward", measured::backward),
        ("ch08/registers", measured::registers),
        ("ch08/decoding", measured::decoding),
        ("ch08/memory", measured::memory),
        ("ch08/prefill", measured::prefill),
    ]
}
