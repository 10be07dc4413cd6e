//! The crates of the workspace.

use serde_json::Value;
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The first file of a crate.
#[derive(Debug)]
pub struct Root {
    pub file: PathBuf,
    /// Where it lies, relative to the workspace: `crates/attn-book/src`.
    pub folder: String,
}

/// The libraries and programs of all packages, each a crate of its own.
pub fn roots() -> Vec<Root> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let workspace = metadata["workspace_root"].as_str().expect("a path");
    let mut roots = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        for target in package["targets"].as_array().expect("targets") {
            let kind = target["kind"][0].as_str().expect("a kind");
            if !matches!(kind, "lib" | "bin") {
                continue;
            }
            let file = PathBuf::from(target["src_path"].as_str().expect("a path"));
            let folder = file.parent().and_then(|at| at.strip_prefix(workspace).ok());
            let folder = folder.unwrap_or(Path::new("")).display().to_string();
            let folder = folder.replace('\\', "/");
            roots.push(Root { file, folder });
        }
    }
    roots
}
