//! Whether the braces of a text match. Where they do not, a compiler complains of everything after.

/// What is wrong with the braces of these numbered lines; comments and quoted text do not count.
pub(super) fn unmatched<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Option<String> {
    let (mut opened, mut closed) = (0, 0);
    let mut in_comment = false;
    for (number, line) in lines {
        let mut quote = None;
        let mut characters = line.chars().peekable();
        while let Some(c) = characters.next() {
            match (c, characters.peek(), quote) {
                ('*', Some('/'), _) if in_comment => {
                    in_comment = false;
                    characters.next();
                }
                _ if in_comment => {}
                ('\\', _, Some(_)) => drop(characters.next()),
                (c, _, Some(end)) if c == end => quote = None,
                (_, _, Some(_)) => {}
                ('/', Some('/'), _) => break,
                ('/', Some('*'), _) => {
                    in_comment = true;
                    characters.next();
                }
                ('"' | '\'', _, _) => quote = Some(c),
                ('{', _, _) => opened += 1,
                ('}', _, _) if closed == opened => {
                    return Some(format!("the `}}` in line {number} has no `{{`"));
                }
                ('}', _, _) => closed += 1,
                _ => {}
            }
        }
    }
    (opened > closed)
        .then(|| format!("a `}}` is missing: this section has {opened} `{{` and {closed} `}}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        unmatched((1..).zip(text.lines()))
    }

    #[test]
    fn braces_are_counted_where_they_are_code() {
        assert_eq!(
            of("f() { if (x) { y; } } // {\n/* { \n { */ \"{\\\"{\" '{'"),
            None
        );
        assert_eq!(
            of("f() {\n  if (x) {\n}").as_deref(),
            Some("a `}` is missing: this section has 2 `{` and 1 `}`")
        );
        assert_eq!(
            of("f() {\n}\n}").as_deref(),
            Some("the `}` in line 3 has no `{`")
        );
    }
}
