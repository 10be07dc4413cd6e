//! What holds for all sizes, on random ones.

use attn_core::{Mask, random::Random};
use ch03_scaled_dot_product::softmax_rows;
use ch04_multi_head::attend_heads;
use ch06_mqa_gqa::{
    Cache, grouped_attention, grouped_backward, grouped_decode, kv_head, mean_pool_kv_heads,
    shard_kv_heads,
};
use ndarray::{Array3, Axis, s};

/// Query heads and key/value heads.
const HEADS: [(usize, usize); 7] = [(1, 1), (4, 4), (4, 2), (4, 1), (6, 3), (9, 3), (12, 2)];

fn largest(x: impl IntoIterator<Item = f32>) -> f32 {
    x.into_iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// Keys or values, copied out to every query head.
fn tied(x: &Array3<f32>, h: usize) -> Array3<f32> {
    let heads: Vec<usize> = (0..h).map(|i| kv_head(i, h, x.dim().0)).collect();
    x.select(Axis(0), &heads)
}

#[test]
fn it_is_multi_head_attention_with_tied_keys_and_values() {
    let mut random = Random::new(1);
    for (h, h_kv) in HEADS {
        for (n, m) in [(1, 1), (1, 7), (5, 5), (3, 8), (6, 4)] {
            let (q, k, v) = (
                random.normal((h, n, 8)),
                random.normal((h_kv, m, 8)),
                random.normal((h_kv, m, 5)),
            );
            for mask in [Mask::None, Mask::Causal] {
                let ours = grouped_attention(q.view(), k.view(), v.view(), &mask);
                let (k, v) = (tied(&k, h), tied(&v, h));
                assert_eq!(ours, attend_heads(q.view(), k.view(), v.view(), &mask), "{h}/{h_kv}");
            }
        }
    }
}

#[test]
fn a_step_of_decoding_is_the_last_row_of_the_pass_over_all() {
    let mut random = Random::new(2);
    for (h, h_kv) in HEADS {
        for m in [1, 2, 33] {
            let (q, k, v) = (
                random.normal((h, m, 8)),
                random.normal((h_kv, m, 8)),
                random.normal((h_kv, m, 5)),
            );
            let whole = grouped_attention(q.view(), k.view(), v.view(), &Mask::Causal);
            let cache = Cache::new(k.clone(), v.clone());
            let step = grouped_decode(q.index_axis(Axis(1), m - 1), &cache);
            let apart = largest(&step - &whole.index_axis(Axis(1), m - 1));
            assert!(apart < 1e-5, "{h}/{h_kv}, m = {m}: {apart}");
            assert_eq!(cache.numbers_read(), k.len() + v.len());
        }
    }
}

/// The loss is a weighted sum of the outputs.
#[test]
fn the_gradients_are_those_of_differences() {
    let mut random = Random::new(3);
    for (h, h_kv) in [(4, 2), (3, 1), (2, 2)] {
        let (n, m, d) = (2, 3, 4);
        let q: Array3<f32> = random.normal((h, n, d));
        let (k, v) = (random.normal((h_kv, m, d)), random.normal((h_kv, m, d)));
        let d_out: Array3<f32> = random.normal((h, n, d));
        let loss = |q: &Array3<f32>, k: &Array3<f32>, v: &Array3<f32>| {
            let out = grouped_attention(q.view(), k.view(), v.view(), &Mask::Causal);
            (&out * &d_out).mapv(f64::from).sum()
        };
        let ours = grouped_backward(q.view(), k.view(), v.view(), &Mask::Causal, d_out.view());
        let step = 1e-2_f32;
        let difference = |which: usize, at: (usize, usize, usize)| {
            let moved = |by: f32| {
                let mut inputs = [q.clone(), k.clone(), v.clone()];
                inputs[which][at] += by;
                loss(&inputs[0], &inputs[1], &inputs[2])
            };
            ((moved(step) - moved(-step)) / f64::from(2.0 * step)) as f32
        };
        for (which, gradient) in [&ours.dq, &ours.dk, &ours.dv].into_iter().enumerate() {
            for (at, &entry) in gradient.indexed_iter() {
                let apart = (entry - difference(which, at)).abs();
                assert!(apart < 2e-3, "{h}/{h_kv}, input {which} at {at:?}: {apart}");
            }
        }
    }
}

#[test]
fn the_mean_is_nearer_to_the_heads_of_its_group_than_any_other_matrix() {
    let mut random = Random::new(4);
    for (h, h_kv) in HEADS {
        let (rows, d, group) = (6, 4, h / h_kv);
        let w = random.normal((rows, h * d));
        let distance = |pooled: &ndarray::Array2<f32>| {
            let own = |head: usize| {
                let of = |x: &ndarray::Array2<f32>, at: usize| {
                    x.slice(s![.., at * d..(at + 1) * d]).to_owned()
                };
                (of(&w, head) - of(pooled, head / group)).mapv(|x| x * x).sum()
            };
            (0..h).map(own).sum::<f32>()
        };
        let mean = mean_pool_kv_heads(w.view(), h, h_kv);
        for size in [0.01, 0.1, 1.0] {
            let other = &mean + &(random.normal((rows, h_kv * d)) * size);
            assert!(distance(&mean) < distance(&other), "{h}/{h_kv}");
        }
        let first = ndarray::Array2::from_shape_fn((rows, h_kv * d), |(i, column)| {
            w[[i, column / d * group * d + column % d]]
        });
        assert!(distance(&mean) <= distance(&first), "{h}/{h_kv}");
    }
}

#[test]
fn pooling_changes_nothing_where_the_heads_of_a_group_are_equal() {
    let mut random = Random::new(5);
    let one = random.normal((6, 2 * 4));
    let copied = ndarray::Array2::from_shape_fn((6, 6 * 4), |(i, column)| {
        one[[i, column / 4 / 3 * 4 + column % 4]]
    });
    let apart = largest(mean_pool_kv_heads(copied.view(), 6, 2) - one);
    assert!(apart < 1e-6, "{apart}");
}

#[test]
fn a_device_holds_what_its_query_heads_use() {
    for (h, h_kv, ranks) in [(8, 8, 4), (8, 2, 4), (8, 4, 2), (64, 8, 16), (28, 4, 2), (12, 1, 6)] {
        let held = shard_kv_heads(h, h_kv, ranks);
        assert_eq!(held.len(), ranks);
        for (rank, held) in held.iter().enumerate() {
            let own = rank * h / ranks..(rank + 1) * h / ranks;
            let used: Vec<usize> = own.map(|i| kv_head(i, h, h_kv)).collect();
            assert!(used.iter().all(|head| held.contains(head)), "{h} {h_kv} {ranks}");
            assert!(held.clone().all(|head| used.contains(&head)), "{h} {h_kv} {ranks}");
        }
        let copies: usize = held.iter().map(|held| held.len()).sum();
        assert_eq!(copies, h_kv.max(ranks), "a head is held twice only if there are too few");
    }
}

/// The weights of two query heads on the same keys.
#[test]
fn heads_of_a_group_have_patterns_of_their_own() {
    let ln3 = 3.0_f32.ln();
    let (q, keys) = (ndarray::array![[1.0], [-1.0]], ndarray::array![[0.0], [ln3]]);
    let weights = softmax_rows(q.dot(&keys.t()).view());
    let expected = ndarray::array![[0.25, 0.75], [0.75, 0.25]];
    assert!(largest(weights - expected) < 1e-6);
}
