//! 12.3 `reach`

use crate::{given::Pattern, pattern_row};
use attn_core::random::Random;
use attn_exercise::{exercise, pairwise};
use ndarray::{Array2, ArrayView2, array};

exercise! {
    /// Who sees whom in a layer, and how many layers there are.
    crate::reach: (sees: Array2<bool>[n n], layers: usize[layers]) -> Array2<bool>;

    exact: |c| {
        // By breadth-first search from each token: the least number of layers to each other one.
        let n = c.sees.nrows();
        Array2::from_shape_fn((n, n), |(i, j)| {
            let mut least = vec![usize::MAX; n];
            least[i] = 0;
            let mut queue = std::collections::VecDeque::from([i]);
            while let Some(at) = queue.pop_front() {
                for next in 0..n {
                    if c.sees[[at, next]] && least[next] == usize::MAX {
                        least[next] = least[at] + 1;
                        queue.push_back(next);
                    }
                }
            }
            least[j] <= c.layers
        })
    };

    cases: |random| {
        let of = |pattern: &Pattern, n: usize| {
            let mut sees = Array2::from_elem((n, n), false);
            for i in 0..n {
                pattern_row(pattern, i, n).into_iter().for_each(|j| sees[[i, j]] = true);
            }
            sees
        };
        let before = Array2::from_shape_fn((5, 5), |(i, j)| i == j + 1);
        let mut cases = vec![
            case("by hand: each sees the one before it", (array![[false, false, false], [true, false, false], [false, true, false]], 2)),
            case("no layer: each knows itself", (before.clone(), 0)),
            case("one layer", (before.clone(), 1)),
            case("three layers", (before, 3)),
            case("a causal window of three", (of(&Pattern::window(3), 12), 3)),
            case("a window on both sides", (of(&Pattern { causal: false, ..Pattern::window(3) }, 11), 3)),
            case("gaps: every second token", (of(&Pattern { dilation: 2, ..Pattern::window(2) }, 9), 3)),
            case("a global token", (of(&Pattern { globals: vec![0], causal: false, ..Pattern::window(1) }, 6), 2)),
            case("nobody sees anybody", (Array2::from_elem((4, 4), false), 3)),
            case("all see all", (Array2::from_elem((4, 4), true), 2)),
            case("all see all, and no layer", (Array2::from_elem((3, 3), true), 0)),
            case("one token", (array![[false]], 2)),
            case("one token", (array![[true]], 1)),
            case("a ring", (Array2::from_shape_fn((7, 7), |(i, j)| j == (i + 2) % 7), 4)),
            case("as many layers as tokens", (Array2::from_shape_fn((4, 4), |(i, j)| j == i + 1), 4)),
            case("nine layers along a line", (Array2::from_shape_fn((12, 12), |(i, j)| i == j + 1), 9)),
        ];
        let mut sparse = |n: usize, share: f32| flags(random, n, share);
        cases.extend(pairwise([5, 5]).into_iter().map(|[n, layers]| case("small", (sparse(n + 2, 0.3), layers))));
        cases.push(case("sparse", (sparse(14, 0.1), 3)));
        cases
    };

    right (sees, layers) {
        "token by token" => {
            let n = sees.nrows();
            Array2::from_shape_fn((n, n), |(i, j)| {
                let mut known = vec![i];
                for _ in 0..layers {
                    let more: Vec<usize> = (0..n).filter(|&j| known.iter().any(|&at| sees[[at, j]])).collect();
                    known.extend(more);
                    known.sort();
                    known.dedup();
                }
                known.contains(&j)
            })
        };
        "from the other side" => {
            // What sees it, and what sees that.
            let mut reached = identity(sees.nrows());
            for _ in 0..layers {
                reached = product(reached.view(), with_itself(sees).view());
            }
            reached
        };
        "counted" => {
            let n = sees.nrows();
            let step = with_itself(sees).mapv(|sees| f64::from(u8::from(sees)));
            let mut paths = Array2::<f64>::eye(n);
            for _ in 0..layers {
                paths = paths.dot(&step);
            }
            paths.mapv(|paths| paths > 0.0)
        };
    }

    mistakes (sees, layers) {
        "no-residual": "a token keeps nothing of its own from layer to layer; what attention gives is added to what it has"
            => (0..layers).fold(identity(sees.nrows()), |reached, _| product(sees, reached.view()));
        "one-layer-more": "there is a layer too many: the first one starts from what a token sees instead of from itself"
            => crate::reach(sees, layers + 1);
        "one-layer-fewer": "there is a layer too few"
            => crate::reach(sees, layers.saturating_sub(1));
        "one-layer": "the number of layers is not used: this is what one layer gives"
            => crate::reach(sees, 1);
        "all-layers": "the number of layers is not used: this is what is reached in the end"
            => crate::reach(sees, sees.nrows());
        "transposed": "rows and columns have changed places: entry (i, j) says whether i gets to j"
            => crate::reach(sees, layers).reversed_axes().as_standard_layout().into_owned();
        "in-place": "a token takes from rows that the same layer has changed already: within one layer something travels further than one step"
            => {
                let mut reached = identity(sees.nrows());
                for _ in 0..layers {
                    for i in 0..sees.nrows() {
                        for through in 0..sees.nrows() {
                            if sees[[i, through]] {
                                let row = reached.row(through).to_owned();
                                reached.row_mut(i).zip_mut_with(&row, |after, &before| *after |= before);
                            }
                        }
                    }
                }
                reached
            };
        "doubled": "each layer joins what was reached with itself: the reach doubles from layer to layer"
            => {
                let mut reached = identity(sees.nrows());
                for layer in 0..layers {
                    reached = if layer == 0 { with_itself(sees) } else { product(reached.view(), reached.view()) };
                }
                reached
            };
        "not-itself": "a token is said not to reach itself"
            => {
                let mut reached = crate::reach(sees, layers);
                reached.diag_mut().fill(false);
                reached
            };
        "both-ways": "what a token sees is taken to see it, too"
            => {
                let both = Array2::from_shape_fn(sees.dim(), |(i, j)| sees[[i, j]] || sees[[j, i]]);
                crate::reach(both.view(), layers)
            };
        "exactly": "only what is reached in exactly so many steps counts, and not what is nearer"
            => {
                let far = crate::reach(sees, layers);
                if layers == 0 { return far; }
                let near = crate::reach(sees, layers - 1);
                Array2::from_shape_fn(far.dim(), |at| far[at] && !near[at])
            };
        "all-see-themselves-first": "before the first layer nothing is known, not even a token itself: all stays empty"
            => Array2::from_elem(sees.dim(), false);
        "always-all": "everything reaches everything"
            => Array2::from_elem(sees.dim(), true);
        "sees": "this is what is seen in a layer, unchanged"
            => sees.to_owned();
        "columns": "a token takes over the columns of those that it sees, not their rows"
            => {
                let mut reached = identity(sees.nrows());
                for _ in 0..layers {
                    let before = reached.clone();
                    for ((i, through), _) in sees.indexed_iter().filter(|(_, sees)| **sees) {
                        for (after, &before) in reached.row_mut(i).iter_mut().zip(before.column(through)) {
                            *after |= before;
                        }
                    }
                }
                reached
            };
        "causal": "what lies behind a token is hidden from it; who sees whom is said already"
            => {
                let reached = crate::reach(sees, layers);
                Array2::from_shape_fn(reached.dim(), |(i, j)| j <= i && reached[[i, j]])
            };
        "and": "a token has to be reached through all that it sees, not through one of them"
            => {
                let mut reached = identity(sees.nrows());
                for _ in 0..layers {
                    let before = reached.clone();
                    for i in 0..sees.nrows() {
                        for j in 0..sees.nrows() {
                            let mut through = (0..sees.nrows()).filter(|&t| sees[[i, t]]).peekable();
                            reached[[i, j]] = before[[i, j]] || through.peek().is_some() && through.all(|t| before[[t, j]]);
                        }
                    }
                }
                reached
            };
        "itself-alone": "nothing comes from what a token sees: after any number of layers each knows itself alone"
            => layer_by_layer(sees, layers, identity(sees.nrows()), |sees, before, (i, j)| before[[i, j]] || (0..before.nrows()).all(|t| sees[[i, t]] && before[[t, j]]));
        "and-assigned": "a token keeps only what all that it sees have, too: `&=` in the place of `|=`"
            => layer_by_layer(sees, layers, identity(sees.nrows()), |sees, before, (i, j)| before[[i, j]] && (0..before.nrows()).all(|t| !sees[[i, t]] || before[[t, j]]));
        "overwritten": "a token takes the row of the last token that it sees in the place of its own: `=` in the place of `|=`"
            => layer_by_layer(sees, layers, identity(sees.nrows()), |sees, before, (i, j)| before[[(0..before.nrows()).rev().find(|&t| sees[[i, t]]).unwrap_or(i), j]]);
        "no-identity": "before the first layer a token does not know itself: nothing is known, and each layer adds what is seen"
            => layer_by_layer(sees, layers, Array2::from_elem(sees.dim(), false), |sees, before, (i, j)| before[[i, j]] || sees[[i, j]] || through(sees, before, (i, j)));
        "sees-at-first": "the table begins with what a token sees in the place of itself, and goes through one layer less; without layers it is what is seen"
            => layer_by_layer(sees, layers.saturating_sub(1), sees.to_owned(), |sees, before, at| before[at] || through(sees, before, at));
        "sees-at-first-one-more": "the table begins with what a token sees in the place of itself, and goes through all layers: that is one too many"
            => layer_by_layer(sees, layers, sees.to_owned(), |sees, before, at| before[at] || through(sees, before, at));
        "doubled-from-one": "the table begins with a layer, and each further one joins it with itself: the reach doubles, and without layers it is that of one"
            => layer_by_layer(sees, layers.saturating_sub(1), with_itself(sees), |_, before, at| through(before.view(), before, at));
        "at-least-one": "the table begins with what one layer gives: without layers it should be the token alone"
            => crate::reach(sees, layers.max(1));
        "at-most-one": "every layer adds the tokens that are seen, and not what these had: this is what one layer gives"
            => crate::reach(sees, layers.min(1));
        "sees-of-sees": "a layer adds what those see that a token sees, and not what they had"
            => layer_by_layer(sees, layers, identity(sees.nrows()), |sees, before, (i, j)| before[[i, j]] || (0..before.nrows()).any(|t| sees[[i, t]] && sees[[t, j]]));
        "last-seen-alone": "a token keeps what it has, and takes over from the last token alone that it sees: those before are overwritten"
            => layer_by_layer(sees, layers, identity(sees.nrows()), |sees, before, (i, j)| before[[i, j]] || (0..before.nrows()).rev().find(|&t| sees[[i, t]]).is_some_and(|t| before[[t, j]]));
        "through-earlier-alone": "a token takes over from tokens up to itself alone; who sees whom is said already"
            => layer_by_layer(sees, layers, identity(sees.nrows()), |sees, before, (i, j)| before[[i, j]] || (0..=i).any(|t| sees[[i, t]] && before[[t, j]]));
    }
}

fn identity(n: usize) -> Array2<bool> {
    Array2::from_shape_fn((n, n), |(i, j)| i == j)
}

fn with_itself(sees: ArrayView2<bool>) -> Array2<bool> {
    Array2::from_shape_fn(sees.dim(), |(i, j)| i == j || sees[[i, j]])
}

fn product(a: ArrayView2<bool>, b: ArrayView2<bool>) -> Array2<bool> {
    let n = a.nrows();
    Array2::from_shape_fn((n, n), |(i, j)| (0..n).any(|t| a[[i, t]] && b[[t, j]]))
}

/// Flags of which this share is true.
fn flags(random: &mut Random, n: usize, share: f32) -> Array2<bool> {
    let draws = random.uniform(n * n).mapv(|draw: f32| draw < share);
    draws.into_shape_with_order((n, n)).expect("n·n flags")
}

/// Whether one of the tokens that i sees has had j.
fn through(sees: ArrayView2<bool>, before: &Array2<bool>, (i, j): (usize, usize)) -> bool {
    (0..before.nrows()).any(|t| sees[[i, t]] && before[[t, j]])
}

/// From this table on, with this for an entry after each layer.
fn layer_by_layer(
    sees: ArrayView2<bool>,
    layers: usize,
    first: Array2<bool>,
    of: impl Fn(ArrayView2<bool>, &Array2<bool>, (usize, usize)) -> bool,
) -> Array2<bool> {
    (0..layers)
        .fold(first, |before, _| Array2::from_shape_fn(before.dim(), |at| of(sees, &before, at)))
}
