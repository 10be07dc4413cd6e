//! The exercises of this chapter, a file each: the cases, the judge and the known mistakes.
//!
//! The judges trust [`oracle`], which shares no code with the reference.

pub mod allowed;
pub mod attention;
pub mod attention_backward;
pub mod dropout;
pub mod oracle;
pub mod softmax_backward;
pub mod softmax_rows;
