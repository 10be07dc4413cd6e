//! `cargo attn run 10`: a server at work.
fn main() {}
