//! The bytes of one access as a number.

/// The bits of the widest access of a lane, a vector of four words: little-endian, zeros above. In
/// registers, where an array would go through memory.
pub(crate) type Bits = u128;

/// The first `size` bytes of a slice.
#[inline]
pub(crate) fn leading(from: &[u8], size: usize) -> Bits {
    match (size, from) {
        (4, [a, b, c, d, ..]) => u32::from_le_bytes([*a, *b, *c, *d]).into(),
        (16, _) => from.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes)),
        _ => from[..size].iter().rev().fold(0, |bits, byte| bits << 8 | Bits::from(*byte)),
    }
}

/// `size` bytes from an offset, if there are so many.
pub(crate) fn within(bytes: &[u8], offset: u64, size: usize) -> Option<&[u8]> {
    let offset = usize::try_from(offset).ok()?;
    bytes.get(offset..offset.checked_add(size)?)
}
