//! The ring of threads and of processes: its result, what it sends, and what comes of processes that fail
//! and of strangers that connect.

use attn_core::random::Random;
use attn_ring::{Link, Part, RingError, Sizes, SocketLink, processes, ring_attention, threads};
use ch08_flash_cpu::ladder;
use ndarray::{Array, Dimension};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(20);
const TOKEN: [u8; 16] = *b"sixteen letters!";

fn sizes(h: usize, h_kv: usize, n: usize, m: usize, causal: bool) -> Sizes {
    Sizes { h, h_kv, n, m, d: 8, d_v: 5, causal }
}

/// Refuses what is further from one device than two f32 results may be.
#[track_caller]
fn near<D: Dimension>(got: &Array<f32, D>, want: &Array<f32, D>, about: &str) {
    assert_eq!(got.shape(), want.shape(), "{about}");
    for (index, (got, want)) in got.iter().zip(want).enumerate() {
        let same = got == want || (got - want).abs() <= 1e-5;
        assert!(same, "{about}: entry {index} is {got}, should be {want}");
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_attn-ring"));
    command.args(arguments).stderr(Stdio::null());
    command
}

#[test]
fn threads_give_what_one_device_gives() {
    for causal in [false, true] {
        for (h, h_kv, n, m) in
            [(1, 1, 1, 1), (2, 2, 12, 12), (6, 2, 13, 13), (2, 1, 5, 11), (2, 1, 11, 5)]
        {
            let sizes = sizes(h, h_kv, n, m, causal);
            let Part { q, k, v } = Part::seeded(&sizes, 7, 0, 1);
            let alone = ladder::naive(q.view(), k.view(), v.view(), causal);
            for size in [1, 2, 3, 4, 7] {
                let about = format!("{sizes:?} on {size}");
                let run = threads(q.view(), k.view(), v.view(), causal, size).expect(&about);
                near(&run.output.out, &alone.out, &about);
                near(&run.output.lse, &alone.lse, &about);
                let formula: Vec<u64> = (0..size).map(|rank| sizes.sent_by(rank, size)).collect();
                assert_eq!(run.sent, formula, "{about}");
                assert_eq!(run.sent.iter().sum::<u64>(), sizes.sent(size), "{about}");
            }
        }
    }
}

#[test]
fn processes_give_what_one_device_gives() {
    for (size, causal) in [(1, true), (3, false), (4, true)] {
        let sizes = sizes(4, 2, 13, 13, causal);
        let Part { q, k, v } = Part::seeded(&sizes, 3, 0, 1);
        let alone = ladder::naive(q.view(), k.view(), v.view(), causal);
        let (q, k, v) = (q.view(), k.view(), v.view());
        let run =
            processes(q, k, v, causal, size, LIMIT, |_| program(&["--worker"])).expect("rows");
        near(&run.output.out, &alone.out, &format!("{size} processes"));
        near(&run.output.lse, &alone.lse, &format!("{size} processes"));
        let formula: Vec<u64> = (0..size).map(|rank| sizes.sent_by(rank, size)).collect();
        assert_eq!(run.sent, formula);
    }
}

#[test]
fn the_program_checks_itself() {
    let output =
        program(&["--processes", "3", "--tokens", "50", "--causal"]).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    // 2 key heads, 2·64 numbers for each of 50 keys, 2 steps.
    assert!(text.contains("sent: 102400 bytes"), "{text}");
}

/// The error of a ring of four in which the process of rank 2 fails, and how long it took.
fn failing(fault: &str, limit: Duration) -> (RingError, Duration) {
    let sizes = sizes(2, 1, 16, 16, false);
    let Part { q, k, v } = Part::seeded(&sizes, 3, 0, 1);
    let (q, k, v) = (q.view(), k.view(), v.view());
    let start = Instant::now();
    let error = processes(q, k, v, false, 4, limit, |_| program(&["--worker", "--fault", fault]))
        .expect_err("a process fails");
    (error, start.elapsed())
}

#[test]
fn a_process_that_ends_is_named() {
    let (error, took) = failing("2:ends", LIMIT);
    assert!(matches!(error, RingError::Ended { rank: 2, .. }), "{error}");
    assert!(took < LIMIT, "{took:?}");
}

#[test]
fn a_process_that_stalls_is_named_and_hangs_nobody() {
    let limit = Duration::from_secs(2);
    let (error, took) = failing("2:stalls", limit);
    assert!(error.to_string().contains("process 2 sent nothing for 2s"), "{error}");
    assert!(took < 6 * limit, "{took:?}");
}

#[test]
fn a_program_that_is_no_worker_is_named() {
    let sizes = sizes(2, 1, 16, 16, false);
    let Part { q, k, v } = Part::seeded(&sizes, 3, 0, 1);
    let command = |rank: usize| program(if rank == 1 { &["--help"] } else { &["--worker"] });
    let error =
        processes(q.view(), k.view(), v.view(), false, 3, LIMIT, command).expect_err("no worker");
    assert!(matches!(error, RingError::Ended { rank: 1, .. }), "{error}");
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let mut random = Random::new(1);
    let mut tensor = |h: usize, n: usize, d: usize| random.normal((h, n, d));
    for (q, k, v, says) in [
        (tensor(2, 3, 4), tensor(1, 3, 5), tensor(1, 3, 4), "key width 5 ≠ query width 4"),
        (tensor(2, 3, 4), tensor(1, 3, 4), tensor(1, 2, 4), "value count 2 ≠ key count 3"),
        (
            tensor(3, 3, 4),
            tensor(2, 3, 4),
            tensor(2, 3, 4),
            "3 query heads cannot share 2 key heads",
        ),
        (tensor(1, 3, 0), tensor(1, 3, 0), tensor(1, 3, 4), "query width is 0"),
    ] {
        let error = threads(q.view(), k.view(), v.view(), false, 2).expect_err(says);
        assert!(error.to_string().contains(says), "{error}");
    }
    let q = tensor(1, 1, 1);
    assert!(threads(q.view(), q.view(), q.view(), false, 0).is_err());
    let huge = Sizes { n: usize::MAX, ..sizes(1, 1, 1, 1, false) };
    assert!(huge.checked().is_err());
    // A part of another process.
    let whole = sizes(1, 1, 4, 4, false);
    let run = |mut link: SocketLink| {
        ring_attention(&mut link, &whole, Part::seeded(&whole, 1, 0, 2)).map(|_| link.rank())
    };
    let listener = listener();
    let alone = SocketLink::connect((0, 1), &listener, 0, &TOKEN, LIMIT).expect("alone");
    assert!(run(alone).expect_err("half").to_string().contains("process 0 holds"));
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("an address").port()
}

/// Process 0 of two, and the other one's two connections, made by hand after `before` has happened at
/// process 0's port.
fn by_hand(before: impl FnOnce(u16)) -> (SocketLink, TcpStream, TcpStream) {
    let (own, other) = (listener(), listener());
    let (own_port, other_port) = (port(&own), port(&other));
    let zero = thread::spawn(move || {
        SocketLink::connect((0, 2), &own, other_port, &TOKEN, LIMIT).expect("a neighbour comes")
    });
    let (from_zero, _) = other.accept().expect("process 0 connects");
    before(own_port);
    let mut to_zero = TcpStream::connect((Ipv4Addr::LOCALHOST, own_port)).expect("connects");
    to_zero.write_all(&TOKEN).expect("written");
    to_zero.write_all(&1_u64.to_le_bytes()).expect("written");
    (zero.join().expect("no panic"), from_zero, to_zero)
}

#[test]
fn strangers_are_sent_away() {
    let closed = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(LIMIT)).expect("set");
        // Closed or reset, but no byte and no wait.
        !matches!(stream.read(&mut [0; 1]), Ok(1))
    };
    let (mut link, mut from_zero, mut to_zero) = by_hand(|port| {
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connects");
        let mut wrong_token = connect();
        wrong_token.write_all(&[0; 16]).expect("written");
        wrong_token.write_all(&1_u64.to_le_bytes()).expect("written");
        let mut silent = connect();
        let mut wrong_rank = connect();
        wrong_rank.write_all(&TOKEN).expect("written");
        wrong_rank.write_all(&7_u64.to_le_bytes()).expect("written");
        for stranger in [&mut wrong_token, &mut silent, &mut wrong_rank] {
            assert!(closed(stranger));
        }
    });
    // The neighbour is served all the same.
    to_zero
        .write_all(&[&1_u64.to_le_bytes()[..], &2.5_f32.to_le_bytes()].concat())
        .expect("written");
    assert_eq!(link.pass(&[1.5], 1).expect("passed"), [2.5]);
    let mut received = [0; 24 + 12];
    from_zero.read_exact(&mut received).expect("read");
    assert_eq!(received[32..], 1.5_f32.to_le_bytes());
}

#[test]
fn a_block_of_another_size_is_refused_before_it_is_read() {
    let (mut link, _from_zero, mut to_zero) = by_hand(|_| ());
    to_zero.write_all(&u64::MAX.to_le_bytes()).expect("written");
    let error = link.pass(&[1.5], 3).expect_err("too many");
    let expected = "process 1 sends 18446744073709551615 numbers in step 0, should be 3";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_block_that_drips_is_late() {
    let (own, other) = (listener(), listener());
    let (own_port, other_port) = (port(&own), port(&other));
    let limit = Duration::from_secs(1);
    let zero = thread::spawn(move || {
        let mut link = SocketLink::connect((0, 2), &own, other_port, &TOKEN, limit)?;
        link.pass(&[1.5], 1000)
    });
    let mut to_zero = TcpStream::connect((Ipv4Addr::LOCALHOST, own_port)).expect("connects");
    to_zero.write_all(&TOKEN).expect("written");
    to_zero.write_all(&1_u64.to_le_bytes()).expect("written");
    to_zero.write_all(&1000_u64.to_le_bytes()).expect("written");
    let start = Instant::now();
    while !zero.is_finished() && start.elapsed() < LIMIT {
        // A byte now and then keeps a read from ever timing out by itself.
        let _ = to_zero.write_all(&[0]);
        thread::sleep(Duration::from_millis(50));
    }
    assert!(start.elapsed() < 5 * limit, "{:?}", start.elapsed());
    let error = zero.join().expect("no panic").expect_err("late");
    assert!(matches!(error, RingError::Silent { rank: 1, .. }), "{error}");
}
