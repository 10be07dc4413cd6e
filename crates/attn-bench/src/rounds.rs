//! Measuring several things in turn, round after round.
//!
//! A machine's speed changes from minute to minute: with its temperature, and with what else runs
//! on it. In turn, all are slowed alike, and the ratio of two medians means something.

use anyhow::Result;
use std::{
    thread,
    time::{Duration, Instant},
};

/// The times of one thing over all rounds, in seconds.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<f64>);

impl Times {
    /// Half of the rounds took less.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The rounds between which the middle half lies.
    pub fn spread(&self) -> (f64, f64) {
        (self.quantile(0.25), self.quantile(0.75))
    }

    /// How many times as fast as another thing of the same rounds: the median of the rounds' ratios,
    /// since both of a round met the machine in the same state.
    pub fn times_as_fast_as(&self, other: &Times) -> f64 {
        let rounds = self.0.iter().zip(&other.0);
        Times(rounds.map(|(own, other)| other / own).collect()).median()
    }

    fn quantile(&self, p: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = p * (sorted.len() - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        sorted[low] + (sorted[high] - sorted[low]) * place.fract()
    }
}

/// Something that can be timed.
pub type Timed<'a> = Box<dyn FnMut() -> Result<f64> + 'a>;

/// Runs everything once to warm up, then `rounds` times in turn.
///
/// # Errors
/// What a measurement reports.
pub fn in_turn(rounds: usize, mut all: Vec<Timed>) -> Result<Vec<Times>> {
    let mut times = vec![Times::default(); all.len()];
    for round in 0..=rounds {
        for (time, times) in all.iter_mut().zip(&mut times) {
            // Threads that have nothing to do wait in a loop for a moment before they sleep; the
            // next one should have the cores to itself.
            thread::sleep(Duration::from_millis(20));
            let seconds = time()?;
            if round > 0 {
                times.0.push(seconds);
            }
        }
    }
    Ok(times)
}

/// The seconds that `work` takes.
pub fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // A machine that gets slower and slower, and twice the speed on it.
        let (fast, slow) = (Times(vec![1.0, 2.0, 4.0]), Times(vec![2.0, 4.0, 8.0]));
        assert_eq!(fast.times_as_fast_as(&slow), 2.0);
        let disturbed = Times(vec![2.0, 40.0, 8.0]);
        assert_eq!(fast.times_as_fast_as(&disturbed), 2.0);
    }

    #[test]
    fn the_first_run_is_not_counted() -> Result<()> {
        let mut next = 10.0;
        let falling: Timed = Box::new(move || {
            next -= 1.0;
            Ok(next)
        });
        let times = in_turn(5, vec![falling])?;
        assert_eq!(times[0].median(), 6.0);
        assert_eq!(times[0].spread(), (5.0, 7.0));
        Ok(())
    }
}
