//! The poems of [`Model::Quatrains`](crate::Model::Quatrains): quatrains of the Tang with five characters a line.
//!
//! They are in the public domain. The edition is the imperial *Complete Tang Poems* (御定全唐詩, 1707), in the
//! transcription of the package `chinese-poetry` 2.0.1 (MIT licence, see `data/LICENSE-chinese-poetry`): those whose
//! characters are all among the 750 that are most frequent in its quatrains of this form. Left out are poems with 複, which
//! the transcription has for 復 too, and of those that begin with the same line all but one.
//!
//! Li Bai's *Thoughts in a quiet night* is there twice. The edition has it, as the other old ones have, with 看 in the
//! first line and 山 in the third; with 明 in both, as every child learns it, it stands in the anthology *Three Hundred Tang
//! Poems* (唐詩三百首, 1763).

use crate::Alphabet;
use std::sync::LazyLock;

/// What the collection is called in files that depend on it.
pub const TITLE: &str = "Complete Tang Poems";

const TABLE: &str = include_str!("../data/tang-quatrains.tsv");

/// The characters of all poems, and the end of a line.
pub static ALPHABET: LazyLock<Alphabet> = LazyLock::new(|| {
    let poems: Vec<&str> = poems().map(|poem| poem.text).collect();
    Alphabet::of(&(poems.join("") + "\n"))
});

/// A poem: four lines of five characters, each with its punctuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poem {
    /// The 24 characters.
    pub text: &'static str,
    /// Who wrote it.
    pub author: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// The volume of the edition that it stands in, or the anthology.
    pub volume: &'static str,
}

/// All poems, in the order of the edition.
///
/// ```
/// let night = attn_lm::quatrains::poems().filter(|poem| poem.title == "靜夜思");
/// let night: Vec<&str> = night.map(|poem| poem.text).collect();
/// assert_eq!(night[0], "床前看月光，疑是地上霜。舉頭望山月，低頭思故鄉。");
/// assert_eq!(night[1], "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。");
/// ```
pub fn poems() -> impl Iterator<Item = Poem> {
    TABLE.lines().skip(1).filter_map(|row| {
        let mut cells = row.split('\t');
        let mut next = || cells.next();
        Some(Poem { text: next()?, author: next()?, title: next()?, volume: next()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_poem_has_four_lines_of_five_and_a_beginning_of_its_own() {
        let mut beginnings = BTreeSet::new();
        for poem in poems() {
            let marks: String = poem.text.chars().skip(5).step_by(6).collect();
            assert_eq!((poem.text.chars().count(), marks.as_str()), (24, "，。，。"), "{poem:?}");
            assert!(beginnings.insert(poem.text.chars().take(5).collect::<String>()), "{poem:?}");
            assert!(!poem.author.is_empty() && !poem.title.is_empty() && !poem.volume.is_empty());
        }
        assert_eq!((beginnings.len(), ALPHABET.len()), (175, 622));
    }
}
