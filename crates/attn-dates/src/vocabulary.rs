//! Characters as numbers.

use crate::LONGEST_SOURCE;

/// Stands before every text. Its number in both vocabularies is 0.
pub const START: usize = 0;

/// Stands after every text. Its number in both vocabularies is 1.
pub const END: usize = 1;

/// The characters of written dates; the first has the number 2. Capitals count as small letters.
pub const SOURCE_CHARACTERS: &str = " ,-./;0123456789abcdefghijklmnopqrstuvwxyz";

/// The characters of ISO dates; the first has the number 2.
pub const TARGET_CHARACTERS: &str = ",-0123456789";

/// How many numbers the source has: its characters, start and end.
pub const SOURCE_SIZE: usize = SOURCE_CHARACTERS.len() + 2;

/// How many numbers the target has: its characters, start and end.
pub const TARGET_SIZE: usize = TARGET_CHARACTERS.len() + 2;

/// Why a text cannot be given to a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is nothing in it but white space.
    #[error("the text is empty; write a date, such as 3 May 1979")]
    Empty,
    /// It is longer than the models take.
    #[error("the text has {characters} characters; the models take at most {LONGEST_SOURCE}")]
    TooLong {
        /// How long it is, in characters.
        characters: usize,
    },
    /// It has a character that the models do not know.
    #[error(
        "character {place} is “{}”; the models know letters a to z, digits, spaces and , - . / ;",
        character.escape_debug()
    )]
    Unknown {
        /// The character.
        character: char,
        /// Its place in the text, in characters, from 1.
        place: usize,
    },
}

/// The numbers of a written date, between [`START`] and [`END`]. Capitals become small letters and
/// white space around the text is left out.
///
/// ```
/// use attn_dates::vocabulary::{END, START, encode_source};
/// assert_eq!(encode_source("3 May").unwrap(), [START, 11, 2, 30, 18, 42, END]);
/// let error = encode_source("3. März 1979").unwrap_err();
/// assert!(error.to_string().starts_with("character 5 is “ä”"));
/// ```
///
/// # Errors
/// When the text is empty, longer than [`LONGEST_SOURCE`] or has a character that the models do
/// not know.
pub fn encode_source(text: &str) -> Result<Vec<usize>, SourceError> {
    let (before, text) = (text.chars().count() - text.trim_start().chars().count(), text.trim());
    let characters = text.chars().count();
    if characters == 0 {
        return Err(SourceError::Empty);
    }
    if characters > LONGEST_SOURCE {
        return Err(SourceError::TooLong { characters });
    }
    let mut ids = vec![START];
    for (i, character) in text.chars().enumerate() {
        let id = number(SOURCE_CHARACTERS, character.to_ascii_lowercase());
        ids.push(id.ok_or(SourceError::Unknown { character, place: before + i + 1 })?);
    }
    ids.push(END);
    Ok(ids)
}

/// The text of a source's numbers, start and end left out, in small letters.
///
/// # Panics
/// If a number is not below [`SOURCE_SIZE`].
#[track_caller]
pub fn decode_source(ids: &[usize]) -> String {
    decode(SOURCE_CHARACTERS, ids)
}

/// The numbers of ISO dates, without start or end.
///
/// # Panics
/// If the text has other characters than digits, `-` and `,`.
#[track_caller]
pub fn encode_target(text: &str) -> Vec<usize> {
    let id = |c| number(TARGET_CHARACTERS, c).unwrap_or_else(|| panic!("no ISO date has a “{c}”"));
    text.chars().map(id).collect()
}

/// The text of a target's numbers, start and end left out.
///
/// # Panics
/// If a number is not below [`TARGET_SIZE`].
#[track_caller]
pub fn decode_target(ids: &[usize]) -> String {
    decode(TARGET_CHARACTERS, ids)
}

fn number(characters: &str, character: char) -> Option<usize> {
    characters.find(character).map(|i| i + 2)
}

#[track_caller]
fn decode(characters: &str, ids: &[usize]) -> String {
    let text = ids.iter().filter(|&&id| id > END);
    text.map(|id| characters.as_bytes()[id - 2] as char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let ids = encode_source("  Thu 3.5.1979; the 3rd of May, 1979 / 3-5 \n").unwrap();
        assert_eq!(decode_source(&ids), "thu 3.5.1979; the 3rd of may, 1979 / 3-5");
        assert_eq!(decode_target(&encode_target("1979-05-03,2000-12-31")), "1979-05-03,2000-12-31");
        assert!(ids.iter().all(|id| *id < SOURCE_SIZE));
        assert_eq!((SOURCE_SIZE, TARGET_SIZE), (44, 14));
    }

    #[test]
    fn a_text_that_no_model_takes_is_refused() {
        assert_eq!(encode_source(" \t\n"), Err(SourceError::Empty));
        assert!(encode_source(&"1".repeat(LONGEST_SOURCE)).is_ok());
        let long = encode_source(&"1".repeat(LONGEST_SOURCE + 1)).unwrap_err();
        assert_eq!(long.to_string(), "the text has 255 characters; the models take at most 254");
        // A place counts characters, not bytes, of what was written.
        let unknown = SourceError::Unknown { character: '–', place: 4 };
        assert_eq!(encode_source("  3–5"), Err(unknown));
        let tab = encode_source("3\tMay").unwrap_err().to_string();
        assert!(tab.starts_with("character 2 is “\\t”"), "{tab}");
    }
}
