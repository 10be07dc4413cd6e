use super::{Place, system_libraries};
use anyhow::{Context, Result};
use std::path::PathBuf;

impl Place {
    /// Where the worker runs: it reads its program and the system's libraries, and writes into one folder.
    pub fn of_worker(program: PathBuf, dir: PathBuf, memory: usize) -> Self {
        let mut reads = system_libraries();
        // Its own entries, from which a panic's place is found out.
        reads.extend(["/proc/self", "/dev/urandom"].map(PathBuf::from));
        reads.push(program);
        Place {
            reads,
            writes: vec![dir, "/dev/null".into()],
            starts_processes: false,
            // The worker's own limit is exact. This one is for what goes round it, and counts what is only
            // reserved, too: each thread's stack.
            memory: memory as u64 + (4 << 30),
            processor_seconds: 600,
            file_bytes: 256 << 20,
        }
    }

    /// Gives up everything else, for this process and all that it starts or becomes. It must have one thread only.
    ///
    /// # Errors
    /// When the system refuses a limit. Where it does not know one of the means, the others are taken.
    pub fn enter(&self) -> Result<()> {
        #[cfg(target_os = "linux")]
        super::linux::enter(self).context("the process cannot be confined")?;
        Ok(())
    }
}
