//! 5.10 `rewind`

use super::append::{Seen, said};
use crate::{
    append,
    given::{CacheError, KvCache},
};
use attn_exercise::{SOME_VALUES, Trace, exercise, pairwise, some_values};
use ndarray::{Array3, array, s};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that is done to a cache.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Do {
    /// Appends so many rows, from this one on.
    Append(usize, usize),
    /// Takes so many tokens back.
    Rewind(usize),
}

exercise! {
    /// The capacity of an empty cache, keys and values of t tokens, and what is done with it.
    crate::rewind as fn(&mut KvCache, usize) -> Result<(), CacheError>: (
        capacity: usize[capacity], keys: Array3<f32>[h t d], values: Array3<f32>[h t d_v], steps: Vec<Do>,
    ) -> Trace<Seen<f32>>;
    answer: |rewind, c| trace(c, rewind);

    exact: |c| expected(c);

    cases: |random| {
        use Do::{Append, Rewind};
        let mut of = |about: &str, capacity, (h, t, d, d_v): (usize, usize, usize, usize), steps: Vec<Do>| {
            case(about, (capacity, random.normal((h, t, d)), random.normal((h, t, d_v)), steps))
        };
        let keys = array![[[1.0], [2.0], [3.0], [4.0]]];
        let values = array![[[10.0], [20.0], [30.0], [40.0]]];
        let mut cases = vec![
            case("by hand: three tokens, two of them taken back, another appended", (4, keys, values, vec![Append(0, 3), Rewind(2), Append(3, 1)])),
            of("nothing is taken back", 5, (2, 5, 3, 2), vec![Append(0, 4), Rewind(0), Append(4, 1)]),
            of("everything is taken back", 5, (2, 9, 3, 2), vec![Append(0, 5), Rewind(5), Append(5, 4)]),
            of("more than there is", 6, (2, 6, 2, 3), vec![Append(0, 2), Rewind(3), Append(2, 2), Rewind(1)]),
            of("an empty cache", 3, (1, 3, 2, 2), vec![Rewind(0), Rewind(1), Append(0, 3)]),
            of("four proposed, one accepted, again and again", 12, (2, 12, 3, 3), vec![
                Append(0, 4), Append(4, 4), Rewind(3), Append(8, 4), Rewind(2), Append(2, 4), Rewind(4),
            ]),
            of("a long text, most of it taken back", 300, (1, 300, 1, 1), vec![Append(0, 290), Rewind(270), Append(290, 10)]),
            of("a full cache has room again", 4, (3, 8, 2, 4), vec![Append(0, 4), Rewind(3), Append(4, 3), Append(7, 1)]),
            of("token by token", 8, (2, 8, 4, 4), vec![Append(0, 5), Rewind(1), Rewind(1), Append(5, 1), Rewind(2), Append(6, 2)]),
        ];
        let levels = [3, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[capacity, h, t, d, d_v, of_keys, of_values]| {
            let (capacity, h, t) = (capacity + 1, h + 1, t + 1);
            let first = t.min(capacity);
            let steps = vec![Append(0, first), Rewind((capacity + d) % 3), Append(0, 1), Rewind(1)];
            case("small", (capacity, some_values(of_keys, (h, t, d + 1), random), some_values(of_values, (h, t, d_v + 1), random), steps))
        }));
        cases
    };

    right (cache, count) {
        "compared first" => {
            if count > cache.len {
                return Err(CacheError::Rewind { count, len: cache.len });
            }
            cache.len -= count;
            Ok(())
        };
        "one after the other" => {
            let len = cache.len;
            for _ in 0..count {
                if cache.len == 0 {
                    cache.len = len;
                    return Err(CacheError::Rewind { count, len });
                }
                cache.len -= 1;
            }
            Ok(())
        };
        "mapped" => {
            let len = cache.len;
            let left = len.checked_sub(count).ok_or(CacheError::Rewind { count, len });
            left.map(|left| cache.len = left)
        };
    }

    mistakes (cache, count) {
        "keeps-count": "`count` tokens are kept; that many are to be taken back"
            => if count > cache.len {
                Err(CacheError::Rewind { count, len: cache.len })
            } else {
                cache.len = count;
                Ok(())
            };
        "clamped": "a cache that holds fewer tokens is emptied; it refuses, since whoever asks has lost count"
            => {
                cache.len = cache.len.saturating_sub(count);
                Ok(())
            };
        "underflow": "`len` goes below zero where there are fewer tokens, and panics"
            => {
                assert!(cache.len >= count, "attempt to subtract with overflow");
                cache.len -= count;
                Ok(())
            };
        "wraps": "`len` wraps around below zero where there are fewer tokens"
            => {
                cache.len = cache.len.wrapping_sub(count);
                Ok(())
            };
        "clamped-and-refused": "the cache is emptied and then refuses: one that refuses stays as it was"
            => {
                let len = cache.len;
                cache.len = len.saturating_sub(count);
                if count > len { Err(CacheError::Rewind { count, len }) } else { Ok(()) }
            };
        "refusal-left-out": "a cache that holds fewer tokens does nothing and says that all is well; it refuses"
            => {
                if count <= cache.len {
                    cache.len -= count;
                }
                Ok(())
            };
        "capacity-compared": "`count` is compared with the capacity instead of `len`: a cache that holds fewer tokens is emptied, and refuses only more than it has places"
            => if count > cache.capacity() {
                Err(CacheError::Rewind { count, len: cache.len })
            } else {
                cache.len = cache.len.saturating_sub(count);
                Ok(())
            };
        "one-only": "one token is taken back, however many `count` says"
            => if count > cache.len {
                Err(CacheError::Rewind { count, len: cache.len })
            } else {
                cache.len -= count.min(1);
                Ok(())
            };
        "never-everything": "taking back all tokens is refused; an empty cache is one, too"
            => if count >= cache.len {
                Err(CacheError::Rewind { count, len: cache.len })
            } else {
                cache.len -= count;
                Ok(())
            };
        "from-the-front": "the first tokens are taken out, as when a window moves on; the last ones are to go"
            => {
                let len = cache.len.checked_sub(count).ok_or(CacheError::Rewind { count, len: cache.len })?;
                for array in [&mut cache.keys, &mut cache.values] {
                    let kept = array.slice(s![.., count..count + len, ..]).to_owned();
                    array.slice_mut(s![.., ..len, ..]).assign(&kept);
                }
                cache.len = len;
                Ok(())
            };
        "cut-off": "the arrays are cut off: the places are gone, and there is no room for what comes next"
            => {
                let len = cache.len.checked_sub(count).ok_or(CacheError::Rewind { count, len: cache.len })?;
                cache.keys = cache.keys.slice(s![.., ..len, ..]).to_owned();
                cache.values = cache.values.slice(s![.., ..len, ..]).to_owned();
                cache.len = len;
                Ok(())
            };
        "copied": "what stays is copied into a new cache: nothing needs to be copied to take tokens back"
            => {
                let len = cache.len.checked_sub(count).ok_or(CacheError::Rewind { count, len: cache.len })?;
                let ((h, capacity, d), d_v) = (cache.keys.dim(), cache.values.dim().2);
                let mut new = KvCache { len, ..KvCache::new(h, capacity, d, d_v) };
                new.keys.slice_mut(s![.., ..len, ..]).assign(&cache.keys.slice(s![.., ..len, ..]));
                new.values.slice_mut(s![.., ..len, ..]).assign(&cache.values.slice(s![.., ..len, ..]));
                *cache = new;
                Ok(())
            };
        "emptied": "the whole cache is emptied, and everything has to be computed again"
            => if count > cache.len {
                Err(CacheError::Rewind { count, len: cache.len })
            } else {
                cache.len = 0;
                Ok(())
            };
        "one-too-many": "one token too many is taken back"
            => if count > cache.len {
                Err(CacheError::Rewind { count, len: cache.len })
            } else {
                cache.len = cache.len.saturating_sub(count + 1);
                Ok(())
            };
        "unnoticed": "the cache is not changed, as when the tokens are taken out of a copy"
            => crate::rewind(&mut cache.clone(), count);
        "cleared": "the freed places are filled with zeros: what lies beyond `len` means nothing, and nothing needs to be written to take tokens back"
            => {
                let len = cache.len.checked_sub(count).ok_or(CacheError::Rewind { count, len: cache.len })?;
                cache.keys.slice_mut(s![.., len..cache.len, ..]).fill(0.0);
                cache.values.slice_mut(s![.., len..cache.len, ..]).fill(0.0);
                cache.len = len;
                Ok(())
            };
        "cleared-only": "the places are cleared, and `len` still counts them"
            => {
                let len = cache.len.checked_sub(count).ok_or(CacheError::Rewind { count, len: cache.len })?;
                cache.keys.slice_mut(s![.., len..cache.len, ..]).fill(0.0);
                cache.values.slice_mut(s![.., len..cache.len, ..]).fill(0.0);
                Ok(())
            };
        "sizes-swapped": "`count` and `len` have changed places in the error"
            => crate::rewind(cache, count).map_err(|error| match error {
                CacheError::Rewind { count, len } => CacheError::Rewind { count: len, len: count },
                other => other,
            });
        "missing-count": "`count` says how many tokens are missing; it is how many were to be taken back"
            => crate::rewind(cache, count).map_err(|error| match error {
                CacheError::Rewind { count, len } => CacheError::Rewind { count: count - len, len },
                other => other,
            });
        "refuses-what-it-can": "the comparison is the wrong way round: taking back fewer tokens than there are is refused, and taking back more makes the subtraction panic"
            => {
                if count < cache.len {
                    return Err(CacheError::Rewind { count, len: cache.len });
                }
                assert!(cache.len >= count, "attempt to subtract with overflow");
                cache.len -= count;
                Ok(())
            };
        "added": "`count` is added to `len`; it is subtracted"
            => {
                if count > cache.len {
                    return Err(CacheError::Rewind { count, len: cache.len });
                }
                cache.len += count;
                Ok(())
            };
        "at-least-one": "a token is taken back even where `count` is 0"
            => {
                if count > cache.len {
                    return Err(CacheError::Rewind { count, len: cache.len });
                }
                cache.len = cache.len.saturating_sub(count.max(1));
                Ok(())
            };
        "one-too-few": "one token too few is taken back"
            => {
                if count > cache.len {
                    return Err(CacheError::Rewind { count, len: cache.len });
                }
                cache.len -= count.saturating_sub(1);
                Ok(())
            };
        "zero-refused": "taking back no token is refused; it changes nothing, and is no mistake"
            => {
                if count == 0 || count > cache.len {
                    return Err(CacheError::Rewind { count, len: cache.len });
                }
                cache.len -= count;
                Ok(())
            };
        "refuses-with-what-is-left": "the cache is emptied before it refuses, and the error says that it holds nothing: one that refuses stays as it was"
            => {
                let len = cache.len;
                cache.len = len.saturating_sub(count);
                if count > len { Err(CacheError::Rewind { count, len: cache.len }) } else { Ok(()) }
            };
        "says-the-capacity": "`len` in the error is the capacity; it is how many tokens are held"
            => crate::rewind(cache, count).map_err(|error| match error {
                CacheError::Rewind { count, .. } => CacheError::Rewind { count, len: cache.capacity() },
                other => other,
            });
        "all-cleared": "all places are filled with zeros, those of the tokens that stay too"
            => {
                let len = cache.len.checked_sub(count).ok_or(CacheError::Rewind { count, len: cache.len })?;
                cache.keys.fill(0.0);
                cache.values.fill(0.0);
                cache.len = len;
                Ok(())
            };
        "front-cleared": "the first `count` places are filled with zeros; the last tokens are to go, and nothing needs to be written"
            => {
                let len = cache.len.checked_sub(count).ok_or(CacheError::Rewind { count, len: cache.len })?;
                cache.keys.slice_mut(s![.., ..count, ..]).fill(0.0);
                cache.values.slice_mut(s![.., ..count, ..]).fill(0.0);
                cache.len = len;
                Ok(())
            };
        "places-left": "`len` becomes the capacity less `count`; it is what is held less `count`"
            => {
                if count > cache.len {
                    return Err(CacheError::Rewind { count, len: cache.len });
                }
                cache.len = cache.capacity() - count;
                Ok(())
            };
        "capacity-compared-alone": "`count` is compared with the capacity instead of `len`, and the subtraction panics where a cache holds fewer tokens"
            => {
                if count > cache.capacity() {
                    return Err(CacheError::Rewind { count, len: cache.len });
                }
                assert!(cache.len >= count, "attempt to subtract with overflow");
                cache.len -= count;
                Ok(())
            };
        "one-in-any-case": "one token is taken back in any case, whatever `count` says, also where it is 0"
            => {
                if count > cache.len {
                    return Err(CacheError::Rewind { count, len: cache.len });
                }
                assert!(cache.len >= 1, "attempt to subtract with overflow");
                cache.len -= 1;
                Ok(())
            };
    }
}

/// `take 2 tokens back`
impl fmt::Display for Do {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (Do::Append(_, count) | Do::Rewind(count)) = self;
        let tokens = if *count == 1 { "token" } else { "tokens" };
        match self {
            Do::Append(..) => write!(f, "append {count} {tokens}"),
            Do::Rewind(_) => write!(f, "take {count} {tokens} back"),
        }
    }
}

/// What is seen of a cache after each step.
fn trace(
    c: &Case,
    rewind: impl Fn(&mut KvCache, usize) -> Result<(), CacheError>,
) -> Trace<Seen<f32>> {
    let ((h, _, d), d_v) = (c.keys.dim(), c.values.dim().2);
    Trace::of(&c.steps, KvCache::new(h, c.capacity, d, d_v), |cache, step| {
        let before = (cache.keys.as_ptr(), cache.values.as_ptr());
        let result = match *step {
            Do::Rewind(count) => rewind(cache, count),
            // A cache whose `len` is beyond its places has no room, whatever the sum says.
            Do::Append(..) if cache.len > cache.capacity() => {
                Err(CacheError::Full { needed: cache.len, capacity: cache.capacity() })
            }
            Do::Append(row, count) => {
                let rows = s![.., row..row + count, ..];
                let start = cache.len;
                append(cache, c.keys.slice(rows), c.values.slice(rows), start)
            }
        };
        let same = before == (cache.keys.as_ptr(), cache.values.as_ptr());
        Seen {
            said: said(result),
            len: cache.len,
            keys: cache.keys.clone(),
            values: cache.values.clone(),
            arrays: if same { "the same" } else { "others than before" }.into(),
        }
    })
}

/// The same by a list of rows.
fn expected(c: &Case) -> Trace<Seen<f64>> {
    let empty = (vec![None; c.capacity], 0);
    Trace::of(&c.steps, empty, |(written, held): &mut (Vec<Option<usize>>, usize), step| {
        let len = *held;
        let said = match *step {
            Do::Append(_, count) if len + count > c.capacity => {
                let all = len + count;
                format!("refused, “{all} tokens need {all} places, the cache has {}”", c.capacity)
            }
            Do::Append(row, count) => {
                for i in 0..count {
                    written[len + i] = Some(row + i);
                }
                *held += count;
                "done".into()
            }
            Do::Rewind(count) if count > len => {
                format!("refused, “{count} tokens are to be taken back, the cache holds {len}”")
            }
            Do::Rewind(count) => {
                *held -= count;
                "done".into()
            }
        };
        let rows = |of: &Array3<f32>| {
            let (h, _, width) = of.dim();
            Array3::from_shape_fn((h, c.capacity, width), |(head, place, column)| {
                written[place].map_or(0.0, |row| f64::from(of[[head, row, column]]))
            })
        };
        let (keys, values) = (rows(&c.keys), rows(&c.values));
        Seen { said, len: *held, keys, values, arrays: "the same".into() }
    })
}
