//! 12.1 `window_row`

use attn_exercise::{Field, Fields, exercise, field, pairwise};
use serde::{Deserialize, Serialize};

/// The keys of a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row(pub(super) Vec<usize>);

impl Fields for Row {
    fn fields(&self) -> Vec<Field> {
        vec![field("the row", &self.0)]
    }
}

exercise! {
    /// A token, how many there are, and the window.
    crate::window_row as fn(usize, usize, usize, usize, bool) -> Vec<usize>:
        (i: usize, n: usize[n], window: usize[window], dilation: usize[dilation], causal: bool) -> Row;
    answer: |window_row, c| Row(c.call(window_row));

    exact: |c| {
        let half = c.window as i64 / 2;
        let seen = |j: &usize| {
            let away = *j as i64 - c.i as i64;
            let dilation = c.dilation as i64;
            let (least, most) = if c.causal { (1 - c.window as i64, 0) } else { (-half, half) };
            away % dilation == 0 && (least..=most).contains(&(away / dilation))
        };
        Row((0..c.n).filter(seen).collect())
    };

    cases: |_random| {
        let of = |about: &str, i, n, window, dilation, causal| case(about, (i, n, window, dilation, causal));
        let mut cases = vec![
            of("by hand: the token and two before it", 5, 9, 3, 1, true),
            of("by hand: one on either side", 5, 9, 3, 1, false),
            of("every second, back to the start", 5, 9, 3, 2, true),
            of("every second, on either side", 6, 12, 5, 2, false),
            of("cut at the start", 1, 9, 4, 1, true),
            of("cut at the start, on either side", 1, 9, 7, 1, false),
            of("cut at the end", 8, 9, 5, 1, false),
            of("the first token", 0, 6, 3, 1, true),
            of("the last token", 5, 6, 3, 1, true),
            of("itself alone", 3, 6, 1, 1, true),
            of("itself alone", 3, 6, 1, 3, false),
            of("larger than the text", 3, 5, 9, 1, true),
            of("larger than the text", 2, 5, 15, 2, false),
            of("a dilation beyond the text", 3, 5, 3, 7, true),
            of("a dilation that just fits", 6, 13, 3, 6, false),
            of("a window of four", 9, 20, 4, 3, true),
            of("far in", 40, 64, 8, 4, true),
            of("one token", 0, 1, 1, 1, false),
            of("one token", 0, 1, 4, 2, true),
            of("one token", 0, 1, 3, 2, false),
            of("behind token 256", 298, 300, 4, 2, true),
        ];
        cases.extend(pairwise([6, 4, 4, 2, 4]).into_iter().map(|[n, window, dilation, causal, i]| {
            let causal = causal == 1;
            let window = if causal { window + 1 } else { 2 * window + 1 };
            of("small", (i * (n + 1) / 4).min(2 * n), 2 * n + 1, window, dilation + 1, causal)
        }));
        cases
    };

    right (i, n, window, dilation, causal) {
        "all keys, asked one by one" => (0..n).filter(|&j| {
            let away = i.abs_diff(j);
            let most = if causal { window - 1 } else { window / 2 };
            away % dilation == 0 && away / dilation <= most && !(causal && j > i)
        }).collect();
        "with signed numbers" => keys(i, n, offsets(window, dilation, causal));
        "outwards, then sorted" => {
            let mut row = vec![i];
            let steps = if causal { window - 1 } else { window / 2 };
            for s in 1..=steps {
                row.extend(i.checked_sub(s * dilation));
                row.extend(Some(i + s * dilation).filter(|&j| !causal && j < n));
            }
            row.sort();
            row
        };
    }

    mistakes (i, n, window, dilation, causal) {
        "besides-itself": "the window counts the other keys: a causal one has `window` keys before the token and the token as well, any other one one more on either side"
            => keys(i, n, if causal { offsets(window + 1, dilation, true) } else { offsets(window + 2, dilation, false) });
        "without-itself": "the token does not see itself: the window ends before it"
            => crate::window_row(i, n, window, dilation, causal).into_iter().filter(|&j| j != i).collect();
        "window-on-each-side": "a window that is not causal has `window` keys on either side: 2·window + 1 in all"
            => if causal { crate::window_row(i, n, window, dilation, true) } else { keys(i, n, offsets(2 * window + 1, dilation, false)) };
        "whole-window-on-each-side": "a window that is not causal reaches window − 1 keys to either side: `window` counts both sides"
            => if causal { crate::window_row(i, n, window, dilation, true) } else { keys(i, n, offsets(2 * window - 1, dilation, false)) };
        "symmetric-always": "the window lies on both sides of the token, causal or not"
            => keys(i, n, offsets(window / 2 * 2 + 1, dilation, false));
        "causal-always": "the window ends with the token, causal or not"
            => crate::window_row(i, n, window, dilation, true);
        "causal-half": "a causal window is the first half of one that is not: the keys behind are dropped, and the window is half as long"
            => crate::window_row(i, n, window / 2 * 2 + 1, dilation, false).into_iter().filter(|&j| !causal || j <= i).collect();
        "gap-of-dilation": "`dilation` tokens are left out between two keys; a dilation of 1 leaves none out"
            => crate::window_row(i, n, window, dilation + 1, causal);
        "no-dilation": "the dilation is not used: the window has no gaps"
            => crate::window_row(i, n, window, 1, causal);
        "within-the-window": "the keys are every `dilation`-th within `window` tokens: with gaps there are fewer keys; the window is to become longer"
            => keys(i, n, offsets(window, 1, causal).into_iter().filter(|s| s % dilation as i64 == 0).collect());
        "multiples": "with gaps, the keys are those whose position is a multiple of the dilation; they are counted from the token"
            => {
                let span = keys(i, n, offsets(window, dilation, causal));
                let (first, last) = (span[0], span[span.len() - 1]);
                (first..=last).filter(|j| j % dilation == 0).collect()
            };
        "filled-up": "at the start of the text the window is filled up with keys behind the token: every row is equally long"
            => {
                let row = offsets(window, dilation, causal);
                let first = i as i64 + row[0];
                let shift = if first < 0 { -first } else { 0 };
                keys(i, n, row.into_iter().map(|s| s + shift).collect())
            };
        "repeated": "what lies before the start is replaced by key 0: it is in the row several times"
            => offsets(window, dilation, causal).into_iter().map(|s| (i as i64 + s).max(0) as usize).filter(|&j| j < n).collect();
        "wraps": "what lies before the start comes from the end of the text, as if it were a ring"
            => offsets(window, dilation, causal).into_iter().map(|s| (i as i64 + s).rem_euclid(n as i64) as usize).collect();
        "underflow": "the window's length is subtracted from the position, which panics at the start of the text"
            => {
                let before = if causal { window - 1 } else { window / 2 };
                assert!(i >= before * dilation, "attempt to subtract with overflow");
                crate::window_row(i, n, window, dilation, causal)
            };
        "beyond-the-end": "keys behind the end of the text are in the row"
            => offsets(window, dilation, causal).into_iter().map(|s| i as i64 + s).filter(|&j| j >= 0).map(|j| j as usize).collect();
        "descending": "the row runs from the token backwards; it is ascending"
            => crate::window_row(i, n, window, dilation, causal).into_iter().rev().collect();
        "ahead": "a causal window begins with the token and lies behind it: it sees the future alone"
            => if causal { keys(i, n, offsets(window, dilation, true).into_iter().map(|s| -s).rev().collect()) } else { crate::window_row(i, n, window, dilation, false) };
        "chunks": "the text is cut into pieces of `window` tokens, and a token sees its own piece: at the start of a piece it sees nothing before"
            => crate::window_row(i, n, window, dilation, causal).into_iter().filter(|j| j / window == i / window).collect();
        "one-fewer": "the first key of the window is missing: it has window − 1 keys"
            => if window == 1 { vec![i] } else { keys(i, n, offsets(window, dilation, causal)[1..].to_vec()) };
        "last-missing": "the range ends before its last key: a token behind, or the token itself, is missing"
            => { let row = offsets(window, dilation, causal); keys(i, n, row[..row.len() - 1].to_vec()) };
        "clamped-start": "the window's first key is moved to the start of the text, and the gaps are counted from there: the token itself may be missing"
            => {
                let (before, after) = sides(window, causal);
                (i.saturating_sub(before * dilation)..=(i + after * dilation).min(n - 1)).step_by(dilation).collect()
            };
        "steps-within": "the window's ends are `window` tokens apart whatever the dilation is, and every `dilation`-th token between them is taken, from the first on"
            => {
                let (before, after) = sides(window, causal);
                (i.saturating_sub(before)..=(i + after).min(n - 1)).step_by(dilation).collect()
            };
        "distances": "the row holds how far away the keys are, not which they are"
            => crate::window_row(i, n, window, dilation, causal).into_iter().map(|j| i.abs_diff(j)).collect();
        "last-of-all": "the row holds the last keys of the text, whatever the token is"
            => crate::window_row(n - 1, n, window, dilation, causal);
        "never-key-0": "key 0 is never in the row: j > 0 is asked for instead of j ≥ 0"
            => crate::window_row(i, n, window, dilation, causal).into_iter().filter(|&j| j > 0).collect();
        "never-the-last-key": "the last token of the text is never in the row: j < n − 1 is asked for instead of j < n"
            => crate::window_row(i, n, window, dilation, causal).into_iter().filter(|&j| j < n - 1).collect();
        "besides-itself-if-causal": "a causal window has `window` keys before the token, and the token as well: it reaches window · dilation back instead of (window − 1) · dilation"
            => keys(i, n, offsets(window + usize::from(causal), dilation, causal));
        "half-rounded-up": "half of the window is rounded up where it is not causal: a window of 3 has two keys on either side"
            => if causal { crate::window_row(i, n, window, dilation, true) } else { keys(i, n, offsets(window + 2, dilation, false)) };
        "clamped-at-the-start-alone": "the window's first key is moved to the start of the text, from where the gaps are counted, and its last one is not moved to the end"
            => {
                let (before, after) = sides(window, causal);
                (i.saturating_sub(before * dilation)..=i + after * dilation).step_by(dilation).collect()
            };
        "range-without-its-end": "the window's ends are moved into the text, and the range `first..last` leaves out `last` itself"
            => {
                let (before, after) = sides(window, causal);
                let first = i - before.min(i / dilation) * dilation;
                (first..(i + after * dilation).min(n - 1)).step_by(dilation).collect()
            };
        "shifted-back": "the whole window lies one key further back: it ends before the token"
            => keys(i, n, shifted(window, dilation, causal, -1));
        "shifted-ahead": "the whole window lies one key further ahead: it begins one key late, and ends one key behind its place"
            => keys(i, n, shifted(window, dilation, causal, 1));
        "gaps-before-alone": "the dilation is used before the token alone: the keys behind it follow each other"
            => keys(i, n, offsets(window, dilation, causal).into_iter().map(|s| if s > 0 { s / dilation as i64 } else { s }).collect());
        "one-fewer-behind": "a window that is not causal has one key fewer behind the token than before it"
            => {
                let row = offsets(window, dilation, causal);
                let end = row.len() - usize::from(!causal && window > 1);
                keys(i, n, row[..end].to_vec())
            };
        "one-fewer-on-each-side": "a window that is not causal has one key too few on either side: keys are counted whose distance is less than half of it"
            => (0..n).filter(|&j| {
                let steps = i.abs_diff(j) / dilation;
                i.abs_diff(j) % dilation == 0 && if causal { j <= i && steps < window } else { steps < window / 2 }
            }).collect();
        "ends-outside": "the loop ends at the first key that is outside of the text: at the start of the text it finds nothing"
            => offsets(window, dilation, causal).into_iter().map(|s| i as i64 + s).take_while(|j| (0..n as i64).contains(j)).map(|j| j as usize).collect();
        "clamped": "a key outside of the text is replaced by the first or the last one, which are in the row several times"
            => clamped(i, n, &offsets(window, dilation, causal));
        "clamped-once": "a key outside of the text is replaced by the first or the last one, although these need not be in the window"
            => {
                let mut row = clamped(i, n, &offsets(window, dilation, causal));
                row.dedup();
                row
            };
        "counted-from-the-reach": "the ends lie window · dilation back, or half of that on either side, and the keys are counted from there: the token itself may be missing"
            => {
                let reach = (window * dilation) as i64 / if causal { 1 } else { 2 };
                let (first, last) = (-reach, if causal { 0 } else { reach });
                keys(i, n, (first..=last).step_by(dilation).collect())
            };
        "one-more-behind": "a window that is not causal has one key more behind the token than before it"
            => {
                let mut row = offsets(window, dilation, causal);
                if !causal { row.push((window / 2 + 1) as i64 * dilation as i64); }
                keys(i, n, row)
            };
        "key-n": "the last key is moved to n instead of n − 1: there is no key n"
            => {
                let (before, after) = sides(window, causal);
                let first = i - before.min(i / dilation) * dilation;
                (first..=(i + after * dilation).min(n)).step_by(dilation).collect()
            };
        "all-between": "all tokens within the window's reach are seen: its gaps are not left out"
            => {
                let (before, after) = sides(window, causal);
                (i.saturating_sub(before * dilation)..=(i + after * dilation).min(n - 1)).collect()
            };
        "all-between-its-ends": "all tokens between the first and the last key of the window are seen: its gaps are not left out"
            => {
                let (before, after) = sides(window, causal);
                (i - before.min(i / dilation) * dilation..=(i + after * dilation).min(n - 1)).collect()
            };
        "causal-turned-round": "`causal` is taken the wrong way round: a causal window lies on both sides, and any other one ends with the token"
            => keys(i, n, offsets(window, dilation, !causal));
        "positions-multiplied": "the positions are multiplied by the dilation, not the distances: key (i − s) · dilation in the place of i − s · dilation"
            => {
                let all = offsets(window, 1, causal).into_iter().map(|s| (i as i64 + s) * dilation as i64);
                all.filter(|j| (0..n as i64).contains(j)).map(|j| j as usize).collect()
            };
        "outwards": "the row is in the order of distance, the token first; it is ascending"
            => {
                let mut row = crate::window_row(i, n, window, dilation, causal);
                row.sort_by_key(|&j| i.abs_diff(j));
                row
            };
        "ends-before-the-start": "the loop over the keys before the token begins with the furthest, and ends if that is outside of the text: the nearer ones are lost"
            => {
                let row = crate::window_row(i, n, window, dilation, causal);
                let fits = sides(window, causal).0 * dilation <= i;
                row.into_iter().filter(|&j| fits || j >= i).collect()
            };
        "taken-from-the-first": "`window` keys are taken from the first one that is in the text on: at its start, keys behind the window make up the number"
            => {
                let (before, _) = sides(window, causal);
                (i - before.min(i / dilation) * dilation..n).step_by(dilation).take(window).collect()
            };
        "as-many-behind": "a causal window has as many keys behind the token as before it"
            => keys(i, n, if causal { offsets(2 * window - 1, dilation, false) } else { offsets(window, dilation, false) });
        "before-backwards": "the keys before the token stand in the opposite order, the nearest first; the row is ascending"
            => {
                let mut row = crate::window_row(i, n, window, dilation, causal);
                let until = row.iter().filter(|&&j| j <= i).count();
                row[..until].reverse();
                row
            };
    }
}

/// How many keys of the window lie before the token, and how many behind it.
fn sides(window: usize, causal: bool) -> (usize, usize) {
    if causal { (window - 1, 0) } else { (window / 2, window / 2) }
}

/// The window as distances.
fn offsets(window: usize, dilation: usize, causal: bool) -> Vec<i64> {
    let (before, after) = sides(window, causal);
    (-(before as i64)..=after as i64).map(|s| s * dilation as i64).collect()
}

/// Those that are in the text.
fn keys(i: usize, n: usize, offsets: Vec<i64>) -> Vec<usize> {
    let all = offsets.into_iter().map(|s| i as i64 + s);
    all.filter(|j| (0..n as i64).contains(j)).map(|j| j as usize).collect()
}

/// The window as distances, moved by so many keys.
fn shifted(window: usize, dilation: usize, causal: bool, by: i64) -> Vec<i64> {
    offsets(window, dilation, causal).into_iter().map(|s| s + by * dilation as i64).collect()
}

/// What is outside of the text becomes its first or its last key.
fn clamped(i: usize, n: usize, offsets: &[i64]) -> Vec<usize> {
    offsets.iter().map(|s| (i as i64 + s).clamp(0, n as i64 - 1) as usize).collect()
}
