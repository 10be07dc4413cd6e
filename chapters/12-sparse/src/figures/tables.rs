//! Tables of pairs, bytes, FLOPs and losses.

use crate::{
    costs,
    functions::REFERENCE,
    given::{Pattern, draw_keys},
    mixed_cache_bytes, model,
    nsa::Sizes,
    pattern_row,
};
use attn_core::random::Random;
use attn_lm::{LanguageModel, Model};
use attn_viz::thousands;

/// How many pairs of a query and a key a pattern has among n tokens.
pub fn pairs(pattern: &Pattern, n: usize) -> usize {
    (0..n).map(|i| pattern_row(pattern, i, n).len()).sum()
}

pub(super) fn patterns() -> String {
    let mut table = String::from(
        "| pattern | pairs of 1,024 tokens | of 2,048 | of 4,096 | share of all, at 4,096 |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    let both = |_: usize| Pattern { causal: false, ..Pattern::window(129) };
    let row = |name: &str, of: &dyn Fn(usize) -> Pattern| {
        let counts = [1024, 2048, 4096].map(|n| pairs(&of(n), n));
        let share = 100.0 * counts[2] as f64 / (4096.0 * 4096.0);
        let counts = counts.map(|count| thousands(count as u64));
        format!("| {name} | {} | {} | {} | {share:.1}\u{a0}% |\n", counts[0], counts[1], counts[2])
    };
    table += &row("causal, everything", &|n| Pattern::window(n));
    table += &row("causal window of 128", &|_| Pattern::window(128));
    table += &row("window of 129, both sides", &both);
    table +=
        &row("the same, with 2 global tokens", &|n| Pattern { globals: vec![0, 1], ..both(n) });
    table += &row("the same, and 8 random keys", &|n| Pattern {
        globals: vec![0, 1],
        random: draw_keys(&mut Random::new(1), n, 8),
        ..both(n)
    });
    table
}

pub(super) fn gather() -> String {
    let mut table = String::from(
        "| tokens | window | a table of scores | gathered keys and values | gathered / table |\n| ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (n, w) in [(1024_u64, 512_u64), (8192, 512), (65_536, 512), (262_144, 512)] {
        let (scores, copies) = (n * n, n * w * 2 * 64);
        table += &format!(
            "| {} | {w} | {} | {} | {} |\n",
            thousands(n),
            thousands(scores),
            thousands(copies),
            copies as f64 / scores as f64,
        );
    }
    table
}

pub(super) fn indexer() -> String {
    let mut table = String::from(
        "| tokens | all keys | the indexer | indexer and 2,048 keys | of all keys | the indexer's part of it |\n| ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for tokens in [2048_u64, 8192, 32_768, 131_072] {
        let [all, index, both] = costs::of_a_query(tokens, 2048);
        table += &format!(
            "| {} | {} | {} | {} | {:.0}\u{a0}% | {:.0}\u{a0}% |\n",
            thousands(tokens),
            thousands(all / 1_000_000),
            thousands(index / 1_000_000),
            thousands(both / 1_000_000),
            100.0 * both as f64 / all as f64,
            100.0 * index as f64 / both as f64,
        );
    }
    table
}

pub(super) fn nsa() -> String {
    let mut table = String::from(
        "| tokens | spans | in blocks | window | keys read | of all |\n| ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let sizes = Sizes::PAPER;
    for tokens in [4096, 8192, 16_384, 65_536] {
        let (read, spans) =
            (sizes.keys(tokens), crate::given::spans(tokens, sizes.length, sizes.stride));
        table += &format!(
            "| {} | {} | {} | {} | {} | {:.0}\u{a0}% |\n",
            thousands(tokens as u64),
            thousands(spans as u64),
            thousands((sizes.count * sizes.block) as u64),
            sizes.window,
            thousands(read as u64),
            100.0 * read as f64 / tokens as f64,
        );
    }
    table
}

pub(super) fn mixed() -> String {
    let mut table = String::from(
        "| of every … layers one is full | cache of 8,192 tokens | of 32,768 | of 131,072 | of all full, at 131,072 |\n| ---: | ---: | ---: | ---: | ---: |\n",
    );
    let of = |every: u64, tokens: u64| mixed_cache_bytes(48, every, 1024, tokens, 4096);
    for every in [1, 2, 4, 6, 8] {
        let mib = |tokens| thousands(of(every, tokens) >> 20);
        table += &format!(
            "| {every} | {}\u{a0}MiB | {}\u{a0}MiB | {}\u{a0}MiB | {:.1}\u{a0}% |\n",
            mib(8192),
            mib(32_768),
            mib(131_072),
            100.0 * of(every, 131_072) as f64 / of(1, 131_072) as f64,
        );
    }
    table
}

/// Which of the character model's layers see everything, best first.
pub(super) fn search() -> String {
    let model = LanguageModel::trained(Model::Mha);
    let found = model::search(&model, &model::passages(256, 6), 8, REFERENCE);
    let mut table = String::from(
        "| full layers | layer 0 | layer 1 | layer 2 | loss, nats |\n| ---: | --- | --- | --- | ---: |\n",
    );
    for (full, loss) in found {
        let named = |full: bool| if full { "full" } else { "window of 8" };
        table += &format!(
            "| {} | {} | {} | {} | {loss:.3} |\n",
            full.iter().filter(|&&full| full).count(),
            named(full[0]),
            named(full[1]),
            named(full[2]),
        );
    }
    table
}
