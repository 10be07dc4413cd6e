//! Nothing but dependencies, and their features.
//!
//! `cargo attn`, a chapter's check program and the tests are compiled one after the other. Cargo gives
//! each the features that its own dependencies ask for, and would compile ndarray, serde and the
//! chapters anew wherever one feature differs. Here all of them are asked for, so that everything is
//! compiled once: what the default members need, and with the feature `whole` what the book's
//! program, the training and the benchmarks need as well. `ATTN_WHOLE=1` makes the course command
//! build with it, which is worth it where all of them are built, as CI does.
//!
//! A test names what differs.
