//! Results for a platform, a teacher or a student. Each is made from [`Results`](crate::results::Results)
//! alone, and returns text.
//!
//! | report | for | shows [`private`](crate::results::Graded::private) |
//! | --- | --- | --- |
//! | [`csv`] | the teacher's gradebook | no |
//! | [`gradescope`] | Gradescope, one student | no |
//! | [`classroom50`] | Classroom 50, one student | no |
//! | [`junit`] | what reads JUnit | no |
//! | [`student`] | one student, as Markdown | no |
//! | [`overview`] | the teacher, about the class | no |
//! | [`difference`] | the teacher, about two gradings | no |
//!
//! What is private is in the results themselves, and nowhere else.

pub mod classroom50;
pub mod csv;
pub mod difference;
pub mod gradescope;
pub mod junit;
pub mod overview;
pub mod student;
mod told;
