//! Global memory as the host sees it: named buffers, with a memory of which bytes were ever
//! written.

/// The first buffer's address; those that follow lie after it with room between them.
const FIRST: u64 = 1 << 36;
/// Room between buffers: running over an end is an error and never another buffer's data.
const ROOM: u64 = 4096;
/// What `cudaMalloc` aligns to.
const ALIGN: u64 = 256;

/// The memory of a device. Buffers are never freed: a memory lives as long as a test.
///
/// ```
/// let mut memory = ptx_sim::Memory::new();
/// let x = memory.alloc("x", &[1.0f32, 2.0]);
/// assert_eq!(memory.read::<f32>(x), [1.0, 2.0]);
/// ```
#[derive(Default)]
pub struct Memory {
    pub(crate) regions: Vec<Region>,
}

/// A buffer of a [`Memory`]: a pointer that a kernel can be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Buffer {
    index: usize,
    pub(crate) address: u64,
}

/// A range of addresses and what lies there.
#[derive(Clone)]
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) bytes: Vec<u8>,
    /// Which bytes were written; none stands for all.
    pub(crate) written: Option<Vec<bool>>,
}

/// A number that lies in a buffer, little-endian.
pub trait Element: Copy {
    /// Bytes.
    const SIZE: usize;
    /// Appends the bytes of the value.
    fn push(self, bytes: &mut Vec<u8>);
    /// The value of [`Element::SIZE`] bytes.
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! elements {
    ($($type:ty)+) => {$(
        impl Element for $type {
            const SIZE: usize = size_of::<$type>();
            fn push(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn read(bytes: &[u8]) -> Self {
                <$type>::from_le_bytes(bytes.try_into().expect("as many bytes as SIZE says"))
            }
        }
    )+};
}
elements! { u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 }

impl Memory {
    /// No buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer that holds these values. The name is for findings.
    pub fn alloc<T: Element>(&mut self, name: &str, values: &[T]) -> Buffer {
        let mut bytes = Vec::with_capacity(values.len() * T::SIZE);
        values.iter().for_each(|value| value.push(&mut bytes));
        self.place(name, bytes, None)
    }

    /// A buffer of so many values that nobody has written: reading one before writing it is a
    /// finding.
    pub fn alloc_uninit<T: Element>(&mut self, name: &str, len: usize) -> Buffer {
        let bytes = len * T::SIZE;
        // 0xCD… is no plausible number in any type: what leaks is seen.
        self.place(name, vec![0xcd; bytes], Some(vec![false; bytes]))
    }

    fn place(&mut self, name: &str, bytes: Vec<u8>, written: Option<Vec<bool>>) -> Buffer {
        let end =
            self.regions.last().map_or(FIRST - ROOM, |last| last.address + last.bytes.len() as u64);
        let address = (end + ROOM).next_multiple_of(ALIGN);
        self.regions.push(Region { name: name.into(), address, bytes, written });
        Buffer { index: self.regions.len() - 1, address }
    }

    /// The values of a buffer, the unwritten ones included (their bytes are `0xCD`).
    ///
    /// # Panics
    ///
    /// If the buffer is of another memory.
    #[track_caller]
    pub fn read<T: Element>(&self, buffer: Buffer) -> Vec<T> {
        self.region(buffer).bytes.chunks_exact(T::SIZE).map(T::read).collect()
    }

    /// Whether every byte of a buffer was written.
    ///
    /// # Panics
    ///
    /// If the buffer is of another memory.
    #[track_caller]
    pub fn is_written(&self, buffer: Buffer) -> bool {
        self.region(buffer)
            .written
            .as_ref()
            .is_none_or(|written| written.iter().all(|written| *written))
    }

    #[track_caller]
    fn region(&self, buffer: Buffer) -> &Region {
        let region =
            self.regions.get(buffer.index).filter(|region| region.address == buffer.address);
        region.expect("the buffer is of another memory")
    }
}

/// The region that holds `size` bytes from `address`, tried first where the last access went.
pub(crate) fn locate(
    regions: &[Region],
    address: u64,
    size: u64,
    hint: &mut usize,
) -> Option<usize> {
    let holds = |region: &Region| {
        let offset = address.wrapping_sub(region.address);
        address >= region.address && offset.saturating_add(size) <= region.bytes.len() as u64
    };
    if regions.get(*hint).is_some_and(holds) {
        return Some(*hint);
    }
    let after = regions.partition_point(|region| region.address <= address);
    let index = after.checked_sub(1)?;
    holds(&regions[index]).then(|| {
        *hint = index;
        index
    })
}
