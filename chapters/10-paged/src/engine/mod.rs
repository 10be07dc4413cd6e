//! A small server.
