//! Where the heads looked when a token was chosen.

use crate::{Plain, Projected, SmolLm, Tokens};
use std::fmt::Write;

/// How many tokens are listed, and how many heads.
const MOST: usize = 6;

/// Where the heads looked when the first token of a reply with this text in it was chosen, as lines to
/// print. `read` is what the model has read, of which the reply begins at `begun`. The attention to the
/// tokens before is computed once more, by the plain one, which keeps its weights.
///
/// # Panics
/// If nothing was read before the reply.
pub fn why(model: &SmolLm, tokens: &Tokens, read: &[usize], begun: usize, text: &str) -> String {
    let wanted = text.trim().to_lowercase();
    let is_it = |&at: &usize| tokens.decode(&read[at..=at]).to_lowercase().contains(&wanted);
    let Some(at) = (begun..read.len()).find(is_it) else {
        return format!("No token of the reply has “{text}” in it.\n\n");
    };
    let mut attention = Projected::new(model, Plain::looking(model));
    let (before, last) = read[..at].split_at(at - 1);
    for part in [before, last] {
        let Ok(_) = model.decoder.states(part, &mut attention);
    }
    let name = |at: usize| format!("{:?}", tokens.decode(&read[at..=at]));
    // The weights of the last row, by layer, head and token.
    let looks = attention.inner.looks();
    let heads = looks.iter().enumerate().flat_map(|(layer, weights)| {
        weights
            .outer_iter()
            .enumerate()
            .map(move |(head, rows)| (layer, head, rows.row(0).to_vec()))
    });
    let heads: Vec<_> = heads.collect();
    let mut out = format!(
        "Where the {} heads looked when {} was chosen, on average:\n\n",
        heads.len(),
        name(at)
    );
    let mean = |at: usize| heads.iter().map(|(.., row)| row[at]).sum::<f32>() / heads.len() as f32;
    let mut seen: Vec<(f32, usize)> = (0..at).map(|at| (mean(at), at)).collect();
    seen.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (share, at) in seen.into_iter().take(MOST) {
        let _ = writeln!(out, "  {:>3.0} %  token {at:>3}  {}", 100.0 * share, name(at));
    }
    // The first token and the latest are where a head looks that has found nothing.
    let found = heads.iter().filter_map(|(layer, head, row)| {
        let inner = row.iter().enumerate().take(at - 1).skip(1);
        let (at, share) = inner.max_by(|a, b| a.1.total_cmp(b.1))?;
        Some((*share, at, layer, head))
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    out += "\nThe heads that looked most at one token between the first and the latest:\n\n";
    for (share, at, layer, head) in found.into_iter().take(MOST) {
        let share = 100.0 * share;
        let (layer, head, name) = (layer + 1, head + 1, name(at));
        let _ =
            writeln!(out, "  {share:>3.0} %  token {at:>3}  {name:<16} layer {layer}, head {head}");
    }
    out + "\n"
}
