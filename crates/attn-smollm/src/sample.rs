//! Choosing a token by chance.

use attn_core::random::Random;
use ndarray::Array1;

/// How a token is chosen from logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The logits are divided by it. At 0 the likeliest token is taken.
    pub temperature: f32,
    /// Only the likeliest tokens are taken, as few as are this likely together (Holtzman et al.,
    /// arXiv:1904.09751, §3.1).
    pub top_p: f32,
    /// What has been written already is made less likely: its logit is divided by this number if it
    /// is positive, and multiplied otherwise (Keskar et al., arXiv:1909.05858, §4.1). 1 changes nothing.
    pub penalty: f32,
}

impl Sampling {
    /// The likeliest token.
    pub const GREEDY: Sampling = Sampling { temperature: 0.0, top_p: 1.0, penalty: 1.0 };

    /// Chooses a token.
    ///
    /// ```
    /// use {attn_core::random::Random, attn_smollm::Sampling};
    /// let logits = [1.0, 3.0, 2.0];
    /// assert_eq!(Sampling::GREEDY.choose(&logits, &[], &mut Random::new(1)), 1);
    /// // Token 1 has been written, and is worth 3/2 now.
    /// let sampling = Sampling { penalty: 2.0, ..Sampling::GREEDY };
    /// assert_eq!(sampling.choose(&logits, &[1], &mut Random::new(1)), 2);
    /// ```
    ///
    /// # Panics
    /// If there are no logits.
    pub fn choose(&self, logits: &[f32], written: &[usize], random: &mut Random) -> usize {
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
        let likely = |token: usize| ((logits[token] - logits[best]) / self.temperature).exp();
        let all: f32 = logits.iter().enumerate().map(|(token, _)| likely(token)).sum();
        let (mut among, mut sum) = (0, 0.0);
        while among < order.len() && (among == 0 || sum < self.top_p * all) {
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

    /// How often each of three tokens is chosen, of a thousand times.
    fn counts(sampling: Sampling, written: &[usize]) -> [usize; 3] {
        let mut random = Random::new(5);
        let mut counts = [0; 3];
        // Probabilities 0.6, 0.3 and 0.1.
        let logits = [0.6_f32.ln(), 0.3_f32.ln(), 0.1_f32.ln()];
        for _ in 0..1000 {
            counts[sampling.choose(&logits, written, &mut random)] += 1;
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
