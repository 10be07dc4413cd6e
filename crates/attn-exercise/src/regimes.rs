//! Regimes: what the cases of an exercise have to cover, found by machine.
//!
//! The declaration of an exercise names the sizes of its inputs. From them, and from the kinds of
//! value that its inputs have, follow the regimes: `n < m`, `n = m > 1`, `m = 1`, `q large`,
//! `mask causal`, `mask causal, n = 1`. A wrong answer that is wrong in one regime only (a mask that
//! is ignored when n = 1) passes unless a case lies in it. So each regime has to be covered, or be
//! declared impossible with a reason; and machine-made *guarded mutants*, which mistake one input in
//! one regime, all have to be rejected.

use crate::{
    Kind,
    input::{Choices, Sizes, kind},
};
use std::collections::BTreeSet;

/// What a case says of itself, for [`crate::Exercise`]. [`crate::exercise!`] writes it.
pub trait Regimes: Sized {
    /// The inputs by name, each with the names of its axes.
    fn inputs(&self) -> Choices<'_> {
        Vec::new()
    }

    /// This case with one input in another's place, named: what a body that does not look at that
    /// input would take it for.
    fn altered(&self) -> Vec<(String, Self)> {
        Vec::new()
    }
}

/// The sizes of a case, each name once, in the order of the declaration.
pub fn sizes(case: &impl Regimes) -> Sizes {
    let mut sizes = Sizes::new();
    for (_, axes, input) in case.inputs() {
        let declared = axes.iter().copied().zip(input.shape());
        for (name, size) in declared.chain(input.own_sizes()) {
            if !sizes.iter().any(|(other, _)| *other == name) {
                sizes.push((name, size));
            }
        }
    }
    sizes
}

/// The regimes in which a case lies.
pub(crate) fn of(case: &impl Regimes) -> BTreeSet<String> {
    let sizes = sizes(case);
    let mut regimes = BTreeSet::new();
    for (i, &(a, size)) in sizes.iter().enumerate() {
        regimes.insert(match size {
            0 | 1 => format!("{a} = {size}"),
            _ => format!("{a} > 1"),
        });
        for &(b, other) in &sizes[i + 1..] {
            match size.cmp(&other) {
                std::cmp::Ordering::Less => regimes.insert(format!("{a} < {b}")),
                std::cmp::Ordering::Greater => regimes.insert(format!("{a} > {b}")),
                std::cmp::Ordering::Equal if size > 1 => regimes.insert(format!("{a} = {b} > 1")),
                std::cmp::Ordering::Equal => false,
            };
        }
    }
    for (name, _, input) in case.inputs() {
        for of_value in input.kinds(&sizes) {
            let choice = kind(name, of_value);
            if input.is_choice() {
                let ones = sizes.iter().filter(|(_, size)| *size == 1);
                regimes.extend(ones.map(|(one, _)| format!("{choice}, {one} = 1")));
            }
            regimes.insert(choice);
        }
    }
    regimes
}

/// What the case with this index asks of an answer.
pub(crate) fn asks(index: usize, case: &impl Regimes) -> Kind {
    if index == 0 {
        return Kind::ByHand;
    }
    let regimes = of(case);
    let any =
        |ends: &[&str]| regimes.iter().any(|regime| ends.iter().any(|end| regime.ends_with(end)));
    match () {
        () if any(&[" large", " tiny", " with −∞"]) => Kind::Extreme,
        () if sizes(case).iter().any(|(_, size)| *size < 2) => Kind::Edge,
        () => Kind::Ordinary,
    }
}

/// The regimes that cases of this kind have to cover.
fn required<C: Regimes>(cases: &[C]) -> BTreeSet<String> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in cases.iter().flat_map(sizes) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut regimes = BTreeSet::new();
    for (i, a) in names.iter().enumerate() {
        regimes.extend([format!("{a} = 1"), format!("{a} > 1")]);
        for b in &names[i + 1..] {
            regimes.extend([format!("{a} < {b}"), format!("{a} = {b} > 1"), format!("{a} > {b}")]);
        }
    }
    for (name, _, input) in cases.first().map(C::inputs).unwrap_or_default() {
        for of_value in input.required_kinds() {
            let choice = kind(name, of_value);
            if input.is_choice() {
                regimes.extend(names.iter().map(|one| format!("{choice}, {one} = 1")));
            }
            regimes.insert(choice);
        }
    }
    regimes
}

/// What the cases cover, and what is wrong with that.
pub(crate) struct Coverage {
    /// How many of the required regimes are covered.
    pub covered: usize,
    /// What is missing, and what the declaration calls impossible and is not.
    pub faults: Vec<String>,
}

/// Compares the regimes of the cases with those that they have to cover.
pub(crate) fn coverage<C: Regimes>(cases: &[C], impossible: &[(&str, &str)]) -> Coverage {
    let found: BTreeSet<String> = cases.iter().flat_map(of).collect();
    let required = required(cases);
    // What never occurs, does not occur in combination either.
    let never = |regime: &str| {
        let is = |(never, _): &(&str, &str)| {
            regime == *never || regime.split(", ").any(|part| part == *never)
        };
        impossible.iter().any(is)
    };
    let missing = required.iter().filter(|regime| !found.contains(*regime) && !never(regime));
    let mut faults: Vec<String> =
        missing.map(|regime| format!("no case lies in the regime “{regime}”")).collect();
    faults.extend(constants(cases));
    for (never, _) in impossible {
        if found.contains(*never) {
            faults
                .push(format!("a case lies in the regime “{never}”, which is declared impossible"));
        }
        if !required.contains(*never) {
            faults.push(format!(
                "“{never}” is declared impossible, but is no regime that is asked for"
            ));
        }
    }
    Coverage { covered: required.iter().filter(|regime| found.contains(*regime)).count(), faults }
}

/// Inputs short enough for a label that are the same in all cases: a body need not look at them.
fn constants<C: Regimes>(cases: &[C]) -> Vec<String> {
    let texts = cases.iter().map(|case| {
        case.inputs().into_iter().map(|(name, _, input)| (name, input.text(name))).collect()
    });
    let texts: Vec<Vec<(&str, Option<String>)>> = texts.collect();
    let Some((first, others)) = texts.split_first() else {
        return Vec::new();
    };
    let constant = first
        .iter()
        .enumerate()
        .filter(|(i, (_, text))| text.is_some() && others.iter().all(|other| other[*i].1 == *text));
    constant.map(|(_, (name, _))| format!("`{name}` is the same in every case")).collect()
}

/// What became of a case whose answer is that of another input.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Tried {
    /// Refused.
    Rejected,
    /// The answer is the right one all the same.
    Same,
    /// Wrong, and accepted.
    Accepted,
}

/// What became of the guarded mutants.
pub(crate) struct Mutants {
    /// How many give another answer than the reference.
    pub tried: usize,
    /// How many of them are rejected.
    pub rejected: usize,
    /// Those that are not.
    pub faults: Vec<String>,
}

/// The guarded mutants of an exercise: for each input and each regime, the reference that mistakes
/// the input in this regime and is right elsewhere.
pub(crate) fn mutants<C: Regimes>(cases: &[C], judge: impl Fn(usize, &C) -> Tried) -> Mutants {
    // Each altered case is tried once; the mutants are made of what became of it.
    let mut tried: Vec<(String, BTreeSet<String>, Tried)> = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let regimes = of(case);
        for (name, altered) in case.altered() {
            tried.push((name, regimes.clone(), judge(i, &altered)));
        }
    }
    let names: BTreeSet<&str> = tried.iter().map(|(name, ..)| name.as_str()).collect();
    let regimes: BTreeSet<&str> =
        tried.iter().flat_map(|(_, regimes, _)| regimes.iter().map(String::as_str)).collect();
    let mut mutants = Mutants { tried: 0, rejected: 0, faults: Vec::new() };
    for name in names {
        for regime in &regimes {
            let within = tried.iter().filter(|(other, r, _)| other == name && r.contains(*regime));
            let fates: Vec<Tried> = within.map(|(_, _, fate)| *fate).collect();
            if fates.contains(&Tried::Rejected) {
                mutants.tried += 1;
                mutants.rejected += 1;
            } else if fates.contains(&Tried::Accepted) {
                mutants.tried += 1;
                mutants.faults.push(format!("the mutant {name} when {regime} is not rejected"));
            }
        }
    }
    mutants
}

/// Rows in which every pair of levels of every two factors occurs: few small cases that meet all
/// combinations of two sizes, or of a size and a kind of mask. The rows are the same every time.
///
/// ```
/// use attn_exercise::pairwise;
/// let rows = pairwise([3, 3, 3, 3]);
/// assert!(rows.len() < 16, "of 81");
/// for (a, b) in [(0, 1), (0, 3), (2, 3)] {
///     for (x, y) in [(0, 0), (1, 2), (2, 1)] {
///         assert!(rows.iter().any(|row| row[a] == x && row[b] == y));
///     }
/// }
/// ```
pub fn pairwise<const N: usize>(levels: [usize; N]) -> Vec<[usize; N]> {
    let mut missing = BTreeSet::new();
    for a in 0..N {
        for b in a + 1..N {
            missing.extend((0..levels[a]).flat_map(|x| (0..levels[b]).map(move |y| (a, x, b, y))));
        }
    }
    let mut rows = Vec::new();
    while let Some(&(a, x, b, y)) = missing.first() {
        let mut row: [Option<usize>; N] = [None; N];
        (row[a], row[b]) = (Some(x), Some(y));
        // Every other factor takes the level that meets the most pairs that are still missing.
        for c in 0..N {
            if row[c].is_none() {
                let meets = |z: usize| {
                    let pairs = (0..N).filter(|&d| d != c).filter_map(|d| Some((d, row[d]?)));
                    pairs
                        .filter(|&(d, w)| {
                            missing.contains(&if c < d { (c, z, d, w) } else { (d, w, c, z) })
                        })
                        .count()
                };
                // The first of the best.
                row[c] = (0..levels[c]).rev().max_by_key(|&z| meets(z));
            }
        }
        let row = row.map(|level| level.unwrap_or(0));
        missing.retain(|&(a, x, b, y)| row[a] != x || row[b] != y);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    struct Table(Array2<f32>);

    impl Regimes for Table {
        fn inputs(&self) -> Choices<'_> {
            vec![("x", &["n", "m"], &self.0)]
        }
    }

    const NEVER: [(&str, &str); 3] =
        [("x tiny", "no entry"), ("x large", "no entry"), ("x equal", "they differ")];

    fn tables(shapes: &[(usize, usize)]) -> Vec<Table> {
        let table = |&shape| Table(Array2::from_shape_fn(shape, |(i, j)| (1 + i + j) as f32));
        shapes.iter().map(table).collect()
    }

    #[test]
    fn a_regime_without_a_case_is_a_fault() {
        let all = [(1, 2), (2, 2), (2, 1)];
        assert_eq!(coverage(&tables(&all), &NEVER).faults, Vec::<String>::new());
        assert_eq!(coverage(&tables(&all), &NEVER).covered, 7);
        let faults = coverage(&tables(&all[..2]), &NEVER).faults;
        assert_eq!(
            faults,
            ["no case lies in the regime “m = 1”", "no case lies in the regime “n > m”"]
        );
    }

    #[test]
    fn what_is_declared_impossible_must_not_occur() {
        let equal = [Table(Array2::ones((2, 3)))];
        let faults = coverage(&equal, &NEVER).faults;
        let fault = "a case lies in the regime “x equal”, which is declared impossible";
        assert!(faults.iter().any(|found| found == fault), "{faults:?}");
    }
}
