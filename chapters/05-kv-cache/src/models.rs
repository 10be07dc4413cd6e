//! Models and cards as they were published, and what follows from their numbers.

use crate::given::{Machine, Model};

/// A model, with where its numbers stand.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Its name.
    pub name: &'static str,
    /// Its sizes; numbers of 16 bits.
    pub model: Model,
    /// Layers with a window, if there are some.
    pub windows: Option<Windows>,
    /// Whether its parameters are known in round numbers only, so that its weights are not weighed.
    pub round: bool,
    /// Where the sizes are published.
    pub source: &'static str,
}

/// The layers of a model that see the last tokens alone.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// How many layers.
    pub layers: u64,
    /// How many tokens each of them sees, the new one included.
    pub window: u64,
}

const fn model(
    layers: u64,
    d_model: u64,
    (heads, kv_heads): (u64, u64),
    head_dim: u64,
    parameters: u64,
) -> Model {
    Model { layers, d_model, heads, kv_heads, head_dim, parameters, number_bytes: 2 }
}

/// Parameters are those of the published weights, as [`parameters`] computes them, except where they are
/// marked as round: those are what the model's name says.
pub const MODELS: [Published; 7] = [
    Published {
        name: "Llama-2-7B",
        model: model(32, 4096, (32, 32), 128, 6_738_415_616),
        windows: None,
        round: false,
        source: "[arXiv:2307.09288](https://arxiv.org/abs/2307.09288), Table 1; [`config.json`](https://huggingface.co/meta-llama/Llama-2-7b-hf/blob/main/config.json)",
    },
    Published {
        name: "LLaMA-65B",
        model: model(80, 8192, (64, 64), 128, 65_285_660_672),
        windows: None,
        round: false,
        source: "[arXiv:2302.13971](https://arxiv.org/abs/2302.13971), Table 2",
    },
    Published {
        name: "Llama-3-8B",
        model: model(32, 4096, (32, 8), 128, 8_030_261_248),
        windows: None,
        round: false,
        source: "[arXiv:2407.21783](https://arxiv.org/abs/2407.21783), Table 3",
    },
    Published {
        name: "Qwen2.5-7B",
        model: model(28, 3584, (28, 4), 128, 7_615_616_512),
        windows: None,
        round: false,
        source: "[arXiv:2412.15115](https://arxiv.org/abs/2412.15115), Table 1; [`config.json`](https://huggingface.co/Qwen/Qwen2.5-7B/blob/main/config.json)",
    },
    Published {
        name: "Falcon-40B",
        model: model(60, 8192, (128, 8), 64, 40_000_000_000),
        windows: None,
        round: true,
        source: "[`config.json`](https://huggingface.co/tiiuae/falcon-40b/blob/main/config.json)",
    },
    Published {
        name: "Mistral 7B",
        model: model(32, 4096, (32, 8), 128, 7_241_732_096),
        windows: Some(Windows { layers: 32, window: 4096 }),
        round: false,
        source: "[arXiv:2310.06825](https://arxiv.org/abs/2310.06825), Table 1",
    },
    Published {
        name: "Gemma 3 27B",
        model: model(62, 5376, (32, 16), 128, 27_000_000_000),
        windows: Some(Windows { layers: 52, window: 1024 }),
        round: true,
        source: "[Hugging Face’s conversion](https://github.com/huggingface/transformers/blob/main/src/transformers/models/gemma3/convert_gemma3_weights.py); five layers of six have a window",
    },
];

/// The attention of gpt-oss-120b. Its weights have 4 bits for the most part, so it is not among the
/// models whose weights are weighed here.
pub const GPT_OSS: Published = Published {
    name: "gpt-oss-120b",
    model: model(36, 2880, (64, 8), 64, 117_000_000_000),
    windows: Some(Windows { layers: 18, window: 128 }),
    round: true,
    source: "[its code](https://github.com/openai/gpt-oss/blob/main/gpt_oss/torch/model.py); every other layer has a window",
};

/// The model with this name.
///
/// # Panics
/// If there is none.
#[track_caller]
pub fn published(name: &str) -> &'static Published {
    MODELS.iter().find(|model| model.name == name).expect("a model of the list")
}

impl Published {
    /// The bytes of the caches for one text, if `cache_bytes` counts them, and each layer with a window
    /// keeps no more than that.
    pub fn text_bytes(&self, tokens: u64, cache_bytes: fn(&Model, u64, u64) -> u64) -> u64 {
        let windowed = self.windows.map_or(0, |windows| windows.layers);
        let all = Model { layers: self.model.layers - windowed, ..self.model };
        let with_windows = Model { layers: windowed, ..self.model };
        let seen = self.windows.map_or(0, |windows| windows.window.min(tokens));
        cache_bytes(&all, tokens, 1) + cache_bytes(&with_windows, seen, 1)
    }
}

/// The weights of a model whose blocks are those of Llama: four projections, biases on the first three
/// where there are any, a feed-forward network of three matrices, two norms; and around the blocks
/// an embedding, a readout of its own, and a norm.
pub fn parameters(model: &Model, d_ff: u64, vocabulary: u64, biases: bool) -> u64 {
    let Model { layers, d_model, heads, kv_heads, head_dim, .. } = *model;
    let (queries, keys) = (heads * head_dim, kv_heads * head_dim);
    let projections = d_model * (2 * queries + 2 * keys);
    let biases = if biases { queries + 2 * keys } else { 0 };
    let block = projections + biases + 3 * d_model * d_ff + 2 * d_model;
    layers * block + 2 * vocabulary * d_model + d_model
}

/// A graphics card, with the numbers of its data sheet. Operations are those of its tensor cores, on
/// numbers of 16 bits, without sparsity.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// As one types it.
    pub key: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Bytes of memory.
    pub memory: u64,
    /// Its speed.
    pub machine: Machine,
}

const GB: u64 = 1_000_000_000;

/// From NVIDIA's data sheets of the L4, the A100 (80 GB, SXM), the H100 (SXM) and the H200 (SXM), and
/// from its paper on the Ada architecture for the RTX 4090.
pub const CARDS: [Card; 5] = [
    Card {
        key: "l4",
        name: "L4",
        memory: 24 * GB,
        machine: Machine { bandwidth: 300e9, peak: 121e12 },
    },
    Card {
        key: "rtx4090",
        name: "RTX 4090",
        memory: 24 * GB,
        machine: Machine { bandwidth: 1008e9, peak: 165e12 },
    },
    Card {
        key: "a100",
        name: "A100",
        memory: 80 * GB,
        machine: Machine { bandwidth: 2039e9, peak: 312e12 },
    },
    Card {
        key: "h100",
        name: "H100",
        memory: 80 * GB,
        machine: Machine { bandwidth: 3350e9, peak: 989e12 },
    },
    Card {
        key: "h200",
        name: "H200",
        memory: 141 * GB,
        machine: Machine { bandwidth: 4800e9, peak: 989e12 },
    },
];

/// The card with this key or name, however it is written.
pub fn card(name: &str) -> Option<&'static Card> {
    let plain = |name: &str| name.to_lowercase().replace([' ', '-', '_'], "");
    CARDS.iter().find(|card| plain(card.key) == plain(name))
}
