//! What each variant of attention keeps and computes, in closed form.

/// The sizes of one layer, as far as a variant needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Query heads.
    pub h: usize,
    /// Heads of keys and values, where they are shared.
    pub h_kv: usize,
    /// The width of queries and keys.
    pub d: usize,
    /// The width of values.
    pub d_v: usize,
    /// The width of a latent.
    pub d_c: usize,
    /// The width of the rotary part beside it.
    pub d_r: usize,
    /// How many tokens a window holds.
    pub w: usize,
    /// How many tokens a block holds.
    pub block: usize,
    /// How many of the first tokens stay beside a window.
    pub sinks: usize,
    /// How many tokens a choice keeps for each query.
    pub keep: usize,
    /// Heads of the indexer that chooses them.
    pub h_i: usize,
    /// The width of its queries and keys.
    pub d_i: usize,
}

impl Layer {
    /// What the book's table in numbers is computed for: 32 heads of width 128 as in many models of 7 to 8
    /// billion weights, eight groups, the latents of DeepSeek-V2, a window of 4,096, blocks of 16, four sinks
    /// as in StreamingLLM, and the indexer of DeepSeek-V3.2.
    pub const EXAMPLE: Layer = Layer {
        h: 32,
        h_kv: 8,
        d: 128,
        d_v: 128,
        d_c: 512,
        d_r: 64,
        w: 4096,
        block: 16,
        sinks: 4,
        keep: 2048,
        h_i: 64,
        d_i: 128,
    };
}

/// A count with its formula, as LaTeX.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// In the letters of the course's notation.
    pub formula: &'static str,
    /// For a layer and so many tokens.
    pub of: fn(&Layer, usize) -> usize,
}

/// A variant of attention.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Its name.
    pub name: &'static str,
    /// The chapter that it is from.
    pub chapter: usize,
    /// Numbers that a layer keeps of m tokens.
    pub kept: Count,
    /// Numbers of them that a step of decoding reads, where it is not all.
    pub read: Option<Count>,
    /// FLOPs of the attention of one new token, which sees m tokens, itself included: products with what
    /// is kept. Projections and exponentials are left out.
    pub step: Count,
    /// FLOPs of the attention of a whole text of n tokens, over all pairs that are compared without
    /// skipping what a causal mask hides.
    pub text: Count,
}

const fn count(formula: &'static str, of: fn(&Layer, usize) -> usize) -> Count {
    Count { formula, of }
}

/// Every query head meets every token that is seen.
const STEP: Count = count(r"2\,h\,m\,(d+d_v)", |l, m| 2 * l.h * m * (l.d + l.d_v));
const TEXT: Count = count(r"2\,h\,n^2\,(d+d_v)", |l, n| 2 * l.h * n * n * (l.d + l.d_v));

/// All of them. A chapter joins with one entry.
pub const VARIANTS: &[Variant] = &[
    Variant {
        name: "MHA",
        chapter: 5,
        kept: count(r"h\,m\,(d+d_v)", |l, m| l.h * m * (l.d + l.d_v)),
        read: None,
        step: STEP,
        text: TEXT,
    },
    Variant {
        name: "GQA",
        chapter: 6,
        kept: count(r"h_{kv}\,m\,(d+d_v)", |l, m| l.h_kv * m * (l.d + l.d_v)),
        read: None,
        step: STEP,
        text: TEXT,
    },
    Variant {
        name: "MQA",
        chapter: 6,
        kept: count(r"m\,(d+d_v)", |l, m| m * (l.d + l.d_v)),
        read: None,
        step: STEP,
        text: TEXT,
    },
    Variant {
        name: "MLA",
        chapter: 7,
        kept: count(r"m\,(d_c+d_r)", |l, m| m * (l.d_c + l.d_r)),
        read: None,
        step: count(r"2\,h\,\bigl(d_c\,(d+d_v) + m\,(2\,d_c+d_r)\bigr)", |l, m| {
            2 * l.h * (l.d_c * (l.d + l.d_v) + m * (2 * l.d_c + l.d_r))
        }),
        text: count(r"2\,h\,\bigl(n\,d_c\,(d+d_v) + n^2\,(d+d_r+d_v)\bigr)", |l, n| {
            2 * l.h * (n * l.d_c * (l.d + l.d_v) + n * n * (l.d + l.d_r + l.d_v))
        }),
    },
    Variant {
        name: "window",
        chapter: 5,
        kept: count(r"h\,\min(m,w)\,(d+d_v)", |l, m| l.h * m.min(l.w) * (l.d + l.d_v)),
        read: None,
        step: count(r"2\,h\,\min(m,w)\,(d+d_v)", |l, m| 2 * l.h * m.min(l.w) * (l.d + l.d_v)),
        text: count(r"2\,h\,n\,\min(n,w)\,(d+d_v)", |l, n| {
            2 * l.h * n * n.min(l.w) * (l.d + l.d_v)
        }),
    },
    Variant {
        name: "paged",
        chapter: 10,
        kept: count(r"h\,\lceil m/s \rceil\,s\,(d+d_v)", |l, m| {
            l.h * m.div_ceil(l.block) * l.block * (l.d + l.d_v)
        }),
        read: None,
        step: STEP,
        text: TEXT,
    },
    Variant {
        name: "linear",
        chapter: 11,
        kept: count(r"h\,d\,(d_v+1)", |l, _| l.h * l.d * (l.d_v + 1)),
        read: None,
        step: count(r"4\,h\,d\,d_v", |l, _| 4 * l.h * l.d * l.d_v),
        text: count(r"4\,h\,n\,d\,d_v", |l, n| 4 * l.h * n * l.d * l.d_v),
    },
    Variant {
        name: "delta rule",
        chapter: 11,
        kept: count(r"h\,d\,d_v", |l, _| l.h * l.d * l.d_v),
        read: None,
        step: count(r"6\,h\,d\,d_v", |l, _| 6 * l.h * l.d * l.d_v),
        text: count(r"6\,h\,n\,d\,d_v", |l, n| 6 * l.h * n * l.d * l.d_v),
    },
    Variant {
        name: "window and sinks",
        chapter: 12,
        kept: count(r"h\,\min(m,a+w)\,(d+d_v)", |l, m| l.h * m.min(l.sinks + l.w) * (l.d + l.d_v)),
        read: None,
        step: count(r"2\,h\,\min(m,a+w)\,(d+d_v)", |l, m| {
            2 * l.h * m.min(l.sinks + l.w) * (l.d + l.d_v)
        }),
        text: count(r"2\,h\,n\,\min(n,a+w)\,(d+d_v)", |l, n| {
            2 * l.h * n * n.min(l.sinks + l.w) * (l.d + l.d_v)
        }),
    },
    Variant {
        name: "MLA, the best k",
        chapter: 12,
        kept: count(r"m\,(d_c+d_r+d_I)", |l, m| m * (l.d_c + l.d_r + l.d_i)),
        read: Some(count(r"m\,d_I+\min(m,k)\,(d_c+d_r)", |l, m| {
            m * l.d_i + m.min(l.keep) * (l.d_c + l.d_r)
        })),
        step: count(
            r"2\,h_I\,m\,(d_I+1) + 2\,h\,\bigl(d_c\,(d+d_v) + \min(m,k)\,(2\,d_c+d_r)\bigr)",
            |l, m| best(l, 1, m),
        ),
        text: count(
            r"2\,h_I\,n^2\,(d_I+1) + 2\,h\,n\,\bigl(d_c\,(d+d_v) + \min(n,k)\,(2\,d_c+d_r)\bigr)",
            |l, n| best(l, n, n),
        ),
    },
];

/// So many queries of absorbed latent attention to the best of m tokens, and the indexer's scores of all.
fn best(l: &Layer, queries: usize, m: usize) -> usize {
    let latent = 2 * l.h * (l.d_c * (l.d + l.d_v) + m.min(l.keep) * (2 * l.d_c + l.d_r));
    queries * (2 * l.h_i * m * (l.d_i + 1) + latent)
}

impl Variant {
    /// Numbers that a step of decoding reads of m tokens.
    pub fn read(&self, layer: &Layer, m: usize) -> usize {
        (self.read.unwrap_or(self.kept).of)(layer, m)
    }

    /// The variant of this name.
    ///
    /// ```
    /// use attn_paths::{Layer, Variant};
    /// // 32 heads, a key and a value of 128 numbers each.
    /// assert_eq!((Variant::named("MHA").kept.of)(&Layer::EXAMPLE, 1), 32 * 256);
    /// ```
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn named(name: &str) -> &'static Variant {
        VARIANTS.iter().find(|variant| variant.name == name).expect("a variant of the table")
    }
}
