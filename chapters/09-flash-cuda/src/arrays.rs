//! The shapes of shared arrays, read from the CUDA text, so that a finding can say `ks[3][17]`: PTX knows bytes alone.

use std::collections::BTreeMap;

/// A shared array as it is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its name.
    pub name: String,
    /// Bytes of an element.
    pub element: usize,
    /// Elements along each axis.
    pub shape: Vec<usize>,
}

/// The arrays of every `__shared__ float name[…][…];`, `float4` or `uint4` in the text whose sizes are sums, products and
/// quotients of numbers and of what `#define` or `definitions` name. Others are left out: their findings speak of bytes.
pub fn shared_arrays(source: &str, definitions: &[String]) -> Vec<Array> {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for line in source.lines().map(without_comment) {
        if let Some((name, value)) =
            line.trim().strip_prefix("#define ").and_then(|rest| rest.split_once(' '))
        {
            names.insert(name, value.trim());
        }
    }
    names.extend(definitions.iter().filter_map(|definition| definition.split_once('=')));
    let declarations = source
        .lines()
        .map(without_comment)
        .filter_map(|line| line.trim().strip_prefix("__shared__ "));
    declarations.flat_map(|line| declared(line.trim_end_matches(';'), &names)).collect()
}

fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

/// `float ks[KEYS][D + 1], vs[KEYS][D]`
fn declared(line: &str, names: &BTreeMap<&str, &str>) -> Vec<Array> {
    let Some((kind, rest)) = line.split_once(' ') else {
        return Vec::new();
    };
    let element = match kind {
        "float" | "int" => 4,
        "float2" => 8,
        "float4" | "uint4" => 16,
        _ => return Vec::new(),
    };
    let array = |declarator: &str| {
        let (name, axes) = declarator.trim().trim_end_matches(';').split_once('[')?;
        let axes = axes.trim_end().strip_suffix(']')?.split("][");
        let shape = axes.map(|size| sum(size, names)).collect::<Option<Vec<usize>>>()?;
        Some(Array { name: name.trim().into(), element, shape })
    };
    rest.split(',').filter_map(array).collect()
}

/// `32 * (D + 1)`: sums of products of names, numbers and what stands in parentheses.
fn sum(text: &str, names: &BTreeMap<&str, &str>) -> Option<usize> {
    let at_top = |wanted: &[char]| {
        let mut depth = 0;
        text.char_indices().rev().find(|(_, c)| {
            depth += i32::from(*c == ')') - i32::from(*c == '(');
            depth == 0 && wanted.contains(c)
        })
    };
    let text = text.trim();
    for operators in [&['+', '-'][..], &['*', '/'][..]] {
        if let Some((at, operator)) = at_top(operators) {
            let (a, b) = (sum(&text[..at], names)?, sum(&text[at + 1..], names)?);
            return match operator {
                '+' => a.checked_add(b),
                '-' => a.checked_sub(b),
                '*' => a.checked_mul(b),
                _ => a.checked_div(b),
            };
        }
    }
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return sum(inner, names);
    }
    match names.get(text) {
        Some(value) if *value != text => sum(value, names),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_computed_from_definitions() {
        let source = "#define KEYS 32 // a tile\n#define FOURS (D / 4)\n  __shared__ float ks[KEYS][D + 1], one[2]; // c\n\
                      __shared__ float4 qs[KEYS * (FOURS + 1)];\n__shared__ half h[3];\n__shared__ float n[unknown];";
        let array = |name: &str, element, shape: &[usize]| Array {
            name: name.into(),
            element,
            shape: shape.into(),
        };
        let expected = [array("ks", 4, &[32, 65]), array("one", 4, &[2]), array("qs", 16, &[544])];
        assert_eq!(shared_arrays(source, &["D=64".into()]), expected);
    }

    #[test]
    fn nothing_in_a_text_makes_it_panic() {
        for source in [
            "__shared__ float x[",
            "__shared__ float x[]]",
            "__shared__ float x[)+(];",
            "#define A A\n__shared__ float x[A - 9];",
        ] {
            assert_eq!(shared_arrays(source, &[]), []);
        }
    }
}
