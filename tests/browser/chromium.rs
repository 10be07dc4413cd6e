//! A Chromium without windows, with a profile of its own.

use crate::cdp::{Connection, Event};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    cell::{Ref, RefCell},
    env,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const FLAGS: [&str; 14] = [
    "--remote-debugging-pipe",
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    // Whatever a page asks for, nothing but this machine has an address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "about:blank",
];

pub struct Chromium {
    process: Child,
    connection: RefCell<Connection>,
    _profile: TempDir,
}

/// The browser that `CHROME` names, or the first on the `PATH`; or else why there is none.
pub fn find() -> Result<PathBuf, String> {
    if !cfg!(unix) {
        return Err("these tests talk to Chromium over pipes as only Unix has them".into());
    }
    let named = env::var_os("CHROME").filter(|set| !set.is_empty());
    if let Some(named) = named.map(PathBuf::from) {
        return match named.is_file() {
            true => Ok(named),
            false => Err(format!("CHROME: {} is no file", named.display())),
        };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let mut files =
        NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    files.find(|file| file.is_file()).ok_or_else(|| {
        "no Chromium found (`apt install chromium`, or CHROME=/path/to/chrome)".into()
    })
}

impl Chromium {
    pub fn start(program: &Path) -> Result<Self> {
        let profile = tempfile::tempdir()?;
        // Chromium reads file descriptor 3 and writes 4; the shell puts our pipes there. When this
        // process ends, in whichever way, the pipes close and Chromium ends too.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#, "sh"])
            .arg(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("sh")?;
        let to = process.stdin.take().context("a pipe to Chromium")?;
        let from = process.stdout.take().context("a pipe from Chromium")?;
        let chromium = Chromium {
            process,
            connection: RefCell::new(Connection::new(to, from)),
            _profile: profile,
        };
        let version = chromium.call(None, "Browser.getVersion", json!({}));
        version.with_context(|| program.display().to_string())?;
        Ok(chromium)
    }

    pub fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value> {
        self.connection.borrow_mut().call(session, method, params)
    }

    /// What happened in the pages. To be looked at, and let go before the next call.
    pub fn events(&self) -> Ref<'_, [Event]> {
        Ref::map(self.connection.borrow(), |connection| connection.events.as_slice())
    }

    pub fn forget_events(&self) {
        self.connection.borrow_mut().events.clear();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Asked politely, it leaves nothing behind in its profile's folder.
        let _ = self.call(None, "Browser.close", json!({}));
        for _ in 0..50 {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
