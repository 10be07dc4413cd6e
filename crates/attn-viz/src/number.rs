//! Numbers as people read them.

/// A whole number with commas, for tables.
///
/// ```
/// assert_eq!(attn_viz::thousands(1_234_567), "1,234,567");
/// assert_eq!(attn_viz::thousands(999), "999");
/// ```
pub fn thousands(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<&str> =
        groups.map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

/// Three significant digits, or all digits of a whole number below 100,000; `∞` and `not a number`
/// in words or signs.
pub(crate) fn short(x: f64) -> String {
    if x.is_nan() {
        return "not a number".into();
    }
    let sign = if x < 0.0 { "−" } else { "" };
    let x = x.abs();
    let text = if x.is_infinite() {
        "∞".into()
    } else if x == 0.0 {
        "0".into()
    } else if !(1e-3..1e5).contains(&x) {
        scientific(x)
    } else if x.fract() == 0.0 {
        format!("{x:.0}")
    } else {
        let decimals = (2 - x.log10().floor() as i32).max(0) as usize;
        trimmed(format!("{x:.decimals$}"))
    };
    format!("{sign}{text}")
}

fn scientific(x: f64) -> String {
    let text = format!("{x:.2e}");
    let (digits, exponent) = text.split_once('e').expect("written with {:e}");
    let exponent: String = exponent.chars().map(superscript).collect();
    match trimmed(digits.into()).as_str() {
        "1" => format!("10{exponent}"),
        digits => format!("{digits}×10{exponent}"),
    }
}

fn superscript(c: char) -> char {
    match c.to_digit(10) {
        Some(digit) => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize],
        None => '⁻',
    }
}

fn trimmed(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn three_digits_are_enough() {
        let table = [
            (0.0, "0"),
            (1.0, "1"),
            (0.5, "0.5"),
            (0.11234, "0.112"),
            (-2.5, "−2.5"),
            (12.345, "12.3"),
            (1024.0, "1024"),
            (1234.5, "1234"),
            (1e5, "10⁵"),
            (3.2e-5, "3.2×10⁻⁵"),
            (f64::INFINITY, "∞"),
            (f64::NEG_INFINITY, "−∞"),
            (f64::NAN, "not a number"),
        ];
        for (x, text) in table {
            assert_eq!(short(x), text);
        }
    }
}
