//! The index of claims: every statement that a chapter checks, with its verdict and a link to it, read
//! from the chapters' own pages.

use crate::{chapters, math};
use attn::Course;
use regex::{Captures, Regex};
use std::{fs, path::Path, sync::LazyLock};

/// The heading under which a chapter checks them.
const SECTION: &str = "Claims, checked";

static FORMULA: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$([^$]+)\$").expect("a constant"));

/// A claim that is checked somewhere.
#[derive(Debug, PartialEq)]
struct Claim {
    /// As the heading has it.
    heading: String,
    /// The first sentence below it, which begins in italics: what came of it.
    verdict: String,
}

/// A list for each chapter that checks something.
///
/// # Errors
/// A page that cannot be read, and a claim without a verdict.
pub fn index(course: &Course) -> Result<String, String> {
    let mut text = String::new();
    for chapter in &course.chapters {
        let name = chapters::page(&course.root, chapter)?;
        let page = read(&course.root.join("book/src").join(&name))?;
        let claims = claims(&page).map_err(|why| format!("{name}: {why}"))?;
        if claims.is_empty() {
            continue;
        }
        text += &format!("## Chapter {}: {}\n\n", chapter.number, chapter.title);
        for Claim { heading, verdict } in claims {
            let (shown, verdict) = (with_formulas(&heading)?, with_formulas(&verdict)?);
            text += &format!("- [{shown}]({name}#{}) *{verdict}*\n", id(&shown));
        }
        text.push('\n');
    }
    match text.is_empty() {
        true => Err(format!("no page has a section “{SECTION}”")),
        false => Ok(text),
    }
}

fn read(page: &Path) -> Result<String, String> {
    fs::read_to_string(page).map_err(|error| format!("{}: {error}", page.display()))
}

/// The claims of a page: the headings in quotation marks in its section.
fn claims(page: &str) -> Result<Vec<Claim>, String> {
    let section = page.split(&format!("\n## {SECTION}\n")).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let parts = section.split("\n### ").skip(1);
    let claims = parts.filter(|part| part.starts_with('“')).map(|part| {
        let (heading, text) = part.split_once('\n').unwrap_or((part, ""));
        let text = text.trim_start();
        let italics = text.strip_prefix('*').and_then(|text| text.split_once('*'));
        let (italics, _) = italics.ok_or_else(|| format!("{heading} has no verdict in italics"))?;
        // Where the italics end within a sentence, the sentence is the verdict.
        let verdict = match italics.ends_with(['.', '?', '!']) {
            true => italics.to_string(),
            false => sentence(text).replace('*', ""),
        };
        Ok(Claim { heading: heading.trim().into(), verdict: verdict.replace('\n', " ") })
    });
    claims.collect()
}

/// The first sentence, with its full stop.
fn sentence(text: &str) -> &str {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let end = [". ", ".\n", ".*"].iter().filter_map(|end| paragraph.find(end)).min();
    end.map_or(paragraph.trim_end(), |end| &paragraph[..=end])
}

/// Formulas as the page will show them. This text is not looked through again.
fn with_formulas(text: &str) -> Result<String, String> {
    let mut failed = None;
    let shown = FORMULA.replace_all(text, |found: &Captures| {
        math::mathml(&found[1], false).unwrap_or_else(|why| {
            failed = Some(format!("LaTeX `{}`: {why}", &found[1]));
            String::new()
        })
    });
    match failed {
        Some(why) => Err(why),
        None => Ok(shown.into_owned()),
    }
}

static TAG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"<[^>]*>").expect("a constant"));

/// The id that mdBook gives a heading, of whose formulas it takes the text.
fn id(heading: &str) -> String {
    let text = TAG.replace_all(heading, "");
    let kept = text.chars().filter_map(|c| match c {
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
        c if c.is_whitespace() => Some('-'),
        _ => None,
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_has_its_verdict_and_others_are_left_out() {
        let page = "# T\n\n### “Not here”\n\n## Claims, checked\n\nOf these.\n\n### “It is O(n)”\n\n\
                    *No:\nit is $n^2$.* More.\n\n### A remark\n\n## Summary\n\n### “Nor here”\n";
        let claim =
            Claim { heading: "“It is O(n)”".into(), verdict: "No: it is $n^2$.".into() };
        assert_eq!(claims(page), Ok(vec![claim]));
        assert_eq!(id("“It is O(n)”"), "it-is-on");
        assert_eq!(id(&with_formulas("$QK^\\top$ is large").expect("read")), "qk-is-large");
        assert!(with_formulas("it is $n^2$.").expect("read").contains("<math"));
    }

    #[test]
    fn a_verdict_is_a_whole_sentence() {
        let verdict = |text: &str| {
            let page = format!("\n## Claims, checked\n\n### “It is so”\n\n{text}\n");
            claims(&page).map(|claims| claims[0].verdict.clone())
        };
        for (text, said) in [
            ("*Than the* other *one, by 1.5.* More.", "Than the other one, by 1.5."),
            ("*About ten:* says [a](b.c), §2. More.", "About ten: says [a](b.c), §2."),
            ("*On A*, with 2.5 %\nof B. More.", "On A, with 2.5 % of B."),
            ("*In V2 it is half:* 2 of 4", "In V2 it is half: 2 of 4"),
        ] {
            assert_eq!(verdict(text).as_deref(), Ok(said));
        }
    }

    #[test]
    fn a_claim_without_a_verdict_is_named() {
        let page = "\n## Claims, checked\n\n### “It is so”\n\nWho knows.\n";
        assert_eq!(claims(page), Err("“It is so” has no verdict in italics".into()));
    }
}
