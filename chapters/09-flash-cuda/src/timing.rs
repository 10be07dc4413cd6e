//! How long a rung takes on a GPU, and how long it has to take at least.

use crate::{Device, Error, Rung, Sizes, launch::Launch, precision::Numbers, rung::Call};
use attn_core::random::Random;

/// Inputs that together are larger than this are not all in a cache, at 50 MB the largest that a GPU has.
const BEYOND_CACHES: usize = 256 << 20;

/// Seconds that the rounds of one measurement take together, about.
const SITTING: f64 = 0.3;

/// Seconds of each round of a rung on random inputs of these sizes, in the order in which they ran. The inputs take turns,
/// so that none is in a cache still, and the first rounds, which warm up, are left out.
///
/// # Errors
/// [`Error::Driver`] without a GPU, or where it refuses.
pub fn seconds(rung: Rung, sizes: Sizes, causal: bool) -> Result<Vec<f64>, Error> {
    rung.takes(sizes)?;
    let program = rung.program(sizes.d)?;
    let mut device = Device::open();
    let Sizes { heads, kv_heads, n, m, d } = sizes;
    let (queries, keys) = (heads * n * d, kv_heads * m * d);
    let bytes = 4 * (2 * queries + 2 * keys);
    let sets = BEYOND_CACHES.div_ceil(bytes).clamp(2, 64);
    // Normal numbers again and again: their order makes no difference to a time.
    let block: Vec<f32> = Random::new(1).normal((1 << 20,)).to_vec();
    let mut launches: Vec<Vec<Launch>> = Vec::new();
    for set in 0..sets {
        let mut input = |name: &str, count: usize, first: usize| {
            let numbers = block.iter().cycle().skip(first + 7919 * set).take(count).copied();
            device.alloc(name, &rung.numbers().words(numbers.collect()))
        };
        let (q, k, v) = (input("q", queries, 0)?, input("k", keys, 11)?, input("v", keys, 23)?);
        let out = device.alloc_unwritten("out", queries)?;
        let lse = device.alloc_unwritten("lse", heads * n)?;
        launches.push(rung.launches(&mut device, &Call { q, k, v, out, lse, sizes, causal })?);
    }
    let Device::Gpu(gpu) = device else { return Err(Error::Driver("there is no GPU".into())) };
    let warm = gpu.time(&program, &launches, 3)?;
    let rounds = (SITTING / warm[2].max(1e-6)).clamp(7.0, 200.0) as usize;
    gpu.time(&program, &launches, rounds)
}

/// A part of what the driver calls a card, and what the roofline calls it.
const CARDS: [(&str, &str); 6] = [
    ("Tesla T4", "T4"),
    ("A100-SXM4-40GB", "A100 40GB"),
    ("A100-PCIE-40GB", "A100 40GB"),
    ("RTX 4090", "RTX 4090"),
    ("H100 80GB HBM3", "H100 SXM"),
    ("H200", "H100 SXM"),
];

/// What a card does at most.
#[derive(Clone, Copy, Debug)]
pub struct Peaks {
    /// FP32 operations a second.
    pub flops: f64,
    /// Operations of the tensor cores a second, from bf16.
    pub tensor_flops: f64,
    /// Bytes of device memory a second.
    pub bandwidth: f64,
}

impl Peaks {
    /// Those of the card that NVIDIA calls so, if its data sheet stands here.
    ///
    /// ```
    /// use ch09_flash_cuda::timing::Peaks;
    ///
    /// let h200 = Peaks::of("NVIDIA H200").expect("it is known");
    /// assert_eq!(h200.bandwidth, 4.8e12);
    /// assert!(Peaks::of("NVIDIA GeForce 256").is_none());
    /// ```
    pub fn of(name: &str) -> Option<Self> {
        let (_, model) = CARDS.into_iter().find(|(part, _)| name.contains(part))?;
        let known = ptx_sim::Device::KNOWN.into_iter().find(|device| device.name == model)?;
        // The H200 is an H100 with other memory: NVIDIA, “H200 Tensor Core GPU”, data sheet.
        let bandwidth = if name.contains("H200") { 4800.0 } else { known.bandwidth };
        Some(Peaks {
            flops: known.peak_flops(),
            tensor_flops: known.peak_tensor_flops(),
            bandwidth: bandwidth * 1e9,
        })
    }

    /// Seconds that a rung takes at least: for the products of what is not hidden, or to bring the inputs in and the result
    /// out once.
    pub fn bound(&self, rung: Rung, sizes: Sizes, causal: bool) -> f64 {
        let flops = match rung.numbers() {
            Numbers::F32 => self.flops,
            Numbers::Bf16 => self.tensor_flops,
        };
        (operations(sizes, causal) / flops).max(bytes(rung, sizes) / self.bandwidth)
    }
}

/// Floating-point operations of the two products, of what is not hidden: 4 d for each query and key.
///
/// ```
/// use ch09_flash_cuda::{Sizes, timing::operations};
///
/// let sizes = Sizes { heads: 2, kv_heads: 1, n: 3, m: 4, d: 64 };
/// assert_eq!(operations(sizes, false), (2 * 12 * 256) as f64);
/// assert_eq!(operations(sizes, true), (2 * (2 + 3 + 4) * 256) as f64);
/// ```
pub fn operations(sizes: Sizes, causal: bool) -> f64 {
    let Sizes { heads, n, m, d, .. } = sizes;
    let seen = |i: usize| if causal { (m + i + 1).saturating_sub(n).min(m) } else { m };
    (4 * heads * d) as f64 * (0..n).map(seen).sum::<usize>() as f64
}

/// Bytes of the inputs and of the result.
fn bytes(rung: Rung, sizes: Sizes) -> f64 {
    let Sizes { heads, kv_heads, n, m, d } = sizes;
    let each = if rung.numbers() == Numbers::Bf16 { 2 } else { 4 };
    (each * (heads * n * d + 2 * kv_heads * m * d) + 4 * heads * n * (d + 1)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_of_products_or_of_bytes() {
        let peaks = Peaks { flops: 1e12, tensor_flops: 1e13, bandwidth: 1e12 };
        let long = Sizes { heads: 1, kv_heads: 1, n: 1024, m: 1024, d: 64 };
        // 4 · 64 · 1024² operations; half of them, and half a row more, under a causal mask.
        let full = 4.0 * 64.0 * 1024.0 * 1024.0;
        assert_eq!(peaks.bound(Rung::Warp, long, false), full / 1e12);
        assert_eq!(peaks.bound(Rung::Tensor, long, false), full / 1e13);
        assert_eq!(peaks.bound(Rung::Warp, long, true), full * (1025.0 / 2048.0) / 1e12);
        // One query: the keys and values have to come.
        let decode = Sizes { n: 1, ..long };
        let bytes = 4 * (64 + 2 * 1024 * 64 + 64 + 1);
        assert_eq!(peaks.bound(Rung::Split, decode, false), f64::from(bytes) / 1e12);
    }

    #[test]
    fn cards_are_known_by_their_makers_names() {
        for (name, tensor) in [
            ("Tesla T4", 65.0),
            ("NVIDIA A100-SXM4-40GB", 312.0),
            ("NVIDIA GeForce RTX 4090", 165.2),
            ("NVIDIA H100 80GB HBM3", 989.4),
            ("NVIDIA H200", 989.4),
        ] {
            let peaks = Peaks::of(name).unwrap_or_else(|| panic!("{name} is known"));
            assert_eq!(peaks.tensor_flops, tensor * 1e12, "{name}");
        }
    }
}
