//! What attention costs, counted.

/// Sizes of one call in f32, and what follows from them. Only products are counted: the softmax
/// adds a few operations a score.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Queries.
    pub n: u64,
    /// Keys and values.
    pub m: u64,
    /// Width of a query and of a key.
    pub d: u64,
    /// Width of a value.
    pub d_v: u64,
}

impl Sizes {
    /// `q kᵀ` and `weights · v`.
    pub fn forward_flop(&self) -> u64 {
        2 * self.n * self.m * (self.d + self.d_v)
    }

    /// The scores once more, then `dv`, `d_weights`, `dq` and `dk`.
    pub fn backward_flop(&self) -> u64 {
        2 * self.n * self.m * (3 * self.d + 2 * self.d_v)
    }

    /// `q`, `k`, `v` and `out`.
    pub fn input_and_output_bytes(&self) -> u64 {
        4 * (self.n * self.d + self.m * self.d + self.m * self.d_v + self.n * self.d_v)
    }

    /// `scores` and `weights`, n×m each.
    pub fn score_and_weight_bytes(&self) -> u64 {
        4 * 2 * self.n * self.m
    }
}

/// The cost of self-attention at growing length.
pub(super) fn table() -> String {
    let mut table = String::from(
        "| n = m | forward | backward | `q`, `k`, `v`, `out` | `scores` and `weights` |\n\
         | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for n in [128, 1024, 8192, 65536] {
        let sizes = Sizes { n, m: n, d: 64, d_v: 64 };
        table += &format!(
            "| {} | {} | {} | {} | {} |\n",
            grouped(n),
            flop(sizes.forward_flop()),
            flop(sizes.backward_flop()),
            bytes(sizes.input_and_output_bytes()),
            bytes(sizes.score_and_weight_bytes()),
        );
    }
    table
}

fn flop(count: u64) -> String {
    scaled(count, 1000, ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"])
}

fn bytes(count: u64) -> String {
    scaled(count, 1024, ["B", "KiB", "MiB", "GiB", "TiB"])
}

/// Three digits and the unit that suits them.
fn scaled(count: u64, step: u64, units: [&str; 5]) -> String {
    let mut value = count as f64;
    let mut unit = 0;
    while value >= step as f64 && unit + 1 < units.len() {
        value /= step as f64;
        unit += 1;
    }
    let decimals =
        if value.fract() == 0.0 || value >= 100.0 { 0 } else { 2 - value.log10().floor() as usize };
    format!("{value:.decimals$}\u{a0}{}", units[unit])
}

/// 65,536.
fn grouped(n: u64) -> String {
    match n {
        0..1000 => n.to_string(),
        _ => format!("{},{:03}", n / 1000, n % 1000),
    }
}
