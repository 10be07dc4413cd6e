//! The simulator of chapter 9 under criterion: FlashAttention on the committed PTX, with every check.
//!
//! `cargo bench -p attn-bench --bench ch09`. An element is an instruction of a warp, so its rate
//! should not depend on how many there are; but one on the tensor cores does as much as hundreds of others.

use ch09_flash_cuda::{Device, Inputs, Rung, Sizes, attention_by};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;

fn simulator(criterion: &mut Criterion) {
    for rung in [Rung::Tiled, Rung::Warp, Rung::Tensor, Rung::Pipelined] {
        let mut group = criterion.benchmark_group(format!("ch09/{}, 4 heads, causal", rung.name()));
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        let program = rung.program(64).expect("committed");
        for n in [64, 128, 256] {
            let sizes = Sizes { heads: 4, kv_heads: 4, n, m: n, d: 64 };
            let inputs = Inputs::random(9, sizes, true);
            let run = || {
                let outcome = attention_by(&mut Device::simulator(), rung, &program, &inputs, 0);
                outcome.expect("the course's kernels run")
            };
            let outcome = run();
            assert_eq!(outcome.findings(), [""; 0]);
            let counted = outcome.reports.iter();
            let instructions = counted.map(|report| report.total.instructions).sum();
            group.throughput(Throughput::Elements(instructions));
            group.bench_function(BenchmarkId::new("n", n), |b| b.iter(run));
        }
        group.finish();
    }
}

criterion_group!(benches, simulator);
criterion_main!(benches);
