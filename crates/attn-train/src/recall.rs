//! Multi-query associative recall: a text of pairs of a key and a value, and then each key once more, in another
//! order. After each of these the model is to say the value. (The task of Arora et al., 2312.04927,
//! with all questions at the end.)

use crate::{
    batch::tensor,
    mixed::KEYS,
    mixing,
    model::Model,
    net::{Net, log_softmax},
    part::Part,
};
use anyhow::{Result, bail};
use attn_core::random::Random;
use candle_core::{D, Tensor};

/// How many pairs a text of the training has.
pub const PAIRS: [usize; 5] = [4, 8, 16, 32, 64];
/// About how many questions each part of a batch asks.
const QUESTIONS: usize = 128;
/// How many texts of each number of pairs are held out.
const HELD_OUT: usize = 64;

/// Texts of one number of pairs.
pub struct Recall {
    texts: Vec<Vec<u32>>,
    answers: Vec<Vec<u32>>,
}

impl Recall {
    /// So many texts.
    pub fn new(random: &mut Random, pairs: usize, count: usize) -> Self {
        let (mut texts, mut answers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let keys = some(random, pairs);
            let values: Vec<u32> = (0..pairs).map(|_| (KEYS + random.below(KEYS)) as u32).collect();
            let order = some_of(random, (0..pairs as u32).collect(), pairs);
            let mut text: Vec<u32> =
                keys.iter().zip(&values).flat_map(|(key, value)| [*key, *value]).collect();
            text.extend(order.iter().map(|i| keys[*i as usize]));
            texts.push(text);
            answers.push(order.iter().map(|i| values[*i as usize]).collect());
        }
        Recall { texts, answers }
    }

    /// Each pairs × 3 tokens: key and value in turns, and the keys once more.
    pub fn texts(&self) -> &[Vec<u32>] {
        &self.texts
    }

    /// The value of each key that is asked for, in the order of the questions.
    pub fn answers(&self) -> &[Vec<u32>] {
        &self.answers
    }

    /// The logits after each question: batch × pairs × vocabulary.
    fn logits(&self, net: &Net) -> Result<Tensor> {
        let Model::Mixed(mixed) = net.model else { bail!("{} answers no questions", net.model) };
        mixing::forward(net, mixed, &self.texts, self.answers[0].len())
    }
}

/// So many different keys.
fn some(random: &mut Random, count: usize) -> Vec<u32> {
    some_of(random, (0..KEYS as u32).collect(), count)
}

/// So many of these, in any order.
fn some_of(random: &mut Random, mut all: Vec<u32>, count: usize) -> Vec<u32> {
    for i in 0..count {
        let other = i + random.below(all.len() - i);
        all.swap(i, other);
    }
    all.truncate(count);
    all
}

impl Part for Recall {
    fn predicted(&self) -> usize {
        self.answers.iter().map(Vec::len).sum()
    }

    fn loss(&self, net: &Net) -> Result<Tensor> {
        let wanted = tensor(&self.answers)?.unsqueeze(2)?;
        let log = log_softmax(&self.logits(net)?)?.gather(&wanted, D::Minus1)?;
        Ok(log.sum_all()?.neg()?)
    }
}

/// The two halves of a step's batch: each asks about as many questions for every number of pairs.
pub fn halves(seed: u64, step: u64, size: usize) -> [Vec<Recall>; 2] {
    // Neighbouring seeds must not share batches.
    let mut random = Random::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(step));
    let mut half = || {
        let parts = PAIRS.map(|pairs| Recall::new(&mut random, pairs, (size / pairs).max(1)));
        Vec::from(parts)
    };
    [half(), half()]
}

/// The usual size of a half.
pub const SIZE: usize = QUESTIONS;

/// The share of right answers on held-out texts of so many pairs.
///
/// # Errors
/// When the net is of another task.
pub fn accuracy(net: &Net, pairs: usize) -> Result<f64> {
    // No training step has this number.
    let recall = Recall::new(&mut Random::new(u64::MAX - pairs as u64), pairs, HELD_OUT);
    let said = recall.logits(net)?.argmax(D::Minus1)?.to_vec2::<u32>()?;
    let pairs = said.iter().flatten().zip(recall.answers.iter().flatten());
    let right = pairs.filter(|(said, wanted)| said == wanted).count();
    Ok(right as f64 / recall.predicted() as f64)
}
