//! What is asked for comes, as it would come without a server.

use crate::client::trained;
use attn_lm::{Model, Weights};
use ch10_paged::{
    engine::{Choice, Engine, Event, Lm, Request, Settings},
    given::Way,
};
use serde_json::json;
use std::thread;

/// What the model writes in an engine of its own, alone, in blocks of another size.
fn alone(model: Model, prompt: &str, most: usize, choice: Choice) -> String {
    let lm = Lm::new(&Weights::trained(model));
    let settings =
        Settings { blocks: 300, size: 1, budget: 300, way: Way::Recompute, share: false };
    let mut engine = Engine::new(lm, settings);
    let prompt = model.alphabet().encode(prompt).expect("known");
    engine.add(Request { choice, ..Request::greedy(0, &prompt, most) }).expect("it fits");
    let mut tokens = Vec::new();
    while !engine.is_idle() {
        for event in engine.step().expect("a step") {
            if let Event::Token { token, .. } = event {
                tokens.push(token);
            }
        }
    }
    model.alphabet().decode(&tokens)
}

#[test]
fn a_completion_is_what_the_model_writes_alone() {
    let server = trained(Model::Mha);
    let prompt = "It is a truth universally acknowledged, that";
    let asked = json!({ "model": "mha", "prompt": prompt, "max_tokens": 40, "temperature": 0 });
    let heard = server.complete(&asked);
    let right = alone(Model::Mha, prompt, 40, Choice::Greedy);
    assert_eq!((heard.status, heard.texts()), (200, vec![right.clone()]));
    let value = heard.json();
    assert_eq!(value["object"], "text_completion");
    assert_eq!(value["model"], "mha");
    assert_eq!(value["choices"][0]["finish_reason"], "length");
    let counted = json!({ "prompt_tokens": 44, "completion_tokens": 40, "total_tokens": 84 });
    assert_eq!(value["usage"], counted);

    let mut asked = asked;
    asked["stream"] = json!(true);
    asked["stream_options"] = json!({ "include_usage": true });
    let heard = server.complete(&asked);
    assert!(heard.head.contains("content-type: text/event-stream"), "{heard:?}");
    let events = heard.events();
    let (usage, pieces) = events.split_last().expect("events");
    assert_eq!((&usage["usage"], &usage["choices"]), (&counted, &json!([])));
    let texts = pieces.iter().map(|event| event["choices"][0]["text"].as_str().expect("a text"));
    assert_eq!(texts.collect::<String>(), right);
    assert!(pieces.len() >= 40, "piece by piece");
    let ends = pieces.iter().filter(|event| !event["choices"][0]["finish_reason"].is_null());
    assert_eq!(ends.count(), 1);
    // The second time most of the prompt was there.
    assert_eq!(server.metric("attn_prefix_hits_total"), 1);
    assert_eq!(server.metric("attn_tokens_total{kind=\"found\"}"), 40);
    server.is_well();
}

#[test]
fn poems_end_where_their_words_do() {
    let server = trained(Model::Quatrains);
    let right = alone(Model::Quatrains, "床前明月光，", 18, Choice::Greedy);
    let asked = json!({ "prompt": ["床前明月光，"], "max_tokens": 18, "temperature": 0 });
    assert_eq!(server.complete(&asked).texts().concat(), right);
    for (stop, end) in [(json!("。"), "。"), (json!(["xyz", "地上", "。"]), "地上")] {
        let asked =
            json!({ "prompt": "床前明月光，", "max_tokens": 18, "temperature": 0, "stop": stop });
        let heard = server.complete(&asked);
        let expected = right.split(end).next().expect("a beginning").to_string();
        assert_eq!(heard.texts(), [expected]);
        assert_eq!(heard.json()["choices"][0]["finish_reason"], "stop");
        let mut asked = asked;
        asked["stream"] = json!(true);
        let events = server.complete(&asked);
        assert!(!events.body.contains(end), "{events:?}");
    }
    // 16 tokens without a wish, and fewer where the context has less room.
    let short = server.complete(&json!({ "prompt": "床前", "temperature": 0 }));
    assert_eq!(short.json()["usage"]["completion_tokens"], 16);
    let long = server.complete(&json!({ "prompt": right, "temperature": 0 }));
    assert_eq!(long.json()["usage"]["completion_tokens"], 24 - right.chars().count());
    server.is_well();
}

#[test]
fn samples_differ_and_a_seed_brings_them_back() {
    let server = trained(Model::Mha);
    let asked =
        json!({ "prompt": "Mr. Darcy", "max_tokens": 20, "n": 4, "seed": 7, "temperature": 0.9 });
    let texts = server.complete(&asked).texts();
    assert_eq!(texts.len(), 4);
    assert!(texts[1..].iter().all(|text| *text != texts[0]), "{texts:?}");
    assert_eq!(server.complete(&asked).texts(), texts);
    let first = Choice::Sample { temperature: 0.9, seed: 7 };
    assert_eq!(texts[0], alone(Model::Mha, "Mr. Darcy", 20, first));
    assert!(server.metric("attn_copies_total") >= 3, "they share the prompt's last block");

    let mut asked = asked;
    asked["stream"] = json!(true);
    let mut streamed = vec![String::new(); 4];
    for event in server.complete(&asked).events() {
        let choice = &event["choices"][0];
        let index = choice["index"].as_u64().expect("an index") as usize;
        streamed[index] += choice["text"].as_str().expect("a text");
    }
    assert_eq!(streamed, texts);
    // Without a seed, two differ.
    let asked = json!({ "prompt": "Mr. Darcy", "max_tokens": 40, "n": 2, "temperature": 2 });
    let texts = server.complete(&asked).texts();
    assert_ne!(texts[0], texts[1]);
    assert_ne!(server.complete(&asked).texts(), texts);
    server.is_well();
}

#[test]
fn many_at_once_write_what_each_writes_alone() {
    let server = trained(Model::Gqa);
    let prompts = ["It is a truth", "Mr. Bennet was", "Elizabeth", "My dear", "I", "The"];
    thread::scope(|scope| {
        for (i, prompt) in prompts.iter().cycle().take(24).enumerate() {
            let server = &server;
            scope.spawn(move || {
                let most = 5 + i;
                let asked = json!({
                    "prompt": prompt, "max_tokens": most, "temperature": 0, "stream": i % 2 == 0,
                });
                let heard = server.complete(&asked);
                let text = if i % 2 == 0 {
                    let events = heard.events();
                    let text = |event: &serde_json::Value| {
                        event["choices"][0]["text"].as_str().expect("a text").to_string()
                    };
                    events.iter().map(text).collect()
                } else {
                    heard.texts().concat()
                };
                assert_eq!(text, alone(Model::Gqa, prompt, most, Choice::Greedy));
            });
        }
    });
    assert_eq!(server.metric("attn_requests_total{how=\"ended\"}"), 24);
    server.is_well();
}

#[test]
fn models_are_listed() {
    let server = trained(Model::Mqa);
    assert_eq!(server.get("/v1/models").json()["data"][0]["id"], "mqa");
    assert_eq!(server.get("/v1/models/mqa").json()["object"], "model");
    let heard = server.get("/v1/models/gpt");
    let why = "there is no model gpt; the model is mqa".to_string();
    assert_eq!((heard.status, heard.error()), (404, (why, "not_found_error".into())));
    assert_eq!(server.complete(&json!({ "model": "gpt", "prompt": "I" })).status, 404);
}
