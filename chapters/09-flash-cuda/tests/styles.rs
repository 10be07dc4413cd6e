//! Right answers in other styles have to be accepted: what is asked is what comes out, not how it is written.

use ch09_flash_cuda::{
    exercises::{Body, Body::Changed, key_end, merge, online_softmax, place, tiled},
    nvrtc,
};
use std::env;

/// Whether to go on; says so if not.
fn there() -> bool {
    let how = nvrtc::how_to_get_it();
    if !nvrtc::found() {
        assert!(
            env::var_os("ATTN_REQUIRE_NVRTC").is_none(),
            "NVRTC is required here. {how}"
        );
        println!("skipped: NVRTC is not installed. {how}");
    }
    nvrtc::found()
}

const UPDATE: &str = "    float new_max = row_max;
    for (int j = 0; j < KEYS; ++j) new_max = fmaxf(new_max, scores[j]);
    const float shift = new_max == MINUS_INFINITY ? 0.0f : new_max;
    const float correction = __expf(row_max - shift);
    row_sum *= correction;
    for (int j = 0; j < KEYS; ++j) {
        scores[j] = __expf(scores[j] - shift);
        row_sum += scores[j];
    }
    row_max = new_max;
    return correction;
";

#[test]
fn online_softmax_in_other_words() {
    if !there() {
        return;
    }
    let styles: [(&str, Body); 5] = [
        (
            "expf, and the sum in a variable of its own",
            Changed(&[
                ("= __expf(row_max - shift)", "= expf(row_max - shift)"),
                (
                    "    for (int j = 0; j < KEYS; ++j) {\n        scores[j] = __expf(scores[j] - shift);\n        row_sum += scores[j];\n    }\n",
                    "    float tile = 0.0f;\n    for (int j = KEYS - 1; j >= 0; --j) tile += scores[j] = expf(scores[j] - shift);\n    row_sum += tile;\n",
                ),
            ]),
        ),
        (
            "powers of two",
            Changed(&[
                (
                    "= __expf(row_max - shift)",
                    "= exp2f((row_max - shift) * 1.44269504f)",
                ),
                (
                    "scores[j] = __expf(scores[j] - shift)",
                    "scores[j] = exp2f((scores[j] - shift) * 1.44269504f)",
                ),
            ]),
        ),
        (
            "a return for a row that has seen nothing",
            Changed(&[(
                "    const float shift = new_max == MINUS_INFINITY ? 0.0f : new_max;\n",
                "    if (new_max == MINUS_INFINITY) {\n        for (int j = 0; j < KEYS; ++j) scores[j] = 0.0f;\n        return 1.0f;\n    }\n    const float shift = new_max;\n",
            )]),
        ),
        (
            "a very small number in place of −∞",
            Changed(&[(
                "new_max == MINUS_INFINITY ? 0.0f : new_max",
                "fmaxf(new_max, -1e30f)",
            )]),
        ),
        (
            "score by score, as Milakov and Gimelshein have it",
            Changed(&[(
                UPDATE,
                "    const float before = row_max;
    for (int j = 0; j < KEYS; ++j) {
        const float new_max = fmaxf(row_max, scores[j]);
        if (new_max == MINUS_INFINITY) continue;
        row_sum = row_sum * __expf(row_max - new_max) + __expf(scores[j] - new_max);
        row_max = new_max;
    }
    const float shift = row_max == MINUS_INFINITY ? 0.0f : row_max;
    for (int j = 0; j < KEYS; ++j) scores[j] = __expf(scores[j] - shift);
    return __expf(before - shift);
",
            )]),
        ),
    ];
    online_softmax::exercise().assert_accepts(&styles);
}

#[test]
fn barriers_elsewhere() {
    if !there() {
        return;
    }
    let styles: [(&str, Body); 2] = [
        (
            "the last one at the start of a tile",
            Changed(&[
                (
                    "        // 1. Bring",
                    "        __syncthreads();\n        // 1. Bring",
                ),
                (
                    "        __syncthreads();\n    }\n",
                    "    }\n    __syncthreads();\n",
                ),
            ]),
        ),
        (
            "one more than needed",
            Changed(&[(
                "        // 1. Bring",
                "        __syncthreads();\n        // 1. Bring",
            )]),
        ),
    ];
    tiled::exercise().assert_accepts(&styles);
}

const PLACE: &str = "return key * (FOURS + 1) + four;";

#[test]
fn other_layouts_without_conflict() {
    if !there() {
        return;
    }
    let styles: [(&str, Body); 3] = [
        (
            "exclusive or",
            Changed(&[(PLACE, "return key * FOURS + (four ^ key % 8);")]),
        ),
        (
            "rotated rows",
            Changed(&[(PLACE, "return key * FOURS + (four + key) % FOURS;")]),
        ),
        (
            "rows from the last to the first",
            Changed(&[(PLACE, "return (KEYS - 1 - key) * (FOURS + 1) + four;")]),
        ),
    ];
    place::exercise().assert_accepts(&styles);
}

#[test]
fn ends_in_other_words() {
    if !there() {
        return;
    }
    const END: &str = "return m - n + last + 1;";
    let styles: [(&str, Body); 3] = [
        (
            "never negative",
            Changed(&[(END, "return max(0, m - n + last + 1);")]),
        ),
        (
            "rounded up to whole tiles",
            Changed(&[(
                END,
                "return (max(0, m - n + last + 1) + KEYS - 1) / KEYS * KEYS;",
            )]),
        ),
        (
            "clamped at the keys",
            Changed(&[
                ("    const int last = min(first + QUERIES, n) - 1;\n", ""),
                (END, "return min(m, m - n + first + QUERIES);"),
            ]),
        ),
    ];
    key_end::exercise().assert_accepts(&styles);
}

#[test]
fn merges_in_other_words() {
    if !there() {
        return;
    }
    const WEIGHT: &str = "const float weight = __expf(part_lse[head * splits + s] - shift);";
    let styles: [(&str, Body); 4] = [
        (
            "without a guard: some key is always seen",
            Changed(&[("total > 0.0f ? sum / total : 0.0f", "sum / total")]),
        ),
        (
            "relative to the merged lse",
            Changed(&[
                (
                    WEIGHT,
                    "const float weight = expf(part_lse[head * splits + s] - shift);",
                ),
                (
                    "        sum = fmaf(weight, parts[(head * splits + s) * D + c], sum);\n",
                    "",
                ),
                (
                    "    out[head * D + c] = total > 0.0f ? sum / total : 0.0f;\n",
                    "    const float merged = shift + logf(total);\n    for (int s = 0; s < splits; ++s)\n        sum += expf(part_lse[head * splits + s] - merged) * parts[(head * splits + s) * D + c];\n    out[head * D + c] = sum;\n",
                ),
            ]),
        ),
        (
            "two by two, as they come",
            Changed(&[
                (
                    "    for (int s = 0; s < splits; ++s) most = fmaxf(most, part_lse[head * splits + s]);\n",
                    "",
                ),
                (
                    "    const float shift = most == MINUS_INFINITY ? 0.0f : most;\n",
                    "",
                ),
                (
                    WEIGHT,
                    "const float other = part_lse[head * splits + s], larger = fmaxf(most, other);\n        if (other == MINUS_INFINITY) continue;\n        const float correction = __expf(most - larger), weight = __expf(other - larger);\n        total *= correction;\n        sum *= correction;\n        most = larger;",
                ),
            ]),
        ),
        (
            "every thread writes the lse",
            Changed(&[("if (c == 0) lse[head]", "lse[head]")]),
        ),
    ];
    merge::exercise().assert_accepts(&styles);
}
