//! Chapter 7 against PyTorch: a layer of latent attention by DeepSeek-V2's equations, and grouped-query attention written
//! as one. `oracles/ch07.py` made the file, and held it against transformers' own layer.

use anyhow::{Result, ensure};
use ch07_mla::{
    Mla, compress,
    functions::REFERENCE,
    given::{Down, Form, Latents, Queries, QueryWeights, Source, Up},
    gqa_as_mla, mla_absorbed, mla_naive, queries,
};
use integration::{Case, Recording, same};
use ndarray::{Array2, Array3, Axis, Ix0, s};

fn layer(case: &Case) -> Result<Mla> {
    let base = case.f64::<Ix0>("base")?.into_scalar();
    let source = if case.has("w_dq") {
        Source::Latent { w_dq: case.f64("w_dq")?, gain: case.f64("gain_q")? }
    } else {
        Source::Token
    };
    Ok(Mla {
        down: Down {
            w_dkv: case.f64("w_dkv")?,
            gain: case.f64("gain")?,
            w_kr: case.f64("w_kr")?,
            base,
        },
        queries: QueryWeights { source, w_uq: case.f64("w_uq")?, w_qr: case.f64("w_qr")?, base },
        up: Up { w_uk: case.f64("w_uk")?, w_uv: case.f64("w_uv")? },
        w_o: case.f64("w_o")?,
    })
}

#[test]
fn a_layer_of_latent_attention_is_the_one_of_the_equations() -> Result<()> {
    let mut tried = 0;
    for (name, case) in Recording::read("ch07.safetensors")?.cases("layer")? {
        let (layer, x) = (layer(&case)?, case.f64::<ndarray::Ix2>("x")?);
        let kept = compress(&layer.down, x.view(), 0);
        same(&name, &kept.c, &case.f64("c")?)?;
        same(&name, &kept.k_r, &case.f64("k_r")?)?;
        let asked = queries(&layer.queries, x.view(), 0);
        let heads: Array3<f64> = case.f64("heads")?;
        same(&name, &mla_naive(&asked, &kept, &layer.up), &heads)?;
        same(&name, &mla_absorbed(&asked, &kept, &layer.up).heads, &heads)?;

        // Whole, token by token, and a prompt before single tokens.
        let t = x.nrows();
        for cuts in [vec![t], vec![1; t], [vec![t - t / 2], vec![1; t / 2]].concat()] {
            for form in [Form::Naive, Form::Absorbed] {
                let (d_c, d_r) = (layer.down.w_dkv.ncols(), layer.down.w_kr.ncols());
                let mut kept = Latents::empty(d_c, d_r);
                let mut out = Array2::zeros((0, x.ncols()));
                for length in &cuts {
                    let chunk = x.slice(s![kept.len()..kept.len() + length, ..]);
                    out.append(Axis(0), layer.attend(REFERENCE, form, chunk, &mut kept).view())?;
                }
                same(&format!("{name}, {form:?}, cut {cuts:?}"), &out, &case.f64("out")?)?;
                tried += 1;
            }
        }
    }
    ensure!(tried == 4 * 3 * 2, "{tried} passes");
    Ok(())
}

#[test]
fn grouped_query_attention_written_as_latent_attention_is_torchs() -> Result<()> {
    for (name, case) in Recording::read("ch07.safetensors")?.cases("grouped")? {
        let [q, k, v]: [Array3<f64>; 3] = [case.f64("q")?, case.f64("k")?, case.f64("v")?];
        let (h, n, _) = q.dim();
        let written = gqa_as_mla(k.view(), v.view(), h);
        let kept = Latents { k_r: Array2::zeros((written.c.nrows(), 0)), c: written.c };
        let asked = Queries { content: q, rotary: Array3::zeros((h, n, 0)) };
        let out = case.f64("out")?;
        same(&name, &mla_naive(&asked, &kept, &written.up), &out)?;
        same(&name, &mla_absorbed(&asked, &kept, &written.up).heads, &out)?;
    }
    Ok(())
}
