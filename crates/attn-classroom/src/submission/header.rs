/// The chapter that the first line of a file of answers names: `//! Chapter 3 · …`.
pub(super) fn chapter(text: &[u8]) -> Option<u32> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let line = text.trim_ascii_start().split(|&byte| byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    // Chapter 9 is CUDA, which has no `//!`.
    let rest = line.strip_prefix("//!").or_else(|| line.strip_prefix("//"))?;
    let rest = rest.trim_start().strip_prefix("Chapter ")?;
    rest.split([' ', '·', ':']).next()?.parse().ok()
}
