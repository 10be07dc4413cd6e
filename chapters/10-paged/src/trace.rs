//! Requests as a server might get them: made by a generator, since no recorded trace may be shipped.
//!
//! Arrivals are a Poisson process. Lengths are drawn from the quantiles of Azure's conversation trace of
//! 2023 (Patel et al., *Splitwise*, ISCA 2024; the 19,366 requests of the published file): prompts 207,
//! 1,020, 2,734 and 4,142 tokens, and outputs 54, 129, 424 and 601, at 10, 50, 90 and 99 %. Between them the
//! draw is linear. The course's model reads 256 characters, so prompts are 24 times shorter here, and
//! outputs 8 times.

use attn_core::random::Random;
use attn_lm::text;

/// A request, and the step before which it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The step.
    pub step: usize,
    /// Its prompt.
    pub prompt: Vec<usize>,
    /// How many tokens it writes, exactly.
    pub output: usize,
}

const AT: [f32; 6] = [0.0, 0.1, 0.5, 0.9, 0.99, 1.0];
const PROMPTS: [f32; 6] = [1.0, 207.0, 1020.0, 2734.0, 4142.0, 4142.0];
const OUTPUTS: [f32; 6] = [1.0, 54.0, 129.0, 424.0, 601.0, 601.0];

/// `count` requests, of which one arrives every `every` steps on average. Their prompts are pieces of the
/// text that the course's models were not trained on.
pub fn trace(count: usize, every: f32, seed: u64) -> Vec<Arrival> {
    let mut random = Random::new(seed);
    let draws = random.uniform(4 * count);
    let (held_out, mut time) = (text::held_out(), 0.0);
    let drawn = |of: &[f32; 6], at: f32| {
        let i = (1..5).find(|&i| at < AT[i]).unwrap_or(5);
        of[i - 1] + (of[i] - of[i - 1]) * (at - AT[i - 1]) / (AT[i] - AT[i - 1])
    };
    let arrivals = (0..count).map(|i| {
        let draw = |which: usize| draws[4 * i + which];
        time -= every * (1.0 - draw(0)).ln();
        let length = (drawn(&PROMPTS, draw(1)) / 24.0).ceil() as usize;
        let output = (drawn(&OUTPUTS, draw(2)) / 8.0).ceil() as usize;
        let start = (draw(3) * (held_out.len() - length) as f32) as usize;
        let prompt =
            text::encode(&held_out[start..start + length]).expect("the novel's characters");
        Arrival { step: time as usize, prompt, output }
    });
    arrivals.collect()
}
