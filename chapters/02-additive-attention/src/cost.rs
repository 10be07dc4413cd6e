//! What the scores cost, counted: one multiplication with its addition is 2 FLOP, a tanh is counted
//! as one, which is kind to it.

/// The sizes of a score: n queries of width d, m keys of width d, and a hidden layer of width a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Queries.
    pub n: u64,
    /// Keys.
    pub m: u64,
    /// The width of both.
    pub d: u64,
    /// The width of the hidden layer of the additive score.
    pub a: u64,
}

impl Sizes {
    /// Dot scores: one product.
    pub fn dot_flop(self) -> u64 {
        2 * self.n * self.m * self.d
    }

    /// General scores: the queries carried over, then one product.
    pub fn general_flop(self) -> u64 {
        2 * self.n * self.d * self.d + self.dot_flop()
    }

    /// Additive scores: both sides projected once; then for each pair a additions, a tanh and a
    /// product with v.
    pub fn additive_flop(self) -> u64 {
        2 * self.a * self.d * (self.n + self.m) + 4 * self.n * self.m * self.a
    }

    /// Concat scores as they are written: every pair projected anew.
    pub fn concat_flop(self) -> u64 {
        self.n * self.m * (4 * self.d * self.a + 3 * self.a)
    }

    /// How many tanh an additive score takes.
    pub fn additive_tanh(self) -> u64 {
        self.n * self.m * self.a
    }

    /// The bytes of what lies between inputs and scores when whole arrays are used for the additive
    /// score, as `tanh(from_q[:, None] + from_k[None, :])` does: n·m·a numbers of four bytes.
    pub fn additive_hidden_bytes(self) -> u64 {
        4 * self.additive_tanh()
    }

    /// The bytes of the scores themselves.
    pub fn score_bytes(self) -> u64 {
        4 * self.n * self.m
    }
}
