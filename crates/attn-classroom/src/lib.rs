//! A chapter as an assignment: handed out, collected, graded, reported.
//!
//! * [`question`]: what an exercise asks, without what is right.
//! * [`export`]: the workspace that students get.
//! * [`assignment`]: the file that says what is asked, until when, and for how many points.
//! * [`submission`]: reads what students hand in, and trusts none of it.
//! * [`confine`]: what somebody else's code may see, reach and use.
//! * [`results`]: what came out, in a form that no learning platform owns.
//! * [`reports`]: the same results for a platform, a teacher or a student.
//! * [`similar`]: which submissions share more than the starter gives.

pub mod assignment;
pub mod confine;
pub mod export;
mod moment;
mod names;
mod number;
pub mod question;
pub mod reports;
pub mod results;
pub mod similar;
pub mod submission;

pub use moment::Moment;
