//! The built book on localhost, with the state of the learner's exercises in its pages.
//!
//! Only this machine can ask (127.0.0.1), only under its own name (the `Host` and `Origin` headers: a
//! foreign name that resolves here is refused), and only a page that this server gave out can see or
//! change the exercises (a random token, which is written into served pages and into no file). What a
//! client may cost is limited ([`Limits`]).
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /PATH` | a file of the built book |
//! | `GET /_attn/state` | `{"version": 3, "error": null, "course": …}`: how often the book was rebuilt, why it could not be, [`Course::state`] |
//! | `POST /_attn/hint/3.1`, `/_attn/reset/3.1`, `/_attn/check/3.1` | what [`Course::act`] answers |

mod answer;
mod connections;
mod course;
mod files;
mod router;
mod site;
mod watch;

pub use connections::Limits;
pub use course::{Action, Course, NoCourse};
pub use router::TOKEN;
pub use site::Site;
pub use watch::watch;

use anyhow::{Context, Result, anyhow, bail};
use router::Router;
use std::{
    convert::Infallible,
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
};

/// A server that has its port and waits for [`run`](Server::run).
pub struct Server {
    listener: TcpListener,
    router: Arc<Router>,
    limits: Limits,
}

/// How many ports are tried, from the first on.
const PORTS: u16 = 50;

impl Server {
    /// Takes the port, or the first free one above it; 0 takes any.
    ///
    /// # Errors
    /// No port is free, or the system gives no random numbers.
    pub fn bind(site: Arc<Site>, course: Arc<dyn Course>, port: u16) -> Result<Self> {
        let listener = listen(port)?;
        let port = listener.local_addr()?.port();
        let router = Router { site, course, token: token()?, port };
        Ok(Server { listener, router: Arc::new(router), limits: Limits::default() })
    }

    /// The same server with other limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        Server { limits, ..self }
    }

    /// `http://127.0.0.1:3939/`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port())
    }

    /// The port that was free.
    pub fn port(&self) -> u16 {
        self.router.port
    }

    /// Answers requests until the process ends.
    ///
    /// # Errors
    /// When the system refuses to watch connections.
    pub fn run(self) -> Result<Infallible> {
        connections::serve(self.listener, &self.router, &self.limits)
    }
}

fn listen(first: u16) -> Result<TcpListener> {
    let last = if first == 0 { 0 } else { first.saturating_add(PORTS) };
    for port in first..=last {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => (),
            Err(error) => return Err(error).with_context(|| format!("port {port}")),
        }
    }
    bail!("no port from {first} to {last} is free")
}

fn token() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| anyhow!("no random numbers from the system: {e}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
