//! The operation against candle's single operations.

use attn_train::{causal_softmax::causal_softmax, net::softmax};
use candle_core::{Device, Tensor, Var};

const N: usize = 4;

/// The largest difference of two tensors.
fn apart(a: &Tensor, b: &Tensor) -> f32 {
    let apart = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
    apart.max(0).unwrap().to_scalar::<f32>().unwrap()
}

/// Two heads below each other, in a batch of two.
#[test]
fn values_and_gradients_are_those_of_a_masked_softmax() {
    let scores = Var::randn(0_f32, 2.0, (2, 2 * N, N), &Device::Cpu).unwrap();
    let mask = |r: usize, j: usize| if j <= r % N { 0.0 } else { f32::NEG_INFINITY };
    let mask: Vec<f32> = (0..2 * N).flat_map(|r| (0..N).map(move |j| mask(r, j))).collect();
    let mask = Tensor::from_vec(mask, (2 * N, N), &Device::Cpu).unwrap();
    let plain = softmax(&scores.broadcast_add(&mask).unwrap()).unwrap();
    let ours = causal_softmax(&scores).unwrap();
    assert!(apart(&plain, &ours) < 1e-6);

    let upstream = Tensor::randn(0_f32, 1.0, (2, 2 * N, N), &Device::Cpu).unwrap();
    let gradient = |weights: &Tensor| {
        let loss = (weights * &upstream).unwrap().sum_all().unwrap();
        loss.backward().unwrap().get(&scores).unwrap().clone()
    };
    assert!(apart(&gradient(&plain), &gradient(&ours)) < 1e-5);
    assert!(gradient(&ours).abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() > 0.01);
}
