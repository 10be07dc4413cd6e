//! What 32 and 16 bits can hold, found by trying.

use half::{bf16, f16};

/// A format of numbers.
struct Format {
    name: &'static str,
    /// Rounds to it.
    round: fn(f64) -> f64,
    largest: f64,
    smallest: f64,
}

const FORMATS: [Format; 3] = [
    Format {
        name: "f32",
        round: |x| f64::from(x as f32),
        largest: f32::MAX as f64,
        smallest: f32::MIN_POSITIVE as f64,
    },
    Format {
        name: "bf16",
        round: |x| f64::from(bf16::from_f64(x)),
        largest: bf16::MAX.to_f64_const(),
        smallest: bf16::MIN_POSITIVE.to_f64_const(),
    },
    Format {
        name: "f16",
        round: |x| f64::from(f16::from_f64(x)),
        largest: f16::MAX.to_f64_const(),
        smallest: f16::MIN_POSITIVE.to_f64_const(),
    },
];

/// Range beside precision.
pub(super) fn table() -> String {
    let mut table = String::from(
        "| | largest number | smallest of full precision | from 1 to the next | exp overflows above | a sum of ones stops at | 10,001 becomes |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for Format { name, round, largest, smallest } in FORMATS {
        // Halved until it is lost.
        let mut step = 1.0;
        while round(1.0 + step / 2.0) > 1.0 {
            step /= 2.0;
        }
        let mut sum = 0.0;
        while round(sum + 1.0) > sum {
            sum += 1.0;
        }
        table += &format!(
            "| `{name}` | {} | {} | {} | {:.2} | {} | {} |\n",
            short(largest),
            short(smallest),
            short(step),
            largest.ln(),
            grouped(sum),
            grouped(round(10_001.0)),
        );
    }
    table
}

/// Whole if it is no more than six digits long, else three digits and a power of ten.
fn short(x: f64) -> String {
    if x.fract() == 0.0 && x < 1e6 {
        return grouped(x);
    }
    let exponent = x.log10().floor() as i32;
    format!(
        "{:.2} · 10<sup>{}</sup>",
        x / 10_f64.powi(exponent),
        exponent.to_string().replace('-', "−")
    )
}

/// 16,777,216.
fn grouped(x: f64) -> String {
    let digits = format!("{x:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
