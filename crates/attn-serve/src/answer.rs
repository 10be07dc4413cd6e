//! Answers: whole ones, and those that come as they are written.

use crate::worker::Said;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    header::{self, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::sync::mpsc::UnboundedReceiver;

/// An answer.
pub type Answer = Response<Reply>;

/// No other site can frame or embed an answer, and no cache keeps it.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Seconds after which a client that was turned away may ask again.
pub const RETRY_AFTER: &str = "1";

/// The body of an answer.
pub enum Reply {
    /// All of it.
    Whole(Full<Bytes>),
    /// Events, as they come.
    Events(Box<Events>),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Reply::Whole(whole) => Pin::new(whole).poll_frame(context),
            Reply::Events(events) => {
                let next = ready!(events.poll_next(context));
                Poll::Ready(next.map(|text| Ok(Frame::data(text.into()))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Reply::Whole(whole) => whole.size_hint(),
            Reply::Events(_) => SizeHint::default(),
        }
    }
}

/// An answer of this kind.
pub fn answer(status: StatusCode, kind: &'static str, reply: Reply) -> Answer {
    let mut answer = Response::new(reply);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    }
    answer
}

/// A sentence.
pub fn text(text: String) -> Answer {
    let reply = Reply::Whole(Full::from(text));
    answer(StatusCode::OK, "text/plain; charset=utf-8", reply)
}

/// A value.
pub fn json(status: StatusCode, value: &Value) -> Answer {
    answer(status, "application/json", Reply::Whole(Full::from(value.to_string())))
}

/// A request that is not carried out.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// Why, for a person.
    pub why: String,
}

impl Refusal {
    /// The client has asked for something that cannot be.
    pub fn bad(why: impl Into<String>) -> Self {
        Refusal { status: StatusCode::BAD_REQUEST, why: why.into() }
    }

    /// `{"error": {"message": …, "type": …}}`
    pub fn value(&self) -> Value {
        let kind = match self.status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::NOT_FOUND => "not_found_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        json!({ "error": { "message": self.why, "type": kind, "param": null, "code": null } })
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        json(refusal.status, &refusal.value())
    }
}

/// What all parts of an answer to a completion say.
#[derive(Clone, Debug)]
pub struct Head {
    /// Of this answer alone.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The model's name.
    pub model: String,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// How many texts there are.
    pub texts: usize,
}

impl Head {
    fn value(&self, choices: Value) -> Value {
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }

    fn usage(&self, written: usize) -> Value {
        let total = self.prompt + written;
        json!({ "prompt_tokens": self.prompt, "completion_tokens": written, "total_tokens": total })
    }
}

fn choice(index: usize, text: &str, why: Option<&str>) -> Value {
    json!({ "index": index, "text": text, "logprobs": null, "finish_reason": why })
}

/// Waits for all texts of an order.
///
/// # Errors
/// When the engine fails.
pub async fn whole(head: &Head, said: &mut UnboundedReceiver<Said>) -> Result<Value, Refusal> {
    let mut texts = vec![(String::new(), ""); head.texts];
    let (mut left, mut written) = (head.texts, 0);
    while left > 0 {
        match said.recv().await {
            Some(Said::Text { index, text }) => texts[index].0 += &text,
            Some(Said::End { index, text, tokens, why }) => {
                texts[index].0 += &text;
                texts[index].1 = why;
                (left, written) = (left - 1, written + tokens);
            }
            other => return Err(failed(other)),
        }
    }
    let choices = texts.iter().enumerate().map(|(i, (text, why))| choice(i, text, Some(*why)));
    let mut value = head.value(choices.collect());
    value["usage"] = head.usage(written);
    Ok(value)
}

/// What the engine said, or not, where it should have gone on.
pub fn failed(said: Option<Said>) -> Refusal {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    match said {
        Some(Said::Refused(error)) => Refusal::bad(error.to_string()),
        Some(Said::Failed(why)) => Refusal { status, why: format!("the engine failed: {why}") },
        _ => Refusal { status, why: "the engine has stopped".into() },
    }
}

/// The same as server-sent events. When this is dropped, nobody listens to the engine any more.
pub struct Events {
    head: Head,
    said: UnboundedReceiver<Said>,
    /// Whether the last event but one counts.
    usage: bool,
    left: usize,
    written: usize,
}

impl Events {
    /// The events of an order that is in the engine.
    pub fn new(head: Head, said: UnboundedReceiver<Said>, usage: bool) -> Self {
        let left = head.texts;
        Events { head, said, usage, left, written: 0 }
    }

    fn poll_next(&mut self, context: &mut Context) -> Poll<Option<String>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = |choice| event(&self.head.value(json!([choice])));
        let text = match ready!(self.said.poll_recv(context)) {
            Some(Said::Text { index, text }) => piece(choice(index, &text, None)),
            Some(Said::End { index, text, tokens, why }) => {
                self.left -= 1;
                self.written += tokens;
                let mut last = piece(choice(index, &text, Some(why)));
                if self.left == 0 {
                    if self.usage {
                        let mut value = self.head.value(json!([]));
                        value["usage"] = self.head.usage(self.written);
                        last += &event(&value);
                    }
                    last += "data: [DONE]\n\n";
                }
                last
            }
            other => {
                self.left = 0;
                event(&failed(other).value())
            }
        };
        Poll::Ready(Some(text))
    }
}

fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}
