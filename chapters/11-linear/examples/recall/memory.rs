//! The memories that read the text, by the functions of the chapter.

use super::functions::FUNCTIONS;
use attn_core::random::Random;
use ch11_linear::{
    given::State,
    mechanisms::retnet_gamma,
    recall::{nearest, softmax_read},
    seeded::units,
};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use std::time::{Duration, Instant};

/// The width of keys and values.
pub const WIDTH: usize = 64;
/// Tokens of a chunk.
const CHUNK: usize = 64;

/// A way to keep a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Task 3, with the features of task 1.
    Features,
    /// Task 4, with γ = 1.
    Sum,
    /// Task 4, with RetNet's first rate.
    Decay,
    /// Task 8, with β = 1.
    Delta,
    /// All keys and values, read by softmax.
    Cache,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Features, Kind::Sum, Kind::Decay, Kind::Delta, Kind::Cache];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Features => "elu + 1, with z",
            Kind::Sum => "sum, in chunks",
            Kind::Decay => "decay, in chunks",
            Kind::Delta => "delta rule",
            Kind::Cache => "cache, softmax",
        }
    }
}

/// A text as keys and values: the key of a place is a random direction, and so is the value of a word.
pub struct Text {
    /// n × [`WIDTH`].
    pub keys: Array2<f64>,
    /// n × [`WIDTH`].
    pub values: Array2<f64>,
    /// Which word stands at each place.
    pub words: Vec<usize>,
    /// The value of each different word.
    pub vocabulary: Array2<f64>,
}

impl Text {
    pub fn new(words: &[&str]) -> Self {
        let mut known: Vec<&str> = words.to_vec();
        known.sort_unstable();
        known.dedup();
        let find = |word: &&str| known.binary_search(word).unwrap_or_default();
        let words: Vec<usize> = words.iter().map(find).collect();
        let mut random = Random::new(11);
        let vocabulary = units(&mut random, known.len(), WIDTH);
        let values = vocabulary.select(Axis(0), &words);
        Text { keys: units(&mut random, words.len(), WIDTH), values, words, vocabulary }
    }
}

/// What a memory holds of a text.
pub enum Memory<'a> {
    WithZ(State),
    Matrix(Array2<f64>),
    Cache(ArrayView2<'a, f64>, ArrayView2<'a, f64>),
}

/// The features of one row: √d makes a row's numbers as large as standard normal ones.
fn features(row: ndarray::ArrayView1<f64>) -> Array1<f64> {
    let row = &row * (WIDTH as f64).sqrt();
    (FUNCTIONS.feature_map)(row.view().insert_axis(Axis(0))).index_axis_move(Axis(0), 0)
}

/// Reads the first words of a text, and says how long that took.
pub fn read(kind: Kind, text: &Text, words: usize) -> (Memory<'_>, Duration) {
    let rows = s![..words, ..];
    let (keys, values) = (text.keys.slice(rows), text.values.slice(rows));
    let begun = Instant::now();
    let empty = || Array2::zeros((WIDTH, WIDTH));
    let chunked = |gamma| {
        let mut state = empty();
        (FUNCTIONS.chunked)(&mut state, keys, keys, values, gamma, CHUNK);
        Memory::Matrix(state)
    };
    let memory = match kind {
        Kind::Features => {
            let mut state = State::empty(WIDTH, WIDTH);
            for (key, value) in keys.rows().into_iter().zip(values.rows()) {
                let key = features(key);
                (FUNCTIONS.linear_step)(&mut state, key.view(), key.view(), value);
            }
            Memory::WithZ(state)
        }
        Kind::Sum => chunked(1.0),
        Kind::Decay => chunked(retnet_gamma(0)),
        Kind::Delta => {
            let mut state = empty();
            for (key, value) in keys.rows().into_iter().zip(values.rows()) {
                (FUNCTIONS.delta_step)(&mut state, key, value, 1.0);
            }
            Memory::Matrix(state)
        }
        // A step of a decoder: each new word is compared with all before it. Only the last one is timed.
        Kind::Cache => Memory::Cache(keys, values),
    };
    (memory, begun.elapsed())
}

impl Memory<'_> {
    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        8 * match self {
            Memory::WithZ(state) => state.s.len() + state.z.len(),
            Memory::Matrix(state) => state.len(),
            Memory::Cache(keys, values) => keys.len() + values.len(),
        }
    }

    /// Which word it finds at a place.
    pub fn ask(&self, text: &Text, place: usize) -> usize {
        let key = text.keys.row(place);
        let found = match self {
            Memory::WithZ(state) => {
                // What weighs the same for all keys is taken out: the mean of all values.
                let query = features(key);
                let ones = Array1::<f64>::ones(WIDTH);
                let mean = ones.dot(&state.s) / ones.dot(&state.z).max(f64::MIN_POSITIVE);
                query.dot(&state.s) / query.dot(&state.z).max(f64::MIN_POSITIVE) - mean
            }
            Memory::Matrix(state) => key.dot(state),
            Memory::Cache(keys, values) => softmax_read(key, *keys, *values),
        };
        nearest(found.view(), text.vocabulary.view())
    }
}
