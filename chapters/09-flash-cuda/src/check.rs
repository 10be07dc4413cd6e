//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//!
//! The answers are CUDA, so they are not compiled into this program: it reads the file, and compiles it, when it runs.

use ch09_flash_cuda::registry;
use std::process::ExitCode;

const ANSWERS: &str = if cfg!(learner) {
    concat!(env!("CARGO_MANIFEST_DIR"), "/exercise.cu")
} else {
    concat!(env!("CARGO_MANIFEST_DIR"), "/starter.cu")
};

fn main() -> ExitCode {
    attn_exercise::main(registry::answered_in(ANSWERS))
}
