//! What is left of Rust when what a copier changes is taken away.

use proc_macro2::{TokenStream, TokenTree};
use std::str::FromStr;

/// Words that a student does not choose.
const KEYWORDS: [&str; 30] = [
    "as", "break", "const", "continue", "else", "enum", "false", "fn", "for", "if", "impl", "in",
    "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self", "static",
    "struct", "trait", "true", "use", "where", "while",
];

/// The tokens of these lines.
///
/// Each line is taken by itself, without brackets: an answer that lacks one is compared as well, and no
/// nesting is too deep. A line that is no Rust, as within a text of several lines, has no tokens.
pub(super) fn of(lines: &[&str]) -> Vec<String> {
    let mut tokens = Vec::new();
    for line in lines.iter().filter(|line| !line.trim_start().starts_with("//")) {
        let plain = line.replace(['(', ')', '[', ']', '{', '}'], " ");
        let Ok(stream) = TokenStream::from_str(&plain) else { continue };
        let mut after_dot = false;
        for tree in stream {
            let token = token(&tree, after_dot);
            after_dot = token == ".";
            tokens.push(token);
        }
    }
    tokens
}

fn token(tree: &TokenTree, after_dot: bool) -> String {
    let text = tree.to_string();
    match tree {
        // The methods of a library cannot be renamed.
        TokenTree::Ident(_) if after_dot || KEYWORDS.contains(&text.as_str()) => text,
        TokenTree::Ident(_) => "name".into(),
        // A number says what is computed, a text says nothing.
        TokenTree::Literal(_) if !text.starts_with(|c: char| c.is_ascii_digit()) => "text".into(),
        TokenTree::Literal(_) | TokenTree::Punct(_) | TokenTree::Group(_) => text,
    }
}
