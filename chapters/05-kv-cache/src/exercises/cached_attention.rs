//! 5.3 `cached_attention`

use crate::given::KvCache;
use attn_core::Mask;
use attn_exercise::{SOME_VALUES, exercise, field, given, pairwise, some_values};
use attn_oracle as oracle;
use ch03_scaled_dot_product::{attention, masked_scores, softmax_rows};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, NdFloat, array, s};

given! { KvCache { keys [h capacity d], values [h capacity d_v], len [m] } }

exercise! {
    /// The queries of the last n tokens, and a cache that holds m.
    crate::cached_attention: (q: Array3<f32>[h n d], cache: KvCache) -> Array3<f32>;

    exact: |c| exact::<f64>(c);
    plain: |c| [exact::<f32>(c), c.call(softmax_by_hand)];
    steps: |c| {
        let (n, m) = (c.q.dim().1, c.cache.len);
        let may = Array2::from_shape_fn((n, m), |(i, j)| j + n <= m + i);
        let head = Head::of(c.q.view(), &c.cache, 0);
        [field("may attend", &may), field("scores of head 0", &masked_scores(head.q, head.keys, &Mask::Causal))]
    };

    cases: |random| {
        let mut of = |about: &str, (n, m, capacity): (usize, usize, usize), (h, d, d_v): (usize, usize, usize), [of_q, of_k, of_v]: [usize; 3]| {
            let mut keys = some_values(of_k, (h, capacity, d), random);
            let mut values = some_values(of_v, (h, capacity, d_v), random);
            // What lies beyond the last token is nobody's.
            keys.slice_mut(s![.., m.., ..]).mapv_inplace(|x: f32| 3.0 * x + 1.0);
            values.slice_mut(s![.., m.., ..]).mapv_inplace(|x: f32| 100.0 * x + 50.0);
            case(about, (some_values(of_q, (h, n, d), random), KvCache { keys, values, len: m }))
        };
        let mut cases = vec![
            by_hand(),
            of("a whole prompt", (5, 5, 8), (2, 4, 3), [0; 3]),
            of("a step of decoding", (1, 6, 9), (2, 4, 3), [0; 3]),
            of("a chunk in the middle", (3, 7, 12), (3, 4, 5), [0; 3]),
            of("the first token", (1, 1, 6), (2, 3, 2), [0; 3]),
            of("a full cache", (2, 8, 8), (2, 4, 4), [0; 3]),
            of("a full cache, all of it new", (6, 6, 6), (2, 4, 3), [0; 3]),
            of("a step with a full cache", (1, 31, 31), (4, 8, 8), [0; 3]),
            of("", (33, 127, 129), (4, 8, 8), [0; 3]),
            of("many heads, and a long text", (2, 300, 310), (9, 2, 2), [0; 3]),
        ];
        let levels = [3, 3, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        let small = pairwise(levels).into_iter().map(|[n, more, free, h, d, d_v, of_q, of_k, of_v]| {
            let (n, m) = (n + 1, n + 1 + more);
            of("small", (n, m, m + free), (h + 1, d + 1, d_v + 1), [of_q, of_k, of_v])
        });
        cases.extend(small.collect::<Vec<_>>());
        let pairs = [(1, 3, 3), (2, 2, 2), (3, 3, 4), (2, 3, 4), (1, 1, 1), (1, 2, 2), (4, 4, 4)];
        let more = pairs.into_iter().enumerate().flat_map(|(i, sizes)| {
            (1..=4).map(move |width| (sizes, (1 + (i + width) % 4, width, 1 + (i + 2 * width) % 4)))
        });
        cases.extend(more.map(|(sizes, widths)| of("small", sizes, widths, [0; 3])).collect::<Vec<_>>());
        cases
    };

    never {
        "n > capacity": "the queries are those of tokens in the cache";
        "n > m": "the queries are those of tokens in the cache";
        "capacity < m": "no more tokens are held than there are places";
    }

    right (q, cache) {
        "softmax by hand" => softmax_by_hand(q, cache);
        "token by token" => {
            let (h, n, _) = q.dim();
            let mut out = Array3::zeros((h, n, cache.values.dim().2));
            for head in 0..h {
                for i in 0..n {
                    let seen = cache.len - n + i + 1;
                    let (keys, values) = (cache.keys.slice(s![head, ..seen, ..]), cache.values.slice(s![head, ..seen, ..]));
                    let found = attention(q.slice(s![head, i..i + 1, ..]), keys, values, &Mask::None).out;
                    out.slice_mut(s![head, i, ..]).assign(&found.row(0));
                }
            }
            out
        };
        "all places, with a table" => {
            let (n, m, capacity) = (q.dim().1, cache.len, cache.capacity());
            let table = Array2::from_shape_fn((n, capacity), |(i, j)| j < m && j + n <= m + i);
            with(q, cache, |head| attention(head.q, head.all_keys, head.all_values, &Mask::Dense(table.clone())).out)
        };
        "in f64" => {
            let mut out = Array3::zeros((q.dim().0, q.dim().1, cache.values.dim().2));
            for (head, mut out) in out.outer_iter_mut().enumerate() {
                let Head { q, keys, values, .. } = Head::of(q, cache, head);
                out.assign(&oracle::attention::<f64>(q, keys, values, &Mask::Causal).out.mapv(|x| x as f32));
            }
            out
        };
    }

    mistakes (q, cache) {
        "top-left": "the causal mask is aligned top-left: query i sees places 0 to i, as if the chunk stood at the beginning of the text"
            => with(q, cache, |head| masked(&head, |i, j, _, _| j <= i));
        "no-mask": "nothing is masked: within the chunk, tokens see those behind them"
            => with(q, cache, |head| attention(head.q, head.keys, head.values, &Mask::None).out);
        "all-places": "attention runs over all places of the arrays, and the causal limit counts from the last one: places without a token take part"
            => with(q, cache, |head| attention(head.q, head.all_keys, head.all_values, &Mask::Causal).out);
        "all-places-unmasked": "attention runs over all places of the arrays, without a mask: places without a token take part"
            => with(q, cache, |head| attention(head.q, head.all_keys, head.all_values, &Mask::None).out);
        "limit-from-capacity": "the causal limit is counted from the capacity instead of the number of tokens: it comes too late"
            => {
                let free = cache.capacity() - cache.len;
                with(q, cache, |head| masked(&head, |i, j, n, m| j + n <= m + free + i))
            };
        "chunk-only": "only the keys of the chunk itself are attended to: what was kept before is not looked at"
            => with(q, cache, |head| {
                let first = head.keys.nrows() - head.q.nrows();
                attention(head.q, head.keys.slice(s![first.., ..]), head.values.slice(s![first.., ..]), &Mask::Causal).out
            });
        "kept-only": "only the keys from before the chunk are attended to: its tokens see neither themselves nor each other"
            => with(q, cache, |head| {
                let first = head.keys.nrows() - head.q.nrows();
                attention(head.q, head.keys.slice(s![..first, ..]), head.values.slice(s![..first, ..]), &Mask::None).out
            });
        "kept-only-if-any": "a chunk with tokens before it attends to those alone, and not to its own; only the first chunk attends to itself"
            => with(q, cache, |head| masked(&head, |i, j, n, m| if n < m { j + n < m } else { j <= i }));
        "kept-and-itself": "a token sees what was kept before the chunk and itself, but not the tokens of the chunk that stand before it"
            => with(q, cache, |head| masked(&head, |i, j, n, m| j + n < m || j + n == m + i));
        "chunk-taken-off": "the length of the chunk is taken off `len`, which counts it already: the last n keys are not looked at, and the causal limit lies n places too early"
            => with(q, cache, |head| {
                let m = head.keys.nrows() - head.q.nrows();
                attention(head.q, head.keys.slice(s![..m, ..]), head.values.slice(s![..m, ..]), &Mask::Causal).out
            });
        "chunk-taken-off-if-kept": "the length of the chunk is taken off `len` where something was kept before it: the last n keys are not looked at, and the causal limit lies n places too early"
            => with(q, cache, |head| {
                let (n, m) = (head.q.nrows(), head.keys.nrows());
                let m = if m > n { m - n } else { m };
                attention(head.q, head.keys.slice(s![..m, ..]), head.values.slice(s![..m, ..]), &Mask::Causal).out
            });
        "prompt-masked-only": "only a chunk that is the whole text is masked: the tokens of a later chunk see those behind them"
            => with(q, cache, |head| {
                let mask = if head.q.nrows() == head.keys.nrows() { Mask::Causal } else { Mask::None };
                attention(head.q, head.keys, head.values, &mask).out
            });
        "keys-as-values": "the keys are summed in the place of the values, where they have the same width"
            => with(q, cache, |head| {
                let values = if head.keys.dim() == head.values.dim() { head.keys } else { head.values };
                attention(head.q, head.keys, values, &Mask::Causal).out
            });
        "last-key-only": "only the last key is attended to"
            => with(q, cache, |head| masked(&head, |_, j, _, m| j + 1 == m));
        "itself-hidden": "the limit is one too low: a token does not see itself"
            => with(q, cache, |head| masked(&head, |i, j, n, m| j + n < m + i));
        "one-ahead": "the limit is one too high: a token sees the one behind it"
            => with(q, cache, |head| masked(&head, |i, j, n, m| j + n <= m + i + 1));
        "first-row-for-all": "every query sees as much as the first of the chunk"
            => with(q, cache, |head| masked(&head, |_, j, n, m| j + n <= m));
        "mirrored": "the mask is mirrored: a query sees the tokens from itself on, not those up to itself"
            => with(q, cache, |head| masked(&head, |i, j, n, m| j + n >= m + i));
        "no-scale": "the scores are not divided by √d"
            => {
                let root = (q.dim().2 as f32).sqrt();
                crate::cached_attention((&q * root).view(), cache)
            };
        "scaled-twice": "the scores are divided by √d twice: attention of chapter 3 has done it already"
            => {
                let root = (q.dim().2 as f32).sqrt();
                crate::cached_attention((&q / root).view(), cache)
            };
        "scale-of-all-heads": "the scores are divided by the root of the width of all heads together"
            => {
                let root = (q.dim().0 as f32).sqrt();
                crate::cached_attention((&q / root).view(), cache)
            };
        "scale-of-values": "the scores are divided by the root of the width of the values; it is that of queries and keys"
            => {
                let ratio = q.dim().2 as f32 / cache.values.dim().2 as f32;
                crate::cached_attention((&q * ratio.sqrt()).view(), cache)
            };
        "keys-of-head-0": "every head compares with the keys of head 0"
            => with(q, cache, |head| attention(head.q, cache.keys.slice(s![0, ..cache.len, ..]), head.values, &Mask::Causal).out);
        "values-of-head-0": "every head takes the values of head 0"
            => with(q, cache, |head| attention(head.q, head.keys, cache.values.slice(s![0, ..cache.len, ..]), &Mask::Causal).out);
        "head-0-for-all": "every head attends as head 0 does, with its keys and its values"
            => with(q, cache, |head| attention(head.q, cache.keys.slice(s![0, ..cache.len, ..]), cache.values.slice(s![0, ..cache.len, ..]), &Mask::Causal).out);
        "softmax-over-chunk": "the softmax runs over the queries of the chunk instead of the keys"
            => with(q, cache, |head| {
                let scores = masked_scores(head.q, head.keys, &Mask::Causal);
                softmax_rows(scores.t()).t().dot(&head.values)
            });
        "zeros-for-hidden": "hidden scores are set to 0 instead of −∞: they still weigh e⁰"
            => with(q, cache, |head| {
                let scores = masked_scores(head.q, head.keys, &Mask::Causal).mapv(|x| if x == f32::NEG_INFINITY { 0.0 } else { x });
                softmax_rows(scores.view()).dot(&head.values)
            });
        "hidden-after-softmax": "the weights of hidden keys are set to 0 after the softmax: those of a row do not sum to 1 any more"
            => with(q, cache, |head| {
                let (n, m) = (head.q.nrows(), head.keys.nrows());
                let mut weights = softmax_rows(masked_scores(head.q, head.keys, &Mask::None).view());
                weights.indexed_iter_mut().filter(|((i, j), _)| j + n > m + i).for_each(|(_, weight)| *weight = 0.0);
                weights.dot(&head.values)
            });
        "last-head-everywhere": "every head is overwritten by the last one"
            => changed(q, cache, |all, _| all.index_axis(Axis(0), all.dim().0 - 1).to_owned());
        "only-head-0": "only head 0 is filled in, and the others stay zeros"
            => changed(q, cache, |all, head| {
                let own = all.index_axis(Axis(0), head).to_owned();
                if head == 0 { own } else { own * 0.0 }
            });
        "heads-summed": "the heads are added up, and the sum stands for each of them"
            => changed(q, cache, |all, _| all.sum_axis(Axis(0)));
        "heads-added-so-far": "each head is added to those before it, as when the sum is not begun anew for each head"
            => changed(q, cache, |all, head| all.slice(s![..=head, .., ..]).sum_axis(Axis(0)));
        "queries-of-head-0": "every head has the queries of head 0"
            => with(q, cache, |head| attention(q.index_axis(Axis(0), 0), head.keys, head.values, &Mask::Causal).out);
        "values-backwards": "the values of the heads are in reverse order"
            => {
                let mut cache = cache.clone();
                cache.values.invert_axis(Axis(0));
                crate::cached_attention(q, &cache)
            };
        "last-query-for-all": "every row of the chunk is that of its last token"
            => changed(q, cache, |all, head| {
                let own = all.index_axis(Axis(0), head);
                own.row(own.nrows() - 1).broadcast(own.dim()).expect("rows").to_owned()
            });
        "first-query-for-all": "every row of the chunk has the query of its first token"
            => with(q, cache, |head| attention(head.q.row(0).broadcast(head.q.dim()).expect("rows"), head.keys, head.values, &Mask::Causal).out);
        "all-keys": "all places of the keys are taken, and of the values those in use: they are not as many"
            => with(q, cache, |head| attention(head.q, head.all_keys, head.values, &Mask::Causal).out);
        "one-place-too-many": "one place behind the tokens is taken too, where no token has been, and a full cache has no such place"
            => with_places(q, cache, cache.len + 1);
        "keys-summed": "the keys are summed in the place of the values, also where they have another width"
            => with(q, cache, |head| attention(head.q, head.keys, head.keys, &Mask::Causal).out);
        "scaled-after": "the result is divided by √d; the scores are, and attention of chapter 3 has done it"
            => {
                let root = (q.dim().2 as f32).sqrt();
                crate::cached_attention(q, cache) / root
            };
        "values-averaged": "the values are averaged, whatever the scores are"
            => with(q, cache, |head| attention((&head.q * 0.0).view(), head.keys, head.values, &Mask::Causal).out);
        "free-places": "as many places are taken as are free; it is as many as hold a token"
            => with_places(q, cache, cache.capacity() - cache.len);
        "last-place-taken": "only the last place in use is taken, and the causal limit counts from there: the last token of a chunk sees itself, and the others nothing"
            => with(q, cache, |head| {
                let last = head.keys.nrows() - 1;
                attention(head.q, head.keys.slice(s![last.., ..]), head.values.slice(s![last.., ..]), &Mask::Causal).out
            });
    }
}

/// One head of the queries and of the cache: the places in use, and all of them.
struct Head<'a> {
    q: ArrayView2<'a, f32>,
    keys: ArrayView2<'a, f32>,
    values: ArrayView2<'a, f32>,
    all_keys: ArrayView2<'a, f32>,
    all_values: ArrayView2<'a, f32>,
}

impl<'a> Head<'a> {
    fn of(q: ArrayView3<'a, f32>, cache: &'a KvCache, head: usize) -> Self {
        Head {
            q: q.index_axis_move(Axis(0), head),
            keys: cache.keys.slice(s![head, ..cache.len, ..]),
            values: cache.values.slice(s![head, ..cache.len, ..]),
            all_keys: cache.keys.slice(s![head, .., ..]),
            all_values: cache.values.slice(s![head, .., ..]),
        }
    }
}

/// In every head, what `attend` finds.
fn with(q: ArrayView3<f32>, cache: &KvCache, attend: impl Fn(Head) -> Array2<f32>) -> Array3<f32> {
    let mut out = Array3::zeros((q.dim().0, q.dim().1, cache.values.dim().2));
    for (head, mut out) in out.outer_iter_mut().enumerate() {
        out.assign(&attend(Head::of(q, cache, head)));
    }
    out
}

/// With another head in the place of each, given all right ones and its number.
fn changed(
    q: ArrayView3<f32>,
    cache: &KvCache,
    change: impl Fn(&Array3<f32>, usize) -> Array2<f32>,
) -> Array3<f32> {
    let right = crate::cached_attention(q, cache);
    let mut out = right.clone();
    for (head, mut out) in out.outer_iter_mut().enumerate() {
        out.assign(&change(&right, head));
    }
    out
}

/// Attention to so many places of each head.
fn with_places(q: ArrayView3<f32>, cache: &KvCache, places: usize) -> Array3<f32> {
    let mut out = Array3::zeros((q.dim().0, q.dim().1, cache.values.dim().2));
    for (head, mut out) in out.outer_iter_mut().enumerate() {
        let keys = cache.keys.slice(s![head, ..places, ..]);
        let values = cache.values.slice(s![head, ..places, ..]);
        out.assign(&attention(q.index_axis(Axis(0), head), keys, values, &Mask::Causal).out);
    }
    out
}

/// Attention to the places in use, where `may` says of i, j, n and m what is seen.
fn masked(head: &Head, may: impl Fn(usize, usize, usize, usize) -> bool) -> Array2<f32> {
    let (n, m) = (head.q.nrows(), head.keys.nrows());
    let table = Array2::from_shape_fn((n, m), |(i, j)| may(i, j, n, m));
    attention(head.q, head.keys, head.values, &Mask::Dense(table)).out
}

/// Score by score, in any float.
fn exact<F: NdFloat>(c: &Case) -> Array3<F> {
    let mut out = Array3::zeros((c.q.dim().0, c.q.dim().1, c.cache.values.dim().2));
    for (head, mut out) in out.outer_iter_mut().enumerate() {
        let Head { q, keys, values, .. } = Head::of(c.q.view(), &c.cache, head);
        out.assign(&oracle::attention::<F>(q, keys, values, &Mask::Causal).out);
    }
    out
}

fn softmax_by_hand(q: ArrayView3<f32>, cache: &KvCache) -> Array3<f32> {
    with(q, cache, |Head { q, keys, values, .. }| {
        let (n, m) = (q.nrows(), keys.nrows());
        let mut scores = q.dot(&keys.t()) / (q.ncols() as f32).sqrt();
        for ((i, j), score) in scores.indexed_iter_mut() {
            if j > m - n + i {
                *score = f32::NEG_INFINITY;
            }
        }
        for mut row in scores.rows_mut() {
            let most = row.fold(f32::NEG_INFINITY, |most, &x| most.max(x));
            row.mapv_inplace(|x| (x - most).exp());
            let sum = row.sum();
            row /= sum;
        }
        scores.dot(&values)
    })
}

/// Three tokens are kept, the last two are new: scores 0 and ln 3 with the first and the second key.
fn by_hand() -> Case {
    let ln3 = 3.0_f32.ln();
    let q = array![[[1.0], [0.0]]];
    let keys = array![[[0.0], [ln3], [7.0], [9.0]]];
    let values = array![[[0.0], [4.0], [8.0], [1000.0]]];
    case("by hand: weights 1/4 and 3/4, then 1/3 each", (q, KvCache { keys, values, len: 3 }))
}
