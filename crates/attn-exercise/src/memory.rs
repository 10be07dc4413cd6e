//! What this program allocates: a ceiling for the worker, the same on every platform, and the most
//! that a piece of work holds at once.

use cap::Cap;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

#[global_allocator]
static ALLOCATOR: Counting =
    Counting { capped: Cap::new(System, usize::MAX), peak: AtomicUsize::new(0) };

/// From here on an allocation beyond `bytes` in all fails, which ends the process with a message.
pub(crate) fn limit(bytes: usize) {
    // Only an error if more than that is in use already; then the next allocation fails.
    let _ = ALLOCATOR.capped.set_limit(bytes);
}

/// How many bytes are in use.
pub(crate) fn allocated() -> usize {
    ALLOCATOR.capped.allocated()
}

/// Does `work`, and says how many bytes more than before were allocated at its worst moment, by all
/// threads together. One measurement at a time.
///
/// ```
/// let (sum, peak) = attn_exercise::memory::peak(|| vec![1_u8; 1000].into_iter().count());
/// assert!(sum == 1000 && peak >= 1000);
/// ```
pub fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.capped.allocated();
    ALLOCATOR.peak.store(before, Ordering::Relaxed);
    let result = work();
    let peak = ALLOCATOR.peak.load(Ordering::Relaxed);
    (result, peak.saturating_sub(before))
}

/// The capped allocator, with the largest amount ever in use noted.
struct Counting {
    capped: Cap<System>,
    peak: AtomicUsize,
}

impl Counting {
    fn note(&self, block: *mut u8) -> *mut u8 {
        let now = self.capped.allocated();
        // A look first, because a write would take the cache line away from other threads.
        if now > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(now, Ordering::Relaxed);
        }
        block
    }
}

// SAFETY: every call is passed on as it is to an allocator that keeps the contract.
#[allow(unsafe_code)] // what a program holds at once can only be seen by its allocator
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.note(unsafe { self.capped.alloc(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { self.capped.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.note(unsafe { self.capped.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.note(unsafe { self.capped.realloc(block, layout, size) })
    }
}
