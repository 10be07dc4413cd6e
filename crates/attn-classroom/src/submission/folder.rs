use super::{
    Refusal,
    finder::{Finder, Kind, PREDICTIONS, Role},
    place,
};
use std::{
    fs::{File, FileType},
    io,
    path::Path,
};
use walkdir::{DirEntry, WalkDir};

/// Looks through a folder and its folders, but not through links.
pub(super) fn look(folder: &Path, finder: &mut Finder) -> Result<(), Refusal> {
    let wanted = |entry: &DirEntry| !place::is_aside(&entry.file_name().to_string_lossy());
    let walk = WalkDir::new(folder).min_depth(1).follow_links(false).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(wanted) {
        let entry = entry.map_err(|error| {
            let place = error.path().unwrap_or(folder).display().to_string();
            let why = error.io_error().map_or("a loop of links".into(), io::Error::to_string);
            Refusal::Unreadable { place, why }
        })?;
        // What is not read may have any size: it lies on the disk already.
        finder.count(0)?;
        let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let parts = below.iter().map(|part| place::shown(&part.to_string_lossy()));
        let at = parts.collect::<Vec<_>>().join("/");
        if let Some(role) = finder.role(&at, kind(entry.file_type())) {
            open(entry.path(), &at, role, finder)?;
        }
    }
    Ok(())
}

/// Reads the file at `path` as the answers, and what lies beside it as the predictions.
pub(super) fn single(path: &Path, finder: &mut Finder) -> Result<(), Refusal> {
    let at = place::shown(&path.file_name().unwrap_or_default().to_string_lossy());
    open(path, &at, Role::Answers, finder)?;
    let beside = path.with_file_name(PREDICTIONS);
    // Beside a file under another name lie those of other students.
    if at == finder.wanted.file && beside.symlink_metadata().is_ok_and(|m| m.is_file()) {
        open(&beside, PREDICTIONS, Role::Predictions, finder)?;
    }
    Ok(())
}

fn open(path: &Path, at: &str, role: Role, finder: &mut Finder) -> Result<(), Refusal> {
    match File::open(path) {
        Ok(file) => {
            finder.count(file.metadata().map_or(0, |m| m.len().min(super::LARGEST_FILE)))?;
            if let Err(why) = finder.read(at, role, file) {
                finder.unreadable(at, role, &why);
            }
        }
        Err(why) => finder.unreadable(at, role, &why),
    }
    Ok(())
}

pub(super) fn kind(of: FileType) -> Kind {
    // A pipe would make the reader wait for ever.
    match of {
        of if of.is_symlink() => Kind::Link,
        of if of.is_dir() => Kind::Folder,
        of if of.is_file() => Kind::File,
        _ => Kind::Special,
    }
}
