//! What fits on a card, and how fast it can be: a table for the terminal.

use crate::{
    functions::Functions,
    models::{CARDS, Card, MODELS, card},
};
use std::fmt::Write;

/// Why a budget cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Another card.
    #[error("“{0}” is no card that this program knows; it knows {known}", known = keys())]
    Card(String),
    /// What cannot be read as a memory.
    #[error("“{0}” is no size of a memory; write one as 24GiB, 80GB or 500MiB")]
    Memory(String),
    /// No tokens.
    #[error("a text of 0 tokens takes no memory; give --tokens at least 1")]
    NoTokens,
}

fn keys() -> String {
    CARDS.map(|card| card.key).join(", ")
}

/// Bytes, from a number and a unit: `24GiB` is 24·2³⁰, `80GB` is 80·10⁹.
///
/// ```
/// use ch05_kv_cache::budget::bytes;
/// assert_eq!(bytes("1.5 KiB").unwrap(), 1536);
/// assert_eq!(bytes("80GB").unwrap(), 80_000_000_000);
/// assert!(bytes("a lot").is_err());
/// ```
///
/// # Errors
/// When there is no number, or no unit that is known.
pub fn bytes(text: &str) -> Result<u64, BudgetError> {
    let wrong = || BudgetError::Memory(text.into());
    let number_end = text.find(|c: char| c.is_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(number_end);
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let unit: u64 = match unit.trim().to_lowercase().as_str() {
        "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    let bytes = number * unit as f64;
    // A negative number is no size, and neither is one that a u64 cannot hold.
    if (0.0..u64::MAX as f64).contains(&bytes) { Ok(bytes as u64) } else { Err(wrong()) }
}

/// For each model of the list: its weights, its cache, how many texts of `tokens` tokens fit on the
/// card beside the weights, and how long a step takes at least, by somebody's functions. `memory`
/// stands in for the card's own.
///
/// # Errors
/// When the card is unknown, the memory cannot be read, or there are no tokens.
pub fn budget(
    name: &str,
    memory: Option<&str>,
    tokens: u64,
    Functions { cache_bytes, largest_batch, decode_cost, .. }: Functions,
) -> Result<String, BudgetError> {
    let card = card(name).ok_or_else(|| BudgetError::Card(name.into()))?;
    let memory = memory.map_or(Ok(card.memory), bytes)?;
    if tokens == 0 {
        return Err(BudgetError::NoTokens);
    }
    let Card { name, machine, .. } = card;
    let mut text = format!(
        "{name} with {}: reads {:.2} TB/s, computes {:.0} TFLOP/s (data sheet).\n\
         Texts of {tokens} tokens; numbers of 16 bits.\n\n",
        size(memory),
        machine.bandwidth / 1e12,
        machine.peak / 1e12,
    );
    text += "                                cache                    one text    all texts\n";
    text += "model           weights   a token     a text   texts       a step    tokens/s\n";
    for published in MODELS.iter().filter(|model| model.windows.is_none() && !model.round) {
        let model = &published.model;
        let texts = largest_batch(model, memory, tokens);
        let _ = write!(
            text,
            "{:<12} {:>10} {:>9} {:>10} {:>7}",
            published.name,
            size(model.parameters * model.number_bytes),
            size(cache_bytes(model, 1, 1)),
            size(cache_bytes(model, tokens, 1)),
            texts,
        );
        if texts > 0 {
            let one = decode_cost(model, *machine, tokens, 1).seconds;
            let all = decode_cost(model, *machine, tokens, texts).seconds;
            let _ = write!(text, "   ≥ {:>5.1} ms   ≤ {:>6.0}", 1e3 * one, texts as f64 / all);
        } else {
            text += "   not even one fits";
        }
        text.push('\n');
    }
    Ok(text)
}

/// Bytes with the unit that leaves at most four digits before the point.
pub fn size(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}
