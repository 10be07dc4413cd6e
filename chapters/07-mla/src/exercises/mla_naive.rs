//! 7.3 `mla_naive`

use super::compress::{in_f64, through_f32};
use crate::{
    given::{Latents, Queries, Shape, Up, causal_softmax, rope},
    oracle, seeded,
};
use attn_core::random::Random;
use attn_exercise::{exercise, field, given, pairwise};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, array, concatenate, s};

given! { Queries { content [h n d], rotary [h n d_r] } }
given! { Latents { c [m d_c], k_r [m d_r] } }
given! { Up { w_uk [h d_c d], w_uv [h d_c d_v] } }

exercise! {
    /// The queries, what is kept, and the weights that make keys and values of it.
    crate::mla_naive: (queries: Queries, kept: Latents, up: Up) -> Array3<f64>;

    exact: |c| oracle::attention(&c.queries, c.kept.c.view(), c.kept.k_r.view(), &c.up).1;
    then: |c, answer| {
        let (_, heads) = oracle::attention(&c.queries, c.kept.c.view(), c.kept.k_r.view(), &c.up);
        in_f64(&[("result", answer, &heads)])
    };
    steps: |c| {
        let first = Head::of(0, &c.queries, &c.kept, &c.up);
        [field("keys of head 0", &first.k()), field("values of head 0", &first.v()), field("weights of head 0", &causal_softmax(first.scores().view()))]
    };

    cases: |random| {
        let (queries, kept, up) = by_hand();
        let mut cases = vec![case("by hand: weights 3/4 and 1/4; 1/2 and 1/2", (queries, kept, up))];
        cases.extend(inputs(random).into_iter().map(|(about, inputs)| case(about, inputs)));
        cases
    };

    never {
        "d_r = 1": "the rotary part is turned in pairs";
        "n > m": "the new tokens are among those that are kept";
    }

    right (queries, kept, up) {
        // As the paper has it: content and rotary part are one key.
        "keys of both parts" => each(queries, kept, up, |head| {
            let q = concatenate![Axis(1), head.q, head.q_r];
            let k = concatenate![Axis(1), head.k(), head.k_r];
            causal_softmax((q.dot(&k.t()) / head.root()).view()).dot(&head.v())
        });
        "the absorbed form" => crate::mla_absorbed(queries, kept, up).heads;
        "query by query" => each(queries, kept, up, |head| {
            let (n, m, k, v) = (head.q.nrows(), head.c.nrows(), head.k(), head.v());
            let mut out = Array2::zeros((n, v.ncols()));
            for i in 0..n {
                let scores: Vec<f64> = (0..m + i + 1 - n)
                    .map(|j| (head.q.row(i).dot(&k.row(j)) + head.q_r.row(i).dot(&head.k_r.row(j))) / head.root())
                    .collect();
                let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores.iter().map(|s| (s - top).exp()).sum();
                for (j, s) in scores.iter().enumerate() {
                    out.row_mut(i).scaled_add((s - top).exp() / sum, &v.row(j));
                }
            }
            out
        });
        "by plain loops" => oracle::attention(queries, kept.c.view(), kept.k_r.view(), up).1;
    }

    mistakes (queries, kept, up) {
        "root-of-d": "the scores are divided by √d; query and key have d + d_r numbers"
            => scaled(queries, kept, up, |head| head.d());
        "root-of-latent-and-rotary": "the scores are divided by √(d_c + d_r), the width of what is kept; query and key have d + d_r numbers"
            => scaled(queries, kept, up, |head| head.c.ncols() + head.k_r.ncols());
        "root-of-d-c": "the scores are divided by √d_c; query and key have d + d_r numbers"
            => scaled(queries, kept, up, |head| head.c.ncols());
        "root-of-d-r": "the scores are divided by √d_r; query and key have d + d_r numbers"
            => scaled(queries, kept, up, |head| head.k_r.ncols());
        "root-of-d-v": "the scores are divided by √d_v; query and key have d + d_r numbers"
            => scaled(queries, kept, up, |head| head.w_uv.ncols());
        "no-scale": "the scores are not divided by √(d + d_r)"
            => scaled(queries, kept, up, |_| 1);
        "scaled-apart": "content and rotary scores are divided by the roots of their own widths, √d and √d_r"
            => with_scores(queries, kept, up, |head| {
                head.content() / (head.d() as f64).sqrt() + head.rotary() / (head.k_r.ncols() as f64).sqrt()
            });
        "content-unscaled": "only the rotary scores are divided by √(d + d_r), as when the brackets around the sum are missing"
            => with_scores(queries, kept, up, |head| head.content() + head.rotary() / head.root());
        "rotary-unscaled": "only the content scores are divided by √(d + d_r); the sum is"
            => with_scores(queries, kept, up, |head| head.content() / head.root() + head.rotary());
        "no-root": "the scores are divided by d + d_r, without the root"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary()) / head.root().powi(2));
        "multiplied": "the scores are multiplied by √(d + d_r) instead of divided"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary()) * head.root());
        "w-uk-for-values": "the values are made with W_UK; that is for keys, and W_UV for values"
            => each(queries, kept, up, |head| head.weights().dot(&head.k()));
        "w-uk-where-as-wide": "the values are made with W_UK where d = d_v; that is for keys, and W_UV for values"
            => each(queries, kept, up, |head| {
                let values = if head.w_uk.dim() == head.w_uv.dim() { head.k() } else { head.v() };
                head.weights().dot(&values)
            });
        "matrices-exchanged": "the keys are made with W_UV and the values with W_UK where d = d_v"
            => {
                let Up { w_uk, w_uv } = up.clone();
                let up = if w_uk.dim() == w_uv.dim() { Up { w_uk: w_uv, w_uv: w_uk } } else { Up { w_uk, w_uv } };
                crate::mla_naive(queries, kept, &up)
            };
        "no-rotary": "the rotary scores are left out"
            => with_scores(queries, kept, up, |head| head.content() / head.root());
        "rotary-only": "the content scores are left out"
            => with_scores(queries, kept, up, |head| head.rotary() / head.root());
        "not-causal": "a query sees tokens that come after it"
            => each(queries, kept, up, |head| softmax(&head.scores()).dot(&head.v()));
        "top-left": "the causal mask is aligned top-left: query i sees the first i + 1 of all that are kept, instead of those up to itself"
            => each(queries, kept, up, |head| top_left(&head.scores()).dot(&head.v()));
        "new-tokens-only": "a query sees the new tokens alone, and none of those that were kept before"
            => crate::mla_naive(queries, &of_new(queries, kept), up);
        "causal-prompt-only": "there is a causal mask only where n = m; otherwise a query sees tokens that come after it"
            => each(queries, kept, up, |head| prompt_only(&head.scores()).dot(&head.v()));
        "itself-hidden": "a query does not see its own token, unless that is the first of all"
            => each(queries, kept, up, |head| itself_hidden(&head.scores()).dot(&head.v()));
        "no-maximum": "the largest score is not subtracted before the exponential: scores over 709 overflow"
            => each(queries, kept, up, |head| without_maximum(&head.scores()).dot(&head.v()));
        "rotary-turned-again": "the rotary parts of queries and keys are turned again, with base 10,000; they were turned when they were made"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary_turned_again()) / head.root());
        "first-head-keys": "every head has the keys of head 0"
            => {
                let w_uk = Array3::from_shape_fn(up.w_uk.raw_dim(), |(_, i, c)| up.w_uk[[0, i, c]]);
                crate::mla_naive(queries, kept, &Up { w_uk, ..up.clone() })
            };
        "first-head-values": "every head has the values of head 0"
            => {
                let w_uv = Array3::from_shape_fn(up.w_uv.raw_dim(), |(_, i, c)| up.w_uv[[0, i, c]]);
                crate::mla_naive(queries, kept, &Up { w_uv, ..up.clone() })
            };
        "content-turned": "the content part of the keys is turned too where d is even, with base 10,000; only the rotary part has a position"
            => with_scores(queries, kept, up, |head| {
                let k = if head.d().is_multiple_of(2) { rope(head.k().view(), 0, 10_000.0) } else { head.k() };
                (head.q.dot(&k.t()) + head.rotary()) / head.root()
            });
        "first-head": "every head has the keys and values of head 0"
            => {
                let first = |w: &Array3<f64>| Array3::from_shape_fn(w.raw_dim(), |(_, i, c)| w[[0, i, c]]);
                crate::mla_naive(queries, kept, &Up { w_uk: first(&up.w_uk), w_uv: first(&up.w_uv) })
            };
        "key-turned-again": "the kept rotary keys are turned again; they were turned when they were kept"
            => {
                let k_r = rope(kept.k_r.view(), 0, 10_000.0);
                crate::mla_naive(queries, &Latents { k_r, ..kept.clone() }, up)
            };
        "rotary-of-one-head": "every head's rotary queries are those of head 0; it is the rotary key that the heads share"
            => {
                let rotary = Array3::from_shape_fn(queries.rotary.raw_dim(), |(_, i, c)| queries.rotary[[0, i, c]]);
                crate::mla_naive(&Queries { rotary, ..queries.clone() }, kept, up)
            };
        "latent-normalised-again": "the latents are normalised again; they were when they were kept"
            => {
                let c = crate::given::rms_norm(kept.c.view(), Array1::ones(kept.c.ncols()).view());
                crate::mla_naive(queries, &Latents { c, ..kept.clone() }, up)
            };
        "latents-for-values": "the weighted sums are those of the latents, without W_UV"
            => each(queries, kept, up, |head| head.weights().dot(&head.c));
        "latents-where-as-wide": "the weighted sums are those of the latents where d_c = d_v, without W_UV"
            => each(queries, kept, up, |head| {
                let values = if head.c.ncols() == head.w_uv.ncols() { head.c.to_owned() } else { head.v() };
                head.weights().dot(&values)
            });
        "two-softmaxes": "content and rotary scores have a softmax each, and their weights are averaged"
            => each(queries, kept, up, |head| {
                let [a, b] = [head.content(), head.rotary()].map(|s| causal_softmax((s / head.root()).view()));
                ((a + b) / 2.0).dot(&head.v())
            });
        "softmax-over-queries": "the softmax is taken over the queries instead of the keys"
            => each(queries, kept, up, |head| {
                softmax(&head.scores().t().to_owned()).t().dot(&head.v())
            });
        "one-hidden-too-many": "the causal mask is one too narrow: a query does not see itself"
            => each(queries, kept, up, |head| {
                let (n, m) = (head.q.nrows(), head.c.nrows());
                hidden(&head.scores(), |i, j| j + n < m + i).dot(&head.v())
            });
        "values-reversed": "the keys and values of the heads are in reverse order"
            => {
                let mut up = up.clone();
                up.w_uk.invert_axis(Axis(0));
                up.w_uv.invert_axis(Axis(0));
                crate::mla_naive(queries, kept, &up)
            };
        "sum-of-roots": "the scores are divided by √d + √d_r; it is the root of the sum, √(d + d_r)"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary()) / ((head.d() as f64).sqrt() + (head.k_r.ncols() as f64).sqrt()));
        "product-of-roots": "the scores are divided by √(d·d_r), or by √d and √d_r one after the other; it is the root of the sum, √(d + d_r)"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary()) / ((head.d() * head.k_r.ncols()) as f64).sqrt());
        "root-of-d-and-d-v": "the scores are divided by √(d + d_v); query and key have d + d_r numbers"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary()) / ((head.d() + head.w_uv.ncols()) as f64).sqrt());
        "root-of-d-c-and-d": "the scores are divided by √(d_c + d); query and key have d + d_r numbers"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary()) / ((head.c.ncols() + head.d()) as f64).sqrt());
        "root-of-all-heads": "the scores are divided by √(h·(d + d_r)), the width of all heads together; each head has d + d_r numbers"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary()) / head.root() / (up.w_uk.dim().0 as f64).sqrt());
        "halved": "the two parts are averaged; they are added"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary()) / 2.0 / head.root());
        "parts-multiplied": "the content scores are multiplied with the rotary ones; the two are added"
            => with_scores(queries, kept, up, |head| head.content() * head.rotary() / head.root());
        "subtracted": "the rotary scores are subtracted; they are added"
            => with_scores(queries, kept, up, |head| (head.content() - head.rotary()) / head.root());
        "rotary-of-all-heads": "the rotary queries of all heads are added up to one; it is the rotary key that the heads share, and each has its own query"
            => with_scores(queries, kept, up, |head| (head.content() + queries.rotary.sum_axis(Axis(0)).dot(&head.k_r.t())) / head.root());
        "rotary-divided-by-heads": "the rotary scores are divided by the number of heads, as if these shared them out; each head has them whole"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary() / up.w_uk.dim().0 as f64) / head.root());
        "parts-added": "query parts are added, and key parts, where d = d_r; the parts stand side by side, and only their products are added"
            => with_scores(queries, kept, up, |head| {
                if head.d() != head.k_r.ncols() { return head.scores(); }
                (&head.q + &head.q_r).dot(&(head.k() + head.k_r).t()) / head.root()
            });
        "hidden-as-zero": "hidden scores become 0, and each still gets a share of the softmax; they have to be −∞"
            => each(queries, kept, up, |head| zero_hidden(&head.scores()).dot(&head.v()));
        "masked-after-softmax": "what a query may not see is set to 0 behind the softmax, and the weights that are left do not sum to one"
            => each(queries, kept, up, |head| masked_after(&head.scores()).dot(&head.v()));
        "one-ahead": "a query sees one token too many, the one behind itself"
            => each(queries, kept, up, |head| hidden(&head.scores(), |i, j| j + head.q.nrows() <= head.c.nrows() + i + 1).dot(&head.v()));
        "no-softmax": "the scores are taken for weights, without a softmax"
            => each(queries, kept, up, |head| no_softmax(&head.scores()).dot(&head.v()));
        "softmax-of-all": "one softmax is taken over the whole table of scores; each query has its own"
            => each(queries, kept, up, |head| of_all(&head.scores()).dot(&head.v()));
        "latents-for-keys": "the queries are compared with the latents themselves, also where the widths do not fit; W_UK makes keys of them"
            => with_scores(queries, kept, up, |head| (head.q.dot(&head.c.t()) + head.rotary()) / head.root());
        "latents-for-keys-where-as-wide": "the queries are compared with the latents themselves where d = d_c; W_UK makes keys of them"
            => with_scores(queries, kept, up, |head| {
                let content = if head.w_uk.is_square() { head.q.dot(&head.c.t()) } else { head.content() };
                (content + head.rotary()) / head.root()
            });
        "keys-into-the-heads": "the values are made with W_UK, also where these have another width than a head; W_UV is for values"
            => assigned(queries, kept, up, |head| head.weights().dot(&head.k()));
        "latents-into-the-heads": "the weighted sums are those of the latents, also where these have another width than a head; W_UV makes values of them"
            => assigned(queries, kept, up, |head| head.weights().dot(&head.c));
        "content-reversed": "W_UK of the heads is in reverse order"
            => {
                let mut up = up.clone();
                up.w_uk.invert_axis(Axis(0));
                crate::mla_naive(queries, kept, &up)
            };
        "content-of-one-head": "every head's content queries are those of head 0"
            => {
                let content = Array3::from_shape_fn(queries.content.raw_dim(), |(_, i, c)| queries.content[[0, i, c]]);
                crate::mla_naive(&Queries { content, ..queries.clone() }, kept, up)
            };
        "weights-summed": "content and rotary scores have a softmax each, and their weights are added"
            => each(queries, kept, up, |head| {
                let [a, b] = [head.content(), head.rotary()].map(|s| causal_softmax((s / head.root()).view()));
                (a + b).dot(&head.v())
            });
        "weights-multiplied": "content and rotary scores have a softmax each, and their weights are multiplied"
            => each(queries, kept, up, |head| {
                let [a, b] = [head.content(), head.rotary()].map(|s| causal_softmax((s / head.root()).view()));
                (a * b).dot(&head.v())
            });
        "scaled-after-softmax": "the weights are divided by √(d + d_r) behind the softmax, instead of the scores before it"
            => each(queries, kept, up, |head| causal_softmax((head.content() + head.rotary()).view()).dot(&head.v()) / head.root());
        "rotary-after-softmax": "the rotary scores are added to the weights, behind the softmax; they are added to the content scores"
            => each(queries, kept, up, |head| {
                let weights = causal_softmax((head.content() / head.root()).view());
                (weights + head.rotary() / head.root()).dot(&head.v())
            });
        "only-head-0": "only head 0 is filled in, and the other heads stay zeros"
            => changed(&crate::mla_naive(queries, kept, up), |head, a, _| if a == 0 { head.to_owned() } else { Array2::zeros(head.raw_dim()) });
        "last-head-everywhere": "every head is overwritten by the last one"
            => changed(&crate::mla_naive(queries, kept, up), |_, _, all| all.index_axis(Axis(0), all.dim().0 - 1).to_owned());
        "heads-summed": "the heads are added up, and the sum stands for each of them; W_O adds them up, later"
            => changed(&crate::mla_naive(queries, kept, up), |_, _, all| all.sum_axis(Axis(0)));
        "heads-summed-so-far": "head a is added to those before it, as when the sum is not begun anew for each head"
            => changed(&crate::mla_naive(queries, kept, up), |_, a, all| all.slice(s![..=a, .., ..]).sum_axis(Axis(0)));
        "values-of-normalised": "the values are made of latents that are normalised again; they were when they were kept"
            => each(queries, kept, up, |head| {
                let c = super::compress::unit(head.c);
                head.weights().dot(&c.dot(&head.w_uv))
            });
        "content-unscaled-at-all": "the rotary scores alone are divided, by √d_r; the sum of both is divided by √(d + d_r)"
            => with_scores(queries, kept, up, |head| head.content() + head.rotary() / (head.k_r.ncols() as f64).sqrt());
        "rotary-unscaled-at-all": "the content scores alone are divided, by √d; the sum of both is divided by √(d + d_r)"
            => with_scores(queries, kept, up, |head| head.content() / (head.d() as f64).sqrt() + head.rotary());
        "query-turned-again": "the rotary queries are turned again, with base 10,000; they were turned when they were made"
            => {
                let start = kept.len() - queries.rotary.dim().1;
                let mut rotary = queries.rotary.clone();
                for mut own in rotary.outer_iter_mut() {
                    let again = crate::given::rope(own.view(), start, 10_000.0);
                    own.assign(&again);
                }
                crate::mla_naive(&Queries { rotary, ..queries.clone() }, kept, up)
            };
        "through-f32": "the numbers go through f32, which keeps seven digits; this chapter asks for f64"
            => through_f32(&crate::mla_naive(queries, kept, up));
    }
}

/// Two heads, one query, two tokens. Head 0 has the scores ln 3 and 0, head 1 no preference.
pub(super) fn by_hand() -> (Queries, Latents, Up) {
    let ln3 = 3.0_f64.ln();
    let queries = Queries {
        content: array![[[ln3, 0.0]], [[0.0, 0.0]]],
        rotary: array![[[ln3, 0.0]], [[0.0, 0.0]]],
    };
    let kept = Latents { c: array![[1.0, 0.0], [0.0, 1.0]], k_r: array![[1.0, 0.0], [0.0, 0.0]] };
    let one = array![[1.0, 0.0], [0.0, 1.0]];
    let w_uk = ndarray::stack![Axis(0), one, one];
    (queries, kept, Up { w_uk, w_uv: array![[[0.0], [4.0]], [[2.0], [4.0]]] })
}

/// The other cases, of this exercise and of the absorbed form.
pub(super) fn inputs(random: &mut Random) -> Vec<(&'static str, (Queries, Latents, Up))> {
    let mut of = |about, (n, m), shape: Shape| {
        let (queries, kept) = seeded::attention(random, shape, (n, m));
        (about, (queries, kept, seeded::up(random, shape)))
    };
    let middle = Shape { h: 4, d: 8, d_r: 4, d_v: 6, d_c: 16 };
    let mut cases = vec![
        of("", (5, 5), middle),
        of("one new token", (1, 12), middle),
        of("a chunk", (4, 11), middle),
        of(
            "as in V2, each width an eighth",
            (3, 9),
            Shape { h: 2, d: 16, d_r: 8, d_v: 16, d_c: 64 },
        ),
    ];
    let (_, (queries, kept, up)) = of("", (4, 7), middle);
    let queries = Queries { content: 100.0 * queries.content, rotary: 100.0 * queries.rotary };
    cases.push(("large scores", (queries, kept, up)));
    let mut small = |[h, n, more, d, d_r, d_v, d_c]: [usize; 7]| {
        of("small", (n, n + more), Shape { h, d, d_r, d_v, d_c })
    };
    cases.extend(pairwise([3, 3, 3, 4, 2, 4, 4]).into_iter().map(
        |[h, n, more, d, d_r, d_v, d_c]| {
            small([h + 1, n + 1, more, d + 1, 2 * d_r + 2, d_v + 1, d_c + 1])
        },
    ));
    // Each size of 1 with everything else larger, and few heads beside many tokens.
    for one in 0..7 {
        let mut sizes = [2, 3, 4, 5, 4, 3, 6];
        sizes[one] = [1, 1, 0, 1, 2, 1, 1][one];
        cases.push(small(sizes));
    }
    cases.push(small([5, 5, 0, 5, 4, 5, 5]));
    cases.push(small([3, 1, 2, 3, 4, 3, 3]));
    cases.push(of("a longer prompt", (9, 9), middle));
    cases.push(of(
        "more heads, and more tokens",
        (2, 70),
        Shape { h: 9, d: 3, d_v: 2, d_c: 4, d_r: 2 },
    ));
    cases.push(of("without a rotary part", (3, 6), Shape { d_r: 0, ..middle }));
    // The exponential of 710 overflows.
    let (_, (queries, kept, up)) = of("", (4, 7), middle);
    let queries = Queries { content: 1000.0 * queries.content, rotary: 1000.0 * queries.rotary };
    cases.push(("scores over 709", (queries, kept, up)));
    cases
}

/// What one head has.
pub(super) struct Head<'a> {
    pub q: ArrayView2<'a, f64>,
    pub q_r: ArrayView2<'a, f64>,
    pub w_uk: ArrayView2<'a, f64>,
    pub w_uv: ArrayView2<'a, f64>,
    pub c: ArrayView2<'a, f64>,
    pub k_r: ArrayView2<'a, f64>,
}

impl<'a> Head<'a> {
    pub fn of(a: usize, queries: &'a Queries, kept: &'a Latents, up: &'a Up) -> Self {
        let own = |x: &'a Array3<f64>| x.index_axis(Axis(0), a);
        Head {
            q: own(&queries.content),
            q_r: own(&queries.rotary),
            w_uk: own(&up.w_uk),
            w_uv: own(&up.w_uv),
            c: kept.c.view(),
            k_r: kept.k_r.view(),
        }
    }

    pub fn d(&self) -> usize {
        self.q.ncols()
    }

    pub fn k(&self) -> Array2<f64> {
        self.c.dot(&self.w_uk)
    }

    pub fn v(&self) -> Array2<f64> {
        self.c.dot(&self.w_uv)
    }

    /// √(d + d_r)
    pub fn root(&self) -> f64 {
        ((self.d() + self.k_r.ncols()) as f64).sqrt()
    }

    pub fn content(&self) -> Array2<f64> {
        self.q.dot(&self.k().t())
    }

    pub fn rotary(&self) -> Array2<f64> {
        self.q_r.dot(&self.k_r.t())
    }

    pub fn rotary_turned_again(&self) -> Array2<f64> {
        let start = self.k_r.nrows() - self.q_r.nrows();
        rope(self.q_r, start, 10_000.0).dot(&rope(self.k_r, 0, 10_000.0).t())
    }

    pub fn scores(&self) -> Array2<f64> {
        (self.content() + self.rotary()) / self.root()
    }

    pub fn weights(&self) -> Array2<f64> {
        causal_softmax(self.scores().view())
    }
}

/// Each head by itself.
pub(super) fn each(
    queries: &Queries,
    kept: &Latents,
    up: &Up,
    attend: impl Fn(Head) -> Array2<f64>,
) -> Array3<f64> {
    let heads: Vec<_> =
        (0..queries.content.dim().0).map(|a| attend(Head::of(a, queries, kept, up))).collect();
    let heads: Vec<_> = heads.iter().map(|head| head.view()).collect();
    ndarray::stack(Axis(0), &heads).expect("heads of equal shape")
}

/// Each head by itself, written into heads of d_v numbers.
fn assigned(
    queries: &Queries,
    kept: &Latents,
    up: &Up,
    attend: impl Fn(Head) -> Array2<f64>,
) -> Array3<f64> {
    let (h, n, _) = queries.content.dim();
    let mut out = Array3::zeros((h, n, up.w_uv.dim().2));
    for (a, mut out) in out.outer_iter_mut().enumerate() {
        out.assign(&attend(Head::of(a, queries, kept, up)));
    }
    out
}

/// With another head in the place of each, given the right one, its number, and all.
pub(super) fn changed(
    all: &Array3<f64>,
    change: impl Fn(ArrayView2<f64>, usize, &Array3<f64>) -> Array2<f64>,
) -> Array3<f64> {
    let mut changed = all.clone();
    for (a, mut changed) in changed.outer_iter_mut().enumerate() {
        changed.assign(&change(all.index_axis(Axis(0), a), a, all));
    }
    changed
}

/// With other scores.
fn with_scores(
    queries: &Queries,
    kept: &Latents,
    up: &Up,
    scores: impl Fn(&Head) -> Array2<f64>,
) -> Array3<f64> {
    each(queries, kept, up, |head| causal_softmax(scores(&head).view()).dot(&head.v()))
}

/// Divided by the root of another width.
fn scaled(
    queries: &Queries,
    kept: &Latents,
    up: &Up,
    width: impl Fn(&Head) -> usize,
) -> Array3<f64> {
    with_scores(queries, kept, up, |head| {
        (head.content() + head.rotary()) / (width(head) as f64).sqrt()
    })
}

/// Softmax of each row, over the places that `seen` allows.
pub(super) fn hidden(scores: &Array2<f64>, seen: impl Fn(usize, usize) -> bool) -> Array2<f64> {
    let mut weights = scores.clone();
    for ((i, j), score) in weights.indexed_iter_mut() {
        if !seen(i, j) {
            *score = f64::NEG_INFINITY;
        }
    }
    for mut row in weights.rows_mut() {
        let (_, softmax) = attn_oracle::softmax(&row.to_vec());
        row.assign(&Array1::from(softmax));
    }
    weights
}

pub(super) fn softmax(scores: &Array2<f64>) -> Array2<f64> {
    hidden(scores, |_, _| true)
}

pub(super) fn top_left(scores: &Array2<f64>) -> Array2<f64> {
    hidden(scores, |i, j| j <= i)
}

pub(super) fn prompt_only(scores: &Array2<f64>) -> Array2<f64> {
    let (n, m) = scores.dim();
    if n == m { causal_softmax(scores.view()) } else { softmax(scores) }
}

pub(super) fn itself_hidden(scores: &Array2<f64>) -> Array2<f64> {
    let (n, m) = scores.dim();
    hidden(scores, |i, j| if m + i == n { j == 0 } else { j + n < m + i })
}

/// Hidden scores are 0, and not −∞.
pub(super) fn zero_hidden(scores: &Array2<f64>) -> Array2<f64> {
    softmax(&no_softmax(scores))
}

/// The scores themselves, with 0 for what is hidden.
pub(super) fn no_softmax(scores: &Array2<f64>) -> Array2<f64> {
    let (n, m) = scores.dim();
    Array2::from_shape_fn((n, m), |(i, j)| if j + n > m + i { 0.0 } else { scores[[i, j]] })
}

/// Hidden weights are set to 0 behind the softmax.
pub(super) fn masked_after(scores: &Array2<f64>) -> Array2<f64> {
    no_softmax(&softmax(scores))
}

/// One softmax for all queries together.
pub(super) fn of_all(scores: &Array2<f64>) -> Array2<f64> {
    let (n, m) = scores.dim();
    let seen =
        |(i, j): (usize, usize)| if j + n > m + i { f64::NEG_INFINITY } else { scores[[i, j]] };
    let (_, row) =
        attn_oracle::softmax(&ndarray::indices((n, m)).into_iter().map(seen).collect::<Vec<f64>>());
    Array2::from_shape_vec((n, m), row).expect("as many")
}

/// Causal, with plain exponentials.
pub(super) fn without_maximum(scores: &Array2<f64>) -> Array2<f64> {
    let (n, m) = scores.dim();
    let seen = |(i, j): (usize, usize)| if j + n > m + i { 0.0 } else { scores[[i, j]].exp() };
    let mut weights = Array2::from_shape_fn((n, m), seen);
    for mut row in weights.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    weights
}

/// What is kept of the new tokens.
pub(super) fn of_new(queries: &Queries, kept: &Latents) -> Latents {
    let first = kept.len() - queries.content.dim().1;
    let of_new = |x: &Array2<f64>| x.slice(s![first.., ..]).to_owned();
    Latents { c: of_new(&kept.c), k_r: of_new(&kept.k_r) }
}
