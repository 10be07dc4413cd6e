//! How much the first token still matters at the end of a sequence, measured.
