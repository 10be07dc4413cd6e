//! Code in the pages: always lines that are compiled, taken between two anchors of a source file.
//!
//! `{{#include ../../chapters/03-scaled-dot-product/src/softmax.rs:softmax_rows}}` inside a fence
//! becomes the lines between `// ANCHOR: softmax_rows` and `// ANCHOR_END: softmax_rows`. The
//! syntax is mdBook's; it is answered here because mdBook leaves a missing anchor out silently.

use regex::Regex;
use std::sync::LazyLock;

static START: LazyLock<Regex> = LazyLock::new(|| pattern(r"ANCHOR:\s*([\w-]+)"));
static END: LazyLock<Regex> = LazyLock::new(|| pattern(r"ANCHOR_END:\s*([\w-]+)"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant")
}

/// A line that is shown, and its number in the file that it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// From 1.
    pub number: usize,
    /// Without its line end.
    pub text: &'a str,
}

/// The anchors that a file opens: name and line.
pub fn anchors(source: &str) -> impl Iterator<Item = (&str, usize)> {
    let opened = |line| START.captures(line).and_then(|found| found.get(1));
    source.lines().zip(1..).filter_map(move |(line, number)| Some((opened(line)?.as_str(), number)))
}

/// The lines between an anchor's two comments, without other anchors' comments and without the
/// exercises' own markers (`// SOLUTION`, `// END SOLUTION`).
///
/// # Errors
/// Why there are none.
pub fn anchored<'a>(source: &'a str, anchor: &str) -> Result<Vec<Line<'a>>, &'static str> {
    let named =
        |pattern: &Regex, line: &str| pattern.captures(line).is_some_and(|c| &c[1] == anchor);
    let mut lines = source.lines().zip(1..);
    if !lines.any(|(line, _)| named(&START, line)) {
        return Err("there is no such anchor");
    }
    let mut kept = Vec::new();
    for (text, number) in lines {
        if named(&END, text) {
            let shown = kept.into_iter().filter(|line: &Line| !is_marker(line.text));
            let shown: Vec<Line> = shown.collect();
            let blank = shown.iter().all(|line| line.text.trim().is_empty());
            return if blank {
                Err("there is nothing between the anchor's comments")
            } else {
                Ok(shown)
            };
        }
        kept.push(Line { number, text });
    }
    Err("the anchor is not closed by an ANCHOR_END")
}

/// Comments that steer tools and tell a reader nothing.
fn is_marker(line: &str) -> bool {
    let text = line.trim();
    START.is_match(text)
        || END.is_match(text)
        || text.starts_with("// SOLUTION")
        || text.starts_with("// END SOLUTION")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
use a;
// ANCHOR: whole
fn f() {
    // SOLUTION todo!(\"3.1\")
    // ANCHOR: heart
    g();
    // ANCHOR_END: heart
    // END SOLUTION
}
// ANCHOR_END: whole
// ANCHOR: open
// ANCHOR: empty

// ANCHOR_END: empty
";

    #[test]
    fn markers_are_left_out_and_line_numbers_kept() {
        let lines = anchored(SOURCE, "whole").expect("there");
        let got: Vec<_> = lines.iter().map(|l| (l.number, l.text)).collect();
        assert_eq!(got, [(3, "fn f() {"), (6, "    g();"), (9, "}")]);
    }

    #[test]
    fn nested_anchors_are_anchors_too() {
        assert_eq!(anchored(SOURCE, "heart").expect("there")[0].number, 6);
        let names: Vec<_> = anchors(SOURCE).collect();
        assert_eq!(names, [("whole", 2), ("heart", 5), ("open", 11), ("empty", 12)]);
    }

    #[test]
    fn every_way_to_have_no_lines_is_an_error() {
        for (anchor, why) in [("nowhere", "no such"), ("open", "not closed"), ("empty", "nothing")]
        {
            assert!(anchored(SOURCE, anchor).expect_err(anchor).contains(why));
        }
    }
}
