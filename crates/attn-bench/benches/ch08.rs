//! Chapter 8 under criterion: every rung, each first compared with the lowest.
//!
//! `cargo bench -p attn-bench --bench ch08` measures this code alone and keeps a history. For the
//! comparison with PyTorch, in turn and in one sitting, there is `cargo attn bench 8`.

use attn_bench::{Attention, assert_like_naive};
use ch08_flash_cpu::ladder::{RUNGS, backward};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;

fn forward(criterion: &mut Criterion) {
    for causal in [false, true] {
        let attention = Attention { n: 1024, m: 1024, heads: 4, d: 64, causal, backward: false };
        assert_like_naive(&attention);
        let inputs = attention.inputs();
        let name = if causal { "causal" } else { "full" };
        let mut group = criterion.benchmark_group(format!("ch08/forward, {name}"));
        group.sample_size(10).measurement_time(Duration::from_secs(2));
        group.throughput(Throughput::Elements(attention.flop() as u64));
        for rung in RUNGS {
            let id = BenchmarkId::from_parameter(rung.name);
            group.bench_function(id, |b| b.iter(|| inputs.forward(rung.forward)));
        }
        group.finish();
    }
}

fn way_back(criterion: &mut Criterion) {
    let attention = Attention { n: 1024, m: 1024, heads: 4, d: 64, causal: true, backward: true };
    assert_like_naive(&attention);
    let inputs = attention.inputs();
    let mut group = criterion.benchmark_group("ch08/backward, causal");
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(attention.flop() as u64));
    let forward = inputs.forward(RUNGS[RUNGS.len() - 1].forward);
    group.bench_function("queries in lanes", |b| {
        b.iter(|| {
            let (q, k, v) = (inputs.q.view(), inputs.k.view(), inputs.v.view());
            backward(q, k, v, true, &forward, inputs.d_out.view())
        })
    });
    group.finish();
}

criterion_group!(benches, forward, way_back);
criterion_main!(benches);
