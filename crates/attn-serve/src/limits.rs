//! What clients may cost.

use std::time::Duration;

/// What clients may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a request's head may take to arrive, and a connection wait for the next request.
    pub head: Duration,
    /// From how many bytes on a request's head is refused, 8192 or more. Twice as many may be read.
    pub head_bytes: usize,
    /// How long a body may take to arrive.
    pub body: Duration,
    /// The most bytes of a body.
    pub body_bytes: usize,
    /// How long a connection is kept. A request that is being answered then has [`grace`](Limits::grace)
    /// more.
    pub connection: Duration,
    /// How many connections are answered. A further one is told to come again.
    pub connections: usize,
    /// How long those that are being answered have when the server stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head: Duration::from_secs(20),
            head_bytes: 16 << 10,
            body: Duration::from_secs(20),
            body_bytes: 256 << 10,
            connection: Duration::from_secs(600),
            connections: 128,
            grace: Duration::from_secs(10),
        }
    }
}
