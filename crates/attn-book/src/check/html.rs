//! As much of HTML as it takes to look at links: mdBook's output is regular.

use regex::Regex;
use std::sync::LazyLock;

static MARKUP: LazyLock<Regex> = LazyLock::new(|| {
    let comment = r"<!--.*?-->";
    let attributes = r#"[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*"#;
    let raw = format!(
        r"<(?<raw>script|style)\b(?<rawattrs>{attributes})>(?<text>.*?)</(?:script|style)>"
    );
    let tag = format!(r"<(?<name>[a-zA-Z][\w-]*)\b(?<attrs>{attributes})>");
    Regex::new(&format!("(?s){comment}|{raw}|{tag}")).expect("a constant")
});

static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
    let text = r#"([^\s=/"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?"#;
    Regex::new(text).expect("a constant")
});

/// An element's opening tag.
pub struct Tag {
    pub name: String,
    attributes: Vec<(String, String)>,
    /// What stands inside a script or a style sheet.
    pub text: String,
}

impl Tag {
    pub fn get(&self, attribute: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(name, _)| name == attribute)?;
        Some(&found.1)
    }
}

/// Every tag in order, comments left out.
pub fn tags(html: &str) -> impl Iterator<Item = Tag> {
    MARKUP.captures_iter(html).filter_map(|found| {
        let group = |name| found.name(name).map(|m| m.as_str());
        let name = group("raw").or(group("name"))?.to_ascii_lowercase();
        let attributes = group("rawattrs").or(group("attrs")).unwrap_or_default();
        Some(Tag {
            name,
            attributes: ATTRIBUTE
                .captures_iter(attributes)
                .map(|found| attribute(&found))
                .collect(),
            text: group("text").unwrap_or_default().into(),
        })
    })
}

fn attribute(found: &regex::Captures) -> (String, String) {
    let value = (2..=4)
        .find_map(|i| found.get(i))
        .map_or("", |m| m.as_str());
    (found[1].to_ascii_lowercase(), unescape(value))
}

fn unescape(text: &str) -> String {
    let text = text
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'");
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
