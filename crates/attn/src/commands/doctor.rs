//! `cargo attn doctor`: what is there, what is missing, and what that costs.

use crate::{Chapter, Course, Language, answers, files, output::println, progress, render, smollm};
use anyhow::Result;
use owo_colors::OwoColorize;
use std::{env, path::Path, process::Command};

/// Looks at everything the course needs or can use, a line each.
///
/// # Errors
/// None so far; what is wrong is part of the answer.
pub fn doctor(course: &Course) -> Result<bool> {
    let mut well = true;
    let mut need = |what: &str, found: std::result::Result<String, String>| {
        well &= found.is_ok();
        match found {
            Ok(found) => say(&"✓".green().to_string(), what, &found),
            Err(missing) => say(&"✗".red().to_string(), what, &missing),
        }
    };
    need("Rust", rust(env!("CARGO_PKG_RUST_VERSION")));
    need("the course's folder", writable(&course.root));
    need("temporary files", writable(&env::temp_dir()));
    need(
        "progress",
        match progress::load(course) {
            Ok(progress) => {
                let solved = progress.0.values().filter(|standing| standing.solved).count();
                Ok(format!(".attn/progress.json: {solved} solved"))
            }
            Err(error) => Err(format!("{error:#}")),
        },
    );
    for chapter in &course.chapters {
        let file = chapter.answers().display().to_string();
        need(
            &format!("chapter {}", chapter.number),
            match answers::text(course, chapter) {
                Ok(_) if answers::outdated(course, chapter) => Ok(format!(
                    "{file}; its starter has changed: cargo attn update {}",
                    chapter.number
                )),
                Ok(_) => Ok(file),
                Err(error) => Err(format!("{error:#}")),
            },
        );
    }
    if let Some(chapter) = course.chapters.iter().find(|c| c.language == Language::Cuda) {
        cuda(course, chapter);
    }
    real_model(course);
    match output("python3", &["-c", "import torch; print(torch.__version__)"]) {
        Some(version) => say(&"✓".green().to_string(), "PyTorch", version.trim()),
        None => say(
            &"·".dimmed().to_string(),
            "PyTorch",
            "not found; only the comparison in `bench 8` and those who write the course (`dev oracles`) need it",
        ),
    }
    println!("\n{}", if well { "All you need is there." } else { "Mend what is marked ✗." });
    Ok(well)
}

/// What a chapter in CUDA can use. It needs none of it: its kernels run in the simulator, from PTX that is committed.
fn cuda(course: &Course, chapter: &Chapter) {
    let (number, dir) = (chapter.number, chapter.dir.display());
    let found = |what, found: &str| say(&"✓".green().to_string(), what, found);
    let missing = |what, missing: &str| say(&"·".dimmed().to_string(), what, missing);
    match output("nvidia-smi", &["--query-gpu=name", "--format=csv,noheader"]) {
        Some(name) => found("GPU", name.trim()),
        None => missing("GPU", &format!("none found; chapter {number} runs in the simulator")),
    }
    let cache = course.root.join(".attn/nvrtc/nvidia");
    if cache.join("cuda_nvrtc").is_dir() {
        return found("NVRTC", ".attn/nvrtc");
    }
    let python = if cfg!(windows) { "py" } else { "python3" };
    let how = match (env::consts::OS, env::consts::ARCH) {
        ("linux" | "windows", "x86_64") => format!(
            "{python} -m pip install --no-deps --target .attn/nvrtc --requirement {dir}/cuda-tools.txt"
        ),
        _ => "there is none for this system".into(),
    };
    missing(
        "NVRTC",
        &format!(
            "not in .attn/nvrtc; you can run all of chapter {number} but your own CUDA, which has to be compiled: {how}"
        ),
    );
}

/// The real language model that some chapters can also run on. Nothing needs it.
fn real_model(course: &Course) {
    if smollm::is_there(course) {
        return say(&"✓".green().to_string(), "SmolLM2", ".attn/smollm2");
    }
    let numbers = course.chapters.iter().filter(|chapter| chapter.smollm2.is_some());
    let numbers: Vec<_> = numbers.map(|chapter| chapter.number.to_string()).collect();
    say(
        &"·".dimmed().to_string(),
        "SmolLM2",
        &format!(
            "not in .attn/smollm2; only `cargo attn chat`, and `cargo attn serve` and `cargo attn run N` with `--model {}`, need it \
             (N = {}), a real language model: a download of 93 MB, {} of compiling once, {} of memory when it runs: {}",
            smollm::NAME,
            numbers.join(", "),
            smollm::COMPILING,
            smollm::MEMORY,
            smollm::how_to_get_it()
        ),
    );
}

fn say(symbol: &str, what: &str, found: &str) {
    render::paragraph(&format!("  {symbol} {what:<21} "), found);
}

fn rust(needed: &str) -> std::result::Result<String, String> {
    let Some(version) = output("rustc", &["--version"]) else {
        return Err(format!("rustc is not on the PATH; the course needs {needed} or newer"));
    };
    Ok(format!("{} (needed: {needed} or newer)", version.trim()))
}

fn writable(folder: &Path) -> std::result::Result<String, String> {
    match files::has_room(folder) {
        Ok(()) => Ok(folder.display().to_string()),
        Err(error) => Err(format!(
            "{error:#}; make room, or take another folder: copy the course, or set TMPDIR"
        )),
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}
