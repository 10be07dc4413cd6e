//! What holds for any input.

use attn_core::random::Random;
use ch08_flash_cpu::{
    Block, Gradients, Output, State, Traffic, flash_backward, flash_forward, flash_heads, merge,
    online, split_kv, traffic::Sizes, varlen,
};
use ndarray::{Array1, Array2, Array3, Axis, s};

fn normal(seed: u64, shape: (usize, usize)) -> Array2<f32> {
    Random::new(seed).normal(shape)
}

fn state(seed: u64, keys: usize) -> State {
    let mut random = Random::new(seed);
    let (scores, values): (Array1<f32>, Array2<f32>) =
        (random.normal(keys), random.normal((keys, 3)));
    let one = |state, j: usize| merge(&state, &State::of_key(scores[j], values.row(j)));
    (0..keys).fold(State::empty(3), one)
}

fn near(a: &State, b: &State) -> bool {
    let ((out_a, lse_a), (out_b, lse_b)) = (a.finish(), b.finish());
    let far = (out_a - out_b).mapv(f32::abs).fold(0.0_f32, |a, &b| a.max(b));
    a.row_max == b.row_max && far < 1e-5 && (lse_a == lse_b || (lse_a - lse_b).abs() < 1e-5)
}

#[test]
fn merging_is_associative_and_commutative_with_an_identity() {
    for seed in 0..50 {
        let sizes = [seed % 4, (seed / 4) % 4, (seed / 16) % 4];
        let [a, b, c] = [0, 1, 2].map(|i| state(10 * seed + i, sizes[i as usize] as usize));
        let left = merge(&merge(&a, &b), &c);
        let right = merge(&a, &merge(&b, &c));
        assert!(near(&left, &right), "seed {seed}");
        assert!(near(&merge(&a, &b), &merge(&b, &a)), "seed {seed}");
        assert_eq!(merge(&a, &State::empty(3)), a);
        assert_eq!(merge(&State::empty(3), &a), a);
    }
}

#[test]
fn any_division_of_the_keys_gives_the_same() {
    let (k, v) = (normal(1, (37, 8)), normal(2, (37, 4)));
    let q = Random::new(3).normal(8);
    let whole = split_kv(q.view(), k.view(), v.view(), 1);
    for parts in 2..50 {
        let split = split_kv(q.view(), k.view(), v.view(), parts);
        let far = (&split.out - &whole.out).mapv(f32::abs);
        assert!(far.iter().all(|&x| x < 1e-6), "{parts} parts");
        assert!((split.lse - whole.lse).abs() < 1e-5, "{parts} parts");
    }
}

fn close(a: &Output, b: &Output) -> bool {
    let pairs = a.out.iter().zip(&b.out).chain(a.lse.iter().zip(&b.lse));
    pairs.into_iter().all(|(x, y)| x == y || (x - y).abs() < 1e-5)
}

#[test]
fn any_block_sizes_give_the_same_and_the_traffic_of_the_closed_form() {
    for (n, m) in [(1, 1), (7, 7), (12, 5), (5, 12), (33, 31)] {
        for causal in [false, true] {
            let (q, k, v) = (normal(1, (n, 8)), normal(2, (m, 8)), normal(3, (m, 4)));
            let (q, k, v) = (q.view(), k.view(), v.view());
            let right = online(q, k, v, causal);
            for block in [(1, 1), (1, 5), (5, 1), (3, 4), (8, 8), (100, 2), (64, 64)] {
                let block = Block { q: block.0, k: block.1 };
                let mut traffic = Traffic::default();
                let got = flash_forward(q, k, v, causal, block, &mut traffic);
                assert!(close(&got, &right), "n={n} m={m} {causal} {block:?}");
                let (d, d_v) = (8, 4);
                let sizes = Sizes { n, m, d, d_v, causal };
                assert_eq!(traffic, sizes.flash(block), "n={n} m={m} {causal} {block:?}");
                let (d_out, traffic) = (normal(4, (n, 4)), &mut Traffic::default());
                flash_backward(q, k, v, causal, &got, d_out.view(), block, traffic);
                assert_eq!(
                    *traffic,
                    sizes.flash_backward(block),
                    "backward, n={n} m={m} {causal} {block:?}"
                );
            }
        }
    }
}

#[test]
fn the_future_is_not_felt_even_where_it_is_not_finite() {
    let (q, k, v) = (normal(1, (20, 8)), normal(2, (20, 8)), normal(3, (20, 4)));
    let block = Block { q: 6, k: 5 };
    let run = |k: &Array2<f32>, v: &Array2<f32>| {
        flash_forward(q.view(), k.view(), v.view(), true, block, &mut Traffic::default())
    };
    let right = run(&k, &v);
    for bad in [1e6, f32::NAN, f32::INFINITY] {
        let (mut k, mut v) = (k.clone(), v.clone());
        k.row_mut(15).fill(bad);
        v.row_mut(15).fill(bad);
        let got = run(&k, &v);
        for i in 0..15 {
            let far = (&got.out.row(i) - &right.out.row(i)).mapv(f32::abs);
            assert!(far.iter().all(|&x| x < 1e-6), "{bad}: row {i}");
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let (q, k, v) = (normal(1, (5, 4)), normal(2, (6, 4)), normal(3, (6, 3)));
    let d_out = normal(4, (5, 3));
    let block = Block { q: 2, k: 4 };
    let loss = |q: &Array2<f32>, k: &Array2<f32>, v: &Array2<f32>| -> f64 {
        let traffic = &mut Traffic::default();
        let out = flash_forward(q.view(), k.view(), v.view(), true, block, traffic).out;
        let products = out.iter().zip(&d_out);
        products.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let traffic = &mut Traffic::default();
    let forward = flash_forward(q.view(), k.view(), v.view(), true, block, traffic);
    let Gradients { dq, dk, dv } =
        flash_backward(q.view(), k.view(), v.view(), true, &forward, d_out.view(), block, traffic);
    let step = 1e-2;
    let slope = |which: usize, at: (usize, usize)| {
        let moved = |by: f32| {
            let mut all = [q.clone(), k.clone(), v.clone()];
            all[which][at] += by;
            loss(&all[0], &all[1], &all[2])
        };
        ((moved(step) - moved(-step)) / (2.0 * f64::from(step))) as f32
    };
    for (which, gradient) in [dq, dk, dv].iter().enumerate() {
        for (at, &got) in gradient.indexed_iter() {
            let slope = slope(which, at);
            assert!((got - slope).abs() < 2e-3, "{which} {at:?}: {got} and {slope}");
        }
    }
}

#[test]
fn groups_are_heads_with_repeated_keys() {
    let mut random = Random::new(9);
    let (q, k, v): (Array3<f32>, Array3<f32>, Array3<f32>) =
        (random.normal((6, 5, 4)), random.normal((2, 7, 4)), random.normal((2, 7, 3)));
    let block = Block { q: 2, k: 3 };
    let traffic = &mut Traffic::default();
    let shared = flash_heads(q.view(), k.view(), v.view(), true, block, traffic);
    let repeat = |x: &Array3<f32>| x.select(Axis(0), &[0, 0, 0, 1, 1, 1]);
    let own = flash_heads(q.view(), repeat(&k).view(), repeat(&v).view(), true, block, traffic);
    assert_eq!(shared, own);
}

#[test]
fn sequences_do_not_feel_each_other() {
    let (q, k, mut v) = (normal(1, (9, 4)), normal(2, (11, 4)), normal(3, (11, 3)));
    let block = Block { q: 4, k: 4 };
    let run = |v: &Array2<f32>| {
        let (q, k, v) = (q.view(), k.view(), v.view());
        varlen(q, k, v, &[0, 4, 9], &[0, 6, 11], true, block, &mut Traffic::default())
    };
    let before = run(&v);
    v.slice_mut(s![6.., ..]).fill(f32::NAN);
    let after = run(&v);
    assert_eq!(before.out.slice(s![..4, ..]), after.out.slice(s![..4, ..]));
}

#[test]
#[should_panic(expected = "block.k is 0")]
fn a_tile_without_rows_is_refused() {
    let x = normal(1, (3, 4));
    let block = Block { q: 2, k: 0 };
    flash_forward(x.view(), x.view(), x.view(), true, block, &mut Traffic::default());
}

#[test]
#[should_panic(expected = "value count 4 ≠ key count 3")]
fn values_and_keys_have_one_count() {
    let (x, v) = (normal(1, (3, 4)), normal(2, (4, 4)));
    online(x.view(), x.view(), v.view(), true);
}

#[test]
#[should_panic(expected = "query starts fall")]
fn starts_that_fall_are_refused() {
    let x = normal(1, (3, 4));
    let block = Block { q: 2, k: 2 };
    let (starts, traffic) = ([0, 2, 1, 3], &mut Traffic::default());
    varlen(x.view(), x.view(), x.view(), &starts, &starts, true, block, traffic);
}
