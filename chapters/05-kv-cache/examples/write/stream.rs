//! A text that is printed while it is being written.

use attn_lm::Alphabet;
use std::io::{self, Write};

/// From here on a blank ends the line; at the latest it ends there.
const SOON: usize = 66;
const WIDTH: usize = 76;

/// Prints characters as they come, in lines that fit.
pub struct Stream<'a, W> {
    to: &'a mut W,
    alphabet: &'static Alphabet,
    column: usize,
}

impl<'a, W: Write> Stream<'a, W> {
    /// Begins a line.
    pub fn new(alphabet: &'static Alphabet, to: &'a mut W) -> io::Result<Self> {
        to.write_all(b"  ")?;
        Ok(Stream { to, alphabet, column: 2 })
    }

    /// Prints some tokens.
    pub fn show(&mut self, tokens: &[usize]) -> io::Result<()> {
        for character in self.alphabet.decode(tokens).chars() {
            let ends = character == '\n' || character == ' ' && self.column >= SOON;
            if ends || self.column >= WIDTH {
                write!(self.to, "\n  ")?;
                self.column = 2;
            }
            if !ends {
                write!(self.to, "{character}")?;
                // A Chinese character is as wide as two others.
                self.column += if character.is_ascii() { 1 } else { 2 };
            }
        }
        self.to.flush()
    }

    /// Ends the last line.
    pub fn end(self) -> io::Result<()> {
        writeln!(self.to)
    }
}
