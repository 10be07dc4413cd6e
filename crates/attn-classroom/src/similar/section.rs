use std::collections::BTreeMap;

/// The lines of each exercise, by its number. What stands before the first heading is under no number.
///
/// A heading is a line such as `// ━━ 3.1 Softmax · 10 points ━━`.
pub(super) fn sections(text: &str) -> BTreeMap<String, Vec<&str>> {
    let mut sections: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut id = String::new();
    for line in text.lines() {
        let heading =
            line.trim_start().strip_prefix("// ━━ ").and_then(|rest| rest.split(' ').next());
        match heading {
            Some(next) => id = next.into(),
            None => sections.entry(id.clone()).or_default().push(line),
        }
    }
    sections
}
