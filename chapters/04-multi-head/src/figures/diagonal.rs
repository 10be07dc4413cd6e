//! Whether a token's score with itself is large: for independent and for tied projections.

use attn_core::random::Random;
use ndarray::Array2;

/// What the scores of self-attention look like before any training.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    /// The mean score of a token with itself.
    pub diagonal: f64,
    /// The mean score of two different tokens.
    pub elsewhere: f64,
    /// The standard deviation of the scores of two different tokens.
    pub spread: f64,
}

/// The tokens that are compared.
pub const TOKENS: usize = 256;
const D_MODEL: usize = 512;

/// The scores `q kᵀ / √d` of standard normal tokens, under random projections of width `d`; with
/// `tied`, queries and keys have the same one.
pub fn scores(d: usize, tied: bool, seed: u64) -> Scores {
    let mut random = Random::new(seed);
    let x: Array2<f32> = random.normal((TOKENS, D_MODEL));
    let mut projection = || random.normal((D_MODEL, d)) / (D_MODEL as f32).sqrt();
    let w_q = projection();
    let w_k = if tied { w_q.clone() } else { projection() };
    let scores = x.dot(&w_q).dot(&x.dot(&w_k).t()) / (d as f32).sqrt();
    let scores = scores.mapv(f64::from);
    let n = TOKENS as f64;
    let diagonal = scores.diag().sum() / n;
    let others = || scores.indexed_iter().filter(|((i, j), _)| i != j);
    let elsewhere = others().map(|(_, s)| s).sum::<f64>() / (n * n - n);
    let squares = others().map(|(_, s)| (s - elsewhere).powi(2)).sum::<f64>();
    Scores { diagonal, elsewhere, spread: (squares / (n * n - n)).sqrt() }
}

pub(super) fn table() -> String {
    let mut table = String::from(
        "| d | projections | mean of the diagonal | mean elsewhere | spread elsewhere |\n\
         | ---: | --- | ---: | ---: | ---: |\n",
    );
    for d in [16, 64, 256] {
        for (tied, name) in [(false, "$W_q$ and $W_k$ independent"), (true, "$W_q = W_k$")] {
            let Scores { diagonal, elsewhere, spread } = scores(d, tied, 4);
            table += &format!(
                "| {d} | {name} | {} | {} | {} |\n",
                signed(diagonal),
                signed(elsewhere),
                signed(spread),
            );
        }
    }
    table
}

/// Two decimals, with a real minus, and no minus before zero.
fn signed(x: f64) -> String {
    let text = format!("{:.2}", x.abs());
    match x < 0.0 && text != "0.00" {
        true => format!("−{text}"),
        false => text,
    }
}
