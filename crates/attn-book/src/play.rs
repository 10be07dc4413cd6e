//! The module with which the pages' figures are played: the crate `attn-play`, compiled to WebAssembly.

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the module stands in the book's sources. Pages from disk may load scripts and nothing else: so it is one,
/// and the module is text in it.
const SCRIPT: &str = "src/play/attn-play.js";
const TARGET: &str = "wasm32-unknown-unknown";

/// What came of comparing the module in the book with its sources.
pub enum Compared {
    /// It is what its sources give, byte by byte.
    Same,
    /// It was compiled by another compiler: so bytes say nothing. The new one is in this file.
    Elsewhere(PathBuf),
    /// Here nothing can be compiled for pages; why.
    Skipped(String),
}

/// Compiles the module and writes it into the book's sources; answers what was written and its size.
///
/// # Errors
/// If it cannot be compiled, with what is missing.
pub fn write(book: &Path) -> Result<(PathBuf, usize)> {
    let script = script(book)?;
    let path = book.join(SCRIPT);
    put(&path, &script)?;
    Ok((path, script.len()))
}

/// Compiles the module and compares it with the one in the book's sources.
///
/// # Errors
/// If the same compiler gives another module, or none.
pub fn compare(book: &Path) -> Result<Compared> {
    if let Err(missing) = compiler() {
        return Ok(Compared::Skipped(missing));
    }
    let elsewhere = folder(book)?.join("attn-play.js");
    // One of an earlier comparison says nothing any more.
    if elsewhere.is_file() {
        fs::remove_file(&elsewhere).with_context(|| elsewhere.display().to_string())?;
    }
    let path = book.join(SCRIPT);
    let old = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let new = script(book)?;
    if old.lines().next() == new.lines().next() {
        ensure!(old == new, "{} is not what its sources give: cargo attn dev play", path.display());
        return Ok(Compared::Same);
    }
    put(&elsewhere, &new)?;
    Ok(Compared::Elsewhere(elsewhere))
}

fn put(path: &Path, text: &str) -> Result<()> {
    let parent = path.parent().context("a file in a folder")?;
    fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    fs::write(path, text).with_context(|| path.display().to_string())
}

fn script(book: &Path) -> Result<String> {
    let (version, module) = module(book)?;
    Ok(format!(
        "// The crate attn-play, by `cargo attn dev play` and {version}.\nself.attnPlayModule = \"{}\";\n",
        BASE64_STANDARD.encode(module)
    ))
}

/// What compiles for pages.
struct Compiler {
    program: OsString,
    version: String,
    sysroot: PathBuf,
    /// Whether the standard library has to be compiled, too.
    from_source: bool,
}

/// The compiler, or what is missing.
fn compiler() -> Result<Compiler, String> {
    let program = env::var_os("ATTN_PLAY_RUSTC").unwrap_or_else(|| "rustc".into());
    let said = |argument: &[&str]| {
        let output = Command::new(&program).args(argument).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let (version, sysroot) = said(&["--version"])
        .zip(said(&["--print", "sysroot"]))
        .ok_or_else(|| format!("{} cannot be started", program.display()))?;
    let sysroot = PathBuf::from(sysroot);
    let library = sysroot.join("lib/rustlib");
    let from_source = !library.join(TARGET).is_dir();
    if from_source && !library.join("src/rust/library").is_dir() {
        return Err(format!(
            "{version} has no standard library for {TARGET}. `rustup target add {TARGET}` gets it. On Debian, \
             install rustc-web and rust-web-src, and set ATTN_PLAY_RUSTC=/usr/bin/rustc: then the library is compiled, \
             too, which takes minutes"
        ));
    }
    Ok(Compiler { program, version, sysroot, from_source })
}

/// Compiles the module; answers by which compiler, too.
fn module(book: &Path) -> Result<(String, Vec<u8>)> {
    let compiler = compiler().map_err(anyhow::Error::msg)?;
    let root = book.parent().context("the book is in no folder")?;
    let folder = folder(book)?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(&cargo);
    build
        .args(["build", "--quiet", "--locked", "--package", "attn-play", "--profile", "play"])
        .args(["--target", TARGET])
        .current_dir(root)
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTC", &compiler.program)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root, &compiler)?.join("\u{1f}"));
    if compiler.from_source {
        build.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
        // Debian's compiler comes without a linker for this target; that of the toolchain does as well.
        let linker = linker(Path::new(&cargo));
        build.envs(linker.map(|linker| ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)));
    }
    let status = build.status().context("cargo cannot be started")?;
    if !status.success() {
        bail!("attn-play does not compile for {TARGET}");
    }
    let path = folder.join(TARGET).join("play/attn_play.wasm");
    let module = fs::read(&path).with_context(|| path.display().to_string())?;
    Ok((compiler.version, module))
}

/// No random numbers from outside; and no path of this machine in the module.
fn flags(root: &Path, compiler: &Compiler) -> Result<Vec<String>> {
    let mut flags = vec!["--cfg".to_string(), "getrandom_backend=\"unsupported\"".into()];
    let mut hide = |path: &Path, name: &str| {
        for path in [Some(path.to_path_buf()), path.canonicalize().ok()].into_iter().flatten() {
            flags.push(format!("--remap-path-prefix={}={name}", path.display()));
        }
    };
    hide(root, "course");
    hide(&compiler.sysroot.join("lib/rustlib/src/rust"), "rust");
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let sources = home.context("CARGO_HOME is not known")?.join("registry/src");
    for entry in fs::read_dir(&sources).with_context(|| sources.display().to_string())? {
        hide(&entry?.path(), "crates");
    }
    Ok(flags)
}

/// `rust-lld` of the toolchain that cargo belongs to.
fn linker(cargo: &Path) -> Option<PathBuf> {
    let hosts = cargo.parent()?.parent()?.join("lib/rustlib");
    let hosts = fs::read_dir(hosts).ok()?.flatten();
    hosts.map(|host| host.path().join("bin/rust-lld")).find(|path| path.is_file())
}

/// Where it is compiled: beside what is compiled for this machine.
fn folder(book: &Path) -> Result<PathBuf> {
    let own = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let root = book.parent().context("the book is in no folder")?;
    Ok(root.join(own.unwrap_or_else(|| "target".into())).join("play"))
}
