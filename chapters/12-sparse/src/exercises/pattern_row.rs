//! 12.2 `pattern_row`

use super::window_row::Row;
use crate::{
    given::{Pattern, draw_keys},
    window_row,
};
use attn_exercise::{Field, Given, Input, Sizes, exercise, field, pairwise};

impl Given for Pattern {
    fn own_sizes(&self) -> Sizes {
        vec![("window", self.window), ("globals", self.globals.len())]
    }

    fn fields(&self, _name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        let Pattern { window, dilation, globals, random, causal } = self;
        vec![
            field(
                "window",
                format!("{window}, dilation {dilation}{}", if *causal { ", causal" } else { "" }),
            ),
            field("globals", globals),
            field("random", format!("{random:?}")),
        ]
    }

    fn kinds(&self, _sizes: &Sizes) -> Vec<&'static str> {
        vec![
            if self.causal { "causal" } else { "not causal" },
            if self.random.is_empty() { "without random keys" } else { "with random keys" },
            if self.dilation > 1 { "with gaps" } else { "without gaps" },
        ]
    }

    fn required_kinds(&self) -> &'static [&'static str] {
        &[
            "causal",
            "not causal",
            "with random keys",
            "without random keys",
            "with gaps",
            "without gaps",
        ]
    }

    fn is_choice(&self) -> bool {
        true
    }
}

impl Input for Pattern {
    type Passed<'a> = &'a Pattern;

    fn pass(&self) -> &Pattern {
        self
    }

    fn altered(&self) -> Vec<Self> {
        vec![
            Pattern { window: self.window + 2, ..self.clone() },
            Pattern { dilation: self.dilation + 1, ..self.clone() },
            Pattern { globals: Vec::new(), ..self.clone() },
            Pattern { random: Vec::new(), ..self.clone() },
        ]
    }
}

exercise! {
    /// A pattern, a token, and how many there are.
    crate::pattern_row as fn(&Pattern, usize, usize) -> Vec<usize>: (pattern: Pattern, i: usize, n: usize[n]) -> Row;
    answer: |pattern_row, c| Row(c.call(pattern_row));

    exact: |c| {
        let Pattern { window, dilation, globals, random, causal } = &c.pattern;
        let (i, half) = (c.i, window / 2);
        let seen = |j: usize| {
            let steps = i.abs_diff(j) / dilation;
            let in_window = i.abs_diff(j) % dilation == 0 && if *causal { steps < *window } else { steps <= half };
            let global = globals.iter().any(|&g| g == i || g == j);
            let drawn = random.get(i).is_some_and(|row| row.contains(&j));
            (in_window || global || drawn) && (!causal || j <= i)
        };
        Row((0..c.n).filter(|&j| seen(j)).collect())
    };

    cases: |random| {
        let mut of = |about: &str, (i, n), (window, dilation, causal), globals: &[usize], drawn| {
            let random = if drawn == 0 { Vec::new() } else { draw_keys(random, n, drawn) };
            case(about, (Pattern { window, dilation, globals: globals.to_vec(), random, causal }, i, n))
        };
        let mut cases = vec![
            case("by hand: token 0 is global", (Pattern { globals: vec![0], ..Pattern::window(2) }, 5, 9)),
            case("by hand: tokens 2 and 7 were drawn", (Pattern { random: (0..9).map(|i| if i == 4 { vec![7, 2] } else { vec![0] }).collect(), causal: false, window: 3, ..Pattern::window(3) }, 4, 9)),
            of("a global token sees all", (3, 9), (3, 1, false), &[3], 0),
            of("a global token sees all before it", (3, 9), (2, 1, true), &[3], 0),
            of("a global token in the future", (3, 9), (2, 1, true), &[0, 6], 0),
            of("a global token behind", (3, 9), (3, 1, false), &[0, 6], 0),
            of("a global token within the window", (3, 9), (3, 1, false), &[2, 8], 0),
            of("globals out of order", (4, 12), (3, 1, false), &[9, 0, 11], 2),
            of("drawn keys, causal", (6, 12), (2, 1, true), &[0], 5),
            of("drawn keys for a global token", (6, 12), (2, 1, true), &[6], 5),
            of("all of it, with gaps", (8, 16), (5, 2, false), &[0, 1], 3),
            of("all of it, with gaps, causal", (12, 16), (4, 2, true), &[0, 1], 3),
            of("a window alone", (5, 9), (3, 1, true), &[], 0),
            of("gaps alone", (5, 9), (3, 2, false), &[], 0),
            of("drawn keys alone", (4, 9), (1, 1, false), &[], 4),
            of("every token is global", (1, 3), (1, 1, false), &[0, 1, 2], 0),
            of("every token is global, causal", (1, 3), (1, 1, true), &[2, 1, 0], 1),
            of("one token", (0, 1), (1, 1, true), &[0], 1),
            of("one token", (0, 1), (1, 1, false), &[], 0),
            of("one token", (0, 1), (3, 2, false), &[0], 1),
            of("one token", (0, 1), (4, 2, true), &[], 0),
            of("long", (40, 64), (9, 1, true), &[0, 50, 1, 7, 33], 9),
        ];
        let globals: [&[usize]; 4] = [&[], &[0], &[2, 0], &[4, 1, 3]];
        let small = pairwise([3, 3, 2, 4, 2, 3, 4]).into_iter().map(|[n, window, dilation, chosen, causal, drawn, i]| {
            let (n, causal) = (5 + 2 * n, causal == 1);
            let window = if causal { window + 1 } else { 2 * window + 1 };
            of("small", (i * (n - 1) / 3, n), (window, dilation + 1, causal), globals[chosen], drawn)
        });
        cases.extend(small.collect::<Vec<_>>());
        cases
    };

    never {
        "globals > n": "tokens are listed once";
    }

    right (pattern, i, n) {
        "all keys, asked one by one" => (0..n).filter(|&j| sees(pattern, i, n, j)).collect();
        "a table of flags" => {
            let mut flags = vec![pattern.globals.contains(&i); n];
            let drawn: &[usize] = pattern.random.get(i).map_or(&[], |row| row);
            for j in window(pattern, i, n).into_iter().chain(pattern.globals.iter().copied()).chain(drawn.iter().copied()) {
                flags[j] = true;
            }
            if pattern.causal {
                flags[i + 1..].fill(false);
            }
            (0..n).filter(|&j| flags[j]).collect()
        };
        "a set" => {
            let mut set: std::collections::BTreeSet<usize> = window(pattern, i, n).into_iter().collect();
            set.extend(&pattern.globals);
            set.extend(pattern.random.iter().skip(i).take(1).flatten());
            if pattern.globals.contains(&i) {
                set.extend(0..n);
            }
            if pattern.causal {
                set.split_off(&(i + 1));
            }
            set.into_iter().collect()
        };
    }

    mistakes (pattern, i, n) {
        "not-seen-by-all": "a global token sees all, but is not seen by all: its column is missing"
            => joined(pattern, i, n, [true, true, false, true], true);
        "sees-no-more": "a global token is seen by all, but sees no more than its window: its row is missing"
            => joined(pattern, i, n, [false, true, true, true], true);
        "globals-leak": "a global token is seen by those before it, although the pattern is causal"
            => {
                let mut row = crate::pattern_row(pattern, i, n);
                row.extend(&pattern.globals);
                tidy(row)
            };
        "global-row-leaks": "a global token sees those behind it, although the pattern is causal"
            => if pattern.globals.contains(&i) { (0..n).collect() } else { crate::pattern_row(pattern, i, n) };
        "random-leaks": "a key that was drawn is seen from before it, although the pattern is causal"
            => {
                let mut row = crate::pattern_row(pattern, i, n);
                row.extend(drawn(pattern, i));
                tidy(row)
            };
        "only-the-window-is-causal": "the window is causal, and neither the global tokens nor the drawn keys are"
            => joined(pattern, i, n, [true; 4], false);
        "causal-ignored": "the pattern's `causal` is not used beyond the window: as many keys behind the token as before it"
            => joined(&Pattern { causal: false, window: 2 * pattern.window - 1, ..pattern.clone() }, i, n, [true; 4], false);
        "causal-always": "nothing behind the token is ever seen, causal or not"
            => crate::pattern_row(pattern, i, n).into_iter().filter(|&j| j <= i).collect();
        "repeated": "a key that two parts name is in the row twice"
            => {
                let mut row = parts(pattern, i, n, [true; 4]);
                row.retain(|&j| !pattern.causal || j <= i);
                row.sort();
                row
            };
        "unsorted": "the parts follow each other: the row is not ascending"
            => {
                let mut row = Vec::new();
                for j in parts(pattern, i, n, [true; 4]) {
                    if !row.contains(&j) && (!pattern.causal || j <= i) {
                        row.push(j);
                    }
                }
                row
            };
        "neither": "the parts follow each other: the row is not ascending, and a key that two parts name is in it twice"
            => {
                let mut row = parts(pattern, i, n, [true; 4]);
                row.retain(|&j| !pattern.causal || j <= i);
                row
            };
        "globals-and-random-leak": "the row of a global token is causal, and in other rows neither the global tokens nor the drawn keys are"
            => if pattern.globals.contains(&i) { crate::pattern_row(pattern, i, n) } else { tidy(parts(pattern, i, n, [true; 4])) };
        "deduplicated-unsorted": "repeated keys are removed before the row is sorted: `dedup` sees neighbours alone"
            => {
                let mut row = parts(pattern, i, n, [true; 4]);
                row.retain(|&j| !pattern.causal || j <= i);
                row.dedup();
                row.sort();
                row
            };
        "no-random": "the drawn keys are not in the row"
            => joined(pattern, i, n, [true, true, true, false], true);
        "no-window": "the window is not in the row"
            => joined(pattern, i, n, [true, false, true, true], true);
        "no-globals": "nothing is global: the row has the window and the drawn keys"
            => joined(pattern, i, n, [false, true, false, true], true);
        "all-random": "the row has the keys that were drawn for all tokens; those for token i are random[i]"
            => {
                let mut row = crate::pattern_row(pattern, i, n);
                row.extend(pattern.random.iter().flatten().filter(|&&j| !pattern.causal || j <= i));
                tidy(row)
            };
        "random-both-ways": "a token also sees those for which it was drawn; what was drawn goes one way"
            => {
                let mut row = crate::pattern_row(pattern, i, n);
                row.extend((0..pattern.random.len()).filter(|&j| pattern.random[j].contains(&i) && (!pattern.causal || j <= i)));
                tidy(row)
            };
        "first-global": "only the first global token of the list counts"
            => crate::pattern_row(&Pattern { globals: pattern.globals.iter().copied().take(1).collect(), ..pattern.clone() }, i, n);
        "first-so-many": "the first tokens of the text are global, as many as the list is long; it says which"
            => crate::pattern_row(&Pattern { globals: (0..pattern.globals.len()).collect(), ..pattern.clone() }, i, n);
        "drawn-panics": "random[i] is read although no keys were drawn at all, which panics"
            => {
                assert!(i < pattern.random.len(), "index out of bounds: the len is {} but the index is {i}", pattern.random.len());
                crate::pattern_row(pattern, i, n)
            };
        "in-common": "a key has to be in all parts; it is seen if one of them has it"
            => {
                let row = crate::pattern_row(pattern, i, n);
                let other: Vec<usize> = pattern.globals.iter().copied().chain(drawn(pattern, i)).collect();
                row.into_iter().filter(|j| window(pattern, i, n).contains(j) && (other.is_empty() || other.contains(j))).collect()
            };
        "no-gaps": "the pattern's dilation is not used"
            => crate::pattern_row(&Pattern { dilation: 1, ..pattern.clone() }, i, n);
        "itself-dropped": "the token itself is dropped: j < i where causal"
            => crate::pattern_row(pattern, i, n).into_iter().filter(|&j| !pattern.causal || j < i).collect();
        "diluted-globals": "a global token is seen only from tokens that are a multiple of the dilation away"
            => crate::pattern_row(pattern, i, n).into_iter().filter(|&j| !pattern.globals.contains(&j) || pattern.globals.contains(&i) || i.abs_diff(j) % pattern.dilation == 0 || drawn(pattern, i).contains(&j)).collect();
        "neither-first-global": "the global tokens come first, and then the rest: the row is not ascending, and a key that two parts name is in it twice"
            => row_of(pattern, i, n, Order::GlobalsFirst, Tidy::Nothing, false);
        "neither-random-second": "the drawn keys come before the global tokens: the row is not ascending, and a key that two parts name is in it twice"
            => row_of(pattern, i, n, Order::RandomSecond, Tidy::Nothing, false);
        "neither-but-global": "the row of a global token is right, and in the others the parts follow each other: they are not ascending, and a key that two parts name is in them twice"
            => row_of(pattern, i, n, Order::Usual, Tidy::Nothing, true);
        "neither-first-global-but-global": "the row of a global token is right, and the others begin with the global tokens: they are not ascending, and a key that two parts name is in them twice"
            => row_of(pattern, i, n, Order::GlobalsFirst, Tidy::Nothing, true);
        "neither-random-second-but-global": "the row of a global token is right, and in the others the drawn keys come before the global tokens: they are not ascending, and a key that two parts name is in them twice"
            => row_of(pattern, i, n, Order::RandomSecond, Tidy::Nothing, true);
        "not-sorted": "the row is not sorted before `dedup`, which sees neighbours alone: it is not ascending, and repeated keys that stand apart stay"
            => row_of(pattern, i, n, Order::Usual, Tidy::DedupAlone, false);
        "not-sorted-but-global": "the row of a global token is right, and the others are not sorted before `dedup`, which sees neighbours alone"
            => row_of(pattern, i, n, Order::Usual, Tidy::DedupAlone, true);
        "unsorted-first-global": "the global tokens come first, and then the rest, each key once: the row is not ascending"
            => row_of(pattern, i, n, Order::GlobalsFirst, Tidy::Once, false);
        "unsorted-first-global-but-global": "the row of a global token is right, and the others begin with the global tokens, each key once: they are not ascending"
            => row_of(pattern, i, n, Order::GlobalsFirst, Tidy::Once, true);
        "unsorted-random-second": "the drawn keys come before the global tokens, each key once: the row is not ascending"
            => row_of(pattern, i, n, Order::RandomSecond, Tidy::Once, false);
        "repeated-but-global": "the row of a global token is right, and in the others a key that two parts name is in the row twice"
            => row_of(pattern, i, n, Order::Usual, Tidy::SortAlone, true);
        "deduplicated-unsorted-but-global": "the row of a global token is right, and in the others repeated keys are removed before the row is sorted"
            => row_of(pattern, i, n, Order::Usual, Tidy::DedupFirst, true);
        "deduplicated-first-global": "the global tokens come first, and repeated keys are removed before the row is sorted: `dedup` sees neighbours alone"
            => row_of(pattern, i, n, Order::GlobalsFirst, Tidy::DedupFirst, false);
        "random-turned-round": "a token sees those for which it was drawn, and not those that were drawn for it"
            => {
                let random = (0..n).map(|j| (0..pattern.random.len()).filter(|&i| pattern.random[i].contains(&j)).collect()).collect();
                crate::pattern_row(&Pattern { random, ..pattern.clone() }, i, n)
            };
        "transposed": "rows and columns have changed places: this is who sees the token, not whom it sees"
            => (0..n).filter(|&j| sees(pattern, j, n, i)).collect();
        "no-random-if-causal": "the drawn keys are left out where the pattern is causal, those before the token too"
            => joined(pattern, i, n, [true, true, true, !pattern.causal], true);
        "global-without-itself": "a global token does not see itself"
            => crate::pattern_row(pattern, i, n).into_iter().filter(|&j| j != i || !pattern.globals.contains(&i)).collect();
        "global-before-itself": "where the pattern is causal, the row of a global token is 0..i, and ends before the token itself"
            => crate::pattern_row(pattern, i, n).into_iter().filter(|&j| j != i || !pattern.causal || !pattern.globals.contains(&i)).collect();
        "global-row-causal": "a global token sees nothing behind it, causal or not"
            => crate::pattern_row(pattern, i, n).into_iter().filter(|&j| j <= i || !pattern.globals.contains(&i)).collect();
        "global-column-causal": "a global token behind the query is not seen, causal or not"
            => {
                let globals = pattern.globals.iter().copied().filter(|&g| g <= i).collect();
                crate::pattern_row(&Pattern { globals, ..pattern.clone() }, i, n)
            };
        "first-random": "every token has the keys that were drawn for token 0; those for token i are random[i]"
            => {
                let random = pattern.random.first().map_or(Vec::new(), |row| vec![row.clone(); n]);
                crate::pattern_row(&Pattern { random, ..pattern.clone() }, i, n)
            };
        "one-drawn": "only the first of the keys that were drawn for the token counts"
            => {
                let random = pattern.random.iter().map(|row| row.iter().copied().take(1).collect()).collect();
                crate::pattern_row(&Pattern { random, ..pattern.clone() }, i, n)
            };
        "causal-turned-round": "keys behind the token are dropped where the pattern is not causal, and stay where it is"
            => {
                let mut row = parts(pattern, i, n, [true; 4]);
                row.retain(|&j| pattern.causal || j <= i);
                tidy(row)
            };
        "global-sees-globals": "a global token sees the global ones and its drawn keys, not all"
            => {
                if !pattern.globals.contains(&i) { return crate::pattern_row(pattern, i, n); }
                joined(pattern, i, n, [false, false, true, true], true)
            };
        "window-always-causal": "the window ends with the token, causal or not; the other parts are right"
            => {
                let mut row = parts(&Pattern { causal: true, ..pattern.clone() }, i, n, [true; 4]);
                row.retain(|&j| !pattern.causal || j <= i);
                tidy(row)
            };
        "first-so-many-seen": "every token sees the first tokens of the text, as many as are global; the list says which"
            => {
                if pattern.globals.contains(&i) { return crate::pattern_row(pattern, i, n); }
                let mut row = joined(pattern, i, n, [true, true, false, true], true);
                row.extend((0..pattern.globals.len()).filter(|&j| !pattern.causal || j <= i));
                tidy(row)
            };
        "random-causal": "a drawn key behind the token is not seen, causal or not"
            => {
                let random = pattern.random.iter().enumerate().map(|(i, row)| row.iter().copied().filter(|&j| j <= i).collect()).collect();
                crate::pattern_row(&Pattern { random, ..pattern.clone() }, i, n)
            };
        "descending": "the row runs from the last key to the first; it is ascending"
            => crate::pattern_row(pattern, i, n).into_iter().rev().collect();
        "joined-after-the-mask": "what lies behind the token is dropped before the global tokens and the drawn keys join: these are not causal, in the row of a global token either"
            => {
                let mut row = parts(pattern, i, n, [true, true, false, false]);
                row.retain(|&j| !pattern.causal || j <= i);
                row.extend(&pattern.globals);
                row.extend(drawn(pattern, i));
                tidy(row)
            };
    }
}

fn window(pattern: &Pattern, i: usize, n: usize) -> Vec<usize> {
    window_row(i, n, pattern.window, pattern.dilation, pattern.causal)
}

fn drawn(pattern: &Pattern, i: usize) -> Vec<usize> {
    pattern.random.get(i).cloned().unwrap_or_default()
}

fn tidy(mut row: Vec<usize>) -> Vec<usize> {
    row.sort();
    row.dedup();
    row
}

/// All parts one after the other: the row of a global token, the window, the global tokens, the drawn
/// keys.
fn parts(
    pattern: &Pattern,
    i: usize,
    n: usize,
    [all, near, globals, random]: [bool; 4],
) -> Vec<usize> {
    let mut row = Vec::new();
    if all && pattern.globals.contains(&i) {
        row.extend(0..n);
    } else if near {
        row.extend(window(pattern, i, n));
    }
    if globals {
        row.extend(&pattern.globals);
    }
    if random {
        row.extend(drawn(pattern, i));
    }
    row
}

fn joined(pattern: &Pattern, i: usize, n: usize, with: [bool; 4], causal: bool) -> Vec<usize> {
    let row = parts(pattern, i, n, with).into_iter();
    tidy(row.filter(|&j| !causal || !pattern.causal || j <= i).collect())
}

fn sees(pattern: &Pattern, i: usize, n: usize, j: usize) -> bool {
    if pattern.causal && j > i {
        return false;
    }
    pattern.globals.contains(&i)
        || pattern.globals.contains(&j)
        || window(pattern, i, n).contains(&j)
        || drawn(pattern, i).contains(&j)
}

/// In which order the parts of a row follow each other.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// Window, global tokens, drawn keys.
    Usual,
    GlobalsFirst,
    RandomSecond,
}

/// What is done to the parts when they have been joined.
#[derive(Clone, Copy, PartialEq)]
enum Tidy {
    Nothing,
    SortAlone,
    DedupAlone,
    DedupFirst,
    /// Each key is taken the first time.
    Once,
}

/// The parts, joined in this order; the row of a global token is returned early if it is to be right.
fn row_of(
    pattern: &Pattern,
    i: usize,
    n: usize,
    order: Order,
    tidy: Tidy,
    early: bool,
) -> Vec<usize> {
    let global = pattern.globals.contains(&i);
    if early && global {
        return crate::pattern_row(pattern, i, n);
    }
    let near = if global { (0..n).collect() } else { window(pattern, i, n) };
    let (globals, drawn) = (pattern.globals.clone(), drawn(pattern, i));
    let parts = match order {
        Order::Usual => [near, globals, drawn],
        Order::GlobalsFirst => [globals, near, drawn],
        Order::RandomSecond => [near, drawn, globals],
    };
    let mut row = parts.concat();
    row.retain(|&j| !pattern.causal || j <= i);
    if tidy == Tidy::Once {
        let mut once = Vec::new();
        row.iter().for_each(|j| {
            if !once.contains(j) {
                once.push(*j)
            }
        });
        return once;
    }
    if matches!(tidy, Tidy::DedupAlone | Tidy::DedupFirst) {
        row.dedup();
    }
    if matches!(tidy, Tidy::SortAlone | Tidy::DedupFirst) {
        row.sort();
    }
    row
}
