//! The sizes of DeepSeek-V2, and what follows from them.
