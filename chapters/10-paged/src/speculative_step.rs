use crate::{
    given::{Blocks, Table},
    release,
};
use ndarray::ArrayView2;

// ANCHOR: speculative_step
/// Decides which of some proposed tokens are kept. The model has read them as one chunk: the last
/// `proposed.len()` tokens of the table are theirs, and row i of `logits` says what it would write after
/// the first i of them. A proposed token is kept if it is what the model would write, and so are all
/// before it. What follows the kept ones is taken out of the table, and every block that is then empty is
/// given back, the last one first.
///
/// The result is what is written: the kept tokens, and behind them the one that the model writes itself,
/// which is not in the table yet. Of equally large logits the first counts.
///
/// Shapes: `logits` (k + 1) × vocabulary for k proposed tokens.
///
/// Source: Leviathan et al. (2211.17192) §2.3, for greedy decoding.
///
/// ```
/// use ch10_paged::{given::{Blocks, Table}, grow, speculative_step};
/// use ndarray::array;
/// let (mut blocks, mut table) = (Blocks::new(4, 2), Table::default());
/// grow(&mut blocks, &mut table, 5).unwrap(); // two tokens, and three proposed: 1, 0, 0
/// let logits = array![[0.0, 9.0], [0.0, 9.0], [9.0, 0.0], [9.0, 0.0]];
/// let written = speculative_step(&mut blocks, &mut table, &[1, 0, 0], logits.view());
/// assert_eq!(written, [1, 1]); // the first is kept; the model writes 1 where 0 was proposed
/// assert_eq!(table, Table { blocks: vec![0, 1], tokens: 3 });
/// ```
#[track_caller]
pub fn speculative_step(
    blocks: &mut Blocks,
    table: &mut Table,
    proposed: &[usize],
    logits: ArrayView2<f32>,
) -> Vec<usize> {
    assert_eq!(logits.nrows(), proposed.len() + 1, "a row for each proposed token, and one more");
    // SOLUTION 10.12: keep what agrees, write one token more, and shorten the table
    let best = |row: usize| {
        let scores = logits.row(row).into_iter().enumerate();
        scores
            .fold((0, f32::NEG_INFINITY), |best, (i, &x)| if x > best.1 { (i, x) } else { best })
            .0
    };
    let kept = (0..proposed.len()).take_while(|&i| best(i) == proposed[i]).count();
    table.tokens -= proposed.len() - kept;
    while table.blocks.len() > table.tokens.div_ceil(blocks.size) {
        if let Some(block) = table.blocks.pop() {
            release(blocks, block).expect("a block of the table is in use");
        }
    }
    let mut written = proposed[..kept].to_vec();
    written.push(best(kept));
    written
    // END SOLUTION
}
// ANCHOR_END: speculative_step
