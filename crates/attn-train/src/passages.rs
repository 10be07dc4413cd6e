//! Passages of the novel, or poems, as batches, and the loss of a model on them.

use crate::{
    batch::tensor,
    decoder, mixing,
    model::Model as Trained,
    net::{Net, log_softmax},
    part::Part,
};
use anyhow::Result;
use attn_core::random::Random;
use attn_lm::{Alphabet, CONTEXT, Model, quatrains, text};
use candle_core::{D, Tensor};

/// Passages of one length, each with the character that follows it.
pub struct Passages(Vec<Vec<u32>>);

impl Passages {
    /// How many passages there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The first `count` passages of the held-out part of the novel, one after another; what is left over
    /// at its end is not used.
    pub fn held_out(count: usize) -> Self {
        let numbers = numbers(&text::ALPHABET, text::held_out());
        // A passage's last character is the next one's first: predicted there, read here.
        let starts = (0..numbers.len() - CONTEXT).step_by(CONTEXT).take(count);
        Passages(starts.map(|start| numbers[start..=start + CONTEXT].to_vec()).collect())
    }

    /// All poems, each with the end of its line.
    pub fn poems() -> Self {
        Passages(poems())
    }

    /// The same passages, so many at a time.
    pub fn chunks(&self, size: usize) -> impl Iterator<Item = Passages> {
        self.0.chunks(size).map(|rows| Passages(rows.to_vec()))
    }
}

impl Part for Passages {
    fn predicted(&self) -> usize {
        self.0.iter().map(|row| row.len() - 1).sum()
    }

    fn loss(&self, net: &Net) -> Result<Tensor> {
        let fed: Vec<Vec<u32>> = self.0.iter().map(|row| row[..row.len() - 1].to_vec()).collect();
        let wanted: Vec<Vec<u32>> = self.0.iter().map(|row| row[1..].to_vec()).collect();
        let logits = match net.model {
            Trained::Mixed(model) => mixing::forward(net, model, &fed, fed[0].len())?,
            _ => decoder::forward(net, &fed)?,
        };
        let log = log_softmax(&logits)?.gather(&tensor(&wanted)?.unsqueeze(2)?, D::Minus1)?;
        Ok(log.sum_all()?.neg()?)
    }
}

fn numbers(alphabet: &Alphabet, text: &str) -> Vec<u32> {
    let numbers = alphabet.encode(text).expect("the alphabet is that of the text");
    numbers.into_iter().map(|number| number as u32).collect()
}

fn poems() -> Vec<Vec<u32>> {
    let lines = quatrains::poems().map(|poem| format!("{}\n", poem.text));
    lines.map(|line| numbers(&quatrains::ALPHABET, &line)).collect()
}

/// The batches of a training run: the seed and the number of the step determine each.
pub struct Batches {
    source: Source,
    seed: u64,
    size: usize,
}

/// What passages are taken from.
enum Source {
    /// Anywhere in what is trained on.
    Novel(Vec<u32>),
    /// One of the poems, whole.
    Poems(Vec<Vec<u32>>),
}

impl Source {
    fn passage(&self, random: &mut Random) -> Vec<u32> {
        match self {
            Source::Novel(numbers) => {
                let start = random.below(numbers.len() - CONTEXT);
                numbers[start..=start + CONTEXT].to_vec()
            }
            Source::Poems(poems) => poems[random.below(poems.len())].clone(),
        }
    }
}

impl Batches {
    /// Batches of `size` passages of what the model is trained on.
    pub fn new(model: Model, seed: u64, size: usize) -> Self {
        let source = match model {
            Model::Quatrains => Source::Poems(poems()),
            _ => Source::Novel(numbers(&text::ALPHABET, text::trained_on())),
        };
        Batches { source, seed, size }
    }

    /// The two halves of a step's batch.
    pub fn halves(&self, step: u64) -> [Vec<Passages>; 2] {
        // Neighbouring seeds must not share batches.
        let seed = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(step);
        let mut random = Random::new(seed);
        let mut half = |size: usize| {
            let passages = (0..size).map(|_| self.source.passage(&mut random));
            vec![Passages(passages.collect())]
        };
        let one = (self.size / 2).max(1);
        [half(one), half((self.size - one).max(1))]
    }
}
