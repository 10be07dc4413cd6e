//! The classroom: chapters as assignments.
//!
//! * [`export`]: the workspace that students get.
//! * [`question`]: what an exercise asks, without what is right.

pub mod export;
pub mod question;
