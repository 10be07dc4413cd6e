//! Bugs that people write, each seeded in a kernel of this chapter: the simulator has to name it, with its line.
//!
//! They are compiled here, so without NVRTC these tests are skipped, and with `ATTN_REQUIRE_NVRTC=1` they fail.

mod common;

use ch09_flash_cuda::{
    Device, Inputs, Outcome, Program, Rung, Sizes, attention_by, harness::changed, nvrtc,
    precision::expected, rung,
};
use common::{sizes, unlike, wrong};
use ptx_sim::{Counts, Kind};
use std::env;

/// A kernel with a bug in it, and what came of it; `None` without NVRTC.
struct Bug {
    rung: Rung,
    source: String,
    outcome: Outcome,
    inputs: Inputs,
}

fn seed(rung: Rung, sizes: Sizes, changes: &[(&str, &str)]) -> Option<Bug> {
    if !nvrtc::found() {
        let how = nvrtc::how_to_get_it();
        assert!(env::var_os("ATTN_REQUIRE_NVRTC").is_none(), "NVRTC is required here. {how}");
        println!("skipped: NVRTC is not installed. {how}");
        return None;
    }
    let source = changed(rung.source(), changes);
    let definitions = rung::definitions(sizes.d).expect("a width of the course");
    let program = Program::compile("bug.cu", &source, &definitions).expect("it compiles");
    let inputs = rung.numbers().rounded(&Inputs::random(1, sizes, false));
    let outcome = attention_by(&mut Device::simulator(), rung, &program, &inputs, 0)
        .expect("it can be launched");
    Some(Bug { rung, source, outcome, inputs })
}

impl Bug {
    /// The numbers of the lines that hold this text.
    fn lines(&self, text: &str) -> Vec<u32> {
        let lines = self.source.lines().zip(1..).filter(|(line, _)| line.contains(text));
        let lines: Vec<u32> = lines.map(|(_, number)| number).collect();
        assert!(!lines.is_empty(), "no line holds {text}");
        lines
    }

    /// Asserts that there is a finding of this kind at a line with this text, and that it names what it befell.
    #[track_caller]
    fn is_named(&self, kind: Kind, at: &str, name: &str) -> &Self {
        let lines = self.lines(at);
        let findings = || self.outcome.reports.iter().flat_map(|report| &report.findings);
        let found = findings().any(|finding| {
            let touches =
                |place: ptx_sim::Place| place.source.is_some_and(|line| lines.contains(&line));
            let here = touches(finding.place) || finding.other.is_some_and(touches);
            finding.kind == kind && here && finding.text.contains(name)
        });
        let all: Vec<String> = findings().map(ToString::to_string).collect();
        assert!(found, "no {kind:?} of {name} at {lines:?} among:\n{}", all.join("\n"));
        self
    }

    /// Asserts that there is no finding and the result is right, and gives the counts of the line with this text.
    #[track_caller]
    fn is_right_but_slow(&self, at: &str) -> Counts {
        assert_eq!(self.outcome.findings(), [""; 0]);
        let expected = expected(self.rung.numbers(), &self.inputs).expect("inputs that fit");
        assert_eq!(unlike(&expected, &self.outcome), None);
        let line = self.lines(at)[0];
        let mut counts = Counts::default();
        self.outcome.reports.iter().for_each(|report| counts += report.line(line));
        counts
    }
}

const AFTER_LOAD: (&str, &str) = ("        __syncthreads();\n        // 2.", "        // 2.");
const AFTER_SCORES: (&str, &str) = ("        __syncthreads();\n        // 3.", "        // 3.");
const AFTER_SOFTMAX: (&str, &str) = ("        __syncthreads();\n        // 4.", "        // 4.");
const AFTER_SUM: (&str, &str) = ("        __syncthreads();\n    }\n", "    }\n");

#[test]
fn barrier_missing_after_the_tile_is_loaded() {
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 40), &[AFTER_LOAD]) {
        bug.is_named(Kind::SharedRace, "dot = fmaf(qs[row][c]", "`ks[");
    }
}

#[test]
fn barrier_missing_after_the_scores() {
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 40), &[AFTER_SCORES]) {
        bug.is_named(Kind::SharedRace, "scores[row][lane] = visible", "`scores[");
    }
}

#[test]
fn barrier_missing_after_the_softmax() {
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 40), &[AFTER_SOFTMAX]) {
        bug.is_named(Kind::SharedRace, "sum[e] *= correction[row]", "`correction[");
    }
}

#[test]
fn barrier_missing_at_the_end_of_a_tile() {
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 40), &[AFTER_SUM]) {
        bug.is_named(Kind::SharedRace, "vs[at / D][at % D] = inside", "`vs[");
    }
}

/// The numbers are right by luck: the warp that loads is the first to run here.
#[test]
fn one_warp_loads_and_nobody_waits() {
    let changes = [
        AFTER_LOAD,
        (
            "for (int at = thread; at < KEYS * D; at += QUERIES * KEYS) {",
            "for (int at = lane; row == 0 && at < KEYS * D; at += KEYS) {",
        ),
        (
            "for (int at = thread; at < QUERIES * D; at += QUERIES * KEYS)",
            "for (int at = lane; row == 0 && at < QUERIES * D; at += KEYS)",
        ),
    ];
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 20), &changes) {
        assert_eq!(wrong(&bug.inputs, &bug.outcome), None);
        bug.is_named(Kind::SharedRace, "ks[at / D][at % D] = inside", "`ks[");
    }
}

#[test]
fn barrier_that_half_a_warp_reaches() {
    let change = (
        "        __syncthreads();                    // the whole",
        "        if (lane < 16) __syncthreads(); // the whole",
    );
    if let Some(bug) = seed(Rung::Warp, sizes(9, 40), &[change]) {
        bug.is_named(
            Kind::BarrierDivergence,
            "if (lane < 16) __syncthreads();",
            "16 of the 32 lanes",
        );
    }
}

#[test]
fn barrier_that_one_warp_skips() {
    let change = (
        "        __syncthreads();                    // the whole",
        "        if (first_row > 0) __syncthreads(); // the whole",
    );
    if let Some(bug) = seed(Rung::Warp, sizes(9, 40), &[change]) {
        bug.is_named(Kind::BarrierDivergence, "__syncthreads();", "");
    }
}

#[test]
fn tile_without_padding() {
    if let Some(bug) = seed(
        Rung::Tiled,
        sizes(9, 40),
        &[("__shared__ float ks[KEYS][D + 1];", "__shared__ float ks[KEYS][D];")],
    ) {
        // One wavefront for the query's number, the same for all lanes, and 32 for the keys'.
        let counts = bug.is_right_but_slow("dot = fmaf(qs[row][c]");
        assert_eq!(counts.wavefronts * 2, counts.ideal_wavefronts * 33);
    }
}

#[test]
fn keys_loaded_column_by_column() {
    let change = (
        "ks[at / D][at % D] = inside ? keys[(size_t)start * D + at] : 0.0f;",
        "ks[at % KEYS][at / KEYS] = start + at % KEYS < m ? keys[(size_t)(start + at % KEYS) * D + at / KEYS] : 0.0f;",
    );
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 64), &[change]) {
        let counts = bug.is_right_but_slow("ks[at % KEYS][at / KEYS]");
        assert_eq!(counts.sectors, counts.ideal_sectors * 8);
    }
}

#[test]
fn less_or_equal_at_the_edge_of_the_keys() {
    let change =
        ("const bool inside = start + at / D < m;", "const bool inside = start + at / D <= m;");
    if let Some(bug) = seed(Rung::Tiled, sizes(8, 40), &[change]) {
        bug.is_named(Kind::OutOfBounds, "= inside ?", "reads byte 10240 of `k`");
    }
}

#[test]
fn no_guard_at_the_edge_of_the_output() {
    if let Some(bug) = seed(Rung::Warp, sizes(9, 40), &[("        if (i >= n) continue;\n", "")]) {
        bug.is_named(Kind::OutOfBounds, "out[row * 32 + lane] = sum[r];", "`out`");
    }
}

#[test]
fn no_guard_in_a_grid_that_does_not_fit() {
    if let Some(bug) =
        seed(Rung::Naive, sizes(9, 40), &[("    if (i >= n || j >= m) return;\n", "")])
    {
        bug.is_named(Kind::OutOfBounds, "dot = fmaf(query[c], key[c], dot)", "");
    }
}

#[test]
fn tail_of_the_tile_not_cleared() {
    let changes = [(
        "ks[place(at / FOURS, at % FOURS)] = inside ? keys[start * FOURS + at] : zeros;",
        "if (inside) ks[place(at / FOURS, at % FOURS)] = keys[start * FOURS + at];",
    )];
    if let Some(bug) = seed(Rung::Warp, sizes(9, 20), &changes) {
        bug.is_named(Kind::Uninitialised, "const float4 key = ks[place(lane, four)];", "`ks[");
    }
}

#[test]
fn tile_loaded_in_part() {
    if let Some(bug) =
        seed(Rung::Tiled, sizes(8, 32), &[("at < KEYS * D; at +=", "at < KEYS * D - 256; at +=")])
    {
        bug.is_named(Kind::Uninitialised, "dot = fmaf(qs[row][c]", "`ks[28][0]`");
    }
}

#[test]
fn shuffle_that_lanes_have_left() {
    let change = (
        "            const bool visible = j < m",
        "            if (j >= m) continue;\n            const bool visible = j < m",
    );
    if let Some(bug) = seed(Rung::Warp, sizes(9, 20), &[change]) {
        bug.is_named(Kind::AbsentLanes, "__shfl_xor_sync", "names lanes that are elsewhere");
    }
}

#[test]
fn shuffle_of_half_a_warp() {
    if let Some(bug) = seed(
        Rung::Split,
        sizes(1, 20),
        &[("#define ALL_LANES 0xffffffffu", "#define ALL_LANES 0x0000ffffu")],
    ) {
        bug.is_named(Kind::AbsentLanes, "__shfl_xor_sync", "leaves out lanes that are here");
    }
}

#[test]
fn float4_from_an_odd_address() {
    let change = (
        "const float4* keys = k + (size_t)",
        "const float4* keys = (const float4*)((const float*)k + 1) + (size_t)",
    );
    if let Some(bug) = seed(Rung::Warp, sizes(9, 40), &[change]) {
        bug.is_named(
            Kind::Misaligned,
            "ks[place(at / FOURS, at % FOURS)] = inside",
            "no multiple of 16",
        );
    }
}

#[test]
fn axes_of_a_shared_array_swapped() {
    if let Some(bug) = seed(
        Rung::Tiled,
        sizes(8, 32),
        &[("        scores[row][lane] = visible", "        scores[lane][row] = visible")],
    ) {
        bug.is_named(Kind::OutOfBounds, "scores[lane][row] = visible", "`scores`");
    }
}

#[test]
fn two_blocks_write_the_same_place() {
    let two = Sizes { heads: 2, kv_heads: 2, ..sizes(1, 20) };
    if let Some(bug) = seed(
        Rung::Split,
        two,
        &[("const int part = head * splits + split;", "const int part = split;")],
    ) {
        bug.is_named(Kind::BlockRace, "parts[part * 32 + lane] = sum;", "`parts`");
    }
}

#[test]
fn scores_that_are_read_but_never_written() {
    let change =
        ("    scores[((size_t)head", "    if (j > i + 3) return;\n    scores[((size_t)head");
    if let Some(bug) = seed(Rung::Naive, sizes(9, 40), &[change]) {
        bug.is_named(Kind::Uninitialised, "row_max = fmaxf(row_max, row[j])", "`scores`");
    }
}

#[test]
fn one_split_too_many() {
    if let Some(bug) = seed(
        Rung::Split,
        sizes(1, 20),
        &[("for (int s = 0; s < splits; ++s) {", "for (int s = 0; s <= splits; ++s) {")],
    ) {
        bug.is_named(Kind::OutOfBounds, "const float weight = __expf(part_lse", "`part_lse`");
    }
}

#[test]
fn a_loop_that_never_ends() {
    let change = ("start < m; start += KEYS) {", "start < m; start += group - 1) {");
    if let Some(bug) = seed(Rung::Tiled, sizes(1, 1), &[change]) {
        bug.is_named(Kind::StepLimit, "", "it is still running");
    }
}

/// The numbers are right by luck: registers start as zeros here. On a GPU they hold what the kernel before left.
#[test]
fn a_sum_that_starts_from_nothing() {
    let change = ("    float sum[D / 32] = {}; ", "    float sum[D / 32]; ");
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 40), &[change]) {
        assert_eq!(wrong(&bug.inputs, &bug.outcome), None);
        let (kind, name) = (Kind::UninitialisedVariable, "what is stored at line");
        bug.is_named(kind, "out[at * D + lane + 32 * e] = sum[e]", name);
    }
}

/// In the first tile only: later the register still holds the product of the tile before.
#[test]
fn a_product_that_only_some_lanes_compute() {
    let change = (
        "        float dot = 0.0f;\n        for (int c = 0; c < D; ++c) dot = fmaf(qs[row][c], ks[lane][c], dot);\n        const int j = start + lane;\n        const bool visible = j < m && (!causal || j <= m - n + i);",
        "        const int j = start + lane;\n        float dot;\n        if (j < m) {\n            dot = 0.0f;\n            for (int c = 0; c < D; ++c) dot = fmaf(qs[row][c], ks[lane][c], dot);\n        }\n        const bool visible = !causal || j <= m - n + i;",
    );
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 20), &[change]) {
        let (kind, name) = (Kind::UninitialisedVariable, "thread (20, 0, 0)");
        bug.is_named(kind, "scores[row][lane] = visible", name);
    }
}

#[test]
fn a_maximum_that_starts_from_nothing() {
    let change = ("    float most = MINUS_INFINITY;", "    float most;");
    if let Some(bug) = seed(Rung::Split, sizes(1, 20), &[change]) {
        let (kind, name) = (Kind::UninitialisedVariable, "depends on it");
        bug.is_named(kind, "most = fmaxf(most, part_lse", name);
    }
}

#[test]
fn a_loop_that_some_lanes_leave_early() {
    let change = ("j < end; ++j) {", "j < end - lane % 2; ++j) {");
    if let Some(bug) = seed(Rung::Split, sizes(1, 20), &[change]) {
        let name = "names lanes that are elsewhere";
        bug.is_named(Kind::AbsentLanes, "__shfl_xor_sync", name);
    }
}

#[test]
fn a_shuffle_from_lanes_that_have_ended() {
    let change =
        ("    if (split >= splits) return;", "    if (split >= splits || lane >= 16) return;");
    if let Some(bug) = seed(Rung::Split, sizes(1, 20), &[change]) {
        bug.is_named(Kind::AbsentLanes, "__shfl_xor_sync", "lane");
    }
}

/// Of the lane a shuffle names, the hardware takes the lowest five bits.
#[test]
fn a_shuffle_beyond_the_warp_is_right() {
    let change = (
        "x += __shfl_xor_sync(ALL_LANES, x, step);",
        "x += __shfl_xor_sync(ALL_LANES, x, step + 32);",
    );
    if let Some(bug) = seed(Rung::Split, sizes(1, 20), &[change]) {
        assert_eq!(bug.outcome.findings(), [""; 0]);
        assert_eq!(wrong(&bug.inputs, &bug.outcome), None);
    }
}

/// The compiler sees that the sum has no value on one path, and lets it be 0 there.
#[test]
fn a_sum_without_a_value_that_the_compiler_mends() {
    let change = (
        "        float dot = 0.0f;\n        for (int c = 0; c < D; ++c) dot = fmaf(qs[row][c], ks[lane][c], dot);",
        "        float dot;\n        if (causal == 0) dot = 0.0f;\n        for (int c = 0; c < D; ++c) dot = fmaf(qs[row][c], ks[lane][c], dot);",
    );
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 40), &[change]) {
        assert_eq!(bug.outcome.findings(), [""; 0]);
        assert_eq!(wrong(&bug.inputs, &bug.outcome), None);
    }
}

#[test]
fn an_index_far_before_the_array() {
    let change = (
        "scores[row][lane] = visible ? dot : MINUS_INFINITY;",
        "scores[row - 100000][lane] = visible ? dot : MINUS_INFINITY;",
    );
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 40), &[change]) {
        let name = "writes byte -13200000 of `scores`, which has 1056";
        bug.is_named(Kind::OutOfBounds, "scores[row - 100000]", name);
    }
}

#[test]
fn the_index_before_the_first() {
    let change = (
        "dot = fmaf(qs[row][c], ks[lane][c], dot);",
        "dot = fmaf(qs[0][lane - 1], ks[lane][c], dot);",
    );
    if let Some(bug) = seed(Rung::Tiled, sizes(9, 40), &[change]) {
        let name = "reads byte -4 of `qs`, which has 2048";
        bug.is_named(Kind::OutOfBounds, "qs[0][lane - 1]", name);
    }
}

/// Where the chunks of a tile stand.
const PLACE: &str = "return row * CHUNKS + (chunk ^ row % 8);";

#[test]
fn rows_of_matrices_in_the_same_banks() {
    // Of eight rows at one chunk, each eight chunks of 16 bytes long, all lie in the same four banks.
    for (place, times) in [
        ("return row * CHUNKS + chunk;", 8),
        ("return row * CHUNKS + (chunk ^ row % 4);", 2),
        ("return row * CHUNKS + (chunk ^ row / 2 % 8);", 2),
        ("return row * CHUNKS + (chunk + row) % CHUNKS;", 1),
    ] {
        if let Some(bug) = seed(Rung::Tensor, sizes(64, 64), &[(PLACE, place)]) {
            for at in ["LOAD(key, address(ks", "LOAD_TRANSPOSED(value, address(vs"] {
                let counts = bug.is_right_but_slow(at);
                assert_eq!(counts.wavefronts, times * counts.ideal_wavefronts, "{place}, {at}");
            }
        }
    }
}

#[test]
fn matrices_loaded_by_half_a_warp() {
    let load = "LOAD(key, address(ks, 16 * t + lane / 16 * 8 + lane % 8, 2 * c + lane / 8 % 2));";
    let half = "if (lane < 16) LOAD(key, address(ks, 16 * t + lane / 16 * 8 + lane % 8, 2 * c + lane / 8 % 2));";
    if let Some(bug) = seed(Rung::Tensor, sizes(64, 64), &[(load, half)]) {
        bug.is_named(Kind::PartialWarp, "if (lane < 16) LOAD(key", "16 of 32 lanes");
    }
}

/// Rows behind the last query need no product: but an `mma` is for the whole warp.
#[test]
fn products_of_those_lanes_alone_that_have_a_query() {
    let product = "                MULTIPLY_ADD(score[2 * t], query[c], key[0], key[1]);";
    let some = "                if (first + first_row + lane / 4 < n) MULTIPLY_ADD(score[2 * t], query[c], key[0], key[1]);";
    if let Some(bug) = seed(Rung::Tensor, sizes(52, 64), &[(product, some)]) {
        bug.is_named(Kind::PartialWarp, "lane / 4 < n) MULTIPLY_ADD", "mask 0x0000ffff");
    }
}

#[test]
fn a_warp_that_lanes_have_left() {
    let change = (
        "    float row_max[2] = {MINUS",
        "    if (first + first_row + lane / 4 >= n) return;\n    float row_max[2] = {MINUS",
    );
    if let Some(bug) = seed(Rung::Tensor, sizes(4, 64), &[change]) {
        bug.is_named(Kind::BarrierDivergence, "__syncthreads();", "have ended");
    }
}

#[test]
fn rows_counted_in_words() {
    let change = (
        "__cvta_generic_to_shared(tile + place(row, chunk));",
        "__cvta_generic_to_shared((const unsigned*)tile + place(row, chunk));",
    );
    if let Some(bug) = seed(Rung::Tensor, sizes(64, 64), &[change]) {
        bug.is_named(Kind::Misaligned, "LOAD(query[c], address(qs", "no multiple of 16");
    }
}

#[test]
fn thirty_two_rows_for_sixteen_queries() {
    let change =
        ("first_row + lane % 16, 2 * c + lane / 16));", "first_row + lane, 2 * c + lane / 16));");
    if let Some(bug) = seed(Rung::Tensor, sizes(64, 64), &[change]) {
        bug.is_named(Kind::OutOfBounds, "LOAD(query[c], address(qs", "of `qs`, which has 8192");
    }
}

const QUERIES_THERE: (&str, &str) =
    ("    __syncthreads();\n\n    unsigned query", "\n    unsigned query");
const TILE_FREE: (&str, &str) = (
    "        __syncthreads();                    // nobody reads the tile before",
    "        // nobody reads the tile before",
);
const TILE_THERE: (&str, &str) = (
    "        __syncthreads();                    // the whole tile is there",
    "        // the whole tile is there",
);

#[test]
fn barriers_missing_around_matrices() {
    for (change, at, name) in [
        (QUERIES_THERE, "LOAD(query[c], address(qs", "`qs["),
        (TILE_FREE, "ks[place(at / CHUNKS, at % CHUNKS)] = inside", "`ks["),
        (TILE_THERE, "LOAD(key, address(ks", "`ks["),
        (TILE_THERE, "LOAD_TRANSPOSED(value, address(vs", "`vs["),
    ] {
        if let Some(bug) = seed(Rung::Tensor, sizes(64, 128), &[change]) {
            bug.is_named(Kind::SharedRace, at, name);
        }
    }
}

#[test]
fn tail_of_a_tile_of_matrices_not_cleared() {
    let change = (
        "vs[place(at / CHUNKS, at % CHUNKS)] = inside ? values[start * CHUNKS + at] : zeros;",
        "if (inside) vs[place(at / CHUNKS, at % CHUNKS)] = values[start * CHUNKS + at];",
    );
    if let Some(bug) = seed(Rung::Tensor, sizes(64, 60), &[change]) {
        bug.is_named(Kind::Uninitialised, "LOAD_TRANSPOSED(value, address(vs", "`vs[484]`");
    }
}

#[test]
fn accumulators_that_start_from_nothing() {
    for (from, to, at) in [
        (
            "float score[KEYS / 8][4] = {};",
            "float score[KEYS / 8][4];   ",
            "MULTIPLY_ADD(score[2 * t], query[c]",
        ),
        ("float sum[D / 8][4] = {}; ", "float sum[D / 8][4];  ", "out[t][2 * r] *= correction"),
    ] {
        if let Some(bug) = seed(Rung::Tensor, sizes(64, 64), &[(from, to)]) {
            bug.is_named(Kind::UninitialisedVariable, at, "depends on it");
        }
    }
}

#[test]
fn sums_of_a_row_that_lanes_leave() {
    let change = (
        "        row_sum[r] += __shfl_xor_sync(ALL_LANES, row_sum[r], 1);",
        "        if (first + first_row + lane / 4 + 8 * r >= n) continue;\n        row_sum[r] += __shfl_xor_sync(ALL_LANES, row_sum[r], 1);",
    );
    if let Some(bug) = seed(Rung::Tensor, sizes(60, 64), &[change]) {
        bug.is_named(Kind::AbsentLanes, "row_sum[r] += __shfl_xor_sync", "lanes");
    }
}

/// The wait of the loop, with what stands around it.
const WAIT: &str = "        WAIT(1);                            // this tile";
const COMMIT: &str = "        COMMIT();                           // without";
const READS: &str = "LOAD(key, address(ks[stage]";

#[test]
fn a_wait_that_is_off_by_one() {
    let change = (WAIT, "        WAIT(2);                            // this tile");
    if let Some(bug) = seed(Rung::Pipelined, sizes(64, 192), &[change]) {
        bug.is_named(Kind::ShortWait, READS, "for the last 2 groups may go on");
        bug.is_named(Kind::ShortWait, "WAIT(2);", "`ks[0][0]` is read");
    }
    let first = (
        "    WAIT(1);                                // the queries",
        "    WAIT(2);                                // the queries",
    );
    if let Some(bug) = seed(Rung::Pipelined, sizes(64, 64), &[first]) {
        bug.is_named(Kind::ShortWait, "LOAD(query[c], address(qs", "`qs[0]` is read");
    }
}

/// The first tile is waited for with the queries, by a wait that lets it go on.
#[test]
fn no_wait_at_all() {
    if let Some(bug) = seed(Rung::Pipelined, sizes(64, 192), &[(WAIT, "        // this tile")]) {
        bug.is_named(Kind::ShortWait, READS, "`ks[0][0]`");
        let copy = "COPY(address(ks[stage], at / CHUNKS";
        bug.is_named(Kind::UnawaitedCopy, READS, "`ks[1][0]` is read before the copy");
        bug.is_named(Kind::UnawaitedCopy, copy, "`ks[1][0]`");
    }
}

#[test]
fn a_wait_behind_the_barrier() {
    let changes = [
        (WAIT, "        __syncthreads();                    // this tile"),
        (
            "        __syncthreads();                    // the whole tile is there",
            "        WAIT(1);                            // the whole tile is there",
        ),
    ];
    if let Some(bug) = seed(Rung::Pipelined, sizes(64, 192), &changes) {
        bug.is_named(Kind::ShortWait, READS, "`ks[0]");
        bug.is_named(Kind::SharedRace, READS, "`ks[");
    }
}

/// Without a group in the last turn, the wait for all but the last group lets the last tile go on.
#[test]
fn a_last_turn_without_a_group() {
    let changes = [
        (
            "if (start + KEYS < end) bring(start + KEYS, stage ^ 1);",
            "if (start + KEYS < end) { bring(start + KEYS, stage ^ 1); COMMIT(); }",
        ),
        (COMMIT, "        // without"),
    ];
    if let Some(bug) = seed(Rung::Pipelined, sizes(64, 192), &changes) {
        bug.is_named(Kind::ShortWait, READS, "`ks[0][0]` is read");
        bug.is_named(
            Kind::ShortWait,
            "WAIT(1);",
            "for the last group may go on, and the copy is in it",
        );
    }
}

#[test]
fn copies_in_no_group() {
    if let Some(bug) = seed(Rung::Pipelined, sizes(64, 192), &[(COMMIT, "        // without")]) {
        bug.is_named(Kind::ShortWait, READS, "for the last group may go on");
    }
}

#[test]
fn a_stage_that_another_warp_still_reads() {
    let change = (
        "        __syncthreads();                    // nobody reads this tile",
        "        // nobody reads this tile",
    );
    if let Some(bug) = seed(Rung::Pipelined, sizes(64, 192), &[change]) {
        bug.is_named(Kind::SharedRace, "COPY(address(ks[stage], at / CHUNKS", "`ks[0]");
        bug.is_named(Kind::SharedRace, "LOAD_TRANSPOSED(value, address(vs[stage]", "`vs[0]");
    }
}

#[test]
fn the_next_tile_on_top_of_this_one() {
    let change = ("bring(start + KEYS, stage ^ 1);", "bring(start + KEYS, stage);");
    if let Some(bug) = seed(Rung::Pipelined, sizes(64, 192), &[change]) {
        let copy = "COPY(address(ks[stage], at / CHUNKS";
        bug.is_named(Kind::ShortWait, copy, "`ks[0][0]` is written");
    }
}

#[test]
fn copies_without_a_guard() {
    let change = ("const bool inside = start + at / CHUNKS < m;", "const bool inside = true;");
    if let Some(bug) = seed(Rung::Pipelined, sizes(64, 60), &[change]) {
        bug.is_named(Kind::OutOfBounds, "COPY(address(ks[stage]", "reads byte 7680 of `k`");
    }
}

#[test]
fn copies_from_an_odd_address() {
    let change =
        ("queries + at, first + at", "(const uint4*)((const float*)queries + 1) + at, first + at");
    if let Some(bug) = seed(Rung::Pipelined, sizes(64, 64), &[change]) {
        bug.is_named(Kind::Misaligned, "COPY(address(qs, at / CHUNKS", "16 bytes at byte 4 of `q`");
    }
}

/// Mistakes that break no rule of the machine: only the numbers tell, and they are beyond the error that bf16 is allowed.
#[test]
fn wrong_numbers_are_beyond_the_allowed_error() {
    for (from, to) in [
        ("LOAD_TRANSPOSED(value, address(vs", "LOAD(value, address(vs"),
        (
            "16 * t + lane / 16 * 8 + lane % 8, 2 * c + lane / 8 % 2",
            "16 * t + lane % 16, 2 * c + lane / 16",
        ),
        (
            "first_row + lane % 16, 2 * c + lane / 16));",
            "first_row + lane / 16 * 8 + lane % 8, 2 * c + lane / 8 % 2));",
        ),
        (": \"f\"(high), \"f\"(low));", ": \"f\"(low), \"f\"(high));"),
        (
            "pack(score[2 * t][2], score[2 * t][3]),",
            "pack(score[2 * t + 1][0], score[2 * t + 1][1]),",
        ),
        (
            "MULTIPLY_ADD(score[2 * t + 1], query[c], key[2], key[3]);",
            "MULTIPLY_ADD(score[2 * t + 1], query[c], key[1], key[3]);",
        ),
        ("        row_sum[r] *= correction;\n", ""),
        ("            out[t][2 * r + 1] *= correction;\n", ""),
        ("        new_max = fmaxf(new_max, __shfl_xor_sync(ALL_LANES, new_max, 2));\n", ""),
        ("        row_sum[r] += __shfl_xor_sync(ALL_LANES, row_sum[r], 2);\n", ""),
        ("lane % 4 * 2 + e % 2;", "lane % 4 + e % 2;"),
        ("if (key >= m || (causal", "if (key > m || (causal"),
        ("row_max[r] * scale + __logf", "row_max[r] + __logf"),
        ("4 * t + lane % 4] =", "4 * t + lane / 8] ="),
    ] {
        let Some(bug) = seed(Rung::Tensor, sizes(64, 100), &[(from, to)]) else { return };
        let expected = expected(bug.rung.numbers(), &bug.inputs).expect("inputs that fit");
        assert!(
            unlike(&expected, &bug.outcome).is_some(),
            "{to} in place of {from} is not noticed"
        );
    }
}
