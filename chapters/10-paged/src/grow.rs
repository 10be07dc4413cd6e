use crate::{
    allocate,
    given::{BlockError, Blocks, Table},
};

// ANCHOR: grow
/// Makes room for `tokens` more tokens of a text. Blocks are taken only for what does not fit into the
/// last one, and the text has then `table.tokens + tokens` tokens.
///
/// # Errors
/// [`BlockError::Full`] if fewer blocks are free than are needed; pool and table are then as they were
/// before.
///
/// ```
/// use ch10_paged::{given::{Blocks, Table}, grow};
/// let (mut blocks, mut table) = (Blocks::new(3, 4), Table::default());
/// grow(&mut blocks, &mut table, 3).unwrap();
/// grow(&mut blocks, &mut table, 1).unwrap(); // there is room for one more in block 0
/// assert_eq!(table, Table { blocks: vec![0], tokens: 4 });
/// grow(&mut blocks, &mut table, 1).unwrap();
/// assert_eq!(table, Table { blocks: vec![0, 1], tokens: 5 });
/// ```
pub fn grow(blocks: &mut Blocks, table: &mut Table, tokens: usize) -> Result<(), BlockError> {
    // SOLUTION 10.4: refuse if too few are free, then take what is needed
    let all = (table.tokens + tokens).div_ceil(blocks.size);
    let (needed, free) = (all - table.blocks.len(), blocks.free.len());
    if needed > free {
        return Err(BlockError::Full { needed, free });
    }
    for _ in 0..needed {
        table.blocks.push(allocate(blocks)?);
    }
    table.tokens += tokens;
    Ok(())
    // END SOLUTION
}
// ANCHOR_END: grow
