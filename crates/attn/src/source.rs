//! What a piece of the learner's Rust says, as far as its tokens tell.

use proc_macro2::{TokenStream, TokenTree};

/// Whether it can be read by itself: every quote and every bracket in it is closed in it.
pub fn is_whole(code: &str) -> bool {
    code.parse::<TokenStream>().is_ok()
}

/// The same code on one line, without its comments; `None` if it cannot be read.
pub fn on_one_line(code: &str) -> Option<String> {
    let tokens = code.parse::<TokenStream>().ok()?;
    Some(tokens.to_string().replace('\n', " "))
}

/// Whether it calls the function `name`.
pub fn calls(code: &str, name: &str) -> bool {
    any_three(code, &|[before, ident, arguments]| {
        let declared = matches!(before, Some(TokenTree::Ident(it)) if it == "fn");
        let method = matches!(before, Some(TokenTree::Punct(it)) if it.as_char() == '.');
        let called = matches!(arguments, Some(TokenTree::Group(it)) if it.delimiter() == proc_macro2::Delimiter::Parenthesis);
        matches!(ident, Some(TokenTree::Ident(it)) if it == name) && called && !declared && !method
    })
}

/// Whether it defines `name` for the code around it.
pub fn defines(code: &str, name: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "fn",
        "struct",
        "enum",
        "union",
        "type",
        "trait",
        "const",
        "static",
        "mod",
        "macro_rules",
    ];
    any_three(code, &|[keyword, name_or_bang, name_or_other]| {
        let is = |token: Option<&TokenTree>, word: &str| matches!(token, Some(TokenTree::Ident(it)) if it == word);
        let bang = matches!(name_or_bang, Some(TokenTree::Punct(it)) if it.as_char() == '!');
        KEYWORDS.iter().any(|word| is(keyword, word))
            && (is(name_or_bang, name) || bang && is(name_or_other, name))
    })
}

/// The text of a string in it that begins so, quotes and all.
pub fn string_that_begins(code: &str, beginning: &str) -> Option<String> {
    let quoted = format!("\"{beginning}");
    let start = code.find(&quoted)? + 1;
    let end = code[start..].find('"').unwrap_or(code.len() - start);
    Some(code[start..start + end].to_string())
}

/// Whether `holds` for any three neighbours in the code, at any depth. At the ends there are none.
fn any_three(code: &str, holds: &dyn Fn([Option<&TokenTree>; 3]) -> bool) -> bool {
    fn inside(tokens: TokenStream, holds: &dyn Fn([Option<&TokenTree>; 3]) -> bool) -> bool {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let get = |i: usize| tokens.get(i);
        let here =
            (0..=tokens.len()).any(|i| holds([i.checked_sub(1).and_then(get), get(i), get(i + 1)]));
        here || tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => inside(group.stream(), holds),
            _ => false,
        })
    }
    code.parse().is_ok_and(|tokens| inside(tokens, holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_is_a_call() {
        let code = |body: &str| format!("pub fn mine() {{ {body} }}");
        for called in ["merge(a, b)", "x + (super::merge(a, b))", "vec![merge(a)]"] {
            assert!(calls(&code(called), "merge"), "{called}");
        }
        for other in [
            "let merge = 1; (merge)",
            "state.merge(a)",
            "// merge(a)",
            "/* merge(a) */",
            "print(\"merge(a)\")",
            "fn merge(a: u8) {}",
            "submerge(a)",
        ] {
            assert!(!calls(&code(&format!("{other}\n")), "merge"), "{other}");
        }
    }

    #[test]
    fn what_is_defined_can_be_told() {
        let code =
            "fn f(x: u8) {} struct S; macro_rules! m { () => {} } mod inner { const C: u8 = 1; }";
        for name in ["f", "S", "m", "C"] {
            assert!(defines(code, name), "{name}");
        }
        for name in ["x", "u8"] {
            assert!(!defines(code, name), "{name}");
        }
    }

    #[test]
    fn what_is_open_is_not_whole() {
        assert!(is_whole("//! doc\nfn f() { \"a\"; 'b'; /* c */ }"));
        for open in ["fn f() {", "\"", "/*", "fn f() }", "'"] {
            assert!(!is_whole(open), "{open}");
        }
    }

    #[test]
    fn comments_do_not_swallow_what_follows_on_one_line() {
        let code = "#[track_caller] // why\npub fn f(\n    a: u8,\n) {}\n";
        let line = on_one_line(code).expect("Rust");
        assert!(!line.contains("why") && !line.contains('\n'), "{line}");
        assert!(line.contains("fn f"), "{line}");
    }
}
