//! Attention over a text that no single device holds: parts of the keys and values go round a ring.

use crate::given::{Output, State, part};
use ndarray::{Array1, Array2, ArrayView2, s};

/// What a device does with a part that has come round to it, as [`ring_hop`](crate::ring_hop) does.
pub type Hop = for<'a> fn(
    &mut [State],
    ArrayView2<'a, f32>,
    usize,
    ArrayView2<'a, f32>,
    ArrayView2<'a, f32>,
    usize,
    bool,
);

/// Attention of n tokens on a ring of devices, one after the other in this process. Each holds a part of
/// the queries, and one of the keys and values, which it hands on after every hop. After as many hops as
/// there are devices, each query has met all keys.
///
/// Shapes: q n×d, k n×d, v n×d_v; `out` n×d_v, `lse` n. A device sends 4·(d + d_v)·⌈n/devices⌉ bytes in a hop.
///
/// ```
/// use ch12_sparse::{ring::ring_attention, ring_hop};
/// use ndarray::{Array2, array};
/// let zero = Array2::zeros((4, 1));
/// let v = array![[2.0], [4.0], [6.0], [8.0]];
/// let found = ring_attention(zero.view(), zero.view(), v.view(), 2, true, ring_hop);
/// assert_eq!(found.out, array![[2.0], [3.0], [4.0], [5.0]]); // means of the values so far
/// ```
///
/// # Panics
/// If there is no device, or sizes do not fit.
pub fn ring_attention(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    devices: usize,
    causal: bool,
    hop: Hop,
) -> Output {
    assert!(devices > 0, "a ring of 0 devices");
    let n = q.nrows();
    let mut states: Vec<Vec<State>> = (0..devices)
        .map(|device| vec![State::empty(v.ncols()); part(n, devices, device).len()])
        .collect();
    for number in 0..devices {
        for (device, states) in states.iter_mut().enumerate() {
            let own = part(n, devices, device);
            let visiting = part(n, devices, (device + devices - number) % devices);
            let (q, keys) = (q.slice(s![own.clone(), ..]), s![visiting.clone(), ..]);
            hop(states, q, own.start, k.slice(keys), v.slice(keys), visiting.start, causal);
        }
    }
    let mut result = Output { out: Array2::zeros(v.dim()), lse: Array1::zeros(n) };
    for (i, state) in states.iter().flatten().enumerate() {
        let (out, lse) = state.finish();
        result.out.row_mut(i).assign(&out);
        result.lse[i] = lse;
    }
    result
}
