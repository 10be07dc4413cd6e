//! A small server on paged caches: continuous batching with chunked prefill, shared beginnings, parallel
//! samples by copy-on-write, eviction, and preemption by swapping or computing again.
//!
//! [`Engine::add`] takes a request, [`Engine::step`] runs the model once for everybody and says what was
//! written, [`Engine::cancel`] ends a request early, [`Engine::metrics`] counts. What a step computes is
//! the plan of [`schedule`](crate::schedule); the tokens of all requests go through the model as the rows
//! of one matrix, so that its weights are read once. **No plan changes what is written**: the tests compare
//! every request with the same one alone.
//!
//! The model is a [`Decoder`]; [`Lm`] is the course's own. The functions of the exercises are given as
//! [`Functions`](crate::functions::Functions), so that a learner's can run it.

mod batch;
mod beams;
mod lm;
mod prefix;
mod request;

pub use batch::{Engine, EngineError, Metrics, Settings};
pub use lm::{Decoder, LayerHeads, Lm, Span, attend, last_rows, tokens_of};
pub use request::{AddError, Choice, Event, NoSuchRequest, Request};
