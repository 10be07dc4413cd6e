//! The four models by name, and what their tensors are called.

use crate::vocabulary::{SOURCE_SIZE, TARGET_SIZE};
use std::{fmt, str::FromStr};

/// The width of every state of the recurrent models.
pub const STATE: usize = 128;
/// The width of an embedded character of the recurrent models.
pub const EMBEDDING: usize = 32;
/// The width in which additive scores are computed.
pub const ATTENTION: usize = 32;
/// The width of the Transformer.
pub const WIDTH: usize = 64;
/// The heads of each attention of the Transformer; each is `WIDTH / HEADS` = 16 wide.
pub const HEADS: usize = 4;
/// The inner width of the Transformer's feed-forward layers.
pub const FEED_FORWARD: usize = 192;
/// The layers of the Transformer's encoder, and of its decoder.
pub const LAYERS: usize = 2;

/// One of the four models; the [crate's front page](crate) gives their equations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// A GRU encoder and decoder with a fixed context, the encoder's last state (chapter 1).
    Fixed,
    /// The same with dot attention over the encoder's states (chapter 1).
    Dot,
    /// The same with additive attention (chapter 2).
    Additive,
    /// A Transformer encoder and decoder (chapter 4).
    Transformer,
}

impl Model {
    /// All of them, in the order of the chapters.
    pub const ALL: [Model; 4] = [Model::Fixed, Model::Dot, Model::Additive, Model::Transformer];

    /// The name in commands and files.
    pub fn name(self) -> &'static str {
        match self {
            Model::Fixed => "gru-fixed",
            Model::Dot => "gru-dot",
            Model::Additive => "gru-additive",
            Model::Transformer => "transformer",
        }
    }

    /// The tensors that the model consists of: their names and shapes.
    ///
    /// ```
    /// use attn_dates::Model;
    /// let numbers = |model: Model| -> usize {
    ///     model.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    /// };
    /// let counts = Model::ALL.map(numbers);
    /// assert_eq!(counts, [179_022, 179_022, 187_246, 203_790]);
    /// ```
    pub fn tensors(self) -> Vec<(String, Vec<usize>)> {
        match self {
            Model::Transformer => transformer(),
            _ => recurrent(self == Model::Additive),
        }
    }
}

/// The version of the files with weights.
pub const FORMAT: &str = "attn-dates 1";

/// The weights of one of the four models.
pub type Weights = attn_weights::Weights<Model>;

impl attn_weights::Model for Model {
    const FORMAT: &'static str = FORMAT;

    fn tensors(self) -> Vec<(String, Vec<usize>)> {
        Model::tensors(self)
    }

    fn trained(self) -> &'static [u8] {
        match self {
            Model::Fixed => include_bytes!("../weights/gru-fixed.safetensors"),
            Model::Dot => include_bytes!("../weights/gru-dot.safetensors"),
            Model::Additive => include_bytes!("../weights/gru-additive.safetensors"),
            Model::Transformer => include_bytes!("../weights/transformer.safetensors"),
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Model::ALL.into_iter().find(|model| model.name() == name);
        found.ok_or_else(|| {
            let names = Model::ALL.map(Model::name).join(", ");
            format!("there is no model {name}; the models are {names}")
        })
    }
}

fn recurrent(additive: bool) -> Vec<(String, Vec<usize>)> {
    let gates = 3 * STATE;
    let mut tensors = Vec::new();
    let mut add = |name: &str, shape: &[usize]| tensors.push((name.to_string(), shape.to_vec()));
    for (part, size, input) in
        [("encoder", SOURCE_SIZE, EMBEDDING), ("decoder", TARGET_SIZE, EMBEDDING + STATE)]
    {
        add(&format!("{part}.embedding"), &[size, EMBEDDING]);
        add(&format!("{part}.weight_ih"), &[gates, input]);
        add(&format!("{part}.weight_hh"), &[gates, STATE]);
        add(&format!("{part}.bias_ih"), &[gates]);
        add(&format!("{part}.bias_hh"), &[gates]);
    }
    if additive {
        add("attention.query", &[ATTENTION, STATE]);
        add("attention.key", &[ATTENTION, STATE]);
        add("attention.score", &[ATTENTION]);
    }
    add("readout.weight", &[TARGET_SIZE, 2 * STATE]);
    add("readout.bias", &[TARGET_SIZE]);
    tensors
}

fn transformer() -> Vec<(String, Vec<usize>)> {
    let mut tensors = Vec::new();
    let mut add = |name: String, shape: &[usize]| tensors.push((name, shape.to_vec()));
    for (part, size, attentions) in
        [("encoder", SOURCE_SIZE, &["self"][..]), ("decoder", TARGET_SIZE, &["self", "cross"])]
    {
        add(format!("{part}.embedding"), &[size, WIDTH]);
        for layer in 0..LAYERS {
            let layer = format!("{part}.{layer}");
            for attention in attentions {
                for matrix in ["query", "key", "value", "out"] {
                    add(format!("{layer}.{attention}.{matrix}"), &[WIDTH, WIDTH]);
                }
            }
            // One norm before each attention and one before the feed-forward layer.
            for norm in 1..=attentions.len() + 1 {
                add(format!("{layer}.norm{norm}.weight"), &[WIDTH]);
                add(format!("{layer}.norm{norm}.bias"), &[WIDTH]);
            }
            add(format!("{layer}.feed.in.weight"), &[FEED_FORWARD, WIDTH]);
            add(format!("{layer}.feed.in.bias"), &[FEED_FORWARD]);
            add(format!("{layer}.feed.out.weight"), &[WIDTH, FEED_FORWARD]);
            add(format!("{layer}.feed.out.bias"), &[WIDTH]);
        }
        add(format!("{part}.norm.weight"), &[WIDTH]);
        add(format!("{part}.norm.bias"), &[WIDTH]);
    }
    add("readout.weight".into(), &[TARGET_SIZE, WIDTH]);
    add("readout.bias".into(), &[TARGET_SIZE]);
    tensors
}
