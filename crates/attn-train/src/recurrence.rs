//! The recurrence of chapter 11 as one operation with its own gradient. Made of candle's single operations,
//! each token would take a dozen of them.

use crate::cell::{contiguous, values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

/// S ← (I − β k kᵀ) Diag(α) S + β k vᵀ and o = Sᵀ q, from an empty state; without the part that erases unless
/// `erase` is set.
///
/// The inputs of a token stand one behind the other, so that the operation has one input: q (`d` numbers), k
/// (`d`), log α (`d`), β (1) and v (all that is left). `tokens` is batch × n × these numbers, and the result is batch × n ×
/// d_v. Gradients need the states of one sequence at a time: n·d·d_v numbers.
///
/// # Errors
/// When the tensor is not contiguous, or not of three axes.
pub fn recurrence(tokens: &Tensor, d: usize, erase: bool) -> Result<Tensor> {
    tokens.apply_op1(Recurrence { d, erase })
}

struct Recurrence {
    d: usize,
    erase: bool,
}

/// The inputs of one token.
struct Token<'a> {
    q: &'a [f32],
    k: &'a [f32],
    log_alpha: &'a [f32],
    beta: f32,
    v: &'a [f32],
}

impl Recurrence {
    fn token<'a>(&self, numbers: &'a [f32]) -> Token<'a> {
        let (q, rest) = numbers.split_at(self.d);
        let (k, rest) = rest.split_at(self.d);
        let (log_alpha, rest) = rest.split_at(self.d);
        Token { q, k, log_alpha, beta: rest[0], v: &rest[1..] }
    }

    /// How wide values are, where a token has so many numbers.
    fn value_width(&self, numbers: usize) -> usize {
        numbers - 3 * self.d - 1
    }

    /// Lets the state fade, and gives what is to be written: β v, or β (v − what the key finds).
    fn fade(&self, token: &Token, state: &mut [f32]) -> Vec<f32> {
        let width = token.v.len();
        let mut new = token.v.to_vec();
        for (c, row) in state.chunks_exact_mut(width).enumerate() {
            let alpha = token.log_alpha[c].exp();
            row.iter_mut().for_each(|x| *x *= alpha);
            if self.erase {
                new.iter_mut().zip(row).for_each(|(new, x)| *new -= token.k[c] * *x);
            }
        }
        new.iter_mut().for_each(|new| *new *= token.beta);
        new
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(sum: &mut [f32], factor: f32, row: &[f32]) {
    sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += factor * x);
}

impl CustomOp1 for Recurrence {
    fn name(&self) -> &'static str {
        "recurrence"
    }

    fn cpu_fwd(&self, tokens: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, n, numbers) = layout.shape().dims3()?;
        let width = self.value_width(numbers);
        let tokens = contiguous(tokens, layout)?;
        let mut out = vec![0.0; batch * n * width];
        for (sequence, out) in tokens.chunks_exact(n * numbers).zip(out.chunks_exact_mut(n * width))
        {
            let mut state = vec![0.0; self.d * width];
            for (token, out) in sequence.chunks_exact(numbers).zip(out.chunks_exact_mut(width)) {
                let token = self.token(token);
                let new = self.fade(&token, &mut state);
                for (c, row) in state.chunks_exact_mut(width).enumerate() {
                    add(row, token.k[c], &new);
                    add(out, token.q[c], row);
                }
            }
        }
        Ok((CpuStorage::F32(out), (batch, n, width).into()))
    }

    fn bwd(&self, tokens: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, n, numbers) = tokens.dims3()?;
        let width = self.value_width(numbers);
        let (all, grad) = (values(tokens)?, values(grad)?);
        let mut gradients = vec![0.0; all.len()];
        for ((sequence, grad), gradients) in all
            .chunks_exact(n * numbers)
            .zip(grad.chunks_exact(n * width))
            .zip(gradients.chunks_exact_mut(n * numbers))
        {
            self.backward(sequence, grad, numbers, gradients);
        }
        Tensor::from_vec(gradients, tokens.shape(), tokens.device()).map(Some)
    }
}

impl Recurrence {
    /// The gradients of one sequence, from its end to its beginning.
    fn backward(&self, sequence: &[f32], grad: &[f32], numbers: usize, gradients: &mut [f32]) {
        let (d, width) = (self.d, self.value_width(numbers));
        // Of each token: the state as it has faded, and what is written into it.
        let mut state = vec![0.0; d * width];
        let mut kept = Vec::with_capacity(sequence.len() / numbers);
        for token in sequence.chunks_exact(numbers) {
            let token = self.token(token);
            let new = self.fade(&token, &mut state);
            kept.push((state.clone(), new.clone()));
            for (row, k) in state.chunks_exact_mut(width).zip(token.k) {
                add(row, *k, &new);
            }
        }
        // Of the state after the token at hand.
        let mut d_state = vec![0.0; d * width];
        for (t, (faded, new)) in kept.iter().enumerate().rev() {
            let token = self.token(&sequence[t * numbers..(t + 1) * numbers]);
            let d_out = &grad[t * width..(t + 1) * width];
            let (d_q, rest) = gradients[t * numbers..(t + 1) * numbers].split_at_mut(d);
            let (d_k, rest) = rest.split_at_mut(d);
            let (d_log_alpha, rest) = rest.split_at_mut(d);
            let (d_beta, d_v) = rest.split_at_mut(1);
            let mut d_new = vec![0.0; width];
            for (c, row) in d_state.chunks_exact_mut(width).enumerate() {
                let held = &faded[c * width..(c + 1) * width];
                d_q[c] = dot(held, d_out) + token.k[c] * dot(new, d_out);
                add(row, token.q[c], d_out);
                add(&mut d_new, token.k[c], row);
                d_k[c] = dot(row, new);
            }
            d_v.iter_mut().zip(&d_new).for_each(|(d_v, d_new)| *d_v = token.beta * d_new);
            // new = β · missing; β may be 0, so it is not divided by it.
            let mut missing = token.v.to_vec();
            for (c, row) in d_state.chunks_exact_mut(width).enumerate() {
                let held = &faded[c * width..(c + 1) * width];
                if self.erase {
                    add(&mut missing, -token.k[c], held);
                    d_k[c] -= dot(held, d_v);
                    add(row, -token.k[c], d_v);
                }
                d_log_alpha[c] = dot(row, held);
                let alpha = token.log_alpha[c].exp();
                row.iter_mut().for_each(|x| *x *= alpha);
            }
            d_beta[0] = dot(&d_new, &missing);
        }
    }
}
