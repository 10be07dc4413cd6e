use super::{
    Bomb, MOST_ENTRIES, Refusal,
    finder::{Finder, Kind},
    place,
};
use std::io::{self, Cursor};
use zip::{ZipArchive, ZipReadOptions, result::ZipError};

/// What each entry of the archive's table of contents begins with.
const ENTRY: &[u8] = b"PK\x01\x02";

/// Looks through a zip archive.
pub(super) fn look(archive: &[u8], finder: &mut Finder) -> Result<(), Refusal> {
    // The reader keeps all entries in memory before it says how many there are.
    if archive.windows(ENTRY.len()).filter(|bytes| *bytes == ENTRY).count() > MOST_ENTRIES {
        return Err(Refusal::Bomb(Bomb::Entries));
    }
    let zip = ZipArchive::new(Cursor::new(archive)).map_err(broken)?;
    if zip.has_duplicate_names() {
        // Which of them counts depends on the program that unpacks them; this reader keeps one.
        return Err(Refusal::Broken { why: "two entries have one name".into() });
    }
    for i in 0..zip.len() {
        let entry = zip.by_index_data(i).map_err(broken)?;
        finder.count(entry.size())?;
        // A second name in an extra field may differ from the first.
        place::within_archive(entry.name_raw())?;
        let at = place::within_archive(entry.name().map_err(broken)?.as_bytes())?;
        let kind = match () {
            () if entry.is_symlink() => Kind::Link,
            () if entry.is_dir() => Kind::Folder,
            () => Kind::File,
        };
        let Some(role) = finder.role(&at, kind) else { continue };
        let mut reader = Cursor::new(archive);
        let content = entry.with_reader(&mut reader, ZipReadOptions::new()).map_err(broken)?;
        let why = |why: io::Error| Refusal::Broken { why: why.to_string() };
        finder.read(&at, role, content).map_err(why)?;
    }
    Ok(())
}

fn broken(error: ZipError) -> Refusal {
    Refusal::Broken { why: error.to_string() }
}
