//! Every rung against the f64 oracle and the code of chapter 8, at sizes that straddle warps and tiles, on
//! poisoned buffers; and in the simulator without a finding, with the traffic that the closed forms state.

mod common;

use ch09_flash_cuda::{
    Device, Inputs, Program, Rung, Sizes, attention_by, precision::expected, rung::WIDTHS,
    traffic::Traffic,
};
use common::{sizes, unlike, unlike_chapter_8};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// NaNs behind every input: more than any tile holds.
const POISON: usize = 64 * 128;

const LENGTHS: [usize; 7] = [1, 31, 32, 33, 127, 129, 256];

/// The program of a rung, compiled once.
fn program(rung: Rung, d: usize) -> Arc<Program> {
    static PROGRAMS: Mutex<BTreeMap<(&str, usize), Arc<Program>>> = Mutex::new(BTreeMap::new());
    let mut programs = PROGRAMS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let compile = || Arc::new(rung.program(d).expect("a width of the course"));
    programs.entry((rung.name(), d)).or_insert_with(compile).clone()
}

/// Runs a rung where it can, then checks everything that can be known about the run.
#[track_caller]
fn check(rung: Rung, sizes: Sizes, causal: bool) {
    let about = format!("{} on {sizes:?}, causal {causal}", rung.name());
    let numbers = rung.numbers();
    let inputs = numbers.rounded(&Inputs::random(sizes.n as u64, sizes, causal));
    let mut device = Device::open();
    let program = program(rung, sizes.d);
    let outcome = attention_by(&mut device, rung, &program, &inputs, POISON).expect(&about);
    let expected = expected(numbers, &inputs).expect(&about);
    assert_eq!(unlike(&expected, &outcome), None, "{about} {}", device.words());
    assert_eq!(unlike_chapter_8(&expected, &inputs, &outcome), None, "{about}");
    assert!(outcome.stayed_inside, "{about}: it wrote behind an output");
    assert_eq!(outcome.findings(), [""; 0], "{about}");
    if let Device::Simulator { .. } = device {
        let traffic = Traffic::of(rung, sizes, causal);
        let counted: Vec<_> = outcome.reports.iter().map(Traffic::counted).collect();
        assert_eq!(counted, traffic, "{about}");
    }
}

fn at_all_lengths(rung: Rung) {
    println!("{} {}", rung.name(), Device::open().words());
    for (d, n) in WIDTHS.into_iter().flat_map(|d| LENGTHS.map(|n| (d, n))) {
        for causal in [false, true] {
            check(rung, Sizes { d, ..sizes(n, n) }, causal);
        }
    }
}

#[test]
fn naive() {
    at_all_lengths(Rung::Naive);
}

#[test]
fn tiled() {
    at_all_lengths(Rung::Tiled);
}

#[test]
fn warp() {
    at_all_lengths(Rung::Warp);
}

#[test]
fn tensor() {
    at_all_lengths(Rung::Tensor);
}

#[test]
fn pipelined() {
    at_all_lengths(Rung::Pipelined);
}

/// Around the edges of a tile and of a block, and with a ragged last tile of either.
#[test]
fn tensor_tiles() {
    for rung in [Rung::Tensor, Rung::Pipelined] {
        for (n, m) in [(63, 64), (64, 63), (65, 65), (16, 128), (17, 95), (1, 200), (100, 37)] {
            for (d, causal) in WIDTHS.into_iter().flat_map(|d| [(d, false), (d, true)]) {
                check(rung, Sizes { d, heads: 2, kv_heads: 1, ..sizes(n, m) }, causal);
            }
        }
    }
}

#[test]
fn gqa() {
    at_all_lengths(Rung::Gqa);
}

#[test]
fn split() {
    for d in WIDTHS {
        for m in LENGTHS {
            for causal in [false, true] {
                check(Rung::Split, Sizes { d, ..sizes(1, m) }, causal);
            }
        }
    }
}

/// Six query heads on two key/value heads: heads 0 to 2 read the first, 3 to 5 the second.
#[test]
fn grouped_heads() {
    for rung in Rung::ALL {
        for (n, m) in [(1, 33), (5, 40), (33, 33)] {
            if rung != Rung::Split || n == 1 {
                check(rung, Sizes { heads: 6, kv_heads: 2, ..sizes(n, m) }, n != 5);
            }
        }
    }
}

/// Causal is aligned bottom-right; with more queries than keys the first ones see nothing, and get zeros and −∞.
#[test]
fn queries_and_keys_of_different_number() {
    for rung in Rung::ALL.into_iter().filter(|rung| *rung != Rung::Split) {
        for (n, m) in [(3, 70), (70, 3), (17, 16), (33, 1)] {
            check(rung, sizes(n, m), true);
        }
    }
}

/// Shared memory is read and written without a conflict, and global memory without a wasted sector, in every rung but
/// the first, whose lanes each walk a row of their own: a sector for every four bytes.
#[test]
fn wavefronts_and_sectors_are_ideal() {
    for rung in Rung::ALL {
        let sizes = sizes(if rung == Rung::Split { 1 } else { 64 }, 96);
        let inputs = Inputs::random(1, sizes, false);
        let program = rung.program(64).expect("committed");
        let outcome =
            attention_by(&mut Device::simulator(), rung, &program, &inputs, 0).expect("it runs");
        for report in &outcome.reports {
            assert_eq!(report.bank_conflicts(), 1.0, "{}", report.kernel);
            match report.kernel.as_str() {
                // For each of the 64 entries, 32 sectors of keys where 4 would do, and one of the query; then 4 of scores.
                "naive_scores" => {
                    assert_eq!(report.uncoalesced(), (64.0 * 33.0 + 4.0) / (64.0 * 5.0 + 4.0))
                }
                // Eight floats fit a sector, and of the rows that 32 lanes walk each lane takes one. But lse is ideal.
                "naive_softmax" => {
                    assert!((7.9..8.0).contains(&report.uncoalesced()), "{}", report.uncoalesced())
                }
                kernel => assert_eq!(report.uncoalesced(), 1.0, "{kernel}"),
            }
        }
    }
}
