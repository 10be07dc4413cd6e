//! PTX text as tokens with line numbers (PTX ISA, “Syntax”). Borrowed from the text: nothing is copied.

/// One token. A word is everything that holds together without space: a directive, an opcode with
/// its modifiers, a register, a number, a label.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Token<'a> {
    Word(&'a str),
    Text(&'a str),
    Sign(char),
}

/// The tokens of a file, each with its line counted from 1. Comments are left out.
pub(crate) fn tokens(text: &str) -> Vec<(Token<'_>, u32)> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let first = rest.chars().next().expect("within the text");
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            let end = rest[1..].find(['"', '\n']).map_or(rest.len(), |end| end + 2).min(rest.len());
            out.push((Token::Text(rest[1..end].trim_end_matches(['"', '\n'])), line));
            end
        } else if is_word(first) {
            let length = word_length(rest);
            out.push((Token::Word(&rest[..length]), line));
            length
        } else {
            if !first.is_whitespace() {
                out.push((Token::Sign(first), line));
            }
            first.len_utf8()
        };
        line += bytes[at..at + length].iter().filter(|byte| **byte == b'\n').count() as u32;
        at += length;
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '%' | '.')
}

/// A word may hold `::`, as in `ld.global.L1::no_allocate`; a single colon ends a label.
fn word_length(text: &str) -> usize {
    let mut at = 0;
    loop {
        at += text[at..].find(|c| !is_word(c)).unwrap_or(text.len() - at);
        if !text[at..].starts_with("::") {
            return at;
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::{Token::*, tokens};

    #[test]
    fn words_signs_and_lines() {
        let got = tokens("/* a\nb */ ld.f32 %f1, [%r-4]; // c\n$L:\n.file 1 \"x y\"");
        let want = [
            (Word("ld.f32"), 2),
            (Word("%f1"), 2),
            (Sign(','), 2),
            (Sign('['), 2),
            (Word("%r"), 2),
            (Sign('-'), 2),
            (Word("4"), 2),
            (Sign(']'), 2),
            (Sign(';'), 2),
            (Word("$L"), 3),
            (Sign(':'), 3),
            (Word(".file"), 4),
            (Word("1"), 4),
            (Text("x y"), 4),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn unfinished_comments_and_texts_end_with_the_file() {
        assert_eq!(tokens("/* never"), []);
        assert_eq!(tokens("\"abc"), [(Text("abc"), 1)]);
        assert_eq!(tokens("\""), [(Text(""), 1)]);
    }
}
