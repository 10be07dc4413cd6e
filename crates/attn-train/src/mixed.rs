//! Decoders that differ in how their layers mix tokens (chapter 11): by softmax attention, or by one of the
//! recurrences; and hybrids of both.

use std::fmt;

/// How a layer mixes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mixer {
    /// Softmax attention, with RoPE.
    Softmax,
    /// Linear attention with the features elu + 1, divided by q·z.
    Linear,
    /// Gated linear attention: a gate per channel, σ(x W₁ W₂ + b)^(1/16) (2312.06635, §4.4).
    Gla,
    /// The delta rule: keys of length 1 after SiLU, β = σ(x w) (2406.06484, §3.3).
    Delta,
    /// The delta rule with one gate per head and token.
    GatedDelta,
}

impl Mixer {
    /// All of them.
    pub const ALL: [Mixer; 5] =
        [Mixer::Softmax, Mixer::Linear, Mixer::Gla, Mixer::Delta, Mixer::GatedDelta];

    /// The name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Mixer::Softmax => "softmax",
            Mixer::Linear => "linear",
            Mixer::Gla => "gla",
            Mixer::Delta => "delta",
            Mixer::GatedDelta => "gated-delta",
        }
    }
}

/// How many keys the texts of [`Task::Recall`] choose from, and how many values. Tokens are keys, then values.
pub const KEYS: usize = 128;

/// What a decoder is for, and so how large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Answers questions for pairs: two layers of width 64, without feed-forward layers, and one head of this width.
    Recall {
        /// The width of queries, keys and values; the state is its square.
        head: usize,
    },
    /// Continues the novel, in the size of the models of `attn-lm`.
    Novel,
}

/// One of the decoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mixed {
    /// How its layers mix tokens.
    pub mixer: Mixer,
    /// Whether the last layer has softmax attention instead.
    pub last_softmax: bool,
    /// What it is for.
    pub task: Task,
}

/// The inner width of GLA's gates.
const GATE: usize = 16;

impl Mixed {
    /// Those that chapter 11 compares.
    pub fn all() -> impl Iterator<Item = Mixed> {
        let tasks = [8, 16, 32].map(|head| Task::Recall { head }).into_iter().chain([Task::Novel]);
        tasks.flat_map(|task| {
            let alone = Mixer::ALL.map(|mixer| Mixed { mixer, last_softmax: false, task });
            let hybrids = Mixer::ALL.into_iter().filter(|mixer| *mixer != Mixer::Softmax);
            let hybrids = hybrids.map(move |mixer| Mixed { mixer, last_softmax: true, task });
            alone.into_iter().chain(hybrids)
        })
    }

    /// The tokens that it knows.
    pub fn vocabulary(self) -> usize {
        match self.task {
            Task::Recall { .. } => 2 * KEYS,
            Task::Novel => attn_lm::text::ALPHABET.len(),
        }
    }

    /// How many layers it has.
    pub fn layers(self) -> usize {
        match self.task {
            Task::Recall { .. } => 2,
            Task::Novel => attn_lm::LAYERS,
        }
    }

    /// How many heads a layer has, and how wide each is.
    pub fn heads(self) -> (usize, usize) {
        match self.task {
            Task::Recall { head } => (1, head),
            Task::Novel => (attn_lm::HEADS, attn_lm::HEAD),
        }
    }

    pub(crate) fn width(self) -> usize {
        match self.task {
            Task::Recall { .. } => 64,
            Task::Novel => attn_lm::WIDTH,
        }
    }

    /// How a layer mixes tokens.
    pub fn mixer(self, layer: usize) -> Mixer {
        let last = layer + 1 == self.layers();
        if last && self.last_softmax { Mixer::Softmax } else { self.mixer }
    }

    /// The inner width of the feed-forward layers: less by what a layer's gates take, so that all decoders for one task have
    /// about as many weights. None for recall.
    pub(crate) fn feed_forward(self, layer: usize) -> usize {
        let width = self.width();
        let gates: usize =
            self.gates(layer).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        match self.task {
            Task::Recall { .. } => 0,
            Task::Novel => {
                attn_lm::FEED_FORWARD - (gates as f64 / (3 * width) as f64).round() as usize
            }
        }
    }

    /// What a mixer has beyond queries, keys, values and the product that ends it.
    fn gates(self, layer: usize) -> Vec<(&'static str, Vec<usize>)> {
        let ((heads, head), width) = (self.heads(), self.width());
        let norm = ("norm.weight", vec![head]);
        match self.mixer(layer) {
            Mixer::Softmax | Mixer::Linear => vec![],
            Mixer::Gla => vec![
                norm,
                ("gate.down", vec![GATE, width]),
                ("gate.up", vec![heads * head, GATE]),
                ("gate.bias", vec![heads * head]),
            ],
            Mixer::Delta => vec![norm, ("beta", vec![heads, width])],
            Mixer::GatedDelta => vec![
                norm,
                ("beta", vec![heads, width]),
                ("gate.weight", vec![heads, width]),
                ("gate.bias", vec![heads]),
            ],
        }
    }

    /// The tensors that it consists of: their names and shapes.
    pub fn tensors(self) -> Vec<(String, Vec<usize>)> {
        let ((heads, head), width) = (self.heads(), self.width());
        let mut tensors = vec![("embedding".to_string(), vec![self.vocabulary(), width])];
        for layer in 0..self.layers() {
            let mut add =
                |name: &str, shape: Vec<usize>| tensors.push((format!("{layer}.{name}"), shape));
            add("norm1.weight", vec![width]);
            for matrix in ["query", "key", "value"] {
                add(&format!("mixer.{matrix}_shift"), vec![width]);
                add(&format!("mixer.{matrix}"), vec![heads * head, width]);
            }
            add("mixer.out", vec![width, heads * head]);
            for (name, shape) in self.gates(layer) {
                add(&format!("mixer.{name}"), shape);
            }
            let inner = self.feed_forward(layer);
            if inner > 0 {
                add("norm2.weight", vec![width]);
                add("feed.gate", vec![inner, width]);
                add("feed.up", vec![inner, width]);
                add("feed.down", vec![width, inner]);
            }
        }
        tensors.push(("norm.weight".into(), vec![width]));
        tensors.push(("readout".into(), vec![self.vocabulary(), width]));
        tensors
    }
}

/// As in `recall-16-gla` and `novel-delta+softmax`.
impl fmt::Display for Mixed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.task {
            Task::Recall { head } => write!(f, "recall-{head}-")?,
            Task::Novel => write!(f, "novel-")?,
        }
        write!(f, "{}", self.mixer.name())?;
        if self.last_softmax { write!(f, "+softmax") } else { Ok(()) }
    }
}
