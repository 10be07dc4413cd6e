//! Real kernels, right and wrong: FlashAttention three ways passes without a finding, and with one
//! line changed it is caught by name and line.
//!
//! The PTX beside the kernels is what NVRTC 12.4.127 makes of them with
//! `--gpu-architecture=compute_75 --generate-line-info`. After a change, `cargo test -p ptx-sim
//! --test seeded -- --ignored` writes the wrong kernels into the folder that `SEEDED` names;
//! compile them and put their PTX here.

use std::{env, fs, path::Path};

use Caught::{BankConflicts, Finding, Nothing, Uncoalesced, WrongNumbers};
use ptx_sim::{Argument, Device, Kind, Launch, Memory, Module, Report};

const D: usize = 64;

/// Attention of `h` heads, `group` of which share keys, that is worked out in f64.
struct Problem {
    h: usize,
    group: usize,
    n: usize,
    m: usize,
    causal: bool,
    /// Rows of NaN behind each input.
    tail: usize,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
}

/// What a kernel made of it.
struct Ran {
    out: Vec<f32>,
    lse: Vec<f32>,
    reports: Vec<Report>,
}

impl Problem {
    fn new(h: usize, group: usize, n: usize, m: usize, causal: bool) -> Self {
        let mut state = 9u64;
        // The sum of twelve uniform numbers, less six: close enough to a standard normal one.
        let mut normal = || {
            let mut uniform = || {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f32 / (1u64 << 24) as f32
            };
            (0..12).map(|_| uniform()).sum::<f32>() - 6.0
        };
        let mut tensor = |len: usize| -> Vec<f32> { (0..len).map(|_| normal()).collect() };
        let keys = h / group * m * D;
        Problem {
            h,
            group,
            n,
            m,
            causal,
            tail: 32,
            q: tensor(h * n * D),
            k: tensor(keys),
            v: tensor(keys),
        }
    }

    /// Output and log-sum-exp in f64.
    fn exact(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut out, mut lse) = (Vec::new(), Vec::new());
        for head in 0..self.h {
            let keys = head / self.group * self.m * D;
            for row in 0..self.n {
                let query = &self.q[(head * self.n + row) * D..][..D];
                let seen = if self.causal {
                    (self.m + row + 1).saturating_sub(self.n).min(self.m)
                } else {
                    self.m
                };
                let row_of = |x: &[f32], j: usize| -> Vec<f64> {
                    x[keys + j * D..][..D].iter().map(|x| f64::from(*x)).collect()
                };
                let scores: Vec<f64> = (0..seen)
                    .map(|j| {
                        row_of(&self.k, j)
                            .iter()
                            .zip(query)
                            .map(|(k, q)| k * f64::from(*q))
                            .sum::<f64>()
                            / 8.0
                    })
                    .collect();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
                let mut acc = vec![0.0; D];
                for (j, score) in scores.iter().enumerate() {
                    let weight = (score - largest).exp() / sum;
                    acc.iter_mut().zip(row_of(&self.v, j)).for_each(|(acc, v)| *acc += weight * v);
                }
                out.extend(acc);
                lse.push(if seen > 0 { largest + sum.ln() } else { f64::NEG_INFINITY });
            }
        }
        (out, lse)
    }

    /// The largest error of an answer; NaN and a missing −∞ count as infinite.
    fn error(&self, ran: &Ran) -> f64 {
        let (out, lse) = self.exact();
        let pairs = out.into_iter().zip(&ran.out).chain(lse.into_iter().zip(&ran.lse));
        let errors =
            pairs.map(
                |(want, got)| {
                    if want == f64::from(*got) { 0.0 } else { (want - f64::from(*got)).abs() }
                },
            );
        errors.fold(
            0.0,
            |worst, error| {
                if error.is_nan() { f64::INFINITY } else { error.max(worst) }
            },
        )
    }

    /// Bytes that a tiled kernel reads and writes: queries once; keys and values once for each 16
    /// queries that may see any of their 32; results once.
    fn bytes(&self) -> (u64, u64) {
        let tiles = (0..self.n).step_by(16).map(|row0| {
            let seen = if self.causal {
                (self.m + row0 + 16).saturating_sub(self.n).min(self.m)
            } else {
                self.m
            };
            seen.next_multiple_of(32).min(self.m)
        });
        let keys: usize = tiles.sum();
        (4 * (self.h * D * (self.n + 2 * keys)) as u64, 4 * (self.h * self.n * (D + 1)) as u64)
    }

    /// Buffers with rows of NaN behind the inputs, and the arguments that all kernels begin with.
    fn upload(&self, memory: &mut Memory) -> [ptx_sim::Buffer; 3] {
        let poisoned = |x: &[f32]| [x, &vec![f32::NAN; self.tail * D]].concat();
        [("q", &self.q), ("k", &self.k), ("v", &self.v)]
            .map(|(name, x)| memory.alloc(name, &poisoned(x)))
    }

    fn scalars(&self) -> [Argument; 5] {
        [
            (self.n as i32).into(),
            (self.m as i32).into(),
            0.125f32.into(),
            i32::from(self.causal).into(),
            (self.group as i32).into(),
        ]
    }
}

/// `flash_tiled` or `flash_warp`: a block for each 16 queries of a head.
fn flash(module: &Module, problem: &Problem) -> Ran {
    let Problem { h, n, .. } = *problem;
    let mut memory = Memory::new();
    let [q, k, v] = problem.upload(&mut memory);
    let out = memory.alloc_uninit::<f32>("out", h * n * D);
    let lse = memory.alloc_uninit::<f32>("lse", h * n);
    let kernel = &module.kernels()[0];
    let pad = if kernel.name() == "flash_warp" { 4 } else { 1 };
    let launch = Launch::new([n.div_ceil(16) as u32, h as u32, 1], [128, 1, 1])
        .step_limit(300_000)
        .array("ks", 4, &[32, D + pad])
        .array("vs", 4, &[32, D])
        .array("ps", 4, &[16, 32]);
    let mut arguments: Vec<Argument> = [q, k, v, out, lse].map(Argument::from).into();
    arguments.extend(problem.scalars());
    let report = kernel.launch(&mut memory, &launch, &arguments).expect("a launch that fits");
    Ran { out: memory.read(out), lse: memory.read(lse), reports: vec![report] }
}

/// `flash_split` with five splits, and `flash_merge`.
fn split(module: &Module, problem: &Problem) -> Ran {
    let Problem { h, n, .. } = *problem;
    let splits = 5;
    let mut memory = Memory::new();
    let [q, k, v] = problem.upload(&mut memory);
    let part = memory.alloc_uninit::<f32>("part", h * n * splits * D);
    let part_lse = memory.alloc_uninit::<f32>("part_lse", h * n * splits);
    let out = memory.alloc_uninit::<f32>("out", h * n * D);
    let lse = memory.alloc_uninit::<f32>("lse", h * n);
    let mut arguments: Vec<Argument> = [q, k, v, part, part_lse].map(Argument::from).into();
    arguments.extend(problem.scalars());
    let launch = Launch::new([splits as u32, n as u32, h as u32], [32, 1, 1]);
    let first = module
        .kernel("flash_split")
        .expect("there")
        .launch(&mut memory, &launch, &arguments)
        .expect("fits");
    let mut arguments: Vec<Argument> = [part, part_lse, out, lse].map(Argument::from).into();
    arguments.extend([(n as i32).into(), (splits as i32).into()]);
    let launch = Launch::new([n as u32, h as u32, 1], [32, 1, 1]);
    let second = module
        .kernel("flash_merge")
        .expect("there")
        .launch(&mut memory, &launch, &arguments)
        .expect("fits");
    Ran { out: memory.read(out), lse: memory.read(lse), reports: vec![first, second] }
}

/// A kernel file, its PTX, and how it is run.
#[derive(Clone, Copy)]
struct Source {
    text: &'static str,
    ptx: &'static str,
    run: fn(&Module, &Problem) -> Ran,
}

macro_rules! source {
    ($name:literal, $run:expr) => {
        Source {
            text: include_str!(concat!("seeded/", $name, ".cu")),
            ptx: include_str!(concat!("seeded/", $name, ".ptx")),
            run: $run,
        }
    };
}

const TILED: Source = source!("tiled", flash);
const WARP: Source = source!("warp", flash);
const SPLIT: Source = source!("split", split);

fn read(ptx: &str) -> Module {
    Module::parse(ptx).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn right_kernels_pass() {
    for (name, source) in [("tiled", TILED), ("warp", WARP), ("split", SPLIT)] {
        let module = read(source.ptx);
        for (h, group, n, m, causal) in [
            (1, 1, 1, 1, true),
            (2, 1, 31, 31, true),
            (2, 2, 32, 32, false),
            (1, 1, 33, 33, true),
            (4, 2, 67, 83, true),
            (1, 1, 20, 5, true),
            (1, 1, 5, 129, false),
        ] {
            let problem = Problem::new(h, group, n, m, causal);
            let ran = (source.run)(&module, &problem);
            for report in &ran.reports {
                assert_eq!(report.findings, [], "{name}, n = {n}, m = {m}");
                assert!(report.completed);
            }
            let error = problem.error(&ran);
            assert!(error < 4e-6, "{name}, n = {n}, m = {m}: {error:e}");
        }
    }
}

#[test]
fn right_kernels_move_what_the_closed_form_says_and_no_more() {
    for (h, group, n, m, causal) in
        [(2, 1, 64, 64, true), (2, 1, 64, 64, false), (4, 2, 67, 83, true)]
    {
        let problem = Problem::new(h, group, n, m, causal);
        for (name, source) in [("tiled", TILED), ("warp", WARP)] {
            let report = &(source.run)(&read(source.ptx), &problem).reports[0];
            let total = &report.total;
            assert_eq!((total.read_bytes, total.written_bytes), problem.bytes(), "{name}");
            assert_eq!(total.local_bytes, 0, "{name}");
        }
        let warp = &(WARP.run)(&read(WARP.ptx), &problem).reports[0];
        assert_eq!(warp.bank_conflicts(), 1.0);
        assert_eq!(warp.uncoalesced(), 1.0);
        let [scored, each] =
            [warp.lines.iter().map(|line| line.1.lanes).sum::<u64>(), warp.total.lanes];
        assert_eq!(scored, each, "the lines add up to the total");
    }
}

/// The functions of CUDA's mathematical library against the host's, on numbers small and large:
/// sines of large numbers are reduced by a product of 160 bits with carries.
#[test]
fn the_mathematical_library_runs() {
    let module = read(include_str!("seeded/math.ptx"));
    let x: Vec<f32> =
        vec![0.001, 0.3, 1.0, 1.5, 2.75, 3.5, 10.0, 77.7, 1234.5, 9.87e4, 1.5e5, 3.3e6];
    let want: [fn(f64) -> f64; 24] = [
        f64::sin,
        f64::cos,
        f64::tan,
        f64::exp,
        f64::ln,
        |a| a.powf(1.5),
        f64::tanh,
        |a| if a < 4.0 { erf(a) } else { 1.0 },
        f64::sqrt,
        |a| 1.0 / a.sqrt(),
        f64::cbrt,
        |a| a % 3.0,
        f64::round,
        f64::round_ties_even,
        f64::exp2,
        f64::ln_1p,
        |a| a.atan2(2.0),
        f64::exp,
        f64::ln,
        f64::sqrt,
        |a| 1.0 / a,
        |a| ((a as f32 * 1e6) as i64 % 1_000_003) as f64,
        |a| ((a as f32 * 1e6) as u64 / 7) as f64,
        |a| f64::from(a as i32 / 7 + a as i32 % 13),
    ];
    for (which, want) in want.iter().enumerate() {
        let mut memory = Memory::new();
        let (input, out) = (memory.alloc("x", &x), memory.alloc_uninit::<f32>("out", x.len()));
        let arguments = [input.into(), out.into(), (x.len() as i32).into(), (which as i32).into()];
        let launch = Launch::new([1, 1, 1], [32, 1, 1]);
        let report = module.kernels()[0]
            .launch(&mut memory, &launch, &arguments)
            .expect("a launch that fits");
        assert_eq!(report.findings, []);
        for (a, got) in x.iter().zip(memory.read::<f32>(out)) {
            let want = want(f64::from(*a)) as f32;
            let close = want == got || (want - got).abs() <= 4e-6 * want.abs().max(1e-3);
            assert!(close, "function {which} of {a}: {got}, should be {want}");
        }
    }
}

/// The error function by its series, good enough below 4.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for n in 1..200 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

/// The work of the tiles that causal attention visits, and nothing for those it skips.
#[test]
fn flops_are_counted() {
    let problem = Problem::new(1, 1, 64, 64, false);
    let report = &(WARP.run)(&read(WARP.ptx), &problem).reports[0];
    let products = 4 * 64 * 64 * D as u64; // two products, a multiply and an add each
    let total = report.total.flops;
    assert!(
        total > products && total < products * 12 / 10,
        "{total} FLOPs, {products} of them in the products"
    );
}

#[test]
fn the_roofline_is_a_bound_of_each_part() {
    let problem = Problem::new(4, 1, 128, 128, false);
    let report = &(WARP.run)(&read(WARP.ptx), &problem).reports[0];
    for device in Device::KNOWN {
        let bound = device.bound(report);
        let (least, part) = bound.limit();
        for time in [bound.arithmetic, bound.issue, bound.shared, bound.memory] {
            assert!(time > 0.0 && time <= least, "{}: {part}", device.name);
        }
        // 32 blocks keep at most 32 multiprocessors busy.
        let alone = report.total.flops as f64 / device.peak_flops();
        assert!(bound.arithmetic >= alone);
        assert!(
            (bound.memory - report.compulsory_bytes() as f64 / (device.bandwidth * 1e9)).abs()
                < 1e-15
        );
    }
    // Each number of q, k, v, out and lse crosses once.
    assert_eq!(report.compulsory_bytes(), 4 * 4 * 128 * (4 * D as u64 + 1));
    // The white papers' peaks, in TFLOP/s.
    let peaks = Device::KNOWN.map(|device| (device.peak_flops() / 1e11).round() / 10.0);
    assert_eq!(peaks, [8.1, 19.5, 82.6, 66.9]);
}

/// What gives a bug away.
#[derive(Clone, Copy, Debug)]
enum Caught {
    /// A finding of this kind, with a line that holds this text.
    Finding(Kind, &'static str),
    /// Wavefronts of shared memory over ideal, at least.
    BankConflicts(f64),
    /// Sectors of global memory over ideal, at least.
    Uncoalesced(f64),
    /// The numbers alone: no rule was broken.
    WrongNumbers,
    /// Not at all: the compiler has mended it, or the rules allow it.
    Nothing,
}

/// A kernel with one change.
struct Bug {
    name: &'static str,
    source: Source,
    right: &'static str,
    wrong: &'static str,
    caught: Caught,
    ptx: &'static str,
}

impl Bug {
    fn text(&self) -> String {
        let places = self.source.text.matches(self.right).count();
        assert_eq!(places, 1, "{}: what is replaced stands {places} times", self.name);
        self.source.text.replacen(self.right, self.wrong, 1)
    }
}

macro_rules! bugs {
    ($($name:literal in $source:ident: $right:literal => $wrong:literal, $caught:expr;)+) => {
        &[$(Bug {
            name: $name,
            source: $source,
            right: $right,
            wrong: $wrong,
            caught: $caught,
            ptx: include_str!(concat!("seeded/", $name, ".ptx")),
        }),+]
    };
}

#[rustfmt::skip]
const BUGS: &[Bug] = bugs! {
    "no-barrier-before-tile" in TILED:
        "        __syncthreads();\n#pragma unroll 1\n        for (int i = tid; i < BC * D" => "#pragma unroll 1\n        for (int i = tid; i < BC * D",
        Finding(Kind::SharedRace, "vs[i / D]");
    "no-barrier-after-tile" in TILED:
        "        __syncthreads();\n\n        // 3." => "\n        // 3.",
        Finding(Kind::SharedRace, "ks[j][c]");
    "no-barrier-after-scores" in TILED:
        "        __syncthreads();\n\n        // 4." => "\n        // 4.",
        Finding(Kind::SharedRace, "ss[tid][j]");
    "no-barrier-after-softmax" in TILED:
        "        __syncthreads();\n\n        // 5." => "\n        // 5.",
        Finding(Kind::SharedRace, "correction[own_row]");
    "no-barrier-at-the-end" in TILED:
        "    __syncthreads();\n    const int row = row0 + own_row;" => "    const int row = row0 + own_row;",
        Finding(Kind::SharedRace, "row_sum[own_row]");
    "unpadded-tile" in TILED:
        "ks[BC][D + 1]" => "ks[BC][D]",
        BankConflicts(5.0);
    "uncoalesced-load" in TILED:
        "            ks[i / D][i % D] = inside ? k[(size_t)key * D + i % D] : 0.0f;" =>
        "            ks[i % BC][i / BC] = key0 + i % BC < m ? k[(size_t)(key0 + i % BC) * D + i / BC] : 0.0f;",
        Uncoalesced(3.0);
    "one-key-too-many" in TILED:
        "const bool inside = key < m;" => "const bool inside = key <= m;",
        Finding(Kind::OutOfBounds, "k[(size_t)key * D");
    "one-row-too-many" in TILED:
        "    if (row < n) {" => "    if (row <= n) {",
        Finding(Kind::BlockRace, "out[(size_t)row");
    "tail-not-cleared" in TILED:
        "            vs[i / D][i % D] = inside ? v[(size_t)key * D + i % D] : 0.0f;" =>
        "            if (inside) vs[i / D][i % D] = v[(size_t)key * D + i % D];",
        Finding(Kind::Uninitialised, "vs[j]");
    "half-a-tile" in TILED:
        "i < BC * D; i += THREADS" => "i < BC * D / 2; i += THREADS",
        Finding(Kind::Uninitialised, "ks[j][c]");
    "barrier-in-a-branch" in TILED:
        "            row_max[tid] = tile_max;\n        }\n        __syncthreads();" =>
        "            row_max[tid] = tile_max;\n            __syncthreads();\n        }",
        Finding(Kind::BarrierDivergence, "__syncthreads");
    "early-return" in TILED:
        "    // 1. The queries" => "    if (row0 + tid / 8 >= n) return;\n    // 1. The queries",
        Finding(Kind::BarrierDivergence, "__syncthreads");
    "weights-not-cleared" in TILED:
        "            const float p = ss[own_row][j];" => "            const float p = ss[own_row][j + 1];",
        Finding(Kind::Uninitialised, "ss[own_row]");
    "sum-of-one-tile" in TILED:
        "row_sum[tid] * correction[tid] + sum;" => "sum;",
        WrongNumbers;
    "shuffle-after-continue" in WARP:
        "            const float score = allowed ? s[r] : minus_infinity();" =>
        "            if (!allowed) continue;\n            const float score = s[r];",
        Finding(Kind::AbsentLanes, "__shfl_xor_sync");
    "half-a-mask" in WARP:
        "x = fmaxf(x, __shfl_xor_sync(ALL, x, lanes));" => "x = fmaxf(x, __shfl_xor_sync(0xffffu, x, lanes));",
        Finding(Kind::AbsentLanes, "__shfl_xor_sync");
    "no-syncwarp" in WARP:
        "        __syncwarp();\n" => "",
        Finding(Kind::WarpRace, "ps[");
    "padding-breaks-vectors" in WARP:
        "ks[BC][D + 4]" => "ks[BC][D + 1]",
        Finding(Kind::Misaligned, "ks[");
    "unpadded-vectors" in WARP:
        "ks[BC][D + 4]" => "ks[BC][D]",
        BankConflicts(1.5);
    "weights-of-another-warp" in WARP:
        "p[r] = *(const float4*)&ps[warp * ROWS + r][j];" => "p[r] = *(const float4*)&ps[(warp * ROWS + r + 4) % BR][j];",
        Finding(Kind::Uninitialised, "ps[");
    "endless" in WARP:
        "key0 < seen; key0 += BC" => "key0 < seen; key0 += causal - 1",
        Finding(Kind::StepLimit, "");
    "past-the-array" in WARP:
        "for (int j = 0; j < BC; j += 4) {" => "for (int j = 0; j <= 16 * BC; j += 4) {",
        Finding(Kind::OutOfBounds, "vs[j");
    "sum-not-corrected" in WARP:
        "row_sum[r] = row_sum[r] * correction + warp_sum(p);" => "row_sum[r] = row_sum[r] + warp_sum(p);",
        WrongNumbers;
    "every-split-writes-the-first" in SPLIT:
        "* splits + split;" => "* splits;",
        Finding(Kind::BlockRace, "part[at");
    "splits-weighted-alike" in SPLIT:
        "? 0.0f : __expf(part_lse[s] - largest);" => "? 0.0f : 1.0f;",
        WrongNumbers;
    "score-without-start" in SPLIT:
        "        float score = 0.0f;" => "        float score;",
        Finding(Kind::UninitialisedVariable, "score = fmaf(");
    "largest-without-start" in SPLIT:
        "    float largest = minus_infinity();" => "    float largest;",
        Finding(Kind::UninitialisedVariable, "largest = fmaxf(");
    "sum-without-start" in SPLIT:
        "    float sum = 0.0f;\n    float acc[COLS];" => "    float sum;\n    float acc[COLS];",
        Finding(Kind::UninitialisedVariable, "sum += weight");
    "output-without-start" in TILED:
        "        acc[c] = 0.0f;\n\n    // Tiles" => "        if (own_col > 0) acc[c] = 0.0f;\n\n    // Tiles",
        Nothing;
    "acc-without-start" in WARP:
        "            acc[r][c] = 0.0f;" => "            ;",
        Finding(Kind::UninitialisedVariable, "acc[r][c] * inverse");
    "score-of-visible-keys" in TILED:
        "            ss[r][j] = allowed ? sum : minus_infinity();" => "            float score;\n            if (allowed) score = sum;\n            ss[r][j] = score;",
        Finding(Kind::UninitialisedVariable, "ss[r][j] = score;");
    "weight-of-visible-keys" in WARP:
        "            const float p = allowed ? __expf(score - tile_max) : 0.0f;" => "            float p;\n            if (allowed) p = __expf(score - tile_max);",
        Finding(Kind::UninitialisedVariable, "ps[warp * ROWS + r][lane] = p;");
    "lanes-that-have-ended" in SPLIT:
        "    float row_max = minus_infinity(), row_sum = 0.0f;" => "    if (lane >= 16) return;\n    float row_max = minus_infinity(), row_sum = 0.0f;",
        Finding(Kind::AbsentLanes, "__shfl_xor_sync");
    "lanes-with-fewer-keys" in SPLIT:
        "    for (int j = first; j < last; ++j) {" => "    for (int j = first; j < last - lane % 2; ++j) {",
        Finding(Kind::AbsentLanes, "__shfl_xor_sync");
    "shuffle-beyond-the-warp" in WARP:
        "x += __shfl_xor_sync(ALL, x, lanes);" => "x += __shfl_xor_sync(ALL, x, lanes + 32);",
        Nothing;
    "shuffle-beyond-the-width" in WARP:
        "x += __shfl_xor_sync(ALL, x, lanes);" => "x += __shfl_xor_sync(ALL, x, lanes, 16);",
        WrongNumbers;
    "warp-that-returns" in TILED:
        "    // 6. Divide once, at the end.\n" => "    if (tid >= 96) return;\n    // 6. Divide once, at the end.\n",
        WrongNumbers;
};

#[test]
fn every_seeded_bug_is_caught_by_name_and_line() {
    // Several tiles, ragged; and fewer keys than queries, so that some rows and blocks see none.
    let problems = [(4, 2, 67, 83), (2, 1, 40, 5)].map(|(h, group, n, m)| {
        let problem = Problem::new(h, group, n, m, true);
        Problem { tail: 0, ..problem }
    });
    let mut escaped = Vec::new();
    for bug in BUGS {
        let text = bug.text();
        let module = read(bug.ptx);
        let runs = problems.each_ref().map(|problem| (bug.source.run)(&module, problem));
        let reports: Vec<&Report> = runs.iter().flat_map(|ran| &ran.reports).collect();
        let findings: Vec<_> = reports.iter().flat_map(|report| &report.findings).collect();
        let wrong = problems.iter().zip(&runs).any(|(problem, ran)| problem.error(ran) > 1e-3);
        let line_of = |line: Option<u32>| {
            text.lines().nth(line.unwrap_or(0).max(1) as usize - 1).unwrap_or("")
        };
        let most =
            |of: fn(&Report) -> f64| reports.iter().map(|report| of(report)).fold(0.0, f64::max);
        let caught = match bug.caught {
            Finding(kind, at) => findings.iter().any(|f| {
                let lines = [Some(f.place), f.other]
                    .map(|place| line_of(place.and_then(|place| place.source)));
                f.kind == kind && lines.iter().any(|line| line.contains(at))
            }),
            BankConflicts(times) => {
                findings.is_empty() && !wrong && most(Report::bank_conflicts) >= times
            }
            Uncoalesced(times) => {
                findings.is_empty() && !wrong && most(Report::uncoalesced) >= times
            }
            WrongNumbers => findings.is_empty() && wrong,
            Nothing => findings.is_empty() && !wrong,
        };
        if !caught {
            let told: Vec<String> = findings
                .iter()
                .map(|f| format!("{f}: {}", line_of(f.place.source).trim()))
                .collect();
            let (banks, sectors) = (most(Report::bank_conflicts), most(Report::uncoalesced));
            escaped.push(format!(
                "{}: {:?}; wrong {wrong}, banks {banks:.2}, sectors {sectors:.2}\n  {}",
                bug.name,
                bug.caught,
                told.join("\n  ")
            ));
        }
    }
    assert!(escaped.is_empty(), "{} escaped:\n{}", escaped.len(), escaped.join("\n"));
}

#[test]
#[ignore = "writes the wrong kernels for compiling, into the folder that SEEDED names"]
fn write_the_wrong_kernels() {
    let folder = env::var("SEEDED").expect("a folder in SEEDED");
    for bug in BUGS {
        let path = Path::new(&folder).join(format!("{}.cu", bug.name));
        fs::write(&path, bug.text()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
