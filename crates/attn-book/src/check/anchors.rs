//! Anchors in the chapters' code that no page shows.

use crate::{Problem, code, folder::files, render::Rendered};
use anyhow::Result;
use std::{fs, path::Path};

pub fn unused(root: &Path, pages: &[Rendered]) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for path in files(&root.join("chapters"))? {
        let relative = path.strip_prefix(root).unwrap_or(&path);
        // chapters/NAME/src/…
        if relative.components().nth(2).is_none_or(|folder| folder.as_os_str() != "src") {
            continue;
        }
        // What is not text has no anchors.
        let Ok(source) = fs::read_to_string(&path) else {
            continue;
        };
        let file = relative.display().to_string().replace('\\', "/");
        for (anchor, line) in code::anchors(&source) {
            let shown = |(included, name): &(String, String)| *included == file && name == anchor;
            if !pages.iter().any(|page| page.anchors.iter().any(shown)) {
                problems.push(Problem {
                    path: relative.to_path_buf(),
                    line,
                    text: format!("no page includes the anchor `{anchor}`"),
                });
            }
        }
    }
    Ok(problems)
}
