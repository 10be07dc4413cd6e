//! 6.1 `kv_head`

use crate::oracle;
use attn_exercise::{exercise, field, fields};
use serde::{Deserialize, Serialize};

/// The key/value head of each query head.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    kv_heads: Vec<usize>,
}

fields! { Answer { kv_heads } }

/// Query heads and key/value heads of the cases of this chapter.
pub const HEADS: [(usize, usize); 10] =
    [(4, 2), (1, 1), (2, 1), (2, 2), (6, 2), (6, 3), (3, 1), (4, 4), (8, 2), (12, 4)];

exercise! {
    /// Query heads and key/value heads.
    crate::kv_head as fn(usize, usize, usize) -> usize: (h: usize[h], h_kv: usize[h_kv]) -> Answer;
    answer: |kv_head, c| Answer { kv_heads: (0..c.h).map(|i| kv_head(i, c.h, c.h_kv)).collect() };

    exact: |c| {
        let kv_heads: Vec<usize> = oracle::pairs(c.h, c.h_kv).into_iter().map(|(_, shared)| shared).collect();
        vec![field("kv_heads", &kv_heads)]
    };

    cases: |_random| {
        let mut cases = vec![case("by hand: two and two", (4, 2))];
        cases.extend(HEADS.into_iter().skip(1).map(|heads| case("", heads)));
        cases.extend([(32, 8), (71, 1), (128, 8), (232, 8), (9, 3), (28, 4)].map(|heads| case("of a real model", heads)));
        cases
    };

    never { "h < h_kv": "a key/value head without a query head would be of no use"; }

    right (i, h, h_kv) {
        "by the size of a group" => i / (h / h_kv);
        "by fractions" => (i as f64 / h as f64 * h_kv as f64 + 1e-9).floor() as usize;
        "counting" => (1..h_kv).filter(|first| first * (h / h_kv) <= i).count();
    }

    mistakes (i, h, h_kv) {
        "modulo": "the key/value heads are dealt out one by one, i mod h_kv; neighbours share, so it is ⌊i·h_kv/h⌋"
            => i % h_kv;
        "group-modulo": "i is taken modulo the size of a group; it is divided by it"
            => i % (h / h_kv);
        "by-kv-heads": "i is divided by h_kv; it is divided by h/h_kv, the size of a group"
            => i / h_kv;
        "own": "each query head has its own key/value head, as if there were h of them"
            => i;
        "first": "all query heads use the first key/value head"
            => 0;
        "from-one": "the key/value heads are counted from 1"
            => i * h_kv / h + 1;
        "rounded": "the quotient is rounded to the nearest instead of down"
            => (i * h_kv + h / 2) / h;
        "group-size": "the size of a group is the answer for every head"
            => h / h_kv;
        "last": "all query heads use the last key/value head"
            => h_kv - 1;
        "backwards": "the key/value heads are given out from the last to the first"
            => h_kv - 1 - i * h_kv / h;
        "own-while-there-are": "a query head has a key/value head of its own as long as there are any, and the rest share the last"
            => i.min(h_kv - 1);
        "divided-first": "h_kv is divided by h before it is multiplied by i: in whole numbers that is 0 unless all have their own"
            => i * (h_kv / h);
        "rounded-up": "the quotient is rounded up instead of down"
            => (i * h_kv).div_ceil(h);
        "inverted": "i is multiplied by the size of a group; it is divided by it"
            => i * h / h_kv;
        "first-of-the-group": "the first query head of the group is returned; asked for is the number of the group"
            => i / (h / h_kv) * (h / h_kv);
        "one-behind": "the group begins one head late: the head that opens a group still gets the one before"
            => i.saturating_sub(1) * h_kv / h;
        "one-early": "the group begins one head early: ⌊(i + 1)·h_kv/h⌋"
            => (i + 1) * h_kv / h;
    }
}
