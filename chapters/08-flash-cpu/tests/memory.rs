//! What the rungs hold at once. A test program of its own: the allocator counts for all threads, and
//! other tests would be counted too.

use attn_core::random::Random;
use attn_exercise::memory;
use ch08_flash_cpu::ladder::{RUNGS, backward, queries_in_lanes};
use ndarray::Array3;

/// No rung but the lowest holds anything that grows with n·m. The sizes are such that one table of
/// scores would be 16 MB.
#[test]
fn memory_beside_the_results_does_not_grow_with_the_scores() {
    let mut random = Random::new(1);
    let mut normal = || -> Array3<f32> { random.normal((1, 2000, 16)) };
    let (q, k, v) = (normal(), normal(), normal());
    for rung in RUNGS {
        let run = || (rung.forward)(q.view(), k.view(), v.view(), true);
        let (output, peak) = memory::peak(run);
        let results = 4 * (output.out.len() + output.lse.len());
        let beside = peak - results;
        if rung.name == "naive" {
            assert!(beside > 16_000_000, "naive held only {beside} bytes");
        } else {
            assert!(beside < 1_000_000, "{} held {beside} bytes", rung.name);
        }
    }
    let forward = queries_in_lanes(q.view(), k.view(), v.view(), true);
    let run = || backward(q.view(), k.view(), v.view(), true, &forward, forward.out.view());
    let (gradients, peak) = memory::peak(run);
    let beside = peak - 4 * (gradients.dq.len() + gradients.dk.len() + gradients.dv.len());
    // One key head: three more copies of dk and dv, 256 kB each.
    assert!(beside < 1_800_000, "backward held {beside} bytes");
}
