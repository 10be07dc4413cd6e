//! From counts to a lower bound on time: a stated model, never a measurement.
//!
//! A launch takes at least as long as the busiest of five resources needs for its part, if every
//! part ran at its peak and all overlapped perfectly:
//!
//! | resource | work | peak |
//! | --- | --- | --- |
//! | FP32 units | floating-point operations | lanes of a multiprocessor × 2 × clock × multiprocessors |
//! | tensor cores | operations of `mma` | the data sheet's, for halves with f32 sums, without sparsity |
//! | instruction issue | warp instructions | 4 a cycle and multiprocessor |
//! | shared memory | wavefronts | 1 a cycle and multiprocessor |
//! | device memory | distinct sectors | the data sheet's bandwidth |
//!
//! A product of tf32 takes a tensor core twice as long as one of halves, which the model does not count: it is a lower
//! bound all the same. Fewer blocks than multiprocessors leave some of them idle, and the model says so. It leaves out
//! latency, occupancy, caches that are too small, and the launch itself: a real run is slower.

use crate::report::Report;

/// A GPU, as its maker describes it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Device {
    /// Its name.
    pub name: &'static str,
    /// Multiprocessors.
    pub multiprocessors: u32,
    /// FP32 lanes of each.
    pub lanes: u32,
    /// What its instructions are called: 80 for `sm_80`.
    pub architecture: u32,
    /// Tera-operations a second of its tensor cores, factors of 16 bits and sums of f32. Those of a T4 know f16 alone,
    /// and not the shapes of the instructions that came with `sm_80`.
    pub tensor: f64,
    /// Boost clock in GHz.
    pub clock: f64,
    /// Bandwidth of device memory in GB/s (10⁹ bytes).
    pub bandwidth: f64,
}

impl Device {
    /// GPUs to compare with. From NVIDIA's “Turing GPU Architecture”, “A100 Tensor Core GPU
    /// Architecture”, “Ada GPU Architecture” and “H100 Tensor Core GPU Architecture” white papers
    /// and data sheets.
    pub const KNOWN: [Device; 4] = [
        Device {
            name: "T4",
            multiprocessors: 40,
            lanes: 64,
            architecture: 75,
            tensor: 65.0,
            clock: 1.59,
            bandwidth: 320.0,
        },
        Device {
            name: "A100 40GB",
            multiprocessors: 108,
            lanes: 64,
            architecture: 80,
            tensor: 312.0,
            clock: 1.41,
            bandwidth: 1555.0,
        },
        Device {
            name: "RTX 4090",
            multiprocessors: 128,
            lanes: 128,
            architecture: 89,
            tensor: 165.2,
            clock: 2.52,
            bandwidth: 1008.0,
        },
        Device {
            name: "H100 SXM",
            multiprocessors: 132,
            lanes: 128,
            architecture: 90,
            tensor: 989.4,
            clock: 1.98,
            bandwidth: 3350.0,
        },
    ];

    /// FP32 operations a second, a fused multiply-add counted as two.
    pub fn peak_flops(&self) -> f64 {
        f64::from(self.multiprocessors * self.lanes) * 2.0 * self.clock * 1e9
    }

    /// Operations of the tensor cores a second.
    pub fn peak_tensor_flops(&self) -> f64 {
        self.tensor * 1e12
    }

    /// The least time that the model allows a launch.
    pub fn bound(&self, report: &Report) -> Bound {
        let busy = f64::from(self.multiprocessors).min(report.blocks as f64);
        let cycles = busy * self.clock * 1e9;
        let share = busy / f64::from(self.multiprocessors);
        let total = &report.total;
        Bound {
            arithmetic: total.flops as f64 / (cycles * f64::from(self.lanes) * 2.0),
            tensor: total.tensor_flops as f64 / (self.peak_tensor_flops() * share),
            issue: total.instructions as f64 / (cycles * 4.0),
            shared: total.wavefronts as f64 / cycles,
            memory: report.compulsory_bytes() as f64 / (self.bandwidth * 1e9),
        }
    }
}

/// The least time in seconds that each resource needs for its part.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bound {
    /// The FP32 units.
    pub arithmetic: f64,
    /// The tensor cores.
    pub tensor: f64,
    /// Instruction issue.
    pub issue: f64,
    /// Shared memory.
    pub shared: f64,
    /// Device memory.
    pub memory: f64,
}

impl Bound {
    /// The least time in seconds, and the resource that needs it.
    pub fn limit(&self) -> (f64, &'static str) {
        let parts = [
            (self.arithmetic, "arithmetic"),
            (self.tensor, "tensor cores"),
            (self.issue, "instruction issue"),
            (self.shared, "shared memory"),
            (self.memory, "device memory"),
        ];
        parts.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are five")
    }
}
