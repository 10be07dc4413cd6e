//! What a module declares, imports and names, by its tokens.

use crate::lexer::Token;
use std::collections::HashSet;

/// A module as it is written.
#[derive(Default)]
pub struct Reading {
    pub modules: Vec<Declared>,
    /// Items, and macros.
    pub defined: HashSet<String>,
    pub imports: Vec<Import>,
    pub uses: Vec<Use>,
}

/// `mod name;` or `mod name { … }`
pub struct Declared {
    pub name: String,
    pub body: Option<Reading>,
    /// It has an attribute that names its file.
    pub elsewhere: bool,
}

/// `use path as name;`, and `use path::*;` with `*` as the name.
pub struct Import {
    pub path: Vec<String>,
    pub name: String,
    pub public: bool,
    pub line: usize,
}

/// A path in the code.
pub struct Use {
    pub path: Vec<String>,
    pub line: usize,
}

/// Words before the name of an item.
const ITEMS: [&str; 8] = ["fn", "struct", "enum", "union", "trait", "type", "const", "static"];

impl Reading {
    pub fn of(tokens: &[Token]) -> Self {
        let mut reading = Reading::default();
        reading.read(tokens, true);
        reading
    }

    /// Reads what stands at one level; items are the module's own at the `top`.
    fn read(&mut self, tokens: &[Token], top: bool) {
        let (mut at, mut elsewhere) = (0, false);
        while at < tokens.len() {
            let rest = &tokens[at..];
            if let [Token::Sign('#'), Token::Group('[', attribute), ..] = rest {
                let has = |word: &&str| has_word(attribute, word);
                elsewhere |= has(&"path");
                at += 2;
                if has(&"cfg") && !has(&"not") && ["test", "doctest"].iter().any(has) {
                    at += length(&tokens[at..]);
                }
                continue;
            }
            at += match rest {
                // `pub(super)` names no module that is used.
                [visible, Token::Group('(', _), ..] if visible.is_word(&["pub"]) => 2,
                [word, Token::Word { text: name, .. }, body, ..]
                    if word.is_word(&["mod"]) && top =>
                {
                    let body = match body {
                        Token::Group(_, body) => Some(Reading::of(body)),
                        _ => None,
                    };
                    let name = name.clone();
                    self.modules.push(Declared { name, body, elsewhere });
                    3
                }
                [word, ..] if word.is_word(&["use"]) => {
                    let length = length(rest);
                    self.import(&rest[1..length], &[], is_public(&tokens[..at]));
                    length
                }
                [word, Token::Sign('!'), Token::Word { text, .. }, ..]
                    if word.is_word(&["macro_rules"]) =>
                {
                    self.defined.insert(text.clone());
                    3
                }
                [word, name @ Token::Word { text, .. }, ..]
                    if word.is_word(&ITEMS) && !name.is_word(&ITEMS) =>
                {
                    if top {
                        self.defined.insert(text.clone());
                    }
                    2
                }
                [Token::Word { .. }, ..] => self.path(tokens, at),
                [Token::Group(_, inside), ..] => {
                    self.read(inside, false);
                    1
                }
                _ => 1,
            };
            elsewhere = false;
        }
    }

    /// Notes the path that begins here, and returns how many tokens it has.
    fn path(&mut self, tokens: &[Token], start: usize) -> usize {
        let (mut path, mut at, mut first) = (Vec::new(), start, 0);
        while let Some(Token::Word { text, line }) = tokens.get(at) {
            if path.is_empty() {
                first = *line;
            }
            path.push(text.clone());
            at += 1;
            if !is_sign(tokens, at, "::") {
                break;
            }
            at += 2;
        }
        let before = |signs: &str| {
            let place = start.checked_sub(signs.len());
            place.is_some_and(|place| is_sign(tokens, place, signs))
        };
        // A method or a field, or the rest of a path that began with a type.
        let is_part = before(".") && !before("..") || before("::");
        let is_new = path.len() == 1 && start > 0 && tokens[start - 1].is_word(&["let", "mut"]);
        // The name of a field or an argument.
        let is_label = path.len() == 1 && is_sign(tokens, at, ":") && !is_sign(tokens, at, "::");
        if !(is_part || is_new || is_label) {
            self.uses.push(Use { path, line: first });
        }
        at - start
    }

    /// Notes what a tree of imports names.
    fn import(&mut self, tokens: &[Token], before: &[String], public: bool) {
        for tree in tokens.split(|token| token.is(',')) {
            let mut path = before.to_vec();
            let (mut name, mut last) = (None, 0);
            for (at, token) in tree.iter().enumerate() {
                match token {
                    Token::Word { text, .. } if text == "as" => {
                        if let Some(Token::Word { text, .. }) = tree.get(at + 1) {
                            name = Some(text.clone());
                        }
                        break;
                    }
                    Token::Word { text, line } => {
                        last = *line;
                        // `a::{self}` is `a`.
                        if text != "self" || path.is_empty() {
                            path.push(text.clone());
                        }
                    }
                    Token::Group(_, inside) => {
                        self.import(inside, &path, public);
                        path.clear();
                    }
                    Token::Sign('*') => name = Some("*".into()),
                    Token::Sign(_) => (),
                }
            }
            if let Some(end) = path.last() {
                self.imports.push(Import {
                    name: name.unwrap_or_else(|| end.clone()),
                    path,
                    public,
                    line: last,
                });
            }
        }
    }
}

fn has_word(tokens: &[Token], wanted: &str) -> bool {
    tokens.iter().any(|token| match token {
        Token::Group(_, inside) => has_word(inside, wanted),
        token => token.is_word(&[wanted]),
    })
}

/// Whether these signs stand here.
fn is_sign(tokens: &[Token], at: usize, signs: &str) -> bool {
    let there = tokens.get(at..at + signs.len()).unwrap_or_default();
    !there.is_empty() && there.iter().zip(signs.chars()).all(|(token, sign)| token.is(sign))
}

/// Whether `pub` or `pub(…)` stands last.
fn is_public(before: &[Token]) -> bool {
    match before {
        [.., word, Token::Group('(', _)] | [.., word] => word.is_word(&["pub"]),
        [] => false,
    }
}

/// How many tokens an item has.
fn length(tokens: &[Token]) -> usize {
    let mut words = tokens.iter().filter(|token| !token.is_word(&["pub"]));
    let first = words.find(|token| matches!(token, Token::Word { .. }));
    let to_semicolon = first.is_some_and(|word| word.is_word(&["use", "static", "type"]));
    let end = tokens.iter().position(|token| match token {
        Token::Group('{', _) => !to_semicolon,
        token => token.is(';'),
    });
    end.map_or(tokens.len(), |end| end + 1)
}
