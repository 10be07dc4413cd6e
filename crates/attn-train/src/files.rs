//! Files that are there whole or not at all.

use anyhow::{Context, Result};
use safetensors::{Dtype, tensor::TensorView};
use std::{collections::HashMap, io::Write, path::Path};
use tempfile::NamedTempFile;

/// Writes a file so that no moment shows half of it: under another name beside it, then renamed.
///
/// # Errors
/// When the folder cannot be made or written to, or the disk is full; what was there before stays.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let failed = || format!("{} cannot be written", path.display());
    std::fs::create_dir_all(folder).with_context(failed)?;
    let mut file = beside(folder).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    // A full disk may show only here.
    file.as_file().sync_all().with_context(failed)?;
    // The error would keep the temporary file alive.
    file.persist(path).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}

/// A file for everybody to read, as far as the user's mask allows: temporary ones are private.
#[cfg(unix)]
fn beside(folder: &Path) -> std::io::Result<NamedTempFile> {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};
    let readable = Permissions::from_mode(0o666);
    tempfile::Builder::new().permissions(readable).tempfile_in(folder)
}

#[cfg(not(unix))]
fn beside(folder: &Path) -> std::io::Result<NamedTempFile> {
    NamedTempFile::new_in(folder)
}

/// Named tensors and texts as a safetensors file.
pub fn safetensors(
    tensors: &[(String, Vec<usize>, &[f32])],
    metadata: &[(&str, String)],
) -> Result<Vec<u8>> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        Ok((name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes)?))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(key, value)| (key.to_string(), value.clone())).collect();
    Ok(safetensors::serialize(views, Some(metadata))?)
}
