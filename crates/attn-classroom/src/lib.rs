//! A chapter as an assignment: handed out, collected, graded, reported.
//!
//! * [`question`]: what an exercise asks, without what is right.
//! * [`export`]: the workspace that students get.
//! * [`hand_out`]: all that they get.
//! * [`assignment`]: the file that says what is asked, until when, and for how many points.
//! * [`submission`]: reads what students hand in, and trusts none of it.
//! * [`confine`]: what somebody else's code may see, reach and use.
//! * [`toolchain`]: the compiler, confined.
//! * [`attempt`]: one submission, compiled and tried.
//! * [`credit`]: from what came of an exercise to points.
//! * [`grade`]: a class.
//! * [`results`]: what came out, in a form that no learning platform owns.
//! * [`reports`]: the same results for a platform, a teacher or a student.
//! * [`platform`]: the grader where a platform runs it.
//! * [`similar`]: which submissions share more than the starter gives.

pub mod assignment;
pub mod attempt;
pub mod confine;
pub mod credit;
mod digest;
pub mod export;
pub mod grade;
pub mod hand_out;
mod moment;
mod names;
mod number;
pub mod platform;
pub mod question;
pub mod reports;
pub mod results;
pub mod similar;
pub mod submission;
pub mod toolchain;

pub use moment::Moment;
