//! The text of most models: Jane Austen's *Pride and Prejudice* (1813), one paragraph per line.
//!
//! It is in the public domain. The text is that of the R package `janeaustenr` 1.0.0, which took it from
//! Project Gutenberg; chapter headings, marks for italics, and the paragraphs with figures or asterisks
//! were left out, and lines were joined to paragraphs.

use crate::{Alphabet, UnknownCharacter};
use std::sync::LazyLock;

/// What the novel is called in files that depend on it.
pub const TITLE: &str = "Pride and Prejudice";

/// The novel.
pub const NOVEL: &str = include_str!("../data/pride-and-prejudice.txt");

/// The characters of the novel, in the order of their numbers.
pub const CHARACTERS: &str = "\n !\"'(),-.:;?ABCDEFGHIJKLMNOPRSTUVWYZabcdefghijklmnopqrstuvwxyz";

/// How many characters there are.
pub const VOCABULARY: usize = CHARACTERS.len();

/// The same, as numbers.
pub static ALPHABET: LazyLock<Alphabet> = LazyLock::new(|| Alphabet::of(CHARACTERS));

/// The numbers of a text's characters.
///
/// # Errors
/// When it holds a character that is not in [`CHARACTERS`].
///
/// ```
/// use attn_lm::text::{decode, encode};
/// assert_eq!(encode("\n a"), Ok(vec![0, 1, 37]));
/// assert_eq!(decode(&[0, 1, 37]), "\n a");
/// let error = encode("naïve").unwrap_err().to_string();
/// assert!(error.starts_with("the character 'ï' at place 3 of the text is not one of the 63"));
/// ```
pub fn encode(text: &str) -> Result<Vec<usize>, UnknownCharacter> {
    ALPHABET.encode(text)
}

/// The text of some numbers.
///
/// # Panics
/// If one of them is not below [`VOCABULARY`].
pub fn decode(numbers: &[usize]) -> String {
    ALPHABET.decode(numbers)
}

/// The last tenth of the novel, from the beginning of a paragraph: no model was trained on it.
pub fn held_out() -> &'static str {
    &NOVEL[border()..]
}

/// What the models were trained on.
pub fn trained_on() -> &'static str {
    &NOVEL[..border()]
}

fn border() -> usize {
    let about = NOVEL.len() / 10 * 9;
    about + NOVEL[about..].find('\n').map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_vocabulary_is_what_the_novel_holds() {
        let characters: BTreeSet<char> = NOVEL.chars().collect();
        assert_eq!(characters.into_iter().collect::<String>(), CHARACTERS);
        assert_eq!(ALPHABET.len(), VOCABULARY);
    }

    #[test]
    fn the_two_parts_are_the_novel() {
        assert_eq!(trained_on().len() + held_out().len(), NOVEL.len());
        assert!(trained_on().ends_with('\n') && !held_out().starts_with('\n'));
        assert!((0.09..0.1).contains(&(held_out().len() as f64 / NOVEL.len() as f64)));
    }
}
