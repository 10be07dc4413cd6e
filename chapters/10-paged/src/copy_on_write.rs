use crate::{
    allocate,
    given::{BlockError, Pool, Table},
};
use ndarray::Axis;

// ANCHOR: copy_on_write
/// Makes sure that the next token of a text can be written without changing another text. If it would go
/// into a block that somebody else uses too, the table gets a copy of that block, and the other users
/// keep theirs.
///
/// Copies one block at most: h·size·(d + d_v) numbers.
///
/// # Errors
/// [`BlockError::Full`] if a copy is needed and no block is free; pool and table are then as they were
/// before.
///
/// Source: Kwon et al. (2309.06180) §4.4.
///
/// ```
/// use ch10_paged::{copy_on_write, fork, given::{Pool, Table}, grow};
/// let mut pool = Pool::new(3, 2, (1, 1, 1));
/// let mut table = Table::default();
/// grow(&mut pool.blocks, &mut table, 1).unwrap(); // one of two places of block 0
/// let mut sibling = fork(&mut pool.blocks, &table);
/// copy_on_write(&mut pool, &mut sibling).unwrap();
/// assert_eq!((table.blocks, sibling.blocks), (vec![0], vec![1]));
/// assert_eq!(pool.blocks.counts, [1, 1, 0]);
/// ```
pub fn copy_on_write(pool: &mut Pool, table: &mut Table) -> Result<(), BlockError> {
    // SOLUTION 10.7: if the last block has room and is shared, copy it into one of one's own
    let full = table.tokens.is_multiple_of(pool.blocks.size);
    let Some(last) = table.blocks.last_mut().filter(|_| !full) else { return Ok(()) };
    let shared = *last;
    if pool.blocks.counts[shared] > 1 {
        let own = allocate(&mut pool.blocks)?;
        for pages in [&mut pool.keys, &mut pool.values] {
            let held = pages.index_axis(Axis(0), shared).to_owned();
            pages.index_axis_mut(Axis(0), own).assign(&held);
        }
        pool.blocks.counts[shared] -= 1;
        *last = own;
    }
    Ok(())
    // END SOLUTION
}
// ANCHOR_END: copy_on_write
