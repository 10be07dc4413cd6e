//! Text as tokens, by the vocabulary and the merges of the model's file.

use crate::{ModelError, ModelFile};
use candle_core::quantized::gguf_file::Value;
use tokenizers::{
    AddedToken, Tokenizer,
    models::bpe::{BPE, Vocab},
    pre_tokenizers::{byte_level::ByteLevel, digits::Digits, sequence::Sequence},
};

/// What the file calls its way of cutting text into pieces.
const PIECES: &str = "smollm";
/// The kind of a token that no text becomes, in the file's list of kinds.
const CONTROL: u32 = 3;

/// Byte-level BPE.
pub struct Tokens {
    tokenizer: Tokenizer,
    /// What ends a reply.
    pub end: usize,
}

impl Tokens {
    /// Reads vocabulary and merges.
    ///
    /// # Errors
    /// When they are not there, or text is cut in another way.
    pub fn read(file: &ModelFile) -> Result<Self, ModelError> {
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        let pieces = file.said(&key("pre"), |value| value.to_string().cloned())?;
        if pieces != PIECES {
            return Err(ModelError::Architecture { found: pieces, wanted: PIECES });
        }
        let words = file.texts(&key("tokens"))?;
        let merges = file.texts(&key("merges"))?.into_iter().map(|merge| {
            let (a, b) = merge.split_once(' ')?;
            Some((a.to_string(), b.to_string()))
        });
        let merges: Option<Vec<_>> = merges.collect();
        let merges = merges.ok_or_else(|| ModelError::Unsaid(key("merges")))?;
        let kinds = file.said(&key("token_type"), |value| {
            value.to_vec()?.iter().map(kind).collect::<candle_core::Result<Vec<_>>>()
        })?;
        let end = file.said(&key("eos_token_id"), Value::to_u32)? as usize;

        let vocabulary: Vocab = words.iter().cloned().zip(0..).collect();
        let wrong = |error: tokenizers::Error| ModelError::Format(error.to_string());
        let bpe = BPE::builder().vocab_and_merges(vocabulary, merges).build().map_err(wrong)?;
        let mut tokenizer = Tokenizer::new(bpe);
        // Each digit for itself; then words as in GPT-2, without a space before the first.
        let bytes = ByteLevel::new(false, true, true);
        let pieces = vec![Digits::new(true).into(), bytes.into()];
        tokenizer.with_pre_tokenizer(Some(Sequence::new(pieces)));
        tokenizer.with_decoder(Some(bytes));
        let control = words.into_iter().zip(kinds).filter(|(_, kind)| *kind == CONTROL);
        let control: Vec<_> = control.map(|(word, _)| AddedToken::from(word, true)).collect();
        tokenizer.add_special_tokens(control).map_err(wrong)?;
        Ok(Tokens { tokenizer, end })
    }

    /// The tokens of a text. Control tokens, such as `<|im_start|>`, are recognised in it.
    ///
    /// # Panics
    /// Never: every byte is a token.
    pub fn encode(&self, text: &str) -> Vec<usize> {
        let encoded = self.tokenizer.encode(text, false).expect("every byte is a token");
        encoded.get_ids().iter().map(|&token| token as usize).collect()
    }

    /// The text of some tokens. A character whose bytes are not all there is `�`.
    pub fn decode(&self, tokens: &[usize]) -> String {
        let tokens: Vec<u32> = tokens.iter().map(|&token| token as u32).collect();
        self.tokenizer.decode(&tokens, false).unwrap_or_default()
    }
}

/// A token's kind, which the format writes as a signed number.
fn kind(value: &Value) -> candle_core::Result<u32> {
    value.to_i32().map(|kind| kind as u32).or_else(|_| value.to_u32())
}

/// The model's form of a conversation (ChatML): what it was told to be, and then a user's question,
/// up to where its reply begins.
///
/// ```
/// let asked = attn_smollm::ask("Why?");
/// assert!(asked.ends_with("<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"));
/// ```
pub fn ask(question: &str) -> String {
    format!("{SYSTEM}{}", turn(question))
}

/// What the model is told to be, before all questions; its file gives the sentence.
pub const SYSTEM: &str = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging \
                          Face<|im_end|>\n";

/// One more question, up to where the reply begins.
pub fn turn(question: &str) -> String {
    format!("<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n")
}
