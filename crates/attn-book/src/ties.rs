//! The tables and figures of the pages that tie the chapters together.

use crate::history;
use attn_paths::{Layer, Path, Setting, VARIANTS, Widths, all};
use attn_viz::{Axis, Figure, Heatmap, Lines, thousands};
use ch08_flash_cpu::{given::Block, traffic::Sizes};
use std::collections::{BTreeMap, BTreeSet};

/// A figure's name in the book, and what draws it.
type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
type Written = (&'static str, fn() -> String);

/// Their figures.
pub const FIGURES: [Drawn; 3] =
    [("ties/pairs", pairs_figure), ("ties/kept", kept_figure), ("ties/history", history::figure)];

/// Their tables.
pub const TABLES: [Written; 7] = [
    ("ties/settings", settings),
    ("ties/paths", paths),
    ("ties/variants", variants),
    ("ties/numbers", numbers),
    ("ties/moved", moved),
    ("ties/lengths", lengths),
    ("ties/history", history::table),
];

fn letter(setting: Setting) -> char {
    let place = Setting::ALL.iter().position(|other| *other == setting).unwrap_or(0);
    char::from(b'A' + place as u8)
}

/// Whether two paths are compared in a setting.
fn meet(a: &Path, b: &Path, setting: Setting) -> bool {
    // A kernel meets every other path at its own width.
    a.settings.contains(&setting) && b.settings.contains(&setting)
}

/// The settings, and how many paths and pairs each has.
fn settings() -> String {
    let paths = all();
    let mut table =
        String::from("| | setting | | paths | pairs |\n| --- | --- | --- | ---: | ---: |\n");
    for setting in Setting::ALL {
        let count = paths.iter().filter(|path| path.settings.contains(&setting)).count();
        table += &format!(
            "| **{}** | {} | {} | {count} | {} |\n",
            letter(setting),
            setting.name(),
            setting.meaning(),
            count * (count - 1) / 2,
        );
    }
    table
}

/// Every path, with a dot for each setting that it takes.
fn paths() -> String {
    let mut table = String::from("| chapter | path |");
    Setting::ALL.iter().for_each(|setting| table += &format!(" {} |", letter(*setting)));
    table += " is attention when | may be off by |\n| ---: | --- |";
    Setting::ALL.iter().for_each(|_| table += " --- |");
    table += " --- | ---: |\n";
    for path in all() {
        let chapter = if path.chapter == 0 { "–".into() } else { path.chapter.to_string() };
        table += &format!("| {chapter} | {} |", path.name);
        for setting in Setting::ALL {
            table += if path.settings.contains(&setting) { " ● |" } else { " |" };
        }
        let width = if path.widths == Widths::Kernel { ", d = 64" } else { "" };
        let condition = if path.condition.is_empty() { "always" } else { path.condition };
        table += &format!(" {condition}{width} | {} |\n", power(path.error));
    }
    table
}

/// `2e-15` as a product, for a page.
fn power(x: f64) -> String {
    let text = format!("{x:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match digits {
        "1" => format!("$10^{{{exponent}}}$"),
        digits => format!("${digits} \\cdot 10^{{{exponent}}}$"),
    }
}

/// How many pairs of paths are compared between two chapters.
fn pairs_figure() -> Figure {
    let paths = all();
    let chapters: Vec<usize> =
        paths.iter().map(|path| path.chapter).collect::<BTreeSet<_>>().into_iter().collect();
    let mut pairs: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (i, a) in paths.iter().enumerate() {
        for b in &paths[i + 1..] {
            if Setting::ALL.iter().any(|&setting| meet(a, b, setting)) {
                *pairs.entry((a.chapter, b.chapter)).or_default() += 1;
                if a.chapter != b.chapter {
                    *pairs.entry((b.chapter, a.chapter)).or_default() += 1;
                }
            }
        }
    }
    let name = |chapter: usize| match chapter {
        0 => "oracle".to_string(),
        chapter => format!("ch. {chapter}"),
    };
    let between = |i: usize, j: usize| {
        pairs.get(&(chapters[i], chapters[j])).copied().unwrap_or_default() as f64
    };
    let total: usize = pairs.iter().filter(|((a, b), _)| a <= b).map(|(_, count)| count).sum();
    let title =
        format!("How many pairs of paths are compared between two chapters: {total} in all");
    let rows = chapters.iter().map(|&chapter| {
        let own: usize =
            chapters.iter().map(|&b| pairs.get(&(chapter, b)).copied().unwrap_or(0)).sum();
        format!("{} takes part in {own}", name(chapter))
    });
    let alternative =
        format!("A table of chapters by chapters. {}.", rows.collect::<Vec<_>>().join("; "));
    Heatmap::new(&title, &alternative, (chapters.len(), chapters.len()), between)
        .rows("a path of", chapters.iter().map(|&chapter| name(chapter)))
        .columns(
            "and one of",
            chapters.iter().map(|&chapter| match chapter {
                0 => "o".to_string(),
                chapter => chapter.to_string(),
            }),
        )
        .legend("pairs")
        .figure()
}

/// What the variants keep and compute, as formulas.
fn variants() -> String {
    let mut table = String::from(
        "| chapter | variant | kept of $m$ tokens | FLOPs of a step | FLOPs of a text |\n\
         | ---: | --- | --- | --- | --- |\n",
    );
    for variant in VARIANTS {
        table += &format!(
            "| {} | {} | ${}$ | ${}$ | ${}$ |\n",
            variant.chapter,
            variant.name,
            variant.kept.formula,
            variant.step.formula,
            variant.text.formula,
        );
    }
    table
}

/// Tokens of the example.
const TOKENS: usize = 32_768;

/// The same in numbers, for the example.
fn numbers() -> String {
    let mut table = String::from(
        "| variant | kept numbers | at 16 bits | of MHA | MFLOP of a step | FLOPs per number | GFLOP of a text |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let all = (VARIANTS[0].kept.of)(&Layer::EXAMPLE, TOKENS) as f64;
    for variant in VARIANTS {
        let kept = (variant.kept.of)(&Layer::EXAMPLE, TOKENS);
        let step = (variant.step.of)(&Layer::EXAMPLE, TOKENS) as f64;
        let text = (variant.text.of)(&Layer::EXAMPLE, TOKENS) as f64;
        table += &format!(
            "| {} | {} | {:.1} MiB | {:.1} % | {:.1} | {:.1} | {} |\n",
            variant.name,
            thousands(kept),
            2.0 * kept as f64 / (1 << 20) as f64,
            100.0 * kept as f64 / all,
            step / 1e6,
            step / variant.read(&Layer::EXAMPLE, TOKENS) as f64,
            thousands((text / 1e9).round()),
        );
    }
    table
}

/// What the same attention moves, table and tiles: one head, in bytes.
fn moved() -> String {
    let mut table = String::from(
        "| tokens | scores as a table | tiles of 128 | of the table | scores held: table | tile |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let block = Block { q: 128, k: 128 };
    for n in [1024, 4096, 16_384] {
        let sizes = Sizes { n, m: n, d: 128, d_v: 128, causal: false };
        let (naive, flash) = (sizes.naive(), sizes.flash(block));
        let flash = flash.loaded + flash.stored;
        table += &format!(
            "| {} | {:.1} MB | {:.1} MB | {:.0} % | {} | {} |\n",
            thousands(n),
            naive as f64 / 1e6,
            flash as f64 / 1e6,
            100.0 * flash as f64 / naive as f64,
            thousands(n * n),
            thousands(block.q * block.k),
        );
    }
    table
}

/// From how many tokens on one variant keeps less than another.
fn lengths() -> String {
    let least = |a: &str, b: &str| {
        let find =
            |name: &str| VARIANTS.iter().find(|variant| variant.name == name).map(|v| v.kept.of);
        let (Some(a), Some(b)) = (find(a), find(b)) else { return "–".to_string() };
        let first = (1..=1 << 20).find(|&m| a(&Layer::EXAMPLE, m) < b(&Layer::EXAMPLE, m));
        first.map_or("never".into(), thousands)
    };
    let mut table = String::from("| keeps less | than | from |\n| --- | --- | ---: |\n");
    for (a, b) in [
        ("window", "MHA"),
        ("window", "GQA"),
        ("window", "MLA"),
        ("linear", "MHA"),
        ("linear", "GQA"),
        ("linear", "MLA"),
        ("linear", "MQA"),
        ("MLA", "GQA"),
        ("MLA", "MQA"),
    ] {
        let from = least(a, b);
        let from = match from.as_str() {
            "1" => "the first token".into(),
            "never" => from,
            tokens => format!("{tokens} tokens"),
        };
        table += &format!("| {a} | {b} | {from} |\n");
    }
    table
}

/// What a layer keeps, by the length of the text.
fn kept_figure() -> Figure {
    let tokens: Vec<usize> = (6..=20).map(|power| 1 << power).collect();
    let mut lines = Lines::new(
        "What one layer keeps, by the length of the text (32 heads of width 128, 16 bits)",
        "Two logarithmic axes. MHA, GQA, MLA and MQA are parallel lines that grow with the text, MHA the highest; \
         the window grows with MHA up to 4,096 tokens and is level from there; linear attention is level from the start.",
    )
    .x(Axis::log("tokens").ticks([64.0, 1024.0, 16_384.0, 1e6]))
    .y(Axis::log("MiB").ticks([0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0]));
    for name in ["MHA", "GQA", "MLA", "MQA", "window", "linear"] {
        let Some(variant) = VARIANTS.iter().find(|variant| variant.name == name) else { continue };
        let points = tokens.iter().map(|&m| {
            (m as f64, 2.0 * (variant.kept.of)(&Layer::EXAMPLE, m) as f64 / (1 << 20) as f64)
        });
        lines = lines.series(name, points.collect::<Vec<_>>());
    }
    lines.figure()
}

#[cfg(test)]
mod tests {
    use super::*;
    use attn_paths::Web;

    /// The table says which pairs are compared by their settings alone; the tests run them.
    #[test]
    fn the_map_has_the_pairs_that_are_tested() {
        let web = Web::of(all());
        let paths = web.paths();
        let tested = web.pairs();
        let drawn = (0..paths.len()).flat_map(|a| (a + 1..paths.len()).map(move |b| (a, b)));
        let drawn: Vec<_> = drawn
            .filter(|&(a, b)| Setting::ALL.iter().any(|&s| meet(&paths[a], &paths[b], s)))
            .collect();
        assert_eq!(drawn, tested);
        let title = pairs_figure();
        assert!(title.title().ends_with(&format!(": {} in all", tested.len())));
    }
}
