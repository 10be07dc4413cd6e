//! What is compiled by itself has the features of what it is compiled beside: the default members of
//! the workspace, and with `whole` the whole of it. Elsewhere than on Linux the course may compile a
//! little more.
#![cfg(target_os = "linux")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

/// The dependencies of a package, or of all, with their features.
fn tree(which: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--prefix", "none", "--format", "{p}={f}"])
        .args(which)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
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

/// What is built by itself, and the edges that it then follows.
fn alone() -> Vec<(String, &'static str)> {
    let chapters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chapters");
    let chapters = fs::read_dir(chapters).expect("the chapters").map(|chapter| {
        let folder = chapter.expect("a chapter").file_name();
        (format!("ch{}", folder.to_string_lossy()), "normal,build,dev")
    });
    let mut alone = vec![("attn".to_string(), "normal,build")];
    alone.extend(chapters);
    alone
}

/// What differs between these packages and all that they are compiled beside.
fn differing(
    all: &BTreeMap<String, BTreeSet<String>>,
    packages: &[(String, &str)],
    features: &[&str],
) -> String {
    let mut differing = BTreeSet::new();
    for (package, edges) in packages {
        let which = ["--package", package, "--edges", edges];
        for (name, sets) in tree(&[&which, features].concat()) {
            let there = all.get(&name).cloned().unwrap_or_default();
            // The workspace's own packages are named with their folders.
            if !name.contains('(') && !sets.is_subset(&there) {
                differing.insert(format!("{package}: {name} has {sets:?}, elsewhere {there:?}"));
            }
        }
    }
    differing.into_iter().collect::<Vec<_>>().join("\n")
}

#[test]
fn a_learner_compiles_everything_once() {
    let all = tree(&["--edges", "normal,build,dev"]);
    let differing = differing(&all, &alone(), &[]);
    assert!(differing.is_empty(), "{differing}");
}

#[test]
fn with_the_whole_everything_is_compiled_once() {
    let all = tree(&["--workspace", "--edges", "normal,build,dev"]);
    let mut packages = alone();
    let others = ["attn-book", "integration"].map(|name| (name.to_string(), "normal,build"));
    packages.extend(others);
    let differing = differing(&all, &packages, &["--features", "attn-exercise/whole"]);
    assert!(differing.is_empty(), "{differing}");
}
