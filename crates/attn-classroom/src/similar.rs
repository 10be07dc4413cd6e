//! Similar.
