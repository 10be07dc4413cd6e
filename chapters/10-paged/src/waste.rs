use crate::given::{Piece, Waste};

// ANCHOR: waste
/// What the places of a memory are used for in which each text has one piece: how many hold a token, how
/// many are reserved for tokens to come, how many their text will never use, and how many lie in no
/// piece.
///
/// Source: Kwon et al. (2309.06180) §3.1, Figure 3.
///
/// ```
/// use ch10_paged::{given::{Piece, Waste}, waste};
/// let pieces = [Piece { places: 8, tokens: 3, length: 5 }];
/// assert_eq!(waste(&pieces, 10), Waste { tokens: 3, reserved: 2, internal: 3, external: 2 });
/// ```
pub fn waste(pieces: &[Piece], places: usize) -> Waste {
    // SOLUTION 10.13: add up four differences
    let mut waste = Waste { external: places, ..Waste::default() };
    for piece in pieces {
        waste.tokens += piece.tokens;
        waste.reserved += piece.length - piece.tokens;
        waste.internal += piece.places - piece.length;
        waste.external -= piece.places;
    }
    waste
    // END SOLUTION
}
// ANCHOR_END: waste
