//! Examples side by side: padded to one length, with what is padding marked.

use anyhow::Result;
use attn_dates::{
    generator::{Example, Generator, Split},
    vocabulary::{END, START, encode_source, encode_target},
};
use candle_core::{Device, Tensor};

/// A batch of examples under teacher forcing.
pub struct Batch {
    /// batch × m: the sources' numbers, padded with the end marker.
    pub source: Vec<Vec<u32>>,
    /// The sources' lengths, start and end with them.
    pub lengths: Vec<usize>,
    /// batch × n: what the decoder is fed: start, then the target.
    pub fed: Vec<Vec<u32>>,
    /// batch × n: what it should predict: the target, then end.
    pub wanted: Vec<Vec<u32>>,
    /// The targets' lengths, the end with them.
    pub steps: Vec<usize>,
}

impl Batch {
    /// The examples, in their order.
    pub fn new(examples: &[Example]) -> Result<Self> {
        let mut batch = Batch {
            source: vec![],
            lengths: vec![],
            fed: vec![],
            wanted: vec![],
            steps: vec![],
        };
        for example in examples {
            let source = encode_source(&example.source)?;
            let target = encode_target(&example.target);
            batch.lengths.push(source.len());
            batch
                .source
                .push(source.iter().map(|id| *id as u32).collect());
            let numbers = target.iter().map(|id| *id as u32);
            batch
                .fed
                .push([START as u32].into_iter().chain(numbers.clone()).collect());
            batch.wanted.push(numbers.chain([END as u32]).collect());
            batch.steps.push(target.len() + 1);
        }
        for rows in [&mut batch.source, &mut batch.fed, &mut batch.wanted] {
            let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
            rows.iter_mut()
                .for_each(|row| row.resize(longest, END as u32));
        }
        Ok(batch)
    }

    /// How many examples there are.
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// How many characters are predicted, padding left out.
    pub fn characters(&self) -> usize {
        self.steps.iter().sum()
    }

    /// 0 at the source's positions and −∞ at its padding: batch × m.
    pub fn source_mask(&self) -> Result<Tensor> {
        let width = self.source.first().map_or(0, Vec::len);
        let rows = self.lengths.iter().flat_map(|length| {
            (0..width).map(move |j| if j < *length { 0.0 } else { f32::NEG_INFINITY })
        });
        let rows: Vec<f32> = rows.collect();
        Ok(Tensor::from_vec(rows, (self.len(), width), &Device::Cpu)?)
    }

    /// 1 at the target's positions and 0 at its padding: batch × n.
    pub fn target_weights(&self) -> Result<Tensor> {
        let width = self.wanted.first().map_or(0, Vec::len);
        let rows = self
            .steps
            .iter()
            .flat_map(|steps| (0..width).map(move |t| if t < *steps { 1.0 } else { 0.0 }));
        let rows: Vec<f32> = rows.collect();
        Ok(Tensor::from_vec(rows, (self.len(), width), &Device::Cpu)?)
    }
}

/// The numbers of rows as a tensor.
pub fn tensor(rows: &[Vec<u32>]) -> Result<Tensor> {
    let width = rows.first().map_or(0, Vec::len);
    let numbers: Vec<u32> = rows.concat();
    Ok(Tensor::from_vec(
        numbers,
        (rows.len(), width),
        &Device::Cpu,
    )?)
}

/// One column of the rows.
pub fn column(rows: &[Vec<u32>], at: usize) -> Result<Tensor> {
    let numbers: Vec<u32> = rows.iter().map(|row| row[at]).collect();
    Ok(Tensor::from_vec(numbers, rows.len(), &Device::Cpu)?)
}

/// How many batches share a draw of examples, so that each can hold lists of like length.
const ROUND: u64 = 4;
/// The fewest lists in a batch.
const SMALLEST: usize = 8;
/// Of the lists of one date, one in so many is no date.
const NONSENSE: usize = 12;

/// The batches of a training run: the seed and the number of the step determine each, so that a run
/// that is resumed sees the same ones.
pub struct Batches {
    seed: u64,
    size: usize,
    steps: u64,
    round: Option<(u64, Vec<Vec<Example>>)>,
}

impl Batches {
    /// About `size` dates a batch, in two halves; `steps` batches in all.
    pub fn new(seed: u64, size: usize, steps: u64) -> Self {
        Batches {
            seed,
            size,
            steps,
            round: None,
        }
    }

    /// The two halves of a step's batch. All its lists have the same number of dates, which is as
    /// likely to be any from 1 to a longest that grows to 8 over the first half of the run.
    pub fn halves(&mut self, step: u64) -> Result<[Batch; 2]> {
        let round = step / ROUND;
        if self.round.as_ref().is_none_or(|(known, _)| *known != round) {
            self.round = Some((round, self.draw(round)));
        }
        let (_, parts) = self.round.as_ref().expect("just drawn");
        let at = 2 * (step % ROUND) as usize;
        Ok([Batch::new(&parts[at])?, Batch::new(&parts[at + 1])?])
    }

    fn draw(&self, round: u64) -> Vec<Vec<Example>> {
        // Seeds of neighbouring runs must not share rounds.
        let seed = self
            .seed
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add(round);
        let mut random = attn_core::random::Random::new(!seed);
        let mut generator = Generator::new(seed, Split::Train);
        let longest = 1 + 16 * round * ROUND / self.steps.max(1);
        let n = 1 + random.below(longest.min(8) as usize);
        let half = (self.size / n).max(SMALLEST).div_ceil(2);
        let count = 2 * half * ROUND as usize;
        let mut examples: Vec<Example> = (0..count)
            .map(|_| {
                if n == 1 && random.below(NONSENSE) == 0 {
                    generator.nonsense()
                } else {
                    generator.list(n)
                }
            })
            .collect();
        examples.sort_by_key(|example| example.source.len());
        let mut parts: Vec<Vec<Example>> = examples.chunks(half).map(<[_]>::to_vec).collect();
        // Long ones last in every round would be a rhythm.
        for i in (1..parts.len()).rev() {
            parts.swap(i, random.below(i + 1));
        }
        parts
    }
}
