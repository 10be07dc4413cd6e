//! The tags of a built page, as mdBook's own parser of HTML reads them.

use html5ever::tokenizer::{
    BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
    states::RawKind,
};
use std::cell::{Cell, RefCell};

/// An element's opening tag.
pub struct Tag {
    /// In lower case.
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

/// Every opening tag in order, comments left out.
pub fn tags(html: &str) -> Vec<Tag> {
    let tokenizer = Tokenizer::new(Tags::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(html.into());
    // It pauses only when the sink asks for that, which this one never does.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.found.into_inner()
}

#[derive(Default)]
struct Tags {
    found: RefCell<Vec<Tag>>,
    /// Whether the text that comes is that of the last tag.
    raw: Cell<bool>,
}

impl TokenSink for Tags {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut found = self.found.borrow_mut();
        let kind = match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                let attribute = |attribute: html5ever::Attribute| {
                    (attribute.name.local.to_string(), attribute.value.to_string())
                };
                let kind = match &*tag.name {
                    "script" => Some(RawKind::ScriptData),
                    "style" => Some(RawKind::Rawtext),
                    _ => None,
                };
                found.push(Tag {
                    name: tag.name.to_string(),
                    attributes: tag.attrs.into_iter().map(attribute).collect(),
                    text: String::new(),
                });
                kind
            }
            Token::TagToken(_) => None,
            Token::CharacterTokens(text) => {
                if self.raw.get()
                    && let Some(tag) = found.last_mut()
                {
                    tag.text.push_str(&text);
                }
                return TokenSinkResult::Continue;
            }
            _ => return TokenSinkResult::Continue,
        };
        self.raw.set(kind.is_some());
        kind.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData)
    }
}

#[cfg(test)]
mod tests {
    use super::tags;

    #[test]
    fn attributes_are_read_as_a_browser_reads_them() {
        let html = "<A HREF=\"a?b=1&amp;c='2'\" x=1 y='\"' z><img src = i.png>";
        let tags = tags(html);
        let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(names, ["a", "img"]);
        for (name, value) in [
            ("href", Some("a?b=1&c='2'")),
            ("x", Some("1")),
            ("y", Some("\"")),
            ("z", Some("")),
            ("w", None),
        ] {
            assert_eq!(tags[0].get(name), value, "{name}");
        }
        assert_eq!(tags[1].get("src"), Some("i.png"));
    }

    #[test]
    fn a_script_is_text_and_a_comment_is_nothing() {
        let html = "<!-- <a> --><script>if (a < b) \"<a href='x'>\"</script>c\
                    <style>p > a { }</style><p>text";
        let found: Vec<(String, String)> =
            tags(html).into_iter().map(|tag| (tag.name, tag.text)).collect();
        let expected =
            [("script", "if (a < b) \"<a href='x'>\""), ("style", "p > a { }"), ("p", "")];
        assert_eq!(found, expected.map(|(name, text)| (name.into(), text.into())));
    }
}
