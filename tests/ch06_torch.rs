//! Chapter 6 against PyTorch: `scaled_dot_product_attention` with `enable_gqa`, and its gradients by autograd.
//! `oracles/ch06.py` made the file.

use anyhow::{Result, bail, ensure};
use attn_core::Mask;
use ch06_mqa_gqa::{Cache, grouped_attention, grouped_backward, grouped_decode, oracle};
use integration::{Recording, agree};
use ndarray::{Array3, Axis};

#[test]
fn grouped_attention_and_its_gradients_are_torchs() -> Result<()> {
    let mut decoded = 0;
    for (name, case) in Recording::read("ch06.safetensors")?.cases("grouped")? {
        let [q, k, v, d_out]: [Array3<f32>; 4] =
            [case.f32("q")?, case.f32("k")?, case.f32("v")?, case.f32("d_out")?];
        let mask = match name.split(' ').next() {
            Some("none") => Mask::None,
            Some("causal") => Mask::Causal,
            _ => bail!("{name}: which mask is this?"),
        };
        let [q, k, v, d_out] = [&q, &k, &v, &d_out].map(|x| x.view());
        let (wide, loops) = (oracle::attention(q, k, v, &mask), oracle::attention(q, k, v, &mask));
        agree(&name, &wide, &grouped_attention(q, k, v, &mask), &loops, case.f64("out")?)?;

        let ours = grouped_backward(q, k, v, &mask, d_out);
        let (wide, loops) = (
            oracle::backward::<f64>(q, k, v, &mask, d_out),
            oracle::backward::<f32>(q, k, v, &mask, d_out),
        );
        for (i, (of, ours)) in
            [("dq", &ours.dq), ("dk", &ours.dk), ("dv", &ours.dv)].into_iter().enumerate()
        {
            agree(&format!("{name}, {of}"), &wide[i], ours, &loops[i], case.f64(of)?)?;
        }

        if q.dim().1 == 1 {
            let cache = Cache::new(k.to_owned(), v.to_owned());
            let step = grouped_decode(q.index_axis(Axis(1), 0), &cache).insert_axis(Axis(1));
            let wide = oracle::attention(q, k, v, &mask);
            agree(&name, &wide, &step, &oracle::attention(q, k, v, &mask), case.f64("out")?)?;
            decoded += 1;
        }
    }
    ensure!(decoded == 3, "{decoded} steps of decoding");
    Ok(())
}
