//! 7.5 `mla_absorbed`

use super::{
    compress::{in_f64, through_f32},
    mla_naive::{
        Head, by_hand, changed, hidden, inputs, itself_hidden, masked_after, no_softmax, of_all,
        of_new, prompt_only, softmax, top_left, without_maximum, zero_hidden,
    },
};
use crate::{
    given::{Absorbed, Latents, Queries, Up, causal_softmax, rms_norm},
    oracle,
};
use attn_exercise::{exercise, field, fields};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, concatenate, s};

fields! { Absorbed { latents, heads } }

exercise! {
    /// The queries, what is kept, and the weights that make keys and values of it.
    crate::mla_absorbed: (queries: Queries, kept: Latents, up: Up) -> Absorbed;

    exact: |c| {
        let (latents, heads) = oracle::attention(&c.queries, c.kept.c.view(), c.kept.k_r.view(), &c.up);
        Absorbed { latents, heads }
    };
    then: |c, answer| {
        let (latents, heads) = oracle::attention(&c.queries, c.kept.c.view(), c.kept.k_r.view(), &c.up);
        in_f64(&[("latents", &answer.latents, &latents), ("heads", &answer.heads, &heads)])
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
            => found(queries, kept, up, |head| zero_hidden(&head.scores()).dot(&head.c));
        "masked-after-softmax": "what a query may not see is set to 0 behind the softmax, and the weights that are left do not sum to one"
            => found(queries, kept, up, |head| masked_after(&head.scores()).dot(&head.c));
        "one-ahead": "a query sees one token too many, the one behind itself"
            => found(queries, kept, up, |head| hidden(&head.scores(), |i, j| j + head.q.nrows() <= head.c.nrows() + i + 1).dot(&head.c));
        "no-softmax": "the scores are taken for weights, without a softmax"
            => found(queries, kept, up, |head| no_softmax(&head.scores()).dot(&head.c));
        "softmax-of-all": "one softmax is taken over the whole table of scores; each query has its own"
            => found(queries, kept, up, |head| of_all(&head.scores()).dot(&head.c));
        "not-carried-over": "the queries are compared with the latents as they are, also where the widths do not fit; W_UK carries them over"
            => with_scores(queries, kept, up, |head| (head.q.dot(&head.c.t()) + head.rotary()) / head.root());
        "w-uk-not-transposed": "the queries are multiplied by W_UK as it stands, also where the widths do not fit; it has to be its transpose"
            => with_scores(queries, kept, up, |head| (head.q.dot(&head.w_uk).dot(&head.c.t()) + head.rotary()) / head.root());
        "w-uk-not-transposed-where-square": "the queries are multiplied by W_UK as it stands where d = d_c; it has to be its transpose"
            => with_scores(queries, kept, up, |head| {
                let w = if head.w_uk.is_square() { head.w_uk } else { head.w_uk.t() };
                (head.q.dot(&w).dot(&head.c.t()) + head.rotary()) / head.root()
            });
        "absorbed-scaled": "the absorbed queries are divided by √(d + d_r), and then the sum with the rotary scores again"
            => with_scores(queries, kept, up, |head| (head.content() / head.root() + head.rotary()) / head.root());
        "w-uv-absorbed": "the queries are carried over by W_UV where d = d_v; that is for the sums, and W_UK for queries"
            => with_scores(queries, kept, up, |head| {
                let w = if head.w_uk.dim() == head.w_uv.dim() { head.w_uv } else { head.w_uk };
                (head.q.dot(&w.t()).dot(&head.c.t()) + head.rotary()) / head.root()
            });
        "w-uk-into-the-heads": "the weighted sums are multiplied by W_UK at the end, also where that makes another width than a head's; W_UV is for values"
            => heads(queries, kept, up, |head, sums| sums.dot(&head.w_uk));
        "no-w-uv": "`heads` holds the weighted sums of latents themselves, without W_UV"
            => {
                let right = crate::mla_absorbed(queries, kept, up);
                Absorbed { heads: right.latents.clone(), ..right }
            };
        "no-w-uv-into-the-heads": "the weighted sums of latents are put into `heads` without W_UV, also where they have another width"
            => heads(queries, kept, up, |_, sums| sums.to_owned());
        "latents-left-empty": "`latents` is left as it began, all zeros"
            => latents(queries, kept, up, |head| Array2::zeros((head.q.nrows(), head.c.ncols())));
        "heads-left-empty": "`heads` is left as it began, all zeros"
            => heads(queries, kept, up, |head, sums| Array2::zeros((sums.nrows(), head.w_uv.ncols())));
        "queries-for-latents": "`latents` holds the queries, carried over to the latents; it is to hold the weighted sums"
            => latents(queries, kept, up, |head| head.q.dot(&head.w_uk.t()));
        "queries-scaled-for-latents": "`latents` holds the queries, carried over and divided by √(d + d_r); it is to hold the weighted sums"
            => latents(queries, kept, up, |head| head.q.dot(&head.w_uk.t()) / head.root());
        "last-latents": "`latents` holds the same for every head, those of the last one"
            => {
                let right = crate::mla_absorbed(queries, kept, up);
                Absorbed { latents: changed(&right.latents, |_, _, all| all.index_axis(Axis(0), all.dim().0 - 1).to_owned()), ..right }
            };
        "first-latents": "`latents` holds the same for every head, those of head 0"
            => {
                let right = crate::mla_absorbed(queries, kept, up);
                Absorbed { latents: changed(&right.latents, |_, _, all| all.index_axis(Axis(0), 0).to_owned()), ..right }
            };
        "latents-averaged": "`latents` holds the same for every head, the mean of all heads"
            => {
                let right = crate::mla_absorbed(queries, kept, up);
                Absorbed { latents: changed(&right.latents, |_, _, all| all.mean_axis(Axis(0)).expect("heads")), ..right }
            };
        "heads-summed": "the heads are added up, and the sum stands for each of them; W_O adds them up, later"
            => {
                let right = crate::mla_absorbed(queries, kept, up);
                Absorbed { heads: changed(&right.heads, |_, _, all| all.sum_axis(Axis(0))), ..right }
            };
        "only-head-0": "only head 0 is filled in, and the other heads stay zeros"
            => both(queries, kept, up, |head, a, _| if a == 0 { head.to_owned() } else { Array2::zeros(head.raw_dim()) });
        "last-head-everywhere": "every head is overwritten by the last one"
            => both(queries, kept, up, |_, _, all| all.index_axis(Axis(0), all.dim().0 - 1).to_owned());
        "content-of-one-head": "every head's content queries are those of head 0"
            => {
                let content = Array3::from_shape_fn(queries.content.raw_dim(), |(_, i, c)| queries.content[[0, i, c]]);
                crate::mla_absorbed(&Queries { content, ..queries.clone() }, kept, up)
            };
        "weights-summed": "content and rotary scores have a softmax each, and their weights are added"
            => found(queries, kept, up, |head| {
                let [a, b] = [head.content(), head.rotary()].map(|s| causal_softmax((s / head.root()).view()));
                (a + b).dot(&head.c)
            });
        "scaled-after-softmax": "the weights are divided by √(d + d_r) behind the softmax, instead of the scores before it"
            => found(queries, kept, up, |head| causal_softmax((head.content() + head.rotary()).view()).dot(&head.c) / head.root());
        "rotary-after-softmax": "the rotary scores are added to the weights, behind the softmax; they are added to the content scores"
            => found(queries, kept, up, |head| {
                let weights = causal_softmax((head.content() / head.root()).view());
                (weights + head.rotary() / head.root()).dot(&head.c)
            });
        "latents-normalised-for-sums": "the latents that are summed are normalised again, and those of the scores are not"
            => found(queries, kept, up, |head| head.weights().dot(&super::compress::unit(head.c)));
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
                crate::mla_absorbed(&Queries { rotary, ..queries.clone() }, kept, up)
            };
        "through-f32": "the numbers go through f32, which keeps seven digits; this chapter asks for f64"
            => {
                let right = crate::mla_absorbed(queries, kept, up);
                Absorbed { latents: through_f32(&right.latents), heads: through_f32(&right.heads) }
            };
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

/// With something else in `latents`.
fn latents(
    queries: &Queries,
    kept: &Latents,
    up: &Up,
    make: impl Fn(Head) -> Array2<f64>,
) -> Absorbed {
    let right = crate::mla_absorbed(queries, kept, up);
    Absorbed { latents: found(queries, kept, up, make).latents, ..right }
}

/// With something else in `heads`, made of the weighted sums.
fn heads(
    queries: &Queries,
    kept: &Latents,
    up: &Up,
    make: impl Fn(&Head, ArrayView2<f64>) -> Array2<f64>,
) -> Absorbed {
    let mut right = crate::mla_absorbed(queries, kept, up);
    for (a, mut heads) in right.heads.outer_iter_mut().enumerate() {
        let sums = right.latents.index_axis(Axis(0), a);
        heads.assign(&make(&Head::of(a, queries, kept, up), sums));
    }
    right
}

/// With another head in the place of each, in both parts.
fn both(
    queries: &Queries,
    kept: &Latents,
    up: &Up,
    change: impl Fn(ArrayView2<f64>, usize, &Array3<f64>) -> Array2<f64>,
) -> Absorbed {
    let Absorbed { latents, heads } = crate::mla_absorbed(queries, kept, up);
    Absorbed { latents: changed(&latents, &change), heads: changed(&heads, &change) }
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
