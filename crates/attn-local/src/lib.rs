//! Who may ask a server on this machine: only pages and programs that know this machine as itself.
//!
//! A foreign name may resolve to this machine, and so a foreign page may ask here under its own
//! name. The port is no matter: `ssh -L 8000:localhost:3939` and containers give the server another
//! one.

use hyper::{
    HeaderMap, Uri,
    header::{HOST, HeaderValue, ORIGIN},
    http::{request::Parts, uri::Authority},
};

/// The names of this machine for itself.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Whether a request names this machine in its `Host`, and nowhere another one.
pub fn is_local(request: &Parts) -> bool {
    let hosts: Vec<&HeaderValue> = request.headers.get_all(HOST).iter().collect();
    let [host] = hosts[..] else { return false };
    host.to_str().is_ok_and(is_this_machine)
        && request.uri.authority().is_none_or(is_local_name)
        && is_no_foreign_page(&request.headers)
}

/// Whether a request comes from a page of this machine, or from a program, which names no page.
pub fn is_no_foreign_page(headers: &HeaderMap) -> bool {
    origins(headers).all(|origin| origin.is_some_and(|uri| is_local_origin(&uri)))
}

fn is_this_machine(host: &str) -> bool {
    host.parse().is_ok_and(|host| is_local_name(&host))
}

/// `localhost:8000`, but not `somebody@localhost:8000`.
fn is_local_name(authority: &Authority) -> bool {
    let name = NAMES.iter().find(|name| authority.host().eq_ignore_ascii_case(name));
    name.is_some() && !authority.as_str().contains('@')
}

/// The pages that a browser asks for; `None` for one that has no address.
fn origins(headers: &HeaderMap) -> impl Iterator<Item = Option<Uri>> {
    let origins = headers.get_all(ORIGIN).iter();
    origins.map(|origin| origin.to_str().ok()?.parse().ok())
}

fn is_local_origin(origin: &Uri) -> bool {
    let http = matches!(origin.scheme_str(), Some("http" | "https"));
    http && origin.authority().is_some_and(is_local_name)
}

#[cfg(test)]
mod tests {
    use super::is_local;
    use hyper::Request;

    fn asked(uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        is_local(&parts)
    }

    #[test]
    fn this_machine_has_three_names_and_any_port() {
        for host in
            ["localhost", "LocalHost:3939", "localhost:8000", "127.0.0.1:1", "[::1]", "[::1]:65535"]
        {
            assert!(asked("/", &[("host", host)]), "{host}");
            let origin = format!("http://{host}");
            assert!(asked("/", &[("host", host), ("origin", &origin)]), "{host}");
        }
    }

    #[test]
    fn other_names_are_refused_wherever_they_stand() {
        for host in [
            "",
            "evil.example",
            "evil.example:3939",
            "localhost.evil.example",
            "localhost@evil.example",
            "evil@localhost:3939",
            "127.0.0.1.evil.example",
            "127.0.0.2",
            "[::2]",
            "::1",
            "localhost:3939, evil.example",
        ] {
            assert!(!asked("/", &[("host", host)]), "{host}");
            let origin = format!("http://{host}");
            let headers = [("host", "localhost"), ("origin", origin.as_str())];
            assert!(!asked("/", &headers), "{origin}");
        }
        assert!(!asked("/", &[]));
        assert!(!asked("/", &[("host", "localhost"), ("host", "localhost")]));
        assert!(!asked("http://evil.example/", &[("host", "localhost")]));
        assert!(asked("http://localhost/", &[("host", "localhost")]));
        for origin in ["null", "file://localhost", "localhost", "http://"] {
            let headers = [("host", "localhost"), ("origin", origin)];
            assert!(!asked("/", &headers), "{origin}");
        }
    }
}
