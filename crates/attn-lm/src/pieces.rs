//! Tokens that come one by one, as text.

/// Tokens whose text cannot be shown yet: a character may be spread over several of them, and comes with
/// the last.
///
/// ```
/// use attn_lm::Pieces;
/// let decode = |bytes: &[usize]| {
///     let bytes: Vec<u8> = bytes.iter().map(|&byte| byte as u8).collect();
///     String::from_utf8_lossy(&bytes).into_owned()
/// };
/// let mut pieces = Pieces::default();
/// assert_eq!(pieces.next(0xc3, decode), "");
/// assert_eq!(pieces.next(0xa9, decode), "é");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    pending: Vec<usize>,
}

/// The most tokens that one character is spread over: its bytes.
const BYTES: usize = 4;

impl Pieces {
    /// What can be shown when this token has come. `decode` writes `�` where a character is not whole.
    pub fn next(&mut self, token: usize, decode: impl Fn(&[usize]) -> String) -> String {
        self.pending.push(token);
        let text = decode(&self.pending);
        if text.ends_with('\u{fffd}') && self.pending.len() < BYTES {
            return String::new();
        }
        self.pending.clear();
        text
    }

    /// What is left when no token comes any more.
    pub fn rest(&mut self, decode: impl Fn(&[usize]) -> String) -> String {
        decode(&std::mem::take(&mut self.pending))
    }
}
