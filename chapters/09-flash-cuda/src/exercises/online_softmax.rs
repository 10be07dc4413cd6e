//! 9.1 `online_softmax`

use crate::harness::{Case, kernel_exercise};
use attn_exercise::{Field, field};
use ndarray::{Array2, Axis};

kernel_exercise! {
    online_softmax of Tiled;

    steps: each_tile;

    cases: |random| {
        let mut scores = [0.0; 33];
        scores[32] = 32.0_f32.ln();
        // The last key of the first tile stands out, then the first of the second.
        let mut peaks = [0.0; 64];
        (peaks[31], peaks[32]) = (100.0, 220.0);
        let mut cases = vec![
            Case::by_hand(&scores).about("by hand: 32 scores of 0 and, in the second tile, one of ln 32"),
            Case::random(random, 5, 70, false),
            Case::by_hand(&slope(0.25)).about("each tile has larger scores"),
            Case::by_hand(&slope(-0.25)).about("each tile has smaller scores"),
            Case::random(random, 33, 33, true),
            Case::random(random, 9, 3, true).about("the first six queries see nothing"),
            Case::random(random, 4, 65, false).times(60.0).about("scores of about ±60"),
            Case::by_hand(&[-200.0, -199.0, -198.0]).about("scores of about −200"),
            Case::by_hand(&peaks).about("a tile's last key far above, and the next one's first"),
        ];
        cases.extend(Case::small(random, 2));
        cases
    };

    never {
        "h < h_kv": "each key/value head has a query head of its own at least";
    }

    right {
        "expf, and the sum in a variable of its own" => [
            ("= __expf(row_max - shift)", "= expf(row_max - shift)"),
            (WEIGHTS, "\
    float tile = 0.0f;
    for (int j = KEYS - 1; j >= 0; --j) tile += scores[j] = expf(scores[j] - shift);
    row_sum += tile;
"),
        ];
        "powers of two" => [
            ("= __expf(row_max - shift)", "= exp2f((row_max - shift) * 1.44269504f)"),
            ("scores[j] = __expf(scores[j] - shift)", "scores[j] = exp2f((scores[j] - shift) * 1.44269504f)"),
        ];
        "a return for a row that has seen nothing" => [(SHIFT, "\
    if (new_max == MINUS_INFINITY) {
        for (int j = 0; j < KEYS; ++j) scores[j] = 0.0f;
        return 1.0f;
    }
    const float shift = new_max;
")];
        "a return of 0 for a row that has seen nothing, and has nothing to correct" => [(SHIFT, "\
    if (new_max == MINUS_INFINITY) {
        for (int j = 0; j < KEYS; ++j) scores[j] = 0.0f;
        return 0.0f;
    }
    const float shift = new_max;
")];
        "a very small number in place of −∞" => [("new_max == MINUS_INFINITY ? 0.0f : new_max", "fmaxf(new_max, -1e30f)")];
        "score by score, as Milakov and Gimelshein have it" => [
            (MAXIMUM, "    const float before = row_max;\n"),
            (KEPT, ""),
            (SHIFT, "\
    for (int j = 0; j < KEYS; ++j) {
        const float new_max = fmaxf(row_max, scores[j]);
        if (new_max == MINUS_INFINITY) continue;
        row_sum = row_sum * __expf(row_max - new_max) + __expf(scores[j] - new_max);
        row_max = new_max;
    }
    const float shift = row_max == MINUS_INFINITY ? 0.0f : row_max;
"),
            (CORRECTION, ""),
            (RESCALED, ""),
            (SUMMED, ""),
            ("return correction;", "return __expf(before - shift);"),
        ];
    }

    mistakes {
        "sum-not-rescaled": "the sum so far is not multiplied by the correction, only the output is: they are relative to different maxima"
            => [(RESCALED, "")];
        "output-not-rescaled": "1 is returned in place of the correction: the sum is brought to the new maximum, the output so far is not"
            => [("return correction;", "return 1.0f;")];
        "maximum-of-the-tile": "the new maximum is that of the tile alone: where the tile before had a larger one, the correction overflows or grows"
            => [("float new_max = row_max;", "float new_max = MINUS_INFINITY;")];
        "maximum-from-zero": "the maximum is looked for from 0 on, so that the exponentials of very negative scores are all zero"
            => [("float new_max = row_max;", "float new_max = fmaxf(row_max, 0.0f);")];
        "maximum-without-the-last": "the maximum leaves out the last key of the tile: where that has by far the largest score, its exponential overflows"
            => [("j < KEYS; ++j) new_max", "j < KEYS - 1; ++j) new_max")];
        "maximum-without-the-first": "the maximum leaves out the first key of the tile: where that has by far the largest score, its exponential overflows"
            => [("int j = 0; j < KEYS; ++j) new_max", "int j = 1; j < KEYS; ++j) new_max")];
        "maximum-not-kept": "the new maximum is not stored in `row_max`, so that the next tile starts from −∞ again"
            => [(KEPT, "")];
        "correction-upside-down": "the correction is exp(new − old) in place of exp(old − new)"
            => [("__expf(row_max - shift)", "__expf(shift - row_max)")];
        "correction-too-late": "the maximum is stored before the correction is computed from it, which is then always 1"
            => [(KEPT, ""), (CORRECTION, "    row_max = new_max;\n    const float correction = __expf(row_max - shift);\n")];
        "empty-row-nan": "a row that has seen nothing so far is not taken out: −∞ − (−∞) is NaN"
            => [("new_max == MINUS_INFINITY ? 0.0f : new_max", "new_max")];
        "early-return": "a row that has seen nothing returns at once and leaves its scores, which are −∞ and are taken for weights"
            => [(SHIFT, "    if (new_max == MINUS_INFINITY) return 1.0f;\n    const float shift = new_max;\n")];
        "empty-tile-forgets": "a tile of which the row sees nothing returns 0, although tiles before it were seen: what they summed up is lost"
            => [(SHIFT, "\
    float most = MINUS_INFINITY;
    for (int j = 0; j < KEYS; ++j) most = fmaxf(most, scores[j]);
    if (most == MINUS_INFINITY) {
        for (int j = 0; j < KEYS; ++j) scores[j] = 0.0f;
        return 0.0f;
    }
    const float shift = new_max;
")];
        "sum-corrected-too-late": "the weights of this tile are multiplied by the correction as well: only what was summed up before is relative to the old maximum"
            => [(RESCALED, ""), (KEPT, "    row_sum *= correction;\n    row_max = new_max;\n")];
        "scores-left": "the scores are summed up as exponentials, but not overwritten by them"
            => [(WEIGHTS, "    for (int j = 0; j < KEYS; ++j) row_sum += __expf(scores[j] - shift);\n")];
        "sum-of-the-tile": "the sum starts anew in each tile"
            => [("row_sum *= correction;", "row_sum = 0.0f;")];
        "sum-never-set": "the weights of the tile are added up in a variable that was never set"
            => [(RESCALED, ""), (WEIGHTS, "\
    float tile;
    for (int j = 0; j < KEYS; ++j) {
        scores[j] = __expf(scores[j] - shift);
        tile += scores[j];
    }
    row_sum = row_sum * correction + tile;
")];
        "sum-left-out": "the weights are not added to the sum"
            => [(SUMMED, "")];
        "no-maximum": "no maximum is taken out, so that large scores overflow"
            => [
                (SHIFT, "    const float shift = 0.0f;\n"),
                (CORRECTION, "    const float correction = 1.0f;\n"),
                (KEPT, "    row_max = 0.0f;\n"),
            ];
        "power-of-two": "exp2f is used where exp is meant, without the factor log₂ e"
            => [("scores[j] = __expf(", "scores[j] = exp2f("), ("= __expf(row_max - shift)", "= exp2f(row_max - shift)")];
    }
}

/// The reference's lines.
const MAXIMUM: &str = "    float new_max = row_max;\n    for (int j = 0; j < KEYS; ++j) new_max = fmaxf(new_max, scores[j]);\n";
const SHIFT: &str = "    const float shift = new_max == MINUS_INFINITY ? 0.0f : new_max;\n";
const CORRECTION: &str = "    const float correction = __expf(row_max - shift);\n";
const RESCALED: &str = "    row_sum *= correction;\n";
const WEIGHTS: &str = "\
    for (int j = 0; j < KEYS; ++j) {
        scores[j] = __expf(scores[j] - shift);
        row_sum += scores[j];
    }
";
const SUMMED: &str = "        row_sum += scores[j];\n";
const KEPT: &str = "    row_max = new_max;\n";

/// 96 scores that rise or fall from 0 by as much.
fn slope(step: f32) -> Vec<f32> {
    (0..96).map(|j| j as f32 * step).collect()
}

/// What is known of each row of the first head after each tile of 32 keys.
fn each_tile(case: &Case) -> Vec<Field> {
    let scores = case.scores(0);
    let shape = (scores.nrows(), scores.ncols().div_ceil(32));
    let [mut maxima, mut corrections, mut sums] = [(); 3].map(|()| Array2::<f64>::zeros(shape));
    for (i, row) in scores.outer_iter().enumerate() {
        let (mut row_max, mut row_sum) = (f64::NEG_INFINITY, 0.0);
        for (t, tile) in row.axis_chunks_iter(Axis(0), 32).enumerate() {
            let new_max = tile.fold(row_max, |max: f64, score| max.max(*score));
            let shift = if new_max.is_finite() { new_max } else { 0.0 };
            let correction = (row_max - shift).exp();
            row_sum = row_sum * correction + tile.mapv(|score| (score - shift).exp()).sum();
            row_max = new_max;
            (maxima[[i, t]], corrections[[i, t]], sums[[i, t]]) = (row_max, correction, row_sum);
        }
    }
    vec![
        field("row_max after each tile", &maxima),
        field("the correction that each tile returns", &corrections),
        field("row_sum after each tile", &sums),
    ]
}
