//! A window with sinks as one CUDA kernel, in the simulator or on a GPU, against the rows of chapter 12: the numbers, the
//! simulator's findings, and the bytes that it loads.
//!
//! Where NVRTC is found, the committed PTX has to be what it makes of the kernel; `ATTN_WRITE_PTX=1` writes it anew.

use attn_core::random::Random;
use ch09_flash_cuda::{
    Device, Inputs, Outcome, Program, attention_with,
    launch::{Argument, Launch},
    nvrtc,
    rung::{Call, definitions},
    traffic::Traffic,
};
use ch12_sparse::{
    given::{Pattern, Work},
    pattern_row, sparse_attention,
};
use ndarray::{Array3, Axis};
use std::{env, fs, path::PathBuf};

const SOURCE: &str = include_str!("../chapters/12-sparse/kernels/window.cu");
const PTX: &str = include_str!("../chapters/12-sparse/kernels/window.d64.ptx");
const D: usize = 64;
/// Queries of a block, and keys of a tile.
const BLOCK: (usize, usize) = (16, 32);
/// NaNs behind every input.
const POISON: usize = 32 * D;

#[test]
fn the_committed_ptx_is_that_of_the_kernel() {
    if !nvrtc::found() {
        let how = nvrtc::how_to_get_it();
        assert!(env::var_os("ATTN_REQUIRE_NVRTC").is_none(), "NVRTC is required here. {how}");
        return println!("skipped: NVRTC is not installed. {how}");
    }
    let definitions = definitions(D).expect("a width of the course");
    let ptx = nvrtc::compile("window.cu", SOURCE, &definitions).expect("it compiles").ptx;
    if env::var_os("ATTN_WRITE_PTX").is_some() {
        let file = "../chapters/12-sparse/kernels/window.d64.ptx";
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
        fs::write(file, &ptx).expect("a file that can be written");
    }
    assert!(
        ptx == PTX,
        "window.d64.ptx is not what NVRTC makes of window.cu: ATTN_WRITE_PTX=1 writes it anew"
    );
}

/// What the kernel gives.
fn run(program: &Program, window: usize, sinks: usize, inputs: &Inputs) -> Outcome {
    let int = |count: usize| Argument::Int(count as i32);
    attention_with(&mut Device::open(), program, inputs, POISON, |device, call| {
        let Call { q, k, v, out, lse, sizes, .. } = *call;
        let rest =
            [int(sizes.n), Argument::Float(1.0 / (D as f32).sqrt()), int(window), int(sinks)];
        let launch = Launch {
            kernel: "window",
            grid: [sizes.n.div_ceil(BLOCK.0) as u32, sizes.heads as u32, 1],
            block: [128, 1, 1],
            arguments: [&[q, k, v, out, lse].map(Argument::Buffer)[..], &rest].concat(),
        };
        Ok(vec![device.launch(program, &launch)?])
    })
    .expect("it runs")
}

/// The tiles that a block of queries has to visit: those in which any of its queries sees a key.
fn visits(rows: &[Vec<usize>]) -> usize {
    let tiles = rows.chunks(BLOCK.0).map(|rows| {
        let mut tiles: Vec<usize> = rows.iter().flatten().map(|j| j / BLOCK.1).collect();
        tiles.sort_unstable();
        tiles.dedup();
        tiles
    });
    // The last tile may hold fewer keys.
    tiles.flatten().map(|tile| BLOCK.1.min(rows.len() - tile * BLOCK.1)).sum()
}

#[test]
fn the_kernel_is_the_pattern_and_loads_no_tile_that_nobody_sees() {
    let definitions = definitions(D).expect("a width of the course");
    let program = Program::committed(SOURCE, PTX, &definitions).expect("it is PTX");
    let mut random = Random::new(1);
    for n in [1, 16, 33, 130, 257] {
        let [q, k, v]: [Array3<f32>; 3] = [(); 3].map(|()| random.normal((2, n, D)));
        let inputs = Inputs { q, k, v, causal: true };
        for (window, sinks) in
            [(1, 0), (1, 1), (7, 4), (32, 0), (33, 1), (64, 40), (100, 70), (1000, 0)]
        {
            let pattern =
                Pattern { globals: (0..sinks.min(n)).collect(), ..Pattern::window(window.min(n)) };
            let rows: Vec<Vec<usize>> = (0..n).map(|i| pattern_row(&pattern, i, n)).collect();
            let outcome = run(&program, window, sinks, &inputs);
            let Outcome { out, lse, .. } = &outcome;
            let about = format!("n {n}, window {window}, sinks {sinks}");
            assert_eq!(outcome.findings(), [""; 0], "{about}");
            assert!(outcome.stayed_inside, "{about}: it wrote behind an output");
            for head in 0..2 {
                let [q, k, v] = [&inputs.q, &inputs.k, &inputs.v]
                    .map(|x| x.index_axis(Axis(0), head).mapv(f64::from));
                let want =
                    sparse_attention(q.view(), k.view(), v.view(), &rows, &mut Work::default());
                for ((i, c), want) in want.indexed_iter() {
                    let got = f64::from(out[[head, i, c]]);
                    assert!(
                        (got - want).abs() <= 1e-5 * want.abs().max(1.0),
                        "{about}: out[{head},{i},{c}] is {got}, should be {want}"
                    );
                }
                for (i, row) in rows.iter().enumerate() {
                    let sum: f64 = row.iter().map(|&j| (q.row(i).dot(&k.row(j)) / 8.0).exp()).sum();
                    let got = f64::from(lse[[head, i]]);
                    assert!(
                        (got - sum.ln()).abs() <= 1e-5 * sum.ln().abs().max(1.0),
                        "{about}: lse[{head},{i}] is {got}"
                    );
                }
            }
            // Two heads: queries once, and a key and a value for each key of a visited tile.
            let bytes = 4 * 2 * (n * D + 2 * D * visits(&rows));
            for report in &outcome.reports {
                assert_eq!(Traffic::counted(report).read, bytes as u64, "{about}");
            }
        }
    }
}
