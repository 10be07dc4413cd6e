use super::{
    Bomb, Files, MOST_BYTES, Refusal, Submission, Wanted,
    finder::{Finder, Kind, PREDICTIONS},
    folder, place, tar, zip,
};
use crate::{assignment::Times, names};
use flate2::read::MultiGzDecoder;
use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

/// Where submissions are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// One submission: a folder, an archive or a file.
    Student(PathBuf),
    /// A folder of them, one per student, each named after the student.
    Class(PathBuf),
}

/// Why submissions cannot be collected at all.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A path leads nowhere, or may not be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A folder that should hold submissions holds none.
    #[error("there are no submissions in {0}")]
    Nobody(String),
    /// Two submissions are of one student.
    #[error(
        "two submissions are called {name}: {first} and {second}. Remove or rename one of them."
    )]
    Twice {
        /// The name.
        name: String,
        /// One of them.
        first: String,
        /// The other one.
        second: String,
    },
}

impl Source {
    /// Tells a folder of submissions from a submission that is a folder: the latter holds, at its top or in
    /// its only folder, the file that is wanted, `predictions.toml`, `Cargo.toml` or `chapters`.
    ///
    /// An only folder that holds nothing but the file is taken as a class of one, since the inner name is
    /// then the student's.
    ///
    /// # Errors
    /// If the path leads nowhere or may not be read.
    pub fn guess(path: &Path, wanted: &Wanted) -> Result<Self, CollectError> {
        let unreadable =
            |source| CollectError::Unreadable { path: path.display().to_string(), source };
        if !path.symlink_metadata().map_err(unreadable)?.is_dir() {
            return Ok(Source::Student(path.into()));
        }
        let is_workspace = |folder: &Path| {
            ["Cargo.toml", "chapters"]
                .iter()
                .any(|name| folder.join(name).symlink_metadata().is_ok())
        };
        let holds = |name: &str| path.join(name).symlink_metadata().is_ok();
        let only = match entries(path).map_err(unreadable)?.as_slice() {
            [only] => is_workspace(only),
            _ => false,
        };
        let one = is_workspace(path) || holds(&wanted.file) || holds(PREDICTIONS) || only;
        Ok(if one { Source::Student(path.into()) } else { Source::Class(path.into()) })
    }
}

/// Reads all submissions, and sorts them by name. `submitted` says when they were handed in.
///
/// # Errors
/// If a path cannot be read, or two submissions have one name. What is wrong within a submission is said
/// in its [`Submission::read`].
pub fn collect(
    sources: &[Source],
    wanted: &Wanted,
    submitted: &Times,
) -> Result<Vec<Submission>, CollectError> {
    let mut paths = Vec::new();
    for source in sources {
        match source {
            Source::Student(path) => paths.push(path.clone()),
            Source::Class(folder) => {
                let shown = folder.display().to_string();
                let found = entries(folder);
                let found = found
                    .map_err(|source| CollectError::Unreadable { path: shown.clone(), source })?;
                if found.is_empty() {
                    return Err(CollectError::Nobody(shown));
                }
                paths.extend(found);
            }
        }
    }
    let mut named: Vec<_> = paths.into_iter().map(|path| (student(&path, wanted), path)).collect();
    named.sort();
    if let Some([(name, first), (_, second)]) = named.array_windows().find(|[a, b]| a.0 == b.0) {
        let (first, second) = (first.display().to_string(), second.display().to_string());
        return Err(CollectError::Twice { name: name.clone(), first, second });
    }
    let read = |(name, path): (String, PathBuf)| {
        let (notes, read) = read(&path, wanted)?;
        Ok(Submission { submitted: submitted.of(&name).cloned(), name, path, notes, read })
    };
    named.into_iter().map(read).collect()
}

/// What lies in a folder of submissions, without what systems put there.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let all = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut all: Vec<PathBuf> = all.collect::<io::Result<_>>()?;
    all.retain(|path| !place::is_aside(&file_name(path)));
    all.sort();
    Ok(all)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// How a submission is packed.
enum Packed {
    Zip,
    Tar,
    TarGz,
    Not,
}

/// The packing that a file's name says, and the name without it.
fn packed(name: &str) -> (Packed, &str) {
    let ends = [
        (".zip", Packed::Zip),
        (".tar", Packed::Tar),
        (".tar.gz", Packed::TarGz),
        (".tgz", Packed::TarGz),
    ];
    let lower = name.to_ascii_lowercase();
    for (end, packed) in ends {
        if lower.ends_with(end) && lower.len() > end.len() {
            return (packed, &name[..name.len() - end.len()]);
        }
    }
    (Packed::Not, name)
}

/// `.rs`, as the wanted file's name ends.
fn extension(wanted: &Wanted) -> &str {
    wanted.file.rfind('.').map_or("", |dot| &wanted.file[dot..])
}

/// The student after whom a path is named.
fn student(path: &Path, wanted: &Wanted) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let name = file_name(&absolute);
    let stem = if path.symlink_metadata().is_ok_and(|m| m.is_dir()) {
        name.as_str()
    } else if name == wanted.file {
        // The file under its own name says nothing: its folder does.
        return names::normal(&place::shown(
            &absolute.parent().map_or_else(String::new, file_name),
        ));
    } else if let Some(stem) = name.strip_suffix(extension(wanted)) {
        // Learning platforms put the student's name before the file's.
        let file = wanted.file.trim_end_matches(extension(wanted));
        stem.strip_suffix(file).map_or(stem, |front| front.trim_end_matches(['_', '-', ' ', '.']))
    } else {
        packed(&name).1
    };
    let name = names::normal(&place::shown(stem));
    if name.is_empty() { file_name(&absolute) } else { name }
}

/// Notes, and what was found.
type Looked = (Vec<String>, Result<Files, Refusal>);

fn read(path: &Path, wanted: &Wanted) -> Result<Looked, CollectError> {
    let metadata = path
        .symlink_metadata()
        .map_err(|source| CollectError::Unreadable { path: path.display().to_string(), source })?;
    let mut finder = Finder::new(wanted);
    let looked = match folder::kind(metadata.file_type()) {
        Kind::Folder => folder::look(path, &mut finder),
        Kind::File => file(path, wanted, &mut finder),
        Kind::Link => Err(Refusal::Link { place: place::shown(&file_name(path)) }),
        Kind::Special => Err(Refusal::Special { place: place::shown(&file_name(path)) }),
    };
    Ok(match looked {
        Ok(()) => finder.finish(),
        Err(refusal) => (Vec::new(), Err(refusal)),
    })
}

fn file(path: &Path, wanted: &Wanted, finder: &mut Finder) -> Result<(), Refusal> {
    let name = file_name(path);
    let bytes = || -> Result<Vec<u8>, Refusal> {
        let mut bytes = Vec::new();
        let read =
            fs::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
        match read {
            Ok(n) if n as u64 > MOST_BYTES => Err(Refusal::Bomb(Bomb::Bytes)),
            Ok(_) => Ok(bytes),
            Err(why) => {
                Err(Refusal::Unreadable { place: place::shown(&name), why: why.to_string() })
            }
        }
    };
    match packed(&name).0 {
        Packed::Zip => zip::look(&bytes()?, finder),
        Packed::Tar => tar::look(bytes()?.as_slice(), finder),
        // An archive may be packed in several pieces, one after the other.
        Packed::TarGz => tar::look(MultiGzDecoder::new(bytes()?.as_slice()), finder),
        Packed::Not if name.ends_with(extension(wanted)) => folder::single(path, finder),
        Packed::Not => {
            let (place, extension) = (place::shown(&name), extension(wanted).to_string());
            Err(Refusal::UnknownKind { place, extension })
        }
    }
}
