//! The classroom: chapters as assignments.
//!
//! * [`confine`]: what somebody else's code may do.
//! * [`export`]: the workspace that students get.
//! * [`question`]: what an exercise asks, without what is right.

pub mod confine;
pub mod export;
pub mod question;
