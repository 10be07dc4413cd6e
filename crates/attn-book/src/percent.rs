//! `%41` in addresses.

/// The text with every `%41` as the byte it stands for; what is not of that form, or not UTF-8,
/// stays odd but harmless.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).and_then(|&b| (b as char).to_digit(16));
    let (mut out, mut i) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(i) {
        match (byte, digit(i + 1), digit(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((16 * high + low) as u8);
                i += 3;
            }
            _ => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn escapes_are_bytes() {
        for (text, decoded) in [
            ("a%20b", "a b"),
            ("%C3%A9", "é"),
            ("%2e%2E/", "../"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
        ] {
            assert_eq!(decode(text), decoded);
        }
    }
}
