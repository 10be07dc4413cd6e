//! What a client may do to the server: whatever it is, its blocks are given back and the next one is
//! answered.

use crate::client::{Running, chunk, heard, settings, slow};
use attn_serve::Limits;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

const STEP: Duration = Duration::from_millis(5);

/// Room for 400 tokens and for sixteen texts.
fn server() -> Running {
    slow(STEP, &settings(100, 16), Limits::default())
}

/// A text that takes seconds.
fn long() -> Value {
    json!({ "prompt": "abcdefghij", "max_tokens": 300, "temperature": 0, "stream": true })
}

/// A stream whose first event has come.
fn begun(server: &Running, asked: &Value) -> BufReader<TcpStream> {
    let mut reader = BufReader::new(server.ask(asked));
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(reader.read_line(&mut line).expect("a line") > 0, "the head ended");
    }
    assert!(chunk(&mut reader).is_some(), "an event");
    reader
}

#[test]
fn a_client_that_goes_away_frees_its_blocks() {
    let server = server();
    let streams: Vec<_> = (0..3).map(|_| begun(&server, &long())).collect();
    let mut four = long();
    four["n"] = json!(4);
    let siblings = begun(&server, &four);
    assert!(server.metric("attn_blocks{state=\"used\"}") > 0);
    assert_eq!(server.metric("attn_texts{state=\"running\"}"), 7);
    drop((streams, siblings));
    server.is_well();
    assert_eq!(server.metric("attn_requests_total{how=\"cancelled\"}"), 4);

    // One that waits for its whole answer, and one that has only closed its own side.
    let mut whole = long();
    whole["stream"] = json!(false);
    for close in [Shutdown::Both, Shutdown::Write] {
        let stream = server.ask(&whole);
        server.until("attn_texts{state=\"running\"}", 1);
        stream.shutdown(close).expect("closed");
        server.is_well();
    }
    assert_eq!(server.metric("attn_requests_total{how=\"cancelled\"}"), 6);
    assert_eq!(server.metric("attn_requests_total{how=\"ended\"}"), 0);
}

#[test]
fn a_client_that_goes_away_while_it_waits_leaves_the_queue() {
    let server = slow(STEP, &settings(80, 16), Limits::default());
    let first = begun(&server, &long());
    // There is no room for it beside the first.
    let mut large = long();
    large["prompt"] = json!("b".repeat(290));
    large["max_tokens"] = json!(10);
    let second = server.ask(&large);
    server.until("attn_texts{state=\"waiting\"}", 1);
    drop(second);
    server.until("attn_texts{state=\"waiting\"}", 0);
    drop(first);
    server.is_well();
}

#[test]
fn a_flood_is_answered_with_429() {
    let server = slow(STEP, &settings(100, 8), Limits::default());
    let streams: Vec<_> = (0..8).map(|_| begun(&server, &long())).collect();
    for _ in 0..50 {
        let heard = server.complete(&json!({ "prompt": "a" }));
        assert_eq!((heard.status, heard.error().1.as_str()), (429, "rate_limit_error"));
        assert!(heard.head.contains("retry-after: 1"), "{heard:?}");
    }
    assert_eq!(server.metric("attn_requests_total{how=\"turned_away\"}"), 50);
    drop(streams);
    server.is_well();
    let heard = server.complete(&json!({ "prompt": "a", "max_tokens": 3, "temperature": 0 }));
    assert_eq!(heard.texts(), ["bcd"]);
}

#[test]
fn a_flood_of_connections_is_answered_with_429() {
    let limits = Limits { connections: 4, ..Limits::default() };
    let server = slow(STEP, &settings(100, 16), limits);
    let kept: Vec<TcpStream> = (0..4).map(|_| server.connect()).collect();
    // Each of the four has to be there before one more comes.
    for mut stream in &kept {
        let text = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(text.as_bytes()).expect("sent");
        assert!(stream.read(&mut [0; 512]).expect("an answer") > 0);
    }
    let heard = heard(server.ask(&long()));
    assert_eq!((heard.status, heard.error().1.as_str()), (429, "rate_limit_error"));
    assert!(heard.head.contains("Retry-After: 1"), "{heard:?}");
    // Of very many, most are not even told.
    drop((0..200).map(|_| server.connect()).collect::<Vec<TcpStream>>());
    drop(kept);
    // Those that were told to come again have to leave first.
    thread::sleep(Duration::from_millis(1500));
    server.is_well();
}

/// The message of what is refused.
#[track_caller]
fn refused(server: &Running, status: u16, asked: &Value) -> String {
    let heard = server.complete(asked);
    assert_eq!(heard.status, status, "{asked}: {heard:?}");
    assert_eq!(heard.error().1, "invalid_request_error");
    heard.error().0
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let server = server();
    for (asked, why) in [
        (json!({}), "the prompt is missing"),
        (json!({ "prompt": 7 }), "a prompt is a text, or a list of one text"),
        (json!({ "prompt": ["a", "b"] }), "a prompt is a text, or a list of one text"),
        (json!({ "prompt": "" }), "the prompt is empty, it needs at least one token"),
        (json!({ "prompt": "häh" }), "there is no letter 'ä'"),
        (json!({ "prompt": "a", "max_tokens": 0 }), "request 0 wants 0 tokens"),
        (json!({ "prompt": "a", "n": 0 }), "n is 0, should be 1 to 8"),
        (json!({ "prompt": "a", "n": 9 }), "n is 9, should be 1 to 8"),
        (json!({ "prompt": "a", "temperature": -1 }), "the temperature is -1, should be 0 to 2"),
        (json!({ "prompt": "a", "top_p": 0.5 }), "top_p is not served here: leave it out"),
        (json!({ "prompt": "a", "logprobs": 1 }), "logprobs is not served here: leave it out"),
        (json!({ "prompt": "a", "stop": "" }), "stop is a text or up to 4, each of 1 to 200 bytes"),
        (
            json!({ "prompt": "a", "stop": [1] }),
            "stop is a text or up to 4, each of 1 to 200 bytes",
        ),
        (
            json!({ "prompt": "a".repeat(390), "max_tokens": 12 }),
            "up to 101 blocks are needed, the pool has 100",
        ),
        (
            json!({ "prompt": "a", "max_tokens": 10_000 }),
            "prompt and text are up to 10001 tokens, the context only 10000",
        ),
        (
            json!({ "prompt": "a", "max_tokens": u64::MAX }),
            "prompt and text are up to 18446744073709551615 tokens, the context only 10000",
        ),
    ] {
        assert_eq!(refused(&server, 400, &asked), why);
    }
    for (asked, part) in [
        (json!({ "prompt": "a", "max_token": 3 }), "unknown field `max_token`"),
        (json!({ "prompt": "a", "max_tokens": -3 }), "invalid value: integer `-3`"),
        (json!({ "prompt": "a", "max_tokens": "3" }), "invalid type: string"),
        (json!([1, 2]), "the body: "),
        (json!("a"), "the body: "),
    ] {
        let why = refused(&server, 400, &asked);
        assert!(why.contains(part), "{asked}: {why}");
    }
    let deep = "[".repeat(100_000);
    for body in ["", "{", "{\"prompt\": \"a\"", "\u{0}", &deep, "{\"prompt\": \"\\ud800\"}"] {
        let heard = heard(server.send(&server.request("POST /v1/completions", "", body)));
        assert_eq!((heard.status, heard.error().1.as_str()), (400, "invalid_request_error"));
    }
    server.is_well();
}

#[test]
fn bodies_that_are_too_long_or_never_come_are_refused() {
    let limits = Limits { body: Duration::from_millis(500), ..Limits::default() };
    let server = slow(STEP, &settings(100, 16), limits);
    let head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n";
    for length in ["300000", "4000000000000"] {
        let heard = heard(server.send(&format!("{head}Content-Length: {length}\r\n\r\n")));
        assert_eq!((heard.status, heard.error().1.as_str()), (413, "invalid_request_error"));
    }
    let part = format!("1000\r\n{}\r\n", "x".repeat(4096));
    let endless = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", part.repeat(70));
    assert_eq!(heard(server.send(&endless)).status, 413);
    assert_eq!(heard(server.send(&format!("{head}Content-Length: 9\r\n\r\n{{"))).status, 408);
    let get = server.request("GET /metrics", "", "body");
    assert_eq!(heard(server.send(&get)).status, 413);
    server.is_well();
}

#[test]
fn heads_that_are_too_long_or_slow_are_cut_off() {
    let limits = Limits { head: Duration::from_millis(200), ..Limits::default() };
    let server = slow(STEP, &settings(100, 16), limits);
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(5000));
    let rubbish = "\u{1}\u{2}\u{3}".repeat(100);
    for text in [long.as_str(), "GET / HTTP/1.1\r\nHost: loc", &rubbish, ""] {
        let mut answer = Vec::new();
        let _ = server.send(text).read_to_end(&mut answer);
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"), "{text:?}");
        server.is_well();
    }
}

#[test]
fn other_sites_and_names_are_refused() {
    let server = server();
    let body = json!({ "prompt": "a" }).to_string();
    for (line, headers) in [
        ("POST /v1/completions", "Origin: https://evil.example\r\n"),
        ("POST /v1/completions", "Origin: null\r\n"),
        ("GET /metrics", "Origin: https://evil.example\r\n"),
        ("GET /metrics", "Host: evil.example\r\n"),
    ] {
        let heard = heard(server.send(&server.request(line, headers, &body)));
        assert_eq!(
            (heard.status, heard.error().1.as_str()),
            (403, "permission_error"),
            "{headers}"
        );
    }
    let rebound = "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert_eq!(heard(server.send(rebound)).status, 403);
    let own = server.request("GET /health", "Origin: http://localhost:3000\r\n", "");
    assert_eq!(heard(server.send(&own)).status, 200);
    for (line, status) in [
        ("GET /v1/completions", 405),
        ("POST /metrics", 405),
        ("DELETE /v1/models", 405),
        ("GET /v1/modelsx", 404),
        ("GET /../../etc/passwd", 404),
        ("POST /v1/chat/completions", 404),
    ] {
        assert_eq!(heard(server.send(&server.request(line, "", ""))).status, status, "{line}");
    }
    server.is_well();
}

#[test]
fn an_engine_that_fails_begins_anew() {
    let server = server();
    let other = begun(&server, &long());
    let heard = server.complete(&json!({ "prompt": "ab!", "max_tokens": 3 }));
    let why = ("the engine failed: a step panicked".to_string(), "server_error".to_string());
    assert_eq!((heard.status, heard.error()), (500, why));
    // The other one is told in its stream, which then ends.
    let mut rest = String::new();
    let mut other = other;
    while let Some(part) = chunk(&mut other) {
        rest += &String::from_utf8(part).expect("text");
    }
    assert!(rest.contains("\"type\":\"server_error\"") && !rest.contains("[DONE]"), "{rest}");
    assert_eq!(server.metric("attn_requests_total{how=\"failed\"}"), 2);
    server.is_well();
    let heard = server.complete(&json!({ "prompt": "a", "max_tokens": 3, "temperature": 0 }));
    assert_eq!(heard.texts(), ["bcd"]);
}

#[test]
fn whoever_does_not_read_delays_nobody() {
    let server = server();
    let _deaf: Vec<TcpStream> = (0..4).map(|_| server.ask(&long())).collect();
    let heard = server.complete(&json!({ "prompt": "x", "max_tokens": 4, "temperature": 0 }));
    assert_eq!(heard.texts(), ["yzab"]);
    server.is_well();
    assert_eq!(server.metric("attn_requests_total{how=\"ended\"}"), 5);
}

#[test]
fn it_stops_when_it_is_asked_to() {
    let idle = server();
    let kept = idle.connect();
    assert!(idle.stop() < Duration::from_secs(5));
    drop(kept);

    // What has been begun is written to its end, if that is soon.
    let server = server();
    let port = server.port;
    let asked = json!({ "prompt": "a", "max_tokens": 100, "temperature": 0 });
    let stream = server.ask(&asked);
    server.until("attn_texts{state=\"running\"}", 1);
    let answer = thread::spawn(move || heard(stream));
    server.stop();
    let heard = answer.join().expect("an answer");
    assert_eq!(heard.json()["usage"]["completion_tokens"], 100);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());

    // And cut off otherwise.
    let limits = Limits { grace: Duration::from_millis(200), ..Limits::default() };
    let server = slow(STEP, &settings(100, 16), limits);
    let stream = begun(&server, &long());
    assert!(server.stop() < Duration::from_secs(5));
    drop(stream);
}

/// Many clients, each of which leaves at some time.
#[test]
fn a_crowd_that_comes_and_goes() {
    let server = slow(Duration::from_millis(1), &settings(30, 64), Limits::default());
    thread::scope(|scope| {
        for client in 0..12_u64 {
            let server = &server;
            scope.spawn(move || {
                for i in 0..15 {
                    let asked = json!({
                        "prompt": "abcabcab", "max_tokens": 1 + (client * 7 + i) % 40,
                        "n": 1 + (client + i) % 3, "temperature": 0, "stream": i % 2 == 0,
                    });
                    let stream = server.ask(&asked);
                    match (client + i) % 4 {
                        0 => drop(stream),
                        1 => {
                            thread::sleep(Duration::from_millis(3 * i));
                            drop(stream);
                        }
                        _ => assert_eq!(heard(stream).status, 200),
                    }
                }
            });
        }
    });
    server.is_well();
    assert_eq!(server.metric("attn_requests_total{how=\"failed\"}"), 0);
    assert!(server.metric("attn_preemptions_total") > 0);
}
