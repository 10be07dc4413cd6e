//! The ladder
