//! A chapter as an assignment: what is asked, what was handed in, what came out, and who is told what.
//!
//! * [`assignment`]: the file that says what is asked, until when, and for how many points.
//! * [`submission`]: reads what students hand in, and trusts none of it.
//! * [`results`]: what came out, in a form that no learning platform owns.
//! * [`reports`]: the same results for a platform, a teacher or a student.
//! * [`similar`]: which submissions share more than the starter gives.

pub mod assignment;
mod moment;
mod names;
mod number;
pub mod reports;
pub mod results;
pub mod similar;
pub mod submission;

pub use moment::Moment;
