//! Examples side by side: padded to one length, with what is padding marked.

use anyhow::Result;
use attn_core::random::Random;
use attn_dates::{
    generator::{Example, Generator, LONGEST_LIST, Split},
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
        let mut batch =
            Batch { source: vec![], lengths: vec![], fed: vec![], wanted: vec![], steps: vec![] };
        for example in examples {
            let source = encode_source(&example.source)?;
            let target = encode_target(&example.target);
            batch.lengths.push(source.len());
            batch.source.push(source.iter().map(|id| *id as u32).collect());
            let numbers = target.iter().map(|id| *id as u32);
            batch.fed.push([START as u32].into_iter().chain(numbers.clone()).collect());
            batch.wanted.push(numbers.chain([END as u32]).collect());
            batch.steps.push(target.len() + 1);
        }
        for rows in [&mut batch.source, &mut batch.fed, &mut batch.wanted] {
            let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
            rows.iter_mut().for_each(|row| row.resize(longest, END as u32));
        }
        Ok(batch)
    }

    /// How many examples there are.
    pub fn examples(&self) -> usize {
        self.source.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.source.is_empty()
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
        Ok(Tensor::from_vec(rows, (self.examples(), width), &Device::Cpu)?)
    }

    /// 1 at the target's positions and 0 at its padding: batch × n.
    pub fn target_weights(&self) -> Result<Tensor> {
        let width = self.wanted.first().map_or(0, Vec::len);
        let rows = self
            .steps
            .iter()
            .flat_map(|steps| (0..width).map(move |t| if t < *steps { 1.0 } else { 0.0 }));
        let rows: Vec<f32> = rows.collect();
        Ok(Tensor::from_vec(rows, (self.examples(), width), &Device::Cpu)?)
    }
}

/// The numbers of rows as a tensor.
pub fn tensor(rows: &[Vec<u32>]) -> Result<Tensor> {
    let width = rows.first().map_or(0, Vec::len);
    let numbers: Vec<u32> = rows.concat();
    Ok(Tensor::from_vec(numbers, (rows.len(), width), &Device::Cpu)?)
}

/// One column of the rows.
pub fn column(rows: &[Vec<u32>], at: usize) -> Result<Tensor> {
    let numbers: Vec<u32> = rows.iter().map(|row| row[at]).collect();
    Ok(Tensor::from_vec(numbers, rows.len(), &Device::Cpu)?)
}

/// The fewest lists in a part of a batch.
const FEWEST: usize = 6;
/// Of the lists of one date, one in so many is no date.
const NONSENSE: usize = 6;

/// The batches of a training run: the seed and the number of the step determine each, so that a run
/// that is resumed sees the same ones.
pub struct Batches {
    /// The run's.
    pub seed: u64,
    /// About how many dates a batch holds.
    pub size: usize,
    /// How many batches there are.
    pub steps: u64,
}

impl Batches {
    /// The two halves of a step's batch, each in two parts of lists of one length: `n` dates, any
    /// number as likely as the others, and `longest + 1 − n`. So the halves take about as long as
    /// each other, and every step sees short lists and long ones: steps that saw one length each
    /// forgot the others. The longest grows from 1 to 8 over the first third of the run.
    pub fn halves(&self, step: u64) -> Result<[Vec<Batch>; 2]> {
        // Neighbouring seeds must not share batches.
        let seed = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(step);
        let mut random = Random::new(!seed);
        let mut generator = Generator::new(seed, Split::Train);
        let longest = (1 + 24 * step / self.steps).min(LONGEST_LIST as u64) as usize;
        let lengths = [(); 2].map(|()| 1 + random.below(longest));
        let mut part = |n: usize| {
            let lists = (self.size / (4 * n)).max(FEWEST);
            let examples = (0..lists).map(|_| match n {
                1 if random.below(NONSENSE) == 0 => generator.nonsense(),
                n => generator.list(n),
            });
            Batch::new(&examples.collect::<Vec<_>>())
        };
        let [one, two] = lengths;
        let mut half =
            |n: usize| -> Result<Vec<Batch>> { Ok(vec![part(n)?, part(longest + 1 - n)?]) };
        Ok([half(one)?, half(two)?])
    }
}
