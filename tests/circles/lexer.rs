//! Rust as tokens: words, signs and what is in brackets, with their lines. Comments, texts and lifetimes
//! are left out.
//!
//! A parser of Rust (syn, proc-macro2) is a dependency of macros elsewhere in this workspace. As one of
//! a test, too, it would be compiled otherwise, and with it everything that uses macros.

use anyhow::{Context, Result, bail};
use regex::Regex;
use std::sync::LazyLock;

#[derive(Debug)]
pub enum Token {
    Word {
        text: String,
        line: usize,
    },
    Sign(char),
    /// What stands between two brackets; the opening one.
    Group(char, Vec<Token>),
}

impl Token {
    pub fn is(&self, sign: char) -> bool {
        matches!(self, Token::Sign(this) if *this == sign)
    }

    pub fn is_word(&self, words: &[&str]) -> bool {
        matches!(self, Token::Word { text, .. } if words.contains(&text.as_str()))
    }
}

static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    let comment = r"//[^\n]*|/\*.*?\*/";
    let raw = r###"b?r"[^"]*"|b?r#".*?"#|b?r##".*?"##"###;
    let text = r#"[bc]?"(?:\\.|[^"\\])*""#;
    let character = r"b?'(?:\\.[^']*|[^'\\])'|'\w+";
    let skipped = format!(r"\s+|{comment}|{raw}|{text}|{character}");
    Regex::new(&format!(r"(?s){skipped}|(?:r#)?\w+|.")).expect("a constant")
});

/// The tokens of a file.
///
/// # Errors
/// When brackets are not closed.
pub fn tokens(text: &str) -> Result<Vec<Token>> {
    let (mut line, mut at) = (1, 0);
    let mut open: Vec<(char, Vec<Token>)> = Vec::new();
    let mut here: Vec<Token> = Vec::new();
    for found in TOKEN.find_iter(text) {
        let (whole, mut signs) = (found.as_str(), found.as_str().chars());
        match (signs.next(), signs.next()) {
            (Some(sign @ ('(' | '[' | '{')), _) => open.push((sign, std::mem::take(&mut here))),
            (Some(')' | ']' | '}'), _) => {
                let (sign, before) = open.pop().context("a bracket is not opened")?;
                let inside = std::mem::replace(&mut here, before);
                here.push(Token::Group(sign, inside));
            }
            (Some(first), _) if first.is_whitespace() => (),
            (Some(first), None) if !is_word(first) => here.push(Token::Sign(first)),
            (Some(first), _) if is_word(first) && !whole.ends_with(['"', '\'', '#']) => {
                line += text[at..found.start()].matches('\n').count();
                at = found.start();
                let text = whole.trim_start_matches("r#").to_string();
                here.push(Token::Word { text, line });
            }
            // A comment, a text or a lifetime.
            _ => (),
        }
    }
    if !open.is_empty() {
        bail!("a bracket is not closed");
    }
    Ok(here)
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}
