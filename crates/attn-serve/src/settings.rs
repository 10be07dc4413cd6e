//! What can be said on the command line.

use std::net::IpAddr;

/// Where a server listens, and how large its engine is.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// The port; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 8000)]
    pub port: u16,
    /// The address; another one than 127.0.0.1 lets other machines in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// How many blocks the pool has
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub blocks: usize,
    /// How many tokens a block has
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub size: usize,
    /// How many tokens a step computes at most
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub budget: usize,
    /// How many texts are written or wait at most; further ones are turned away
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub queue: usize,
}
