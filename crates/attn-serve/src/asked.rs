//! What a client asks for, as the usual clients write it.

use crate::answer::Refusal;
use ch10_paged::engine::Choice;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::hash::{BuildHasher, RandomState};

/// The most texts of one request.
pub const MOST_TEXTS: usize = 8;
/// The most words that end a text, and the most bytes of one.
const MOST_STOPS: (usize, usize) = (4, 200);
/// Tokens of a text whose request does not say how many.
const TOKENS: usize = 16;
/// Below this temperature the likeliest token is taken, so that no logit grows beyond all numbers.
const COLD: f64 = 1e-3;

/// The body of `POST /v1/completions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub model: Option<String>,
    prompt: Option<Value>,
    max_tokens: Option<u64>,
    n: Option<u64>,
    stop: Option<Value>,
    temperature: Option<f64>,
    seed: Option<i64>,
    #[serde(default)]
    pub stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    /// Who asks; no matter.
    #[serde(rename = "user")]
    _user: Option<String>,
    // What is not done here: only the value that asks for nothing is taken.
    top_p: Option<f64>,
    best_of: Option<u64>,
    echo: Option<bool>,
    suffix: Option<String>,
    logprobs: Option<u64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    logit_bias: Option<serde_json::Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamOptions {
    include_usage: Option<bool>,
    #[serde(rename = "include_obfuscation")]
    _include_obfuscation: Option<bool>,
}

/// The same, checked.
#[derive(Debug)]
pub struct Wanted {
    pub prompt: String,
    /// `None` if the client does not say.
    pub most: Option<usize>,
    pub stops: Vec<String>,
    pub choices: Vec<Choice>,
    pub stream: bool,
    /// Whether a stream ends with what was counted.
    pub usage: bool,
}

impl Asked {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no such JSON.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("the body: {error}")))
    }

    /// Checks it.
    ///
    /// # Errors
    /// Names what cannot be done.
    pub fn check(self) -> Result<Wanted, Refusal> {
        let prompt = match self.prompt {
            Some(Value::String(prompt)) => prompt,
            Some(Value::Array(prompts)) => match <[Value; 1]>::try_from(prompts) {
                Ok([Value::String(prompt)]) => prompt,
                _ => return Err(Refusal::bad("a prompt is a text, or a list of one text")),
            },
            Some(_) => return Err(Refusal::bad("a prompt is a text, or a list of one text")),
            None => return Err(Refusal::bad("the prompt is missing")),
        };
        let n = self.n.unwrap_or(1);
        if !(1..=MOST_TEXTS as u64).contains(&n) {
            return Err(Refusal::bad(format!("n is {n}, should be 1 to {MOST_TEXTS}")));
        }
        let temperature = self.temperature.unwrap_or(1.0);
        if !(0.0..=2.0).contains(&temperature) {
            return Err(Refusal::bad(format!(
                "the temperature is {temperature}, should be 0 to 2"
            )));
        }
        for (name, asks_for_something) in [
            ("top_p", self.top_p.is_some_and(|p| p != 1.0)),
            ("best_of", self.best_of.is_some_and(|best| best != n)),
            ("echo", self.echo == Some(true)),
            ("suffix", self.suffix.is_some_and(|suffix| !suffix.is_empty())),
            ("logprobs", self.logprobs.is_some()),
            ("frequency_penalty", self.frequency_penalty.is_some_and(|x| x != 0.0)),
            ("presence_penalty", self.presence_penalty.is_some_and(|x| x != 0.0)),
            ("logit_bias", self.logit_bias.is_some_and(|bias| !bias.is_empty())),
        ] {
            if asks_for_something {
                return Err(Refusal::bad(format!("{name} is not served here: leave it out")));
            }
        }
        let seed = match self.seed {
            Some(seed) => seed as u64,
            None => RandomState::new().hash_one(0),
        };
        let choice = |i: u64| match temperature {
            ..COLD => Choice::Greedy,
            _ => Choice::Sample { temperature: temperature as f32, seed: seed.wrapping_add(i) },
        };
        let most = self.max_tokens.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        let usage = self.stream_options.and_then(|options| options.include_usage);
        Ok(Wanted {
            prompt,
            most,
            stops: stops(self.stop)?,
            choices: (0..n).map(choice).collect(),
            stream: self.stream == Some(true),
            usage: usage == Some(true),
        })
    }
}

impl Wanted {
    /// How many tokens are written at most behind so many of the prompt.
    pub fn most(&self, prompt: usize, context: usize) -> usize {
        // Without a wish, no more than there is room for; a prompt that fills the context is refused later.
        self.most.unwrap_or_else(|| TOKENS.min(context.saturating_sub(prompt)).max(1))
    }
}

fn stops(asked: Option<Value>) -> Result<Vec<String>, Refusal> {
    let (most, bytes) = MOST_STOPS;
    let wrong = || {
        let why = format!("stop is a text or up to {most}, each of 1 to {bytes} bytes");
        Refusal { status: StatusCode::BAD_REQUEST, why }
    };
    let stops = match asked {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(stop)) => vec![stop],
        Some(Value::Array(stops)) => {
            let texts = stops.into_iter().map(|stop| stop.as_str().map(String::from));
            texts.collect::<Option<_>>().ok_or_else(wrong)?
        }
        Some(_) => return Err(wrong()),
    };
    let fits = |stop: &String| (1..=bytes).contains(&stop.len());
    if stops.len() > most || !stops.iter().all(fits) {
        return Err(wrong());
    }
    Ok(stops)
}
