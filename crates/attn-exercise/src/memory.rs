//! A ceiling on what the worker may allocate, the same on every platform.

use cap::Cap;
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// From here on an allocation beyond `bytes` in all fails, which ends the process with a message.
pub fn limit(bytes: usize) {
    // Only an error if more than that is in use already; then the next allocation fails.
    let _ = ALLOCATOR.set_limit(bytes);
}
