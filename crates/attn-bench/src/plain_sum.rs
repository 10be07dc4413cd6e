use ndarray::ArrayView3;
use rayon::prelude::*;

/// The sum of all numbers, on all threads: each is read once, and hardly anything is done with it. So fast a
/// machine can read its memory.
///
/// # Panics
/// If the numbers do not lie one after the other.
pub fn plain_sum(x: ArrayView3<f32>) -> f32 {
    let numbers = x.to_slice().expect("numbers one after the other");
    let parts = numbers.par_chunks(1 << 16).map(|part| {
        let mut sums = [0.0; 64];
        let (chunks, rest) = part.as_chunks::<64>();
        for chunk in chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += x;
            }
        }
        sums.iter().chain(rest).sum::<f32>()
    });
    parts.sum()
}
