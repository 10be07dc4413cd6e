use crate::{
    given::{Pattern, expect_window},
    window_row,
};

// ANCHOR: pattern_row
/// The keys that token `i` of `n` sees, in ascending order, each once: those of its window, the global
/// tokens, those that were drawn for it; all of them if it is global itself. Where the pattern is causal,
/// none of them lies behind the token.
///
/// Costs the length of the row, and its sorting. (Beltagy et al.,
/// [arXiv:2004.05150](https://arxiv.org/abs/2004.05150), §3.1; Zaheer et al.,
/// [arXiv:2007.14062](https://arxiv.org/abs/2007.14062), §2.)
///
/// # Panics
/// As [`window_row`], and if a global token or a drawn key is not below `n`.
///
/// ```
/// use ch12_sparse::{given::Pattern, pattern_row};
/// let pattern = Pattern { globals: vec![0], ..Pattern::window(2) };
/// assert_eq!(pattern_row(&pattern, 5, 9), [0, 4, 5]);
/// ```
#[track_caller]
pub fn pattern_row(pattern: &Pattern, i: usize, n: usize) -> Vec<usize> {
    let Pattern { window, dilation, causal, .. } = *pattern;
    expect_window((i, n), window, dilation, causal);
    let named = || pattern.globals.iter().chain(pattern.random.iter().flatten());
    assert!(named().all(|&j| j < n), "a key of {:?} is not below {n}", pattern);
    // SOLUTION 12.2: join the parts, and keep what may be seen
    let mut row: Vec<usize> = if pattern.globals.contains(&i) {
        (0..n).collect()
    } else {
        let drawn = pattern.random.get(i).into_iter().flatten().copied();
        let mut row = window_row(i, n, window, dilation, causal);
        row.extend(pattern.globals.iter().copied().chain(drawn));
        row
    };
    row.retain(|&j| !causal || j <= i);
    row.sort();
    row.dedup();
    row
    // END SOLUTION
}
// ANCHOR_END: pattern_row
