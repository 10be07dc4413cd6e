//! Paths as a stranger wrote them.

use super::Refusal;

/// A path within an archive, with `/` between its parts and nothing that a terminal would obey.
///
/// # Errors
/// If it would leave the folder that the archive is unpacked into, on any system.
pub(super) fn within_archive(raw: &[u8]) -> Result<String, Refusal> {
    let text = String::from_utf8_lossy(raw);
    let leaves = text.starts_with('/')
        || text.contains(['\\', '\0'])
        || text.split('/').any(|part| part == ".." || has_drive(part));
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
    let place = shown(&parts.collect::<Vec<_>>().join("/"));
    if leaves { Err(Refusal::Escapes { place: shown(&text) }) } else { Ok(place) }
}

/// `C:` at the front: Windows goes to another drive.
fn has_drive(part: &str) -> bool {
    let bytes = part.as_bytes();
    bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':'
}

/// Text with control characters made harmless.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The last part of a path.
pub(super) fn name(place: &str) -> &str {
    place.rsplit('/').next().unwrap_or(place)
}

/// The folder of a path; empty at the top.
pub(super) fn folder(place: &str) -> &str {
    place.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a file or folder of this name is made by programs: backups, build output, a Mac's notes.
pub(super) fn is_aside(name: &str) -> bool {
    name.starts_with('.')
        || matches!(name, "target" | "node_modules" | "__MACOSX" | "Thumbs.db" | "desktop.ini")
}

/// Whether it is an archive, going by its name.
pub(super) fn is_archive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".xz", ".bz2", ".zst"]
        .iter()
        .any(|end| name.ends_with(end))
}
