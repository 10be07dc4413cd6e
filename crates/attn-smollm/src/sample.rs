//! Choosing a token by chance.

use attn_core::random::Random;
use ndarray::{Array1, Array2, ArrayView2};

/// How a token is chosen from logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The logits are divided by it. At 0 the likeliest token is taken.
    pub temperature: f32,
    /// Only the likeliest tokens are taken, as few as are this likely together (Holtzman et al.,
    /// arXiv:1904.09751).
    pub top_p: f32,
    /// What has been written already is made less likely: its logit is divided by this number if it
    /// is positive, and multiplied otherwise (Keskar et al., arXiv:1909.05858). 1 changes nothing.
    pub penalty: f32,
}

impl Sampling {
    /// The likeliest token.
    pub const GREEDY: Sampling = Sampling { temperature: 0.0, top_p: 1.0, penalty: 1.0 };

    /// Chooses a token. The softmax is a parameter, of rows of any number and width.
    ///
    /// ```
    /// use attn_core::random::Random;
    /// use attn_smollm::Sampling;
    /// use ch03_scaled_dot_product::softmax_rows;
    /// let logits = [1.0, 3.0, 2.0];
    /// let greedy = Sampling::GREEDY;
    /// assert_eq!(greedy.choose(&logits, &[], &mut Random::new(1), softmax_rows), 1);
    /// // Token 1 has been written, and is worth 3/2 now.
    /// let sampling = Sampling { penalty: 2.0, ..greedy };
    /// assert_eq!(sampling.choose(&logits, &[1], &mut Random::new(1), softmax_rows), 2);
    /// ```
    ///
    /// # Panics
    /// If there are no logits, or the softmax gives a row of another length.
    pub fn choose(
        &self,
        logits: &[f32],
        written: &[usize],
        random: &mut Random,
        softmax: impl FnOnce(ArrayView2<f32>) -> Array2<f32>,
    ) -> usize {
        let mut logits = logits.to_vec();
        let mut seen = written.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            let logit = &mut logits[token];
            *logit *= if *logit > 0.0 { 1.0 / self.penalty } else { self.penalty };
        }
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let best = order[0];
        if self.temperature <= 0.0 {
            return best;
        }
        let scaled =
            Array2::from_shape_fn((1, logits.len()), |(_, j)| logits[j] / self.temperature);
        let likely = softmax(scaled.view());
        let (got, want) = (likely.dim(), scaled.dim());
        assert_eq!(got, want, "the softmax of a row of logits has another shape");
        let likely = |token: usize| likely[[0, token]];
        let (mut among, mut sum) = (0, 0.0);
        while among < order.len() && (among == 0 || sum < self.top_p) {
            sum += likely(order[among]);
            among += 1;
        }
        let drawn: Array1<f32> = random.uniform(1);
        let mut left = drawn[0] * sum;
        for &token in &order[..among] {
            left -= likely(token);
            if left < 0.0 {
                return token;
            }
        }
        order[among - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ch03_scaled_dot_product::softmax_rows;

    /// How often each of three tokens is chosen, of a thousand times.
    fn counts(sampling: Sampling, written: &[usize]) -> [usize; 3] {
        let mut random = Random::new(5);
        let mut counts = [0; 3];
        // Probabilities 0.6, 0.3 and 0.1.
        let logits = [0.6_f32.ln(), 0.3_f32.ln(), 0.1_f32.ln()];
        for _ in 0..1000 {
            counts[sampling.choose(&logits, written, &mut random, softmax_rows)] += 1;
        }
        counts
    }

    #[test]
    fn tokens_are_chosen_as_often_as_they_are_likely() {
        let plain = Sampling { temperature: 1.0, top_p: 1.0, penalty: 1.0 };
        let near = |got: [usize; 3], want: [usize; 3]| {
            let near = got.iter().zip(&want).all(|(got, want)| got.abs_diff(*want) < 50);
            assert!(near, "{got:?}, should be about {want:?}");
        };
        near(counts(plain, &[]), [600, 300, 100]);
        assert_eq!(counts(plain, &[]), counts(plain, &[]), "the seed decides");
        // The first two are 0.9 likely together; the third is left out.
        near(counts(Sampling { top_p: 0.85, ..plain }, &[]), [667, 333, 0]);
        assert_eq!(counts(Sampling { top_p: 0.5, ..plain }, &[]), [1000, 0, 0]);
        // Squares: 36, 9 and 1 of 46.
        near(counts(Sampling { temperature: 0.5, ..plain }, &[]), [783, 196, 22]);
        // The logits are negative, so the penalty squares 0.6: 0.36, 0.3 and 0.1 of 0.76.
        near(counts(Sampling { penalty: 2.0, ..plain }, &[0, 0]), [474, 395, 132]);
        assert_eq!(counts(Sampling::GREEDY, &[]), [1000, 0, 0]);
    }
}
