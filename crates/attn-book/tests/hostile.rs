//! What a client on this machine may do to the server: whatever it is, the next one is answered.

use attn_book::server::{Limits, NoCourse, Server, Site};
use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a head may take here, and a connection last.
const SHORT: Duration = Duration::from_millis(300);

/// How long anything may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    _folder: TempDir,
    port: u16,
}

fn serve(limits: Limits) -> Served {
    let folder = TempDir::new().expect("a temporary folder");
    let page = "<html><head></head><body>home</body></html>";
    fs::write(folder.path().join("index.html"), page).expect("written");
    fs::write(folder.path().join("large.txt"), vec![b'x'; 20 << 20]).expect("written");
    let site = Arc::new(Site::new(folder.path().to_path_buf()));
    let server = Server::bind(site, Arc::new(NoCourse), 0).expect("a port");
    let port = server.port();
    thread::spawn(move || server.with_limits(limits).run());
    Served { _folder: folder, port }
}

/// Heads have to come soon; connections may stay.
fn short() -> Limits {
    Limits { head: SHORT, ..Limits::default() }
}

impl Served {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.set_write_timeout(Some(PATIENCE)).expect("set");
        stream
    }

    /// Sends this much, or as much of it as the server takes.
    fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect();
        let _ = stream.write_all(text.as_bytes());
        stream
    }

    /// A request's head, but for the empty line that ends it.
    fn head(&self, line: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: localhost:{}\r\n", self.port)
    }

    /// Anybody else is answered, at once.
    #[track_caller]
    fn is_well(&self) {
        let start = Instant::now();
        let answer = ended(self.send(&(self.head("GET /") + "Connection: close\r\n\r\n")));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
        assert!(answer.ends_with("home</body></html>"), "{answer:?}");
        assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    }
}

/// Everything that comes until the server ends the connection, which it does.
#[track_caller]
fn ended(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A server that ends a connection before it has read everything resets it.
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// What comes first, without waiting for the end.
#[track_caller]
fn first(stream: &mut TcpStream) -> String {
    let mut answer = [0; 512];
    let length = stream.read(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[test]
fn a_body_of_any_announced_length_is_refused_unread() {
    let served = serve(short());
    let lengths = ["1", "4000000000000", "18446744073709551615"].map(String::from);
    let too_long = ["99999999999999999999999", "-1", "1, 2", "x"].map(String::from);
    for length in lengths.iter().chain(&too_long) {
        for line in ["GET /", "POST /_attn/check/3.1"] {
            // Four times, for a server that has four threads.
            for _ in 0..4 {
                let text = format!("{}Content-Length: {length}\r\n\r\n", served.head(line));
                let answer = ended(served.send(&text));
                assert!(answer.starts_with("HTTP/1.1 4"), "{length}: {answer:?}");
            }
        }
        served.is_well();
    }
}

#[test]
fn withheld_bodies_keep_nobody_waiting() {
    let served = serve(short());
    let announced = [
        "Content-Length: 10",
        "Transfer-Encoding: chunked",
        "Content-Length: 10\r\nExpect: 100-continue",
    ];
    for body in announced {
        let text = format!("{}{body}\r\n\r\n", served.head("POST /_attn/check/3.1"));
        let clients: Vec<TcpStream> = (0..8).map(|_| served.send(&text)).collect();
        served.is_well();
        for client in clients {
            let answer = ended(client);
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer:?}");
        }
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_off() {
    let served = serve(short());
    let mut slow = served.connect();
    let start = Instant::now();
    let text = served.head("GET /") + &"X: y\r\n".repeat(2000);
    let mut sent = 0;
    while slow.write_all(&text.as_bytes()[sent..=sent]).is_ok() {
        sent += 1;
        assert!(start.elapsed() < PATIENCE, "{sent} bytes were waited for");
        thread::sleep(SHORT / 20);
        if sent == 3 {
            served.is_well();
        }
    }
    served.is_well();
}

#[test]
fn a_head_of_a_megabyte_is_refused() {
    let served = serve(short());
    for length in [200 << 10, 1 << 20] {
        let long = "x".repeat(length);
        for text in [
            format!("{}X: {long}\r\n\r\n", served.head("GET /")),
            format!("GET /?{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            served.head("GET /") + &"X: y\r\n".repeat(length / 6) + "\r\n",
        ] {
            let answer = ended(served.send(&text));
            assert!(!answer.contains("200 OK"), "{length}: {answer:?}");
            served.is_well();
        }
    }
    let answer = ended(served.send(&(served.head("GET /") + &"X: y\r\n".repeat(1000) + "\r\n")));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
}

#[test]
fn rubbish_behind_a_request_ends_the_connection() {
    let served = serve(short());
    for rubbish in [
        "\u{0}\u{1}\u{2}".repeat(1000),
        "GET / HTTP/9.9\r\n\r\n".into(),
        "GET  /\r\n\r\n".into(),
        ":\r\n:\r\n\r\n".into(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
    ] {
        let mut answer = ended(served.send(&rubbish));
        assert!(!answer.contains("200 OK"), "{rubbish:?}: {answer:?}");
        let after = served.head("GET /") + "\r\n" + &rubbish;
        answer = ended(served.send(&after));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
        assert_eq!(answer.matches("home").count(), 1, "{answer:?}");
        served.is_well();
    }
}

#[test]
fn pipelined_requests_are_all_answered() {
    let served = serve(short());
    let text = (served.head("GET /") + "\r\n").repeat(100);
    assert_eq!(ended(served.send(&text)).matches("home").count(), 100);
}

#[test]
fn whoever_closes_one_side_is_answered_or_forgotten() {
    let served = serve(short());
    // Nothing, half a head, a whole one, and one whose body is missing.
    let asked = served.head("GET /");
    for (text, status) in [
        (String::new(), ""),
        (asked.clone(), ""),
        (asked.clone() + "\r\n", "HTTP/1.1 200 "),
        (asked + "Content-Length: 9\r\n\r\n", "HTTP/1.1 413 "),
    ] {
        for _ in 0..20 {
            let writing = served.send(&text);
            writing.shutdown(Shutdown::Write).expect("closed");
            let answer = ended(writing);
            assert!(answer.starts_with(status), "{text:?}: {answer:?}");
            // Nobody is there for the answer.
            drop(served.send(&text));
        }
        served.is_well();
    }
}

#[test]
fn idle_connections_are_let_go() {
    let served = serve(short());
    let idle: Vec<TcpStream> = (0..200).map(|_| served.connect()).collect();
    served.is_well();
    for stream in idle {
        ended(stream);
    }
    served.is_well();
}

#[test]
fn the_oldest_connections_make_room_for_new_ones() {
    // Heads may take an hour, so that nothing else ends a connection.
    let served =
        serve(Limits { head: Duration::from_secs(3600), connections: 8, ..Limits::default() });
    let mut kept: Vec<TcpStream> = (0..200).map(|_| served.connect()).collect();
    served.is_well();
    let ask = served.head("GET /") + "\r\n";
    let mut newest = kept.pop().expect("the last one");
    newest.write_all(ask.as_bytes()).expect("sent");
    assert!(first(&mut newest).starts_with("HTTP/1.1 200 "));
    ended(kept.swap_remove(0));
}

/// An answer that is larger than what the system holds back for a client that does not read.
#[test]
fn whoever_does_not_read_the_answer_is_let_go() {
    let served = serve(Limits { head: SHORT, connection: SHORT, ..Limits::default() });
    let ask = served.head("GET /large.txt") + "\r\n";
    let mut deaf: Vec<TcpStream> = (0..20).map(|_| served.send(&ask)).collect();
    served.is_well();
    thread::sleep(10 * SHORT);
    let mut length = 0;
    let (mut stream, mut part) = (deaf.remove(0), vec![0; 1 << 16]);
    while let Ok(more @ 1..) = stream.read(&mut part) {
        length += more;
    }
    assert!(length < 20 << 20, "the whole answer came");
    served.is_well();
}

/// A connection ends after an answer, not in the middle of one.
#[test]
fn a_connection_that_is_used_for_long_is_ended_between_answers() {
    let served = serve(Limits { connection: SHORT, ..Limits::default() });
    let mut stream = served.connect();
    let (ask, start) = (served.head("GET /") + "\r\n", Instant::now());
    let mut answers = String::new();
    while stream.write_all(ask.as_bytes()).is_ok() {
        match stream.read(&mut [0; 4096]) {
            Ok(0) | Err(_) => break,
            Ok(_) => answers += ".",
        }
        assert!(start.elapsed() < PATIENCE, "it never ended");
    }
    assert!(answers.len() > 1 && start.elapsed() >= SHORT, "{answers}");
    served.is_well();
}
