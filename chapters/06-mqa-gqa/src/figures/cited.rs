//! Numbers from papers, each with its place there.

use attn_viz::{Axis, Bars, Figure};

/// Ainslie et al., arXiv:2305.13245, Table 1: heads of keys and values of T5-XXL (64 query heads), seconds per
/// sample, and the mean of its scores.
pub const TIME: [(&str, f64, f64); 3] =
    [("64 heads (MHA)", 1.51, 47.2), ("8 heads (GQA)", 0.28, 47.1), ("1 head (MQA)", 0.24, 46.6)];

/// Models with groups: heads of queries, of keys and values, and where that is said.
pub const MODELS: [(&str, u32, u32, &str); 9] = [
    ("SmolLM2-135M", 9, 3, "the model's own file"),
    ("Gemma 2B", 8, 1, "[2403.08295](https://arxiv.org/abs/2403.08295), Table 1"),
    ("Falcon-7B", 71, 1, "[2311.16867](https://arxiv.org/abs/2311.16867)"),
    ("Mistral 7B", 32, 8, "[2310.06825](https://arxiv.org/abs/2310.06825), Table 1"),
    ("Qwen2.5-7B", 28, 4, "[2412.15115](https://arxiv.org/abs/2412.15115), Table 1"),
    ("Falcon-40B", 128, 8, "[2311.16867](https://arxiv.org/abs/2311.16867)"),
    ("DeepSeek 67B", 64, 8, "[2401.02954](https://arxiv.org/abs/2401.02954), Table 2"),
    (
        "Llama 2 70B",
        64,
        8,
        "[2307.09288](https://arxiv.org/abs/2307.09288), Table 1; configuration",
    ),
    ("Falcon-180B", 232, 8, "[2311.16867](https://arxiv.org/abs/2311.16867)"),
];

/// Whether the number of groups is between h/8 and h/4.
pub fn in_the_rule(h: u32, h_kv: u32) -> bool {
    h <= 8 * h_kv && 4 * h_kv <= h
}

pub(super) fn time() -> Figure {
    let mut bars = Bars::new(
        "Time per sample of T5-XXL by heads of keys and values; in brackets the mean score",
        "With 64 heads 1.51 seconds and a score of 47.2; with 8 heads 0.28 seconds and 47.1; with one head 0.24 \
         seconds and 46.6. (Ainslie et al., 2305.13245, Table 1.)",
        Axis::linear("seconds (Ainslie et al., Table 1)"),
    );
    for (name, seconds, score) in TIME {
        bars = bars.bar(&format!("{name} [{score}]"), seconds);
    }
    bars.figure()
}

pub(super) fn quality() -> String {
    // Shazeer measures a loss: less is better.
    String::from(
        "| source | measured | as many heads | eight groups | one |\n\
         | --- | --- | ---: | ---: | ---: |\n\
         | Shazeer, 1911.02150, Table 1 | log-perplexity, less is better | 1.424 | | 1.439 |\n\
         | Ainslie et al., 2305.13245, Table 1 | mean score | 47.2 | 47.1 | 46.6 |\n\
         | Touvron et al., 2307.09288, Table 18 (30B) | MMLU | 28.0 | 26.9 | 26.5 |\n\
         | Touvron et al., the same | TriviaQA | 44.7 | 46.2 | 42.8 |\n\
         | DeepSeek-AI, 2405.04434, Table 8 (7B) | MMLU | 45.2 | 41.2 | 37.9 |\n",
    )
}

pub(super) fn models() -> String {
    let mut table = String::from(
        "| model | query heads | key/value heads | share one | in h/8 … h/4 | source |\n\
         | --- | ---: | ---: | ---: | --- | --- |\n",
    );
    for (model, h, h_kv, source) in MODELS {
        let rule = if in_the_rule(h, h_kv) { "yes" } else { "no" };
        table += &format!("| {model} | {h} | {h_kv} | {} | {rule} | {source} |\n", h / h_kv);
    }
    table
}
