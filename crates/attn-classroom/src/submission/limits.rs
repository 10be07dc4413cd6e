/// The largest file that is read.
pub const LARGEST_FILE: u64 = 1 << 20;
/// How many bytes a submission may have in all, packed or unpacked.
pub const MOST_BYTES: u64 = 64 << 20;
/// How many files and folders a submission may have.
pub const MOST_ENTRIES: usize = 10_000;
