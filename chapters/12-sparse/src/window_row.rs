use crate::given::expect_window;

// ANCHOR: window_row
/// The keys that token `i` of `n` sees through a window, in ascending order. The window counts all keys,
/// the token itself included: a causal one has the token and those before it, any other one as many on
/// either side. Two neighbours are `dilation` tokens apart. What lies outside the text is left out.
///
/// Costs at most `window` steps. (Beltagy et al., [arXiv:2004.05150](https://arxiv.org/abs/2004.05150), §3.1.)
///
/// # Panics
/// Unless `i < n`, `window` and `dilation` are at least 1, and a window that is not causal is odd.
///
/// ```
/// use ch12_sparse::window_row;
/// assert_eq!(window_row(5, 9, 3, 1, true), [3, 4, 5]);
/// assert_eq!(window_row(5, 9, 3, 1, false), [4, 5, 6]);
/// assert_eq!(window_row(5, 9, 3, 2, true), [1, 3, 5]);
/// ```
#[track_caller]
pub fn window_row(i: usize, n: usize, window: usize, dilation: usize, causal: bool) -> Vec<usize> {
    expect_window((i, n), window, dilation, causal);
    // SOLUTION 12.1: the keys of the window that are in the text, every `dilation`-th
    let (before, after) = if causal { (window - 1, 0) } else { (window / 2, window / 2) };
    let first = i - before.min(i / dilation) * dilation;
    let last = (i + after * dilation).min(n - 1);
    (first..=last).step_by(dilation).collect()
    // END SOLUTION
}
// ANCHOR_END: window_row
