//! One trace on equal memory: caches in one piece, reserved in three ways, and caches in blocks.

use crate::{
    engine::{Decoder, Engine, EngineError, Event, Metrics, Request, Settings, Span},
    functions::Functions,
    given::{Piece, Pool, Waste, Way},
    trace::Arrival,
};
use attn_lm::{CONTEXT, text::VOCABULARY};
use ndarray::Array2;
use std::{collections::BTreeMap, time::Instant};

/// How memory is given to a text. The first three are those that Kwon et al. (2309.06180) §6.1 compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// One piece for the longest text that there may be.
    Maximum,
    /// One piece for the prompt, and for the output rounded up to a power of two.
    PowerOfTwo,
    /// One piece of exactly the length that the text will have: nobody knows it in advance.
    Oracle,
    /// Blocks of so many tokens.
    Paged(usize),
}

impl Policy {
    /// Its name in tables.
    pub fn name(self) -> String {
        match self {
            Policy::Maximum => "the maximum".into(),
            Policy::PowerOfTwo => "powers of two".into(),
            Policy::Oracle => "the oracle".into(),
            Policy::Paged(size) => format!("blocks of {size}"),
        }
    }

    /// How many places a text of this prompt and output gets in one piece.
    pub fn reserved(self, prompt: usize, output: usize) -> usize {
        match self {
            Policy::Maximum => CONTEXT,
            Policy::PowerOfTwo => prompt + output.next_power_of_two(),
            Policy::Oracle | Policy::Paged(_) => prompt + output,
        }
    }
}

/// Pieces of a memory, each in one piece: first fit.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    places: usize,
    /// The length of each piece by its start.
    taken: BTreeMap<usize, usize>,
}

impl Pieces {
    /// An empty memory.
    pub fn new(places: usize) -> Self {
        Pieces { places, taken: BTreeMap::new() }
    }

    /// Where a piece of this length begins, in the first gap that has room for it.
    ///
    /// ```
    /// use ch10_paged::comparison::Pieces;
    /// let mut pieces = Pieces::new(10);
    /// assert_eq!((pieces.take(4), pieces.take(4)), (Some(0), Some(4)));
    /// pieces.give_back(0);
    /// assert_eq!(pieces.take(5), None); // six are free, but not side by side
    /// assert_eq!(pieces.take(3), Some(0));
    /// ```
    pub fn take(&mut self, length: usize) -> Option<usize> {
        let mut start = 0;
        for (&other, &taken) in &self.taken {
            if other - start >= length {
                break;
            }
            start = other + taken;
        }
        (start + length <= self.places).then(|| {
            self.taken.insert(start, length);
            start
        })
    }

    /// Gives the piece that begins there back.
    pub fn give_back(&mut self, start: usize) {
        self.taken.remove(&start);
    }
}

/// What the places of a memory were used for, in shares of 1: means over the steps in which somebody waits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Use {
    /// They hold a token.
    pub tokens: f64,
    /// They will hold one before their text ends.
    pub reserved: f64,
    /// They belong to a text that will never use them.
    pub internal: f64,
    /// They belong to nobody, though somebody waits. Where texts lie in one piece, that is external
    /// fragmentation, and what a text that has just ended leaves.
    pub free: f64,
}

/// How a trace was served.
#[derive(Clone, Debug)]
pub struct Report {
    /// The policy.
    pub policy: Policy,
    /// Steps of the model.
    pub steps: usize,
    /// Seconds of all steps.
    pub seconds: f64,
    /// Steps from the arrival of each request to its first token, in their order.
    pub first: Vec<usize>,
    /// The same in seconds.
    pub first_seconds: Vec<f64>,
    /// The mean number of texts that are being written.
    pub running: f64,
    /// What the memory was used for.
    pub waste: Use,
    /// What each request wrote.
    pub texts: BTreeMap<usize, Vec<usize>>,
    /// What the engine counted.
    pub metrics: Metrics,
}

/// Serves a trace in `places` places. `watch` sees the engine after each step.
///
/// # Errors
/// When a function of the exercises is wrong.
pub fn serve<D: Decoder>(
    decoder: D,
    arrivals: &[Arrival],
    (policy, places, budget): (Policy, usize, usize),
    by: Functions,
    mut watch: impl FnMut(usize, &Engine<D>),
) -> Result<Report, EngineError> {
    // Where texts lie in one piece, each has a block that is as long as a text may be, the engine has room
    // for all of them, and who may begin is decided here.
    let (blocks, size) = match policy {
        Policy::Paged(size) => (places / size, size),
        _ => (arrivals.len(), CONTEXT),
    };
    let settings = Settings {
        blocks,
        size,
        budget,
        way: Way::Recompute,
        share: matches!(policy, Policy::Paged(_)),
    };
    let mut engine = Engine::with(decoder, settings, by);
    let mut pieces = Pieces::new(places);
    let mut held: BTreeMap<usize, usize> = BTreeMap::new();
    let mut report = Report {
        policy,
        steps: 0,
        seconds: 0.0,
        first: vec![0; arrivals.len()],
        first_seconds: vec![0.0; arrivals.len()],
        running: 0.0,
        waste: Use::default(),
        texts: BTreeMap::new(),
        metrics: Metrics::default(),
    };
    let (mut clock, mut next, mut waited) = (0, 0, 0);
    let mut arrived_at = vec![0.0; arrivals.len()];
    let mut seen = 0;
    while next < arrivals.len() || !engine.is_idle() {
        // Nobody is there: go on to the next arrival.
        if engine.is_idle() && next < arrivals.len() && arrivals[next].step > clock {
            clock = arrivals[next].step;
        }
        while seen < arrivals.len() && arrivals[seen].step <= clock {
            arrived_at[seen] = report.seconds;
            seen += 1;
        }
        while next < seen {
            let Arrival { prompt, output, .. } = &arrivals[next];
            if !matches!(policy, Policy::Paged(_)) {
                let Some(start) = pieces.take(policy.reserved(prompt.len(), *output)) else {
                    break;
                };
                held.insert(next, start);
            }
            engine.add(Request::greedy(next, prompt, *output)).expect("the trace fits the pool");
            next += 1;
        }
        let begun = Instant::now();
        let events = engine.step()?;
        report.seconds += begun.elapsed().as_secs_f64();
        report.running += engine.requests().0 as f64;
        clock += 1;
        watch(clock, &engine);
        for event in events {
            match event {
                Event::Token { id, token } => {
                    let text = report.texts.entry(id).or_default();
                    if text.is_empty() {
                        report.first[id] = clock - arrivals[id].step;
                        report.first_seconds[id] = report.seconds - arrived_at[id];
                    }
                    text.push(token);
                }
                Event::Done { id } => {
                    if let Some(start) = held.remove(&id) {
                        pieces.give_back(start);
                    }
                }
            }
        }
        if engine.requests().1 + seen - next > 0 {
            waited += 1;
            add(&mut report.waste, used(&engine, arrivals, &held, (policy, places), &by));
        }
    }
    report.metrics = engine.metrics();
    report.steps = report.metrics.steps;
    report.running /= report.steps.max(1) as f64;
    let Use { tokens, reserved, internal, free } = &mut report.waste;
    for share in [tokens, reserved, internal, free] {
        *share /= waited.max(1) as f64;
    }
    Ok(report)
}

fn add(sum: &mut Use, other: Use) {
    sum.tokens += other.tokens;
    sum.reserved += other.reserved;
    sum.internal += other.internal;
    sum.free += other.free;
}

/// What the memory is used for now, counted by exercise 10.13: the pieces are blocks, or whole texts.
fn used<D: Decoder>(
    engine: &Engine<D>,
    arrivals: &[Arrival],
    held: &BTreeMap<usize, usize>,
    (policy, places): (Policy, usize),
    by: &Functions,
) -> Use {
    let length = |id: usize| arrivals[id].prompt.len() + arrivals[id].output;
    let pieces: Vec<Piece> = if let Policy::Paged(size) = policy {
        // A block that several texts use counts once: its tokens now, and when its longest text ends.
        let empty = Piece { places: size, tokens: 0, length: 0 };
        let mut blocks: BTreeMap<usize, Piece> = BTreeMap::new();
        for (id, table) in engine.tables() {
            for (i, &block) in table.blocks.iter().enumerate() {
                let piece = blocks.entry(block).or_insert(empty);
                piece.tokens = piece.tokens.max(size.min(table.tokens - i * size));
                piece.length = piece.length.max(size.min(length(id) - i * size));
            }
        }
        blocks.into_values().collect()
    } else {
        let written: BTreeMap<usize, usize> =
            engine.tables().map(|(id, table)| (id, table.tokens)).collect();
        // One that has a piece, but found no room in the budget yet, holds no token.
        let texts = held.keys().map(|&id| {
            let places = policy.reserved(arrivals[id].prompt.len(), arrivals[id].output);
            let tokens = written.get(&id).copied().unwrap_or(0);
            Piece { places, tokens, length: length(id) }
        });
        texts.collect()
    };
    let share = |count: usize| count as f64 / places as f64;
    let Waste { tokens, reserved, internal, external } = (by.waste)(&pieces, places);
    let [tokens, reserved, internal, free] = [tokens, reserved, internal, external].map(share);
    Use { tokens, reserved, internal, free }
}

/// A model that knows nothing: for counting steps and places, which do not depend on what is written.
#[derive(Clone, Copy, Debug)]
pub struct Blank;

impl Decoder for Blank {
    fn pages(&self) -> (usize, usize, usize) {
        (0, 0, 0)
    }

    fn context(&self) -> usize {
        CONTEXT
    }

    fn vocabulary(&self) -> usize {
        VOCABULARY
    }

    fn logits(&self, spans: &[Span], _pool: &mut Pool, _by: &Functions) -> Array2<f32> {
        Array2::zeros((spans.len(), VOCABULARY))
    }
}

/// The trace, memory and budget of the demonstration and of the book's figures.
pub const TRACE: (usize, f32, u64) = (64, 2.0, 10);
/// Places of the memory: four of the longest texts.
pub const PLACES: usize = 1024;
/// Tokens that a step may compute.
pub const BUDGET: usize = 64;
/// The policies, in the order of the tables.
pub const POLICIES: [Policy; 4] =
    [Policy::Maximum, Policy::PowerOfTwo, Policy::Oracle, Policy::Paged(16)];
