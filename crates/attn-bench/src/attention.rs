use attn_core::random::Random;
use ch08_flash_cpu::{
    HeadsOutput,
    ladder::{
        Forward, Instructions, RUNGS, backward, keys_in_lanes_with, naive, queries_in_lanes_with,
    },
};
use ndarray::{Array, Array3, Dimension};
use serde::Serialize;

/// One measurement: attention of these sizes, with as many key heads as query heads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Attention {
    /// Queries.
    pub n: usize,
    /// Keys.
    pub m: usize,
    /// Heads.
    pub heads: usize,
    /// Width of a query, a key and a value.
    pub d: usize,
    /// Whether causal.
    pub causal: bool,
    /// Whether the way back is measured instead of the way forward.
    pub backward: bool,
}

/// Seeded inputs.
pub struct Inputs {
    /// heads×n×d.
    pub q: Array3<f32>,
    /// heads×m×d.
    pub k: Array3<f32>,
    /// heads×m×d.
    pub v: Array3<f32>,
    /// heads×n×d.
    pub d_out: Array3<f32>,
    causal: bool,
}

impl Attention {
    /// Floating-point operations of the products: 4·n·m·d a head, half if causal and n = m; 2.5
    /// times that for the way back.
    pub fn flop(&self) -> f64 {
        let pairs = if self.causal && self.n == self.m {
            (self.n * self.m) as f64 / 2.0
        } else {
            (self.n * self.m) as f64
        };
        let forward = 4.0 * pairs * (self.heads * self.d) as f64;
        if self.backward { 2.5 * forward } else { forward }
    }

    /// Standard normal tensors.
    pub fn inputs(&self) -> Inputs {
        let mut random = Random::new(8);
        let Attention { n, m, heads, d, .. } = *self;
        Inputs {
            q: random.normal((heads, n, d)),
            k: random.normal((heads, m, d)),
            v: random.normal((heads, m, d)),
            d_out: random.normal((heads, n, d)),
            causal: self.causal,
        }
    }
}

impl Inputs {
    /// Runs a rung.
    pub fn forward(&self, rung: Forward) -> HeadsOutput {
        rung(self.q.view(), self.k.view(), self.v.view(), self.causal)
    }

    /// Runs the last rung on an instruction set.
    pub fn forward_with(&self, set: Instructions) -> HeadsOutput {
        queries_in_lanes_with(set, self.q.view(), self.k.view(), self.v.view(), self.causal)
    }
}

/// Makes sure that every rung gives what the lowest gives, at these widths and at a length that the
/// lowest can do in a moment. What is wrong is not worth timing.
///
/// # Panics
/// Names the rung and the difference.
pub fn assert_like_naive(attention: &Attention) {
    let small =
        Attention { n: attention.n.min(300), m: attention.m.min(300), heads: 2, ..*attention };
    let inputs = small.inputs();
    let right = inputs.forward(naive);
    for rung in RUNGS {
        let got = inputs.forward(rung.forward);
        near(rung.name, &got.out, &right.out);
        near(rung.name, &got.lse, &right.lse);
    }
    for set in Instructions::available() {
        near(set.name(), &inputs.forward_with(set).out, &right.out);
        let (q, k, v) = (inputs.q.view(), inputs.k.view(), inputs.v.view());
        let packed = keys_in_lanes_with(set, q, k, v, small.causal);
        near(set.name(), &packed.out, &right.out);
    }
    if small.backward {
        let (q, k, v) = (inputs.q.view(), inputs.k.view(), inputs.v.view());
        let got = backward(q, k, v, small.causal, &right, inputs.d_out.view());
        for head in 0..small.heads {
            let head = |x: &Array3<f32>| x.index_axis(ndarray::Axis(0), head).to_owned();
            let (q, k, v) = (head(&inputs.q), head(&inputs.k), head(&inputs.v));
            let mask = match small.causal {
                true => attn_core::Mask::Causal,
                false => attn_core::Mask::None,
            };
            let right = ch03_scaled_dot_product::attention_backward(
                q.view(),
                k.view(),
                v.view(),
                &mask,
                head(&inputs.d_out).view(),
            );
            near("dq", &head(&got.dq), &right.dq);
            near("dk", &head(&got.dk), &right.dk);
            near("dv", &head(&got.dv), &right.dv);
        }
    }
}

/// Up to the rounding of some hundred terms of size one; the chapter's tests are sharper.
fn near<D: Dimension>(what: &str, got: &Array<f32, D>, right: &Array<f32, D>) {
    assert_eq!(got.shape(), right.shape(), "{what}");
    for (x, y) in got.iter().zip(right) {
        assert!(x == y || (x - y).abs() < 2e-5, "{what}: {x} instead of {y}");
    }
}
