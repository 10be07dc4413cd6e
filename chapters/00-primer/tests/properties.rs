//! What holds for every input, on seeded ones.

use attn_core::random::Random;
use ch00_primer::{normalise_rows, weighted_sum};
use ndarray::{Array1, Array2, Axis, array};

fn positive(random: &mut Random, shape: (usize, usize)) -> Array2<f32> {
    random.normal(shape).exp()
}

#[test]
fn worked_by_hand() {
    let values = array![[4.0, 0.0, 8.0], [0.0, 4.0, 8.0]];
    let out = weighted_sum(array![0.25, 0.75].view(), values.view());
    assert_eq!(out, array![1.0, 3.0, 8.0]);
    let x = array![[1.0, 2.0, 1.0], [0.0, 0.0, 0.0]];
    let rows = normalise_rows(x.view());
    assert_eq!(rows, array![[0.25, 0.5, 0.25], [0.0, 0.0, 0.0]]);
}

/// A weight of one, and zeros beside it, look a row up.
#[test]
fn a_single_weight_of_one_picks_its_row() {
    let values = Random::new(1).normal((5, 3));
    for j in 0..5 {
        let mut weights = Array1::zeros(5);
        weights[j] = 1.0;
        assert_eq!(weighted_sum(weights.view(), values.view()), values.row(j));
    }
}

/// With weights that sum to one, every entry lies between the least and the greatest of its column.
#[test]
fn a_weighted_mean_lies_among_its_values() {
    for seed in 1..=3 {
        let mut random = Random::new(seed);
        let weights = normalise_rows(positive(&mut random, (1, 31)).view());
        let values = random.normal((31, 33));
        let out = weighted_sum(weights.row(0), values.view());
        for (x, column) in out.iter().zip(values.columns()) {
            let (least, most) =
                column.fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
            assert!((least - 1e-5..=most + 1e-5).contains(x), "{least} {x} {most}");
        }
    }
}

#[test]
fn rows_sum_to_one_whatever_their_scale() {
    for scale in [1e-30, 1.0, 1e30] {
        let x = positive(&mut Random::new(2), (33, 129)) * scale;
        for sum in normalise_rows(x.view()).sum_axis(Axis(1)) {
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        }
    }
}

/// A factor of a power of two changes no digit.
#[test]
fn a_row_does_not_see_a_factor() {
    let x = positive(&mut Random::new(3), (4, 7));
    assert_eq!(normalise_rows((&x * 1024.0).view()), normalise_rows(x.view()));
}
