//! 3.2 `allowed`: what a mask means

use attn_core::Mask;
use attn_exercise::{SOME_MASKS, exercise, pairwise, some_mask};
use attn_oracle::may_attend;
use ndarray::{Array1, Array2, array, s};

exercise! {
    /// A mask for `n` queries and `m` keys.
    crate::allowed: (mask: Mask, n: usize[n], m: usize[m]) -> Array2<bool>;

    exact: |c| Array2::from_shape_fn((c.n, c.m), |(i, j)| may_attend(&c.mask, (i, c.n), (j, c.m)));

    cases: |random| {
        let of = |mask, (n, m)| case("", (mask, n, m));
        let padding = || Mask::padding([true, true, false, true, false]);
        let table = random.uniform((4, 5)).mapv(|draw| draw < 0.5);
        let mut cases = vec![
            of(Mask::None, (2, 3)),
            of(Mask::Causal, (3, 3)),
            of(Mask::Causal, (2, 5)),
            of(Mask::Causal, (5, 2)),
            of(Mask::Causal, (1, 4)),
            of(Mask::Prefix(2), (4, 4)),
            of(Mask::Prefix(3), (5, 2)),
            of(Mask::Prefix(0), (5, 2)),
            of(Mask::Prefix(1), (7, 3)),
            of(padding(), (3, 5)),
            of(Mask::Dense(table.clone()), (4, 5)),
            of(Mask::Dense(array![[false, true], [false, false]]), (2, 2)),
            of(Mask::All(vec![Mask::Causal, padding()]), (5, 5)),
            of(Mask::All(vec![Mask::Dense(table), Mask::Prefix(1), padding()]), (4, 5)),
            of(Mask::All(vec![]), (2, 2)),
            of(Mask::All(vec![Mask::All(vec![Mask::Causal, padding()]), Mask::None]), (3, 5)),
            of(Mask::All(vec![Mask::All(vec![]), padding()]), (2, 5)),
            of(Mask::All(vec![Mask::Causal, Mask::padding([true; 33])]), (31, 33)),
        ];
        cases.extend(pairwise([3, 3, SOME_MASKS]).into_iter().map(|[n, m, mask]| {
            of(some_mask(mask, (n + 1, m + 1), random), (n + 1, m + 1))
        }));
        cases
    };

    right (mask, n, m) {
        "slices of rows" => by_row_slices(mask, n, m);
        "entry by entry, signed, from the end" => {
            fn may(mask: &Mask, i: usize, j: usize, n: usize, m: usize) -> bool {
                let (queries_left, keys_left) = ((n - 1 - i) as isize, (m - 1 - j) as isize);
                match mask {
                    Mask::None => true,
                    Mask::Causal => keys_left >= queries_left,
                    Mask::Prefix(p) => j < *p || may(&Mask::Causal, i, j, n, m),
                    Mask::Padding(keys) => keys[j],
                    Mask::Dense(table) => table[(i, j)],
                    Mask::All(masks) => !masks.iter().any(|mask| !may(mask, i, j, n, m)),
                }
            }
            Array2::from_shape_fn((n, m), |(i, j)| may(mask, i, j, n, m))
        };
        "crossing out" => {
            let mut table = Array2::from_elem((n, m), true);
            let mut stack = vec![mask];
            while let Some(mask) = stack.pop() {
                for ((i, j), entry) in table.indexed_iter_mut() {
                    let future = j as i64 - i as i64 > m as i64 - n as i64;
                    *entry &= match mask {
                        Mask::None | Mask::All(_) => true,
                        Mask::Causal => !future,
                        Mask::Prefix(p) => !(future && j >= *p),
                        Mask::Padding(keys) => keys[j],
                        Mask::Dense(dense) => dense[[i, j]],
                    };
                }
                if let Mask::All(masks) = mask {
                    stack.extend(masks);
                }
            }
            table
        };
        "the whole table for every entry of a combination" => match mask {
            Mask::All(masks) => Array2::from_shape_fn((n, m), |(i, j)| {
                masks.iter().all(|mask| crate::allowed(mask, n, m)[[i, j]])
            }),
            mask => crate::allowed(mask, n, m),
        };
    }

    mistakes (mask, n, m) {
        "top-left": "causal is aligned top-left (j ≤ i): with more keys than queries the last query does not see the last key"
            => Rules { causal: |i, j, _, _| j <= i, ..RIGHT }.table(mask, n, m);
        "strict": "the causal limit itself is left out (j < m − n + i), so that no query sees its own key"
            => Rules { causal: |i, j, n, m| j < m - n + i, ..RIGHT }.table(mask, n, m);
        "one-ahead": "the causal limit is one too far (j ≤ m − n + i + 1), so that every query sees the key after its own"
            => Rules { causal: |i, j, n, m| j <= m - n + i + 1, ..RIGHT }.table(mask, n, m);
        "future": "causal looks the wrong way: the keys from the limit on are allowed, the past is not"
            => Rules { causal: |i, j, n, m| j >= m - n + i, ..RIGHT }.table(mask, n, m);
        "clamped-limit": "the causal limit is clamped at zero, so that queries which should see nothing see key 0"
            => Rules { causal: |i, j, n, m| j <= i64::max(m - n + i, 0), ..RIGHT }.table(mask, n, m);
        "saturated": "m − n is held at zero (saturating_sub): with more queries than keys the limit starts too high"
            => Rules { causal: |i, j, n, m| j <= i64::max(m - n, 0) + i, ..RIGHT }.table(mask, n, m);
        "underflow": "m − n is computed in usize, which cannot go below zero; move n to the other side: j + n ≤ m + i"
            => {
                underflow(mask, n, m, false);
                crate::allowed(mask, n, m)
            };
        "underflow-as-typed": "m − n is computed in usize, which cannot go below zero; move n to the other side: j + n ≤ m + i"
            => {
                underflow(mask, n, m, true);
                crate::allowed(mask, n, m)
            };
        "mirrored-offset": "the offset of the causal limit has the wrong sign (j ≤ n − m + i)"
            => Rules { causal: |i, j, n, m| j <= n - m + i, ..RIGHT }.table(mask, n, m);
        "prefix-only": "a prefix mask allows the prefix and nothing after it"
            => Rules { prefix: |_, j, _, p, _| j < p, ..RIGHT }.table(mask, n, m);
        "prefix-and-causal": "a prefix mask asks for both the prefix and causal, instead of either"
            => Rules { prefix: |_, j, _, p, causal| j < p && causal, ..RIGHT }.table(mask, n, m);
        "prefix-one-more": "a prefix mask opens one key too many (j ≤ p)"
            => Rules { prefix: |_, j, _, p, causal| j <= p || causal, ..RIGHT }.table(mask, n, m);
        "prefix-is-causal": "a prefix mask is taken for causal alone: the prefix is not opened"
            => Rules { prefix: |_, _, _, _, causal| causal, ..RIGHT }.table(mask, n, m);
        "padding-flipped": "true in the padding mask is taken for padding"
            => Rules { padding: |keys, _, j, _| !keys[j], ..RIGHT }.table(mask, n, m);
        "padding-rows": "the padding mask is applied to the queries instead of the keys"
            => Rules { padding: |keys, i, _, _| keys[i], ..RIGHT }.table(mask, n, m);
        "padding-ignored": "a padding mask allows everything"
            => Rules { padding: |_, _, _, _| true, ..RIGHT }.table(mask, n, m);
        "dense-flipped": "true in a dense mask is taken for “masked out”"
            => Rules { dense: |table, i, j| !table[[i, j]], ..RIGHT }.table(mask, n, m);
        "dense-ignored": "a dense mask allows everything"
            => Rules { dense: |_, _, _| true, ..RIGHT }.table(mask, n, m);
        "any": "a combination allows what any of its masks allows, instead of all of them"
            => Rules { all: |each| each.iter().any(|&a| a), ..RIGHT }.table(mask, n, m);
        "last-only": "a combination keeps only its last mask"
            => Rules { all: |each| each.last().copied().unwrap_or(true), ..RIGHT }.table(mask, n, m);
        "first-only": "a combination keeps only its first mask"
            => Rules { all: |each| each.first().copied().unwrap_or(true), ..RIGHT }.table(mask, n, m);
        "empty-combination": "a combination of no masks allows nothing instead of everything"
            => Rules { all: |each| !each.is_empty() && each.iter().all(|&a| a), ..RIGHT }.table(mask, n, m);
        "nested-ignored": "a combination within a combination is left out"
            => match mask {
                Mask::All(masks) => {
                    let flat = masks.iter().filter(|mask| !matches!(mask, Mask::All(_))).cloned();
                    crate::allowed(&Mask::All(flat.collect()), n, m)
                }
                mask => crate::allowed(mask, n, m),
            };
        "flipped": "the polarity is flipped: true has to mean “may attend”, here it means “masked out”"
            => !crate::allowed(mask, n, m);
        "prefix-top-left": "the causal part of a prefix mask is aligned top-left (j ≤ i)"
            => Rules { prefix: |i, j, _, p, _| j < p || j <= i, ..RIGHT }.table(mask, n, m);
        "prefix-block": "the prefix is opened only to the first p queries; every query may see it"
            => Rules { prefix: |i, j, _, p, causal| (i < p && j < p) || causal, ..RIGHT }.table(mask, n, m);
        "prefix-last-keys": "a prefix mask opens the last p keys instead of the first"
            => Rules { prefix: |_, j, m, p, causal| j + p >= m || causal, ..RIGHT }.table(mask, n, m);
        "padding-rows-where-square": "the padding mask is applied to the queries instead of the keys where there are as many of both"
            => Rules { padding: |keys, i, j, n| if n == keys.len() { keys[i] } else { keys[j] }, ..RIGHT }.table(mask, n, m);
        "padding-both": "the padding mask is applied to the queries too where there are as many as keys"
            => Rules { padding: |keys, i, j, n| keys[j] && (n != keys.len() || keys[i]), ..RIGHT }.table(mask, n, m);
        "dense-transposed": "a square dense mask is read transposed: its rows are the queries"
            => Rules { dense: |table, i, j| if table.is_square() { table[[j, i]] } else { table[[i, j]] }, ..RIGHT }.table(mask, n, m);
        "any-or-empty": "a combination allows what any of its masks allows, instead of all of them"
            => Rules { all: |each| each.is_empty() || each.iter().any(|&a| a), ..RIGHT }.table(mask, n, m);
        "all-equal": "the masks of a combination are compared (==) instead of joined (&): what two of them forbid is allowed again"
            => Rules { all: |each| each.iter().fold(true, |a, &b| a == b), ..RIGHT }.table(mask, n, m);
    }
}

fn by_row_slices(mask: &Mask, n: usize, m: usize) -> Array2<bool> {
    let mut table = Array2::from_elem((n, m), false);
    match mask {
        Mask::None => table.fill(true),
        Mask::Causal => {
            for (i, mut row) in table.rows_mut().into_iter().enumerate() {
                let seen = (m + i + 1).saturating_sub(n).min(m);
                row.slice_mut(s![..seen]).fill(true);
            }
        }
        Mask::Prefix(p) => {
            table = by_row_slices(&Mask::Causal, n, m);
            table.slice_mut(s![.., ..(*p).min(m)]).fill(true);
        }
        Mask::Padding(keys) => table.rows_mut().into_iter().for_each(|mut row| row.assign(keys)),
        Mask::Dense(dense) => table.assign(dense),
        Mask::All(masks) => {
            table.fill(true);
            for mask in masks {
                table.zip_mut_with(&by_row_slices(mask, n, m), |a, &b| *a = *a && b);
            }
        }
    }
    table
}

/// Panics as `m - n + i` does where it is computed in usize; where `late`, only for the keys that a
/// prefix leaves to it.
fn underflow(mask: &Mask, n: usize, m: usize, late: bool) {
    match mask {
        Mask::Prefix(p) if late && *p >= m => {}
        Mask::Causal | Mask::Prefix(_) => (0..n).for_each(|i| assert!(m - n + i < n + m)),
        Mask::All(masks) => masks.iter().for_each(|mask| underflow(mask, n, m, late)),
        _ => {}
    }
}

/// The table of a mask in which `causal` stands for the causal rule, `prefix` for how the prefix
/// joins it, and so on. The mistakes above each change one of them.
struct Rules {
    causal: fn(i: i64, j: i64, n: i64, m: i64) -> bool,
    prefix: fn(i: usize, j: usize, m: usize, p: usize, causal: bool) -> bool,
    padding: fn(keys: &Array1<bool>, i: usize, j: usize, n: usize) -> bool,
    dense: fn(table: &Array2<bool>, i: usize, j: usize) -> bool,
    all: fn(allowed_by_each: &[bool]) -> bool,
}

const RIGHT: Rules = Rules {
    causal: |i, j, n, m| j <= m - n + i,
    prefix: |_, j, _, p, causal| j < p || causal,
    padding: |keys, _, j, _| keys[j],
    dense: |table, i, j| table[[i, j]],
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
            Mask::Prefix(p) => (self.prefix)(i, j, m, *p, causal()),
            Mask::Padding(keys) => (self.padding)(keys, i, j, n),
            Mask::Dense(table) => (self.dense)(table, i, j),
            Mask::All(masks) => {
                let each = masks.iter().map(|mask| self.may(mask, (i, n), (j, m)));
                (self.all)(&each.collect::<Vec<_>>())
            }
        }
    }
}
