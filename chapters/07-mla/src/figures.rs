//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.

pub mod between;
mod cache;
mod cost;
mod paths;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch07/kept", paths::kept),
        ("ch07/forms", paths::forms),
        ("ch07/cache", cache::figure),
        ("ch07/between", between::figure),
        ("ch07/cost", cost::figure),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch07/cache", cache::table),
        ("ch07/saved", cache::saved_table),
        ("ch07/products", cost::products),
        ("ch07/cost", cost::table),
        ("ch07/intensity", cost::intensity),
        ("ch07/between", between::table),
    ]
}

/// `34560` as `34,560`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
