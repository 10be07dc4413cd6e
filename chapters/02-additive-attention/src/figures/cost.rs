//! What the scores cost, at the width of one head.

use crate::cost::Sizes;

const LENGTHS: [u64; 3] = [32, 256, 2048];
const WIDTH: u64 = 64;

pub fn table() -> String {
    let mut table = String::from(
        "| n = m | dot | general | additive | concat, as written | tanh in additive |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for n in LENGTHS {
        let sizes = Sizes { n, m: n, d: WIDTH, a: WIDTH };
        let cells =
            [sizes.dot_flop(), sizes.general_flop(), sizes.additive_flop(), sizes.concat_flop()]
                .map(|flop| format!("{} MFLOP", short(flop)));
        let tanh = short(sizes.additive_tanh());
        table += &format!("| {n} | {} | {tanh} million |\n", cells.join(" | "));
    }
    table
}

/// Millions, to three significant digits.
fn short(count: u64) -> String {
    let millions = count as f64 / 1e6;
    let digits = (2 - millions.log10().floor() as i32).max(0) as usize;
    let text = format!("{millions:.digits$}");
    match text.len() {
        // A comma for thousands.
        4.. if !text.contains('.') => {
            let (left, right) = text.split_at(text.len() - 3);
            format!("{left},{right}")
        }
        _ => text,
    }
}
