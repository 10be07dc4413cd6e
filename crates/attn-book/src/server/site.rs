use anyhow::Result;
use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// The built book, which may be rebuilt while it is served.
pub struct Site {
    folder: PathBuf,
    lock: RwLock<()>,
    version: AtomicU64,
    error: Mutex<Option<String>>,
}

impl Site {
    /// The book that was built into this folder.
    pub fn new(folder: PathBuf) -> Self {
        Site { folder, lock: RwLock::new(()), version: AtomicU64::new(1), error: Mutex::new(None) }
    }

    /// Builds anew while nobody reads. Pages reload after a success and show the reason after a
    /// failure.
    pub fn rebuild(&self, build: impl FnOnce() -> Result<()>) {
        // The locks guard no data of their own, so that a panic elsewhere leaves nothing half-done.
        let _alone = self.lock.write().unwrap_or_else(PoisonError::into_inner);
        let outcome = build();
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = match outcome {
            Ok(()) => {
                self.version.fetch_add(1, Ordering::SeqCst);
                None
            }
            Err(error) => Some(format!("{error:#}")),
        };
    }

    /// Goes up by one with every rebuild.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// Why the last rebuild failed, if it did.
    pub fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The folder, which stays as it is until the guard is dropped.
    pub(super) fn read(&self) -> (&PathBuf, RwLockReadGuard<'_, ()>) {
        (&self.folder, self.lock.read().unwrap_or_else(PoisonError::into_inner))
    }
}
