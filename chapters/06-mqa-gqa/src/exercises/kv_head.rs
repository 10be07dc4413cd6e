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
        // 1/41 is rounded down in f32 and 1/49 in f64, so that 41 or 49 of them are less than 1.
        cases.extend([(82, 2), (98, 2)].map(|heads| case("groups that fractions miss", heads)));
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
        "one-too-few": "1 is subtracted from the quotient, where it is not 0; the key/value heads are counted from 0, and so is i"
            => (i * h_kv / h).saturating_sub(1);
        "from-the-end": "the heads behind i are counted, h − i; the key/value head goes by those before it"
            => (h - i) * h_kv / h;
        "last-counted-off": "the product is divided by h − 1 instead of h"
            => i * h_kv / (h - 1).max(1);
        "remainder": "the remainder of i·h_kv by h is taken; it is the quotient"
            => i * h_kv % h;
        "group-subtracted": "the size of a group is subtracted from i, where it can be; i is divided by it"
            => i.saturating_sub(h / h_kv);
        "by-kv-heads-cut": "i is divided by h_kv, and what is beyond the last head is cut to that; it is divided by h/h_kv, the size of a group"
            => (i / h_kv).min(h_kv - 1);
        "halves": "the first half of the query heads uses the first key/value head and the second half the last; there are h_kv groups"
            => if 2 * i < h { 0 } else { h_kv - 1 };
        "pairs": "two query heads share one, whatever h and h_kv are; a group has h/h_kv members"
            => (i / 2).min(h_kv - 1);
        "first-group-only": "only the members of the first group have theirs; all others use the last key/value head"
            => if i < h / h_kv { 0 } else { h_kv - 1 };
        "by-a-fraction": "i is multiplied by the fraction h_kv/h, which is a rounded number: a product that should be whole falls short of it, and is rounded down to the group before"
            => (i as f64 * (h_kv as f64 / h as f64)) as usize;
        "by-kv-heads-modulo": "i is divided by h_kv, and the rest of that by h_kv is taken; i is divided by h/h_kv, the size of a group"
            => i / h_kv % h_kv;
    }
}
