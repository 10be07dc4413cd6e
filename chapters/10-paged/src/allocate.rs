use crate::given::{BlockError, Blocks};

// ANCHOR: allocate
/// Hands out a free block, the last one in the list of free blocks. It then has one user.
///
/// Costs the same however large the pool.
///
/// # Errors
/// [`BlockError::Full`] if none is free; the pool is then as it was before.
///
/// ```
/// use ch10_paged::{allocate, given::Blocks};
/// let mut blocks = Blocks::new(1, 16);
/// assert_eq!(allocate(&mut blocks), Ok(0));
/// assert_eq!(blocks.counts, [1]);
/// let error = allocate(&mut blocks).unwrap_err();
/// assert_eq!(error.to_string(), "out of blocks: 1 needed, 0 free");
/// ```
pub fn allocate(blocks: &mut Blocks) -> Result<usize, BlockError> {
    // SOLUTION 10.2: take the last free block and count its user
    let block = blocks.free.pop().ok_or(BlockError::Full { needed: 1, free: 0 })?;
    blocks.counts[block] = 1;
    Ok(block)
    // END SOLUTION
}
// ANCHOR_END: allocate
