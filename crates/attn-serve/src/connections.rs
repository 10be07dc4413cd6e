//! Connections, and what a client may cost.

use crate::{
    answer::{Answer, RETRY_AFTER, Refusal},
    router::Router,
};
use hyper::{Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long to wait when the system has no further connection to give.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a client that is turned away may take to read why.
const AWAY: Duration = Duration::from_secs(1);

/// Answers what comes to a listener until `stop`, and then what has been begun.
pub async fn serve(listener: TcpListener, router: Arc<Router>, stop: impl Future<Output = ()>) {
    let limits = router.limits.clone();
    let (stopping, stopped) = watch::channel(false);
    let (mut open, mut away) = (JoinSet::new(), JoinSet::new());
    let mut stop = pin!(stop);
    while let Some(accepted) = first(pin!(listener.accept()), stop.as_mut()).await {
        let Ok((stream, _)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        while open.try_join_next().is_some() {}
        while away.try_join_next().is_some() {}
        if open.len() < limits.connections {
            open.spawn(connection(stream, router.clone(), stopped.clone()));
        } else if away.len() < limits.connections {
            router.turned_away.fetch_add(1, Ordering::Relaxed);
            away.spawn(turn_away(stream));
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    let _ = timeout(limits.grace, async { while open.join_next().await.is_some() {} }).await;
}

async fn connection(stream: TcpStream, router: Arc<Router>, mut stopped: watch::Receiver<bool>) {
    // A small answer is not held back for a fuller packet.
    let _ = stream.set_nodelay(true);
    let limits = router.limits.clone();
    let answer = service_fn(|request| answer(router.clone(), request));
    // A client that closes its side counts as gone, and what it asked for is cancelled.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    let enough = timeout(limits.connection, stopped.wait_for(|stopped| *stopped));
    // A client that left before the answer came, or spoke no HTTP, is no error.
    if first(connection.as_mut(), pin!(enough)).await.is_none() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(limits.grace, connection).await;
    }
}

async fn answer(router: Arc<Router>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    Ok(router.answer(request).await)
}

/// Tells a client to come again, without having heard what it wants.
async fn turn_away(stream: TcpStream) {
    let why = "too many connections: come again later".into();
    let body = Refusal { status: StatusCode::TOO_MANY_REQUESTS, why }.value().to_string();
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: {RETRY_AFTER}\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let told = async {
        if stream.writable().await.is_err() || stream.try_write(answer.as_bytes()).is_err() {
            return;
        }
        // Closed at once, with something unread, the answer would be lost with the connection.
        let mut unread = [0; 4096];
        while stream.readable().await.is_ok() {
            match stream.try_read(&mut unread) {
                Ok(0) => return,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
                _ => (),
            }
        }
    };
    let _ = timeout(AWAY, told).await;
}

/// What a future gives, unless another one is ready before.
async fn first<A: Future, B: Future>(mut a: Pin<&mut A>, mut b: Pin<&mut B>) -> Option<A::Output> {
    let either = |context: &mut std::task::Context| match a.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => b.as_mut().poll(context).map(|_| None),
    };
    poll_fn(either).await
}
