//! The exercises of this chapter, one per file: the cases, the right answers and the known mistakes. The judges trust
//! oracles that share no code with the reference. Written by `cargo attn dev starters` from `chapter.toml`.

pub mod grouped_attention;
pub mod grouped_backward;
pub mod grouped_decode;
pub mod kv_head;
pub mod matched_width;
pub mod mean_pool_kv_heads;
pub mod shard_kv_heads;
