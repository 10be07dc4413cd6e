//! Text as tokens, and tokens as text that comes piece by piece.

use attn_lm::{Model, Pieces};

/// How a model's tokens are text.
pub trait Words: Send + Sync + 'static {
    /// The tokens of a text.
    ///
    /// # Errors
    /// When the model does not know a part of it; says which.
    fn encode(&self, text: &str) -> Result<Vec<usize>, String>;

    /// The text of some tokens. A character whose bytes are not all there is `�`.
    fn decode(&self, tokens: &[usize]) -> String;

    /// The token that ends a text, if there is one.
    fn end(&self) -> Option<usize>;
}

/// The characters of one of the course's small models.
impl Words for Model {
    fn encode(&self, text: &str) -> Result<Vec<usize>, String> {
        self.alphabet().encode(text).map_err(|unknown| unknown.to_string())
    }

    fn decode(&self, tokens: &[usize]) -> String {
        self.alphabet().decode(tokens)
    }

    fn end(&self) -> Option<usize> {
        None
    }
}

/// A text that is being written: what of it may be shown, and whether one of the words came that end it.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    stops: Vec<String>,
    pieces: Pieces,
    /// Text that may be the beginning of a word that ends it.
    held: String,
    /// How many tokens have come.
    pub tokens: usize,
}

impl Writer {
    /// Nothing has come. `stops` end the text, and are not part of it.
    pub fn new(stops: Vec<String>) -> Self {
        Writer { stops, ..Writer::default() }
    }

    /// Takes a token: the text that can be shown now, and whether the text has ended.
    pub fn push(&mut self, token: usize, words: &dyn Words) -> (String, bool) {
        self.tokens += 1;
        self.held += &self.pieces.next(token, |tokens| words.decode(tokens));
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop)).min() {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let rest = self.held.split_off(self.shown());
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What is left when no token comes any more.
    pub fn finish(&mut self, words: &dyn Words) -> String {
        let held = std::mem::take(&mut self.held);
        held + &self.pieces.rest(|tokens| words.decode(tokens))
    }

    /// How many bytes of the held text cannot be the beginning of a word that ends it.
    fn shown(&self) -> usize {
        let begins = |at: &usize| self.stops.iter().any(|stop| stop.starts_with(&self.held[*at..]));
        let places = self.held.char_indices().map(|(at, _)| at);
        places.into_iter().find(begins).unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token is a byte.
    struct Bytes;

    impl Words for Bytes {
        fn encode(&self, text: &str) -> Result<Vec<usize>, String> {
            Ok(text.bytes().map(usize::from).collect())
        }

        fn decode(&self, tokens: &[usize]) -> String {
            let bytes: Vec<u8> = tokens.iter().map(|&token| token as u8).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }

        fn end(&self) -> Option<usize> {
            None
        }
    }

    /// What is shown of a text, piece by piece, and what at its end.
    fn shown(text: &str, stops: &[&str]) -> (Vec<String>, bool) {
        let mut writer = Writer::new(stops.iter().map(|stop| stop.to_string()).collect());
        let mut pieces = Vec::new();
        for token in Bytes.encode(text).expect("bytes") {
            let (piece, ended) = writer.push(token, &Bytes);
            pieces.push(piece);
            if ended {
                return (pieces, true);
            }
        }
        pieces.push(writer.finish(&Bytes));
        (pieces, false)
    }

    #[test]
    fn text_is_held_back_while_it_may_be_a_stop() {
        assert_eq!(shown("abc", &[]), (["a", "b", "c", ""].map(String::from).into(), false));
        let (pieces, ended) = shown("a\n\nb", &["\n\n"]);
        assert_eq!((pieces, ended), (["a", "", ""].map(String::from).into(), true));
        // It was none after all, or the text ends before it is one.
        assert_eq!(shown("a\nb", &["\n\n"]).0, ["a", "", "\nb", ""]);
        assert_eq!(shown("a\n", &["\n\n"]).0, ["a", "", "\n"]);
        // The first of two, and one that begins inside another's beginning.
        assert_eq!(shown("xaab", &["ab", "aab"]).0.concat(), "x");
        assert_eq!(shown("aaab", &["aab"]).0.concat(), "a");
    }

    #[test]
    fn a_character_comes_with_its_last_byte() {
        assert_eq!(shown("é月", &[]).0, ["", "é", "", "", "月", ""]);
        assert_eq!(shown("a月b", &["月"]).0.concat(), "a");
        let mut writer = Writer::new(Vec::new());
        assert_eq!(writer.push(0xe6, &Bytes), (String::new(), false));
        assert_eq!(writer.finish(&Bytes), "\u{fffd}", "half a character at the end");
    }
}
