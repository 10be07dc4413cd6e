//! The committed PTX is what the pinned NVRTC makes of the kernels, and ptxas fits them into registers.
//!
//! Without the packages these tests say that they are skipped; with `ATTN_REQUIRE_NVRTC=1`, as in CI, they fail.
//! `ATTN_WRITE_PTX=1` writes the PTX anew.

use ch09_flash_cuda::{Rung, nvrtc, ptxas, rung};
use std::{env, fs, path::PathBuf};

/// Whether to go on; says so if not.
fn there(found: bool, what: &str) -> bool {
    if !found {
        let how = nvrtc::how_to_get_it();
        assert!(env::var_os("ATTN_REQUIRE_NVRTC").is_none(), "{what} is required here. {how}");
        println!("skipped: {what} is not installed. {how}");
    }
    found
}

fn committed(rung: Rung, d: usize) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("kernels");
    folder.join(format!("{}.d{d}.ptx", rung.name()))
}

#[test]
fn the_committed_ptx_is_that_of_the_kernels() {
    if !there(nvrtc::found(), "NVRTC") {
        return;
    }
    for (rung, d) in Rung::ALL.into_iter().flat_map(|rung| rung::WIDTHS.map(|d| (rung, d))) {
        let definitions = rung::definitions(d).expect("a width of the course");
        let ptx = nvrtc::compile(&format!("{}.cu", rung.name()), rung.source(), &definitions)
            .expect("it compiles")
            .ptx;
        let file = committed(rung, d);
        if env::var_os("ATTN_WRITE_PTX").is_some() {
            fs::write(&file, &ptx).expect("a file that can be written");
        }
        let old = fs::read_to_string(&file).expect("a file that can be read");
        let at = old.lines().zip(ptx.lines()).position(|(old, new)| old != new);
        assert!(
            old == ptx,
            "{} is not what NVRTC makes of {}.cu (first other line: {:?}). If the kernel was changed, write it anew: \
             ATTN_WRITE_PTX=1 cargo test --package ch09-flash-cuda --test ptx",
            file.display(),
            rung.name(),
            at.map(|line| line + 1)
        );
    }
}

/// Registers of a thread and bytes of static shared memory of a block, for d = 64 and 128, on an A100.
const RESOURCES: [(&str, [(u32, u32); 2]); 10] = [
    ("naive_scores", [(31, 0), (29, 0)]),
    ("naive_softmax", [(32, 0), (32, 0)]),
    ("naive_weighted", [(32, 0), (32, 0)]),
    ("tiled", [(72, 19_712), (72, 38_144)]),
    ("warp", [(69, 20_992), (77, 41_472)]),
    ("tensor", [(128, 24_576), (175, 49_152)]),
    ("pipelined", [(130, 40_960), (168, 49_152)]),
    ("split", [(39, 0), (42, 0)]),
    ("merge", [(31, 0), (31, 0)]),
    ("gqa", [(71, 20_992), (79, 41_472)]),
];

#[test]
fn ptxas_needs_the_stated_registers_and_spills_none() {
    let program = ptxas::find();
    if !there(program.is_some(), "ptxas") {
        return;
    }
    let program = program.expect("it is there");
    for (at, d) in rung::WIDTHS.into_iter().enumerate() {
        let mut seen = 0;
        for rung in Rung::ALL {
            for kernel in ptxas::resources(&program, &committed(rung, d)).expect("ptxas runs") {
                let (_, stated) = RESOURCES
                    .iter()
                    .find(|(name, _)| *name == kernel.name)
                    .expect("a kernel of the course");
                assert_eq!(
                    (kernel.registers, kernel.shared),
                    stated[at],
                    "{}, d = {d}",
                    kernel.name
                );
                assert_eq!((kernel.spills, kernel.stack), (0, 0), "{}, d = {d}", kernel.name);
                seen += 1;
            }
        }
        assert_eq!(seen, RESOURCES.len());
    }
}
