//! Keeping somebody else's code in its place: what a process may see, reach and use from here on.
//!
//! A submission is compiled and run by programs that first give up what they do not need, and only then
//! become the compiler, or the worker with the answers. What a process has given up, nothing that it
//! starts or becomes can get back.
//!
//! On Linux this takes three of the kernel's means, none of which needs a privilege:
//!
//! | means | keeps from |
//! | --- | --- |
//! | Landlock | files that are not listed, and signals to others |
//! | seccomp | the network, other processes, new processes, and changes that Landlock does not see, such as `chmod` |
//! | resource limits | using up memory, time, disk and file handles |
//!
//! Elsewhere there are only the limits on time, memory and output that the grader itself watches. [`probe`] tries
//! out what holds, rather than believing it.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

mod enter;
#[cfg(target_os = "linux")]
mod linux;

/// What a process may do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Files and folders that may be read and, if they are programs, started. Those that are not there are left out.
    pub reads: Vec<PathBuf>,
    /// Files and folders that may be read and written.
    pub writes: Vec<PathBuf>,
    /// Whether it may start other processes, as a compiler has to.
    pub starts_processes: bool,
    /// Bytes of address space.
    pub memory: u64,
    /// Seconds of processor time for each process.
    pub processor_seconds: u64,
    /// Bytes of the largest file.
    pub file_bytes: u64,
}

/// What is kept away from a confined process, as [`probe`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// Files that are not listed.
    pub files: bool,
    /// Every network.
    pub network: bool,
    /// Other processes, and starting new ones.
    pub processes: bool,
}

impl Holds {
    /// Whether all of it is kept away.
    pub fn all(self) -> bool {
        self.files && self.network && self.processes
    }

    /// What is not kept away, in words.
    pub fn missing(self) -> Vec<&'static str> {
        let all = [
            (self.files, "the grader's files"),
            (self.network, "the network"),
            (self.processes, "other processes"),
        ];
        all.into_iter().filter(|(holds, _)| !holds).map(|(_, what)| what).collect()
    }
}

/// What to do where submissions cannot be kept in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Grade nothing
    Require,
    /// Say what is missing, and grade
    Warn,
}

impl Policy {
    /// Makes sure that submissions are kept in their place, or warns.
    ///
    /// # Errors
    /// Names what they would not be kept away from, where that is required.
    pub fn expect(self) -> Result<()> {
        let holds = match probe() {
            Ok(holds) => holds,
            Err(error) if self == Policy::Require => return Err(error),
            Err(error) => {
                attn::complain(format_args!("{error:#}"));
                return Ok(());
            }
        };
        if holds.all() {
            return Ok(());
        }
        let missing = holds.missing().join(", ");
        ensure!(
            self == Policy::Warn,
            "submissions cannot be kept away from {missing} on this system. Grade on Linux 6.12 or newer, or in a \
             container without anything of value, with --confinement warn"
        );
        attn::complain(format_args!(
            "Submissions are not kept away from {missing} on this system."
        ));
        Ok(())
    }
}

/// Where the system keeps the libraries that any program loads.
pub fn system_libraries() -> Vec<PathBuf> {
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"].map(PathBuf::from).to_vec()
}

/// Lets another process, this program with the argument `break-out` and a folder, enter the place of a worker and try to
/// break out of it.
///
/// # Errors
/// When nothing can be confined here.
pub fn probe() -> Result<Holds> {
    let dir = tempfile::tempdir()?;
    let own = dir.path().join("own");
    std::fs::create_dir(&own)?;
    std::fs::write(own.join("file"), "")?;
    std::fs::write(dir.path().join("secret"), "s")?;
    let program = std::env::current_exe().context("this program's own path")?;
    let output = std::process::Command::new(program).arg("break-out").arg(dir.path()).output()?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!("nothing can be confined here: {}", String::from_utf8_lossy(&output.stderr).trim())
    })
}

/// What [`probe`] has done in another process; it cannot be undone.
///
/// # Errors
/// As for [`Place::enter`].
pub fn break_out(dir: &Path) -> Result<Holds> {
    use std::{fs, net, process::Command};
    let program = std::env::current_exe().context("this program's own path")?;
    let (own, secret) = (dir.join("own"), dir.join("secret"));
    Place::of_worker(program.clone(), own.clone(), 1 << 30).enter()?;
    let may_write = fs::write(own.join("file"), "f").is_ok();
    Ok(Holds {
        files: may_write
            && fs::read(&secret).is_err()
            && fs::write(&secret, "t").is_err()
            && fs::read_dir("/").is_err()
            && fs::write(own.join("another"), "").is_err(),
        network: net::UdpSocket::bind("127.0.0.1:0").is_err()
            && net::TcpListener::bind("127.0.0.1:0").is_err(),
        processes: Command::new(program).arg("--version").spawn().is_err(),
    })
}
