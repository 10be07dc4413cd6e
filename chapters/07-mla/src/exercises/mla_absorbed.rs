//! 7.5 `mla_absorbed`

use super::mla_naive::{
    Head, by_hand, inputs, itself_hidden, of_new, prompt_only, softmax, top_left, without_maximum,
};
use crate::{
    given::{Absorbed, Latents, Queries, Up, causal_softmax, rms_norm},
    oracle,
};
use attn_exercise::{exercise, field, fields};
use ndarray::{Array1, Array2, Array3, Axis, concatenate, s};

fields! { Absorbed { latents, heads } }

exercise! {
    /// The queries, what is kept, and the weights that make keys and values of it.
    crate::mla_absorbed: (queries: Queries, kept: Latents, up: Up) -> Absorbed;

    exact: |c| {
        let (latents, heads) = oracle::attention(&c.queries, c.kept.c.view(), c.kept.k_r.view(), &c.up);
        Absorbed { latents, heads }
    };
    steps: |c| {
        let absorbed = crate::absorb_query(c.queries.content.view(), c.up.w_uk.view());
        let first = Head::of(0, &c.queries, &c.kept, &c.up);
        [field("queries, carried over to the latents", &absorbed), field("weights of head 0", &first.weights())]
    };

    cases: |random| {
        let mut cases = vec![case("by hand: weights 3/4 and 1/4; 1/2 and 1/2", by_hand())];
        cases.extend(inputs(random).into_iter().map(|(about, inputs)| case(about, inputs)));
        cases
    };

    never {
        "d_r = 1": "the rotary part is turned in pairs";
        "n > m": "the new tokens are among those that are kept";
    }

    right (queries, kept, up) {
        // All heads share what is kept: multi-query attention, with keys of d_c + d_r numbers.
        "multi-query attention" => {
            let absorbed = crate::absorb_query(queries.content.view(), up.w_uk.view());
            let q = concatenate![Axis(2), absorbed, queries.rotary];
            let k = concatenate![Axis(1), kept.c, kept.k_r];
            let (h, n, width) = q.dim();
            let rows = q.as_standard_layout().into_owned().into_shape_with_order((h * n, width)).expect("as many");
            let scores = rows.dot(&k.t()) / Head::of(0, queries, kept, up).root();
            let mut a = 0;
            found(queries, kept, up, |_| {
                a += 1;
                causal_softmax(scores.slice(s![(a - 1) * n..a * n, ..])).dot(&kept.c)
            })
        };
        "weights from the keys" => found(queries, kept, up, |head| head.weights().dot(&head.c));
        "query by query" => found(queries, kept, up, |head| {
            let (n, m) = (head.q.nrows(), head.c.nrows());
            let mut out = Array2::zeros((n, head.c.ncols()));
            for i in 0..n {
                let q = head.w_uk.dot(&head.q.row(i));
                let seen = m + i + 1 - n;
                let scores = head.c.slice(s![..seen, ..]).dot(&q) + head.k_r.slice(s![..seen, ..]).dot(&head.q_r.row(i));
                let weights = causal_softmax((scores / head.root()).insert_axis(Axis(0)).view());
                out.row_mut(i).assign(&weights.row(0).dot(&head.c.slice(s![..seen, ..])));
            }
            out
        });
        "by plain loops" => {
            let (latents, heads) = oracle::attention(queries, kept.c.view(), kept.k_r.view(), up);
            Absorbed { latents, heads }
        };
    }

    mistakes (queries, kept, up) {
        "root-of-latent-and-rotary": "the scores are divided by √(d_c + d_r), the width of the absorbed query; the scores are those of query and key, and divided by √(d + d_r) as ever"
            => scaled(queries, kept, up, |head| head.c.ncols() + head.k_r.ncols());
        "root-of-d-c": "the scores are divided by √d_c; they are those of query and key, and divided by √(d + d_r) as ever"
            => scaled(queries, kept, up, |head| head.c.ncols());
        "root-of-d": "the scores are divided by √d; query and key have d + d_r numbers"
            => scaled(queries, kept, up, |head| head.d());
        "root-of-d-r": "the scores are divided by √d_r; query and key have d + d_r numbers"
            => scaled(queries, kept, up, |head| head.k_r.ncols());
        "root-of-d-v": "the scores are divided by √d_v; query and key have d + d_r numbers"
            => scaled(queries, kept, up, |head| head.w_uv.ncols());
        "no-scale": "the scores are not divided by √(d + d_r)"
            => scaled(queries, kept, up, |_| 1);
        "scaled-apart": "content and rotary scores are divided by the roots of their own widths, √d_c and √d_r"
            => with_scores(queries, kept, up, |head| {
                head.content() / (head.c.ncols() as f64).sqrt() + head.rotary() / (head.k_r.ncols() as f64).sqrt()
            });
        "scaled-apart-by-d": "content and rotary scores are divided by roots of their own, √d and √d_r; their sum is divided by √(d + d_r)"
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
        "no-rotary": "the rotary scores are left out"
            => with_scores(queries, kept, up, |head| head.content() / head.root());
        "rotary-only": "the content scores are left out"
            => with_scores(queries, kept, up, |head| head.rotary() / head.root());
        "not-absorbed": "the queries are compared with the latents as they are where d = d_c, without W_UK"
            => with_scores(queries, kept, up, |head| {
                let content = if head.w_uk.is_square() { head.q.dot(&head.c.t()) } else { head.content() };
                (content + head.rotary()) / head.root()
            });
        "w-uk-for-values": "the weighted sums are multiplied by W_UK at the end; that is for keys, and W_UV for values"
            => {
                let right = crate::mla_absorbed(queries, kept, up);
                Absorbed { heads: oracle::products(right.latents.view(), up.w_uk.view()), ..right }
            };
        "w-uk-where-as-wide": "the weighted sums are multiplied by W_UK at the end where d = d_v; that is for keys, and W_UV for values"
            => {
                let right = crate::mla_absorbed(queries, kept, up);
                let w = if up.w_uk.dim() == up.w_uv.dim() { &up.w_uk } else { &up.w_uv };
                Absorbed { heads: oracle::products(right.latents.view(), w.view()), ..right }
            };
        "latents-summed": "`latents` holds the same for every head, the total of all heads; each has its own weighted sums"
            => {
                let right = crate::mla_absorbed(queries, kept, up);
                let sum = right.latents.sum_axis(Axis(0));
                let latents = Array3::from_shape_fn(right.latents.raw_dim(), |(_, i, c)| sum[[i, c]]);
                Absorbed { latents, ..right }
            };
        "values-summed": "every head has the sum of all heads' W_UV"
            => {
                let sum = up.w_uv.sum_axis(Axis(0));
                let w_uv = Array3::from_shape_fn(up.w_uv.raw_dim(), |(_, i, c)| sum[[i, c]]);
                crate::mla_absorbed(queries, kept, &Up { w_uv, ..up.clone() })
            };
        "first-head-values": "every head has the W_UV of head 0"
            => {
                let w_uv = Array3::from_shape_fn(up.w_uv.raw_dim(), |(_, i, c)| up.w_uv[[0, i, c]]);
                crate::mla_absorbed(queries, kept, &Up { w_uv, ..up.clone() })
            };
        "values-reversed": "W_UV of the heads is in reverse order"
            => {
                let mut up = up.clone();
                up.w_uv.invert_axis(Axis(0));
                crate::mla_absorbed(queries, kept, &up)
            };
        "not-causal": "a query sees tokens that come after it"
            => found(queries, kept, up, |head| softmax(&head.scores()).dot(&head.c));
        "top-left": "the causal mask is aligned top-left: query i sees the first i + 1 of all that are kept, instead of those up to itself"
            => found(queries, kept, up, |head| top_left(&head.scores()).dot(&head.c));
        "new-tokens-only": "a query sees the new tokens alone, and none of those that were kept before"
            => crate::mla_absorbed(queries, &of_new(queries, kept), up);
        "causal-prompt-only": "there is a causal mask only where n = m; otherwise a query sees tokens that come after it"
            => found(queries, kept, up, |head| prompt_only(&head.scores()).dot(&head.c));
        "itself-hidden": "a query does not see its own token, unless that is the first of all"
            => found(queries, kept, up, |head| itself_hidden(&head.scores()).dot(&head.c));
        "no-maximum": "the largest score is not subtracted before the exponential: scores over 709 overflow"
            => found(queries, kept, up, |head| without_maximum(&head.scores()).dot(&head.c));
        "rotary-turned-again": "the rotary parts of queries and keys are turned again, with base 10,000; they were turned when they were made"
            => with_scores(queries, kept, up, |head| (head.content() + head.rotary_turned_again()) / head.root());
        "softmax-over-queries": "the softmax is taken over the queries instead of the keys"
            => found(queries, kept, up, |head| softmax(&head.scores().t().to_owned()).t().dot(&head.c));
        "latent-normalised-again": "the latents are normalised again; they were when they were kept"
            => {
                let c = rms_norm(kept.c.view(), Array1::ones(kept.c.ncols()).view());
                crate::mla_absorbed(queries, &Latents { c, ..kept.clone() }, up)
            };
        "sums-normalised": "the weighted sums of latents are normalised before W_UV; the norm belongs to the single latent"
            => found(queries, kept, up, |head| {
                let sums = head.weights().dot(&head.c);
                rms_norm(sums.view(), Array1::ones(sums.ncols()).view())
            });
        "key-turned-again": "the kept rotary keys are turned again; they were turned when they were kept"
            => {
                let k_r = crate::given::rope(kept.k_r.view(), 0, 10_000.0);
                crate::mla_absorbed(queries, &Latents { k_r, ..kept.clone() }, up)
            };
        "rotary-of-one-head": "every head's rotary queries are those of head 0; it is the rotary key that the heads share"
            => {
                let rotary = Array3::from_shape_fn(queries.rotary.raw_dim(), |(_, i, c)| queries.rotary[[0, i, c]]);
                crate::mla_absorbed(&Queries { rotary, ..queries.clone() }, kept, up)
            };
        "two-softmaxes": "content and rotary scores have a softmax each, and their weights are averaged"
            => found(queries, kept, up, |head| {
                let [a, b] = [head.content(), head.rotary()].map(|s| causal_softmax((s / head.root()).view()));
                ((a + b) / 2.0).dot(&head.c)
            });
        "scaled-twice": "the absorbed queries are divided by √d, and the scores by √(d + d_r): the content is scaled twice"
            => with_scores(queries, kept, up, |head| {
                (head.content() / (head.d() as f64).sqrt() + head.rotary()) / head.root()
            });
    }

    within {
        absorb_query: |absorb_query, (queries, kept, up)| {
            let absorbed = absorb_query(queries.content.view(), up.w_uk.view());
            let mut a = 0;
            found(queries, kept, up, |head| {
                let own = absorbed.index_axis(Axis(0), a);
                a += 1;
                causal_softmax(((own.dot(&head.c.t()) + head.rotary()) / head.root()).view()).dot(&head.c)
            })
        };
    }
}

/// Each head's weighted sums by itself; then W_UV.
fn found(
    queries: &Queries,
    kept: &Latents,
    up: &Up,
    mut attend: impl FnMut(Head) -> Array2<f64>,
) -> Absorbed {
    let (h, n, _) = queries.content.dim();
    let mut latents = Array3::zeros((h, n, kept.c.ncols()));
    for (a, mut latents) in latents.outer_iter_mut().enumerate() {
        latents.assign(&attend(Head::of(a, queries, kept, up)));
    }
    Absorbed { heads: oracle::products(latents.view(), up.w_uv.view()), latents }
}

/// With other scores.
fn with_scores(
    queries: &Queries,
    kept: &Latents,
    up: &Up,
    scores: impl Fn(&Head) -> Array2<f64>,
) -> Absorbed {
    found(queries, kept, up, |head| causal_softmax(scores(&head).view()).dot(&head.c))
}

/// Divided by the root of another width.
fn scaled(queries: &Queries, kept: &Latents, up: &Up, width: impl Fn(&Head) -> usize) -> Absorbed {
    with_scores(queries, kept, up, |head| {
        (head.content() + head.rotary()) / (width(head) as f64).sqrt()
    })
}
