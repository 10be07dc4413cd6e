//! 5.6 `window_attention`

use crate::given::RingCache;
use attn_core::Mask;
use attn_exercise::{
    Field, Fields, SOME_VALUES, Trace, Value, exercise, field, pairwise, some_values,
};
use attn_oracle as oracle;
use ch03_scaled_dot_product::attention;
use ndarray::{Array2, Array3, ArrayView3, Axis, NdFloat, array, concatenate, s};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What can be seen of a ring.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen<F> {
    out: Array3<F>,
    keys: Array3<F>,
    values: Array3<F>,
    tokens: usize,
}

impl<F> Fields for Seen<F>
where
    for<'a> Value: From<&'a Array3<F>>,
{
    fn fields(&self) -> Vec<Field> {
        vec![
            field("out", &self.out),
            field("keys in the slots", &self.keys),
            field("values in the slots", &self.values),
            field("tokens", self.tokens.to_string()),
        ]
    }
}

exercise! {
    /// The window, queries, keys and values of t tokens, and the lengths of the chunks that they come in.
    crate::window_attention as fn(&mut RingCache, ArrayView3<f32>, ArrayView3<f32>, ArrayView3<f32>) -> Array3<f32>: (
        w: usize[w], q: Array3<f32>[h t d], k: Array3<f32>[h t d], v: Array3<f32>[h t d_v], cuts: Vec<usize>,
    ) -> Trace<Seen<f32>>;
    answer: |window_attention, c| trace(c, window_attention);

    exact: |c| expected::<f64>(c);
    plain: |c| [expected::<f32>(c), trace(c, by_positions)];
    steps: |c| {
        let (t, w) = (c.q.dim().1, c.w);
        let may = Array2::from_shape_fn((t, t), |(p, r)| r <= p && p < r + w);
        let slots: Vec<String> = (0..t).map(|p| format!("token {p} in slot {}", p % w)).collect();
        [field("may attend, of the whole text", &may), field("slots", slots.join(", "))]
    };

    cases: |random| {
        let mut of = |about: &str, w: usize, cuts: &[usize], (h, d, d_v): (usize, usize, usize), [of_q, of_k, of_v]: [usize; 3]| {
            let t = cuts.iter().sum();
            let (q, k) = (some_values(of_q, (h, t, d), random), some_values(of_k, (h, t, d), random));
            case(about, (w, q, k, some_values(of_v, (h, t, d_v), random), cuts.to_vec()))
        };
        let mut cases = vec![
            by_hand(),
            of("once around, token by token", 3, &[1; 7], (2, 4, 3), [0; 3]),
            of("all at once, longer than the window", 3, &[8], (2, 4, 3), [0; 3]),
            of("shorter than the window", 9, &[3, 1, 1], (2, 3, 4), [0; 3]),
            of("as long as the window", 4, &[4, 4, 1], (2, 4, 4), [0; 3]),
            of("uneven chunks", 5, &[2, 6, 1, 3], (3, 4, 5), [0; 3]),
            of("a window of one: each token sees itself", 1, &[2, 1, 3], (2, 4, 3), [0; 3]),
            of("a window of two", 2, &[1, 4, 2], (1, 4, 2), [0; 3]),
            of("", 16, &[33, 1, 1, 29], (4, 8, 8), [0; 3]),
            of("a long text", 4, &[290, 1, 9], (1, 1, 1), [0; 3]),
            of("a wide window", 40, &[90, 1], (1, 2, 1), [0; 3]),
        ];
        let levels = [3, 3, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        let small = pairwise(levels).into_iter().map(|[w, first, second, h, d, d_v, of_q, of_k, of_v]| {
            let cuts = if second == 0 { vec![first + 1] } else { vec![first + 1, second] };
            of("small", w + 1, &cuts, (h + 1, d + 1, d_v + 1), [of_q, of_k, of_v])
        });
        cases.extend(small.collect::<Vec<_>>());
        cases
    };

    right (ring, q, k, v) {
        "the old in order, then the new, with a table" => by_positions(ring, q, k, v);
        "all slots, with those in use named" => {
            let (h, n, _) = q.dim();
            let mut out = Array3::zeros((h, n, v.dim().2));
            for i in 0..n {
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += 1;
                let mask = Mask::padding((0..ring.window()).map(|slot| slot < ring.tokens));
                attend(ring, q, i, &mask, &mut out);
            }
            out
        };
        "a slot that is counted and starts again" => {
            let (h, n, _) = q.dim();
            let w = ring.window();
            let mut slot = ring.tokens % w;
            let mut out = Array3::zeros((h, n, v.dim().2));
            for i in 0..n {
                put(ring, slot, k, v, i);
                ring.tokens += 1;
                slot = if slot + 1 == w { 0 } else { slot + 1 };
                let used = if ring.tokens < w { ring.tokens } else { w };
                for head in 0..h {
                    let scores: Vec<f32> = (0..used).map(|s| {
                        q.slice(s![head, i, ..]).dot(&ring.keys.slice(s![head, s, ..])) / (q.dim().2 as f32).sqrt()
                    }).collect();
                    let most = scores.iter().fold(f32::NEG_INFINITY, |most, &x| most.max(x));
                    let sum: f32 = scores.iter().map(|x| (x - most).exp()).sum();
                    for (s, x) in scores.iter().enumerate() {
                        out.slice_mut(s![head, i, ..]).scaled_add((x - most).exp() / sum, &ring.values.slice(s![head, s, ..]));
                    }
                }
            }
            out
        };
    }

    mistakes (ring, q, k, v) {
        "slot-is-position": "the position is taken for the slot, which panics as soon as the ring is full: the slot is its remainder by the window"
            => stepwise(ring, q, k, v, |ring, _| ring.tokens, all_in_use);
        "last-slot": "once the ring is full, every token goes into the last slot"
            => stepwise(ring, q, k, v, |ring, _| ring.tokens.min(ring.window() - 1), all_in_use);
        "first-slot": "once the ring is full, every token goes into slot 0"
            => stepwise(ring, q, k, v, |ring, _| if ring.tokens < ring.window() { ring.tokens } else { 0 }, all_in_use);
        "one-slot-ahead": "the slot is one too far: `tokens` is counted up before it is used, and the first token belongs into slot 0"
            => stepwise(ring, q, k, v, |ring, _| (ring.tokens + 1) % ring.window(), all_in_use);
        "slots-from-the-chunk": "the slot is counted from the beginning of the chunk: each chunk starts at slot 0"
            => stepwise(ring, q, k, v, |ring, i| i % ring.window(), all_in_use);
        "empty-slots": "all slots are attended to from the beginning, and zeros weigh e⁰ where no token has been"
            => stepwise(ring, q, k, v, |ring, _| ring.tokens % ring.window(), |ring| Mask::padding(vec![true; ring.window()]));
        "causal-over-slots": "a causal mask is laid over the slots: a token sees those up to its own, and of the older ones behind it nothing"
            => stepwise(ring, q, k, v, |ring, _| ring.tokens % ring.window(), |ring| {
                let own = (ring.tokens - 1) % ring.window();
                Mask::padding((0..ring.window()).map(|slot| slot <= own))
            });
        "oldest-hidden": "the window is one too short: once the ring is full, the oldest of its tokens is not seen"
            => stepwise(ring, q, k, v, |ring, _| ring.tokens % ring.window(), |ring| {
                let (w, tokens) = (ring.window(), ring.tokens);
                Mask::padding((0..w).map(|slot| slot < tokens && (w == 1 || tokens < w || slot != tokens % w)))
            });
        "itself-hidden": "a token does not see itself"
            => stepwise(ring, q, k, v, |ring, _| ring.tokens % ring.window(), |ring| {
                let own = (ring.tokens - 1) % ring.window();
                Mask::padding((0..ring.window()).map(|slot| slot < ring.tokens && slot != own))
            });
        "itself-only": "a token sees its own slot alone"
            => stepwise(ring, q, k, v, |ring, _| ring.tokens % ring.window(), |ring| {
                let own = (ring.tokens - 1) % ring.window();
                Mask::padding((0..ring.window()).map(|slot| slot == own))
            });
        "attends-first": "a token attends before it is put into the ring: it does not see itself, and sees one that has left the window"
            => each_token(q, v, |i, out| {
                let mask = all_in_use(ring);
                attend(ring, q, i, &mask, out);
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += 1;
            });
        "chunk-first": "the whole chunk is put into the ring before it attends: its tokens see those behind them, and the last ones have taken the slots of what the first ones should see"
            => {
                let (h, n, _) = q.dim();
                for i in 0..n {
                    put(ring, ring.tokens % ring.window(), k, v, i);
                    ring.tokens += 1;
                }
                let mut out = Array3::zeros((h, n, v.dim().2));
                let mask = all_in_use(ring);
                (0..n).for_each(|i| attend(ring, q, i, &mask, &mut out));
                out
            };
        "chunk-first-masked": "the whole chunk is put into the ring before it attends, and what is behind a token is hidden: but the last ones have taken the slots of what the first ones should see"
            => {
                let (h, n, _) = q.dim();
                for i in 0..n {
                    put(ring, ring.tokens % ring.window(), k, v, i);
                    ring.tokens += 1;
                }
                let mut out = Array3::zeros((h, n, v.dim().2));
                let (w, tokens) = (ring.window(), ring.tokens);
                for i in 0..n {
                    let position = tokens - n + i;
                    // The latest position in a slot.
                    let held = |slot: usize| (slot..tokens).step_by(w).next_back();
                    let mask = Mask::padding((0..w).map(|slot| held(slot).is_some_and(|held| held <= position && held + w > position)));
                    attend(ring, q, i, &mask, &mut out);
                }
                out
            };
        "no-window": "a token sees everything before it, as without a window, as long as its own chunk goes"
            => {
                let kept = ring.clone();
                crate::window_attention(ring, q, k, v);
                let joined = |old: &Array3<f32>, new: ArrayView3<f32>| {
                    let w = kept.window();
                    let first = kept.tokens.saturating_sub(w);
                    let slots: Vec<usize> = (first..kept.tokens).map(|p| p % w).collect();
                    concatenate![Axis(1), old.select(Axis(1), &slots), new]
                };
                let (keys, values) = (joined(&kept.keys, k), joined(&kept.values, v));
                let mut out = Array3::zeros((q.dim().0, q.dim().1, v.dim().2));
                for (head, mut out) in out.outer_iter_mut().enumerate() {
                    let [q, k, v] = [q, keys.view(), values.view()].map(|x| x.index_axis_move(Axis(0), head));
                    out.assign(&attention(q, k, v, &Mask::Causal).out);
                }
                out
            };
        "shifted": "everything in the ring is moved up one place for each new token, which goes into the last slot: the outputs are right, and all that is held is copied in every step"
            => {
                let (h, n, _) = q.dim();
                let w = ring.window();
                let mut out = Array3::zeros((h, n, v.dim().2));
                for i in 0..n {
                    if ring.tokens >= w {
                        let old = ring.clone();
                        ring.keys.slice_mut(s![.., ..w - 1, ..]).assign(&old.keys.slice(s![.., 1.., ..]));
                        ring.values.slice_mut(s![.., ..w - 1, ..]).assign(&old.values.slice(s![.., 1.., ..]));
                    }
                    put(ring, ring.tokens.min(w - 1), k, v, i);
                    ring.tokens += 1;
                    let mask = all_in_use(ring);
                    attend(ring, q, i, &mask, &mut out);
                }
                out
            };
        "full-ring-keeps": "a full ring takes nothing more: the first tokens stay, and new ones are dropped"
            => each_token(q, v, |i, out| {
                if ring.tokens < ring.window() {
                    put(ring, ring.tokens, k, v, i);
                }
                ring.tokens += 1;
                let mask = all_in_use(ring);
                attend(ring, q, i, &mask, out);
            });
        "tokens-stay": "`tokens` is not counted up: every token goes into the same slot, and no slot is in use"
            => each_token(q, v, |i, out| {
                put(ring, ring.tokens % ring.window(), k, v, i);
                let mask = all_in_use(ring);
                attend(ring, q, i, &mask, out);
            });
        "counted-late": "the slots in use are counted before the new token is: as long as the ring is not full, a token does not see itself"
            => each_token(q, v, |i, out| {
                let mask = all_in_use(ring);
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += 1;
                attend(ring, q, i, &mask, out);
            });
        "counted-late-but-for-the-first": "the slots in use are counted before the new token is, except for the very first: as long as the ring is not full, every other token does not see itself"
            => each_token(q, v, |i, out| {
                let used = ring.tokens.clamp(1, ring.window());
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += 1;
                attend(ring, q, i, &in_use(ring, used), out);
            });
        "tokens-never-counted": "`tokens` is not counted up, though the new token counts as in use: every token goes into slot 0 and sees itself alone"
            => each_token(q, v, |i, out| {
                put(ring, ring.tokens % ring.window(), k, v, i);
                attend(ring, q, i, &in_use(ring, ring.tokens + 1), out);
            });
        "forgotten-after-the-chunk": "`tokens` is not counted up after a chunk: the next one starts at slot 0 as if it were the first"
            => each_token(q, v, |i, out| {
                let position = ring.tokens + i;
                put(ring, position % ring.window(), k, v, i);
                attend(ring, q, i, &in_use(ring, position + 1), out);
            });
        "started-anew": "`tokens` starts at 0 in every call: each chunk starts at slot 0 as if it were the first"
            => {
                ring.tokens = 0;
                crate::window_attention(ring, q, k, v)
            };
        "counted-after-the-chunk": "`tokens` is counted up after the whole chunk: until then each of its tokens goes into the same slot"
            => {
                let (h, n, _) = q.dim();
                let mut out = Array3::zeros((h, n, v.dim().2));
                for i in 0..n {
                    put(ring, ring.tokens % ring.window(), k, v, i);
                    attend(ring, q, i, &in_use(ring, ring.tokens + i + 1), &mut out);
                }
                ring.tokens += n;
                out
            };
        "tokens-set-back": "`tokens` is set back to the window when it is twice that: the outputs and the slots are right; but it counts all tokens"
            => each_token(q, v, |i, out| {
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += 1;
                let mask = all_in_use(ring);
                attend(ring, q, i, &mask, out);
                if ring.tokens == 2 * ring.window() {
                    ring.tokens = ring.window();
                }
            });
        "one-more-than-the-window": "a token sees itself and the w before it: the one whose slot it takes has left the window"
            => each_token(q, v, |i, out| {
                let used = ring.tokens.min(ring.window());
                for head in 0..q.dim().0 {
                    let keys = concatenate![Axis(0), ring.keys.slice(s![head, ..used, ..]), k.slice(s![head, i..=i, ..])];
                    let values = concatenate![Axis(0), ring.values.slice(s![head, ..used, ..]), v.slice(s![head, i..=i, ..])];
                    let found = attention(q.slice(s![head, i..=i, ..]), keys.view(), values.view(), &Mask::None);
                    out.slice_mut(s![head, i, ..]).assign(&found.out.row(0));
                }
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += 1;
            });
        "attends-first-but-for-the-first": "a token attends before it is put into the ring, except for the very first: it does not see itself, and sees one that has left the window"
            => each_token(q, v, |i, out| {
                if ring.tokens == 0 {
                    put(ring, 0, k, v, i);
                }
                attend(ring, q, i, &in_use(ring, ring.tokens.max(1)), out);
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += 1;
            });
        "chunk-alone": "a chunk attends to itself alone, each token within its window: what the ring held before is not looked at"
            => each_token(q, v, |i, out| {
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += 1;
                let seen = (i + 1).saturating_sub(ring.window())..i + 1;
                for head in 0..q.dim().0 {
                    let (k, v) = (k.slice(s![head, seen.clone(), ..]), v.slice(s![head, seen.clone(), ..]));
                    let found = attention(q.slice(s![head, i..=i, ..]), k, v, &Mask::None);
                    out.slice_mut(s![head, i, ..]).assign(&found.out.row(0));
                }
            });
        "tokens-wrapped": "`tokens` starts again at 0 when the ring is full, so that a full ring looks nearly empty; it counts all tokens"
            => each_token(q, v, |i, out| {
                put(ring, ring.tokens, k, v, i);
                let mask = Mask::padding((0..ring.window()).map(|slot| slot <= ring.tokens));
                attend(ring, q, i, &mask, out);
                ring.tokens = (ring.tokens + 1) % ring.window();
            });
        "tokens-capped": "`tokens` stays at the window when the ring is full, so that every new token goes into slot 0; it counts all tokens"
            => each_token(q, v, |i, out| {
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens = (ring.tokens + 1).min(ring.window());
                let mask = all_in_use(ring);
                attend(ring, q, i, &mask, out);
            });
        "values-elsewhere": "the value goes into another slot than its key: `tokens` was counted up in between"
            => each_token(q, v, |i, out| {
                let w = ring.window();
                ring.keys.slice_mut(s![.., ring.tokens % w, ..]).assign(&k.slice(s![.., i, ..]));
                ring.tokens += 1;
                ring.values.slice_mut(s![.., ring.tokens % w, ..]).assign(&v.slice(s![.., i, ..]));
                let mask = all_in_use(ring);
                attend(ring, q, i, &mask, out);
            });
        "keys-of-head-0": "every head compares with the keys of head 0"
            => each_token(q, v, |i, out| {
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += 1;
                let mask = all_in_use(ring);
                for head in 0..q.dim().0 {
                    let (keys, values) = (ring.keys.slice(s![0, .., ..]), ring.values.slice(s![head, .., ..]));
                    let found = attention(q.slice(s![head, i..=i, ..]), keys, values, &mask);
                    out.slice_mut(s![head, i, ..]).assign(&found.out.row(0));
                }
            });
        "no-scale": "the scores are not divided by √d"
            => {
                let root = (q.dim().2 as f32).sqrt();
                crate::window_attention(ring, (&q * root).view(), k, v)
            };
        "scaled-twice": "the scores are divided by √d twice: attention of chapter 3 has done it already"
            => {
                let root = (q.dim().2 as f32).sqrt();
                crate::window_attention(ring, (&q / root).view(), k, v)
            };
        "counted-by-heads": "`tokens` is counted up for each head; a token counts once"
            => each_token(q, v, |i, out| {
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += q.dim().0;
                let mask = all_in_use(ring);
                attend(ring, q, i, &mask, out);
            });
        "slots-beyond-the-window": "as many slots are taken as there were tokens; there are no more than the window has"
            => each_token(q, v, |i, out| {
                put(ring, ring.tokens % ring.window(), k, v, i);
                ring.tokens += 1;
                for head in 0..q.dim().0 {
                    let keys = ring.keys.slice(s![head, ..ring.tokens, ..]);
                    let values = ring.values.slice(s![head, ..ring.tokens, ..]);
                    let found = attention(q.slice(s![head, i..=i, ..]), keys, values, &Mask::None);
                    out.slice_mut(s![head, i, ..]).assign(&found.out.row(0));
                }
            });
        "last-slot-unseen": "the last slot is never looked at, unless it is the only one: w − 1 slots are taken for the window"
            => stepwise(ring, q, k, v, |ring, _| ring.tokens % ring.window(), |ring| in_use(ring, ring.tokens.min((ring.window() - 1).max(1))));
        "counted-twice": "the slot is counted from `tokens` and from the place in the chunk, though `tokens` grows with every token of it: every second slot is left out"
            => stepwise(ring, q, k, v, |ring, i| (ring.tokens + i) % ring.window(), all_in_use);
        "one-slot-behind": "the slot is one too small: the first token of all goes into the last slot, and it belongs into slot 0"
            => stepwise(ring, q, k, v, |ring, _| (ring.tokens + ring.window() - 1) % ring.window(), all_in_use);
        "always-the-same-slot": "`tokens` is counted up after the whole chunk, and only the slots of what was there before and one more are in use: each of its tokens goes into the same slot"
            => {
                let (h, n, _) = q.dim();
                let mut out = Array3::zeros((h, n, v.dim().2));
                for i in 0..n {
                    put(ring, ring.tokens % ring.window(), k, v, i);
                    attend(ring, q, i, &in_use(ring, ring.tokens + 1), &mut out);
                }
                ring.tokens += n;
                out
            };
        "tokens-of-the-chunk": "`tokens` becomes the length of the chunk; it grows by that"
            => {
                let n = q.dim().1;
                let out = crate::window_attention(ring, q, k, v);
                ring.tokens = n;
                out
            };
        "values-not-kept": "the values are not written into the ring, and stay zeros"
            => {
                let v = Array3::zeros(v.raw_dim());
                crate::window_attention(ring, q, k, v.view())
            };
        "keys-not-kept": "the keys are not written into the ring, and stay zeros"
            => {
                let k = Array3::zeros(k.raw_dim());
                crate::window_attention(ring, q, k.view(), v)
            };
        "head-0-kept": "only head 0 is written into the ring, and the others stay zeros"
            => {
                let first = |x: ArrayView3<f32>| Array3::from_shape_fn(x.raw_dim(), |(a, i, c)| if a == 0 { x[[a, i, c]] } else { 0.0 });
                crate::window_attention(ring, q, first(k).view(), first(v).view())
            };
        "first-key": "the key of the chunk's first token is written for each of its tokens"
            => crate::window_attention(ring, q, first_token(k).view(), v);
        "first-value": "the value of the chunk's first token is written for each of its tokens"
            => crate::window_attention(ring, q, k, first_token(v).view());
        "first-key-and-value": "the key and the value of the chunk's first token are written for each of its tokens"
            => crate::window_attention(ring, q, first_token(k).view(), first_token(v).view());
        "first-query": "every token of the chunk asks with the query of the first"
            => crate::window_attention(ring, first_token(q).view(), k, v);
        "values-of-head-0": "every head takes the values of head 0"
            => {
                let mut first = ring.clone();
                for mut values in first.values.outer_iter_mut() {
                    values.assign(&ring.values.index_axis(Axis(0), 0));
                }
                let of_0 = Array3::from_shape_fn(v.raw_dim(), |(_, i, c)| v[[0, i, c]]);
                let found = crate::window_attention(&mut first, q, k, of_0.view());
                crate::window_attention(ring, q, k, v);
                found
            };
        "only-head-0": "only head 0 of the output is filled in, and the others stay zeros"
            => {
                let mut out = crate::window_attention(ring, q, k, v);
                out.slice_mut(s![1.., .., ..]).fill(0.0);
                out
            };
        "last-row-only": "only the last row of a chunk is filled in, and the others stay zeros"
            => {
                let mut out = crate::window_attention(ring, q, k, v);
                let n = out.dim().1;
                out.slice_mut(s![.., ..n.max(1) - 1, ..]).fill(0.0);
                out
            };
        "keys-summed": "the keys are summed in the place of the values, where they have the same width"
            => if k.dim() == v.dim() {
                let mut keys = RingCache { values: ring.keys.clone(), ..ring.clone() };
                let out = crate::window_attention(&mut keys, q, k, k);
                crate::window_attention(ring, q, k, v);
                out
            } else {
                crate::window_attention(ring, q, k, v)
            };
        "slot-is-position-in-each-head": "the position is taken for the slot, head by head, which panics as soon as the ring is full: the slot is its remainder by the window"
            => each_token(q, v, |i, out| {
                let slot = ring.tokens;
                for head in 0..q.dim().0 {
                    ring.keys.slice_mut(s![head, slot, ..]).assign(&k.slice(s![head, i, ..]));
                    ring.values.slice_mut(s![head, slot, ..]).assign(&v.slice(s![head, i, ..]));
                }
                ring.tokens += 1;
                let mask = all_in_use(ring);
                attend(ring, q, i, &mask, out);
            });
        "chunk-first-causal": "the whole chunk is put into the ring before it attends, with a causal mask over the slots: these are not in the order of the tokens, and the last tokens have taken the slots of what the first ones should see"
            => {
                let (h, n, _) = q.dim();
                for i in 0..n {
                    put(ring, ring.tokens % ring.window(), k, v, i);
                    ring.tokens += 1;
                }
                let used = ring.tokens.min(ring.window());
                let mut out = Array3::zeros((h, n, v.dim().2));
                for (head, mut out) in out.outer_iter_mut().enumerate() {
                    let (keys, values) = (ring.keys.slice(s![head, ..used, ..]), ring.values.slice(s![head, ..used, ..]));
                    out.assign(&attention(q.index_axis(Axis(0), head), keys, values, &Mask::Causal).out);
                }
                out
            };
        "tokens-wrapped-at-once": "`tokens` starts again at 0 when the ring is full, and no slot is then in use; it counts all tokens"
            => each_token(q, v, |i, out| {
                put(ring, ring.tokens, k, v, i);
                ring.tokens = (ring.tokens + 1) % ring.window();
                let mask = all_in_use(ring);
                attend(ring, q, i, &mask, out);
            });
        "counted-by-chunks": "`tokens` grows by the length of the chunk for each of its tokens; each of them counts once"
            => {
                let (h, n, _) = q.dim();
                let mut out = Array3::zeros((h, n, v.dim().2));
                for i in 0..n {
                    put(ring, ring.tokens % ring.window(), k, v, i);
                    ring.tokens += n;
                    let mask = all_in_use(ring);
                    attend(ring, q, i, &mask, &mut out);
                }
                out
            };
    }
}

/// A chunk of tokens.
struct Chunk(std::ops::Range<usize>);

/// `a chunk of 3 tokens`
impl fmt::Display for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "a chunk of {} token{plural}", self.0.len())
    }
}

fn chunks(c: &Case) -> impl Iterator<Item = Chunk> {
    c.cuts.iter().scan(0, |first, &tokens| {
        *first += tokens;
        Some(Chunk(*first - tokens..*first))
    })
}

/// What is seen after each chunk.
fn trace(
    c: &Case,
    window_attention: impl Fn(
        &mut RingCache,
        ArrayView3<f32>,
        ArrayView3<f32>,
        ArrayView3<f32>,
    ) -> Array3<f32>,
) -> Trace<Seen<f32>> {
    let (h, _, d) = c.k.dim();
    Trace::of(chunks(c), RingCache::new(h, c.w, d, c.v.dim().2), |ring, Chunk(rows)| {
        let [q, k, v] = [&c.q, &c.k, &c.v].map(|x| x.slice(s![.., rows.clone(), ..]));
        let out = window_attention(ring, q, k, v);
        Seen { out, keys: ring.keys.clone(), values: ring.values.clone(), tokens: ring.tokens }
    })
}

/// Attention over the whole text, with a table that says who is in whose window.
fn expected<F: NdFloat>(c: &Case) -> Trace<Seen<F>> {
    let ((h, t, _), w) = (c.q.dim(), c.w);
    let table = Array2::from_shape_fn((t, t), |(p, r)| r <= p && p - r < w);
    let mut whole = Array3::<F>::zeros((h, t, c.v.dim().2));
    for (head, mut out) in whole.outer_iter_mut().enumerate() {
        let [q, k, v] = [&c.q, &c.k, &c.v].map(|x| x.index_axis(Axis(0), head));
        out.assign(&oracle::attention::<F>(q, k, v, &Mask::Dense(table.clone())).out);
    }
    Trace::of(chunks(c), (), |(), Chunk(rows)| {
        let slots = |of: &Array3<f32>| {
            let mut slots = Array3::zeros((h, w, of.dim().2));
            for p in 0..rows.end {
                let row =
                    of.index_axis(Axis(1), p).mapv(|x| F::from(x).expect("f32 fits every float"));
                slots.index_axis_mut(Axis(1), p % w).assign(&row);
            }
            slots
        };
        Seen {
            out: whole.slice(s![.., rows.clone(), ..]).to_owned(),
            keys: slots(&c.k),
            values: slots(&c.v),
            tokens: rows.end,
        }
    })
}

/// The first token of a chunk in the place of each.
fn first_token(x: ArrayView3<f32>) -> Array3<f32> {
    Array3::from_shape_fn(x.raw_dim(), |(a, _, c)| x[[a, 0, c]])
}

/// Puts token i of a chunk into a slot.
fn put(ring: &mut RingCache, slot: usize, k: ArrayView3<f32>, v: ArrayView3<f32>, i: usize) {
    ring.keys.index_axis_mut(Axis(1), slot).assign(&k.index_axis(Axis(1), i));
    ring.values.index_axis_mut(Axis(1), slot).assign(&v.index_axis(Axis(1), i));
}

/// What `step` puts into the output for each token of the chunk, in order.
fn each_token(
    q: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mut step: impl FnMut(usize, &mut Array3<f32>),
) -> Array3<f32> {
    let (h, n, _) = q.dim();
    let mut out = Array3::zeros((h, n, v.dim().2));
    for i in 0..n {
        step(i, &mut out);
    }
    out
}

/// Row i of the output: attention of token i to the slots that are not hidden.
fn attend(ring: &RingCache, q: ArrayView3<f32>, i: usize, mask: &Mask, out: &mut Array3<f32>) {
    for head in 0..q.dim().0 {
        let q = q.slice(s![head, i..=i, ..]);
        let found = attention(
            q,
            ring.keys.index_axis(Axis(0), head),
            ring.values.index_axis(Axis(0), head),
            mask,
        );
        out.slice_mut(s![head, i, ..]).assign(&found.out.row(0));
    }
}

fn all_in_use(ring: &RingCache) -> Mask {
    in_use(ring, ring.tokens)
}

/// As many slots as that, from slot 0 on, or all.
fn in_use(ring: &RingCache, used: usize) -> Mask {
    Mask::padding((0..ring.window()).map(|slot| slot < used))
}

/// Token by token: into the slot that `slot` names for token i of the chunk, then attention.
fn stepwise(
    ring: &mut RingCache,
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    slot: fn(&RingCache, usize) -> usize,
    seen: fn(&RingCache) -> Mask,
) -> Array3<f32> {
    each_token(q, v, |i, out| {
        let slot = slot(ring, i);
        put(ring, slot, k, v, i);
        ring.tokens += 1;
        let mask = seen(ring);
        attend(ring, q, i, &mask, out);
    })
}

/// What the ring holds in the order of the positions, the chunk behind it, and a table of windows.
fn by_positions(
    ring: &mut RingCache,
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
) -> Array3<f32> {
    let (w, start, n) = (ring.window(), ring.tokens, q.dim().1);
    let first = start.saturating_sub(w);
    let slots: Vec<usize> = (first..start).map(|position| position % w).collect();
    let keys = concatenate![Axis(1), ring.keys.select(Axis(1), &slots), k];
    let values = concatenate![Axis(1), ring.values.select(Axis(1), &slots), v];
    let table = Array2::from_shape_fn((n, keys.dim().1), |(i, j)| {
        let (query, key) = (start + i, first + j);
        key <= query && query < key + w
    });
    let mut out = Array3::zeros((q.dim().0, n, v.dim().2));
    for (head, mut out) in out.outer_iter_mut().enumerate() {
        let [q, k, v] = [q, keys.view(), values.view()].map(|x| x.index_axis_move(Axis(0), head));
        out.assign(&attention(q, k, v, &Mask::Dense(table.clone())).out);
    }
    for i in n.saturating_sub(w)..n {
        put(ring, (start + i) % w, k, v, i);
    }
    ring.tokens += n;
    out
}

/// A window of two, three tokens: the third does not see the first, which had the same key.
fn by_hand() -> Case {
    let ln3 = 3.0_f32.ln();
    let q = array![[[0.0], [1.0], [1.0]]];
    let k = array![[[ln3], [0.0], [ln3]]];
    let v = array![[[0.0], [4.0], [8.0]]];
    case(
        "by hand: 0, 1 and 7; the third token takes the slot of the first",
        (2, q, k, v, vec![2, 1]),
    )
}
