//! The server, spoken to byte by byte: who may ask, for what, and what changes are seen.

use anyhow::{Result, bail};
use attn_book::server::{Action, Course, Server, Site};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// A course that passes an exercise as soon as it is checked, and notes what it was asked.
#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<Action>>,
}

impl Course for Fake {
    fn state(&self) -> Value {
        let passed =
            self.asked.lock().expect("not poisoned").contains(&Action::Check("3.1".into()));
        let state = if passed { "passed" } else { "unsolved" };
        json!({ "exercises": [{ "id": "3.1", "state": state }] })
    }

    fn act(&self, action: Action) -> Result<Value> {
        self.asked.lock().expect("not poisoned").push(action.clone());
        match action {
            Action::Hint(id) => Ok(json!({ "text": format!("think about {id}") })),
            Action::Reset(_) => bail!("there is nothing to reset"),
            Action::Check(_) => Ok(json!({})),
        }
    }
}

struct Served {
    folder: TempDir,
    site: Arc<Site>,
    course: Arc<Fake>,
    port: u16,
}

fn serve() -> Served {
    let folder = TempDir::new().expect("a temporary folder");
    let root = folder.path().join("site");
    fs::create_dir_all(root.join("css")).expect("made");
    fs::write(folder.path().join("secret.txt"), "secret").expect("written");
    fs::write(root.join("index.html"), "<html><head></head><body>home</body></html>")
        .expect("written");
    fs::write(root.join("a b.html"), "<html><head></head>space</html>").expect("written");
    fs::write(root.join("css/a.css"), "p {}").expect("written");
    fs::write(root.join("font.woff2"), [0xff, 0xfe, 0x00]).expect("written");
    let (site, course) = (Arc::new(Site::new(root)), Arc::new(Fake::default()));
    let server = Server::bind(site.clone(), course.clone(), 0).expect("a port");
    let port = server.port();
    thread::spawn(move || server.run());
    Served { folder, site, course, port }
}

struct Got {
    status: u16,
    /// In lower case.
    head: String,
    body: String,
}

impl Served {
    fn ask(&self, line: &str, headers: &[(&str, &str)]) -> Got {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("connected");
        let mut text = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text += &format!("Host: 127.0.0.1:{}\r\n", self.port);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{text}\r\n").as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("read");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Got { status, head: head.to_lowercase(), body: body.to_string() }
    }

    fn token(&self) -> String {
        let page = self.ask("GET /", &[]).body;
        let after =
            page.split("name=\"attn-token\" content=\"").nth(1).expect("a token in the page");
        after.split('"').next().expect("its end").to_string()
    }

    fn state(&self) -> Value {
        let got = self.ask("GET /_attn/state", &[("X-Attn-Token", &self.token())]);
        assert_eq!(got.status, 200, "{}", got.body);
        serde_json::from_str(&got.body).expect("JSON")
    }
}

#[test]
fn pages_carry_the_token_and_files_on_disk_do_not() {
    let served = serve();
    let token = served.token();
    assert_eq!(token.len(), 32);
    let on_disk = fs::read_to_string(served.folder.path().join("site/index.html")).expect("there");
    assert!(!on_disk.contains(&token));
    assert_ne!(serve().token(), token, "every server has a token of its own");
}

/// A browser opens several connections at once and keeps them.
#[test]
fn no_connection_waits_for_another_to_end() {
    let served = serve();
    let ask = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", served.port);
    let open = |_| {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, served.port)).expect("connected");
        stream.write_all(ask.as_bytes()).expect("sent");
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).expect("set");
        stream
    };
    let mut streams: Vec<TcpStream> = (0..24).map(open).collect();
    for stream in &mut streams {
        stream.read_exact(&mut [0; 12]).expect("an answer");
    }
}

#[test]
fn files_have_their_types() {
    let served = serve();
    for (line, kind) in [
        ("GET /", "text/html"),
        ("GET /index.html?x=1", "text/html"),
        ("GET /a%20b.html", "text/html"),
        ("GET /css/a.css", "text/css"),
        ("GET /font.woff2", "font/woff2"),
    ] {
        let got = served.ask(line, &[]);
        assert_eq!(got.status, 200, "{line}");
        assert!(got.head.contains(&format!("content-type: {kind}")), "{}", got.head);
        assert!(got.head.contains("x-content-type-options: nosniff"), "{}", got.head);
    }
    let head = served.ask("HEAD /", &[]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(served.ask("POST /index.html", &[]).status, 405);
    assert_eq!(served.ask("GET /nowhere.html", &[]).status, 404);
}

#[test]
fn nothing_outside_the_site_is_served() {
    let served = serve();
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/css/../../secret.txt",
        "/css/%2e%2e/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/C:/Windows/win.ini",
        "/index.html%00.css",
        "/%",
        "/css",
    ] {
        let got = served.ask(&format!("GET {path}"), &[]);
        assert_eq!(got.status, 404, "{path}: {}", got.body);
    }
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_site_is_not_followed() {
    let served = serve();
    let root = served.folder.path();
    std::os::unix::fs::symlink(root.join("secret.txt"), root.join("site/link.txt"))
        .expect("linked");
    assert_eq!(served.ask("GET /link.txt", &[]).status, 404);
}

/// Under any port: the one that is asked may be another one's, forwarded.
#[test]
fn only_localhost_is_answered() {
    let served = serve();
    let token = served.token();
    let own = served.port;
    for host in [
        format!("localhost:{own}"),
        format!("127.0.0.1:{own}"),
        "LocalHost:8000".into(),
        "[::1]:8000".into(),
        "localhost".into(),
    ] {
        let (host, origin) = (("Host", host.as_str()), format!("http://{host}"));
        assert_eq!(served.ask("GET /", &[host]).status, 200, "{host:?}");
        let asked = [host, ("Origin", &origin), ("X-Attn-Token", &token)];
        let hint = served.ask("POST /_attn/hint/3.1", &asked);
        assert_eq!(hint.status, 200, "{host:?}");
    }
    served.course.asked.lock().expect("not poisoned").clear();
    for host in ["evil.example".into(), format!("evil.example:{own}"), String::new()] {
        let origin = format!("http://{host}");
        for line in ["GET /", "GET /_attn/state", "POST /_attn/check/3.1"] {
            for bad in [("Host", &host), ("Origin", &origin)] {
                let bad = (bad.0, bad.1.as_str());
                let got = served.ask(line, &[bad, ("X-Attn-Token", &token)]);
                assert_eq!(got.status, 403, "{line} for {bad:?}");
                assert!(!got.body.contains(&token));
                let right = format!("open http://localhost:{own}/");
                assert!(got.body.contains(&right), "{}", got.body);
            }
        }
    }
    assert!(served.course.asked.lock().expect("not poisoned").is_empty());
}

#[test]
fn the_course_needs_the_token() {
    let served = serve();
    let token = served.token();
    for line in [
        "GET /_attn/state",
        "POST /_attn/reset/3.1",
        "POST /_attn/check/3.1",
        "POST /_attn/hint/3.1",
    ] {
        assert_eq!(served.ask(line, &[]).status, 403, "{line}");
        assert_eq!(served.ask(line, &[("X-Attn-Token", "0123")]).status, 403, "{line}");
        assert_eq!(served.ask(&format!("{line}?token={token}"), &[]).status, 403, "{line}");
    }
    assert!(served.course.asked.lock().expect("not poisoned").is_empty());
}

#[test]
fn actions_reach_the_course_and_its_state_the_page() {
    let served = serve();
    let token = served.token();
    let post = |path: &str| served.ask(&format!("POST /_attn/{path}"), &[("X-Attn-Token", &token)]);
    assert_eq!(served.state()["course"]["exercises"][0]["state"], "unsolved");
    let hint = post("hint/3.1");
    assert_eq!((hint.status, hint.body.contains("think about 3.1")), (200, true));
    let reset = post("reset/3.1");
    assert_eq!((reset.status, reset.body.contains("nothing to reset")), (422, true));
    assert_eq!(post("check/3.1").status, 200);
    assert_eq!(served.state()["course"]["exercises"][0]["state"], "passed");
    let id = || String::from("3.1");
    let asked = served.course.asked.lock().expect("not poisoned").clone();
    assert_eq!(asked, [Action::Hint(id()), Action::Reset(id()), Action::Check(id())]);
}

#[test]
fn odd_actions_reach_nobody() {
    let served = serve();
    let token = served.token();
    for (line, status) in [
        ("POST /_attn/solve/3.1", 404),
        ("POST /_attn/check/3", 404),
        ("POST /_attn/check/3.1.2", 404),
        ("POST /_attn/check/..", 404),
        ("POST /_attn/check/3.1%20--reveal", 404),
        ("POST /_attn/check/-3.1", 404),
        ("POST /_attn/check/", 404),
        ("GET /_attn/check/3.1", 404),
        ("POST /_attn/state", 404),
        ("DELETE /_attn/state", 405),
    ] {
        assert_eq!(served.ask(line, &[("X-Attn-Token", &token)]).status, status, "{line}");
    }
    assert!(served.course.asked.lock().expect("not poisoned").is_empty());
}

#[test]
fn rebuilds_are_seen_and_so_are_failures() {
    let served = serve();
    assert_eq!((&served.state()["version"], &served.state()["error"]), (&json!(1), &json!(null)));
    served.site.rebuild(|| Ok(()));
    assert_eq!(served.state()["version"], 2);
    assert!(served.ask("GET /", &[]).body.contains("data-version=\"2\""));
    served.site.rebuild(|| bail!("book/src/a.md:3: LaTeX"));
    let state = served.state();
    assert_eq!((&state["version"], &state["error"]), (&json!(2), &json!("book/src/a.md:3: LaTeX")));
    served.site.rebuild(|| Ok(()));
    assert_eq!((&served.state()["version"], &served.state()["error"]), (&json!(3), &json!(null)));
}

#[test]
fn a_taken_port_is_stepped_over() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let site = Arc::new(Site::new("nowhere".into()));
    let server = Server::bind(site, Arc::new(Fake::default()), port).expect("another port");
    let got = server.port();
    assert_eq!(server.url(), format!("http://127.0.0.1:{got}/"));
    assert!(got > port && got <= port.saturating_add(50), "{got} after {port}");
}
