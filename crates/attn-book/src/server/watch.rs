//! Rebuilds when a source changes, found by looking: a watcher of events saw the build's own reads
//! and looped.

use super::site::Site;
use crate::Build;
use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long a change may wait to be noticed.
const POLL: Duration = Duration::from_millis(300);

/// Rebuilds the book into `folder` whenever its pages, its theme, its settings or the chapters'
/// code change. Does not return.
///
/// `said` is told what came of each rebuild. Figures and tables stay as they were compiled.
pub fn watch(build: &Build, site: &Site, said: fn(&str)) -> ! {
    let mut last = stamp(&build.book);
    loop {
        thread::sleep(POLL);
        let now = stamp(&build.book);
        if now == last {
            continue;
        }
        last = now;
        let start = Instant::now();
        site.rebuild(|| build.run().map(drop));
        match site.error() {
            None => said(&format!("rebuilt in {:.1} s", start.elapsed().as_secs_f64())),
            Some(error) => said(&error),
        }
    }
}

/// Changes when a file that the book is made of is written, made, renamed or removed.
fn stamp(book: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in ["src", "theme", "book.toml"] {
        visit(&book.join(path), &mut hasher);
    }
    let chapters = book.parent().map(|root| root.join("chapters")).unwrap_or_default();
    for chapter in entries(&chapters) {
        visit(&chapter.join("src"), &mut hasher);
        visit(&chapter.join("chapter.toml"), &mut hasher);
    }
    hasher.finish()
}

fn visit(path: &Path, hasher: &mut DefaultHasher) {
    let Ok(metadata) = fs::metadata(path) else {
        return;
    };
    if metadata.is_dir() {
        entries(path).iter().for_each(|entry| visit(entry, hasher));
    } else {
        (path, metadata.len(), metadata.modified().ok()).hash(hasher);
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
