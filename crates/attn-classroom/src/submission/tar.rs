use super::{
    Bomb, MOST_BYTES, Refusal,
    finder::{Finder, Kind},
    place,
};
use std::{
    cell::Cell,
    io::{self, Read},
};
use tar::{Archive, EntryType};

/// Looks through a tar archive that comes as a stream, unpacked so far as it is read.
pub(super) fn look(stream: impl Read, finder: &mut Finder) -> Result<(), Refusal> {
    let too_much = Cell::new(false);
    let limited = Limited { stream, left: MOST_BYTES, too_much: &too_much };
    entries(Archive::new(limited), finder).map_err(|refusal| {
        // The reader in between reports the limit as a broken archive.
        if too_much.get() { Refusal::Bomb(Bomb::Bytes) } else { refusal }
    })
}

fn entries(mut archive: Archive<impl Read>, finder: &mut Finder) -> Result<(), Refusal> {
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        finder.count(entry.size())?;
        let at = place::within_archive(&entry.path_bytes())?;
        let kind = match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink | EntryType::Link => Kind::Link,
            // `git archive` opens with one of these.
            EntryType::XGlobalHeader => continue,
            _ => Kind::Special,
        };
        let Some(role) = finder.role(&at, kind) else { continue };
        finder.read(&at, role, &mut entry).map_err(broken)?;
    }
    // A packed stream tells at its very end whether it is whole, which is after the last entry.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(broken)?;
    Ok(())
}

fn broken(error: io::Error) -> Refusal {
    Refusal::Broken { why: error.to_string() }
}

/// A stream that fails after so many bytes.
struct Limited<'a, R> {
    stream: R,
    left: u64,
    too_much: &'a Cell<bool>,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => {
                self.too_much.set(true);
                return Err(io::Error::other("it is too large"));
            }
        }
        Ok(n)
    }
}
