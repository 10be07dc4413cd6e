//! What texts from one prompt save by sharing blocks, counted while the engine writes them.

use crate::{
    engine::{Choice, Decoder, Engine, EngineError, Request, Settings},
    functions::Functions,
    given::Way,
};
use attn_lm::text;

/// How many texts come from each prompt, in the order of the tables.
pub const WIDTHS: [usize; 3] = [2, 4, 6];
/// Characters of each prompt, and of each text behind it.
pub const LENGTHS: (usize, usize) = (20, 60);
/// Tokens of a block.
pub const SIZE: usize = 16;

/// Prompts of so many characters, from the text that the course's models were not trained on.
pub fn prompts(count: usize) -> Vec<Vec<usize>> {
    let held_out = text::encode(text::held_out()).expect("the novel's characters");
    let starts = (0..count).map(|i| i * held_out.len() / count);
    starts.map(|start| held_out[start..start + LENGTHS.0].to_vec()).collect()
}

/// How the texts of a prompt are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By chance, each by itself.
    Samples,
    /// By one search.
    Beams,
}

/// The part of the blocks that sharing saves, as Kwon et al. (2309.06180) §6.3 count it: the saved blocks,
/// divided by those that it would be without sharing; over all steps, one prompt after the other.
///
/// # Errors
/// When a function of the exercises is wrong.
pub fn saved<D: Decoder + Clone>(
    decoder: &D,
    prompts: &[Vec<usize>],
    (kind, width): (Kind, usize),
    by: Functions,
) -> Result<f64, EngineError> {
    let (prompt, most) = LENGTHS;
    let blocks = width * (prompt + most).div_ceil(SIZE);
    let settings = Settings { blocks, size: SIZE, budget: 64, way: Way::Recompute, share: false };
    let (mut held, mut named) = (0, 0);
    for prompt in prompts {
        let mut engine = Engine::with(decoder.clone(), settings, by);
        let sample = |id| (id, Choice::Sample { temperature: 1.0, seed: id as u64 });
        let request = match kind {
            Kind::Beams => Request::beams(0, width, prompt, most),
            Kind::Samples => Request {
                choice: sample(0).1,
                siblings: (1..width).map(sample).collect(),
                ..Request::greedy(0, prompt, most)
            },
        };
        engine.add(request).expect("it fits the pool");
        while !engine.is_idle() {
            engine.step()?;
            let sharing = engine.sharing();
            (held, named) = (held + sharing.0, named + sharing.1);
        }
    }
    Ok(1.0 - held as f64 / named as f64)
}
