//! The models by name, and what their tensors are called.

use crate::{Alphabet, quatrains, text};
use std::{fmt, str::FromStr};

/// The width of a token's state.
pub const WIDTH: usize = 128;
/// The layers of a model of the novel.
pub const LAYERS: usize = 3;
/// The query heads of a layer.
pub const HEADS: usize = 8;
/// The width of a head's content, and of its values.
pub const HEAD: usize = 16;
/// The inner width of a feed-forward layer.
pub const FEED_FORWARD: usize = 224;
/// The width of the latent vector of [`Model::Mla`].
pub const LATENT: usize = 48;
/// The width of the rotary key that all heads of [`Model::Mla`] share.
pub const ROTARY: usize = 16;
/// The longest text that the models of the novel were trained on, in characters.
pub const CONTEXT: usize = 256;
/// The base of the rotations (RoPE, interleaved layout).
pub const ROPE_BASE: f32 = 10_000.0;

/// What the norms add to the mean square.
pub const EPSILON: f32 = 1e-5;

/// The version of the files with weights.
pub const FORMAT: &str = "attn-lm 1";

/// One of the models; the [crate's front page](crate) gives their equations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Model {
    /// Multi-head attention: eight heads, each with keys and values of its own.
    Mha,
    /// Grouped-query attention: eight query heads on two heads of keys and values.
    Gqa,
    /// Multi-query attention: eight query heads on one head of keys and values.
    Mqa,
    /// Multi-head latent attention: keys and values of all eight heads from one latent vector.
    Mla,
    /// Multi-head attention in two layers, and another text: Chinese poems.
    Quatrains,
}

impl Model {
    /// All of them.
    pub const ALL: [Model; 5] = [Model::Mha, Model::Gqa, Model::Mqa, Model::Mla, Model::Quatrains];

    /// Those of the novel, which differ in their attention alone.
    pub const NOVEL: [Model; 4] = [Model::Mha, Model::Gqa, Model::Mqa, Model::Mla];

    /// The name in commands and files.
    pub fn name(self) -> &'static str {
        match self {
            Model::Mha => "mha",
            Model::Gqa => "gqa",
            Model::Mqa => "mqa",
            Model::Mla => "mla",
            Model::Quatrains => "quatrains",
        }
    }

    /// The characters that it knows.
    pub fn alphabet(self) -> &'static Alphabet {
        match self {
            Model::Quatrains => &quatrains::ALPHABET,
            _ => &text::ALPHABET,
        }
    }

    /// What its text is called.
    pub fn title(self) -> &'static str {
        match self {
            Model::Quatrains => quatrains::TITLE,
            _ => text::TITLE,
        }
    }

    /// How many layers it has.
    pub fn layers(self) -> usize {
        match self {
            Model::Quatrains => 2,
            _ => LAYERS,
        }
    }

    /// The longest text that it was trained on, in characters.
    pub fn context(self) -> usize {
        match self {
            Model::Quatrains => 24,
            _ => CONTEXT,
        }
    }

    /// How many heads of keys and values a layer has. Of [`Model::Mla`] they are made anew from the latent.
    pub fn kv_heads(self) -> usize {
        match self {
            Model::Mha | Model::Mla | Model::Quatrains => HEADS,
            Model::Gqa => 2,
            Model::Mqa => 1,
        }
    }

    /// How many numbers per token one layer has to keep.
    ///
    /// ```
    /// use attn_lm::Model;
    /// assert_eq!(Model::NOVEL.map(Model::kept), [256, 64, 32, 64]);
    /// ```
    pub fn kept(self) -> usize {
        match self {
            Model::Mla => LATENT + ROTARY,
            _ => 2 * self.kv_heads() * HEAD,
        }
    }

    /// The tensors that the model consists of: their names and shapes.
    ///
    /// ```
    /// use attn_lm::Model;
    /// let numbers = |model: Model| -> usize {
    ///     model.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    /// };
    /// assert_eq!(Model::ALL.map(numbers), [471_680, 397_952, 385_664, 484_112, 462_976]);
    /// ```
    pub fn tensors(self) -> Vec<(String, Vec<usize>)> {
        let vocabulary = self.alphabet().len();
        let mut tensors = vec![("embedding".to_string(), vec![vocabulary, WIDTH])];
        let mut add = |name: String, shape: &[usize]| tensors.push((name, shape.to_vec()));
        for layer in 0..self.layers() {
            add(format!("{layer}.norm1.weight"), &[WIDTH]);
            let heads = HEADS * HEAD;
            let attention: &[(&str, &[usize])] = match self {
                Model::Mla => &[
                    ("query", &[HEADS * (HEAD + ROTARY), WIDTH]),
                    ("latent", &[LATENT, WIDTH]),
                    ("norm.weight", &[LATENT]),
                    ("rotary_key", &[ROTARY, WIDTH]),
                    ("key", &[heads, LATENT]),
                    ("value", &[heads, LATENT]),
                    ("out", &[WIDTH, heads]),
                ],
                _ => &[
                    ("query", &[heads, WIDTH]),
                    ("key", &[self.kv_heads() * HEAD, WIDTH]),
                    ("value", &[self.kv_heads() * HEAD, WIDTH]),
                    ("out", &[WIDTH, heads]),
                ],
            };
            for (name, shape) in attention {
                add(format!("{layer}.attention.{name}"), shape);
            }
            add(format!("{layer}.norm2.weight"), &[WIDTH]);
            add(format!("{layer}.feed.gate"), &[FEED_FORWARD, WIDTH]);
            add(format!("{layer}.feed.up"), &[FEED_FORWARD, WIDTH]);
            add(format!("{layer}.feed.down"), &[WIDTH, FEED_FORWARD]);
        }
        add("norm.weight".into(), &[WIDTH]);
        add("readout".into(), &[vocabulary, WIDTH]);
        tensors
    }
}

/// The weights of one of the models.
pub type Weights = attn_weights::Weights<Model>;

impl attn_weights::Model for Model {
    const FORMAT: &'static str = FORMAT;

    fn tensors(self) -> Vec<(String, Vec<usize>)> {
        Model::tensors(self)
    }

    fn trained(self) -> &'static [u8] {
        match self {
            Model::Mha => include_bytes!("../weights/mha.safetensors"),
            Model::Gqa => include_bytes!("../weights/gqa.safetensors"),
            Model::Mqa => include_bytes!("../weights/mqa.safetensors"),
            Model::Mla => include_bytes!("../weights/mla.safetensors"),
            Model::Quatrains => include_bytes!("../weights/quatrains.safetensors"),
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
