use crate::given::{Slot, Table};

// ANCHOR: slot
/// Where the token at a position lies: `None` if the text has no such token. `size` is the number of
/// tokens in a block.
///
/// Costs a division, however long the text.
///
/// Source: Kwon et al. (2309.06180) §4.3.
///
/// ```
/// use ch10_paged::{given::{Slot, Table}, slot};
/// let table = Table { blocks: vec![5, 2], tokens: 3 };
/// assert_eq!(slot(&table, 2, 2), Some(Slot { block: 2, offset: 0 }));
/// assert_eq!(slot(&table, 2, 3), None);
/// ```
pub fn slot(table: &Table, size: usize, position: usize) -> Option<Slot> {
    // SOLUTION 10.1: which block, and where in it
    if position >= table.tokens {
        return None;
    }
    Some(Slot { block: table.blocks[position / size], offset: position % size })
    // END SOLUTION
}
// ANCHOR_END: slot
