//! A server for a test, and a client that speaks HTTP by hand.

use attn_lm::{Model, Weights};
use attn_serve::{Limits, Served, Server, Settings, Words};
use ch10_paged::{
    engine::{Decoder, Lm, Span},
    functions::Functions,
    given::Pool,
};
use ndarray::Array2;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long anything may take on a machine that does other things too.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A model that takes its time and counts: after a character comes the next one of a to z. After `!` it
/// panics.
#[derive(Clone)]
pub struct Slow(pub Duration);

/// What it knows.
pub const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz!";

impl Decoder for Slow {
    fn pages(&self) -> (usize, usize, usize) {
        (1, 1, 1)
    }

    fn context(&self) -> usize {
        10_000
    }

    fn vocabulary(&self) -> usize {
        LETTERS.len()
    }

    fn logits(&self, spans: &[Span], _pool: &mut Pool, _by: &Functions) -> Array2<f32> {
        thread::sleep(self.0);
        let mut logits = Array2::zeros((spans.len(), LETTERS.len()));
        for (row, span) in spans.iter().enumerate() {
            let last = *span.tokens.last().expect("a token");
            assert!(last < 26, "it has read a “!”");
            logits[[row, (last + 1) % 26]] = 9.0;
        }
        logits
    }
}

struct Letters;

impl Words for Letters {
    fn encode(&self, text: &str) -> Result<Vec<usize>, String> {
        let number = |letter| LETTERS.find(letter).ok_or(format!("there is no letter {letter:?}"));
        text.chars().map(number).collect()
    }

    fn decode(&self, tokens: &[usize]) -> String {
        tokens.iter().filter_map(|&token| LETTERS.chars().nth(token)).collect()
    }

    fn end(&self) -> Option<usize> {
        None
    }
}

/// A server that ends with the test.
pub struct Running {
    pub port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

pub fn settings(blocks: usize, queue: usize) -> Settings {
    let host = Ipv4Addr::LOCALHOST.into();
    Settings { port: 0, host, blocks, size: 4, budget: 16, queue }
}

fn run<D: Decoder + Clone + Send + 'static>(
    served: Served<D>,
    settings: &Settings,
    limits: Limits,
) -> Running {
    let server = Server::bind(served, settings, limits).expect("a port");
    let port = server.address().expect("an address").port();
    let (stop, stopped) = oneshot::channel();
    let until = async {
        let _ = stopped.await;
    };
    let thread = thread::spawn(move || server.run(until).expect("it runs"));
    Running { port, stop: Some(stop), thread: Some(thread) }
}

/// One of the trained models.
pub fn trained(model: Model) -> Running {
    let decoder = Lm::new(&Weights::trained(model));
    let served = Served { name: model.name().into(), decoder, words: Arc::new(model) };
    run(served, &settings(128, 64), Limits::default())
}

/// The slow model.
pub fn slow(step: Duration, settings: &Settings, limits: Limits) -> Running {
    let served = Served { name: "slow".into(), decoder: Slow(step), words: Arc::new(Letters) };
    run(served, settings, limits)
}

/// An answer: status, head, body.
#[derive(Debug)]
pub struct Heard {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The message and type of an error.
    pub fn error(&self) -> (String, String) {
        let error = &self.json()["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_string();
        (text("message"), text("type"))
    }

    /// The text of each choice.
    pub fn texts(&self) -> Vec<String> {
        let value = self.json();
        let choices = value["choices"].as_array().unwrap_or_else(|| panic!("{self:?}"));
        choices.iter().map(|choice| choice["text"].as_str().expect("a text").into()).collect()
    }

    /// The events of a stream, without the last, which says that it was the last.
    pub fn events(&self) -> Vec<Value> {
        let mut events: Vec<&str> = self.body.split_terminator("\n\n").collect();
        assert_eq!(events.pop(), Some("data: [DONE]"), "{self:?}");
        let value = |event: &str| {
            let text = event.strip_prefix("data: ").expect("an event");
            serde_json::from_str(text).expect("JSON")
        };
        events.into_iter().map(value).collect()
    }
}

impl Running {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.set_write_timeout(Some(PATIENCE)).expect("set");
        stream
    }

    /// Sends this, or as much of it as the server takes.
    pub fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect();
        let _ = stream.write_all(text.as_bytes());
        stream
    }

    pub fn request(&self, line: &str, headers: &str, body: &str) -> String {
        format!(
            "{line} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )
    }

    pub fn get(&self, path: &str) -> Heard {
        heard(self.send(&self.request(&format!("GET {path}"), "", "")))
    }

    /// Asks for a completion, and does not wait for it.
    pub fn ask(&self, body: &Value) -> TcpStream {
        self.send(&self.request("POST /v1/completions", "", &body.to_string()))
    }

    pub fn complete(&self, body: &Value) -> Heard {
        heard(self.ask(body))
    }

    /// A number of the metrics.
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        let heard = self.get("/metrics");
        let line = heard.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{name}: {heard:?}"))
    }

    /// Waits until a number of the metrics is this.
    #[track_caller]
    pub fn until(&self, name: &str, number: u64) {
        let start = Instant::now();
        while self.metric(name) != number {
            assert!(start.elapsed() < PATIENCE, "{name} is {}", self.metric(name));
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Nobody holds a block, and the next one is answered.
    #[track_caller]
    pub fn is_well(&self) {
        self.until("attn_blocks{state=\"used\"}", 0);
        self.until("attn_texts{state=\"running\"}", 0);
        self.until("attn_texts{state=\"waiting\"}", 0);
        assert_eq!(self.get("/health").body, "{\"status\":\"ok\"}");
    }

    /// Stops it; how long that took.
    pub fn stop(mut self) -> Duration {
        self.end()
    }

    fn end(&mut self) -> Duration {
        let start = Instant::now();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        start.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The whole answer.
#[track_caller]
pub fn heard(stream: TcpStream) -> Heard {
    let mut reader = BufReader::new(stream);
    let (mut head, mut body) = (String::new(), Vec::new());
    while !head.ends_with("\r\n\r\n") {
        match reader.read_line(&mut head) {
            Ok(1..) => (),
            other => panic!("the head ends early: {other:?} {head:?}"),
        }
    }
    let lower = head.to_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        while let Some(part) = chunk(&mut reader) {
            body.extend(part);
        }
    } else {
        let length = lower.split("content-length: ").nth(1).expect("a length");
        let length = length.lines().next().and_then(|line| line.parse().ok()).expect("a number");
        body.resize(length, 0);
        reader.read_exact(&mut body).expect("the body");
    }
    let status = head[9..12].parse().expect("a status");
    Heard { status, head, body: String::from_utf8(body).expect("text") }
}

/// A part of a body that comes in parts.
pub fn chunk(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a length");
    let length = usize::from_str_radix(line.trim(), 16).expect("a hexadecimal length");
    let mut part = vec![0; length + 2];
    reader.read_exact(&mut part).expect("a part");
    part.truncate(length);
    (length > 0).then_some(part)
}
