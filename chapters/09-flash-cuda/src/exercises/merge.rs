//! 9.5 `merge`: merge the splits

use crate::{
    harness::{Case, kernel_exercise},
    rung::SPLITS,
};
use attn_exercise::{Field, field};
use ndarray::{Array2, s};

kernel_exercise! {
    // Splits without keys do not come last: a merge must not count on it.
    merge of Split { around: &[("head * splits + split;", "head * splits + (split + 2) % splits;")] };

    steps: each_split;

    cases: |random| {
        let ln5 = 5.0_f32.ln();
        let mut cases = vec![
            Case::by_hand(&[0.0, 0.0, 0.0, 0.0, 0.0, ln5]).about("by hand: a key a split, scores of 0 but for the last, ln 5"),
            Case::random(random, 1, 70, false),
            Case::random(random, 1, 4, false).about("two splits have no keys"),
            Case::random(random, 1, 1, false).about("five splits have no keys"),
            Case::heads(random, [6, 2], 1, 129, 64, true),
            Case::by_hand(&[200.0, 199.0, 198.0, 197.0, 200.0, 201.0]).about("scores of about 200"),
            Case::by_hand(&[-200.0, -199.0, -201.0, -200.0, -202.0, -198.0]).about("scores of about −200"),
            Case::heads(random, [2, 2], 1, 40, 128, false),
            Case::by_hand(&[0.0, 0.0, 0.0, 100.0, 0.0, 0.0]).about("one split far above the others"),
            Case::by_hand(&[0.0, 0.0, 0.0, 0.0, 100.0, 0.0]).about("another split far above the others"),
        ];
        cases.extend(Case::small(random, 1));
        cases
    };

    never {
        "n > 1", "h < n", "h = n > 1", "n > h_kv", "n = h_kv > 1", "n > m", "n = m > 1": "the kernel is for decoding: one query per head";
        "h < h_kv": "each key/value head has a query head of its own at least";
    }

    right {
        "without a guard: some key is always seen" => [("total > 0.0f ? sum / total : 0.0f", "sum / total")];
        "relative to the merged lse" => [
            (WEIGHT, "const float weight = expf(part_lse[head * splits + s] - shift);"),
            ("        sum = fmaf(weight, parts[(head * splits + s) * D + c], sum);\n", ""),
            (OUT, "\
const float merged = shift + logf(total);
    for (int s = 0; s < splits; ++s)
        sum += expf(part_lse[head * splits + s] - merged) * parts[(head * splits + s) * D + c];
    out[head * D + c] = sum;"),
        ];
        "two by two, as they come" => [(MOST, ""), (SHIFT, ""), (WEIGHT, TWO_BY_TWO)];
        "every thread writes the lse" => [("if (c == 0) lse[head]", "lse[head]")];
        "the second thread writes the lse" => [("if (c == 0) lse[head]", "if (c == 1) lse[head]")];
        "splits without keys are passed over" => [(WEIGHT, "\
if (part_lse[head * splits + s] == MINUS_INFINITY) continue;
        const float weight = __expf(part_lse[head * splits + s] - shift);")];
    }

    mistakes {
        "no-maximum": "exp is taken of the lse as it is, so that a large one overflows and very negative ones give 0 / 0: take out the largest first, as in every softmax"
            => [(SHIFT, NO_SHIFT), (OUT, DIVIDED), (LSE, LOGARITHM)];
        "plain-mean": "all splits count the same: but each was divided by a sum of its own"
            => [(WEIGHT, "const float weight = 1.0f;")];
        "mean-of-those-with-keys": "all splits that have keys count the same: but each was divided by a sum of its own"
            => [(WEIGHT, "const float weight = part_lse[head * splits + s] > MINUS_INFINITY ? 1.0f : 0.0f;")];
        "not-divided": "the weighted parts are summed up, but not divided by the sum of the weights"
            => [(OUT, "out[head * D + c] = sum;")];
        "lse-as-weight": "a part is weighed with its lse itself: it is a logarithm, the weight is its exponential"
            => [(WEIGHT, "const float weight = part_lse[head * splits + s];")];
        "lse-as-weight-and-divided": "a part is weighed with its lse itself, and their sum divided by: it is a logarithm, the weight is its exponential"
            => [(WEIGHT, "const float weight = part_lse[head * splits + s];"), (OUT, DIVIDED), (LSE, LOGARITHM)];
        "overflow": "exp is taken of the lse as it is: take out the largest first, as in every softmax"
            => [(SHIFT, NO_SHIFT), (LSE, LOGARITHM)];
        "maximum-from-zero": "the largest lse is looked for from 0 on, so that the weights of very negative ones are all zero"
            => [("float most = MINUS_INFINITY;", "float most = 0.0f;")];
        "maximum-from-zero-and-divided": "the largest lse is looked for from 0 on, so that the weights of very negative ones are all zero, and so is what is divided by"
            => [("float most = MINUS_INFINITY;", "float most = 0.0f;"), (OUT, DIVIDED)];
        "maximum-without-the-last": "the largest lse is looked for without the last split: where that is by far the largest, its weight overflows"
            => [("s < splits; ++s) most", "s < splits - 1; ++s) most")];
        "maximum-without-the-first": "the largest lse is looked for without the first split: where that is by far the largest, its weight overflows"
            => [("int s = 0; s < splits; ++s) most", "int s = 1; s < splits; ++s) most")];
        "sums-never-set": "`total` and `sum` are added to and were never set"
            => [("float total = 0.0f, sum = 0.0f;", "float total, sum;")];
        "shuffle-within-the-warp": "the largest lse is asked of the lanes of one's own warp, and only the first warp knows them: a shuffle does not reach another warp"
            => [(MOST, "    float mine = c < splits ? part_lse[head * splits + c] : MINUS_INFINITY;\n    for (int s = 0; s < splits; ++s) most = fmaxf(most, __shfl_sync(~0u, mine, s));\n")];
        "lse-without-maximum": "the largest lse is not added back to the logarithm"
            => [(LSE, LOGARITHM)];
        "lse-is-the-maximum": "the largest lse is returned for the sum of all of them"
            => [(LSE, "if (c == 0) lse[head] = most;")];
        "lse-not-written": "`out` is written and `lse` is not"
            => [(LSE, "")];
        "lse-summed": "the logarithms are added up: that is the logarithm of a product"
            => [
                ("        total += weight;\n", "        total += weight;\n        logs += part_lse[head * splits + s];\n"),
                ("float total = 0.0f, sum = 0.0f;", "float total = 0.0f, sum = 0.0f, logs = 0.0f;"),
                (LSE, "if (c == 0) lse[head] = logs;"),
            ];
        "last-split-forgotten": "the last split is left out"
            => [(LOOP, "for (int s = 0; s < splits - 1; ++s) {"), ("s < splits; ++s) most", "s < splits - 1; ++s) most")];
        "ends-at-an-empty-split": "the loop ends at the first split without keys: others that have some may follow"
            => [(WEIGHT, "\
if (part_lse[head * splits + s] == MINUS_INFINITY) break;
        const float weight = __expf(part_lse[head * splits + s] - shift);")];
        "empty-split-nan": "two splits without keys are merged without a guard: −∞ − (−∞) is NaN"
            => [(MOST, ""), (SHIFT, ""), (WEIGHT, TWO_BY_TWO_UNGUARDED)];
        "first-head": "every head merges the parts of the first"
            => [(WEIGHT, "const float weight = __expf(part_lse[s] - shift);"), (PART, "parts[s * D + c]")];
        "out-of-the-first-head": "every head writes its result into the first head's row of `out`"
            => [(OUT, "out[c] = total > 0.0f ? sum / total : 0.0f;")];
        "width-written-out": "64 stands for D, which it is for d = 64 alone"
            => [(PART, "parts[(head * splits + s) * 64 + c]"), (OUT, "out[head * 64 + c] = total > 0.0f ? sum / total : 0.0f;")];
        "one-split-too-many": "the loop ends with ≤: the last turn reads the next head's first split, or past the end"
            => [(LOOP, "for (int s = 0; s <= splits; ++s) {")];
        "axes-swapped": "parts is read as (splits, h, d), but it is (h, splits, d)"
            => [(PART, "parts[(s * gridDim.x + head) * D + c]")];
    }
}

const MOST: &str =
    "    for (int s = 0; s < splits; ++s) most = fmaxf(most, part_lse[head * splits + s]);\n";
const SHIFT: &str = "    const float shift = most == MINUS_INFINITY ? 0.0f : most;\n";
const NO_SHIFT: &str = "    const float shift = 0.0f;\n";
const LOOP: &str = "for (int s = 0; s < splits; ++s) {";
const WEIGHT: &str = "const float weight = __expf(part_lse[head * splits + s] - shift);";
const PART: &str = "parts[(head * splits + s) * D + c]";
const OUT: &str = "out[head * D + c] = total > 0.0f ? sum / total : 0.0f;";
/// The same without a guard, which is as right: some key is always seen.
const DIVIDED: &str = "out[head * D + c] = sum / total;";
const LSE: &str = "if (c == 0) lse[head] = most + __logf(total);";
const LOGARITHM: &str = "if (c == 0) lse[head] = __logf(total);";

const TWO_BY_TWO: &str = "\
const float other = part_lse[head * splits + s], larger = fmaxf(most, other);
        if (other == MINUS_INFINITY) continue;
        const float correction = __expf(most - larger), weight = __expf(other - larger);
        total *= correction;
        sum *= correction;
        most = larger;";
const TWO_BY_TWO_UNGUARDED: &str = "\
const float other = part_lse[head * splits + s], larger = fmaxf(most, other);
        const float correction = __expf(most - larger), weight = __expf(other - larger);
        total *= correction;
        sum *= correction;
        most = larger;";

/// The log-sum-exp that each split of a head leaves, in the order of their keys.
fn each_split(case: &Case) -> Vec<Field> {
    let (heads, m) = (case.sizes().heads, case.sizes().m);
    let lse = Array2::from_shape_fn((heads, SPLITS), |(head, split)| {
        let end = |split: usize| (split * m.div_ceil(SPLITS)).min(m);
        let scores = case.scores(head);
        let scores = scores.slice(s![0, end(split)..end(split + 1)]);
        attn_oracle::softmax(&scores.to_vec()).0
    });
    vec![field("part_lse of each split, exactly", &lse)]
}
