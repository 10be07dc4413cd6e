//! 6.7 `matched_width`

use crate::Transformer;
use attn_exercise::{exercise, field, fields, given};
use serde::{Deserialize, Serialize};

/// The width.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    d_ff: usize,
}

fields! { Answer { d_ff } }
given! { Transformer { d_model [], h [], d [], attentions [], feed_forwards [], matrices [], d_ff [] } }

exercise! {
    /// A Transformer, and the heads of keys and values that it is to have.
    crate::matched_width as fn(&Transformer, usize) -> usize: (model: Transformer, h_kv: usize) -> Answer;
    answer: |matched_width, c| Answer { d_ff: matched_width(&c.model, c.h_kv) };

    exact: |c| {
        // Grown by one as long as it does not have more weights than before.
        let weights = |h_kv: usize, d_ff: usize| {
            let attention = 2 * c.model.d_model * c.model.h * c.model.d + 2 * c.model.d_model * h_kv * c.model.d;
            c.model.attentions * attention + c.model.feed_forwards * c.model.matrices * c.model.d_model * d_ff
        };
        let before = weights(c.model.h, c.model.d_ff);
        let d_ff = (c.model.d_ff..).take_while(|&d_ff| weights(c.h_kv, d_ff) <= before).last();
        vec![field("d_ff", d_ff.expect("the width as it is"))]
    };

    steps: |c| [
        field("weights that keys and values no longer need", saved(&c.model, c.h_kv)),
        field("weights that a unit of width costs", c.model.feed_forwards * c.model.matrices * c.model.d_model),
    ];

    cases: |_random| {
        let of = |about: &str, (d_model, h, d, h_kv), (attentions, feed_forwards, matrices), d_ff| {
            case(about, (Transformer { d_model, h, d, attentions, feed_forwards, matrices, d_ff }, h_kv))
        };
        vec![
            of("by hand: 2 more", (4, 2, 2, 1), (1, 1, 2), 6),
            of("Shazeer's, MQA", (1024, 8, 128, 1), (18, 12, 2), 4096),
            of("Shazeer's, four heads of keys and values", (1024, 8, 128, 4), (18, 12, 2), 4096),
            of("nothing is saved", (1024, 8, 128, 8), (18, 12, 2), 4096),
            of("a decoder with a gate, MQA", (4096, 32, 128, 1), (32, 32, 3), 11_008),
            of("a decoder with a gate, eight groups", (4096, 32, 128, 8), (32, 32, 3), 11_008),
            of("heads wider than d_model / h", (2048, 8, 256, 1), (18, 18, 3), 16_384),
            of("heads narrower than d_model / h", (2048, 8, 64, 2), (18, 18, 2), 8192),
            of("a rest is rounded down", (8, 3, 3, 1), (1, 1, 3), 10),
            of("a rest that is lost if each attention is rounded by itself", (1024, 8, 128, 1), (18, 12, 3), 2816),
            of("a rest over several networks", (6, 4, 5, 2), (5, 3, 2), 9),
            of("more feed-forward networks than attentions", (16, 4, 4, 1), (3, 6, 2), 32),
            of("one head is left of two", (3, 2, 1, 1), (1, 1, 1), 1),
        ]
    };

    right (model, h_kv) {
        "by the weights of everything" => {
            let attention = |h_kv: usize| model.attentions * 2 * model.d_model * model.d * (model.h + h_kv);
            let per_unit = model.feed_forwards * model.matrices * model.d_model;
            let all = attention(model.h) + per_unit * model.d_ff;
            (all - attention(h_kv)) / per_unit
        };
        "d_model cancelled" => {
            let saved = 2 * (model.h - h_kv) * model.d * model.attentions;
            model.d_ff + saved / (model.feed_forwards * model.matrices)
        };
        "in f64" => {
            let saved = model.attentions as f64 * 2.0 * ((model.h - h_kv) * model.d) as f64;
            model.d_ff + (saved / model.feed_forwards as f64 / model.matrices as f64 + 1e-9).floor() as usize
        };
    }

    mistakes (model, h_kv) {
        "keys-only": "half of what is saved is dealt out, as when only the weights of the keys are counted; those of the values are saved too"
            => widened(model, saved(model, h_kv) / 2);
        "one-attention-each": "as many attentions are counted as feed-forward networks; a layer that also looks at an encoder has two"
            => widened(model, saved(&Transformer { attentions: model.feed_forwards, ..*model }, h_kv));
        "one-layer": "what all attentions save is given to a single feed-forward network"
            => widened(&Transformer { feed_forwards: 1, ..*model }, saved(model, h_kv));
        "one-attention": "what a single attention saves is dealt out to all feed-forward networks"
            => widened(model, saved(&Transformer { attentions: 1, ..*model }, h_kv));
        "one-matrix": "a feed-forward network is counted as a single matrix"
            => widened(&Transformer { matrices: 1, ..*model }, saved(model, h_kv));
        "two-matrices": "a feed-forward network is counted as two matrices, with a gate or without"
            => widened(&Transformer { matrices: 2, ..*model }, saved(model, h_kv));
        "remaining": "what the key/value heads still need is dealt out; it is what they no longer need"
            => widened(model, model.attentions * 2 * model.d_model * h_kv * model.d);
        "all-heads": "all keys and values are counted as saved; h_kv heads remain"
            => widened(model, model.attentions * 2 * model.d_model * model.h * model.d);
        "d-model-for-heads": "the heads together are taken to be as wide as d_model; they are h·d wide"
            => widened(model, model.attentions * 2 * model.d_model * model.d_model * (model.h - h_kv) / model.h);
        "queries-and-outputs": "the matrices of queries and outputs are counted as smaller too; they have h heads as before"
            => widened(model, 2 * saved(model, h_kv));
        "rounded-up": "the quotient is rounded up: then there are more weights than before"
            => model.d_ff + saved(model, h_kv).div_ceil(model.feed_forwards * model.matrices * model.d_model);
        "rounded-per-attention": "what one attention saves is rounded down to whole units of width, and shared out then; round once, at the end"
            => {
                let one = saved(&Transformer { attentions: 1, ..*model }, h_kv);
                model.d_ff + one / (model.matrices * model.d_model) * model.attentions / model.feed_forwards
            };
        "whole-ratio": "attentions are divided by feed-forward networks in whole numbers, which drops a rest"
            => {
                let one = saved(&Transformer { attentions: 1, ..*model }, h_kv);
                model.d_ff + one * (model.attentions / model.feed_forwards) / (model.matrices * model.d_model)
            };
        "rounded-to-nearest": "the quotient is rounded to the nearest; rounded up, there are more weights than before"
            => {
                let unit = model.feed_forwards * model.matrices * model.d_model;
                model.d_ff + (saved(model, h_kv) + unit / 2) / unit
            };
        "head-width-of-d-model": "a head is taken to be d_model / h wide; it has a width of its own, d"
            => widened(model, saved(&Transformer { d: model.d_model / model.h, ..*model }, h_kv));
        "head-width-forgotten": "a head is counted as one column; it has d"
            => widened(model, saved(&Transformer { d: 1, ..*model }, h_kv));
        "groups-for-heads": "h/h_kv − 1 heads are counted as saved; it is h − h_kv"
            => widened(model, model.attentions * 2 * model.d_model * (model.h / h_kv - 1) * model.d);
        "three-matrices": "a feed-forward network is counted as three matrices, with a gate or without"
            => widened(&Transformer { matrices: 3, ..*model }, saved(model, h_kv));
        "the-gain-alone": "only what is added is returned; asked for is the whole width"
            => widened(model, saved(model, h_kv)) - model.d_ff;
        "d-model-forgotten": "what is saved is counted in weights, and a unit of width as if it cost a number in each matrix; it costs d_model"
            => model.d_ff + saved(model, h_kv) / (model.feed_forwards * model.matrices);
        "narrower": "the width is made smaller; weights are left over, so it grows"
            => model.d_ff.saturating_sub(widened(model, saved(model, h_kv)) - model.d_ff);
        "unchanged": "the width is returned as it is"
            => model.d_ff;
        "by-heads": "the width grows as the heads shrink, by the factor h/h_kv"
            => model.d_ff * model.h / h_kv;
        "ratio-of-heads": "h/h_kv heads are counted as saved; it is h − h_kv"
            => widened(model, model.attentions * 2 * model.d_model * (model.h / h_kv) * model.d);
        "groups-remain": "h − h/h_kv heads are counted as saved; h_kv heads remain, not h/h_kv"
            => widened(model, model.attentions * 2 * model.d_model * (model.h - model.h / h_kv) * model.d);
        "one-remains": "all heads but one are counted as saved, as with MQA; h_kv remain"
            => widened(model, model.attentions * 2 * model.d_model * (model.h - 1) * model.d);
        "one-head-saved": "a single head is counted as saved; it is h − h_kv"
            => widened(model, model.attentions * 2 * model.d_model * model.d);
        "head-width-for-the-model": "a unit of width is counted as d numbers in each matrix, the width of a head; it has d_model"
            => model.d_ff + saved(model, h_kv) / (model.feed_forwards * model.matrices * model.d);
        "head-width-forgotten-in-both": "what is saved is counted without d_model, and a unit of width with it"
            => model.d_ff + saved(model, h_kv) / model.d_model / (model.feed_forwards * model.matrices * model.d_model);
        "square-of-the-model": "what is saved is counted as d_model² for each attention; it is 2·d_model·(h − h_kv)·d"
            => widened(model, model.attentions * model.d_model * model.d_model);
        "one-too-wide": "1 is added to the width: then there are more weights than before"
            => widened(model, saved(model, h_kv)) + 1;
        "one-too-narrow": "the width is one unit too small"
            => widened(model, saved(model, h_kv)) - 1;
        "one-network": "the matrices and feed-forward networks are left out: a unit of width is counted as d_model numbers"
            => model.d_ff + saved(model, h_kv) / model.d_model;
        "not-divided": "the weights that are saved are added to the width as they are"
            => model.d_ff + saved(model, h_kv);
        "whole-matrices": "a unit of width is counted as a whole matrix, d_model × d_ff; it is a row or a column of it"
            => widened(model, saved(model, h_kv) / model.d_ff);
        "keys-values-queries": "three matrices are counted as smaller, those of queries too; they have h heads as before"
            => widened(model, saved(model, h_kv) / 2 * 3);
        "share-of-the-width": "the width grows by the share of heads that is saved, (h − h_kv)/h"
            => model.d_ff + model.d_ff * (model.h - h_kv) / model.h;
        "attention-in-all": "d_ff grows by the factor by which the attention's weights shrink"
            => model.d_ff * (2 * model.h) / (model.h + h_kv);
        "subtracted": "what is saved is taken off the width, which panics where it is more than that; weights are left over, so the width grows"
            => {
                let gain = widened(model, saved(model, h_kv)) - model.d_ff;
                assert!(gain <= model.d_ff, "attempt to subtract with overflow");
                model.d_ff - gain
            };
    }
}

/// The weights that keys and values no longer need.
fn saved(model: &Transformer, h_kv: usize) -> usize {
    model.attentions * 2 * model.d_model * (model.h - h_kv) * model.d
}

/// The width with so many more weights in all.
fn widened(model: &Transformer, weights: usize) -> usize {
    model.d_ff + weights / (model.feed_forwards * model.matrices * model.d_model)
}
