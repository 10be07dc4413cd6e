//! The line through time: papers in the order in which they were sent to arXiv.

use attn_viz::{Area, Figure, Look, Schematic};

/// What a paper changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    /// How a query finds its keys: scores, heads, positions.
    Score,
    /// What is kept of a token.
    Keep,
    /// How the sum is taken: the same result, with less traffic or memory.
    Sum,
    /// A state in the place of a cache.
    State,
}

impl Thread {
    const ALL: [Thread; 4] = [Thread::Score, Thread::Keep, Thread::Sum, Thread::State];

    fn words(self) -> &'static str {
        match self {
            Thread::Score => "how keys are found",
            Thread::Keep => "what is kept",
            Thread::Sum => "how the sum is taken",
            Thread::State => "a state in the place of a cache",
        }
    }

    fn look(self) -> Look {
        Look::series(Thread::ALL.iter().position(|thread| *thread == self).unwrap_or(0)).solid()
    }
}

/// A paper by its number on arXiv, which begins with the year and the month.
struct Event {
    number: &'static str,
    name: &'static str,
    brought: &'static str,
    thread: Thread,
    /// Where the course has it; 0 for the page on the variants.
    chapter: usize,
}

const fn event(
    number: &'static str,
    name: &'static str,
    brought: &'static str,
    thread: Thread,
    chapter: usize,
) -> Event {
    Event { number, name, brought, thread, chapter }
}

use Thread::{Keep, Score, State, Sum};

/// In order. A chapter adds a line for each paper that it is about.
#[rustfmt::skip]
const EVENTS: &[Event] = &[
    event("1409.0473", "additive attention", "a decoder looks back at all states of the encoder", Score, 1),
    event("1508.04025", "dot, general, concat", "a family of scores, and windows", Score, 2),
    event("1706.03762", "the Transformer", "a network of attention alone, many heads, the division by √d", Score, 4),
    event("1805.02867", "online softmax", "maximum and sum in one pass", Sum, 8),
    event("1911.02150", "multi-query attention", "one head of keys and values for all", Keep, 6),
    event("2004.05150", "Longformer", "windows, with gaps and with global tokens", Score, 12),
    event("2006.16236", "linear attention", "features in the place of the exponential, and so a recurrence", State, 11),
    event("2007.14062", "Big Bird", "random keys beside a window and global tokens", Score, 12),
    event("2009.14794", "Performer", "random features that do approximate softmax", State, 11),
    event("2102.11174", "fast weights", "the delta rule in a linear Transformer", State, 11),
    event("2104.09864", "RoPE", "positions as rotations of queries and keys", Score, 4),
    event("2108.12409", "ALiBi", "distance as a bias of the score", Score, 4),
    event("2112.05682", "no n² memory", "self-attention in little memory", Sum, 8),
    event("2205.14135", "FlashAttention", "tiles in fast memory, weights computed again on the way back", Sum, 8),
    event("2211.17192", "speculative decoding", "several guessed tokens checked in one step", Sum, 10),
    event("2305.13245", "grouped-query attention", "groups of heads share keys and values", Keep, 6),
    event("2307.08621", "RetNet", "a decay, and chunks", State, 11),
    event("2307.08691", "FlashAttention-2", "queries outside, and better shares of the work", Sum, 8),
    event("2309.06180", "PagedAttention", "caches in blocks of a pool", Keep, 10),
    event("2309.17453", "attention sinks", "why a window needs its first tokens", Keep, 12),
    event("2310.01889", "ring attention", "devices pass keys and values round", Sum, 0),
    event("2312.00752", "Mamba", "a state whose rates depend on the token", State, 11),
    event("2312.06635", "GLA", "a gate for each channel, in chunks", State, 11),
    event("2404.05892", "RWKV-6", "matrix states with gates, read before they are written", State, 11),
    event("2405.04434", "MLA", "one latent for the keys and values of all heads", Keep, 7),
    event("2405.21060", "Mamba-2", "state space models as linear attention with a gate", State, 11),
    event("2412.06464", "gated DeltaNet", "forget, then replace", State, 11),
    event("2501.08313", "MiniMax-01", "one softmax layer after seven linear ones", State, 11),
    event("2502.11089", "NSA", "spans, chosen blocks and a window, each with a gate", Score, 12),
    event("2502.13189", "MoBA", "blocks chosen by the mean of their keys", Score, 12),
    event("2505.06708", "gated attention", "a gate for what a head has found", Score, 4),
    event("2510.26692", "Kimi Linear", "gates per channel and the delta rule, beside latent attention", State, 11),
];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Event {
    /// The year, and the month from 1.
    fn date(&self) -> (usize, usize) {
        let digits = |range: std::ops::Range<usize>| {
            self.number.get(range).and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        (2000 + digits(0..2), digits(2..4))
    }

    fn month(&self) -> &'static str {
        MONTHS[(self.date().1 + 11) % 12]
    }
}

/// The papers with their months, and where the course has them.
pub fn table() -> String {
    let mut table = String::from("| | paper | brought |\n| --- | --- | --- |\n");
    for event in EVENTS {
        let Event { number, name, brought, chapter, .. } = event;
        let chapter = match chapter {
            0 => "[variants](variants.md#the-same-attention-moved-differently)".to_string(),
            chapter => format!("chapter {chapter}"),
        };
        let (year, month) = (event.date().0, event.month());
        table += &format!(
            "| {month} {year} | [{name}](https://arxiv.org/abs/{number}) | {brought} ({chapter}) |\n"
        );
    }
    table
}

/// From one paper to the next, in the picture.
const PITCH: f64 = 2.0;

/// The line through time, from above to below.
pub fn figure() -> Figure {
    let said = EVENTS.iter().map(|event| {
        format!("{} {}, {}: {}", event.month(), event.date().0, event.name, event.thread.words())
    });
    let said: Vec<String> = said.collect();
    let mut drawing = Schematic::new(
        "From the first look back to now, by the month on arXiv; the colour says what a paper is about",
        &format!("A line from above to below. {}.", said.join("; ")),
    );
    let mut y = 0.5;
    for thread in Thread::ALL {
        drawing.block(Area::new(6.6, y, 1.2, 1.2), thread.look(), "");
        drawing.note((8.6, y + 0.6), thread.words());
        y += PITCH;
    }
    y += 0.8;
    let top = y;
    let mut year = 0;
    for event in EVENTS {
        if event.date().0 != year {
            if year != 0 {
                y += 0.5;
            }
            year = event.date().0;
            drawing.note((1.0, y + 0.6), &year.to_string());
        }
        drawing.block(Area::new(6.6, y, 1.2, 1.2), event.thread.look(), "");
        drawing.note((8.6, y + 0.6), event.name);
        drawing.note((24.0, y + 0.6), event.month());
        y += PITCH;
    }
    drawing.path(&[(5.4, top), (5.4, y)], "");
    drawing.figure()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn papers_stand_in_order_with_real_months() {
        for pair in EVENTS.windows(2) {
            assert!(pair[0].number < pair[1].number, "{} {}", pair[0].number, pair[1].number);
        }
        assert!(EVENTS.iter().all(|event| (1..=12).contains(&event.date().1)));
        assert_eq!((EVENTS[2].date(), EVENTS[2].month()), ((2017, 6), "Jun"));
    }
}
