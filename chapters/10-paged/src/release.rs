use crate::given::{BlockError, Blocks};

// ANCHOR: release
/// Gives a block back: it has one user less. Without users it is free, and the next to be handed out.
///
/// # Errors
/// [`BlockError::Unknown`] if the pool has no such block, [`BlockError::NotInUse`] if nobody uses it. The
/// pool is then as it was before.
///
/// ```
/// use ch10_paged::{allocate, given::Blocks, release};
/// let mut blocks = Blocks::new(2, 16);
/// let block = allocate(&mut blocks).unwrap();
/// release(&mut blocks, block).unwrap();
/// assert_eq!((blocks.counts, blocks.free), (vec![0, 0], vec![1, 0]));
/// ```
pub fn release(blocks: &mut Blocks, block: usize) -> Result<(), BlockError> {
    // SOLUTION 10.3: refuse what is not in use, count down, and free what nobody uses
    let total = blocks.total();
    let count = blocks.counts.get_mut(block).ok_or(BlockError::Unknown { block, total })?;
    *count = count.checked_sub(1).ok_or(BlockError::NotInUse { block })?;
    if *count == 0 {
        blocks.free.push(block);
    }
    Ok(())
    // END SOLUTION
}
// ANCHOR_END: release
