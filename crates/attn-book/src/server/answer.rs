//! What every answer has in common.

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::Value;

/// A whole answer: what is served fits into memory.
pub type Answer = Response<Full<Bytes>>;

/// The headers of every answer: no other site can frame, embed or guess at it, and no cache keeps
/// it, since pages change.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// An answer with these bytes as its body.
pub fn body(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::from(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// A sentence.
pub fn text(status: StatusCode, text: &str) -> Answer {
    body(status, "text/plain; charset=utf-8", text.into())
}

/// A value for a script.
pub fn json(status: StatusCode, value: &Value) -> Answer {
    body(status, "application/json", value.to_string().into())
}
