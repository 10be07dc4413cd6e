//! Every function of the demonstration that is wrong is named, by itself.

use ch11_linear::{
    beside::compare,
    chunked, delta_step, feature_map,
    functions::{Functions, REFERENCE},
    linear_step,
};
use ndarray::{Array1, Array2};

#[test]
fn each_wrong_function_is_named() {
    let wrong: [(&str, Functions); 8] = [
        ("feature_map", Functions { feature_map: |x| feature_map(x) - 1.0, ..REFERENCE }),
        ("feature_map", Functions { feature_map: |_| Array2::zeros((1, 1)), ..REFERENCE }),
        ("feature_map", Functions { feature_map: |x| x.mapv(|_| f64::NAN), ..REFERENCE }),
        (
            "linear_step",
            Functions {
                linear_step: |state, q, k, v| {
                    let out = linear_step(&mut state.clone(), q, k, v);
                    linear_step(state, k, k, v);
                    state.z.fill(1.0);
                    out
                },
                ..REFERENCE
            },
        ),
        (
            "linear_step",
            Functions {
                linear_step: |state, q, k, v| {
                    linear_step(state, q, k, v);
                    Array1::zeros(v.len())
                },
                ..REFERENCE
            },
        ),
        (
            "chunked",
            Functions {
                // The last chunk is left out.
                chunked: |state, q, k, v, gamma, chunk| {
                    let mut rows = chunked(state, q, k, v, gamma, chunk);
                    let whole = rows.nrows() / chunk * chunk;
                    rows.slice_mut(ndarray::s![whole.., ..]).fill(0.0);
                    rows
                },
                ..REFERENCE
            },
        ),
        (
            "chunked",
            Functions {
                chunked: |state, q, k, v, gamma, chunk| {
                    chunked(&mut state.clone(), q, k, v, gamma, chunk)
                },
                ..REFERENCE
            },
        ),
        (
            "delta_step",
            Functions { delta_step: |state, k, v, _| delta_step(state, k, v, 1.0), ..REFERENCE },
        ),
    ];
    for (item, functions) in wrong {
        let named: Vec<&str> = compare(functions).iter().map(|found| found.item).collect();
        assert_eq!(named, [item]);
    }
}
