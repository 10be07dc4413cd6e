//! Three forms of one recurrence give the same rows, for every chunk size; and the exercises' functions
//! are members of the family.

use attn_core::random::Random;
use ch11_linear::{
    Forget, LinearError, Read, Recurrence, Write, bonus_step, chunk_backward, chunked, delta_step,
    feature_map, gated_scores,
    given::{State, Wy},
    kda_step, linear_attention, linear_step, mechanisms,
    seeded::{normal, uniform, units},
    wy_form,
};
use ndarray::{Array1, Array2, ArrayView2, s};

/// Every kind of forgetting, writing and reading with every other, for n tokens of width d.
fn family(random: &mut Random, n: usize, d: usize) -> Vec<(String, Recurrence<f64>)> {
    let log = |x: f64| x.max(1e-6).ln();
    let mut closed = uniform(random, (n, d)).mapv(log);
    for (i, gate) in closed.iter_mut().enumerate() {
        if i % 3 == 1 {
            *gate = f64::NEG_INFINITY;
        }
    }
    let forgets = [
        ("nothing", Forget::Nothing),
        ("γ", Forget::Constant(mechanisms::retnet_gamma(0).ln())),
        ("γ = 0", Forget::Constant(f64::NEG_INFINITY)),
        ("α per token", Forget::Tokens(uniform(random, n).mapv(log))),
        ("α per channel", Forget::Channels(uniform(random, (n, d)).mapv(log))),
        ("closed gates", Forget::Channels(closed)),
    ];
    let writes = [("adds", Write::Add), ("replaces", Write::Replace(uniform(random, n)))];
    let reads = [("after", Read::After), ("before", Read::Before(normal(random, d)))];
    let mut all = Vec::new();
    for (forgets, forget) in &forgets {
        for (writes, write) in &writes {
            for (reads, read) in &reads {
                // Nobody reads before a value that is replaced.
                if *writes == "adds" || *reads == "after" {
                    let (forget, write, read) = (forget.clone(), write.clone(), read.clone());
                    let name = format!("{forgets}, {writes}, read {reads}");
                    all.push((name, Recurrence { forget, write, read }));
                }
            }
        }
    }
    all
}

/// The largest difference, as a share of the largest entry.
fn apart(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let largest = b.fold(1.0_f64, |largest, x| largest.max(x.abs()));
    let error = |(x, y): (&f64, &f64)| (x - y).abs() / largest;
    let errors = a.iter().zip(b).map(error);
    errors.fold(0.0, |worst, error| if error.is_nan() { f64::NAN } else { worst.max(error) })
}

#[test]
fn all_forms_agree_for_every_chunk_size() {
    let mut random = Random::new(11);
    for (n, d, d_v) in [(1, 1, 1), (2, 3, 1), (5, 2, 4), (13, 4, 3), (32, 8, 8)] {
        for (name, recurrence) in family(&mut random, n, d) {
            let (q, k, v) = (
                normal(&mut random, (n, d)),
                units(&mut random, n, d),
                normal(&mut random, (n, d_v)),
            );
            let first = normal(&mut random, (d, d_v));
            let (q, k, v) = (q.view(), k.view(), v.view());
            let mut last = first.clone();
            let rows = recurrence.recurrent(&mut last, q, k, v).unwrap();
            for chunk in 1..=n + 2 {
                let mut state = first.clone();
                let found = recurrence.chunkwise(&mut state, q, k, v, chunk).unwrap();
                let error = apart(&found, &rows).max(apart(&state, &last));
                assert!(error < 1e-10, "{name}, n {n}, chunk {chunk}: {error:e}");
            }
            let rows = recurrence.recurrent(&mut Array2::zeros((d, d_v)), q, k, v).unwrap();
            let error = apart(&recurrence.parallel(q, k, v).unwrap(), &rows);
            assert!(error < 1e-10, "{name}, n {n}, parallel: {error:e}");
        }
    }
}

#[test]
fn all_forms_agree_in_f32() {
    let mut random = Random::new(12);
    let (n, d, d_v) = (40, 8, 6);
    for (name, recurrence) in family(&mut random, n, d) {
        let narrow = |x: &Array2<f64>| x.mapv(|x| x as f32);
        let single = Recurrence {
            forget: match &recurrence.forget {
                Forget::Nothing => Forget::Nothing,
                Forget::Constant(gate) => Forget::Constant(*gate as f32),
                Forget::Tokens(gates) => Forget::Tokens(gates.mapv(|x| x as f32)),
                Forget::Channels(gates) => Forget::Channels(narrow(gates)),
            },
            write: match &recurrence.write {
                Write::Add => Write::Add,
                Write::Replace(beta) => Write::Replace(beta.mapv(|x| x as f32)),
            },
            read: match &recurrence.read {
                Read::After => Read::After,
                Read::Before(bonus) => Read::Before(bonus.mapv(|x| x as f32)),
            },
        };
        let (q, k, v) =
            (normal(&mut random, (n, d)), units(&mut random, n, d), normal(&mut random, (n, d_v)));
        let exact = recurrence
            .recurrent(&mut Array2::zeros((d, d_v)), q.view(), k.view(), v.view())
            .unwrap();
        let (q, k, v) = (narrow(&q), narrow(&k), narrow(&v));
        for chunk in [1, 7, 16, 40] {
            let mut state = Array2::<f32>::zeros((d, d_v));
            let found = single.chunkwise(&mut state, q.view(), k.view(), v.view(), chunk).unwrap();
            let error = apart(&found.mapv(f64::from), &exact);
            assert!(error < 2e-5, "{name}, chunk {chunk}: {error:e}");
        }
    }
}

/// Rows of a function of one token at a time.
fn token_by_token(n: usize, d_v: usize, mut step: impl FnMut(usize) -> Array1<f64>) -> Array2<f64> {
    let mut rows = Array2::zeros((n, d_v));
    for t in 0..n {
        rows.row_mut(t).assign(&step(t));
    }
    rows
}

#[test]
fn the_exercises_are_members_of_the_family() {
    let mut random = Random::new(13);
    let (n, d, d_v) = (17, 4, 5);
    let (q, k, v) =
        (normal(&mut random, (n, d)), units(&mut random, n, d), normal(&mut random, (n, d_v)));
    let first = normal(&mut random, (d, d_v));
    let beta = uniform(&mut random, n);
    let gates = uniform(&mut random, (n, d));
    let bonus = normal(&mut random, d);
    let rows = |recurrence: Recurrence<f64>| {
        recurrence.recurrent(&mut first.clone(), q.view(), k.view(), v.view()).unwrap()
    };
    let near = |what: &str, a: &Array2<f64>, b: &Array2<f64>| {
        assert!(apart(a, b) < 1e-12, "{what}: {:e}", apart(a, b));
    };

    let gamma = mechanisms::retnet_gamma(1);
    let found = chunked(&mut first.clone(), q.view(), k.view(), v.view(), gamma, 5);
    near("chunked", &found, &rows(mechanisms::retnet(1)));

    let mut state = first.clone();
    let found = token_by_token(n, d_v, |t| {
        bonus_step(&mut state, q.row(t), k.row(t), v.row(t), gates.row(t), bonus.view())
    });
    // exp(−e^w) = gate.
    let w = gates.mapv(|gate| (-gate.ln()).ln());
    near("bonus_step", &found, &rows(mechanisms::rwkv6(w.view(), bonus.view())));

    let mut state = first.clone();
    let found = token_by_token(n, d_v, |t| {
        delta_step(&mut state, k.row(t), v.row(t), beta[t]);
        q.row(t).dot(&state)
    });
    near("delta_step", &found, &rows(mechanisms::delta(beta.view())));

    let mut state = first.clone();
    let found = token_by_token(n, d_v, |t| {
        kda_step(&mut state, q.row(t), k.row(t), v.row(t), beta[t], gates.row(t))
    });
    let log_gates = gates.mapv(f64::ln);
    near("kda_step", &found, &rows(mechanisms::kda(log_gates.view(), beta.view())));

    // Equal gates: the gated delta rule, whose matrices commute.
    let alpha = gates.column(0).to_owned();
    let mut state = first.clone();
    let found = token_by_token(n, d_v, |t| {
        let before = state.clone();
        delta_step(&mut state, k.row(t), v.row(t), beta[t]);
        // α (I − β k kᵀ) S + β k vᵀ: what was there, and fades, and what is new, and does not.
        let mut kept = before;
        delta_step(&mut kept, k.row(t), Array1::zeros(d_v).view(), beta[t]);
        state = &state - &(&kept * (1.0 - alpha[t]));
        q.row(t).dot(&state)
    });
    let log_alpha = alpha.mapv(f64::ln);
    near("gated delta", &found, &rows(mechanisms::gated_delta(log_alpha.view(), beta.view())));

    let scores = gated_scores(q.view(), k.view(), log_gates.view());
    let recurrence = Recurrence { forget: Forget::Channels(log_gates), ..Recurrence::plain() };
    near(
        "gated_scores",
        &scores.dot(&v),
        &recurrence.parallel(q.view(), k.view(), v.view()).unwrap(),
    );
}

/// The sums of the WY form give the state after the chunk, and its rows.
#[test]
fn the_wy_form_is_the_delta_rule() {
    let mut random = Random::new(14);
    for (c, d, d_v) in [(1, 2, 3), (6, 4, 4), (16, 8, 5)] {
        let (q, k, v) =
            (normal(&mut random, (c, d)), units(&mut random, c, d), normal(&mut random, (c, d_v)));
        let (first, beta) = (normal(&mut random, (d, d_v)), uniform(&mut random, c));
        let mut last = first.clone();
        let delta = mechanisms::delta(beta.view());
        let rows = delta.recurrent(&mut last, q.view(), k.view(), v.view()).unwrap();

        let Wy { w, u } = wy_form(k.view(), v.view(), beta.view());
        let written = u - w.dot(&first);
        assert!(apart(&(&first + &k.t().dot(&written)), &last) < 1e-12);
        let mut scores = q.dot(&k.t());
        scores.indexed_iter_mut().for_each(|((i, j), x)| *x = if j <= i { *x } else { 0.0 });
        assert!(apart(&(q.dot(&first) + scores.dot(&written)), &rows) < 1e-12);
    }
}

#[test]
fn the_parallel_and_the_recurrent_form_with_z_agree() {
    let mut random = Random::new(15);
    let (n, r, d_v) = (50, 6, 4);
    let [q, k] = [0, 1].map(|_| feature_map(normal(&mut random, (n, r)).view()));
    let v = normal(&mut random, (n, d_v));
    let mut state = State::empty(r, d_v);
    let found = token_by_token(n, d_v, |t| linear_step(&mut state, q.row(t), k.row(t), v.row(t)));
    assert!(apart(&found, &linear_attention(q.view(), k.view(), v.view())) < 1e-12);
}

/// The gradients of a chunk against differences of `chunked`, with γ = 1.
#[test]
fn the_gradients_are_differences() {
    let mut random = Random::new(16);
    let (c, d, d_v) = (5, 3, 4);
    let [q, k] = [0, 1].map(|_| normal(&mut random, (c, d)));
    let [v, d_out] = [0, 1].map(|_| normal(&mut random, (c, d_v)));
    let [state, d_next] = [0, 1].map(|_| normal(&mut random, (d, d_v)));
    let loss = |state: &Array2<f64>, q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>| {
        let mut next = state.clone();
        let out = chunked(&mut next, q.view(), k.view(), v.view(), 1.0, 2);
        (&out * &d_out).sum() + (&next * &d_next).sum()
    };
    let found =
        chunk_backward(state.view(), q.view(), k.view(), v.view(), d_out.view(), d_next.view());
    let differences = |x: &Array2<f64>, loss: &dyn Fn(&Array2<f64>) -> f64| {
        Array2::from_shape_fn(x.dim(), |at| {
            let moved = |by: f64| {
                let mut x = x.clone();
                x[at] += by;
                loss(&x)
            };
            (moved(1e-5) - moved(-1e-5)) / 2e-5
        })
    };
    assert!(apart(&differences(&q, &|q| loss(&state, q, &k, &v)), &found.dq) < 1e-8);
    assert!(apart(&differences(&k, &|k| loss(&state, &q, k, &v)), &found.dk) < 1e-8);
    assert!(apart(&differences(&v, &|v| loss(&state, &q, &k, v)), &found.dv) < 1e-8);
    assert!(apart(&differences(&state, &|state| loss(state, &q, &k, &v)), &found.d_state) < 1e-8);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let (n, d, d_v) = (3, 2, 2);
    let ones = |rows, columns| Array2::<f64>::ones((rows, columns));
    let said = |recurrence: &Recurrence<f64>, q: ArrayView2<f64>, state: (usize, usize), chunk| {
        let (k, v, mut state) = (ones(n, d), ones(n, d_v), Array2::zeros(state));
        match recurrence.chunkwise(&mut state, q, k.view(), v.view(), chunk) {
            Ok(rows) => format!("{rows}"),
            Err(error) => error.to_string(),
        }
    };
    let (plain, q) = (Recurrence::plain(), ones(n, d));
    assert_eq!(said(&plain, q.view(), (d, d_v), 0), "a chunk of 0 tokens");
    assert_eq!(said(&plain, q.view(), (5, d_v), 2), "rows of the state 5 ≠ key width 2");
    assert_eq!(said(&plain, ones(4, d).view(), (d, d_v), 2), "queries 4 ≠ keys 3");
    let with = |gate: f64| Recurrence { forget: Forget::Constant(gate), ..Recurrence::plain() };
    let gate = |gate: f64| said(&with(gate), q.view(), (d, d_v), 2);
    assert_eq!(gate(0.5), "the log-gate of token 0, channel 0, is 0.5; it is at most 0");
    assert!(gate(f64::NAN).contains("is NaN"));
    let beta = |beta: f64| {
        said(&mechanisms::delta(Array1::from_elem(n, beta).view()), q.view(), (d, d_v), 2)
    };
    assert_eq!(beta(2.5), "β of token 0 is 2.5; it is between 0 and 2");
    assert!(beta(f64::NAN).contains("is NaN") && beta(-0.1).contains("-0.1"));
    let channels = Forget::Channels(Array2::zeros((n, d + 1)));
    let wide = Recurrence { forget: channels, ..Recurrence::plain() };
    assert_eq!(said(&wide, q.view(), (d, d_v), 2), "gate width 3 ≠ key width 2");
    assert_eq!(LinearError::EmptyChunk.to_string(), "a chunk of 0 tokens");
}

/// Mamba-2 is what Mamba-1 becomes when all rates of a channel are one, and all channels of a head share
/// their steps; and it is a masked product (Dao and Gu, §5).
#[test]
fn mamba_2_is_a_masked_product_and_a_special_selective_scan() {
    let mut random = Random::new(17);
    let (n, d, d_v, a) = (12, 4, 3, 0.3_f64);
    let (b, c, x) =
        (normal(&mut random, (n, d)), normal(&mut random, (n, d)), normal(&mut random, (n, d_v)));
    let steps = normal(&mut random, n).mapv(mechanisms::softplus);
    let column = steps.clone().insert_axis(ndarray::Axis(1));
    let v = &x * &column;
    let mut state = Array2::zeros((d, d_v));
    let rows = mechanisms::mamba2(a, steps.view())
        .recurrent(&mut state, c.view(), b.view(), v.view())
        .unwrap();

    let shared = Array2::from_shape_fn((n, d_v), |(t, _)| steps[t]);
    let rates = Array2::from_elem((d_v, d), -a.exp());
    let scanned =
        mechanisms::selective_scan(x.view(), shared.view(), rates.view(), b.view(), c.view());
    assert!(apart(&rows, &scanned) < 1e-12);

    let mask = Array2::from_shape_fn((n, n), |(i, j)| {
        let between: f64 = steps.slice(s![(j + 1).min(i + 1)..i + 1]).sum();
        if j > i { 0.0 } else { (-a.exp() * between).exp() }
    });
    assert!(apart(&rows, &(mask * c.dot(&b.t())).dot(&v)) < 1e-12);
}

#[test]
fn channel_mixing_looks_one_token_back_and_no_further() {
    let mut random = Random::new(18);
    let weights = mechanisms::ChannelMix {
        mix_k: uniform(&mut random, 4),
        mix_r: uniform(&mut random, 4),
        w_k: normal(&mut random, (4, 6)),
        w_r: normal(&mut random, (4, 4)),
        w_v: normal(&mut random, (6, 4)),
    };
    let x = normal(&mut random, (7, 4));
    let whole = mechanisms::channel_mix(&weights, &mut Array1::zeros(4), x.view());
    let mut last = Array1::zeros(4);
    let first = mechanisms::channel_mix(&weights, &mut last, x.slice(s![..3, ..]));
    let rest = mechanisms::channel_mix(&weights, &mut last, x.slice(s![3.., ..]));
    assert_eq!(whole, ndarray::concatenate![ndarray::Axis(0), first, rest]);
    let mut other = x.clone();
    other[[2, 0]] += 1.0;
    let moved = mechanisms::channel_mix(&weights, &mut Array1::zeros(4), other.view());
    let changed: Vec<usize> = (0..7).filter(|&t| moved.row(t) != whole.row(t)).collect();
    assert_eq!(changed, [2, 3]);
}
