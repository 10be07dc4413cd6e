//! The exercise contract.
//!
//! An exercise is one signature behind which anybody's body can stand: the reference, the
//! learner's, a known mistake, a submission. [`Exercise`] says on which cases a body is tried, how
//! its answers are judged and which wrong bodies are known. A chapter's check program
//! (`src/check.rs`) joins its exercises to the answers in one file and calls [`main`].
//!
//! ```text
//! cargo attn check 3.2
//!    └─ the chapter's check program: makes the cases, judges, diagnoses    (program, run, watch)
//!          └─ itself again as a worker: runs one body, case by case            (worker)
//! ```
//!
//! The body runs in a process of its own, so a panic, an endless loop, a stack overflow, `exit(0)`
//! or a memory bomb costs one exercise, names its case and leaves nothing running.
//!
//! Which answers the check program holds is decided when it is compiled: the starter by default, so
//! that `cargo attn dev verify` proves the chapter; the learner's file with `--cfg learner`; and with `--cfg
//! overlay` a copy of the learner's file in which what does not compile has been put back to the
//! starter's text.

mod asked;
mod check;
mod declare;
mod demonstration;
mod diagnosis;
mod exercise;
mod fields;
mod gradcheck;
mod group;
mod input;
pub mod judge;
mod limits;
pub mod memory;
mod parallel;
mod program;
mod recording;
mod regimes;
mod report;
mod request;
mod run;
mod stop;
mod trace;
mod verdict;
mod verify;
mod watch;
mod worker;

pub use asked::asked;
pub use declare::label;
pub use demonstration::{
    Conversation, Demonstrated, Entered, Heard, demonstrate, end_of_reply, entered, heard,
    heard_already, is_yours, watch_demonstration,
};
pub use exercise::{Check, Exercise, Inherited, Mistake, Who};
pub use fields::{Field, Fields, Value, field};
pub use gradcheck::{Gradcheck, gradcheck};
pub use group::lead_a_group;
pub use input::{
    Choices, Given, Input, NUDGES, SOME_MASKS, SOME_VALUES, Sizes, some_mask, some_values,
};
pub use judge::{Finding, Refusal};
pub use limits::Limits;
pub use program::main;
pub use regimes::{Regimes, pairwise, sizes};
pub use report::{
    Cases, Diagnosis, Failure, Grade, Kind, Place, Printed, Report, Shown, Symptom, Trial, Verdict,
    Verification,
};
pub use request::{Request, SEEDS};
pub use stop::{cannot_be_checked, does_not_compile, todo_reached};
pub use trace::Trace;
