//! Which request gets which answer.

use super::{
    answer::{Answer, json, text},
    course::{Action, Course},
    files,
    site::Site,
};
use attn_local::is_local;
use hyper::{HeaderMap, Method, StatusCode, http::request::Parts};
use serde_json::json;
use std::sync::Arc;

/// The header that carries the token.
pub const TOKEN: &str = "X-Attn-Token";

/// What the requests are answered from.
pub struct Router {
    pub site: Arc<Site>,
    pub course: Arc<dyn Course>,
    pub token: String,
    /// Named to those who came by a wrong name.
    pub port: u16,
}

impl Router {
    /// Answers a request. May take as long as the book is being rebuilt.
    pub fn answer(&self, request: &Parts) -> Answer {
        if !is_local(request) {
            let port = self.port;
            let why = format!(
                "this server answers to localhost only: open http://localhost:{port}/ where it runs. \
                 Through a forwarded port, open http://localhost: with that port"
            );
            return text(StatusCode::FORBIDDEN, &why);
        }
        let path = request.uri.path();
        match path.strip_prefix("/_attn/") {
            Some(rest) => self.course(request, rest),
            None if !matches!(request.method, Method::GET | Method::HEAD) => {
                text(StatusCode::METHOD_NOT_ALLOWED, "files can only be read")
            }
            None => files::answer(&self.site, path, &self.token),
        }
    }

    fn course(&self, request: &Parts, path: &str) -> Answer {
        if !self.has_token(&request.headers) {
            let why = "this needs the token of a page that the server gave out";
            return text(StatusCode::FORBIDDEN, why);
        }
        match (&request.method, path.split_once('/')) {
            (&Method::GET, None) if path == "state" => json(
                StatusCode::OK,
                &json!({
                    "version": self.site.version(),
                    "error": self.site.error(),
                    "course": self.course.state(),
                }),
            ),
            (&Method::POST, Some((verb, id))) => match action(verb, id) {
                Some(action) => self.act(action),
                None => text(StatusCode::NOT_FOUND, "there is no such action"),
            },
            (&Method::GET | &Method::POST, _) => {
                text(StatusCode::NOT_FOUND, "there is nothing here")
            }
            _ => text(StatusCode::METHOD_NOT_ALLOWED, "GET for the state, POST for actions"),
        }
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        headers.get(TOKEN).is_some_and(|token| token == self.token.as_str())
    }

    fn act(&self, action: Action) -> Answer {
        match self.course.act(action) {
            Ok(value) => json(StatusCode::OK, &value),
            Err(error) => {
                let why = json!({ "error": format!("{error:#}") });
                json(StatusCode::UNPROCESSABLE_ENTITY, &why)
            }
        }
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
