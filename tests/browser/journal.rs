//! What must never happen while the tests click about: an error in the console, or a request that
//! leaves this machine.

use crate::cdp::Event;
use serde_json::Value;

/// Everything in the events that must not be.
pub fn complaints(events: &[Event]) -> Vec<String> {
    let complaint = |event: &Event| error(event).or_else(|| foreign(event));
    events.iter().filter_map(complaint).collect()
}

fn error(event: &Event) -> Option<String> {
    let params = &event.params;
    match event.method.as_str() {
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            let exception = &details["exception"]["description"];
            Some(format!("exception: {} {exception}", details["text"]))
        }
        "Runtime.consoleAPICalled" if params["type"] == "error" || params["type"] == "assert" => {
            Some(format!("console.error: {}", params["args"]))
        }
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            let entry = &params["entry"];
            Some(format!("logged: {} {}", entry["text"], entry["url"]))
        }
        _ => None,
    }
}

fn foreign(event: &Event) -> Option<String> {
    let url = match event.method.as_str() {
        "Network.requestWillBeSent" => &event.params["request"]["url"],
        "Network.webSocketCreated" | "Network.webTransportCreated" => &event.params["url"],
        _ => return None,
    };
    let url = url.as_str().unwrap_or_default();
    (!stays_here(url)).then(|| format!("request: {url}"))
}

fn stays_here(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once(':') else {
        return false;
    };
    let host = rest.trim_start_matches('/').split(['/', '?', '#']).next();
    let name = host.unwrap_or_default().split(':').next();
    match scheme {
        "data" | "blob" | "about" | "file" => true,
        _ => matches!(name, Some("127.0.0.1" | "localhost")),
    }
}

/// The addresses of the files of this kind that were asked for: `.woff2`.
pub fn requested(events: &[Event], ending: &str) -> Vec<String> {
    let url = |event: &Event| match event.method.as_str() {
        "Network.requestWillBeSent" => event.params["request"]["url"].as_str().map(str::to_string),
        _ => None,
    };
    let urls = events.iter().filter_map(url);
    urls.filter(|url| url.ends_with(ending)).collect()
}

/// The question of the last dialog that a page opened.
pub fn asked(events: &[Event]) -> Option<&str> {
    let dialog = |event: &&Event| event.method == "Page.javascriptDialogOpening";
    let message: &Value = &events.iter().rev().find(dialog)?.params["message"];
    message.as_str()
}
