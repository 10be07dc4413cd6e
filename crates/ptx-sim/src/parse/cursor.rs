//! A position in the tokens of a file, and the small steps that every part of the reader takes.

use super::readable::readable;
use crate::{error::Place, lex::Token};

/// Whether it calls a function.
pub(super) fn is_call(token: Token) -> bool {
    matches!(token, Token::Word(word) if word.split('.').next() == Some("call"))
}

/// A position in the tokens, and the source line that the last `.loc` named.
pub(super) struct Parser<'a> {
    pub(super) tokens: Vec<(Token<'a>, u32)>,
    pub(super) at: usize,
    pub(super) source: Option<u32>,
    /// The last `.loc` named line 0: the compiler moved what comes here, mostly ahead of the line
    /// that needs it.
    pub(super) moved: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).map(|token| token.0)
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, String> {
        let token = self.peek().ok_or("the file ends here")?;
        self.at += 1;
        Ok(token)
    }

    pub(super) fn place(&self) -> Place {
        let at = self.at.min(self.tokens.len().saturating_sub(1));
        Place { source: self.source, ptx: self.tokens.get(at).map_or(1, |token| token.1) }
    }

    /// That a call is not supported, with the function's name: of
    /// `call.uni (retval0), vprintf, (param0, param1);`, and of the declarations of its parameters,
    /// which stand before it.
    pub(super) fn called(&self) -> String {
        let rest = self.tokens[self.at..].iter().map(|(token, _)| *token);
        let mut depth = 0;
        let name = rest.skip_while(|token| !is_call(*token)).skip(1).find_map(|token| {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                Token::Word(word) if depth == 0 => return Some(word),
                _ => {}
            }
            None
        });
        let what = match name {
            Some("vprintf") => "`printf`, which was not inlined,".into(),
            Some(name) => format!("`{}`, which was not inlined,", readable(name)),
            None => "a function that was not inlined".to_string(),
        };
        format!("a call of {what} is not supported")
    }

    /// The tokens since `start`, for an error.
    pub(super) fn text(&self, start: usize) -> String {
        let shown = self.tokens[start..self.at].iter().map(|(token, _)| match token {
            Token::Word(word) => (*word).to_string(),
            Token::Text(text) => format!("{text:?}"),
            Token::Sign(sign) => sign.to_string(),
        });
        shown.take(24).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn word(&mut self) -> Result<&'a str, String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(format!("a word is needed, not {other:?}")),
        }
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Result<T, String> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("`{word}` is no number that fits"))
    }

    /// Whether this sign comes next; it is taken.
    pub(super) fn sign(&mut self, sign: char) -> bool {
        let there = self.peek() == Some(Token::Sign(sign));
        self.at += usize::from(there);
        there
    }

    pub(super) fn need(&mut self, sign: char) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(format!("`{sign}` is needed here")) }
    }

    /// Whether this word comes next; it is taken.
    pub(super) fn keyword(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(Token::Word(word));
        self.at += usize::from(there);
        there
    }

    /// Skips `{ … }`, braces within it included.
    pub(super) fn skip_braces(&mut self) -> Result<(), String> {
        self.need('{')?;
        let mut depth = 1;
        while depth > 0 {
            match self.next()? {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// `.loc file line column [, function_name name [+ n], inlined_at file line column]`. Only the
    /// first file counts as the kernel's source; for code from a header it is the line that calls
    /// it.
    pub(super) fn loc(&mut self) -> Result<(), String> {
        let (mut file, mut line, _column): (u32, u32, u32) =
            (self.number()?, self.number()?, self.number()?);
        while self.sign(',') {
            match self.word()? {
                "function_name" => {
                    self.word()?;
                    if self.sign('+') {
                        self.word()?;
                    }
                }
                "inlined_at" => {
                    let at: (u32, u32, u32) = (self.number()?, self.number()?, self.number()?);
                    if file != 1 {
                        (file, line) = (at.0, at.1);
                    }
                }
                other => return Err(format!("`{other}` in `.loc` is not supported")),
            }
        }
        if file == 1 {
            self.moved = line == 0;
            self.source = if line > 0 { Some(line) } else { self.source };
        }
        Ok(())
    }
}
