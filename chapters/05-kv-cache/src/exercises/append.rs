//! 5.2 `append`

use crate::given::{CacheError, KvCache};
use attn_exercise::{
    Field, Fields, SOME_VALUES, Trace, Value, exercise, field, pairwise, some_values,
};
use ndarray::{Array3, ArrayView3, Axis, Slice, array, concatenate, s};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A chunk that is offered to a cache: rows of the keys and values, and the position it claims.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Chunk {
    row: usize,
    tokens: usize,
    start: usize,
    /// Whether its keys lack their last column.
    narrow: bool,
    /// How many tokens are taken back before: what they wrote stays in the places behind `len`.
    back: usize,
}

/// What can be seen of a cache.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen<F> {
    /// What was said.
    pub said: String,
    /// How many tokens are held.
    pub len: usize,
    /// All places, those in use and the others.
    pub keys: Array3<F>,
    /// Likewise.
    pub values: Array3<F>,
    /// Whether these are the arrays that there were before.
    pub arrays: String,
}

impl<F> Fields for Seen<F>
where
    for<'a> Value: From<&'a Array3<F>>,
{
    fn fields(&self) -> Vec<Field> {
        vec![
            field("the answer", self.said.clone()),
            field("len", self.len.to_string()),
            field("keys", &self.keys),
            field("values", &self.values),
            field("the arrays in memory", self.arrays.clone()),
        ]
    }
}

exercise! {
    /// The capacity of an empty cache, keys and values of t tokens, and chunks of them that are offered to it.
    crate::append as fn(&mut KvCache, ArrayView3<f32>, ArrayView3<f32>, usize) -> Result<(), CacheError>: (
        capacity: usize[capacity], keys: Array3<f32>[h t d], values: Array3<f32>[h t d_v], chunks: Vec<Chunk>,
    ) -> Trace<Seen<f32>>;
    answer: |append, c| trace(c, append);

    exact: |c| expected(c);

    cases: |random| {
        let chunk = |row, tokens, start| Chunk { row, tokens, start, narrow: false, back: 0 };
        let mut of = |about: &str, capacity, (h, t, d, d_v): (usize, usize, usize, usize), chunks: Vec<Chunk>| {
            case(about, (capacity, random.normal((h, t, d)), random.normal((h, t, d_v)), chunks))
        };
        let keys = array![[[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]];
        let values = array![[[10.0], [20.0], [30.0]]];
        let mut cases = vec![
            case("by hand: 2 tokens, then 1, then no room", (3, keys, values, vec![chunk(0, 2, 0), chunk(2, 1, 2), chunk(0, 1, 3)])),
            of("one chunk that just fits", 4, (2, 4, 3, 2), vec![chunk(0, 4, 0)]),
            of("token by token", 6, (2, 5, 2, 3), (0..5).map(|i| chunk(i, 1, i)).collect()),
            of("uneven chunks", 9, (3, 9, 2, 4), vec![chunk(0, 4, 0), chunk(4, 1, 4), chunk(5, 3, 5), chunk(8, 1, 8)]),
            of("too long by one, then it fits", 5, (2, 5, 3, 3), vec![chunk(0, 3, 0), chunk(2, 3, 3), chunk(3, 2, 3)]),
            of("a gap, then none", 8, (2, 6, 3, 2), vec![chunk(0, 2, 0), chunk(3, 2, 3), chunk(2, 2, 2), chunk(4, 2, 5), chunk(4, 1, 4)]),
            of("back to what is held", 8, (2, 6, 3, 2), vec![chunk(0, 4, 0), chunk(2, 2, 2), chunk(0, 4, 0), chunk(4, 2, 4)]),
            of("a gap at the start", 4, (1, 4, 3, 2), vec![chunk(1, 2, 1), chunk(0, 2, 0)]),
            of("another width in between", 6, (2, 6, 4, 4), vec![chunk(0, 2, 0), Chunk { narrow: true, ..chunk(2, 2, 2) }, chunk(2, 2, 2)]),
            of("a gap that would not fit either", 4, (2, 6, 3, 3), vec![chunk(0, 3, 0), chunk(2, 4, 2), chunk(4, 1, 4), chunk(3, 1, 3)]),
            of("longer than the whole cache", 3, (2, 5, 2, 2), vec![chunk(0, 5, 0), chunk(0, 3, 0), chunk(3, 1, 3)]),
            of("chunks of no tokens", 3, (2, 3, 2, 2), vec![chunk(0, 0, 0), chunk(0, 3, 0), chunk(3, 0, 3)]),
            of("many heads, and many places", 300, (9, 290, 1, 1), vec![chunk(0, 280, 0), chunk(280, 10, 280)]),
            of("64 tokens, then one by one", 70, (2, 70, 8, 8), [chunk(0, 64, 0)].into_iter().chain((64..70).map(|i| chunk(i, 1, i))).collect()),
            of("tokens are taken back, others come", 6, (2, 7, 3, 2), vec![chunk(0, 5, 0), Chunk { back: 3, ..chunk(5, 1, 2) }, chunk(6, 1, 3)]),
        ];
        let levels = [3, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[capacity, h, t, d, d_v, of_keys, of_values]| {
            let (capacity, h, t) = (capacity + 1, h + 1, t + 1);
            let first = (capacity + h) % t;
            let chunks = vec![chunk(0, first, 0), chunk(first, t - first, first), chunk(0, 1, first + 1)];
            case("small", (capacity, some_values(of_keys, (h, t, d + 1), random), some_values(of_values, (h, t, d_v + 1), random), chunks))
        }));
        cases
    };

    right (cache, keys, values, start) {
        "row by row" => {
            cache.fits(keys, values)?;
            let n = keys.dim().1;
            if start != cache.len {
                return Err(CacheError::Position { start, len: cache.len });
            }
            if n > cache.capacity() - cache.len {
                return Err(CacheError::Full { needed: cache.len + n, capacity: cache.capacity() });
            }
            for (key, value) in keys.axis_iter(Axis(1)).zip(values.axis_iter(Axis(1))) {
                cache.keys.index_axis_mut(Axis(1), cache.len).assign(&key);
                cache.values.index_axis_mut(Axis(1), cache.len).assign(&value);
                cache.len += 1;
            }
            Ok(())
        };
        "head by head, number by number" => {
            checked(cache, keys, values, start)?;
            let (h, n, d) = keys.dim();
            for head in 0..h {
                for i in 0..n {
                    (0..d).for_each(|c| cache.keys[[head, start + i, c]] = keys[[head, i, c]]);
                    (0..values.dim().2).for_each(|c| cache.values[[head, start + i, c]] = values[[head, i, c]]);
                }
            }
            cache.len = start + n;
            Ok(())
        };
        "slices of an axis" => {
            checked(cache, keys, values, start)?;
            let places = Slice::from(start..start + keys.dim().1);
            cache.keys.slice_axis_mut(Axis(1), places).assign(&keys);
            cache.values.slice_axis_mut(Axis(1), places).assign(&values);
            cache.len += keys.dim().1;
            Ok(())
        };
    }

    mistakes (cache, keys, values, start) {
        "at-the-front": "every chunk is written from place 0 on, over what is held; its places begin at len"
            => {
                checked(cache, keys, values, start)?;
                write(cache, keys, values, 0);
                cache.len += keys.dim().1;
                Ok(())
            };
        "len-stays": "`len` is not changed, so that the next chunk does not know of this one"
            => {
                checked(cache, keys, values, start)?;
                write(cache, keys, values, start);
                Ok(())
            };
        "len-is-chunk": "`len` becomes the length of the chunk; it grows by that"
            => {
                checked(cache, keys, values, start)?;
                write(cache, keys, values, start);
                cache.len = keys.dim().1;
                Ok(())
            };
        "len-grows-by-all": "`len` grows by the number of all tokens, those that were held too; it grows by the new ones alone"
            => {
                checked(cache, keys, values, start)?;
                write(cache, keys, values, start);
                let needed = cache.len + keys.dim().1;
                cache.len += needed;
                Ok(())
            };
        "position-ignored": "`start` is not looked at: a chunk with a gap before it, or one that is held already, is appended as if it were the next"
            => crate::append(cache, keys, values, cache.len);
        "gap-allowed": "a chunk that starts behind the end of the cache is accepted: the places between hold no token"
            => where_it_says(cache, keys, values, start, |start, len| start < len);
        "gap-closed": "a chunk that starts behind the end of the cache is accepted, and written at the end: only one that starts before it is refused"
            => {
                cache.fits(keys, values)?;
                if start < cache.len {
                    return Err(CacheError::Position { start, len: cache.len });
                }
                crate::append(cache, keys, values, cache.len)
            };
        "overwriting-allowed": "a chunk that starts before the end of the cache is accepted, and tokens that are held are lost"
            => where_it_says(cache, keys, values, start, |start, len| start > len);
        "overlap-at-the-end": "a chunk that starts before the end of the cache is accepted, and written at the end: only one that starts behind it is refused"
            => {
                cache.fits(keys, values)?;
                if start > cache.len {
                    return Err(CacheError::Position { start, len: cache.len });
                }
                crate::append(cache, keys, values, cache.len)
            };
        "written-where-it-says": "the chunk is written at `start` whatever the cache holds: neither a gap nor tokens that are lost are refused"
            => where_it_says(cache, keys, values, start, |_, _| false);
        "full-unnoticed": "nothing looks whether the chunk fits, and the slice panics where it does not"
            => {
                cache.fits(keys, values)?;
                if start != cache.len {
                    return Err(CacheError::Position { start, len: cache.len });
                }
                let needed = start + keys.dim().1;
                cache.keys.slice_mut(s![.., start..needed, ..]).assign(&keys);
                cache.values.slice_mut(s![.., start..needed, ..]).assign(&values);
                cache.len = needed;
                Ok(())
            };
        "never-quite-full": "a chunk that just fits is refused: as many tokens fit as there are places"
            => {
                let needed = cache.len + keys.dim().1;
                if cache.fits(keys, values).is_ok() && start == cache.len && needed >= cache.capacity() {
                    return Err(CacheError::Full { needed, capacity: cache.capacity() });
                }
                crate::append(cache, keys, values, start)
            };
        "full-at-len": "a cache refuses only when it is full already; a chunk that does not fit into the rest makes the slice panic"
            => {
                cache.fits(keys, values)?;
                if start != cache.len {
                    return Err(CacheError::Position { start, len: cache.len });
                }
                if cache.len >= cache.capacity() {
                    return Err(CacheError::Full { needed: cache.len + keys.dim().1, capacity: cache.capacity() });
                }
                let needed = start + keys.dim().1;
                cache.keys.slice_mut(s![.., start..needed, ..]).assign(&keys);
                cache.values.slice_mut(s![.., start..needed, ..]).assign(&values);
                cache.len = needed;
                Ok(())
            };
        "room-for-the-chunk-alone": "the chunk alone is compared with the capacity, and not what is held with it: a chunk that does not fit into the rest makes the slice panic"
            => {
                cache.fits(keys, values)?;
                if start != cache.len {
                    return Err(CacheError::Position { start, len: cache.len });
                }
                let needed = cache.len + keys.dim().1;
                if keys.dim().1 > cache.capacity() {
                    return Err(CacheError::Full { needed, capacity: cache.capacity() });
                }
                cache.keys.slice_mut(s![.., start..needed, ..]).assign(&keys);
                cache.values.slice_mut(s![.., start..needed, ..]).assign(&values);
                cache.len = needed;
                Ok(())
            };
        "partly-uncounted": "what fits of a chunk is written before the rest is refused, though `len` stays: the check looks at all places, and a cache that refuses stays as it was"
            => {
                let room = cache.capacity() - cache.len;
                if cache.fits(keys, values).is_ok() && start == cache.len && keys.dim().1 > room {
                    let needed = cache.len + keys.dim().1;
                    write(cache, keys.slice(s![.., ..room, ..]), values.slice(s![.., ..room, ..]), start);
                    return Err(CacheError::Full { needed, capacity: cache.capacity() });
                }
                crate::append(cache, keys, values, start)
            };
        "cut-to-fit": "a chunk that does not fit is cut to what does, and nothing is refused"
            => {
                let n = keys.dim().1.min(cache.capacity() - cache.len);
                crate::append(cache, keys.slice(s![.., ..n, ..]), values.slice(s![.., ..n, ..]), start)
            };
        "partly": "what fits of a chunk is written before the rest is refused: a cache that refuses stays as it was"
            => {
                let room = cache.capacity() - cache.len;
                if cache.fits(keys, values).is_ok() && start == cache.len && keys.dim().1 > room {
                    let needed = cache.len + keys.dim().1;
                    write(cache, keys.slice(s![.., ..room, ..]), values.slice(s![.., ..room, ..]), start);
                    cache.len = cache.capacity();
                    return Err(CacheError::Full { needed, capacity: cache.capacity() });
                }
                crate::append(cache, keys, values, start)
            };
        "len-before-the-check": "`len` has grown before the chunk is refused: a cache that refuses stays as it was"
            => {
                cache.fits(keys, values)?;
                if start != cache.len {
                    return Err(CacheError::Position { start, len: cache.len });
                }
                cache.len += keys.dim().1;
                if cache.len > cache.capacity() {
                    return Err(CacheError::Full { needed: cache.len, capacity: cache.capacity() });
                }
                write(cache, keys, values, start);
                Ok(())
            };
        "numbers-for-tokens": "`needed` counts all numbers of the chunk, as `keys.len()` does; its tokens are the middle one of `keys.dim()`"
            => {
                cache.fits(keys, values)?;
                if start != cache.len {
                    return Err(CacheError::Position { start, len: cache.len });
                }
                let needed = cache.len + keys.len();
                if needed > cache.capacity() {
                    return Err(CacheError::Full { needed, capacity: cache.capacity() });
                }
                crate::append(cache, keys, values, start)
            };
        "heads-for-tokens": "the heads of the chunk are taken for its tokens: the first number of `keys.dim()`, where the middle one is meant"
            => between(cache, keys, values, start, keys.dim().0, |start, len| start != len);
        "values-forgotten": "the keys are written and the values are not"
            => {
                checked(cache, keys, values, start)?;
                let len = start + keys.dim().1;
                cache.keys.slice_mut(s![.., start..len, ..]).assign(&keys);
                cache.len = len;
                Ok(())
            };
        "keys-as-values": "the keys are written in the place of the values, where they have the same width"
            => {
                checked(cache, keys, values, start)?;
                write(cache, keys, if keys.dim() == values.dim() { keys } else { values }, start);
                cache.len += keys.dim().1;
                Ok(())
            };
        "rest-cleared": "all places behind the new tokens are filled with zeros: what lies there means nothing, and only the new places are to be written"
            => {
                checked(cache, keys, values, start)?;
                write(cache, keys, values, start);
                cache.len += keys.dim().1;
                cache.keys.slice_mut(s![.., cache.len.., ..]).fill(0.0);
                cache.values.slice_mut(s![.., cache.len.., ..]).fill(0.0);
                Ok(())
            };
        "values-at-the-front": "the keys are written behind those that are held, and the values from place 0 on"
            => {
                checked(cache, keys, values, start)?;
                let n = keys.dim().1;
                cache.keys.slice_mut(s![.., start..start + n, ..]).assign(&keys);
                cache.values.slice_mut(s![.., ..n, ..]).assign(&values);
                cache.len += n;
                Ok(())
            };
        "concatenated": "new arrays are made of what is held and the chunk: everything that is held is copied, in every step, and the arrays no longer have `capacity` places"
            => {
                checked(cache, keys, values, start)?;
                cache.keys = concatenate![Axis(1), cache.keys.slice(s![.., ..start, ..]), keys];
                cache.values = concatenate![Axis(1), cache.values.slice(s![.., ..start, ..]), values];
                cache.len += keys.dim().1;
                Ok(())
            };
        "behind-everything": "the chunk is joined on behind all places, those that are empty too"
            => {
                checked(cache, keys, values, start)?;
                cache.keys = concatenate![Axis(1), cache.keys, keys];
                cache.values = concatenate![Axis(1), cache.values, values];
                cache.len += keys.dim().1;
                Ok(())
            };
        "copied": "the arrays are copied, changed, and put back: all that is held has been moved for one chunk"
            => {
                checked(cache, keys, values, start)?;
                let mut copy = cache.clone();
                write(&mut copy, keys, values, start);
                copy.len += keys.dim().1;
                *cache = copy;
                Ok(())
            };
        "unnoticed": "the chunk is written into a copy of the cache, and the cache itself is not changed"
            => crate::append(&mut cache.clone(), keys, values, start);
        "full-first": "where a chunk neither starts at the end nor fits, the room is named; the position comes first"
            => {
                cache.fits(keys, values)?;
                let needed = cache.len + keys.dim().1;
                if needed > cache.capacity() {
                    return Err(CacheError::Full { needed, capacity: cache.capacity() });
                }
                crate::append(cache, keys, values, start)
            };
        "needs-the-chunk": "`needed` is the length of the chunk; it is that of all tokens, those that are held too"
            => crate::append(cache, keys, values, start).map_err(|error| match error {
                CacheError::Full { needed, capacity } => CacheError::Full { needed: needed - cache.len, capacity },
                other => other,
            });
        "capacity-left": "`capacity` is what is left; it is the number of all places"
            => crate::append(cache, keys, values, start).map_err(|error| match error {
                CacheError::Full { needed, capacity } => CacheError::Full { needed, capacity: capacity - cache.len },
                other => other,
            });
        "start-and-len-swapped": "`start` and `len` have changed places in the error"
            => crate::append(cache, keys, values, start).map_err(|error| match error {
                CacheError::Position { start, len } => CacheError::Position { start: len, len: start },
                other => other,
            });
        "oldest-dropped": "the oldest tokens are dropped to make room, as in a window; a full cache refuses"
            => {
                let (held, n, capacity) = (cache.len, keys.dim().1, cache.capacity());
                if cache.fits(keys, values).is_ok() && start == held && held + n > capacity && n <= capacity {
                    let kept = capacity - n;
                    let old = cache.clone();
                    cache.keys.slice_mut(s![.., ..kept, ..]).assign(&old.keys.slice(s![.., held - kept..held, ..]));
                    cache.values.slice_mut(s![.., ..kept, ..]).assign(&old.values.slice(s![.., held - kept..held, ..]));
                    write(cache, keys, values, kept);
                    cache.len = capacity;
                    return Ok(());
                }
                crate::append(cache, keys, values, start)
            };
        "grown": "larger arrays are made where a chunk does not fit; a full cache refuses"
            => {
                let (held, n) = (cache.len, keys.dim().1);
                if cache.fits(keys, values).is_ok() && start == held && held + n > cache.capacity() {
                    cache.keys = concatenate![Axis(1), cache.keys.slice(s![.., ..held, ..]), keys];
                    cache.values = concatenate![Axis(1), cache.values.slice(s![.., ..held, ..]), values];
                    cache.len += n;
                    return Ok(());
                }
                crate::append(cache, keys, values, start)
            };
        "len-plus-1": "`len` grows by 1, however many tokens the chunk has"
            => {
                checked(cache, keys, values, start)?;
                write(cache, keys, values, start);
                cache.len += 1;
                Ok(())
            };
        "only-behind-refused": "only a chunk that starts behind the end is refused: one that starts before it is given the places from `start` to len + n, of which there are too many"
            => between(cache, keys, values, start, keys.dim().1, |start, len| start > len);
        "only-before-refused": "only a chunk that starts before the end is refused: one that starts behind it is given the places from `start` to len + n, of which there are too few"
            => between(cache, keys, values, start, keys.dim().1, |start, len| start < len);
        "start-not-compared": "`start` is not compared with `len`, and the chunk is given the places from `start` to len + n, which are as many as it has tokens only where the two are equal"
            => between(cache, keys, values, start, keys.dim().1, |_, _| false);
        "keys-and-values-exchanged": "the keys are written in the place of the values and the values in that of the keys, also where they differ in width"
            => {
                checked(cache, keys, values, start)?;
                let needed = start + keys.dim().1;
                cache.keys.slice_mut(s![.., start..needed, ..]).assign(&values);
                cache.values.slice_mut(s![.., start..needed, ..]).assign(&keys);
                cache.len = needed;
                Ok(())
            };
        "exchanged-where-alike": "the keys are written in the place of the values and the values in that of the keys, where they have the same width"
            => {
                checked(cache, keys, values, start)?;
                let alike = keys.dim() == values.dim();
                let (keys, values) = if alike { (values, keys) } else { (keys, values) };
                write(cache, keys, values, start);
                cache.len += keys.dim().1;
                Ok(())
            };
        "keys-forgotten": "the values are written and the keys are not"
            => {
                checked(cache, keys, values, start)?;
                let len = start + keys.dim().1;
                cache.values.slice_mut(s![.., start..len, ..]).assign(&values);
                cache.len = len;
                Ok(())
            };
        "nothing-written": "`len` grows, and neither keys nor values are written"
            => {
                checked(cache, keys, values, start)?;
                cache.len += keys.dim().1;
                Ok(())
            };
        "head-0-only": "only head 0 is written, in both arrays"
            => of_heads(cache, keys, values, start, 1, 1);
        "keys-of-head-0": "of the keys only head 0 is written"
            => of_heads(cache, keys, values, start, 1, usize::MAX);
        "values-of-head-0": "of the values only head 0 is written"
            => of_heads(cache, keys, values, start, usize::MAX, 1);
        "last-token-only": "only the last token of a chunk is written"
            => tokens_only(cache, keys, values, start, |i, n| i + 1 == n);
        "first-token-only": "only the first token of a chunk is written"
            => tokens_only(cache, keys, values, start, |i, _| i == 0);
        "empty-chunk-refused": "a chunk of no tokens is refused; it fits, and changes nothing"
            => {
                if keys.dim().1 == 0 && cache.fits(keys, values).is_ok() {
                    return Err(CacheError::Full { needed: cache.len, capacity: cache.capacity() });
                }
                crate::append(cache, keys, values, start)
            };
        "position-of-the-end": "`len` in the error is that of all tokens, the new ones too; it is what the cache holds"
            => crate::append(cache, keys, values, start).map_err(|error| match error {
                CacheError::Position { start, len } => CacheError::Position { start, len: len + keys.dim().1 },
                other => other,
            });
        "one-place-late": "the chunk is written one place too late, behind an empty one, where there is room for that"
            => {
                checked(cache, keys, values, start)?;
                let place = (start + 1).min(cache.capacity() - keys.dim().1);
                write(cache, keys, values, place);
                cache.len += keys.dim().1;
                Ok(())
            };
        "at-the-end-of-the-arrays": "the chunk is written to the last places of the arrays; it belongs right behind what is held"
            => {
                checked(cache, keys, values, start)?;
                let place = cache.capacity() - keys.dim().1;
                write(cache, keys, values, place);
                cache.len += keys.dim().1;
                Ok(())
            };
        "width-for-tokens": "the width of the keys is taken for their tokens: the last number of `keys.dim()`, where the middle one is meant"
            => between(cache, keys, values, start, keys.dim().2, |start, len| start != len);
        "full-says-done": "a chunk that does not fit is dropped, and the answer is that all is well; it is refused"
            => match crate::append(cache, keys, values, start) {
                Err(CacheError::Full { .. }) => Ok(()),
                other => other,
            };
        "position-says-done": "a chunk that does not start at the end is dropped, and the answer is that all is well; it is refused"
            => match crate::append(cache, keys, values, start) {
                Err(CacheError::Position { .. }) => Ok(()),
                other => other,
            };
        "one-place-too-far": "the chunk is written one place too far, behind an empty one, and past the end where it just fits"
            => {
                checked(cache, keys, values, start)?;
                let needed = start + keys.dim().1;
                cache.keys.slice_mut(s![.., start + 1..needed + 1, ..]).assign(&keys);
                cache.values.slice_mut(s![.., start + 1..needed + 1, ..]).assign(&values);
                cache.len = needed;
                Ok(())
            };
        "keys-in-both": "the keys are written in the place of the values too, also where these have another width"
            => {
                checked(cache, keys, values, start)?;
                let needed = start + keys.dim().1;
                cache.keys.slice_mut(s![.., start..needed, ..]).assign(&keys);
                cache.values.slice_mut(s![.., start..needed, ..]).assign(&keys);
                cache.len = needed;
                Ok(())
            };
    }
}

/// `append 3 tokens at position 5`
impl fmt::Display for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Chunk { tokens, start, narrow, back, .. } = self;
        if *back > 0 {
            write!(f, "take {back} back, ")?;
        }
        let plural = if *tokens == 1 { "" } else { "s" };
        let width = if *narrow { ", keys too narrow" } else { "" };
        write!(f, "append {tokens} token{plural} at position {start}{width}")
    }
}

type Body_<'b> =
    &'b dyn Fn(&mut KvCache, ArrayView3<f32>, ArrayView3<f32>, usize) -> Result<(), CacheError>;

/// What is seen of a cache after each chunk.
fn trace(c: &Case, append: Body_) -> Trace<Seen<f32>> {
    let ((h, t, d), d_v) = (c.keys.dim(), c.values.dim().2);
    let cache = KvCache::new(h, c.capacity, d, d_v);
    Trace::of(&c.chunks, cache, |cache, chunk| {
        cache.len = cache.len.saturating_sub(chunk.back);
        let before = (cache.keys.as_ptr(), cache.values.as_ptr());
        let rows = chunk.row.min(t)..(chunk.row + chunk.tokens).min(t);
        let width = d - usize::from(chunk.narrow);
        let keys = c.keys.slice(s![.., rows.clone(), ..width]);
        let result = append(cache, keys, c.values.slice(s![.., rows, ..]), chunk.start);
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

/// An answer in words.
pub(super) fn said<T>(result: Result<T, CacheError>) -> String {
    match result {
        Ok(_) => "done".into(),
        Err(error) => format!("refused, “{error}”"),
    }
}

/// The same by a list that says which row lies in which place.
fn expected(c: &Case) -> Trace<Seen<f64>> {
    let ((h, t, d), d_v, capacity) = (c.keys.dim(), c.values.dim().2, c.capacity);
    let empty = (vec![None; capacity], 0);
    Trace::of(&c.chunks, empty, |(written, len): &mut (Vec<Option<usize>>, usize), chunk| {
        *len -= chunk.back;
        let rows: Vec<usize> =
            (chunk.row..chunk.row + chunk.tokens).filter(|&row| row < t).collect();
        let all = *len + rows.len();
        let said = if chunk.narrow {
            format!("refused, “key width {} ≠ key width of the cache {d}”", d - 1)
        } else if chunk.start != *len {
            let start = chunk.start;
            format!("refused, “the chunk starts at position {start}, the cache holds {len} tokens”")
        } else if all > capacity {
            format!("refused, “{all} tokens need {all} places, the cache has {capacity}”")
        } else {
            for row in rows {
                written[*len] = Some(row);
                *len += 1;
            }
            "done".into()
        };
        let placed = |of: &Array3<f32>, width| {
            Array3::from_shape_fn((h, capacity, width), |(head, place, column)| {
                written[place].map_or(0.0, |row| f64::from(of[[head, row, column]]))
            })
        };
        let (keys, values) = (placed(&c.keys, d), placed(&c.values, d_v));
        Seen { said, len: *len, keys, values, arrays: "the same".into() }
    })
}

/// The checks of the reference.
fn checked(
    cache: &KvCache,
    keys: ArrayView3<f32>,
    values: ArrayView3<f32>,
    start: usize,
) -> Result<(), CacheError> {
    cache.fits(keys, values)?;
    let needed = cache.len + keys.dim().1;
    if start != cache.len {
        return Err(CacheError::Position { start, len: cache.len });
    }
    if needed > cache.capacity() {
        return Err(CacheError::Full { needed, capacity: cache.capacity() });
    }
    Ok(())
}

/// Writes a chunk, which is taken for one of so many tokens, between `start` and the new end, after what `refuse` lets
/// through.
fn between(
    cache: &mut KvCache,
    keys: ArrayView3<f32>,
    values: ArrayView3<f32>,
    start: usize,
    tokens: usize,
    refuse: fn(usize, usize) -> bool,
) -> Result<(), CacheError> {
    cache.fits(keys, values)?;
    if refuse(start, cache.len) {
        return Err(CacheError::Position { start, len: cache.len });
    }
    let needed = cache.len + tokens;
    if needed > cache.capacity() {
        return Err(CacheError::Full { needed, capacity: cache.capacity() });
    }
    cache.keys.slice_mut(s![.., start..needed, ..]).assign(&keys);
    cache.values.slice_mut(s![.., start..needed, ..]).assign(&values);
    cache.len = needed;
    Ok(())
}

/// Writes a chunk at `start`, where it then ends the cache, after what `refuse` lets through.
fn where_it_says(
    cache: &mut KvCache,
    keys: ArrayView3<f32>,
    values: ArrayView3<f32>,
    start: usize,
    refuse: fn(usize, usize) -> bool,
) -> Result<(), CacheError> {
    cache.fits(keys, values)?;
    if refuse(start, cache.len) {
        return Err(CacheError::Position { start, len: cache.len });
    }
    let needed = start + keys.dim().1;
    if needed > cache.capacity() {
        return Err(CacheError::Full { needed, capacity: cache.capacity() });
    }
    write(cache, keys, values, start);
    cache.len = needed;
    Ok(())
}

/// Writes the keys and the values of the first few heads alone.
fn of_heads(
    cache: &mut KvCache,
    keys: ArrayView3<f32>,
    values: ArrayView3<f32>,
    start: usize,
    of_keys: usize,
    of_values: usize,
) -> Result<(), CacheError> {
    checked(cache, keys, values, start)?;
    let (h, n, _) = keys.dim();
    for (array, new, heads) in
        [(&mut cache.keys, keys, of_keys), (&mut cache.values, values, of_values)]
    {
        let heads = ..heads.min(h);
        array.slice_mut(s![heads, start..start + n, ..]).assign(&new.slice(s![heads, .., ..]));
    }
    cache.len += n;
    Ok(())
}

/// Writes those tokens of a chunk alone that `which` names, of i and n.
fn tokens_only(
    cache: &mut KvCache,
    keys: ArrayView3<f32>,
    values: ArrayView3<f32>,
    start: usize,
    which: fn(usize, usize) -> bool,
) -> Result<(), CacheError> {
    checked(cache, keys, values, start)?;
    let n = keys.dim().1;
    for i in (0..n).filter(|&i| which(i, n)) {
        let one = s![.., i..=i, ..];
        write(cache, keys.slice(one), values.slice(one), start + i);
    }
    cache.len += n;
    Ok(())
}

/// Writes a chunk from this place on.
fn write(cache: &mut KvCache, keys: ArrayView3<f32>, values: ArrayView3<f32>, place: usize) {
    let places = s![.., place..place + keys.dim().1, ..];
    cache.keys.slice_mut(places).assign(&keys);
    cache.values.slice_mut(places).assign(&values);
}
