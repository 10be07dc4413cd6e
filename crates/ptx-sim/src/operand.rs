//! Operands as the PTX writes them, before names mean anything.

use std::fmt;

/// One operand.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Operand<'a> {
    /// A register, variable or label.
    Name(&'a str),
    /// An integer, negative ones in two's complement.
    Integer(u64),
    /// `0f3F800000`.
    Single(u32),
    /// `0d3FF0000000000000`.
    Double(u64),
    /// `[base + offset]`.
    Address(Box<Operand<'a>>, i64),
    /// `{a, b}`.
    Vector(Vec<Operand<'a>>),
    /// `p|q`.
    Pair(Box<Operand<'a>>, Box<Operand<'a>>),
    /// `!p`.
    Not(Box<Operand<'a>>),
}

impl<'a> Operand<'a> {
    /// A word that is a number, or else a name.
    pub(crate) fn word(word: &'a str, negative: bool) -> Result<Operand<'a>, String> {
        let bad = || format!("`{word}` is no number");
        if !word.starts_with(|c: char| c.is_ascii_digit()) {
            return if negative { Err(bad()) } else { Ok(Operand::Name(word)) };
        }
        let sign = |value: u64| {
            if negative { value.wrapping_neg() } else { value }
        };
        let digits = word.strip_suffix('U').unwrap_or(word);
        let prefixed =
            |prefix: [&str; 2]| prefix.iter().find_map(|prefix| digits.strip_prefix(prefix));
        if let Some(hex) = prefixed(["0f", "0F"]).filter(|hex| hex.len() == 8 && !negative) {
            return u32::from_str_radix(hex, 16).map(Operand::Single).map_err(|_| bad());
        }
        if let Some(hex) = prefixed(["0d", "0D"]).filter(|hex| hex.len() == 16 && !negative) {
            return u64::from_str_radix(hex, 16).map(Operand::Double).map_err(|_| bad());
        }
        let value = if let Some(hex) = prefixed(["0x", "0X"]) {
            u64::from_str_radix(hex, 16)
        } else if let Some(binary) = prefixed(["0b", "0B"]) {
            u64::from_str_radix(binary, 2)
        } else if digits.len() > 1 && digits.starts_with('0') {
            u64::from_str_radix(digits, 8)
        } else {
            digits.parse()
        };
        value.map(|value| Operand::Integer(sign(value))).map_err(|_| bad())
    }
}

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Name(name) => write!(f, "{name}"),
            Operand::Integer(value) => write!(f, "{}", *value as i64),
            Operand::Single(bits) => write!(f, "0f{bits:08X}"),
            Operand::Double(bits) => write!(f, "0d{bits:016X}"),
            Operand::Address(base, 0) => write!(f, "[{base}]"),
            Operand::Address(base, offset) => write!(f, "[{base}{offset:+}]"),
            Operand::Vector(parts) => {
                let parts: Vec<String> = parts.iter().map(Operand::to_string).collect();
                write!(f, "{{{}}}", parts.join(", "))
            }
            Operand::Pair(first, second) => write!(f, "{first}|{second}"),
            Operand::Not(inner) => write!(f, "!{inner}"),
        }
    }
}
