//! 3.2 `allowed`: what a mask means

use super::oracle;
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{each, equal},
};
use ndarray::{Array2, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&Mask, usize, usize) -> Array2<bool>;

/// A mask for `n` queries and `m` keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    mask: Mask,
    n: usize,
    m: usize,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let sizes = format!("n = {}, m = {}", self.n, self.m);
        vec![
            field("mask", format!("{:?}", self.mask)),
            field("sizes", sizes),
        ]
    }

    fn label(&self) -> String {
        format!("n={} m={}, {}", self.n, self.m, self.mask)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<bool>> {
    Exercise {
        id: "3.2",
        cases,
        answer: |allowed, Case { mask, n, m }| allowed(mask, *n, *m),
        judge,
        solution: crate::allowed,
        mistakes: mistakes(),
        steps: |_| Vec::new(),
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let case = |mask, (n, m)| Case { mask, n, m };
    let padding = || Mask::padding([true, true, false, true, false]);
    let table = random.uniform((4, 5)).mapv(|draw| draw < 0.5);
    vec![
        case(Mask::None, (2, 3)),
        case(Mask::Causal, (3, 3)),
        case(Mask::Causal, (2, 5)),
        case(Mask::Causal, (5, 2)),
        case(Mask::Causal, (1, 4)),
        case(Mask::Prefix(2), (4, 4)),
        case(Mask::Prefix(3), (5, 2)),
        case(padding(), (3, 5)),
        case(Mask::Dense(table.clone()), (4, 5)),
        case(Mask::Dense(array![[false, true], [false, false]]), (2, 2)),
        case(Mask::All(vec![Mask::Causal, padding()]), (5, 5)),
        case(
            Mask::All(vec![Mask::Dense(table), Mask::Prefix(1), padding()]),
            (4, 5),
        ),
        case(Mask::All(vec![]), (2, 2)),
        case(
            Mask::All(vec![Mask::Causal, Mask::padding([true; 129])]),
            (127, 129),
        ),
    ]
}

fn judge(cases: &[Case], answers: &[Array2<bool>]) -> Result<(), Finding> {
    each(cases, answers, |Case { mask, n, m }, table| {
        let exact = Array2::from_shape_fn((*n, *m), |(i, j)| {
            oracle::may_attend(mask, (i, *n), (j, *m))
        });
        equal("result", table, &exact)
    })
}

/// The table of a mask in which `causal` stands for the causal rule, `prefix` for how the prefix
/// joins it, and so on. The mistakes below each change one of them.
struct Rules {
    causal: fn(i: i64, j: i64, n: i64, m: i64) -> bool,
    prefix: fn(in_prefix: bool, causal: bool) -> bool,
    padding: fn(keys: &[bool], i: usize, j: usize) -> bool,
    all: fn(allowed_by_each: &[bool]) -> bool,
}

const RIGHT: Rules = Rules {
    causal: |i, j, n, m| j <= m - n + i,
    prefix: |in_prefix, causal| in_prefix || causal,
    padding: |keys, _, j| keys[j],
    all: |each| each.iter().all(|&a| a),
};

impl Rules {
    fn table(&self, mask: &Mask, n: usize, m: usize) -> Array2<bool> {
        Array2::from_shape_fn((n, m), |(i, j)| self.may(mask, (i, n), (j, m)))
    }

    fn may(&self, mask: &Mask, (i, n): (usize, usize), (j, m): (usize, usize)) -> bool {
        let causal = || (self.causal)(i as i64, j as i64, n as i64, m as i64);
        match mask {
            Mask::None => true,
            Mask::Causal => causal(),
            Mask::Prefix(p) => (self.prefix)(j < *p, causal()),
            Mask::Padding(keys) => (self.padding)(&keys.to_vec(), i, j),
            Mask::Dense(table) => table[[i, j]],
            Mask::All(masks) => {
                let each = masks.iter().map(|mask| self.may(mask, (i, n), (j, m)));
                (self.all)(&each.collect::<Vec<_>>())
            }
        }
    }
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "top-left",
            when: "causal is aligned top-left (j ≤ i): with more keys than queries the last query does not see the last key",
            body: |mask, n, m| {
                let causal = |i, j, _, _| j <= i;
                Rules { causal, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "strict",
            when: "the causal limit itself is left out (j < m − n + i), so that no query sees its own key",
            body: |mask, n, m| {
                let causal = |i, j, n, m| j < m - n + i;
                Rules { causal, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "future",
            when: "causal looks the wrong way: the keys from the limit on are allowed, the past is not",
            body: |mask, n, m| {
                let causal = |i, j, n, m| j >= m - n + i;
                Rules { causal, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "clamped-limit",
            when: "the causal limit is clamped at zero, so that queries which should see nothing see key 0",
            body: |mask, n, m| {
                let causal = |i, j, n, m| j <= i64::max(m - n + i, 0);
                Rules { causal, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "saturated",
            when: "m − n is held at zero (saturating_sub): with more queries than keys the limit starts too high",
            body: |mask, n, m| {
                let causal = |i, j, n, m| j <= i64::max(m - n, 0) + i;
                Rules { causal, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "underflow",
            when: "m − n is computed in usize, which cannot go below zero; move n to the other side: j + n ≤ m + i",
            body: |mask, n, m| {
                let limit = |i| m - n + i;
                let needs_limit = |mask: &Mask| matches!(mask, Mask::Causal | Mask::Prefix(_));
                let all = match mask {
                    Mask::All(masks) => masks.as_slice(),
                    mask => std::slice::from_ref(mask),
                };
                if all.iter().any(needs_limit) {
                    (0..n).for_each(|i| assert!(limit(i) < n + m));
                }
                crate::allowed(mask, n, m)
            },
        },
        Mistake {
            name: "mirrored-offset",
            when: "the offset of the causal limit has the wrong sign (j ≤ n − m + i)",
            body: |mask, n, m| {
                let causal = |i, j, n, m| j <= n - m + i;
                Rules { causal, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "prefix-only",
            when: "a prefix mask allows the prefix and nothing after it",
            body: |mask, n, m| {
                let prefix = |in_prefix, _| in_prefix;
                Rules { prefix, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "prefix-and-causal",
            when: "a prefix mask asks for both the prefix and causal, instead of either",
            body: |mask, n, m| {
                let prefix = |in_prefix, causal| in_prefix && causal;
                Rules { prefix, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "padding-flipped",
            when: "true in the padding mask is taken for padding",
            body: |mask, n, m| {
                let padding = |keys: &[bool], _, j: usize| !keys[j];
                Rules { padding, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "padding-rows",
            when: "the padding mask is applied to the queries instead of the keys",
            body: |mask, n, m| {
                let padding = |keys: &[bool], i: usize, _| keys[i];
                Rules { padding, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "any",
            when: "a combination allows what any of its masks allows, instead of all of them",
            body: |mask, n, m| {
                let all = |each: &[bool]| each.iter().any(|&a| a);
                Rules { all, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "last-only",
            when: "a combination keeps only its last mask",
            body: |mask, n, m| {
                let all = |each: &[bool]| each.last().copied().unwrap_or(true);
                Rules { all, ..RIGHT }.table(mask, n, m)
            },
        },
        Mistake {
            name: "empty-combination",
            when: "a combination of no masks allows nothing instead of everything",
            body: |mask, n, m| match mask {
                Mask::All(masks) if masks.is_empty() => Array2::from_elem((n, m), false),
                _ => crate::allowed(mask, n, m),
            },
        },
        Mistake {
            name: "flipped",
            when: "the polarity is flipped: true has to mean “may attend”, here it means “masked out”",
            body: |mask, n, m| !crate::allowed(mask, n, m),
        },
    ]
}
