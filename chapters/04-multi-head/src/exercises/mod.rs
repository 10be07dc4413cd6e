//! The exercises of this chapter, a file each: the cases, the judge and the known mistakes.
//!
//! The judges trust [`oracle`], which shares no code with the reference.

pub mod decoder_block;
pub mod layer_norm;
pub mod merge_heads;
pub mod multi_head_attention;
pub mod oracle;
mod random;
pub mod rope;
pub mod rotary_self_attention;
pub mod split_heads;
