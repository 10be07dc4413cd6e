//! Chrome's DevTools Protocol over a pair of pipes: JSON messages, a zero byte after each.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, ChildStdout},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

/// How long Chromium may take to answer, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Connection {
    to: ChildStdin,
    from: Receiver<Value>,
    last: u64,
    /// What happened in the pages so far.
    pub events: Vec<Event>,
}

pub struct Event {
    pub method: String,
    pub params: Value,
}

impl Connection {
    pub fn new(to: ChildStdin, from: ChildStdout) -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for message in BufReader::new(from).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).unwrap_or_default();
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Connection { to, from: receiver, last: 0, events: Vec::new() }
    }

    /// Asks, and waits for the answer. Without a session the question is for the browser itself.
    pub fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<Value> {
        let id = self.send(session, method, params)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = self.from.recv_timeout(left);
            let mut message = answer.with_context(|| format!("{method}: Chromium is silent"))?;
            if message["id"] != id {
                self.note(message)?;
            } else if let Some(error) = message.get("error") {
                bail!("{method}: {}", error["message"]);
            } else {
                return Ok(message["result"].take());
            }
        }
    }

    fn send(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<u64> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).context("Chromium has hung up on us")?;
        Ok(self.last)
    }

    /// Keeps an event. A page that asks “are you sure?” gets its yes here: it answers nothing else
    /// before.
    fn note(&mut self, mut message: Value) -> Result<()> {
        let Some(method) = message["method"].as_str().map(str::to_string) else {
            return Ok(());
        };
        if method == "Page.javascriptDialogOpening" {
            let session = message["sessionId"].as_str();
            let yes = json!({ "accept": true });
            self.send(session, "Page.handleJavaScriptDialog", yes)?;
        }
        let params = message["params"].take();
        self.events.push(Event { method, params });
        Ok(())
    }
}
