//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//!
//! The answers are CUDA, so they are not compiled into this program: it reads the file, and compiles it, when it runs.

use ch09_flash_cuda::{harness::Body::Section, nvrtc, registry};
use std::{env, process::ExitCode};

const ANSWERS: &str = if cfg!(learner) {
    concat!(env!("CARGO_MANIFEST_DIR"), "/exercise.cu")
} else {
    concat!(env!("CARGO_MANIFEST_DIR"), "/starter.cu")
};

fn main() -> ExitCode {
    // `cargo test` verifies the exercises, whose mistakes have to be compiled.
    let asked = env::args().nth(1).is_some_and(|request| request.starts_with('{'));
    if !asked && !nvrtc::found() {
        println!("chapter 9: skipped, for NVRTC is not installed. {}", nvrtc::how_to_get_it());
        return match env::var_os("ATTN_REQUIRE_NVRTC") {
            Some(_) => ExitCode::FAILURE,
            None => ExitCode::SUCCESS,
        };
    }
    let answered = registry::exercises()
        .map(|(id, exercise)| exercise.answered_by(id, Section { id, file: ANSWERS }));
    attn_exercise::main(answered.into())
}
