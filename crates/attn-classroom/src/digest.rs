//! Names for contents.

use sha2::{Digest, Sha256};

/// The first bytes of a digest, as a name.
pub(crate) fn name(digest: Sha256, bytes: usize) -> String {
    digest.finalize().iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}
