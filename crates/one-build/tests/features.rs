//! What is compiled by itself has the features of the whole workspace. Elsewhere than on Linux the
//! course may compile a little more.
#![cfg(target_os = "linux")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

/// The programs, without what their tests need.
const PROGRAMS: &[&str] = &["attn", "attn-book", "integration"];

/// The dependencies of a package, or of all, with their features.
fn tree(which: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--prefix", "none", "--format", "{p}={f}"])
        .args(which)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let line = line.trim_end_matches(" (*)").replace(" (proc-macro)", "");
        if let Some((package, features)) = line.split_once('=') {
            let sets = found.entry(package.to_string()).or_default();
            sets.insert(features.to_string());
        }
    }
    found
}

#[test]
fn everything_is_compiled_once() {
    let whole = tree(&["--workspace", "--edges", "normal,build,dev"]);
    let chapters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chapters");
    let mut alone: Vec<(String, &str)> = Vec::new();
    for chapter in fs::read_dir(chapters).expect("the chapters") {
        let chapter = chapter.expect("a chapter").file_name();
        let package = format!("ch{}", chapter.to_string_lossy());
        alone.push((package, "normal,build,dev"));
    }
    alone.extend(
        PROGRAMS
            .iter()
            .map(|name| (name.to_string(), "normal,build")),
    );
    let mut differing = BTreeSet::new();
    for (package, edges) in alone {
        for (name, sets) in tree(&["--package", &package, "--edges", edges]) {
            let there = &whole[&name];
            if !sets.is_subset(there) {
                differing.insert(format!(
                    "{package}: {name} has {sets:?}, elsewhere {there:?}"
                ));
            }
        }
    }
    let differing: Vec<String> = differing.into_iter().collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
