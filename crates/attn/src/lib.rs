//! The course command, `cargo attn`, as a library: the command line and the book's server both
//! stand on it.
//!
//! * [`Course`]: the chapters and exercises, read from each `chapter.toml`.
//! * [`starter`]: how the learner's file is generated from the reference, and its sections.
//! * [`generate`]: the files of a chapter that follow from its metadata.
//! * [`answers`]: the learner's file: created, reset, updated, never overwritten without a backup.
//! * [`compile`]: builds check programs; one exercise that does not compile costs only itself.
//! * [`copy`]: the course laid into another folder.
//! * [`check()`]: from a target to verdicts, with the progress noted.
//! * [`progress`]: what has been solved, in `.attn/`.
//! * [`smollm`]: whether the real language model is there.
//! * [`commands`]: what each subcommand prints.

pub mod answers;
mod cargo;
pub mod check;
pub mod commands;
pub mod compile;
pub mod copy;
mod course;
pub mod files;
pub mod generate;
mod output;
pub mod program;
pub mod progress;
pub mod render;
pub mod smollm;
mod source;
pub mod starter;

pub use check::check;
pub use course::{ASSIGNMENT, Chapter, Course, Demonstration, Exercise, Language, Target};
pub use output::{complain, line as print_line};
