//! C++ names as their authors know them.

/// `ks` of `_ZZ9flash_fwdE2ks`, the C++ name of a variable within a function, and `helper` of
/// `_Z6helperf`, that of a function.
pub(super) fn readable(name: &str) -> String {
    let within = |name: &str| -> Option<String> {
        let after = match name.strip_prefix("_ZZ") {
            Some(rest) => rest.rsplit_once('E')?.1,
            None => name.strip_prefix("_Z")?,
        };
        let digits = after.find(|c: char| !c.is_ascii_digit())?;
        let length: usize = after[..digits].parse().ok()?;
        after[digits..].get(..length).map(String::from)
    };
    within(name).unwrap_or_else(|| name.into())
}
