//! The compiler, confined: what it reads and where it writes.

use crate::confine::{Place, system_libraries};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// In which variable the stand-in for cargo finds what it becomes.
pub const CONFINED: &str = "ATTN_CONFINED_CARGO";

/// Cargo, and the place in which it works.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Confined {
    cargo: PathBuf,
    place: Place,
}

/// The installed toolchain.
#[derive(Clone, Debug)]
pub struct Toolchain {
    sysroot: PathBuf,
    cargo_home: PathBuf,
}

impl Toolchain {
    /// Asks the compiler where it lies.
    ///
    /// # Errors
    /// When there is no compiler, or its cargo is not beside it.
    pub fn find() -> Result<Self> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc).args(["--print", "sysroot"]).output();
        let output = output.context("rustc cannot be started; is it on the PATH?")?;
        let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        let toolchain = Toolchain { cargo_home: cargo_home()?, sysroot };
        ensure!(
            toolchain.cargo().is_file(),
            "{} is not there; the grader starts cargo from where the compiler lies",
            toolchain.cargo().display()
        );
        Ok(toolchain)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.sysroot.join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    fn cargo(&self) -> PathBuf {
        self.program("cargo")
    }

    /// The variables of a process that compiles in `slot`; nothing of the grader's own environment is in them but where
    /// programs are. `stand_in` is this program under the name cargo.
    ///
    /// # Errors
    /// None that a path could give.
    pub fn environment(&self, slot: &Path, stand_in: &Path) -> Result<Vec<(OsString, OsString)>> {
        let temporary = slot.join(".attn/tmp");
        let confined = Confined { cargo: self.cargo(), place: self.place(slot, &temporary) };
        let mut all: Vec<(OsString, OsString)> = vec![
            ("CARGO".into(), stand_in.into()),
            (CONFINED.into(), serde_json::to_string(&confined)?.into()),
            ("RUSTC".into(), self.program("rustc").into()),
            ("CARGO_HOME".into(), self.cargo_home.clone().into()),
            ("CARGO_NET_OFFLINE".into(), "true".into()),
            // What one submission leaves there would be there for the next one to read.
            ("CARGO_INCREMENTAL".into(), "0".into()),
            ("TMPDIR".into(), temporary.clone().into()),
            ("HOME".into(), temporary.into()),
        ];
        // Windows cannot start a program without its folder.
        let own = ["PATH", "SYSTEMROOT", "TEMP", "TMP"];
        all.extend(own.iter().filter_map(|name| Some((name.into(), env::var_os(name)?))));
        Ok(all)
    }

    fn place(&self, slot: &Path, temporary: &Path) -> Place {
        let mut reads = system_libraries();
        let system = ["/usr", "/bin", "/etc/alternatives", "/dev/urandom"];
        reads.extend(system.map(PathBuf::from));
        reads.push(self.sysroot.clone());
        reads.push(slot.to_path_buf());
        // Not the whole of it: credentials for registries lie there, too.
        let home = ["registry", "git", "config.toml", "config", ".package-cache", ".global-cache"];
        reads.extend(home.map(|name| self.cargo_home.join(name)));
        // Cargo reads the settings of every folder above.
        let above = slot.ancestors().skip(1).map(|dir| dir.join(".cargo"));
        reads.extend(above.flat_map(|dir| ["config.toml", "config"].map(|name| dir.join(name))));
        let writes = vec![slot.join("target"), temporary.to_path_buf(), "/dev/null".into()];
        Place {
            reads,
            writes,
            starts_processes: true,
            memory: 4 << 30,
            processor_seconds: 120,
            file_bytes: 1 << 30,
        }
    }
}

impl Confined {
    /// Enters the place and becomes cargo, with the arguments of this process.
    ///
    /// # Errors
    /// When the place cannot be entered, or cargo not be started.
    pub fn become_cargo(&self) -> Result<()> {
        self.place.enter()?;
        let mut cargo = Command::new(&self.cargo);
        cargo.args(env::args_os().skip(1)).env_remove(CONFINED);
        cargo.env("CARGO", &self.cargo);
        attn::program::become_it(&mut cargo)?;
        Ok(())
    }
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = env::home_dir().context("there is no home folder, and CARGO_HOME is not set")?;
    Ok(home.join(".cargo"))
}
