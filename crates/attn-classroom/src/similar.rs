//! Which submissions share more than the starter gives, and more than most of the class shares.
//!
//! Each exercise becomes a sequence of tokens in which all names that a student can choose are one
//! placeholder, so that renaming hides nothing; brackets, comments and the layout are left out. Of each
//! run of [`K`] tokens a hash is taken, and of these a few are kept, by winnowing: two exercises that
//! have [`LONGEST_MISSED`]` + 1` tokens in a row in common always keep a common hash.
//!
//! Source: S. Schleimer, D. S. Wilkerson and A. Aiken, Winnowing: Local Algorithms for Document
//! Fingerprinting, SIGMOD 2003.
//!
//! ```
//! use attn_classroom::similar::{Written, similar};
//! let answer = "// ━━ 3.1 Softmax ━━\nfn softmax(x: &[f32]) -> Vec<f32> {\n\
//!     let top = x.iter().fold(f32::MIN, |a, &b| a.max(b));\n\
//!     let e: Vec<f32> = x.iter().map(|x| (x - top).exp()).collect();\n\
//!     let sum: f32 = e.iter().sum();\n    e.iter().map(|e| e / sum).collect()\n}\n";
//! let renamed = answer.replace("top", "largest").replace("sum:", "total:").replace("/ sum", "/ total");
//! let class = [Written { student: "Ada", answers: answer }, Written { student: "Bob", answers: &renamed }];
//! let found = similar("", &class, 0.5);
//! assert_eq!((found.pairs[0].first.as_str(), found.pairs[0].share), ("Ada", 1.0));
//! ```

mod fingerprint;
mod section;
mod tokens;

use crate::number::counted;
pub use fingerprint::{K, LONGEST_MISSED};
use fingerprint::{all, winnowed};
use section::sections;
use std::collections::{BTreeMap, BTreeSet};

/// An exercise with fewer fingerprints than this, in either submission, says nothing.
const FEWEST: usize = 4;

/// What a student wrote.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// The student.
    pub student: &'a str,
    /// The file of answers.
    pub answers: &'a str,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Similar {
    /// The pairs that share the most come first.
    pub pairs: Vec<Pair>,
    /// What more submissions than this share was left out: it is the obvious solution.
    pub common: usize,
}

/// Two submissions that share something.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// One student.
    pub first: String,
    /// The other student, later in the list that was given.
    pub second: String,
    /// The shared part of the smaller one, over all exercises that both have.
    pub share: f64,
    /// The same by exercise, where anything is shared.
    pub exercises: Vec<(String, f64)>,
}

/// The pairs whose share is at least `least`, in all or in one exercise.
///
/// Cost: proportional to the text, plus for each fingerprint the square of how many have it.
pub fn similar(starter: &str, class: &[Written], least: f64) -> Similar {
    let starter = sections(starter);
    let common = (class.len() / 4).max(4);
    let mut by_exercise: BTreeMap<String, Vec<BTreeSet<u64>>> = BTreeMap::new();
    for (i, written) in class.iter().enumerate() {
        for (id, lines) in sections(written.answers) {
            let given = starter.get(&id).map_or(&[][..], Vec::as_slice);
            let all = by_exercise.entry(id).or_insert_with(|| vec![BTreeSet::new(); class.len()]);
            all[i] = own(&lines, given);
        }
    }
    let mut shared: BTreeMap<(usize, usize), BTreeMap<String, usize>> = BTreeMap::new();
    for (id, prints) in &mut by_exercise {
        for ((a, b), n) in shared_by_pair(prints, common) {
            shared.entry((a, b)).or_default().insert(id.clone(), n);
        }
    }
    let pairs = shared.into_iter().filter_map(|((a, b), shared)| {
        let exercises = by_exercise.iter().filter_map(|(id, prints)| {
            let of = prints[a].len().min(prints[b].len());
            (of >= FEWEST).then(|| (id.as_str(), shared.get(id).copied().unwrap_or(0), of))
        });
        Pair::new(class[a].student, class[b].student, &exercises.collect::<Vec<_>>())
    });
    let high = |pair: &Pair| {
        pair.share >= least || pair.exercises.iter().any(|(_, share)| *share >= least)
    };
    let mut pairs: Vec<Pair> = pairs.filter(high).collect();
    pairs.sort_by(|a, b| b.share.total_cmp(&a.share));
    Similar { pairs, common }
}

/// The fingerprints of what the starter does not give.
fn own(lines: &[&str], given: &[&str]) -> BTreeSet<u64> {
    let from_starter = all(&tokens::of(given));
    let given: BTreeSet<&str> = given.iter().map(|line| line.trim()).collect();
    let lines: Vec<&str> =
        lines.iter().copied().filter(|line| !given.contains(line.trim())).collect();
    let prints = winnowed(&tokens::of(&lines));
    prints.difference(&from_starter).copied().collect()
}

/// How many fingerprints each pair shares. What more than `common` have is removed first.
fn shared_by_pair(prints: &mut [BTreeSet<u64>], common: usize) -> BTreeMap<(usize, usize), usize> {
    let mut owners: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (i, set) in prints.iter().enumerate() {
        set.iter().for_each(|print| owners.entry(*print).or_default().push(i));
    }
    owners.retain(|_, owners| owners.len() <= common);
    prints.iter_mut().for_each(|set| set.retain(|print| owners.contains_key(print)));
    let mut shared = BTreeMap::new();
    for owners in owners.values() {
        for (i, &a) in owners.iter().enumerate() {
            owners[i + 1..].iter().for_each(|&b| *shared.entry((a, b)).or_insert(0) += 1);
        }
    }
    shared
}

impl Pair {
    /// From what is shared of each exercise, and out of how much; `None` if nothing is.
    fn new(first: &str, second: &str, exercises: &[(&str, usize, usize)]) -> Option<Self> {
        let share = |shared: usize, of: usize| shared as f64 / of as f64;
        let (shared, of) =
            exercises.iter().fold((0, 0), |sum, (_, shared, of)| (sum.0 + shared, sum.1 + of));
        let exercises = exercises.iter().filter(|(_, shared, _)| *shared > 0);
        (shared > 0).then(|| Pair {
            first: first.into(),
            second: second.into(),
            share: share(shared, of),
            exercises: exercises
                .map(|(id, shared, of)| (id.to_string(), share(*shared, *of)))
                .collect(),
        })
    }
}

impl Similar {
    /// The list as text.
    pub fn text(&self) -> String {
        let mut out = format!(
            "A high share is no proof of copying: a short exercise has few natural solutions.\n\
             Read both before you speak to anybody. The shares count what neither the starter\n\
             nor more than {} have.\n\n",
            counted(self.common, "submission")
        );
        if self.pairs.is_empty() {
            return out + "No two submissions share that much.\n";
        }
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        for pair in &self.pairs {
            let exercises = pair.exercises.iter().map(|(id, share)| {
                let id = if id.is_empty() { "before the exercises" } else { id };
                format!("{id} {}", percent(*share))
            });
            let exercises = exercises.collect::<Vec<_>>().join(", ");
            out += &format!(
                "{:>5}  {} and {}: {exercises}\n",
                percent(pair.share),
                pair.first,
                pair.second
            );
        }
        out
    }
}
