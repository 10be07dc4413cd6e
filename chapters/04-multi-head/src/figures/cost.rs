//! What multi-head attention costs when the heads share a fixed width, counted.

/// Sizes of one self-attention in f32 whose heads are `d_model / h` wide.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Tokens.
    pub n: u64,
    /// The width of the network.
    pub d_model: u64,
    /// Heads.
    pub h: u64,
}

impl Sizes {
    /// Queries, keys, values, and the mixing by `W_o`: four products with d_model × d_model.
    pub fn projection_flop(&self) -> u64 {
        4 * 2 * self.n * self.d_model * self.d_model
    }

    /// `q kᵀ` and `weights · v` in every head.
    pub fn attention_flop(&self) -> u64 {
        let d = self.d_model / self.h;
        self.h * 2 * self.n * self.n * (d + d)
    }

    /// One for every score of every head.
    pub fn exponentials(&self) -> u64 {
        self.h * self.n * self.n
    }

    /// The weights of the four matrices.
    pub fn parameters(&self) -> u64 {
        4 * self.d_model * self.d_model
    }
}

/// The rows of Vaswani et al., arXiv:1706.03762, Table 3(A): heads, and BLEU on English to German,
/// newstest2013.
pub const BLEU: [(u64, f64); 5] = [(1, 24.9), (4, 25.5), (8, 25.8), (16, 25.8), (32, 25.4)];

pub(super) fn table() -> String {
    let mut table = String::from(
        "| heads | width of one | projections | scores and sums | exponentials | BLEU |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (h, bleu) in BLEU {
        let sizes = Sizes { n: 512, d_model: 512, h };
        table += &format!(
            "| {h} | {} | {} | {} | {:.2}\u{a0}million | {bleu} |\n",
            512 / h,
            flop(sizes.projection_flop()),
            flop(sizes.attention_flop()),
            sizes.exponentials() as f64 / 1e6,
        );
    }
    table
}

/// Three digits, in thousands of millions where there are so many.
fn flop(count: u64) -> String {
    match count {
        1_000_000_000.. => format!("{:.2}\u{a0}GFLOP", count as f64 / 1e9),
        _ => format!("{:.0}\u{a0}MFLOP", count as f64 / 1e6),
    }
}
