//! Writing files so that a killed process or a full disk leaves the old one whole.

use anyhow::{Context, Result};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Replaces a file as a whole: the text is written beside it and then moved into its place.
///
/// # Errors
/// Names the file.
pub fn write(file: &Path, text: &str) -> Result<()> {
    let attempt = || -> Result<()> {
        let dir = file.parent().context("it has no folder")?;
        fs::create_dir_all(dir)?;
        let mut beside = beside(file, dir)?;
        beside.write_all(text.as_bytes())?;
        beside.as_file().sync_all()?;
        beside.persist(file)?;
        Ok(())
    };
    attempt().with_context(|| {
        format!(
            "{} cannot be written; `cargo attn doctor` looks for the reason",
            file.display()
        )
    })
}

/// A temporary file with the permissions that `file` has or would get.
fn beside(file: &Path, dir: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let old = fs::metadata(file).map(|old| old.permissions());
    #[cfg(unix)]
    let old = old.or_else(|_| {
        use std::os::unix::fs::PermissionsExt;
        io::Result::Ok(fs::Permissions::from_mode(0o666))
    });
    match old {
        Ok(permissions) => builder.permissions(permissions).tempfile_in(dir),
        Err(_) => builder.tempfile_in(dir),
    }
}

/// Copies `file` into `dir` under the next free number, and returns where: `exercise.1.rs`,
/// `exercise.2.rs`, ….
///
/// # Errors
/// Names the file.
pub fn backup(file: &Path, dir: &Path) -> Result<PathBuf> {
    let text = read(file)?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    let copy = (1..)
        .map(|i| dir.join(format!("{stem}.{i}.{extension}")))
        .find(|copy| !copy.exists())
        .expect("a free number");
    write(&copy, &text)?;
    Ok(copy)
}

/// Reads a text file.
///
/// # Errors
/// Names the file.
pub fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}
