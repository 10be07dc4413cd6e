//! 7.8 `cheaper_form`

use crate::{
    given::{Costs, Form, Shape},
    oracle,
};
use attn_exercise::{Field, Fields, exercise, field, given, pairwise};

given! { Shape { h [h], d [d], d_r [d_r], d_v [d_v], d_c [d_c] } }

exercise! {
    /// The sizes of a layer, the new tokens, and all that are kept.
    crate::cheaper_form: (shape: Shape, n: usize[n], m: usize[m]) -> Costs;

    exact: |c| {
        let (naive, absorbed) = oracle::flops(c.shape, c.n, c.m);
        chosen(naive, absorbed)
    };
    steps: |c| {
        let s = Sizes(c.shape);
        [
            field("W_UK and W_UV, for one row of one head", s.up()),
            field("a pair of one head, naive", s.naive_pair()),
            field("a pair of one head, absorbed", s.absorbed_pair()),
            field("pairs of one head", c.n * c.m),
        ]
    };

    cases: |_random| {
        let small = Shape { h: 1, d: 2, d_r: 2, d_v: 2, d_c: 4 };
        let v2 = Shape { h: 128, d: 128, d_r: 64, d_v: 128, d_c: 512 };
        let mut cases = vec![
            case("by hand: 220 and 132", (small, 1, 5)),
            case("V2, one new token", (v2, 1, 4096)),
            case("V2, the last chunk that the absorbed form wins", (v2, 163, 4096)),
            case("V2, the first that it loses", (v2, 164, 4096)),
            case("V2, a prompt", (v2, 4096, 4096)),
            case("V2, one token and nothing before it", (v2, 1, 1)),
            // 12·m·n + 32·m and 20·m·n + 32·n: equal where 4·(m − n) = m·n.
            case("as dear", (Shape { h: 3, d: 2, d_r: 2, d_v: 2, d_c: 4 }, 2, 4)),
            case("narrow latents", (Shape { h: 4, d: 64, d_r: 16, d_v: 64, d_c: 32 }, 100, 400)),
        ];
        cases.extend(pairwise([4, 4, 4, 4, 4, 4, 4]).into_iter().map(|[h, d, d_r, d_v, d_c, n, more]| {
            let shape = Shape { h: h + 1, d: d + 1, d_r: d_r + 1, d_v: d_v + 1, d_c: d_c + 1 };
            case("small", (shape, n + 1, n + 1 + [0, 1, 2, 9][more]))
        }));
        for one in 0..7 {
            let mut sizes = [2, 3, 4, 5, 6, 3, 7];
            sizes[one] = 1;
            let [h, d, d_r, d_v, d_c, n, m] = sizes;
            cases.push(case("small", (Shape { h, d, d_r, d_v, d_c }, n.min(m), m)));
        }
        cases
    };

    never {
        "n > m": "the new tokens are among those that are kept";
    }

    right (shape, n, m) {
        "product by product" => {
            let (naive, absorbed) = oracle::flops(*shape, n, m);
            chosen(naive, absorbed)
        };
        "per head, then times h" => {
            let up = 2 * shape.d_c * shape.d + 2 * shape.d_c * shape.d_v;
            let naive = up * m + 2 * (shape.d + shape.d_r) * n * m + 2 * shape.d_v * n * m;
            let absorbed = up * n + 2 * (shape.d_c + shape.d_r) * n * m + 2 * shape.d_c * n * m;
            chosen(shape.h * naive, shape.h * absorbed)
        };
        // The form by the rule of the page, without the two sums.
        "by the rule" => {
            let right = crate::cheaper_form(shape, n, m);
            let pair = 2 * shape.d_c as i64 - (shape.d + shape.d_v) as i64;
            let gained = (m as i64 - n as i64) * (shape.d_c * (shape.d + shape.d_v)) as i64;
            let cheaper = if gained > (n * m) as i64 * pair { Form::Absorbed } else { Form::Naive };
            Costs { cheaper, ..right }
        };
    }

    mistakes (shape, n, m) {
        "expanded-for-free": "the naive form makes its keys and values for nothing; they are made of all m latents in each call"
            => counted(shape, n, m, |s| (0, s.up() * n, s.naive_pair(), s.absorbed_pair()));
        "new-tokens-expanded": "the naive form makes keys and values of the n new tokens alone; what is kept are latents, so that it makes those of all m"
            => counted(shape, n, m, |s| (s.up() * n, s.up() * n, s.naive_pair(), s.absorbed_pair()));
        "expanded-for-every-query": "the naive form makes keys and values again for each query; it makes them once in a call"
            => counted(shape, n, m, |s| (s.up() * m * n, s.up() * n, s.naive_pair(), s.absorbed_pair()));
        "absorbed-for-free": "W_UK and W_UV cost the absorbed form nothing; it multiplies each query by one and each sum of latents by the other"
            => counted(shape, n, m, |s| (s.up() * m, 0, s.naive_pair(), s.absorbed_pair()));
        "absorbed-for-all": "the absorbed form pays for W_UK and W_UV with all m tokens; it does so with the n queries"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * m, s.naive_pair(), s.absorbed_pair()));
        "keys-only": "only W_UK is counted, and W_UV is not"
            => counted(shape, n, m, |s| (2 * s.d_c * s.d * m, 2 * s.d_c * s.d * n, s.naive_pair(), s.absorbed_pair()));
        "absorbed-without-w-uv": "W_UV costs the absorbed form nothing; it multiplies each sum of latents by it"
            => counted(shape, n, m, |s| (s.up() * m, 2 * s.d_c * s.d * n, s.naive_pair(), s.absorbed_pair()));
        "new-tokens-beside": "the new tokens are counted beside the m that are kept; they are among them"
            => crate::cheaper_form(shape, n, m + n);
        "multiplications-only": "additions are not counted; a multiplication and an addition are two FLOPs"
            => counted(shape, n, m, |s| (s.up() * m / 2, s.up() * n / 2, s.naive_pair() / 2, s.absorbed_pair() / 2));
        "one-head": "one head is counted; there are h"
            => {
                let right = crate::cheaper_form(shape, n, m);
                Costs { naive: right.naive / shape.h, absorbed: right.absorbed / shape.h, ..right }
            };
        "expanded-once-for-all-heads": "the naive form makes the keys and values of one head alone; each head has its own"
            => {
                let s = Sizes(*shape);
                let naive = s.up() * m + shape.h * n * m * s.naive_pair();
                chosen(naive, crate::cheaper_form(shape, n, m).absorbed)
            };
        "absorbed-once-for-all-heads": "the absorbed form's scores and sums are counted for one head; the heads share the latents, but each has its own queries"
            => {
                let s = Sizes(*shape);
                let absorbed = shape.h * s.up() * n + n * m * s.absorbed_pair();
                chosen(crate::cheaper_form(shape, n, m).naive, absorbed)
            };
        "rotary-once-for-all-heads": "the naive form's rotary scores are counted for one head; the heads share the rotary key, but each has its own queries"
            => {
                let right = crate::cheaper_form(shape, n, m);
                chosen(right.naive - (shape.h - 1) * n * m * 2 * shape.d_r, right.absorbed)
            };
        "no-rotary": "the rotary part of the scores is not counted"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair() - 2 * s.d_r, s.absorbed_pair() - 2 * s.d_r));
        "naive-rotary-expanded": "the naive form makes rotary keys of the latents, too; they are kept as they are"
            => counted(shape, n, m, |s| (s.up() * m + 2 * s.d_c * s.d_r * m, s.up() * n, s.naive_pair(), s.absorbed_pair()));
        "rotary-expanded": "the rotary key is counted among what is made of a latent; it is kept as it is"
            => counted(shape, n, m, |s| (s.up() * m + 2 * s.d_c * s.d_r * m, s.up() * n + 2 * s.d_c * s.d_r * n, s.naive_pair(), s.absorbed_pair()));
        "values-of-d-v": "the absorbed form's weighted sums are counted as d_v wide; they are sums of latents, d_c wide"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair(), 2 * (s.d_c + s.d_r + s.d_v)));
        "absorbed-scores-of-d": "the absorbed form's scores are counted as d + d_r wide; its queries and the latents have d_c numbers in the place of d"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair(), 2 * (s.d + s.d_r + s.d_c)));
        "absorbed-scores-only": "the absorbed form's weighted sums of latents are not counted"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair(), 2 * (s.d_c + s.d_r)));
        "naive-scores-only": "the naive form's weighted sums of values are not counted"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, 2 * (s.d + s.d_r), s.absorbed_pair()));
        "rotary-summed": "the absorbed form's weighted sums are counted as d_c + d_r wide; the rotary keys are not summed"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair(), 4 * (s.d_c + s.d_r)));
        "scores-only": "the weighted sums are not counted, in either form"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, 2 * (s.d + s.d_r), 2 * (s.d_c + s.d_r)));
        "causal-pairs": "only the pairs that the causal mask allows are counted; the products go over all n·m"
            => {
                let s = Sizes(*shape);
                let pairs = n * m - n * (n - 1) / 2;
                chosen(shape.h * (s.up() * m + pairs * s.naive_pair()), shape.h * (s.up() * n + pairs * s.absorbed_pair()))
            };
        "new-pairs-only": "n·n pairs are counted; each of the n queries meets all m tokens, which makes n·m"
            => {
                let s = Sizes(*shape);
                chosen(shape.h * (s.up() * m + n * n * s.naive_pair()), shape.h * (s.up() * n + n * n * s.absorbed_pair()))
            };
        "exchanged": "the two costs are exchanged"
            => {
                let right = crate::cheaper_form(shape, n, m);
                Costs { naive: right.absorbed, absorbed: right.naive, ..right }
            };
        "dearer": "`cheaper` names the dearer of the two"
            => {
                let right = crate::cheaper_form(shape, n, m);
                let cheaper = if right.cheaper == Form::Naive { Form::Absorbed } else { Form::Naive };
                Costs { cheaper, ..right }
            };
        "dearer-or-naive": "`cheaper` names the dearer of the two, and naive where they are equal"
            => {
                let right = crate::cheaper_form(shape, n, m);
                let cheaper = if right.absorbed > right.naive { Form::Absorbed } else { Form::Naive };
                Costs { cheaper, ..right }
            };
        "absorbed-when-equal": "`cheaper` is absorbed where the two are equal; it is to be naive there"
            => {
                let right = crate::cheaper_form(shape, n, m);
                let cheaper = if right.absorbed <= right.naive { Form::Absorbed } else { Form::Naive };
                Costs { cheaper, ..right }
            };
        "absorbed-when-decoding": "`cheaper` is absorbed for a single new token and naive for more, whatever the costs are"
            => Costs { cheaper: if n == 1 { Form::Absorbed } else { Form::Naive }, ..crate::cheaper_form(shape, n, m) };
        "absorbed-when-more-kept": "`cheaper` is absorbed where n < m and naive where n = m, whatever the costs are"
            => Costs { cheaper: if n < m { Form::Absorbed } else { Form::Naive }, ..crate::cheaper_form(shape, n, m) };
        "by-numbers-only": "`cheaper` goes by the cost of a pair alone, and not by the whole"
            => {
                let s = Sizes(*shape);
                let cheaper = if s.absorbed_pair() < s.naive_pair() { Form::Absorbed } else { Form::Naive };
                Costs { cheaper, ..crate::cheaper_form(shape, n, m) }
            };
        "naive-without-rotary": "the naive form's rotary scores are not counted"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair() - 2 * s.d_r, s.absorbed_pair()));
        "absorbed-without-rotary": "the absorbed form's rotary scores are not counted"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair(), s.absorbed_pair() - 2 * s.d_r));
        "absorbed-without-w-uk": "W_UK costs the absorbed form nothing; it multiplies each query by it"
            => counted(shape, n, m, |s| (s.up() * m, 2 * s.d_c * s.d_v * n, s.naive_pair(), s.absorbed_pair()));
        "naive-keys-only": "the naive form makes its values for nothing: W_UV is not counted there"
            => counted(shape, n, m, |s| (2 * s.d_c * s.d * m, s.up() * n, s.naive_pair(), s.absorbed_pair()));
        "naive-values-only": "the naive form makes its keys for nothing: W_UK is not counted there"
            => counted(shape, n, m, |s| (2 * s.d_c * s.d_v * m, s.up() * n, s.naive_pair(), s.absorbed_pair()));
        "values-only": "only W_UV is counted, and W_UK is not"
            => counted(shape, n, m, |s| (2 * s.d_c * s.d_v * m, 2 * s.d_c * s.d_v * n, s.naive_pair(), s.absorbed_pair()));
        "weights-for-free": "W_UK and W_UV are not counted, in either form"
            => counted(shape, n, m, |s| (0, 0, s.naive_pair(), s.absorbed_pair()));
        "old-tokens-expanded": "the naive form makes keys and values of the m − n tokens before the new ones alone; it makes those of all m"
            => counted(shape, n, m, |s| (s.up() * (m - n), s.up() * n, s.naive_pair(), s.absorbed_pair()));
        "new-keys-for-all-values": "the naive form makes the keys of the n new tokens alone, and the values of all m; it makes both of all m"
            => counted(shape, n, m, |s| (2 * s.d_c * (s.d * n + s.d_v * m), s.up() * n, s.naive_pair(), s.absorbed_pair()));
        "pairs-with-old-tokens": "n·(m − n) pairs are counted; the n new tokens are compared with each other as well, which makes n·m"
            => by_pairs(shape, n, m, n * (m - n));
        "one-row-of-pairs": "m pairs are counted, as for a single new token; there are n·m"
            => by_pairs(shape, n, m, m);
        "square-of-pairs": "m·m pairs are counted; there are n queries, which makes n·m"
            => by_pairs(shape, n, m, m * m);
        "half-of-the-pairs": "half of the pairs are counted, for the causal mask; the products go over all n·m"
            => by_pairs(shape, n, m, n * m / 2);
        "pairs-without-2": "a pair's additions are not counted, and those of the products with W_UK and W_UV are; each multiplication and its addition are two FLOPs"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair() / 2, s.absorbed_pair() / 2));
        "weights-without-2": "the additions of the products with W_UK and W_UV are not counted, and those of a pair are; each multiplication and its addition are two FLOPs"
            => counted(shape, n, m, |s| (s.up() * m / 2, s.up() * n / 2, s.naive_pair(), s.absorbed_pair()));
        "sums-without-2": "the additions of the weighted sums are not counted, and those of the scores are; each multiplication and its addition are two FLOPs"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, 2 * (s.d + s.d_r) + s.d_v, 2 * (s.d_c + s.d_r) + s.d_c));
        "values-of-all-in-absorbed": "the absorbed form's product with W_UV is counted for all m tokens; it is for the n sums"
            => counted(shape, n, m, |s| (s.up() * m, 2 * s.d_c * (s.d * n + s.d_v * m), s.naive_pair(), s.absorbed_pair()));
        "queries-of-all-in-absorbed": "the absorbed form's product with W_UK is counted for all m tokens; it is for the n queries"
            => counted(shape, n, m, |s| (s.up() * m, 2 * s.d_c * (s.d * m + s.d_v * n), s.naive_pair(), s.absorbed_pair()));
        "carried-for-every-pair": "the absorbed form carries a query over anew for each token; it does so once for each query"
            => counted(shape, n, m, |s| (s.up() * m, 2 * s.d_c * (s.d * n * m + s.d_v * n), s.naive_pair(), s.absorbed_pair()));
        "weights-for-every-pair": "the absorbed form pays for W_UK and W_UV with each pair; it does so once for each query"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n * m, s.naive_pair(), s.absorbed_pair()));
        "naive-scores-of-d-c": "the naive form's scores are counted as d_c + d_r wide; its keys have d + d_r numbers"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, 2 * (s.d_c + s.d_r + s.d_v), s.absorbed_pair()));
        "naive-sums-of-d-c": "the naive form's weighted sums are counted as d_c wide; they are sums of values, d_v wide"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, 2 * (s.d + s.d_r + s.d_c), s.absorbed_pair()));
        "naive-sums-of-d": "the naive form's weighted sums are counted as d wide; they are sums of values, d_v wide"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, 2 * (s.d + s.d_r + s.d), s.absorbed_pair()));
        "naive-rotary-summed": "the naive form's weighted sums are counted as d_v + d_r wide; the rotary keys are not summed"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair() + 2 * s.d_r, s.absorbed_pair()));
        "both-rotary-summed": "the weighted sums are counted as d_r wider than they are, in both forms; the rotary keys are not summed"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair() + 2 * s.d_r, s.absorbed_pair() + 2 * s.d_r));
        "values-summed-in-absorbed": "the absorbed form sums values, and W_UV is not counted behind that; it sums latents, and W_UV makes the value of the sum"
            => counted(shape, n, m, |s| (s.up() * m, 2 * s.d_c * s.d * n, s.naive_pair(), 2 * (s.d_c + s.d_r + s.d_v)));
        "values-beside-latents": "a pair of the absorbed form sums a value beside the latent; it sums the latent alone"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair(), s.absorbed_pair() + 2 * s.d_v));
        "w-uv-of-square": "W_UK and W_UV are both counted as d_c × d; W_UV is d_c × d_v"
            => counted(shape, n, m, |s| (4 * s.d_c * s.d * m, 4 * s.d_c * s.d * n, s.naive_pair(), s.absorbed_pair()));
        "weights-of-one-head": "W_UK and W_UV are counted for one head, in both forms; each head has its own"
            => {
                let s = Sizes(*shape);
                chosen(s.up() * m + shape.h * n * m * s.naive_pair(), s.up() * n + shape.h * n * m * s.absorbed_pair())
            };
        "pairs-of-one-head": "the pairs are counted for one head, in both forms; each head has its own queries"
            => {
                let s = Sizes(*shape);
                chosen(shape.h * s.up() * m + n * m * s.naive_pair(), shape.h * s.up() * n + n * m * s.absorbed_pair())
            };
        "naive-of-one-head": "the naive form is counted for one head; there are h"
            => {
                let right = crate::cheaper_form(shape, n, m);
                chosen(right.naive / shape.h, right.absorbed)
            };
        "absorbed-of-one-head": "the absorbed form is counted for one head, since what is kept is one for all; but each head has its own queries"
            => {
                let right = crate::cheaper_form(shape, n, m);
                chosen(right.naive, right.absorbed / shape.h)
            };
        "rotary-of-one-head": "the rotary scores are counted for one head, in both forms; the heads share the rotary key, but each has its own queries"
            => {
                let right = crate::cheaper_form(shape, n, m);
                let less = (shape.h - 1) * n * m * 2 * shape.d_r;
                chosen(right.naive - less, right.absorbed - less)
            };
        "absorbed-rotary-of-one-head": "the absorbed form's rotary scores are counted for one head; the heads share the rotary key, but each has its own queries"
            => {
                let right = crate::cheaper_form(shape, n, m);
                chosen(right.naive, right.absorbed - (shape.h - 1) * n * m * 2 * shape.d_r)
            };
        "softmax-counted": "each pair costs a FLOP more, for the softmax; only the matrix products are counted"
            => counted(shape, n, m, |s| (s.up() * m, s.up() * n, s.naive_pair() + 1, s.absorbed_pair() + 1));
        "always-absorbed": "`cheaper` is absorbed, whatever the costs are"
            => Costs { cheaper: Form::Absorbed, ..crate::cheaper_form(shape, n, m) };
        "always-naive": "`cheaper` is naive, whatever the costs are"
            => Costs { cheaper: Form::Naive, ..crate::cheaper_form(shape, n, m) };
    }
}

impl Fields for Costs {
    fn fields(&self) -> Vec<Field> {
        let cheaper = field("cheaper", format!("{:?}", self.cheaper));
        vec![field("naive", self.naive), field("absorbed", self.absorbed), cheaper]
    }
}

fn chosen(naive: usize, absorbed: usize) -> Costs {
    let cheaper = if absorbed < naive { Form::Absorbed } else { Form::Naive };
    Costs { naive, absorbed, cheaper }
}

/// What one head costs.
struct Sizes(Shape);

impl std::ops::Deref for Sizes {
    type Target = Shape;

    fn deref(&self) -> &Shape {
        &self.0
    }
}

impl Sizes {
    /// W_UK and W_UV for one row.
    fn up(&self) -> usize {
        2 * self.d_c * (self.d + self.d_v)
    }

    fn naive_pair(&self) -> usize {
        2 * (self.d + self.d_r + self.d_v)
    }

    fn absorbed_pair(&self) -> usize {
        2 * (self.d_c + self.d_r + self.d_c)
    }
}

/// From another number of pairs in each head.
fn by_pairs(shape: &Shape, n: usize, m: usize, pairs: usize) -> Costs {
    let s = Sizes(*shape);
    let naive = s.up() * m + pairs * s.naive_pair();
    let absorbed = s.up() * n + pairs * s.absorbed_pair();
    chosen(shape.h * naive, shape.h * absorbed)
}

/// From what the weights cost one head in each form, and what a pair costs.
fn counted(
    shape: &Shape,
    n: usize,
    m: usize,
    costs: impl Fn(&Sizes) -> (usize, usize, usize, usize),
) -> Costs {
    let (naive, absorbed, naive_pair, absorbed_pair) = costs(&Sizes(*shape));
    chosen(shape.h * (naive + n * m * naive_pair), shape.h * (absorbed + n * m * absorbed_pair))
}
