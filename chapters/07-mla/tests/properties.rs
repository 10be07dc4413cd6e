//! That all forms are one function, in hundreds of cases and every cut into chunks.

use attn_core::random::Random;
use ch07_mla::{
    Expanded, Mla, absorb_output, absorb_query, cheaper_form, compress,
    functions::REFERENCE,
    given::{Form, Latents, Queries, Shape, Up},
    gqa_as_mla, mixed, mla_absorbed, mla_as_mqa, mla_naive, queries, rotation_between,
    seeded::{self, normal},
};
use ndarray::{Array, Array2, Array3, ArrayView2, Axis, Dimension, concatenate, s};

/// The largest difference of two arrays, as a share of the largest entry of the second.
#[track_caller]
fn apart<D: Dimension>(a: &Array<f64, D>, b: &Array<f64, D>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let largest = |x: &Array<f64, D>| x.fold(0.0_f64, |most, x| most.max(x.abs()));
    largest(&(a - b)) / largest(b).max(1.0)
}

const ALLOWED: f64 = 1e-12;

fn some_shape(random: &mut Random) -> Shape {
    Shape {
        h: 1 + random.below(4),
        d: 1 + random.below(8),
        d_r: 2 + 2 * random.below(3),
        d_v: 1 + random.below(8),
        d_c: 1 + random.below(12),
    }
}

/// What the layer gives for a text that comes in chunks.
fn in_chunks(
    layer: &Mla,
    form: Form,
    x: ArrayView2<f64>,
    chunks: &[usize],
) -> (Array2<f64>, Latents) {
    let shape = (layer.down.gain.len(), layer.down.w_kr.ncols());
    let (mut kept, mut out) = (Latents::empty(shape.0, shape.1), Array2::zeros((0, x.ncols())));
    let mut from = 0;
    for &n in chunks {
        let chunk = x.slice(s![from..from + n, ..]);
        out.append(Axis(0), layer.attend(REFERENCE, form, chunk, &mut kept).view()).unwrap();
        from += n;
    }
    assert_eq!(from, x.nrows());
    (out, kept)
}

/// All ways to cut `n` tokens: each bit of `cut` says whether there is a cut behind a token.
fn cut(n: usize, cut: usize) -> Vec<usize> {
    let mut chunks = vec![1];
    for i in 1..n {
        match cut >> (i - 1) & 1 {
            0 => *chunks.last_mut().unwrap() += 1,
            _ => chunks.push(1),
        }
    }
    chunks
}

#[test]
fn both_forms_are_equal_in_every_cut_into_chunks() {
    let (mut cases, mut worst) = (0, 0.0_f64);
    for seed in 1..=12 {
        let mut random = Random::new(seed);
        let shape = some_shape(&mut random);
        let d_model = 2 + random.below(8);
        let d_q = [None, Some(1 + random.below(8))][random.below(2)];
        let layer = Mla::seeded(&mut random, d_model, d_q, shape);
        let n = 6;
        let x = normal(&mut random, (n, d_model));
        let (whole, _) = in_chunks(&layer, Form::Naive, x.view(), &[n]);
        for bits in 0..1 << (n - 1) {
            for form in [Form::Naive, Form::Absorbed] {
                let (out, kept) = in_chunks(&layer, form, x.view(), &cut(n, bits));
                worst = worst.max(apart(&out, &whole));
                // d_c + d_r numbers per token, whatever the heads are.
                assert_eq!(kept.numbers(), n * (shape.d_c + shape.d_r));
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 768);
    assert!(worst < ALLOWED, "{worst:e}");
}

#[test]
fn both_forms_are_equal_for_hundreds_of_shapes() {
    let mut worst = 0.0_f64;
    for seed in 1..=400 {
        let mut random = Random::new(1000 + seed);
        let shape = some_shape(&mut random);
        let n = 1 + random.below(5);
        let m = n + random.below(40);
        let (queries, kept) = seeded::attention(&mut random, shape, (n, m));
        let up = seeded::up(&mut random, shape);
        let naive = mla_naive(&queries, &kept, &up);
        worst = worst.max(apart(&mla_absorbed(&queries, &kept, &up).heads, &naive));
        worst = worst.max(apart(&mla_as_mqa(&queries, &kept, &up).heads, &naive));
        let mut expanded = Expanded::empty(&up, shape.d_r);
        expanded.append(&kept, &up);
        worst = worst.max(apart(&expanded.attend(&queries), &naive));
        assert_eq!(expanded.numbers(), m * (shape.h * (shape.d + shape.d_v) + shape.d_r));
    }
    assert!(worst < ALLOWED, "{worst:e}");
}

#[test]
fn the_absorbed_query_meets_a_latent_as_the_query_meets_its_key() {
    for seed in 1..=100 {
        let mut random = Random::new(seed);
        let shape = some_shape(&mut random);
        let (queries, kept) = seeded::attention(&mut random, shape, (3, 5));
        let up = seeded::up(&mut random, shape);
        let absorbed = absorb_query(queries.content.view(), up.w_uk.view());
        for a in 0..shape.h {
            let own = |x: &Array3<f64>| x.index_axis(Axis(0), a).to_owned();
            let keys = kept.c.dot(&own(&up.w_uk));
            let scores = own(&queries.content).dot(&keys.t());
            assert!(apart(&own(&absorbed).dot(&kept.c.t()), &scores) < ALLOWED);
        }
    }
}

#[test]
fn the_absorbed_output_is_the_output() {
    for seed in 1..=100 {
        let mut random = Random::new(seed);
        let shape = some_shape(&mut random);
        let up = seeded::up(&mut random, shape);
        let w_o = normal(&mut random, (shape.h, shape.d_v, 7));
        let (queries, kept) = seeded::attention(&mut random, shape, (2, 6));
        let found = mla_absorbed(&queries, &kept, &up);
        let output = absorb_output(up.w_uv.view(), w_o.view());
        let at_once = mixed(found.latents.view(), output.product.view());
        assert!(apart(&at_once, &mixed(found.heads.view(), w_o.view())) < ALLOWED);
        assert_eq!(output.apart, up.w_uv.len() + w_o.len());
    }
}

/// The keys of an absorbed head are as wide as what is kept, and shared: multi-query attention.
#[test]
fn the_absorbed_form_is_multi_query_attention_with_another_scale() {
    let mut random = Random::new(7);
    let shape = Shape { h: 4, d: 6, d_r: 4, d_v: 5, d_c: 10 };
    let (queries, kept) = seeded::attention(&mut random, shape, (3, 8));
    let up = seeded::up(&mut random, shape);
    let absorbed = absorb_query(queries.content.view(), up.w_uk.view());
    let width = shape.d_c + shape.d_r;
    // A single head without a rotary part, whose weights make keys and values of what is kept.
    let one = |kept: &Array2<f64>| Latents { c: kept.clone(), k_r: Array2::zeros((8, 0)) };
    let keys = concatenate![Axis(1), kept.c, kept.k_r];
    let found = mla_absorbed(&queries, &kept, &up);
    for a in 0..shape.h {
        let q = concatenate![
            Axis(1),
            absorbed.index_axis(Axis(0), a),
            queries.rotary.index_axis(Axis(0), a)
        ];
        // Attention divides by the root of its width; the scale is the root of d + d_r.
        let q = q * (width as f64 / (shape.d + shape.d_r) as f64).sqrt();
        let q = Queries { content: q.insert_axis(Axis(0)), rotary: Array3::zeros((1, 3, 0)) };
        let values = Array2::from_shape_fn((width, shape.d_c), |(i, j)| f64::from(i == j));
        let up =
            Up { w_uk: Array2::eye(width).insert_axis(Axis(0)), w_uv: values.insert_axis(Axis(0)) };
        let latents = mla_naive(&q, &one(&keys), &up).index_axis_move(Axis(0), 0);
        assert!(apart(&latents, &found.latents.index_axis(Axis(0), a).to_owned()) < ALLOWED);
    }
}

/// A shift of all positions changes no score: the rotary parts see distances alone.
#[test]
fn only_distances_count() {
    let mut random = Random::new(3);
    let shape = Shape { h: 3, d: 6, d_r: 4, d_v: 5, d_c: 10 };
    let layer = Mla::seeded(&mut random, 8, Some(6), shape);
    let x = normal(&mut random, (5, 8));
    let at = |start: usize| {
        let kept = compress(&layer.down, x.view(), start);
        mla_absorbed(&queries(&layer.queries, x.view(), start), &kept, &layer.up).heads
    };
    assert!(apart(&at(700), &at(0)) < 1e-11);
}

/// With a rotation of the content part, the two forms would differ: the matrix is another one at
/// each distance, and that of task 7 is the right one.
#[test]
fn a_rotated_content_part_has_another_matrix_at_each_distance() {
    let (mut random, base) = (Random::new(5), 100.0);
    let (w_uq, w_uk) = (normal(&mut random, (5, 4)), normal(&mut random, (6, 4)));
    let (c_q, c) = (normal(&mut random, (1, 5)), normal(&mut random, (1, 6)));
    let rope = ch07_mla::given::rope;
    for (t, j) in [(0, 0), (3, 3), (4, 3), (9, 2), (70, 12)] {
        let q = rope(c_q.dot(&w_uq).view(), t, base);
        let k = rope(c.dot(&w_uk).view(), j, base);
        let between = rotation_between(w_uq.view(), w_uk.view(), t - j, base);
        let score = c_q.dot(&between).dot(&c.t());
        assert!(apart(&score, &q.dot(&k.t())) < ALLOWED, "at {t} and {j}");
    }
    let at = |distance| rotation_between(w_uq.view(), w_uk.view(), distance, base);
    assert!(apart(&at(1), &at(0)) > 0.1 && apart(&at(2), &at(1)) > 0.1);
}

/// A rotation changes no rank: what blocks absorption is that it changes with the distance.
#[test]
fn a_rotation_keeps_lengths_and_can_be_undone() {
    let mut random = Random::new(6);
    let x = normal(&mut random, (4, 6));
    let turned = ch07_mla::given::rope(x.view(), 11, 100.0);
    let squares = |x: &Array2<f64>| x.mapv(|x| x * x).sum_axis(Axis(1));
    assert!(apart(&squares(&turned), &squares(&x)) < ALLOWED);
    // The rotation as a matrix has the determinant 1: its rows are of length 1 and orthogonal.
    let mut rotation = Array2::eye(6);
    for mut row in rotation.axis_chunks_iter_mut(Axis(0), 1) {
        let turned = ch07_mla::given::rope(row.view(), 11, 100.0);
        row.assign(&turned);
    }
    assert!(apart(&rotation.dot(&rotation.t()), &Array2::eye(6)) < ALLOWED);
}

/// Grouped-query attention, head by head, and the same as latent attention in both forms.
#[test]
fn grouped_query_attention_is_latent_attention() {
    let (mut cases, mut worst) = (0, 0.0_f64);
    for seed in 1..=200 {
        let mut random = Random::new(seed);
        let h_kv = 1 + random.below(4);
        let h = h_kv * (1 + random.below(3));
        let (d, d_v) = (2 + 2 * random.below(3), 1 + random.below(5));
        let n = 1 + random.below(4);
        let m = n + random.below(9);
        let mut turned = |heads: usize, rows: usize, start: usize| {
            let mut x = normal(&mut random, (heads, rows, d));
            for mut head in x.outer_iter_mut() {
                let turned = ch07_mla::given::rope(head.view(), start, 100.0);
                head.assign(&turned);
            }
            x
        };
        let (q, k) = (turned(h, n, m - n), turned(h_kv, m, 0));
        let v = normal(&mut random, (h_kv, m, d_v));
        let as_mla = gqa_as_mla(k.view(), v.view(), h);
        assert_eq!(as_mla.c.ncols(), h_kv * (d + d_v));
        let queries = Queries { content: q.clone(), rotary: Array3::zeros((h, n, 0)) };
        let kept = Latents { c: as_mla.c, k_r: Array2::zeros((m, 0)) };
        let forms = [
            mla_naive(&queries, &kept, &as_mla.up),
            mla_absorbed(&queries, &kept, &as_mla.up).heads,
        ];
        for a in 0..h {
            let group = a / (h / h_kv);
            let (k, v) = (k.index_axis(Axis(0), group), v.index_axis(Axis(0), group));
            let scores = q.index_axis(Axis(0), a).dot(&k.t()) / (d as f64).sqrt();
            let out = ch07_mla::given::causal_softmax(scores.view()).dot(&v);
            for form in &forms {
                worst = worst.max(apart(&form.index_axis(Axis(0), a).to_owned(), &out));
                cases += 1;
            }
        }
    }
    assert!(cases > 1000 && worst < ALLOWED, "{cases} {worst:e}");
}

/// Keys that are *not* turned in the latent would have to be turned after they were made of it.
#[test]
fn unrotated_keys_in_the_latent_cannot_be_absorbed() {
    let mut random = Random::new(9);
    let (q, k, v) = (
        normal(&mut random, (1, 1, 4)),
        normal(&mut random, (1, 6, 4)),
        normal(&mut random, (1, 6, 3)),
    );
    let rope = |x: &Array3<f64>, start| {
        ch07_mla::given::rope(x.index_axis(Axis(0), 0), start, 100.0).insert_axis(Axis(0))
    };
    let attend = |k: &Array3<f64>| {
        let as_mla = gqa_as_mla(k.view(), v.view(), 1);
        let queries = Queries { content: rope(&q, 5), rotary: Array3::zeros((1, 1, 0)) };
        let kept = Latents { c: as_mla.c, k_r: Array2::zeros((6, 0)) };
        mla_absorbed(&queries, &kept, &as_mla.up).heads
    };
    assert!(apart(&attend(&k), &attend(&rope(&k, 0))) > 1e-3);
}

/// The rule by differences is the comparison of the two sums.
#[test]
fn the_rule_of_the_crossover_is_the_comparison_of_the_costs() {
    for seed in 1..=300 {
        let mut random = Random::new(seed);
        let shape = some_shape(&mut random);
        let n = 1 + random.below(30);
        let m = n + random.below(60);
        let (through, pair) = (
            (shape.d_c * (shape.d + shape.d_v)) as f64,
            2.0 * shape.d_c as f64 - (shape.d + shape.d_v) as f64,
        );
        let wins = (1.0 / n as f64 - 1.0 / m as f64) * through > pair + 1e-9;
        let cheaper = cheaper_form(&shape, n, m).cheaper;
        // Where the two are equal, rounding decides on one side only.
        let costs = cheaper_form(&shape, n, m);
        if costs.naive != costs.absorbed {
            assert_eq!(wins, cheaper == Form::Absorbed, "{shape:?} {n} {m}");
        }
    }
}
