//! Which request gets which answer.

use crate::{
    answer::{Answer, Events, Head, Refusal, Reply, answer, failed, json, text, whole},
    asked::{Asked, Wanted},
    limits::Limits,
    metrics::{self, Snapshot},
    words::Words,
    worker::{Order, Said},
};
use attn_local::{is_local, is_no_foreign_page};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::{Body, Bytes, Incoming},
    http::request::Parts,
};
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{Semaphore, mpsc::unbounded_channel},
    task::spawn_blocking,
    time::timeout,
};

/// What requests are answered from.
pub struct Router {
    /// The model's name.
    pub name: String,
    /// Tokens that it can look back on.
    pub context: usize,
    pub words: Arc<dyn Words>,
    /// The way to the engine.
    pub orders: Sender<Order>,
    /// Room for texts, those that wait and those that are written.
    pub places: Arc<Semaphore>,
    pub snapshot: Arc<Mutex<Snapshot>>,
    /// Whether only this machine can ask, and so only under its own names.
    pub loopback: bool,
    pub limits: Limits,
    pub turned_away: AtomicU64,
    pub asked: AtomicU64,
}

impl Router {
    /// Answers a request.
    pub async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        self.route(&head, body).await.unwrap_or_else(Answer::from)
    }

    async fn route(&self, head: &Parts, body: Incoming) -> Result<Answer, Refusal> {
        let known = if self.loopback { is_local(head) } else { is_no_foreign_page(&head.headers) };
        if !known {
            let why = "this server answers to programs and pages of its own machine only".into();
            return Err(Refusal { status: StatusCode::FORBIDDEN, why });
        }
        let path = head.uri.path();
        let wanted = if path == "/v1/completions" { Method::POST } else { Method::GET };
        let is_there = matches!(path, "/" | "/health" | "/metrics" | "/v1/completions")
            || path
                .strip_prefix("/v1/models")
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if !is_there {
            let why = format!("there is nothing at {path}: {}", PATHS);
            return Err(Refusal { status: StatusCode::NOT_FOUND, why });
        }
        if head.method != wanted {
            let why = format!("{path} answers {wanted} only");
            return Err(Refusal { status: StatusCode::METHOD_NOT_ALLOWED, why });
        }
        if wanted == Method::POST {
            return self.complete(body).await;
        }
        if !body.is_end_stream() {
            let why = "this request has no body".into();
            return Err(Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, why });
        }
        match path {
            "/" => Ok(text(format!("{}: {PATHS}\n", self.name))),
            // The engine's thread holds it as well, while it lives.
            "/health" if Arc::strong_count(&self.snapshot) == 1 => {
                let why = "the engine has stopped".into();
                Err(Refusal { status: StatusCode::SERVICE_UNAVAILABLE, why })
            }
            "/health" => Ok(json(StatusCode::OK, &json!({ "status": "ok" }))),
            "/metrics" => {
                let snapshot = *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(text(metrics::text(&snapshot, self.turned_away.load(Ordering::Relaxed))))
            }
            path => self.models(path.strip_prefix("/v1/models").unwrap_or_default()),
        }
    }

    fn models(&self, rest: &str) -> Result<Answer, Refusal> {
        let model = json!({ "id": self.name, "object": "model", "created": 0, "owned_by": "attn" });
        match rest.strip_prefix('/') {
            None => Ok(json(StatusCode::OK, &json!({ "object": "list", "data": [model] }))),
            Some(name) if name == self.name => Ok(json(StatusCode::OK, &model)),
            Some(name) => Err(self.no_such_model(name)),
        }
    }

    fn no_such_model(&self, name: &str) -> Refusal {
        let why = format!("there is no model {name}; the model is {}", self.name);
        Refusal { status: StatusCode::NOT_FOUND, why }
    }

    async fn complete(&self, body: Incoming) -> Result<Answer, Refusal> {
        let asked = Asked::read(&self.body(body).await?)?;
        if let Some(name) = asked.model.as_ref().filter(|name| **name != self.name) {
            return Err(self.no_such_model(name));
        }
        let wanted = asked.check()?;
        let texts = wanted.choices.len();
        let places = self.places.clone().try_acquire_many_owned(texts as u32).map_err(|_| {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            let why = "too many requests at once: ask again later".into();
            Refusal { status: StatusCode::TOO_MANY_REQUESTS, why }
        })?;
        let Wanted { stream, usage, .. } = wanted;
        let (wanted, prompt) = self.encode(wanted).await?;
        let head = Head {
            id: format!("cmpl-{}", self.asked.fetch_add(1, Ordering::Relaxed)),
            created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            model: self.name.clone(),
            prompt: prompt.len(),
            texts,
        };
        let most = wanted.most(prompt.len(), self.context);
        let (to, mut said) = unbounded_channel();
        let Wanted { stops, choices, .. } = wanted;
        let order = Order { prompt, most, stops, choices, to, places };
        let _ = self.orders.send(order);
        match said.recv().await {
            Some(Said::Begun) => (),
            other => return Err(failed(other)),
        }
        if stream {
            let events = Reply::Events(Box::new(Events::new(head, said, usage)));
            return Ok(answer(StatusCode::OK, "text/event-stream", events));
        }
        Ok(json(StatusCode::OK, &whole(&head, &mut said).await?))
    }

    /// The prompt's tokens. A long text takes a while, in which others are answered.
    async fn encode(&self, wanted: Wanted) -> Result<(Wanted, Vec<usize>), Refusal> {
        let words = self.words.clone();
        let encoded = spawn_blocking(move || {
            let prompt = words.encode(&wanted.prompt);
            (wanted, prompt)
        });
        let (wanted, prompt) = encoded.await.map_err(|_| failed(None))?;
        let prompt = prompt.map_err(Refusal::bad)?;
        match prompt.is_empty() {
            true => Err(Refusal::bad("the prompt is empty, it needs at least one token")),
            false => Ok((wanted, prompt)),
        }
    }

    /// A body, if it is not too long and comes in time.
    async fn body(&self, body: Incoming) -> Result<Bytes, Refusal> {
        let most = self.limits.body_bytes;
        let too_long = || {
            let why = format!("the body has more than {most} bytes");
            Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, why }
        };
        if body.size_hint().lower() > most as u64 {
            return Err(too_long());
        }
        match timeout(self.limits.body, Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
            Ok(Err(error)) => Err(Refusal::bad(format!("the body: {error}"))),
            Err(_) => {
                let why = "the body did not come in time".into();
                Err(Refusal { status: StatusCode::REQUEST_TIMEOUT, why })
            }
        }
    }
}

/// Where there is something.
const PATHS: &str =
    "POST /v1/completions, GET /v1/models, GET /health and GET /metrics are answered";
