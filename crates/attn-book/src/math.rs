//! LaTeX to MathML, which browsers and screen readers know without a script.

use pulldown_latex::{Parser, RenderConfig, Storage, config::DisplayMode, push_mathml};
use std::convert::Infallible;

/// A formula as MathML that may stand in a line of Markdown.
///
/// A displayed formula comes in a wrapper of its own, which scrolls when the formula is wider than
/// the page.
///
/// # Errors
/// What pulldown-latex says of the formula, in one line.
pub fn mathml(latex: &str, display: bool) -> Result<String, String> {
    let storage = Storage::new();
    let events: Result<Vec<_>, _> = Parser::new(latex, &storage).collect();
    let events = events.map_err(|e| first_line(&e.to_string()))?;
    let config = RenderConfig {
        display_mode: if display { DisplayMode::Block } else { DisplayMode::Inline },
        ..RenderConfig::default()
    };
    let mut math = String::new();
    push_mathml(&mut math, events.into_iter().map(Ok::<_, Infallible>), config)
        .map_err(|e| first_line(&e.to_string()))?;
    // pulldown-latex 0.8 forgets the space before this attribute of `\Bigl(`, and escapes the
    // space of `\ ` twice.
    let math = math.replace("\"minsize=", "\" minsize=").replace("&amp;nbsp;", "\u{a0}");
    let math = inert(&math);
    Ok(if display { format!("<span class=\"math-display\">{math}</span>") } else { math })
}

/// Markdown goes on reading between the tags: what it could take for emphasis, links, tables or
/// quotes becomes character references.
fn inert(markup: &str) -> String {
    let mut out = String::with_capacity(markup.len());
    let mut tag = false;
    for c in markup.chars() {
        match c {
            '<' => tag = true,
            '>' => tag = false,
            _ => (),
        }
        match c {
            '\n' => out.push(' '),
            '<' | '>' | '&' | ';' | '#' => out.push(c),
            c if !tag && c.is_ascii_punctuation() => out.push_str(&format!("&#{};", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// What is wrong, without the picture of the place below it: the formula itself stands beside the
/// message.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::mathml;

    #[test]
    fn delimiters_of_a_given_size_are_well_formed() {
        let math = mathml(r"\Bigl( x \Bigr)", true).expect("good LaTeX");
        assert!(math.contains("\" minsize=\"1.8em\""), "{math}");
    }

    #[test]
    fn a_space_is_a_space() {
        let math = mathml(r"(1,\ 2)", false).expect("good LaTeX");
        assert!(math.contains('\u{a0}') && !math.contains("nbsp"), "{math}");
    }

    #[test]
    fn displayed_formulas_scroll_and_inline_ones_do_not() {
        let display = mathml(r"\frac{QK^\top}{\sqrt d}", true).expect("renders");
        assert!(display.starts_with("<span class=\"math-display\"><math"));
        assert!(display.contains("<mfrac"));
        assert!(mathml("x_i", false).expect("renders").starts_with("<math"));
    }

    #[test]
    fn nothing_is_left_for_markdown() {
        let text = mathml(r"a * b * c [i]_j |x| 'f'", false).expect("renders");
        let outside: String = text.split('<').filter_map(|t| t.split('>').nth(1)).collect();
        assert!(!outside.contains(['*', '_', '[', ']', '|', '\'', '`']), "{outside}");
        assert!(!text.contains('\n'));
    }

    #[test]
    fn what_cannot_be_rendered_is_an_error() {
        for bad in [r"\frac{a", r"\nosuchthing", r"\tag{1}", r"x_i_j", r"\begin{matrix} a"] {
            assert!(mathml(bad, false).is_err(), "{bad}");
        }
    }
}
