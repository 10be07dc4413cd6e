//! Where NVRTC is: the system's, or a copy in the course's own folder `.attn/nvrtc`.
//!
//! NVRTC turns CUDA C++ into PTX. It needs neither a GPU nor a driver, and comes as a Python package of 25 MB.

use crate::{Error, foreign};
use cudarc::nvrtc::result::NvrtcError;
use std::{env, ffi::CString, fs, path::PathBuf, sync::OnceLock};

/// What the PTX of a text is made for: every GPU since Turing (2018), and where it asks for what came with Ampere (2020),
/// every one since that.
fn architecture(source: &str) -> &'static str {
    let newer = ["cp.async", "m16n8k16", "bf16", "tf32"];
    if newer.iter().any(|what| source.contains(what)) { "compute_80" } else { "compute_75" }
}

/// The folder where the packages are put: `.attn/nvrtc` of the course, or what `ATTN_NVRTC` names.
pub fn folder() -> PathBuf {
    match env::var_os("ATTN_NVRTC") {
        Some(folder) => folder.into(),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.attn/nvrtc")),
    }
}

/// One sentence with the command that brings NVRTC and `ptxas`, where there is one.
pub fn how_to_get_it() -> String {
    if cfg!(all(target_arch = "x86_64", any(target_os = "linux", target_os = "windows"))) {
        format!("In the course's folder: {COMMAND}")
    } else {
        "It exists for Linux and Windows on x86-64.".into()
    }
}

/// Unpacks NVRTC and `ptxas` into the course's folder. `cargo attn doctor` prints it too.
const COMMAND: &str = if cfg!(windows) {
    "py -m pip install --no-deps --target .attn/nvrtc --requirement chapters/09-flash-cuda/cuda-tools.txt"
} else {
    "python3 -m pip install --no-deps --target .attn/nvrtc --requirement chapters/09-flash-cuda/cuda-tools.txt"
};

/// Whether NVRTC is there. Looks once, and loads it.
pub fn found() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        libraries().iter().for_each(|path| foreign::load(path));
        foreign::nvrtc_is_present()
    })
}

/// The libraries in the course's folder. First the one that the other asks for.
fn libraries() -> Vec<PathBuf> {
    let package = folder().join("nvidia/cuda_nvrtc");
    let folder = package.join(if cfg!(windows) { "bin" } else { "lib" });
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut libraries: Vec<PathBuf> = files
        .map(|file| file.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.contains("nvrtc")
                && !name.contains(".alt")
                && (name.contains(".so") || name.ends_with(".dll"))
        })
        .collect();
    libraries.sort_by_key(|path| !path.to_string_lossy().contains("builtins"));
    libraries
}

/// What came of compiling a text.
pub struct Compiled {
    /// PTX that knows the lines it came from.
    pub ptx: String,
    /// What the compiler warns of, in its own words; empty if of nothing.
    pub warnings: String,
}

/// Compiles CUDA C++. `name` is what the compiler calls the file; each definition is such as `D=64`.
///
/// # Errors
/// [`Error::NoNvrtc`], or [`Error::DoesNotCompile`] with the compiler's own words.
pub fn compile(name: &str, source: &str, definitions: &[String]) -> Result<Compiled, Error> {
    if !found() {
        return Err(Error::NoNvrtc { what: format!("{name} has to be compiled") });
    }
    let refused = |log: String| Error::DoesNotCompile { log };
    // What C calls the end of a text.
    let text = |text: &str| {
        CString::new(text).map_err(|nul| {
            let at = nul.nul_position();
            refused(format!("{name}: byte {at} is NUL; this is no text"))
        })
    };
    let architecture = architecture(source);
    // Some editors begin a file with a mark that is no part of its text.
    let source = text(source.strip_prefix('\u{feff}').unwrap_or(source))?;
    let options: Vec<String> =
        [format!("--gpu-architecture={architecture}"), "--generate-line-info".into()]
            .into_iter()
            .chain(definitions.iter().map(|definition| format!("-D{definition}")))
            .collect();
    let fails = |error: NvrtcError| refused(format!("{name}: NVRTC fails: {error}"));
    let (ptx, said) = foreign::compile(&source, &text(name)?, &options).map_err(fails)?;
    let said = said.trim().to_string();
    match ptx {
        Ok(ptx) => Ok(Compiled { ptx: without_folders(&ptx), warnings: said }),
        Err(error) if said.is_empty() => Err(fails(error)),
        Err(_) => Err(refused(said)),
    }
}

/// PTX names the file by its full path; without it, PTX is the same on every machine.
fn without_folders(ptx: &str) -> String {
    let lines = ptx.lines().map(|line| match line.trim_start().starts_with(".file") {
        true => {
            let (start, path) = line.split_once('"').unwrap_or((line, ""));
            let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
            format!("{start}\"{name}\n")
        }
        false => format!("{line}\n"),
    });
    lines.collect()
}
