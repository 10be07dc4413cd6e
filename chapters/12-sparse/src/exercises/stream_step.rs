//! 12.6 `stream_step`

use super::sparse_attention::{from_maximum, most, softmax};
use crate::{
    given::{Stream, rotate},
    seeded::normal,
};
use attn_exercise::{Field, Fields, Trace, exercise, field, pairwise};
use ndarray::{Array1, Array2, ArrayView1, array};
use serde::{Deserialize, Serialize};

/// What a step gives, and what the cache holds then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    out: Array1<f64>,
    kept: usize,
    values: Vec<Array1<f64>>,
    keys: Vec<Array1<f64>>,
    tokens: usize,
}

impl Fields for Step {
    fn fields(&self) -> Vec<Field> {
        let table = |rows: &[Array1<f64>]| {
            let width = rows.first().map_or(0, |row| row.len());
            let mut table = Array2::zeros((rows.len(), width));
            table.rows_mut().into_iter().zip(rows).for_each(|(mut to, row)| to.assign(row));
            table
        };
        vec![
            field("out", &self.out),
            field("tokens in the cache", self.kept),
            field("cached values", &table(&self.values)),
            field("cached keys", &table(&self.keys)),
            field("tokens so far", self.tokens),
        ]
    }
}

exercise! {
    /// Queries, keys and values of a stream, token by token, and what is kept.
    crate::stream_step as fn(&mut Stream, ArrayView1<f64>, ArrayView1<f64>, ArrayView1<f64>) -> Array1<f64>:
        (q: Array2<f64>[n d], k: Array2<f64>[n d], v: Array2<f64>[n d_v], sinks: usize[sinks], window: usize[window]) -> Trace<Step>;
    answer: |stream_step, c| Trace::of(
        (0..c.q.nrows()).map(|i| format!("token {i}")),
        Stream::new(c.sinks, c.window),
        |cache, token| {
            let i: usize = token[6..].parse().expect("a number");
            let out = stream_step(cache, c.q.row(i), c.k.row(i), c.v.row(i));
            Step { out, kept: cache.keys.len(), values: cache.values.clone(), keys: cache.keys.clone(), tokens: cache.tokens }
        },
    );

    exact: |c| Trace::of((0..c.q.nrows()).map(|i| format!("token {i}")), 0, |at, _| {
        // From the whole text, without a cache: which tokens are left, and where they stand.
        let t = *at;
        *at += 1;
        let kept: Vec<usize> = (0..=t).filter(|&j| j < c.sinks || j + c.window > t).collect();
        let d = c.q.ncols();
        let score = |place: usize, j: usize| {
            let away = (kept.len() - 1 - place) as f64;
            // The query is `away` further on than the key.
            (0..d / 2).map(|pair| {
                let angle = away / 10_000_f64.powf(2.0 * pair as f64 / d as f64);
                let [a, b] = [c.q[[t, 2 * pair]], c.q[[t, 2 * pair + 1]]];
                let [x, y] = [c.k[[j, 2 * pair]], c.k[[j, 2 * pair + 1]]];
                angle.cos() * (a * x + b * y) + angle.sin() * (a * y - b * x)
            }).sum::<f64>() / (d as f64).sqrt()
        };
        let scores: Vec<f64> = kept.iter().enumerate().map(|(place, &j)| score(place, j)).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|x| (x - most).exp()).sum();
        let mut out = Array1::zeros(c.v.ncols());
        for (&j, x) in kept.iter().zip(&scores) {
            out.scaled_add((x - most).exp() / sum, &c.v.row(j));
        }
        let rows = |x: &Array2<f64>| kept.iter().map(|&j| x.row(j).to_owned()).collect();
        Step { out, kept: kept.len(), values: rows(&c.v), keys: rows(&c.k), tokens: t + 1 }
    });

    cases: |random| {
        let mut of = |about: &str, n: usize, (d, d_v): (usize, usize), sinks: usize, window: usize, strength: f64| {
            case(about, (normal(random, (n, d)) * strength, normal(random, (n, d)), normal(random, (n, d_v)), sinks, window))
        };
        let mut cases = vec![
            case("by hand: equal scores; the first value and the newest", (Array2::zeros((3, 2)), Array2::zeros((3, 2)), array![[2.0], [4.0], [8.0]], 1, 1)),
            of("one sink, a window of two", 6, (4, 3), 1, 2, 2.0),
            of("two sinks, a window of three", 9, (4, 2), 2, 3, 2.0),
            of("no sinks: a window", 7, (2, 2), 0, 3, 2.0),
            of("four sinks", 12, (8, 4), 4, 4, 2.0),
            of("sinks alone, and the token", 6, (4, 2), 3, 1, 2.0),
            of("no sinks, and the token alone", 4, (2, 3), 0, 1, 2.0),
            of("never full", 4, (4, 2), 2, 9, 2.0),
            of("just full", 5, (4, 2), 2, 3, 2.0),
            of("one token", 1, (2, 1), 1, 1, 2.0),
            of("one token, no sinks", 1, (4, 4), 0, 2, 2.0),
            of("fewer tokens than sinks", 3, (4, 3), 5, 2, 2.0),
            of("large scores", 6, (4, 2), 1, 2, 2000.0),
            of("forty tokens", 40, (4, 2), 2, 6, 2.0),
            of("scores far below zero", 5, (4, 2), 1, 2, 2.0),
            of("sixteen in the cache", 20, (4, 2), 4, 12, 2.0),
            of("scores of some hundred", 5, (16, 2), 1, 2, 2.0),
        ];
        let Case { q, k, .. } = &mut cases[14];
        q.fill(-60.0);
        k.fill(60.0);
        let Case { q, k, .. } = &mut cases[16];
        q.fill(10.0);
        k.indexed_iter_mut().for_each(|((j, _), x)| *x = 10.0 - 0.01 * j as f64);
        cases.extend(pairwise([4, 2, 3, 4, 3]).into_iter().map(|[n, d, d_v, sinks, window]| {
            of("small", 2 * n + 1, (2 * d + 2, d_v + 1), sinks, window + 1, 2.0)
        }));
        let extra = [(2, 2, 2, 1, 1), (3, 2, 3, 3, 3), (4, 4, 4, 4, 4), (2, 4, 2, 2, 2), (3, 2, 1, 2, 4), (6, 2, 4, 1, 2), (1, 2, 2, 0, 1)];
        cases.extend(extra.into_iter().map(|(n, d, d_v, sinks, window)| of("small", n, (d, d_v), sinks, window, 2.0)));
        cases
    };

    never {
        "d = 1": "numbers are turned in pairs";
    }

    right (cache, q, k, v) {
        "evicted first" => {
            if cache.keys.len() == cache.sinks + cache.window {
                cache.keys.remove(cache.sinks);
                cache.values.remove(cache.sinks);
            }
            cache.keys.push(k.to_owned());
            cache.values.push(v.to_owned());
            cache.tokens += 1;
            let places: Vec<usize> = (0..cache.keys.len()).collect();
            let last = places.len() - 1;
            attend(cache, q, last, &places)
        };
        "every key turned back to where the query is" => {
            plain(cache, k, v);
            // Only differences count: the query at a later place, and the keys with it.
            let places: Vec<usize> = (0..cache.keys.len()).map(|place| place + 1000).collect();
            let last = places[places.len() - 1];
            attend(cache, q, last, &places)
        };
        "by the stream's own count" => {
            cache.keys.push(k.to_owned());
            cache.values.push(v.to_owned());
            cache.tokens += 1;
            if cache.tokens > cache.sinks + cache.window {
                cache.keys.remove(cache.sinks);
                cache.values.remove(cache.sinks);
            }
            let places: Vec<usize> = (0..cache.values.len()).collect();
            attend(cache, q, cache.values.len() - 1, &places)
        };
    }

    mistakes (cache, q, k, v) {
        "positions-in-the-text": "tokens stand at their positions in the text: the distance to the sinks grows without end"
            => { plain(cache, k, v); let places = in_text(cache); attend(cache, q, cache.tokens - 1, &places) };
        "usual-cache": "a key is turned by its position in the text before it is cached, as in other caches, and the query stands at its place in the cache"
            => {
                let text = cache.tokens;
                plain(cache, rotate(k, text).view(), v);
                as_kept(cache, q, cache.keys.len() - 1)
            };
        "usual-cache-all": "query and keys are turned by their positions in the text, the keys before they are cached: this is another model's cache, with distances that grow without end"
            => {
                let text = cache.tokens;
                plain(cache, rotate(k, text).view(), v);
                as_kept(cache, q, text)
            };
        "turned-before-eviction": "a key is turned when it is cached, by the place that it has before the eviction"
            => {
                let place = cache.keys.len();
                plain(cache, rotate(k, place).view(), v);
                as_kept(cache, q, cache.keys.len() - 1)
            };
        "keys-not-turned": "the query is turned by its place, and the keys are not turned at all"
            => { plain(cache, k, v); as_kept(cache, q, cache.keys.len() - 1) };
        "not-counted": "`tokens` is not counted up"
            => { let out = crate::stream_step(cache, q, k, v); cache.tokens -= 1; out };
        "sinks-in-the-text": "the query stands at its position in the text, and the keys at their places in the cache"
            => { plain(cache, k, v); let places = within(cache); attend(cache, q, cache.tokens - 1, &places) };
        "keys-in-the-text": "the keys stand at their positions in the text, and the query at its place in the cache"
            => { plain(cache, k, v); let places = in_text(cache); attend(cache, q, cache.keys.len() - 1, &places) };
        "turned-when-cached": "a key is turned once, when it is cached, by the place that it has then: after an eviction that is no longer its place"
            => {
                let place = cache.keys.len().min(cache.sinks + cache.window - 1);
                plain(cache, rotate(k, place).view(), v);
                as_kept(cache, q, cache.keys.len() - 1)
            };
        "turned-in-the-cache": "the keys are turned within the cache itself, and so turned again in the next step"
            => {
                plain(cache, k, v);
                cache.keys = cache.keys.iter().enumerate().map(|(place, k)| rotate(k.view(), place)).collect();
                as_kept(cache, q, cache.keys.len() - 1)
            };
        "not-turned": "neither query nor keys are turned by their positions"
            => { plain(cache, k, v); as_kept(cache, q, 0) };
        "query-not-turned": "the query is not turned: it stands at position 0"
            => { plain(cache, k, v); let places = within(cache); attend(cache, q, 0, &places) };
        "query-one-on": "the query stands one place behind its own key"
            => { plain(cache, k, v); let places = within(cache); attend(cache, q, places.len(), &places) };
        "backwards": "position 0 is that of the newest token"
            => { plain(cache, k, v); let places: Vec<usize> = (0..cache.keys.len()).rev().collect(); attend(cache, q, 0, &places) };
        "oldest-evicted": "the oldest token of all is evicted: the sinks are gone as soon as the cache is full"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.sinks + cache.window { cut(cache, 0); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "last-sink-evicted": "one sink too few is kept: the token before the window's is evicted"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.sinks + cache.window { cut(cache, cache.sinks.saturating_sub(1)); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "one-sink-more": "the oldest token of the window is kept as one more sink, and the one behind it is evicted"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.sinks + cache.window { cut(cache, (cache.sinks + 1).min(cache.keys.len() - 1)); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "newest-evicted": "the newest token is evicted, and the cache stays as it was when it became full"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.sinks + cache.window { let last = cache.keys.len() - 1; cut(cache, last); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "never-evicted": "nothing is evicted: the cache grows with the stream"
            => { put(cache, k, v); let places = within(cache); attend(cache, q, places.len() - 1, &places) };
        "one-too-many": "the cache keeps one token more than sinks and window"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.sinks + cache.window + 1 { cut(cache, cache.sinks); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "sinks-in-the-window": "the sinks are counted in the window: `window` tokens are kept in all, if there are fewer sinks"
            => {
                put(cache, k, v);
                while cache.keys.len() > cache.window.max(cache.sinks + 1) { cut(cache, cache.sinks); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "evicted-late": "the query attends before the oldest token is evicted"
            => {
                put(cache, k, v);
                let places = within(cache);
                let out = attend(cache, q, places.len() - 1, &places);
                if cache.keys.len() > cache.sinks + cache.window { cut(cache, cache.sinks); }
                out
            };
        "read-first": "the query reads before its own token is in the cache: it does not see itself"
            => {
                let out = if cache.keys.is_empty() { Array1::zeros(v.len()) } else {
                    let places = within(cache);
                    attend(cache, q, places.len(), &places)
                };
                plain(cache, k, v);
                out
            };
        "key-kept": "the value of the evicted token is removed, and its key stays: keys and values no longer belong together"
            => {
                put(cache, k, v);
                if cache.values.len() > cache.sinks + cache.window { cache.values.remove(cache.sinks); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "no-scale": "the scores are not divided by √d"
            => { let root = (q.len() as f64).sqrt(); crate::stream_step(cache, (&q * root).view(), k, v) };
        "values-turned": "the values are turned by their places, too"
            => {
                plain(cache, k, v);
                let places = within(cache);
                let right = cache.values.clone();
                cache.values = right.iter().enumerate().map(|(place, v)| if v.len() > 1 { rotate(v.view(), place) } else { v * (place as f64).cos() }).collect();
                let out = attend(cache, q, places.len() - 1, &places);
                cache.values = right;
                out
            };
        "sinks-not-read": "the sinks are kept, and the query attends to the window alone"
            => {
                plain(cache, k, v);
                let full = cache.keys.len();
                let from = if cache.tokens > cache.sinks { cache.sinks } else { 0 };
                let window = Stream { keys: cache.keys[from..].to_vec(), values: cache.values[from..].to_vec(), ..cache.clone() };
                let places: Vec<usize> = (from..full).collect();
                attend(&window, q, full - 1, &places)
            };
        "sinks-without-values": "the sinks take their share of the softmax, and their values are left out"
            => {
                plain(cache, k, v);
                let places = within(cache);
                let mut silent = cache.clone();
                let sinks = cache.sinks.min(places.len() - 1);
                silent.values[..sinks].iter_mut().for_each(|v| v.fill(0.0));
                attend(&silent, q, places.len() - 1, &places)
            };
        "overflows": "the largest score is not subtracted: the exponential of a large one is infinite"
            => {
                plain(cache, k, v);
                let q = rotate(q, cache.keys.len() - 1);
                let root = (q.len() as f64).sqrt();
                let weights: Vec<f64> = cache.keys.iter().enumerate().map(|(place, k)| (q.dot(&rotate(k.view(), place)) / root).exp()).collect();
                let sum: f64 = weights.iter().sum();
                let mut out = Array1::zeros(v.len());
                weights.iter().zip(&cache.values).for_each(|(weight, v)| out.scaled_add(weight / sum, v));
                out
            };
        "one-too-few": "the oldest token leaves as soon as the cache is full: `>=` keeps one token fewer than sinks and window"
            => {
                put(cache, k, v);
                if cache.keys.len() >= cache.sinks + cache.window { cut(cache, cache.sinks); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "newest-but-one-evicted": "the token before the newest is evicted instead of the oldest that is no sink"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.sinks + cache.window { cut(cache, cache.keys.len() - 2); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "sinks-not-counted": "a token is evicted as soon as there are more than `window`: the sinks are not counted"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.window { cut(cache, cache.sinks); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "sinks-not-counted-guarded": "a token that is no sink is evicted as soon as there are more than `window` in all: the sinks are not counted"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.window && cache.keys.len() > cache.sinks { cut(cache, cache.sinks); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "newest-moved": "swap_remove evicts the oldest token that is no sink, and puts the newest into its place: the order is lost"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.sinks + cache.window {
                    cache.keys.swap_remove(cache.sinks);
                    cache.values.swap_remove(cache.sinks);
                }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "value-kept": "the key of the evicted token is removed, and its value stays: keys and values no longer belong together"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.sinks + cache.window { cache.keys.remove(cache.sinks); }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "first-value-evicted": "the right key is removed, and the value of the first token: keys and values no longer belong together"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.sinks + cache.window {
                    cache.keys.remove(cache.sinks);
                    cache.values.remove(0);
                }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "tokens-in-the-cache": "`tokens` is how many the cache holds, not how many have come"
            => { let out = crate::stream_step(cache, q, k, v); cache.tokens = cache.keys.len(); out };
        "max-from-zero": "the maximum starts at 0 instead of −∞: where all scores are far below zero, the sum is 0, and the row NaN"
            => {
                plain(cache, k, v);
                let places = within(cache);
                weighed(cache, q, places.len() - 1, &places, |scores| from_maximum(scores, 1.0, most(scores).max(0.0)))
            };
        "undivided": "the weights are not divided by their sum"
            => {
                plain(cache, k, v);
                let places = within(cache);
                weighed(cache, q, places.len() - 1, &places, |scores| scores.iter().map(|x| (x - most(scores)).exp()).collect())
            };
        "mean": "all tokens in the cache have the same weight"
            => {
                plain(cache, k, v);
                let places = within(cache);
                weighed(cache, q, places.len() - 1, &places, |scores| vec![1.0 / scores.len() as f64; scores.len()])
            };
        "by-d": "the scores are divided by d instead of √d"
            => { let root = (q.len() as f64).sqrt(); crate::stream_step(cache, (&q / root).view(), k, v) };
        "by-root-of-d-v": "the scores are divided by the root of the values' width instead of √d"
            => { let root = (q.len() as f64 / v.len() as f64).sqrt(); crate::stream_step(cache, (&q * root).view(), k, v) };
        "by-root-of-length": "the scores are divided by the root of how many tokens are in the cache instead of √d"
            => {
                plain(cache, k, v);
                let places = within(cache);
                let root = (q.len() as f64 / places.len() as f64).sqrt();
                attend(cache, (&q * root).view(), places.len() - 1, &places)
            };
        "query-at-the-end": "the query stands at sinks + window − 1 before the cache is full, too"
            => { plain(cache, k, v); let places = within(cache); attend(cache, q, cache.sinks + cache.window - 1, &places) };
        "keys-from-one": "the keys' positions are counted from 1, and the query's from 0"
            => { plain(cache, k, v); let places: Vec<usize> = (1..=cache.keys.len()).collect(); attend(cache, q, places.len() - 1, &places) };
        "sinks-at-zero": "all sinks stand at position 0"
            => {
                plain(cache, k, v);
                let places: Vec<usize> = (0..cache.keys.len()).map(|place| if place < cache.sinks { 0 } else { place }).collect();
                attend(cache, q, places.len() - 1, &places)
            };
        "window-from-zero": "positions begin at 0 again behind the sinks, and the query stands at the last place of the cache"
            => {
                plain(cache, k, v);
                let places: Vec<usize> = (0..cache.keys.len()).map(|place| if place < cache.sinks { place } else { place - cache.sinks }).collect();
                attend(cache, q, places.len() - 1, &places)
            };
        "keys-backwards": "the keys stand in the opposite order: the newest at 0, the first where the query is"
            => { plain(cache, k, v); let places: Vec<usize> = (0..cache.keys.len()).rev().collect(); attend(cache, q, places.len() - 1, &places) };
        "turned-twice": "a key is turned by its place when it is cached, and again when it is read"
            => {
                let place = cache.keys.len();
                plain(cache, rotate(k, place).view(), v);
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "unscaled-maximum": "the maximum is that of the products, before they are divided by √d: large scores are shifted too far, and vanish"
            => {
                plain(cache, k, v);
                let places = within(cache);
                let root = (q.len() as f64).sqrt();
                weighed(cache, q, places.len() - 1, &places, |scores| from_maximum(scores, 1.0, most(scores) * root))
            };
        "ring": "the newest token takes the place of the oldest in the list, as in a ring: places no longer say who came when"
            => {
                put(cache, k, v);
                if cache.keys.len() > cache.sinks + cache.window {
                    let place = cache.sinks + (cache.tokens - 1 - cache.sinks) % cache.window;
                    cache.keys.swap_remove(place);
                    cache.values.swap_remove(place);
                }
                let places = within(cache);
                attend(cache, q, places.len() - 1, &places)
            };
        "without-itself": "the query does not attend to its own token, although that is in the cache"
            => {
                plain(cache, k, v);
                let last = cache.keys.len() - 1;
                let others = Stream { keys: cache.keys[..last].to_vec(), ..cache.clone() };
                let places: Vec<usize> = (0..last).collect();
                attend(&others, q, last, &places)
            };
    }
}

fn put(cache: &mut Stream, k: ArrayView1<f64>, v: ArrayView1<f64>) {
    cache.keys.push(k.to_owned());
    cache.values.push(v.to_owned());
    cache.tokens += 1;
}

fn cut(cache: &mut Stream, entry: usize) {
    cache.keys.remove(entry);
    cache.values.remove(entry);
}

/// The right way to take a token in.
fn plain(cache: &mut Stream, k: ArrayView1<f64>, v: ArrayView1<f64>) {
    put(cache, k, v);
    if cache.keys.len() > cache.sinks + cache.window {
        cut(cache, cache.sinks);
    }
}

fn within(cache: &Stream) -> Vec<usize> {
    (0..cache.keys.len()).collect()
}

fn in_text(cache: &Stream) -> Vec<usize> {
    let left_out = cache.tokens - cache.keys.len();
    let place = |place| if place < cache.sinks { place } else { place + left_out };
    (0..cache.keys.len()).map(place).collect()
}

/// Attention with the query at a place, and the keys as they are in the cache.
fn as_kept(cache: &Stream, q: ArrayView1<f64>, place: usize) -> Array1<f64> {
    attend(cache, q, place, &vec![0; cache.keys.len()])
}

/// Attention with the query and the keys at these places.
fn attend(cache: &Stream, q: ArrayView1<f64>, at: usize, places: &[usize]) -> Array1<f64> {
    weighed(cache, q, at, places, |scores| softmax(scores, 1.0))
}

/// The same, with other weights of the scores.
fn weighed(
    cache: &Stream,
    q: ArrayView1<f64>,
    at: usize,
    places: &[usize],
    weights: impl Fn(&[f64]) -> Vec<f64>,
) -> Array1<f64> {
    let q = rotate(q, at);
    let root = (q.len() as f64).sqrt();
    let keys = cache.keys.iter().zip(places);
    let scores: Vec<f64> = keys.map(|(k, &place)| q.dot(&rotate(k.view(), place)) / root).collect();
    let mut out = Array1::zeros(cache.values.last().map_or(0, |v| v.len()));
    for (weight, v) in weights(&scores).iter().zip(&cache.values) {
        out.scaled_add(*weight, v);
    }
    out
}
