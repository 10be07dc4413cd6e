//! Whatever a page would load from the network: the book has to work without one.

use super::{built::Built, html};
use crate::{Problem, folder::files, page::line_at};
use anyhow::Result;
use regex::Regex;
use std::{fs, path::Path, sync::LazyLock};

static CSS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)(?:url\(\s*|@import\s+)["']?\s*((?:https?:)?//[^"')\s;]*)"#));
static SCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    let call = r"(?:fetch|import|importScripts|Worker|WebSocket|EventSource|sendBeacon)\s*\(\s*(?:new\s+URL\(\s*)?";
    let open = r#"\.open\(\s*["'`]\w+["'`]\s*,\s*"#;
    let set = r"\.(?:src|href)\s*=\s*";
    let from = r"(?:\bfrom|\bimport)\s+";
    pattern(&format!(r#"(?:{call}|{open}|{set}|{from})["'`]\s*((?:https?:|wss?:)?//[^"'`\s]*)"#))
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant")
}

pub fn check(root: &Path, book: &Path, site: &Path, pages: &[Built]) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for page in pages {
        for address in html::tags(&page.html).iter().flat_map(loads) {
            let text = format!("the page loads `{address}` from the network");
            problems.push(page.problem(&[&address], text));
        }
    }
    // The book's own files; mdBook's scripts name addresses that they ask only for playgrounds.
    for folder in ["src", "theme"] {
        for path in files(&book.join(folder))? {
            problems.extend(file(root, &path, false));
        }
    }
    for path in files(site)?.iter().filter(|path| path.extension().is_some_and(|e| e == "css")) {
        problems.extend(file(site, path, true));
    }
    Ok(problems)
}

/// What a tag makes the browser fetch from elsewhere. Links to follow (`<a href>`) are not among
/// it.
fn loads(tag: &html::Tag) -> Vec<String> {
    let mut found = Vec::new();
    let attributes: &[&str] = match tag.name.as_str() {
        "a" | "base" | "form" | "blockquote" | "q" => &[],
        "link" => match tag.get("rel").unwrap_or_default() {
            rel if rel.contains("canonical") || rel.contains("license") => &[],
            _ => &["href"],
        },
        _ => &["src", "srcset", "href", "xlink:href", "poster", "data", "background"],
    };
    for value in attributes.iter().filter_map(|name| tag.get(name)) {
        let parts = value.split([',', ' ']).map(str::trim);
        found.extend(parts.filter(|part| remote(part)).map(str::to_string));
    }
    found.extend(addresses(&CSS, tag.get("style").unwrap_or_default()));
    match tag.name.as_str() {
        "style" => found.extend(addresses(&CSS, &tag.text)),
        "script" => found.extend(addresses(&SCRIPT, &tag.text)),
        // mdBook's own script asks the Rust playground about each of these when the page opens.
        "pre"
            if tag
                .get("class")
                .unwrap_or_default()
                .split(' ')
                .any(|class| class == "playground") =>
        {
            found.push("https://play.rust-lang.org/meta/crates".into());
        }
        _ => (),
    }
    found
}

fn remote(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    address.starts_with("http:") || address.starts_with("https:") || address.starts_with("//")
}

fn addresses(pattern: &Regex, text: &str) -> Vec<String> {
    pattern.captures_iter(text).map(|found| found[1].to_string()).collect()
}

fn file(root: &Path, path: &Path, built: bool) -> Vec<Problem> {
    let pattern = match path.extension().and_then(|e| e.to_str()) {
        Some("css") => &CSS,
        Some("js" | "mjs") if !built => &SCRIPT,
        _ => return Vec::new(),
    };
    let Ok(text) = fs::read_to_string(path) else {
        return Vec::new();
    };
    let problem = |found: regex::Captures| Problem {
        path: path.strip_prefix(root).unwrap_or(path).to_path_buf(),
        line: line_at(&text, found.get(1).map_or(0, |m| m.start())),
        text: format!("this loads `{}` from the network", &found[1]),
    };
    pattern.captures_iter(&text).map(problem).collect()
}
