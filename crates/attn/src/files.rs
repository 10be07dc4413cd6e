//! Reading and writing files so that nothing is lost: not by a killed process, not by a full disk,
//! not by another program that writes at the same time.
//!
//! Everything that is changed on disk for a learner goes through here. Each operation first passes
//! `may_fail`, so that a test can make any one of them fail, or let another program write just then.

use anyhow::{Context, Error, Result, bail};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::NamedTempFile;

/// Replaces a file as a whole: the text is written beside it and then moved into its place. A link
/// stays one, and what it leads to is replaced.
///
/// # Errors
/// Names the file, which is then as it was.
pub fn write(file: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    replace(file, None, text.as_ref())
}

/// As [`write()`], but only if the file still holds `old`.
///
/// # Errors
/// Names the file, which is then as it was, or as another program has just saved it.
pub fn replace_old(file: &Path, old: &[u8], text: &[u8]) -> Result<()> {
    replace(file, Some(old), text)
}

fn replace(file: &Path, old: Option<&[u8]>, text: &[u8]) -> Result<()> {
    let attempt = || -> Result<()> {
        let file = &behind_links(file)?;
        let beside = written_beside(file, text)?;
        may_fail()?;
        if old.is_some_and(|old| !fs::read(file).is_ok_and(|now| now == old)) {
            bail!("another program saved it just now");
        }
        beside.persist(file)?;
        Ok(())
    };
    attempt().with_context(|| cannot_be_written(file))
}

/// Creates a file. Returns whether it did: it does not where anything is there already, even a link
/// that leads nowhere, or appears there in the meantime.
///
/// # Errors
/// Names the file.
pub fn create(file: &Path, text: impl AsRef<[u8]>) -> Result<bool> {
    let attempt = || -> Result<bool> {
        may_fail()?;
        if fs::symlink_metadata(file).is_ok() {
            return Ok(false);
        }
        let beside = written_beside(file, text.as_ref())?;
        may_fail()?;
        match beside.persist_noclobber(file) {
            Ok(_) => Ok(true),
            Err(there) if there.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.into()),
        }
    };
    attempt().with_context(|| cannot_be_written(file))
}

fn cannot_be_written(file: &Path) -> String {
    format!("{} cannot be written; `cargo attn doctor` looks for the reason", file.display())
}

/// The file that a path leads to.
fn behind_links(file: &Path) -> Result<PathBuf> {
    match fs::symlink_metadata(file) {
        Ok(there) if there.is_symlink() => {
            fs::canonicalize(file).context("it is a link that leads nowhere")
        }
        _ => Ok(file.to_path_buf()),
    }
}

/// How the names of files that are not in their place yet begin and end.
const BESIDE: (&str, &str) = (".attn-", ".tmp");

/// A temporary file in the folder of `file`, with this text and with the permissions that `file`
/// has or would get.
fn written_beside(file: &Path, text: &[u8]) -> Result<NamedTempFile> {
    let dir = file.parent().context("it has no folder")?;
    may_fail()?;
    fs::create_dir_all(dir)?;
    sweep(dir);
    let mut builder = tempfile::Builder::new();
    builder.prefix(BESIDE.0).suffix(BESIDE.1);
    let old = fs::metadata(file).map(|old| old.permissions());
    #[cfg(unix)]
    let old = old.or_else(|_| {
        use std::os::unix::fs::PermissionsExt;
        io::Result::Ok(fs::Permissions::from_mode(0o666))
    });
    if let Ok(permissions) = old {
        builder.permissions(permissions);
    }
    may_fail()?;
    let mut beside = builder.tempfile_in(dir)?;
    may_fail()?;
    beside.write_all(text)?;
    may_fail()?;
    beside.as_file().sync_all()?;
    Ok(beside)
}

/// Removes what a process left behind that was killed while it wrote.
fn sweep(dir: &Path) {
    /// No write takes so long.
    const OLD: Duration = Duration::from_secs(600);
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let age = entry.metadata().and_then(|it| it.modified());
        let age = age.ok().and_then(|it| it.elapsed().ok());
        if name.starts_with(BESIDE.0) && name.ends_with(BESIDE.1) && age > Some(OLD) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Keeps what `file` held in `dir`, under the next free number, and returns where: `exercise.1.rs`,
/// `exercise.2.rs`, ….
///
/// # Errors
/// Names the file.
pub fn backup(file: &Path, held: &[u8], dir: &Path) -> Result<PathBuf> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    for i in 1.. {
        let copy = dir.join(format!("{stem}.{i}.{extension}"));
        if create(&copy, held)? {
            return Ok(copy);
        }
    }
    unreachable!("there is always a next number")
}

/// Reads a text file.
///
/// # Errors
/// Names the file, and the line that is not UTF-8.
pub fn read(file: &Path) -> Result<String> {
    let bytes = read_bytes(file)?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Error::msg(format!(
            "{}, line {line}, is not UTF-8: save as UTF-8 in your editor",
            file.display()
        ))
    })
}

/// Reads a file, whatever is in it.
///
/// # Errors
/// Names the file; also when it is no file but, say, a folder, or a pipe from which nothing might ever come.
pub fn read_bytes(file: &Path) -> Result<Vec<u8>> {
    let attempt = || -> Result<Vec<u8>> {
        may_fail()?;
        let there = match fs::metadata(file) {
            Err(_) if file.is_symlink() => bail!("it is a link that leads nowhere"),
            there => there?.file_type(),
        };
        if there.is_dir() {
            bail!("it is a folder");
        }
        if !there.is_file() {
            bail!("it is a pipe or a device, not a file");
        }
        let mut bytes = Vec::new();
        File::open(file)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    attempt().with_context(|| format!("{} cannot be read", file.display()))
}

/// A text file, or `None` where there is none.
///
/// # Errors
/// Names the file.
pub fn read_if_there(file: &Path) -> Result<Option<String>> {
    match read(file) {
        Err(error) if kind(&error) == Some(io::ErrorKind::NotFound) => Ok(None),
        text => text.map(Some),
    }
}

/// Waits until nobody else has this lock. It is given back when what this returns is dropped, also
/// by a process that is killed. `None` on a file system that knows no locks.
///
/// # Errors
/// Names the file.
pub fn lock(file: &Path, waiting: impl FnOnce()) -> Result<Option<File>> {
    let attempt = || -> Result<Option<File>> {
        may_fail()?;
        fs::create_dir_all(file.parent().context("it has no folder")?)?;
        may_fail()?;
        let lock = File::create(file)?;
        let locked = match lock.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                waiting();
                lock.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
        };
        match locked {
            Ok(()) => Ok(Some(lock)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    attempt().with_context(|| format!("{} cannot be locked", file.display()))
}

/// Writes as much as a check may need into a file of no name in `dir`, and removes it.
///
/// # Errors
/// Names the folder.
pub fn has_room(dir: &Path) -> Result<()> {
    let attempt = || -> io::Result<()> {
        may_fail()?;
        let mut file = tempfile::tempfile_in(dir)?;
        let some = vec![1; 1 << 20];
        for _ in 0..8 {
            file.write_all(&some)?;
        }
        file.flush()
    };
    attempt().with_context(|| format!("the folder {} has no room", dir.display()))
}

/// Whether a disk without room is the reason.
pub fn is_full(error: &Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(kind(error), Some(StorageFull | QuotaExceeded))
}

fn kind(error: &Error) -> Option<io::ErrorKind> {
    error.chain().find_map(|cause| {
        let persist = cause.downcast_ref::<tempfile::PersistError>();
        let io = persist.map(|it| &it.error).or(cause.downcast_ref());
        io.map(io::Error::kind)
    })
}

/// Where a test disturbs an operation.
#[cfg(not(test))]
fn may_fail() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use disturbed::may_fail;

/// Disturbances for tests: the operations of a thread are counted, and something happens before one
/// of them.
#[cfg(test)]
pub(crate) mod disturbed {
    use std::{cell::RefCell, io, rc::Rc};

    type Disturbance = Box<dyn FnOnce() -> io::Result<()>>;

    thread_local! {
        static AFTER: RefCell<Option<(usize, Disturbance)>> = const { RefCell::new(None) };
    }

    pub(super) fn may_fail() -> io::Result<()> {
        match AFTER.take() {
            Some((0, disturb)) => disturb(),
            Some((left, disturb)) => {
                AFTER.set(Some((left - 1, disturb)));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The disk is full: the operation fails.
    pub fn full_disk<S>(_: &S) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }

    /// Does `work` once for every operation in it, disturbed before that operation, and calls
    /// `after` with what came of it; `lay` lays the files out anew each time. Returns how many
    /// operations there were.
    pub fn at_each<S: 'static, T>(
        lay: impl Fn() -> S,
        disturb: fn(&S) -> io::Result<()>,
        work: impl Fn(&S) -> T,
        after: impl Fn(usize, &S, T),
    ) -> usize {
        for operation in 0.. {
            let laid = Rc::new(lay());
            let its_own = laid.clone();
            AFTER.set(Some((operation, Box::new(move || disturb(&its_own)))));
            let outcome = work(&laid);
            if AFTER.take().is_some() {
                return operation;
            }
            after(operation, &laid, outcome);
        }
        unreachable!("work comes to an end")
    }
}

/// The README and the pages of the book, in the order of their paths.
///
/// # Errors
/// When a folder of the book cannot be read to its end.
pub fn pages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = vec![root.join("README.md")];
    let mut folders = vec![root.join("book/src")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.retain(|page| page.is_file());
    pages.sort();
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_never_replaced_by_creating() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("exercise.rs");
        assert!(create(&file, "mine").expect("created"));
        assert!(!create(&file, "another").expect("left alone"));
        assert_eq!(read(&file).expect("readable"), "mine");
        let left: Vec<_> = fs::read_dir(dir.path()).expect("a folder").collect();
        assert_eq!(left.len(), 1, "no temporary file");
        let names = ["exercise.1.rs", "exercise.2.rs"];
        for name in names {
            let copy = backup(&file, b"mine", &dir.path().join("backups")).expect("a backup");
            assert!(copy.ends_with(name), "{copy:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_named_and_left_alone() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| dir.path().join(name);
        symlink(path("nowhere"), path("dangling")).expect("a link");
        fs::create_dir(path("folder")).expect("a folder");
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status();
        assert!(made.expect("mkfifo").success());
        for (name, what) in
            [("dangling", "a link that leads nowhere"), ("folder", "a folder"), ("pipe", "a pipe")]
        {
            assert!(!create(&path(name), "new").expect("left alone"));
            let error = format!("{:#}", read(&path(name)).expect_err("unreadable"));
            assert!(error.contains(what) && error.contains(name), "{error}");
        }
        assert!(write(&path("dangling"), "new").is_err());
        assert!(!path("nowhere").exists() && path("dangling").is_symlink());

        fs::write(path("target"), "old").expect("written");
        symlink(path("target"), path("link")).expect("a link");
        write(&path("link"), "new").expect("written");
        assert!(path("link").is_symlink());
        assert_eq!(read(&path("target")).expect("readable"), "new");
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("exercise.rs");
        fs::write(&file, b"// one\n// caf\xe9\n").expect("written");
        let error = read(&file).expect_err("not UTF-8").to_string();
        assert!(error.contains("line 2, is not UTF-8: save as UTF-8"), "{error}");
    }

    #[test]
    fn a_killed_write_leaves_nothing_for_ever() {
        let dir = tempfile::tempdir().expect("a folder");
        let (left, fresh) = (dir.path().join(".attn-x.tmp"), dir.path().join(".attn-y.tmp"));
        let an_hour = Duration::from_secs(3600);
        let file = File::create(&left).expect("created");
        file.set_modified(std::time::SystemTime::now() - an_hour).expect("an older time");
        File::create(&fresh).expect("created");
        write(&dir.path().join("file"), "text").expect("written");
        assert!(!left.exists() && fresh.exists());
    }
}
