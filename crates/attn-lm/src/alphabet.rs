//! Characters as numbers.

/// The characters that a model knows, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alphabet(Vec<char>);

/// A character that a model does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the character {character:?} at place {place} of the text is not one of the {known} that the model knows"
)]
pub struct UnknownCharacter {
    /// The character.
    pub character: char,
    /// Its place in the text, from 1.
    pub place: usize,
    /// How many characters the model knows.
    pub known: usize,
}

impl Alphabet {
    /// The characters of a text, each once, in the order of Unicode.
    ///
    /// ```
    /// use attn_lm::Alphabet;
    /// let alphabet = Alphabet::of("床前看月光\n");
    /// assert_eq!(alphabet.len(), 6);
    /// assert_eq!(alphabet.encode("\n月光"), Ok(vec![0, 4, 1]));
    /// assert_eq!(alphabet.decode(&[4, 1]), "月光");
    /// ```
    pub fn of(text: &str) -> Self {
        let mut characters: Vec<char> = text.chars().collect();
        characters.sort_unstable();
        characters.dedup();
        Alphabet(characters)
    }

    /// How many characters there are.
    #[expect(clippy::len_without_is_empty, reason = "no model has an empty alphabet")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The numbers of a text's characters.
    ///
    /// # Errors
    /// When it holds a character that is not in the alphabet.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>, UnknownCharacter> {
        let number = |(i, character)| {
            let unknown = |_| UnknownCharacter { character, place: i + 1, known: self.len() };
            self.0.binary_search(&character).map_err(unknown)
        };
        text.chars().enumerate().map(number).collect()
    }

    /// The text of some numbers.
    ///
    /// # Panics
    /// If one of them is not below the number of characters.
    pub fn decode(&self, numbers: &[usize]) -> String {
        numbers.iter().map(|number| self.0[*number]).collect()
    }
}
