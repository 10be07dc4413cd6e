//! The server, asked by a client that speaks HTTP by hand.

mod client;
mod completions;
mod hostile;
