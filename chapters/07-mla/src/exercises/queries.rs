//! 7.2 `queries`

use super::compress::{halves, in_f64, swapped, through_f32};
use crate::{
    given::{EPSILON, Queries, QueryWeights, Source, rms_norm, rope},
    oracle, seeded,
};
use attn_exercise::{Field, Given, Input, Sizes, exercise, field, fields, given, pairwise};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, array, concatenate, s};
use std::f64::consts::FRAC_PI_2;

fields! { Queries { content, rotary } }

exercise! {
    /// The weights, new tokens, and the position of the first.
    crate::queries: (weights: QueryWeights, x: Array2<f64>[n d_model], start: usize) -> Queries;

    exact: |c| {
        let (content, rotary) = oracle::queries(&c.weights, c.x.view(), c.start);
        Queries { content, rotary }
    };
    then: |c, answer| {
        let (content, rotary) = oracle::queries(&c.weights, c.x.view(), c.start);
        in_f64(&[("content", &answer.content, &content), ("rotary", &answer.rotary, &rotary)])
    };
    steps: |c| [field("what the queries are made of", &source(&c.weights, c.x.view()))];

    cases: |random| {
        let mut of = |about, (n, d_model), d_q, (h, d, d_r), start| {
            let weights = seeded::query_weights(random, d_model, d_q, (h, d, d_r));
            case(about, (weights, seeded::normal(random, (n, d_model)), start))
        };
        let mut cases = vec![
            by_hand(),
            of("from the beginning", (4, 8), Some(6), (2, 4, 4), 0),
            of("one new token", (1, 16), Some(12), (4, 8, 4), 31),
            of("a chunk, of the tokens themselves", (5, 16), None, (4, 8, 4), 17),
            of("far on in a text", (3, 8), Some(8), (3, 4, 8), 2000),
            of("many heads", (2, 8), Some(8), (16, 3, 2), 4),
        ];
        // ε counts where a latent is small.
        let small = of("small numbers", (3, 8), Some(6), (2, 4, 4), 2);
        cases.push(Case { x: small.x * 1e-3, ..small });
        let levels = [4, 4, 4, 3, 4, 2, 3, 2];
        cases.extend(pairwise(levels).into_iter().map(|[n, d_model, d_q, h, d, d_r, start, of_latent]| {
            let size = |level: usize| [1, 2, 4, 5][level];
            let d_q = (of_latent == 1).then_some(size(d_q));
            of("small", (size(n), size(d_model)), d_q, (h + 1, size(d), 2 * d_r + 2), [0, 3, 50][start])
        }));
        for one in 0..5 {
            let of_1 = |place: usize, size: usize| if place == one { 1 } else { size };
            for d_q in [None, Some(of_1(4, 3))] {
                cases.push(of("small", (of_1(0, 3), of_1(1, 2)), d_q, (of_1(2, 2), of_1(3, 3), 4), 3));
            }
        }
        cases
    };

    never {
        "d_r = 1": "the rotary part is turned in pairs";
    }

    right (weights, x, start) {
        "all heads in one product" => {
            let source = source(weights, x);
            let (content, rotary) = (side_by_side(&weights.w_uq), side_by_side(&weights.w_qr));
            let h = weights.w_uq.dim().0;
            Queries {
                content: split(&source.dot(&content), h),
                rotary: split(&source.dot(&rotary), h).outer_iter().map(|q| rope(q, start, weights.base)).collect::<Heads>().0,
            }
        };
        "token by token" => {
            let rows = x.axis_chunks_iter(Axis(0), 1).enumerate();
            let rows: Vec<_> = rows.map(|(r, row)| crate::queries(weights, row, start + r)).collect();
            let joined = |part: fn(&Queries) -> &Array3<f64>| {
                let parts: Vec<_> = rows.iter().map(|q| part(q).view()).collect();
                ndarray::concatenate(Axis(1), &parts).expect("equal rows")
            };
            Queries { content: joined(|q| &q.content), rotary: joined(|q| &q.rotary) }
        };
        "by plain loops" => {
            let (content, rotary) = oracle::queries(weights, x, start);
            Queries { content, rotary }
        };
    }

    mistakes (weights, x, start) {
        "no-norm": "the query's latent is not normalised"
            => with_source(weights, x, start, |w_dq, _| x.dot(w_dq));
        "gain-without-norm": "the query's latent is multiplied by the gain, but not normalised"
            => with_source(weights, x, start, |w_dq, gain| x.dot(w_dq) * gain);
        "no-gain": "the query's latent is normalised, but not multiplied by the gain"
            => with_source(weights, x, start, |w_dq, _| unit(&x.dot(w_dq)));
        "x-normalised": "x is normalised before W_DQ, instead of the latent after it"
            => with_source(weights, x, start, |w_dq, gain| unit(&x.to_owned()).dot(w_dq) * gain);
        "token-normalised": "the token is normalised where the queries are made of the token itself; only a latent is"
            => match &weights.source {
                Source::Token => made(weights, &unit(&x.to_owned()), start),
                Source::Latent { .. } => crate::queries(weights, x, start),
            };
        "position-0": "the positions begin at 0 instead of at start: every chunk would be turned as if it were the first"
            => crate::queries(weights, x, 0);
        "one-ahead": "the positions are one too far: the first row stands at start"
            => crate::queries(weights, x, start + 1);
        "not-turned": "the rotary part is not turned"
            => rotary(weights, x, start, |_, q| q);
        "content-turned": "the content part is turned too where its width is even; W_UK could not be absorbed into it then"
            => {
                let right = crate::queries(weights, x, start);
                let turn = |q: ArrayView2<f64>| if q.ncols().is_multiple_of(2) { rope(q, start, weights.base) } else { q.to_owned() };
                Queries { content: right.content.outer_iter().map(turn).collect::<Heads>().0, ..right }
            };
        "before-split": "the rotary parts of all heads are turned as one row: the pairs and their speeds are those of the whole width, instead of each head's own"
            => {
                let whole = source(weights, x).dot(&side_by_side(&weights.w_qr));
                let turned = rope(whole.view(), start, weights.base);
                Queries { rotary: split(&turned, weights.w_qr.dim().0), ..crate::queries(weights, x, start) }
            };
        "heads-as-positions": "head a is turned from position start + a on; all heads begin at start"
            => rotary(weights, x, start, |a, q| rope(q.view(), start + a, weights.base));
        "all-at-start": "every row is turned by the position of the first"
            => rotary(weights, x, start, |_, q| super::compress::each_row(&q, |row| rope(row, start, weights.base)));
        "first-head": "all heads have the matrices of head 0"
            => {
                let first = |w: &Array3<f64>| Array3::from_shape_fn(w.raw_dim(), |(_, i, c)| w[[0, i, c]]);
                let weights = QueryWeights { w_uq: first(&weights.w_uq), w_qr: first(&weights.w_qr), ..weights.clone() };
                crate::queries(&weights, x, start)
            };
        "one-rotary-part": "all heads have the rotary part of head 0: it is the rotary key that they share, not the query's"
            => {
                let first = Array3::from_shape_fn(weights.w_qr.raw_dim(), |(_, i, c)| weights.w_qr[[0, i, c]]);
                crate::queries(&QueryWeights { w_qr: first, ..weights.clone() }, x, start)
            };
        "scaled": "the queries are divided by √(d + d_r) already; the scores are, once"
            => {
                let Queries { content, rotary } = crate::queries(weights, x, start);
                let root = ((content.dim().2 + rotary.dim().2) as f64).sqrt();
                Queries { content: content / root, rotary: rotary / root }
            };
        "source-turned": "what the queries are made of is turned before W_QR where its width is even, instead of the rotary part after it"
            => {
                let source = source(weights, x);
                let turned = if source.ncols().is_multiple_of(2) { rope(source.view(), start, weights.base) } else { source };
                Queries { rotary: times(&turned, &weights.w_qr), ..crate::queries(weights, x, start) }
            };
        "rotary-of-content": "the rotary part is the content part, turned, where both are as wide; it has a matrix of its own, W_QR"
            => {
                let right = crate::queries(weights, x, start);
                let rotary = match right.content.dim() == right.rotary.dim() {
                    true => right.content.outer_iter().map(|q| rope(q, start, weights.base)).collect::<Heads>().0,
                    false => right.rotary,
                };
                Queries { content: right.content, rotary }
            };
        "rotary-of-x": "the rotary part is made of x where that is as wide as the latent; both parts are made of the latent"
            => {
                let right = crate::queries(weights, x, start);
                let rotary = if of_x_fits(weights, x) { made(weights, &x.to_owned(), start).rotary } else { right.rotary };
                Queries { content: right.content, rotary }
            };
        "content-of-x": "the content part is made of x where that is as wide as the latent; both parts are made of the latent"
            => {
                let right = crate::queries(weights, x, start);
                let content = if of_x_fits(weights, x) { made(weights, &x.to_owned(), start).content } else { right.content };
                Queries { content, rotary: right.rotary }
            };
        "latent-ignored": "both parts are made of x where that is as wide as the latent, and the latent is not used"
            => if of_x_fits(weights, x) { made(weights, &x.to_owned(), start) } else { crate::queries(weights, x, start) };
        "heads-as-rows": "`rope` gets the heads of a token as its rows: head a is turned by position start + a, whichever token it is of"
            => rotary(weights, x, start, |a, q| super::compress::each_row(&q, |row| rope(row, start + a, weights.base)));
        "content-scaled": "the content part alone is divided by √d; it is the scores that are divided, once"
            => {
                let Queries { content, rotary } = crate::queries(weights, x, start);
                let root = (content.dim().2 as f64).sqrt();
                Queries { content: content / root, rotary }
            };
        "content-normalised": "the content part of each head is normalised too; only a latent is"
            => {
                let Queries { content, rotary } = crate::queries(weights, x, start);
                Queries { content: content.outer_iter().map(|q| unit(&q.to_owned())).collect::<Heads>().0, rotary }
            };
        "rotary-normalised": "the rotary part of each head is normalised too, before or after its turn; only a latent is"
            => rotary(weights, x, start, |_, q| rope(unit(&q).view(), start, weights.base));
        "halves": "the rotary part is turned in the other layout: pair i is the numbers i and i + d_r/2, where it should be 2i and 2i + 1"
            => rotary(weights, x, start, |_, q| halves(&q, |q| rope(q, start, weights.base)));
        "base-fixed": "the base is always 10,000, whatever `weights.base` says"
            => crate::queries(&QueryWeights { base: 10_000.0, ..weights.clone() }, x, start);
        "backwards": "the rotary part is turned the other way, unlike the keys"
            => rotary(weights, x, start, |_, q| swapped(&rope(swapped(&q).view(), start, weights.base)));
        "heads-reversed": "the heads come in reverse order"
            => {
                let mut all = crate::queries(weights, x, start);
                all.content.invert_axis(Axis(0));
                all.rotary.invert_axis(Axis(0));
                all
            };
        "gain-before-norm": "the gain multiplies the query's latent before its norm instead of after it"
            => with_source(weights, x, start, |w_dq, gain| unit(&(x.dot(w_dq) * gain)));
        "x-normalised-first": "x is normalised before anything else is made of it; only the query's latent is normalised"
            => crate::queries(weights, unit(&x.to_owned()).view(), start);
        "gain-twice": "the query's latent is multiplied by the gain twice"
            => with_source(weights, x, start, |w_dq, gain| unit(&x.dot(w_dq)) * gain * gain);
        "one-plus-gain": "the query's latent is multiplied by 1 + gain; it is multiplied by the gain itself"
            => with_source(weights, x, start, |w_dq, gain| unit(&x.dot(w_dq)) * (gain + 1.0));
        "mean-subtracted": "the mean is subtracted from the query's latent, as layer normalisation does; it is divided by the root of the mean of its squares alone"
            => with_source(weights, x, start, |w_dq, gain| {
                let c = x.dot(w_dq);
                let mean = c.mean_axis(Axis(1)).expect("columns").insert_axis(Axis(1));
                unit(&(c - &mean)) * gain
            });
        "length": "the query's latent is divided by its length; it is divided by the root of the mean of its squares"
            => with_source(weights, x, start, |w_dq, gain| {
                let c = unit(&x.dot(w_dq));
                let root = (c.ncols() as f64).sqrt();
                c / root * gain
            });
        "one-mean-for-all": "the squares of all tokens have one mean; each token has its own"
            => with_source(weights, x, start, |w_dq, gain| {
                let c = x.dot(w_dq);
                let mean = c.mapv(|x| x * x).mean().expect("tokens");
                c / (mean + EPSILON).sqrt() * gain
            });
        "no-epsilon": "nothing is added to the mean of the squares: the latents of small tokens become too large"
            => with_source(weights, x, start, |w_dq, gain| super::compress::each_row(&x.dot(w_dq), |row| {
                let mean = row.mapv(|x| x * x).mean().expect("columns");
                &row / mean.sqrt() * gain
            }));
        "content-turned-everywhere": "the content part is turned as well as the rotary part; W_UK could not be absorbed into it then"
            => {
                let right = crate::queries(weights, x, start);
                Queries { content: right.content.outer_iter().map(|q| rope(q, start, weights.base)).collect::<Heads>().0, ..right }
            };
        "turned-together": "content and rotary part of a head are turned as one row, where it has an even width; only the rotary part is turned"
            => {
                let (d, parts) = (weights.w_uq.dim().2, made_unturned(weights, x));
                let whole = concatenate![Axis(2), parts.content, parts.rotary];
                let turn = |q: ArrayView2<f64>| if q.ncols().is_multiple_of(2) { rope(q, start, weights.base) } else { q.to_owned() };
                let turned = whole.outer_iter().map(turn).collect::<Heads>().0;
                Queries { content: turned.slice(s![.., .., ..d]).to_owned(), rotary: turned.slice(s![.., .., d..]).to_owned() }
            };
        "x-for-rotary": "W_QR multiplies x, also where there is a latent: both parts are made of the latent"
            => {
                let right = crate::queries(weights, x, start);
                Queries { rotary: times(&x.to_owned(), &weights.w_qr).outer_iter().map(|q| rope(q, start, weights.base)).collect::<Heads>().0, ..right }
            };
        "x-for-content": "W_UQ multiplies x, also where there is a latent: both parts are made of the latent"
            => Queries { content: times(&x.to_owned(), &weights.w_uq), ..crate::queries(weights, x, start) };
        "x-for-both": "both parts are made of x, also where there is a latent to make them of"
            => made(weights, &x.to_owned(), start);
        "rotary-of-turned-content": "the rotary part is the content part, turned; it has a matrix of its own, W_QR"
            => {
                let right = crate::queries(weights, x, start);
                let mut rotary = Array3::zeros(right.rotary.raw_dim());
                for (mut rotary, q) in rotary.outer_iter_mut().zip(right.content.outer_iter()) {
                    rotary.assign(&rope(q, start, weights.base));
                }
                Queries { rotary, ..right }
            };
        "content-for-w-qr": "W_QR multiplies the content part, where that is as wide as the latent; it multiplies the latent"
            => {
                let right = crate::queries(weights, x, start);
                let chained = |(q, w): (ArrayView2<f64>, ArrayView2<f64>)| rope(q.dot(&w).view(), start, weights.base);
                let rotary = match right.content.dim().2 == weights.w_qr.dim().1 {
                    true => right.content.outer_iter().zip(weights.w_qr.outer_iter()).map(chained).collect::<Heads>().0,
                    false => right.rotary,
                };
                Queries { content: right.content, rotary }
            };
        "matrices-exchanged": "W_UQ and W_QR are exchanged where both are as wide"
            => match weights.w_uq.dim() == weights.w_qr.dim() {
                true => crate::queries(&QueryWeights { w_uq: weights.w_qr.clone(), w_qr: weights.w_uq.clone(), ..weights.clone() }, x, start),
                false => crate::queries(weights, x, start),
            };
        "source-turned-everywhere": "what the queries are made of is turned before W_QR, instead of the rotary part after it"
            => {
                let turned = rope(source(weights, x).view(), start, weights.base);
                Queries { rotary: times(&turned, &weights.w_qr), ..crate::queries(weights, x, start) }
            };
        "x-turned-first": "x is turned first of all where its width is even, and nothing after that; only the rotary part is turned"
            => {
                let even = x.ncols().is_multiple_of(2);
                let x = if even { rope(x, start, weights.base) } else { x.to_owned() };
                made_unturned(weights, x.view())
            };
        "turned-twice": "the rotary part is turned twice by its position"
            => rotary(weights, x, start, |_, q| rope(rope(q.view(), start, weights.base).view(), start, weights.base));
        "from-the-end": "the first row is turned by position start + n; it stands at start, and the chunk ends there"
            => crate::queries(weights, x, start + x.nrows());
        "one-behind": "the positions are one too small, where start is not 0: the first row stands at start"
            => crate::queries(weights, x, start.saturating_sub(1));
        "last-row-first": "the positions run backwards: the last row is turned by start, and the first by start + n − 1"
            => rotary(weights, x, start, |_, q| rope(q.slice(s![..;-1, ..]), start, weights.base).slice_move(s![..;-1, ..]));
        "on-and-on": "the positions run on from head to head: head a is turned from position start + a·n on; all heads begin at start"
            => rotary(weights, x, start, |a, q| rope(q.view(), start + a * x.nrows(), weights.base));
        "reshaped": "the columns of all heads are read into (h, n, d) in the order in which they lie in memory; they are n × (h·d), so that a row holds all heads of one token"
            => {
                let source = source(weights, x);
                let read = |w: &Array3<f64>| {
                    let (h, _, d) = w.dim();
                    let all = source.dot(&side_by_side(w)).as_standard_layout().into_owned();
                    all.into_shape_with_order((h, source.nrows(), d)).expect("as many")
                };
                let rotary = read(&weights.w_qr).outer_iter().map(|q| rope(q, start, weights.base)).collect::<Heads>().0;
                Queries { content: read(&weights.w_uq), rotary }
            };
        "matrices-reshaped": "the matrices of all heads are read into d_q × (h·d) in the order in which they lie in memory; those of the heads have to be laid side by side"
            => {
                let source = source(weights, x);
                let read = |w: &Array3<f64>| {
                    let (h, d_q, d) = w.dim();
                    let w = w.as_standard_layout().into_owned().into_shape_with_order((d_q, h * d)).expect("as many");
                    split(&source.dot(&w), h)
                };
                let rotary = read(&weights.w_qr).outer_iter().map(|q| rope(q, start, weights.base)).collect::<Heads>().0;
                Queries { content: read(&weights.w_uq), rotary }
            };
        "rotary-scaled": "the rotary part alone is divided by √d_r; it is the scores that are divided, once"
            => {
                let Queries { content, rotary } = crate::queries(weights, x, start);
                let root = (rotary.dim().2 as f64).sqrt();
                Queries { content, rotary: rotary / root }
            };
        "scaled-apart": "each part is divided by the root of its own width; it is the scores that are divided, once"
            => {
                let Queries { content, rotary } = crate::queries(weights, x, start);
                let [root, root_r] = [&content, &rotary].map(|q| (q.dim().2 as f64).sqrt());
                Queries { content: content / root, rotary: rotary / root_r }
            };
        "both-normalised": "both parts of each head are normalised too; only a latent is"
            => {
                let Queries { content, .. } = crate::queries(weights, x, start);
                let content = content.outer_iter().map(|q| unit(&q.to_owned())).collect::<Heads>().0;
                Queries { content, ..rotary(weights, x, start, |_, q| rope(unit(&q).view(), start, weights.base)) }
            };
        "only-head-0": "only head 0 is filled in, and the other heads stay zeros"
            => changed(weights, x, start, |q, a, _| if a == 0 { q.to_owned() } else { Array2::zeros(q.raw_dim()) });
        "last-head-everywhere": "every head is overwritten by the last one"
            => changed(weights, x, start, |_, _, all| all.index_axis(Axis(0), all.dim().0 - 1).to_owned());
        "heads-summed": "head a is added to those before it, as when the sum is not begun anew for each head"
            => changed(weights, x, start, |_, a, all| all.slice(s![..=a, .., ..]).sum_axis(Axis(0)));
        "tokens-and-heads-exchanged": "the parts are (n, h, d): the heads have to lead"
            => {
                let Queries { content, rotary } = crate::queries(weights, x, start);
                let [content, rotary] = [content, rotary].map(|q| q.permuted_axes([1, 0, 2]).as_standard_layout().into_owned());
                Queries { content, rotary }
            };
        "last-position": "the first row is turned by the position of the last, start + n − 1, and the others by those behind it"
            => crate::queries(weights, x, start + x.nrows() - 1);
        "through-f32": "the numbers go through f32, which keeps seven digits; this chapter asks for f64"
            => {
                let Queries { content, rotary } = crate::queries(weights, x, start);
                Queries { content: through_f32(&content), rotary: through_f32(&rotary) }
            };
    }
}

impl Given for QueryWeights {
    fn own_sizes(&self) -> Sizes {
        let ((h, d_q, d), d_r) = (self.w_uq.dim(), self.w_qr.dim().2);
        vec![("h", h), ("d_q", d_q), ("d", d), ("d_r", d_r)]
    }

    fn fields(&self, _name: &'static str, sizes: &Sizes) -> Vec<Field> {
        let mut fields = self.source.fields("source", sizes);
        fields.extend([
            field("w_uq", &self.w_uq),
            field("w_qr", &self.w_qr),
            field("base", self.base),
        ]);
        fields
    }

    fn kinds(&self, sizes: &Sizes) -> Vec<&'static str> {
        self.source.kinds(sizes)
    }

    fn required_kinds(&self) -> &'static [&'static str] {
        self.source.required_kinds()
    }

    fn is_choice(&self) -> bool {
        true
    }
}

given! { @input QueryWeights { source, w_uq, w_qr, base } }

impl Given for Source {
    fn fields(&self, _name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        match self {
            Source::Token => vec![field("source", "the token".to_string())],
            Source::Latent { w_dq, gain } => vec![field("w_dq", w_dq), field("gain", gain)],
        }
    }

    fn kinds(&self, _sizes: &Sizes) -> Vec<&'static str> {
        vec![match self {
            Source::Token => "of the token",
            Source::Latent { .. } => "of a latent",
        }]
    }

    fn required_kinds(&self) -> &'static [&'static str] {
        &["of the token", "of a latent"]
    }

    fn is_choice(&self) -> bool {
        true
    }
}

impl Input for Source {
    type Passed<'a> = &'a Source;

    fn pass(&self) -> &Source {
        self
    }

    fn altered(&self) -> Vec<Self> {
        match self {
            Source::Token => Vec::new(),
            Source::Latent { w_dq, gain } => vec![
                Source::Latent { w_dq: w_dq.mapv(|x| 1.0 - x), gain: gain.clone() },
                Source::Latent { w_dq: w_dq.clone(), gain: gain.mapv(|x| 1.0 - x) },
            ],
        }
    }
}

/// The latent (1, 14); a quarter turn.
fn by_hand() -> Case {
    let weights = QueryWeights {
        source: Source::Latent { w_dq: Array2::eye(2), gain: array![5.0, 10.0] },
        w_uq: array![[[1.0], [0.0]], [[0.0], [1.0]]],
        w_qr: array![
            [[0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 0.0]],
            [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
        ],
        base: FRAC_PI_2.recip().powi(2),
    };
    let about = "by hand: the second pair makes a quarter turn per position";
    case(about, (weights, array![[1.0, 7.0]], 1))
}

/// Matrices of equal shape, one per head.
struct Heads(Array3<f64>);

impl FromIterator<Array2<f64>> for Heads {
    fn from_iter<I: IntoIterator<Item = Array2<f64>>>(heads: I) -> Self {
        let heads: Vec<_> = heads.into_iter().collect();
        let heads: Vec<_> = heads.iter().map(|head| head.view()).collect();
        Heads(ndarray::stack(Axis(0), &heads).expect("heads of equal shape"))
    }
}

/// Divided by the root of the mean of its squares.
fn unit(x: &Array2<f64>) -> Array2<f64> {
    rms_norm(x.view(), Array1::ones(x.ncols()).view())
}

/// What the queries are made of.
fn source(weights: &QueryWeights, x: ArrayView2<f64>) -> Array2<f64> {
    match &weights.source {
        Source::Token => x.to_owned(),
        Source::Latent { w_dq, gain } => rms_norm(x.dot(w_dq).view(), gain.view()),
    }
}

/// `x` times the matrix of each head.
fn times(x: &Array2<f64>, w: &Array3<f64>) -> Array3<f64> {
    w.outer_iter().map(|w| x.dot(&w)).collect::<Heads>().0
}

/// Both parts, made of `source`.
fn made(weights: &QueryWeights, source: &Array2<f64>, start: usize) -> Queries {
    let content = times(source, &weights.w_uq);
    let rotary = times(source, &weights.w_qr);
    let rotary = rotary.outer_iter().map(|q| rope(q, start, weights.base));
    Queries { content, rotary: rotary.collect::<Heads>().0 }
}

/// Both parts, with nothing turned.
fn made_unturned(weights: &QueryWeights, x: ArrayView2<f64>) -> Queries {
    let source = source(weights, x);
    Queries { content: times(&source, &weights.w_uq), rotary: times(&source, &weights.w_qr) }
}

/// With another head in the place of each, given the right one, its number, and all.
fn changed(
    weights: &QueryWeights,
    x: ArrayView2<f64>,
    start: usize,
    change: impl Fn(ArrayView2<f64>, usize, &Array3<f64>) -> Array2<f64>,
) -> Queries {
    let Queries { content, rotary } = crate::queries(weights, x, start);
    let [content, rotary] = [content, rotary].map(|all| {
        let heads = all.outer_iter().enumerate().map(|(a, q)| change(q, a, &all));
        heads.collect::<Heads>().0
    });
    Queries { content, rotary }
}

/// Whether x is as wide as what the queries are made of.
fn of_x_fits(weights: &QueryWeights, x: ArrayView2<f64>) -> bool {
    x.ncols() == weights.w_uq.dim().1
}

/// With another latent, where there is one.
fn with_source(
    weights: &QueryWeights,
    x: ArrayView2<f64>,
    start: usize,
    make: impl Fn(&Array2<f64>, &Array1<f64>) -> Array2<f64>,
) -> Queries {
    match &weights.source {
        Source::Token => crate::queries(weights, x, start),
        Source::Latent { w_dq, gain } => made(weights, &make(w_dq, gain), start),
    }
}

/// With the rotary part turned in another way, given the number of the head.
fn rotary(
    weights: &QueryWeights,
    x: ArrayView2<f64>,
    start: usize,
    turn: impl Fn(usize, Array2<f64>) -> Array2<f64>,
) -> Queries {
    let plain = times(&source(weights, x), &weights.w_qr);
    let turned = plain.outer_iter().enumerate().map(|(a, q)| turn(a, q.to_owned()));
    Queries { rotary: turned.collect::<Heads>().0, ..crate::queries(weights, x, start) }
}

/// The matrices of all heads, side by side.
fn side_by_side(w: &Array3<f64>) -> Array2<f64> {
    let heads: Vec<_> = w.outer_iter().collect();
    ndarray::concatenate(Axis(1), &heads).expect("as many rows")
}

/// The columns of each head.
fn split(x: &Array2<f64>, h: usize) -> Array3<f64> {
    let d = x.ncols() / h;
    Array3::from_shape_fn((h, x.nrows(), d), |(a, i, c)| x[[i, a * d + c]])
}
