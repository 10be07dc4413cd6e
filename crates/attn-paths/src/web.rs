//! All paths on all problems, compared pair by pair.

use crate::{
    path::Path,
    problem::{Problem, Setting, problems},
};
use ndarray::Array3;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a path gave; an error where it panicked.
type Outcome = Result<Array3<f64>, String>;

/// Every path's result on every problem that it takes.
///
/// ```
/// use attn_paths::{Web, all};
/// let paths = all().into_iter().filter(|path| ["attention", "KV cache"].contains(&path.name));
/// let web = Web::of(paths.collect());
/// assert_eq!(web.pairs(), [(0, 1)]);
/// let agreement = web.compare(0, 1).unwrap();
/// assert!(agreement.apart <= web.allowed(0, 1) && agreement.settings.len() == 3);
/// ```
pub struct Web {
    paths: Vec<Path>,
    problems: Vec<Problem>,
    /// By path, then by problem: nothing where the path does not take it.
    results: Vec<Vec<Option<Outcome>>>,
}

/// Where two paths agree, and how far apart they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// The settings of the problems that were compared.
    pub settings: Vec<Setting>,
    /// The largest difference, as a part of the largest value.
    pub apart: f64,
}

impl Web {
    /// Runs all of them.
    pub fn of(paths: Vec<Path>) -> Self {
        let problems = problems();
        let run = |path: &Path, problem: &Problem| {
            path.takes(problem).then(|| {
                let result = catch_unwind(AssertUnwindSafe(|| (path.run)(problem)));
                result.map_err(|panic| format!("{} panics: {}", path.name, said(&*panic)))
            })
        };
        let results = paths
            .iter()
            .map(|path| problems.iter().map(|problem| run(path, problem)).collect())
            .collect();
        Web { paths, problems, results }
    }

    /// The paths, in the order of the table.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// Each pair of paths that can take the same problem, by their places in the table.
    pub fn pairs(&self) -> Vec<(usize, usize)> {
        let all =
            (0..self.paths.len()).flat_map(|a| (a + 1..self.paths.len()).map(move |b| (a, b)));
        all.filter(|&(a, b)| self.shared(a, b).next().is_some()).collect()
    }

    /// How far apart two paths may be.
    pub fn allowed(&self, a: usize, b: usize) -> f64 {
        self.paths[a].error + self.paths[b].error
    }

    /// Compares two paths on everything that both can take.
    ///
    /// # Errors
    /// Names both, the problem, and the first entry that is further apart than allowed.
    pub fn compare(&self, a: usize, b: usize) -> Result<Agreement, String> {
        let mut agreement = Agreement { settings: Vec::new(), apart: 0.0 };
        for problem in self.shared(a, b) {
            let result = |path: usize| self.results[path][problem].as_ref().expect("it takes it");
            let (one, other) = (result(a).as_ref()?, result(b).as_ref()?);
            let (problem, names) = (&self.problems[problem], [a, b].map(|i| self.paths[i].name));
            if one.dim() != other.dim() {
                let (one, other) = (one.dim(), other.dim());
                return Err(format!("{names:?} on {}: shapes {one:?}, {other:?}", problem.about()));
            }
            let scale = problem.v.fold(0.0, |most: f64, &v| most.max(f64::from(v).abs()));
            for ((index, one), other) in one.indexed_iter().zip(other) {
                let apart = (one - other).abs() / scale;
                // A NaN is refused as well.
                if apart.is_nan() || apart > self.allowed(a, b) {
                    return Err(format!(
                        "{names:?} on {}: at {index:?} {one} and {other}, apart by {apart:.1e} of the largest value, where {:.1e} is allowed",
                        problem.about(),
                        self.allowed(a, b),
                    ));
                }
                agreement.apart = agreement.apart.max(apart);
            }
            agreement.settings.push(problem.setting);
        }
        agreement.settings.dedup();
        Ok(agreement)
    }

    fn shared(&self, a: usize, b: usize) -> impl Iterator<Item = usize> {
        (0..self.problems.len())
            .filter(move |&i| self.results[a][i].is_some() && self.results[b][i].is_some())
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}
