//! The whole family as one recurrence, in its three forms.

use crate::error::LinearError;
use attn_core::shape::equal;
use ndarray::{Array1, Array2, ArrayView2, Axis, NdFloat, linalg::general_mat_mul, s};

// ANCHOR: recurrence
/// S ← A S + β k vᵀ, and how the query reads: one head, `F` is f32 or f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrence<F> {
    /// What of the state each token forgets.
    pub forget: Forget<F>,
    /// Whether a token adds its value, or replaces what its key finds.
    pub write: Write<F>,
    /// When the query reads.
    pub read: Read<F>,
}

/// The part of A that fades, as logarithms of the gates: at most 0, where −∞ lets nothing through.
#[derive(Clone, Debug, PartialEq)]
pub enum Forget<F> {
    /// A = I.
    Nothing,
    /// A = γ I: one gate for all tokens and channels.
    Constant(F),
    /// A = α_t I: one gate per token, n.
    Tokens(Array1<F>),
    /// A = Diag(α_t): one gate per token and channel, n × d.
    Channels(Array2<F>),
}

/// What becomes of the value.
#[derive(Clone, Debug, PartialEq)]
pub enum Write<F> {
    /// k vᵀ is added.
    Add,
    /// The delta rule: A is (I − β k kᵀ) times the part that fades, and β k vᵀ is added. n numbers from
    /// 0 to 2.
    Replace(Array1<F>),
}

/// When the query reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Read<F> {
    /// After the token was written: it sees itself.
    After,
    /// Before, with a bonus for the token itself, d numbers: RWKV-6.
    Before(Array1<F>),
}
// ANCHOR_END: recurrence

impl<F: NdFloat> Recurrence<F> {
    /// A = I: linear attention without z.
    pub fn plain() -> Self {
        Recurrence { forget: Forget::Nothing, write: Write::Add, read: Read::After }
    }

    /// Makes sure that all sizes fit, and that gates and βs are in their ranges.
    ///
    /// # Errors
    /// Names the two sizes, or the number that is out of range.
    pub fn check(
        &self,
        state: &Array2<F>,
        q: ArrayView2<F>,
        k: ArrayView2<F>,
        v: ArrayView2<F>,
    ) -> Result<(), LinearError> {
        let ((n, d), d_v) = (k.dim(), v.ncols());
        equal(("queries", q.nrows()), ("keys", n))?;
        equal(("values", v.nrows()), ("keys", n))?;
        equal(("query width", q.ncols()), ("key width", d))?;
        equal(("rows of the state", state.nrows()), ("key width", d))?;
        equal(("columns of the state", state.ncols()), ("value width", d_v))?;
        let in_range = |token: usize, channel: usize, gate: F| {
            // A NaN is refused as well.
            if gate.is_nan() || gate > F::zero() {
                let value = gate.to_f64().unwrap_or(f64::NAN);
                return Err(LinearError::Gate { token, channel, value });
            }
            Ok(())
        };
        match &self.forget {
            Forget::Nothing => {}
            Forget::Constant(gate) => in_range(0, 0, *gate)?,
            Forget::Tokens(gates) => {
                equal(("gates", gates.len()), ("keys", n))?;
                gates.iter().enumerate().try_for_each(|(token, gate)| in_range(token, 0, *gate))?;
            }
            Forget::Channels(gates) => {
                equal(("rows of gates", gates.nrows()), ("keys", n))?;
                equal(("gate width", gates.ncols()), ("key width", d))?;
                let mut all = gates.indexed_iter();
                all.try_for_each(|((token, channel), gate)| in_range(token, channel, *gate))?;
            }
        }
        if let Write::Replace(beta) = &self.write {
            equal(("βs", beta.len()), ("keys", n))?;
            let two = F::one() + F::one();
            for (token, &beta) in beta.iter().enumerate() {
                if beta.is_nan() || beta < F::zero() || beta > two {
                    let value = beta.to_f64().unwrap_or(f64::NAN);
                    return Err(LinearError::Beta { token, value });
                }
            }
        }
        if let Read::Before(bonus) = &self.read {
            equal(("bonus width", bonus.len()), ("key width", d))?;
        }
        Ok(())
    }

    /// Token by token. `state` is S before the first token, and afterwards S after the last one.
    ///
    /// Shapes: q and k n × d, v and the rows n × d_v, state d × d_v. Costs about n·4·d·d_v FLOPs, and
    /// half as much again with the delta rule. Nothing is kept but the state.
    ///
    /// # Errors
    /// See [`Recurrence::check`].
    ///
    /// ```
    /// use ch11_linear::Recurrence;
    /// use ndarray::array;
    /// let (ones, values) = (array![[1.0], [1.0]], array![[2.0], [3.0]]);
    /// let mut state = array![[10.0]];
    /// let plain = Recurrence::plain();
    /// let rows = plain.recurrent(&mut state, ones.view(), ones.view(), values.view()).unwrap();
    /// assert_eq!(rows, array![[12.0], [15.0]]);
    /// let rows = plain.parallel(ones.view(), ones.view(), values.view()).unwrap();
    /// assert_eq!(rows, array![[2.0], [5.0]]); // from an empty state
    /// ```
    pub fn recurrent(
        &self,
        state: &mut Array2<F>,
        q: ArrayView2<F>,
        k: ArrayView2<F>,
        v: ArrayView2<F>,
    ) -> Result<Array2<F>, LinearError> {
        self.check(state, q, k, v)?;
        let mut out = Array2::zeros(v.dim());
        for t in 0..k.nrows() {
            let (query, key, value) = (q.row(t), k.row(t), v.row(t));
            if let Read::Before(bonus) = &self.read {
                let own = (&query * bonus).dot(&key);
                out.row_mut(t).assign(&(query.dot(state) + &value * own));
            }
            if self.forget != Forget::Nothing {
                let gates = self.gates(t..t + 1);
                *state *= &gates.row(0).mapv(F::exp).insert_axis(Axis(1));
            }
            let new = match &self.write {
                Write::Add => value.to_owned(),
                Write::Replace(beta) => (&value - &key.dot(state)) * beta[t],
            };
            for (mut row, &key) in state.axis_iter_mut(Axis(0)).zip(key) {
                row.scaled_add(key, &new);
            }
            if self.read == Read::After {
                out.row_mut(t).assign(&query.dot(state));
            }
        }
        Ok(out)
    }

    /// In chunks of `chunk` tokens: within one all pairs at once, between them by the state. The rows
    /// and the state are those of [`Recurrence::recurrent`].
    ///
    /// Shapes as there. With one gate for all channels it costs about n·(2·C·(d + d_v) + 4·d·d_v) FLOPs
    /// in products of matrices, with the delta rule twice that; gates per channel cost an exponential
    /// per pair and channel.
    ///
    /// # Errors
    /// See [`Recurrence::check`]; a chunk of 0 tokens is refused, too.
    ///
    /// ```
    /// use ch11_linear::Recurrence;
    /// use ndarray::array;
    /// let ones = array![[1.0], [1.0], [1.0]];
    /// let mut state = array![[0.0]];
    /// let plain = Recurrence::plain();
    /// let rows = plain.chunkwise(&mut state, ones.view(), ones.view(), ones.view(), 2).unwrap();
    /// assert_eq!(rows, array![[1.0], [2.0], [3.0]]);
    /// let refused = plain.chunkwise(&mut state, ones.view(), ones.view(), ones.view(), 0);
    /// assert_eq!(refused.unwrap_err().to_string(), "a chunk of 0 tokens");
    /// ```
    pub fn chunkwise(
        &self,
        state: &mut Array2<F>,
        q: ArrayView2<F>,
        k: ArrayView2<F>,
        v: ArrayView2<F>,
        chunk: usize,
    ) -> Result<Array2<F>, LinearError> {
        self.check(state, q, k, v)?;
        if chunk == 0 {
            return Err(LinearError::EmptyChunk);
        }
        let mut out = Array2::zeros(v.dim());
        for start in (0..k.nrows()).step_by(chunk) {
            let tokens = start..(start + chunk).min(k.nrows());
            let rows = s![tokens.clone(), ..];
            let of_chunk = self.chunk(state, q.slice(rows), k.slice(rows), v.slice(rows), tokens);
            out.slice_mut(rows).assign(&of_chunk);
        }
        Ok(out)
    }

    /// All pairs at once, from an empty state: one chunk of n tokens, n² scores.
    ///
    /// # Errors
    /// See [`Recurrence::check`].
    pub fn parallel(
        &self,
        q: ArrayView2<F>,
        k: ArrayView2<F>,
        v: ArrayView2<F>,
    ) -> Result<Array2<F>, LinearError> {
        let mut state = Array2::zeros((k.ncols(), v.ncols()));
        self.chunkwise(&mut state, q, k, v, k.nrows().max(1))
    }

    /// The log-gates of these tokens: one column if all channels share them, otherwise d.
    fn gates(&self, tokens: std::ops::Range<usize>) -> Array2<F> {
        match &self.forget {
            Forget::Nothing => Array2::zeros((tokens.len(), 1)),
            Forget::Constant(gate) => Array2::from_elem((tokens.len(), 1), *gate),
            Forget::Tokens(gates) => gates.slice(s![tokens]).to_owned().insert_axis(Axis(1)),
            Forget::Channels(gates) => gates.slice(s![tokens, ..]).to_owned(),
        }
    }

    /// One chunk. With u the values as they are written, the delta rule is a sum like all others, and u
    /// follows from what each key finds: u_t = β_t (v_t − what the state gives − what the tokens before
    /// it in the chunk have written).
    fn chunk(
        &self,
        state: &mut Array2<F>,
        q: ArrayView2<F>,
        k: ArrayView2<F>,
        v: ArrayView2<F>,
        tokens: std::ops::Range<usize>,
    ) -> Array2<F> {
        let (c, gates) = (tokens.len(), self.gates(tokens.clone()));
        // The gates from the chunk's beginning up to each token, and from behind each token to the end.
        let (mut until, mut behind) = (gates.clone(), Array2::zeros(gates.raw_dim()));
        for t in 1..c {
            let sum = &until.row(t - 1) + &gates.row(t);
            until.row_mut(t).assign(&sum);
            let sum = &behind.row(c - t) + &gates.row(c - t);
            behind.row_mut(c - 1 - t).assign(&sum);
        }
        let until = until.mapv(F::exp);

        let mut u = v.to_owned();
        if let Write::Replace(beta) = &self.write {
            let beta = beta.slice(s![tokens]);
            let overlaps = decayed(k, k, &gates, 0);
            u -= &(&k * &until).dot(state);
            for t in 0..c {
                let before = overlaps.slice(s![t, ..t]).dot(&u.slice(s![..t, ..]));
                let row = (&u.row(t) - &before) * beta[t];
                u.row_mut(t).assign(&row);
            }
        }

        let (mut out, scores) = match &self.read {
            Read::After => ((&q * &until).dot(state), decayed(q, k, &gates, 0)),
            Read::Before(bonus) => {
                let mut passed = Array2::ones(gates.raw_dim());
                passed.slice_mut(s![1.., ..]).assign(&until.slice(s![..c - 1, ..]));
                let mut scores = decayed(q, k, &gates, 1);
                scores.diag_mut().assign(&(&(&q * bonus) * &k).sum_axis(Axis(1)));
                ((&q * &passed).dot(state), scores)
            }
        };
        // With a bonus a token sees its own value as it came; with the delta rule beside it, as it was written.
        general_mat_mul(F::one(), &scores, &u, F::one(), &mut out);
        let last = until.row(c - 1).insert_axis(Axis(1)).to_owned();
        *state *= &last;
        let carried = &k * &behind.mapv(F::exp);
        general_mat_mul(F::one(), &carried.t(), &u, F::one(), state);
        out
    }
}

/// Scores a_i · b_j, each channel faded by the gates of tokens j + 1 to i, or to i − 1 where `spared` is
/// 1; 0 above the diagonal. Gates are multiplied, or their logarithms added, and neither is ever undone: so a gate of
/// 0, −∞ as a logarithm, gives 0.
fn decayed<F: NdFloat>(
    a: ArrayView2<F>,
    b: ArrayView2<F>,
    gates: &Array2<F>,
    spared: usize,
) -> Array2<F> {
    let c = a.nrows();
    if gates.ncols() == 1 {
        // All channels fade alike, so the scores are one product, and fade afterwards.
        let mut scores = a.dot(&b.t());
        let alpha = gates.column(0).mapv(F::exp);
        for (i, mut row) in scores.axis_iter_mut(Axis(0)).enumerate() {
            row.slice_mut(s![i + 1..]).fill(F::zero());
            let mut passed = F::one();
            for j in (0..=i).rev() {
                row[j] *= passed;
                if i - j >= spared {
                    passed *= alpha[j];
                }
            }
        }
        return scores;
    }
    let mut scores = Array2::zeros((c, c));
    for i in 0..c {
        let mut passed = Array1::<F>::zeros(gates.ncols());
        for j in (0..=i).rev() {
            let weighted = &a.row(i) * &passed.mapv(F::exp);
            scores[[i, j]] = weighted.dot(&b.row(j));
            if i - j >= spared {
                passed += &gates.row(j);
            }
        }
    }
    scores
}
