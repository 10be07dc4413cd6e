//! What is asked of an engine, and what it says.

use crate::given::Table;
use ndarray::{Array2, ArrayView1};

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// The first of the largest logits.
    Greedy,
    /// One at random, of probability softmax(logits / temperature). What comes out depends on the seed and
    /// the position alone, so that a text can be written again.
    Sample {
        /// More than 0; the larger, the more alike the probabilities.
        temperature: f32,
        /// Of the random numbers.
        seed: u64,
    },
}

impl Choice {
    /// The token at this position, given its logits.
    pub fn token(self, logits: ArrayView1<f32>, position: usize) -> usize {
        let largest = |scores: &mut dyn Iterator<Item = f32>| {
            let first = (0, f32::NEG_INFINITY);
            let larger =
                |best: (usize, f32), (i, x): (usize, f32)| if x > best.1 { (i, x) } else { best };
            scores.enumerate().fold(first, larger).0
        };
        match self {
            Choice::Greedy => largest(&mut logits.iter().copied()),
            Choice::Sample { temperature, seed } => {
                // The largest of logits plus Gumbel noise is a draw from the softmax.
                let noise = |token: usize| -> f32 {
                    let mixed = mix(seed ^ mix(position as u64 ^ mix(token as u64)));
                    let uniform = ((mixed >> 40) as f32 + 0.5) / (1 << 24) as f32;
                    -(-uniform.ln()).ln()
                };
                largest(&mut logits.iter().enumerate().map(|(i, x)| x / temperature + noise(i)))
            }
        }
    }
}

/// SplitMix64's finaliser (Steele, Lea & Flood 2014): nearby numbers give unrelated ones.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A text that is to be gone on with.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its number, which no other request has at the same time.
    pub id: usize,
    /// What is there already.
    pub prompt: Vec<usize>,
    /// How many tokens are written at most.
    pub most: usize,
    /// A token that ends the text. It is not part of it.
    pub stop: Option<usize>,
    /// How tokens are chosen.
    pub choice: Choice,
    /// More texts from the same prompt, each with a number of its own. They share its blocks.
    pub siblings: Vec<(usize, Choice)>,
    /// Whether these texts are searched for together: a beam search as wide as there are texts. In each
    /// step the likeliest of all that go on from them by one token are kept, and those that end with the
    /// stop token stay as they are. How `choice` chooses is not asked. What was found is said when the
    /// search ends, the likeliest text first.
    pub beam: bool,
}

impl Request {
    /// Greedy decoding without a stop token and siblings.
    pub fn greedy(id: usize, prompt: &[usize], most: usize) -> Self {
        let (prompt, siblings) = (prompt.to_vec(), Vec::new());
        Request { id, prompt, most, stop: None, choice: Choice::Greedy, siblings, beam: false }
    }

    /// A beam search of which so many texts come, with the numbers from `id` on.
    pub fn beams(id: usize, width: usize, prompt: &[usize], most: usize) -> Self {
        let siblings = (id + 1..id + width).map(|id| (id, Choice::Greedy)).collect();
        Request { siblings, beam: true, ..Request::greedy(id, prompt, most) }
    }
}

/// Why a request is not taken. The engine is then as it was before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// There is no last token whose row could say what comes next.
    #[error("the prompt of request {id} is empty, it needs at least one token")]
    EmptyPrompt {
        /// The request.
        id: usize,
    },
    /// Nothing is to be written.
    #[error("request {id} wants 0 tokens")]
    Nothing {
        /// The request.
        id: usize,
    },
    /// Another request has this number.
    #[error("there is a request {id} already")]
    Duplicate {
        /// The number.
        id: usize,
    },
    /// A token that the model does not know.
    #[error("the prompt has token {token}, the model knows {vocabulary}")]
    UnknownToken {
        /// The token.
        token: usize,
        /// How many there are.
        vocabulary: usize,
    },
    /// Longer than what the model can look back on.
    #[error("prompt and text are up to {tokens} tokens, the context only {context}")]
    TooLong {
        /// Prompt and text together.
        tokens: usize,
        /// Tokens that fit.
        context: usize,
    },
    /// Even alone it would not fit.
    #[error("up to {needed} blocks are needed, the pool has {total}")]
    PoolTooSmall {
        /// Blocks of the longest text that it may become.
        needed: usize,
        /// Blocks of the pool.
        total: usize,
    },
}

/// There is no such request, or it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no request {id}")]
pub struct NoSuchRequest {
    /// The number.
    pub id: usize,
}

/// What a step says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A token was written.
    Token {
        /// By this request.
        id: usize,
        /// The token.
        token: usize,
    },
    /// A request has ended, and holds nothing any more.
    Done {
        /// The request.
        id: usize,
    },
}

/// A request in the engine.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub request: Request,
    /// The order of arrival; the second number counts siblings.
    pub arrived: (usize, usize),
    /// The prompt and what was written.
    pub tokens: Vec<usize>,
    /// What of it is in the pool.
    pub table: Table,
    /// What was in the pool when it had to give way.
    pub away: Option<Away>,
    /// The hashes of its full blocks so far.
    pub hashes: Vec<u64>,
    /// Whether its siblings have been made.
    pub forked: bool,
    /// In a beam search, the logarithm of the probability of what was written.
    pub score: f64,
    /// In a beam search, the likeliest next tokens and the logarithms of their probabilities, once its
    /// tokens have been read. Then it waits for the others of the search.
    pub best: Option<Vec<(usize, f64)>>,
}

/// Keys and values that were copied away: one matrix per head.
#[derive(Clone, Debug)]
pub(super) struct Away {
    pub tokens: usize,
    pub keys: Vec<Array2<f32>>,
    pub values: Vec<Array2<f32>>,
}

impl Text {
    pub fn new(request: Request, arrived: (usize, usize)) -> Self {
        let tokens = request.prompt.clone();
        let forked = request.siblings.is_empty() || request.beam;
        Text {
            request,
            arrived,
            tokens,
            table: Table::default(),
            away: None,
            hashes: Vec::new(),
            forked,
            score: 0.0,
            best: None,
        }
    }

    /// How many tokens were written.
    pub fn written(&self) -> usize {
        self.tokens.len() - self.request.prompt.len()
    }
}
