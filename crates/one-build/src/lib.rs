//! Nothing but dependencies, and their features.
//!
//! `cargo attn`, a chapter's check program and the book's program are compiled one after the other, and
//! `cargo test --workspace` compiles all of them. Cargo gives each the features that its own
//! dependencies ask for, and would compile ndarray, serde and the chapters anew wherever one feature
//! differs. Here all of them are asked for, so that everything is compiled once.
//!
//! A test names what differs.
