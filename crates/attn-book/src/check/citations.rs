//! Papers that the pages cite and the bibliography does not have, the other way round, and papers that it has twice.

use crate::{Page, Problem};
use regex::Regex;
use std::{collections::BTreeSet, sync::LazyLock};

/// The page that lists the papers.
const BIBLIOGRAPHY: &str = "bibliography.md";

/// A paper's address: on arXiv, of a journal, or by its lasting name.
static PAPER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"https://(?:arxiv\.org/abs/|doi\.org/|jmlr\.org/papers/)[^\s)>]+")
        .expect("a constant")
});

/// Nothing to check where the book has no bibliography.
pub fn check(pages: &[Page]) -> Vec<Problem> {
    let Some(list) = pages.iter().find(|page| page.path.ends_with(BIBLIOGRAPHY)) else {
        return Vec::new();
    };
    let cited = |page: &Page| {
        let found = PAPER.find_iter(&page.text);
        found.map(|found| (found.start(), found.as_str().to_string())).collect::<Vec<_>>()
    };
    let listed: BTreeSet<String> = cited(list).into_iter().map(|(_, paper)| paper).collect();
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for page in pages.iter().filter(|page| page.path != list.path) {
        for (at, paper) in cited(page) {
            if !listed.contains(&paper) {
                problems.push(page.problem(at, format!("{BIBLIOGRAPHY} does not have {paper}")));
            }
            used.insert(paper);
        }
    }
    let mut seen = BTreeSet::new();
    for (at, paper) in cited(list) {
        if !seen.insert(paper.clone()) {
            problems.push(list.problem(at, format!("{paper} stands here twice")));
        }
        if !used.contains(&paper) {
            problems.push(list.problem(at, format!("no page cites {paper}")));
        }
    }
    problems
}
