//! `cargo attn run 11`: a state of constant size reads a long text.

mod functions;

fn main() {}
