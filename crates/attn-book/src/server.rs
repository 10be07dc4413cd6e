//! The built book on localhost, with the state of the learner's exercises in its pages.
//!
//! Only this machine can ask (127.0.0.1), only under this name (the `Host` header: a foreign name
//! that resolves here is refused), and only a page that this server gave out can see or change the
//! exercises (a random token, which is written into served pages and into no file).
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /PATH` | a file of the built book |
//! | `GET /_attn/state` | `{"version": 3, "error": null, "course": …}`: how often the book was rebuilt, why it could not be, [`Course::state`] |
//! | `POST /_attn/hint/3.1`, `/_attn/reset/3.1`, `/_attn/check/3.1` | what [`Course::act`] answers |

mod files;
mod site;
mod watch;

pub use site::Site;
pub use watch::watch;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::{
    io::{ErrorKind, Read},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};
use tiny_http::{Header, Method, Request, Response};

/// The header that carries the token.
pub const TOKEN: &str = "X-Attn-Token";

/// Something that a reader asks for by a button in the book. Each carries the exercise's id: `3.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The next hint.
    Hint(String),
    /// The learner's function back to the starter.
    Reset(String),
    /// A check, now.
    Check(String),
}

/// The course, as far as the book knows it.
pub trait Course: Send + Sync {
    /// `{"exercises": [{"id": "3.1", "state": "failed", "text": "why, in plain text"}, …]}`.
    ///
    /// The states that the pages have words for are `unsolved`, `checking`, `passed` and `failed`.
    /// Asked for about twice a second by every open page: it should only report what is known.
    fn state(&self) -> Value;

    /// Does it; the `text` of the answer, if it has one, is shown in the exercise's box. What takes
    /// long is better started here and followed by [`state`](Course::state).
    ///
    /// # Errors
    /// Why it could not be done, in words for the learner.
    fn act(&self, action: Action) -> Result<Value>;
}

/// The book alone, without exercises.
pub struct NoCourse;

impl Course for NoCourse {
    fn state(&self) -> Value {
        json!({ "exercises": [] })
    }

    fn act(&self, _: Action) -> Result<Value> {
        bail!("the book is served without the course: use `cargo attn start`")
    }
}

/// A server that has its port and waits for [`run`](Server::run).
pub struct Server {
    http: tiny_http::Server,
    port: u16,
    token: String,
    site: Arc<Site>,
    course: Arc<dyn Course>,
}

type Answer = Response<Box<dyn Read + Send>>;

/// How many ports are tried, from the first on.
const PORTS: u16 = 50;

/// How long a connection may wait in tiny_http's queue.
const NUDGE: Duration = Duration::from_millis(250);

impl Server {
    /// Takes the port, or the first free one above it; 0 takes any.
    ///
    /// # Errors
    /// No port is free, or the system gives no random numbers.
    pub fn bind(site: Arc<Site>, course: Arc<dyn Course>, port: u16) -> Result<Self> {
        let listener = listen(port)?;
        let port = listener.local_addr()?.port();
        let http = tiny_http::Server::from_listener(listener, None).map_err(|e| anyhow!("{e}"))?;
        Ok(Server {
            http,
            port,
            token: token()?,
            site,
            course,
        })
    }

    /// `http://127.0.0.1:3939/`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The port that was free.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers requests until the process ends.
    pub fn run(&self) {
        thread::scope(|scope| {
            scope.spawn(|| nudge(self.port));
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Ok(request) = self.http.recv() {
                        let answer = self.answer(&request);
                        // A reader who left before the answer came is no error.
                        let _ = request.respond(answer);
                    }
                });
            }
        });
    }

    fn answer(&self, request: &Request) -> Answer {
        if !self.is_ours(header(request, "Host")) {
            return text(403, "this server answers to localhost only");
        }
        let path = request.url().split('?').next().unwrap_or_default();
        match path.strip_prefix("/_attn/") {
            Some(rest) => self.course(request, rest),
            None if !matches!(request.method(), Method::Get | Method::Head) => {
                text(405, "files can only be read")
            }
            None => files::answer(&self.site, path, &self.token),
        }
    }

    fn is_ours(&self, host: Option<&str>) -> bool {
        let ours = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", self.port));
        host.is_some_and(|host| ours.iter().any(|name| host.eq_ignore_ascii_case(name)))
    }

    fn course(&self, request: &Request, path: &str) -> Answer {
        if header(request, TOKEN) != Some(self.token.as_str()) {
            return text(
                403,
                "this needs the token of a page that the server gave out",
            );
        }
        match (request.method(), path.split_once('/')) {
            (Method::Get, None) if path == "state" => json_answer(
                200,
                &json!({
                    "version": self.site.version(),
                    "error": self.site.error(),
                    "course": self.course.state(),
                }),
            ),
            (Method::Post, Some((verb, id))) => match action(verb, id) {
                Some(action) => self.act(action),
                None => text(404, "there is no such action"),
            },
            (Method::Get | Method::Post, _) => text(404, "there is nothing here"),
            _ => text(405, "GET for the state, POST for actions"),
        }
    }

    fn act(&self, action: Action) -> Answer {
        match self.course.act(action) {
            Ok(value) => json_answer(200, &value),
            Err(error) => json_answer(422, &json!({ "error": format!("{error:#}") })),
        }
    }
}

/// Keeps connections from waiting for ever. tiny_http 0.12 counts a thread as idle until it has
/// woken up, so that of a browser's six connections, opened at once on a busy machine, some are
/// queued for threads that the others keep. One more connection makes a new thread, and when that
/// connection ends, the thread takes one from the queue.
fn nudge(port: u16) -> ! {
    loop {
        thread::sleep(NUDGE);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
    }
}

fn action(verb: &str, id: &str) -> Option<Action> {
    let (chapter, exercise) = id.split_once('.')?;
    let number =
        |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !number(chapter) || !number(exercise) {
        return None;
    }
    let id = id.to_string();
    match verb {
        "hint" => Some(Action::Hint(id)),
        "reset" => Some(Action::Reset(id)),
        "check" => Some(Action::Check(id)),
        _ => None,
    }
}

fn listen(first: u16) -> Result<TcpListener> {
    let last = if first == 0 {
        0
    } else {
        first.saturating_add(PORTS)
    };
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

fn header<'a>(request: &'a Request, name: &'static str) -> Option<&'a str> {
    let found = request
        .headers()
        .iter()
        .find(|header| header.field.equiv(name))?;
    Some(found.value.as_str())
}

fn text(status: u16, text: &str) -> Answer {
    body(
        status,
        "text/plain; charset=utf-8",
        text.as_bytes().to_vec(),
    )
}

fn json_answer(status: u16, value: &Value) -> Answer {
    body(status, "application/json", value.to_string().into_bytes())
}

/// An answer that no other site can frame, embed or guess at, and that no cache keeps, since pages
/// change.
fn body(status: u16, content_type: &str, bytes: Vec<u8>) -> Answer {
    let headers = [
        ("Content-Type", content_type),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "SAMEORIGIN"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ];
    let mut response = Response::from_data(bytes).with_status_code(status);
    for (name, value) in headers {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    response.boxed()
}
