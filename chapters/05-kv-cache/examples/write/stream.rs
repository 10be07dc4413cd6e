//! A text that is printed while it is being written.

use attn_lm::text::decode;
use std::io::{self, Write};

/// From here on a blank ends the line; at the latest it ends there.
const SOON: usize = 66;
const WIDTH: usize = 76;

/// Prints characters as they come, in lines that fit.
pub struct Stream<'a, W> {
    to: &'a mut W,
    column: usize,
}

impl<'a, W: Write> Stream<'a, W> {
    /// Begins a line.
    pub fn new(to: &'a mut W) -> io::Result<Self> {
        to.write_all(b"  ")?;
        Ok(Stream { to, column: 2 })
    }

    /// Prints some tokens.
    pub fn show(&mut self, tokens: &[usize]) -> io::Result<()> {
        for character in decode(tokens).chars() {
            let ends = character == '\n' || character == ' ' && self.column >= SOON;
            if ends || self.column >= WIDTH {
                write!(self.to, "\n  ")?;
                self.column = 2;
            }
            if !ends {
                write!(self.to, "{character}")?;
                self.column += 1;
            }
        }
        self.to.flush()
    }

    /// Ends the last line.
    pub fn end(self) -> io::Result<()> {
        writeln!(self.to)
    }
}
