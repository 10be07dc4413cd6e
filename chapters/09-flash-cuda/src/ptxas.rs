//! What `ptxas`, the assembler behind CUDA, says about a kernel: it needs no GPU.

use crate::{Error, nvrtc::folder};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

/// `ptxas` in the course's folder or on the PATH: it turns PTX into a GPU's own code, and tells what that takes.
pub fn find() -> Option<PathBuf> {
    let name = if cfg!(windows) { "ptxas.exe" } else { "ptxas" };
    let own = folder().join("nvidia/cuda_nvcc/bin").join(name);
    let on_the_path = || {
        env::split_paths(&env::var_os("PATH")?)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    };
    Some(own).filter(|file| file.is_file()).or_else(on_the_path)
}

/// What a kernel takes on a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// The kernel.
    pub name: String,
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of static shared memory of a block.
    pub shared: u32,
    /// Bytes of a thread's stack.
    pub stack: u32,
    /// Bytes that a thread stores and loads because registers ran out.
    pub spills: u32,
}

/// As [`resources`], of a PTX text.
///
/// # Errors
/// What `ptxas` says, or why the text cannot be handed to it.
pub fn resources_of(ptxas: &Path, ptx: &str) -> Result<Vec<Resources>, Error> {
    let file = env::temp_dir().join(format!("kernel-{}.ptx", process::id()));
    let written = fs::write(&file, ptx).map_err(|error| Error::Ptxas(error.to_string()));
    let found = written.and_then(|()| resources(ptxas, &file));
    let _ = fs::remove_file(&file);
    found
}

/// What each kernel of a PTX file takes on an A100 (`sm_80`).
///
/// # Errors
/// What `ptxas` says.
pub fn resources(ptxas: &Path, ptx: &Path) -> Result<Vec<Resources>, Error> {
    let null = if cfg!(windows) { "NUL" } else { "/dev/null" };
    let mut command = Command::new(ptxas);
    command.args(["--verbose", "--gpu-name=sm_80", "--output-file", null]).arg(ptx);
    let output = command.output().map_err(|error| Error::Ptxas(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(Error::Ptxas(text.trim().into()));
    }
    // Compiling entry function 'warp' for 'sm_80' … 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads …
    // Used 69 registers, 20992 bytes smem, 412 bytes cmem[0]
    let kernels = text.split("Compiling entry function '").skip(1).map(|text| {
        let before = |what: &str| -> u32 {
            let number =
                text.split_once(what).and_then(|(before, _)| before.split_whitespace().next_back());
            number.and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        Resources {
            name: text.split('\'').next().unwrap_or_default().into(),
            registers: before(" registers"),
            shared: before(" bytes smem"),
            stack: before(" bytes stack frame"),
            spills: before(" bytes spill stores") + before(" bytes spill loads"),
        }
    });
    Ok(kernels.collect())
}
