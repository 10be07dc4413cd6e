//! Chapter 6: a step of decoding, whose queries share heads of keys and values.
//!
//! Three programs do it: this chapter's `grouped_decode`; chapter 8's last rung, query head by query head; and the same
//! rung on *packed* queries, for which those of a group are the rows of one matrix, as kernels for graphics cards pack them.

use crate::sitting::{Sitting, timed};
use anyhow::{Result, ensure};
use attn_bench::{plain_sum, rounds::in_turn, table::Line};
use attn_core::random::Random;
use attn_exercise::memory;
use ch03_scaled_dot_product::softmax_rows;
use ch06_mqa_gqa::{Cache, grouped_decode};
use ch08_flash_cpu::ladder::queries_in_lanes;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};

const HEADS: usize = 32;
const D: usize = 128;
const TOKENS: usize = 16_384;
const KV_HEADS: [usize; 4] = [32, 8, 4, 1];

/// All three, in turn with a plain sum over the same keys and values.
pub fn measure(sitting: &mut Sitting) -> Result<()> {
    println!("\nOne token behind {TOKENS}, {HEADS} query heads of {D}; GB/s of keys and values");
    let mut random = Random::new(6);
    let q: Array3<f32> = random.normal((HEADS, 1, D));
    for kv_heads in KV_HEADS {
        let k: Array3<f32> = random.normal((kv_heads, TOKENS, D));
        let v: Array3<f32> = random.normal((kv_heads, TOKENS, D));
        let cache = Cache::new(k.clone(), v.clone());
        let rows = q.index_axis(Axis(1), 0);
        let fast = || queries_in_lanes(q.view(), k.view(), v.view(), false).out;
        let plain = || grouped_decode(rows, &cache);
        let packed = || packed(rows, k.view(), v.view(), sitting.threads);
        let (found, beside_fast) = memory::peak(fast);
        let (same, beside_plain) = memory::peak(plain);
        let (also, beside_packed) = memory::peak(packed);
        for other in [&found.index_axis(Axis(1), 0).to_owned(), &also] {
            let furthest = apart(other, &same);
            ensure!(furthest < 1e-4, "the programs differ by {furthest}");
        }
        let sum = || plain_sum(k.view()) + plain_sum(v.view());
        let all = vec![timed(fast), timed(plain), timed(packed), timed(sum)];
        let times = in_turn(sitting.rounds, all)?;
        let gigabytes = 4.0 * (k.len() + v.len()) as f64 / 1e9;
        for (kind, own, beside) in [
            ("last rung", &times[0], beside_fast),
            ("grouped_decode", &times[1], beside_plain),
            ("packed", &times[2], beside_packed),
        ] {
            let name = format!("{kind} on {kv_heads}");
            let sum = Some(("a plain sum", &times[3]));
            sitting.table.add(Line::rate(kind, name.clone(), "GB/s", gigabytes, own, sum));
            sitting.table.add(Line::time(kind, name.clone(), own));
            let megabytes = beside as f64 / 1e6;
            sitting.table.add(Line::amount("memory", name, "MB", megabytes));
        }
    }
    Ok(())
}

/// The last rung, with the queries of a group as rows of one matrix. Where there are fewer heads of keys and values than
/// threads, the keys are cut into a part for each thread, and the parts are merged by their log-sum-exps.
fn packed(
    q: ArrayView2<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    threads: usize,
) -> Array2<f32> {
    let ((h, d), (kv_heads, m, d_v)) = (q.dim(), v.dim());
    let group = h / kv_heads;
    let parts = if kv_heads < threads && m.is_multiple_of(threads) { threads } else { 1 };
    let rows = Array3::from_shape_fn((kv_heads * parts, group, d), |(part, i, c)| {
        q[[part / parts * group + i, c]]
    });
    let [k, v] = [k, v].map(|x| {
        let shape = (kv_heads * parts, m / parts, x.dim().2);
        x.into_shape_with_order(shape).expect("numbers one after the other")
    });
    let found = queries_in_lanes(rows.view(), k, v, false);
    let mut out = Array2::zeros((h, d_v));
    for (head, mut out) in out.rows_mut().into_iter().enumerate() {
        let (first, i) = (head / group * parts, head % group);
        let lse = found.lse.slice(s![first..first + parts, i]);
        let weights = softmax_rows(lse.insert_axis(Axis(0)));
        for (part, &weight) in weights.iter().enumerate() {
            out.scaled_add(weight, &found.out.slice(s![first + part, i, ..]));
        }
    }
    out
}

fn apart(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    (a - b).fold(0.0, |most, x| most.max(x.abs()))
}
