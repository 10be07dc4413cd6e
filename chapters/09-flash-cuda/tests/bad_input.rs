//! What can be wrong before a kernel runs: a typed error each, in words, and never a panic.

mod common;

use ch09_flash_cuda::{
    Device, Error, Inputs, Own, Program, Rung, Sizes, attention, attention_by, attention_by_own,
    launch::{Argument, Launch},
    nvrtc, rung, unwritten,
};
use common::wrong;
use ndarray::Array3;
use std::env;

fn sizes() -> Sizes {
    Sizes { heads: 2, kv_heads: 1, n: 3, m: 5, d: 64 }
}

fn inputs() -> Inputs {
    Inputs::random(1, sizes(), false)
}

/// The message of a refused call.
#[track_caller]
fn refused(inputs: &Inputs) -> String {
    let outcome = attention(&mut Device::simulator(), Rung::Warp, inputs);
    outcome.expect_err("it has to be refused").to_string()
}

#[test]
fn sizes_that_do_not_fit() {
    let narrow = Inputs { k: Array3::zeros((1, 5, 32)), ..inputs() };
    assert_eq!(refused(&narrow), "key width 32 ≠ query width 64");
    let short = Inputs { v: Array3::zeros((1, 4, 64)), ..inputs() };
    assert!(refused(&short).contains("v is (1, 4, 64) and k is (1, 5, 64)"));
    let uneven = Inputs::random(1, Sizes { heads: 3, kv_heads: 2, ..sizes() }, false);
    assert!(refused(&uneven).contains("3 query heads cannot share 2"));
    let empty = Inputs { q: Array3::zeros((2, 0, 64)), ..inputs() };
    assert!(refused(&empty).contains("no size may be 0"));
    let odd = Inputs::random(1, Sizes { d: 48, ..sizes() }, false);
    assert!(refused(&odd).contains("width 48"));
    let small = Inputs::random(1, Sizes { d: 32, ..sizes() }, false);
    for rung in [Rung::Tensor, Rung::Pipelined] {
        let narrow = attention(&mut Device::simulator(), rung, &small).expect_err("half a row");
        assert_eq!(narrow.to_string(), "width 32: this kernel is for 64 and 128");
    }
    let several = attention(&mut Device::simulator(), Rung::Split, &inputs());
    assert!(several.expect_err("three queries").to_string().contains("one query per head, not 3"));
}

/// Launches the warp rung's kernel with something changed.
fn launch(change: impl FnOnce(&mut Launch)) -> Error {
    let program = Rung::Warp.program(64).expect("committed");
    let mut device = Device::simulator();
    let x = device.alloc("x", &[0.0; 64]).expect("room");
    let (pointer, int) = (Argument::Buffer(x), Argument::Int(1));
    let mut launch = Launch {
        kernel: "warp",
        grid: [1, 1, 1],
        block: [128, 1, 1],
        arguments: vec![
            pointer,
            pointer,
            pointer,
            pointer,
            pointer,
            int,
            int,
            int,
            Argument::Float(1.0),
            int,
        ],
    };
    change(&mut launch);
    device.launch(&program, &launch).expect_err("it has to be refused")
}

#[test]
fn launches_that_do_not_fit() {
    let unknown = launch(|launch| launch.kernel = "wrap");
    assert_eq!(unknown.to_string(), "no kernel `wrap` in the module; it holds warp");
    let few = launch(|launch| launch.arguments.truncate(9));
    assert_eq!(few.to_string(), "`warp` takes 10 arguments, not 9");
    let small = launch(|launch| launch.arguments[2] = Argument::Int(0));
    assert_eq!(small.to_string(), "argument 2 of `warp` is 4 bytes, its parameter 8");
    let large = launch(|launch| launch.block = [1025, 1, 1]);
    assert!(large.to_string().contains("1025"), "{large}");
    let none = launch(|launch| launch.grid = [0, 1, 1]);
    assert!(none.to_string().contains("a grid's x of 0"), "{none}");
}

/// Whether there is a compiler; says so if not.
fn compiler() -> bool {
    let how = nvrtc::how_to_get_it();
    if !nvrtc::found() {
        assert!(env::var_os("ATTN_REQUIRE_NVRTC").is_none(), "NVRTC is required here. {how}");
        println!("skipped: NVRTC is not installed. {how}");
    }
    nvrtc::found()
}

#[test]
fn cuda_that_does_not_compile() {
    if !compiler() {
        return;
    }
    let compile = |source: &str| match Program::compile("mine.cu", source, &[]) {
        Ok(_) => panic!("it compiles"),
        Err(error) => error.to_string(),
    };
    let message = compile("extern \"C\" __global__ void f(float* x)\n{\n    x[0] = y;\n}\n");
    assert!(message.contains("mine.cu(3): error: identifier \"y\" is undefined"), "{message}");
    assert!(message.contains("x[0] = y;\n             ^"), "the caret is gone:\n{message}");
    assert!(compile("void f() {}\0").contains("is NUL"));
    // Text that compiles all the same.
    let source = "__device__ int f() { }\nextern \"C\" __global__ void g(int* x) { x[0] = f(); }\n";
    let program = Program::compile("mine.cu", &format!("\u{feff}{source}"), &[]);
    let program = program.expect("a mark at the start of a file is no part of it");
    assert!(
        program.warnings().contains("mine.cu(1): warning #940-D: missing return"),
        "{}",
        program.warnings()
    );
    let printing = "extern \"C\" __global__ void f(int* x)\n{\n    printf(\"%d\", x[0]);\n}\n";
    let message = compile(printing);
    assert!(
        message.contains("source line 3") && message.contains("a call of `printf`"),
        "{message}"
    );
    // What the simulator does not know is an error, and not skipped.
    let wmma = "extern \"C\" __global__ void f(int* x) { asm volatile(\"bar.sync 1;\"); }";
    assert!(compile(wmma).contains("bar.sync"), "{}", compile(wmma));
}

#[test]
fn a_kernel_of_the_readers_own() {
    if !compiler() {
        return;
    }
    let definitions = rung::definitions(64).expect("a width");
    let program =
        Program::compile("mine.cu", Rung::Tiled.source(), &definitions).expect("it compiles");
    let run = |entry, rows, block| {
        let own = Own { entry, rows, block };
        attention_by_own(&mut Device::simulator(), &own, &program, &inputs())
    };
    let outcome = run("tiled", 8, [32, 8, 1]).expect("it runs");
    let same = attention_by(&mut Device::simulator(), Rung::Tiled, &program, &inputs(), 0)
        .expect("it runs");
    assert_eq!(outcome.out, same.out);
    assert_eq!(unwritten(&outcome.out), None);
    assert!(run("tilde", 8, [32, 8, 1]).is_err());
    assert!(run("tiled", 0, [32, 8, 1]).is_err());
    assert!(run("tiled", 8, [32, 64, 1]).is_err());
    let large = Rung::Tiled.source().replace("vs[KEYS][D]", "vs[9 * KEYS][D]");
    let large = Program::compile("mine.cu", &large, &definitions).expect("it compiles");
    let own = Own { entry: "tiled", rows: 8, block: [32, 8, 1] };
    let refused = attention_by_own(&mut Device::simulator(), &own, &large, &inputs());
    let refused = refused.expect_err("85 KB of shared arrays").to_string();
    assert!(refused.contains("bytes of shared memory for a block, at most 49152"), "{refused}");
    // Rows that no block computes.
    let program = Program::compile(
        "mine.cu",
        "extern \"C\" __global__ void one(float* q, float* k, float* v, float* out, float* lse, int n, int m, int group, \
         float scale, int causal) { out[blockIdx.x * n * D + threadIdx.x] = 0.0f; }",
        &definitions,
    );
    let program = program.expect("it compiles");
    let own = Own { entry: "one", rows: 3, block: [64, 1, 1] };
    let outcome = attention_by_own(&mut Device::simulator(), &own, &program, &inputs());
    let outcome = outcome.expect("it runs");
    assert_eq!(unwritten(&outcome.out).as_deref(), Some("[0,1,0]"));
    assert_eq!(unwritten(&outcome.lse).as_deref(), Some("[0,0]"));
}

/// The kernel that the book shows, with the definitions that `cargo attn run 9` gives it.
#[test]
fn the_kernel_of_the_book_is_right() {
    if !compiler() {
        return;
    }
    let mut definitions = rung::definitions(64).expect("a width");
    definitions.push(rung::MINUS_INFINITY.into());
    let source = include_str!("../examples/mine.cu");
    let program = Program::compile("mine.cu", source, &definitions).expect("it compiles");
    assert_eq!(program.warnings(), "");
    let own = Own { entry: "mine", rows: 1, block: [64, 1, 1] };
    for (n, m, causal) in [(3, 5, false), (3, 5, true), (5, 3, true)] {
        let inputs = Inputs::random(1, Sizes { n, m, ..sizes() }, causal);
        let outcome = attention_by_own(&mut Device::simulator(), &own, &program, &inputs);
        let outcome = outcome.expect("it runs");
        assert_eq!(wrong(&inputs, &outcome), None, "{n} {m} {causal}");
        assert_eq!(outcome.findings(), [""; 0]);
    }
}

/// The device says which it is; on a machine without a GPU, that it simulates, and why.
#[test]
fn the_device_says_what_it_is() {
    let words = Device::open().words();
    assert!(
        words.starts_with("on the GPU: ") || words.starts_with("in the simulator ("),
        "{words}"
    );
}
