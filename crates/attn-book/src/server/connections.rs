//! Connections, and what a client may cost.

use super::{
    answer::{Answer, text},
    router::Router,
};
use anyhow::Result;
use hyper::{
    Request, StatusCode,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{collections::VecDeque, convert::Infallible, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    task::{AbortHandle, spawn_blocking},
    time::{sleep, timeout},
};

/// What a client may cost. Whoever wants more loses the connection, and the others notice nothing.
///
/// A body is never read: no request here has one.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a request's head may take to arrive, and a connection wait for the next request.
    pub head: Duration,
    /// From how many bytes on a request's head is refused, 8192 or more. Twice as many may be read.
    pub head_bytes: usize,
    /// How long a connection is kept. A request that is being answered then has [`head`](Limits::head)
    /// more.
    pub connection: Duration,
    /// How many connections are kept. A further one ends the oldest.
    pub connections: usize,
}

impl Default for Limits {
    /// Far more than a browser needs, far less than a machine has.
    fn default() -> Self {
        Limits {
            head: Duration::from_secs(20),
            head_bytes: 64 << 10,
            connection: Duration::from_secs(600),
            connections: 128,
        }
    }
}

/// How many threads read files and ask the course.
const READERS: usize = 8;

/// How long to wait when the system has no further connection to give.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers what comes to a listener until the process ends.
///
/// # Errors
/// When the system refuses to watch connections.
pub fn serve(
    listener: std::net::TcpListener,
    router: &Arc<Router>,
    limits: &Limits,
) -> Result<Infallible> {
    let runtime =
        Builder::new_current_thread().enable_all().max_blocking_threads(READERS).build()?;
    listener.set_nonblocking(true)?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let mut open: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                sleep(PAUSE).await;
                continue;
            };
            open.retain(|connection| !connection.is_finished());
            if open.len() >= limits.connections
                && let Some(oldest) = open.pop_front()
            {
                oldest.abort();
            }
            let task = tokio::spawn(connection(stream, router.clone(), limits.clone()));
            open.push_back(task.abort_handle());
        }
    })
}

async fn connection(stream: TcpStream, router: Arc<Router>, limits: Limits) {
    // A small answer is not held back for a fuller packet.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request| answer(router.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        // Some clients close their side as soon as they have asked.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    // A client that left before the answer came, or spoke no HTTP, is no error.
    if timeout(limits.connection, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(limits.head, connection).await;
    }
}

async fn answer(router: Arc<Router>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    if !body.is_end_stream() {
        let why = "no request has a body here";
        return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    let answer = spawn_blocking(move || router.answer(&head)).await;
    Ok(answer.unwrap_or_else(|_| text(StatusCode::INTERNAL_SERVER_ERROR, "this went wrong here")))
}
