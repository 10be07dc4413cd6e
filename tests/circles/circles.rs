//! Circles in a graph of files.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

/// Which file depends on which, by what line and name.
pub type Dependencies = BTreeMap<String, BTreeMap<String, Reason>>;

/// The first place where a file depends on another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub line: usize,
    /// `crate::b::g`
    pub name: String,
}

/// Files that depend on each other.
pub struct Circle {
    /// All of them, in order.
    pub files: Vec<String>,
    /// The shortest way around: each file depends on the next one, and the last on the first.
    steps: Vec<(String, Reason)>,
}

/// The groups of files in which each depends on each other one, directly or not.
pub fn find(dependencies: &Dependencies) -> Vec<Circle> {
    let mut found: Vec<Circle> = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for file in dependencies.keys() {
        let Some(way) = shortest(dependencies, file) else {
            continue;
        };
        if known.contains(file.as_str()) {
            // Perhaps there is a shorter way around in the same group.
            let group = found.iter_mut().find(|circle| circle.files.contains(file));
            let group = group.expect("its group");
            if way.len() < group.steps.len() {
                group.steps = way;
            }
            continue;
        }
        let back = |other: &&&str| reach(dependencies, other).contains_key(file.as_str());
        let there = reach(dependencies, file);
        let group: Vec<&str> = there.keys().filter(back).copied().collect();
        known.extend(&group);
        found.push(Circle { files: group.iter().map(ToString::to_string).collect(), steps: way });
    }
    found
}

/// What a file depends on, directly or not, each with the file that it is reached from first.
fn reach<'a>(dependencies: &'a Dependencies, from: &'a str) -> BTreeMap<&'a str, &'a str> {
    let (mut reached, mut next) = (BTreeMap::new(), VecDeque::from([from]));
    while let Some(file) = next.pop_front() {
        for other in dependencies.get(file).into_iter().flat_map(|on| on.keys()) {
            reached.entry(other.as_str()).or_insert_with(|| {
                next.push_back(other);
                file
            });
        }
    }
    reached
}

/// The shortest way from a file back to itself.
fn shortest(dependencies: &Dependencies, file: &str) -> Option<Vec<(String, Reason)>> {
    let reached = reach(dependencies, file);
    let (mut way, mut at) = (Vec::new(), file);
    loop {
        let before = *reached.get(at)?;
        way.push((before.to_string(), dependencies[before][at].clone()));
        at = before;
        if at == file {
            way.reverse();
            return Some(way);
        }
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (file, _) in &self.steps {
            write!(f, "{file} → ")?;
        }
        write!(f, "{}", self.steps[0].0)?;
        if self.files.len() > self.steps.len() {
            write!(f, ", of the group {:?}", self.files)?;
        }
        for (file, reason) in &self.steps {
            write!(f, "\n  {file}:{}: {}", reason.line, reason.name)?;
        }
        Ok(())
    }
}
