//! What the chapters load: weights, fixtures and measurements, written into `attn-dates`.

use crate::{
    batch::Batch,
    convert::Converted,
    decoder, files,
    measure::{self, GradientRow},
    model::Model,
    net::Net,
    run::Run,
    train::forward,
};
use anyhow::{Context, Result, bail, ensure};
use attn_dates::{
    Weights,
    generator::{Example, fingerprint},
    results::{Accuracy, HeldOut},
};
use std::{
    fmt::{Display, Write},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Writes `weights/MODEL.safetensors` with where it comes from and what was `measured`; gives its path.
///
/// # Errors
/// When the file cannot be written.
pub fn weights(net: &Net, run: &Run, measured: (&str, String), out: &Path) -> Result<PathBuf> {
    let values = net.values()?;
    let tensors: Vec<(String, Vec<usize>, &[f32])> = net
        .model
        .tensors()
        .into_iter()
        .map(|(name, shape)| {
            let values = &values[&name][..];
            (name, shape, values)
        })
        .collect();
    let (format, data) = match net.model {
        Model::Dates(_) => (attn_dates::FORMAT, fingerprint(run.seed)),
        Model::Text(model) => (attn_lm::FORMAT, model.title().to_string()),
        Model::Mixed(model) => bail!("the weights of {model} are not kept"),
    };
    let metadata = [
        ("format", format.to_string()),
        ("model", net.model.to_string()),
        ("command", format!("attn-train {}", run.describe())),
        ("seed", run.seed.to_string()),
        ("steps", run.steps.to_string()),
        ("data", data),
        measured,
    ];
    let path = path(out, net.model);
    files::write(&path, &files::safetensors(&tensors, &metadata)?)?;
    Ok(path)
}

/// How many steps a loss of the file is the mean of.
const STEPS: usize = 20;

/// Writes `losses/MODEL.csv`: the mean loss of every 20 steps, beside the last of them.
///
/// # Errors
/// When the file cannot be written.
pub fn losses(run: &Run, losses: &[f32], out: &Path) -> Result<()> {
    let mut text = "step,loss\n".to_string();
    for (i, part) in losses.chunks(STEPS).enumerate() {
        let mean = part.iter().map(|&loss| f64::from(loss)).sum::<f64>() / part.len() as f64;
        writeln!(text, "{},{mean:.5}", i * STEPS + part.len())?;
    }
    files::write(&out.join(format!("losses/{}.csv", run.model)), text.as_bytes())
}

fn path(out: &Path, model: impl Display) -> PathBuf {
    out.join("weights").join(format!("{model}.safetensors"))
}

/// The models of the dates whose weights are there.
///
/// # Errors
/// When there are none, or one of the files is damaged.
pub fn nets(out: &Path) -> Result<Vec<Net>> {
    let mut nets = Vec::new();
    for model in attn_dates::Model::ALL {
        let path = path(out, model);
        if path.exists() {
            let weights =
                Weights::read(model, &path).with_context(|| path.display().to_string())?;
            let values = weights.tensors();
            let values =
                values.map(|(name, tensor)| (name.to_string(), tensor.iter().copied().collect()));
            nets.push(Net::from_values(model, values.collect())?);
        }
    }
    ensure!(!nets.is_empty(), "there are no weights in {}", out.join("weights").display());
    Ok(nets)
}

/// The texts whose logits are kept: one date, three, eight that no training saw, and none.
pub fn fixture_texts() -> Vec<Example> {
    let example =
        |source: &str, target: &str| Example { source: source.into(), target: target.into() };
    let mut texts = vec![
        example("the 3rd of May, 1979", "1979-05-03"),
        example(
            "Thu 3.5.1979; February 29, 2000 and 1999/12/31",
            "1979-05-03,2000-02-29,1999-12-31",
        ),
        example("hello", ""),
    ];
    texts.extend(measure::examples(HeldOut::Days, 8, 1));
    texts
}

/// Writes `fixtures/MODEL.safetensors`: each text by itself, without padding.
///
/// # Errors
/// When the file cannot be written.
pub fn fixtures(net: &Net, out: &Path) -> Result<()> {
    let texts = fixture_texts();
    let (mut tensors, mut metadata) = (Vec::new(), Vec::new());
    for (i, text) in texts.iter().enumerate() {
        let output = forward(net, &Batch::new(std::slice::from_ref(text))?)?;
        tensors.push((format!("{i}.logits"), output.logits));
        tensors.extend(output.alignment.map(|alignment| (format!("{i}.alignment"), alignment)));
        metadata.push((format!("{i}.source"), text.source.clone()));
        metadata.push((format!("{i}.target"), text.target.clone()));
    }
    let tensors = tensors.into_iter().map(|(name, tensor)| {
        let tensor = tensor.squeeze(0)?;
        Ok((name, tensor.dims().to_vec(), tensor.flatten_all()?.to_vec1::<f32>()?))
    });
    write_fixtures(net, &tensors.collect::<Result<Vec<_>>>()?, &metadata, out)
}

/// Writes a language model's loss on held-out text into `data/losses.csv`, in place of that of an earlier run
/// with the same seed.
///
/// # Errors
/// When the file cannot be read or written.
pub fn loss(run: &Run, loss: f64, out: &Path) -> Result<()> {
    replace(&out.join("data/losses.csv"), run, "loss", &format!("{loss:.4}"))
}

/// The same for the shares of right answers, by the number of pairs, in `data/recall.csv`.
///
/// # Errors
/// When the file cannot be read or written.
pub fn recall(run: &Run, shares: &[(usize, f64)], out: &Path) -> Result<()> {
    let (names, shares): (Vec<String>, Vec<String>) =
        shares.iter().map(|(pairs, share)| (pairs.to_string(), format!("{share:.4}"))).unzip();
    replace(&out.join("data/recall.csv"), run, &names.join(","), &shares.join(","))
}

/// Writes a run's row into a table, in place of that of an earlier run of the model with the same seed.
fn replace(path: &Path, run: &Run, names: &str, values: &str) -> Result<()> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text.with_context(|| format!("{} cannot be read", path.display()))?,
    };
    let key = format!("{},{},", run.model, run.seed);
    let earlier = text.lines().skip(1).filter(|row| !row.starts_with(&key)).map(String::from);
    let mut rows: Vec<String> = earlier.collect();
    rows.push(format!("{key}{},{values}", run.steps));
    rows.sort();
    let text = format!("model,seed,steps,{names}\n{}\n", rows.join("\n"));
    files::write(path, text.as_bytes())
}

/// Writes `data/converted.csv`.
///
/// # Errors
/// When the file cannot be written.
pub fn converted(steps: u64, rows: &[Converted], out: &Path) -> Result<()> {
    let mut text = "model,conversion,steps,before,after\n".to_string();
    for Converted { model, conversion, before, after } in rows {
        writeln!(text, "{model},{conversion},{steps},{before:.4},{after:.4}")?;
    }
    files::write(&out.join("data/converted.csv"), text.as_bytes())
}

/// The texts whose logits are kept: beginnings of the held-out text, or of a poem.
fn beginnings(model: attn_lm::Model) -> [String; 3] {
    let (text, lengths) = match model {
        attn_lm::Model::Quatrains => {
            let poem = attn_lm::quatrains::poems().next().expect("there are poems");
            (poem.text, [1, 10, model.context()])
        }
        _ => (attn_lm::text::held_out(), [1, 40, model.context()]),
    };
    lengths.map(|length| text.chars().take(length).collect())
}

/// Writes `fixtures/MODEL.safetensors`: the logits after some beginnings of the model's kind of text.
///
/// # Errors
/// When the file cannot be written.
pub fn text_fixtures(net: &Net, model: attn_lm::Model, out: &Path) -> Result<()> {
    let (mut tensors, mut metadata) = (Vec::new(), Vec::new());
    for (i, text) in beginnings(model).into_iter().enumerate() {
        let numbers = model.alphabet().encode(&text)?;
        let length = numbers.len();
        let numbers = numbers.into_iter().map(|number| number as u32);
        // The last rows are enough: each depends on all before it.
        let logits = decoder::forward(net, &[numbers.collect()])?.squeeze(0)?;
        let rows = length.min(8);
        let logits = logits.narrow(0, length - rows, rows)?;
        tensors.push((
            format!("{i}.logits"),
            logits.dims().to_vec(),
            logits.flatten_all()?.to_vec1::<f32>()?,
        ));
        metadata.push((format!("{i}.text"), text));
    }
    write_fixtures(net, &tensors, &metadata, out)
}

fn write_fixtures(
    net: &Net,
    tensors: &[(String, Vec<usize>, Vec<f32>)],
    metadata: &[(String, String)],
    out: &Path,
) -> Result<()> {
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, shape, values)| (name.clone(), shape.clone(), &values[..]))
        .collect();
    let metadata: Vec<(&str, String)> =
        metadata.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let path = out.join("fixtures").join(format!("{}.safetensors", net.model));
    files::write(&path, &files::safetensors(&tensors, &metadata)?)
}

/// Writes `data/accuracy.csv` and `data/gradients.csv`.
///
/// # Errors
/// When a file cannot be written.
pub fn data(accuracy: &[Accuracy], gradients: &[GradientRow], out: &Path) -> Result<()> {
    let mut text = "model,held out,dates,exact,lists\n".to_string();
    for row in accuracy {
        let held_out = match row.held_out {
            HeldOut::Days => "days",
            HeldOut::Forms => "forms",
        };
        let (model, dates, exact, lists) = (row.model, row.dates, row.exact, row.lists);
        writeln!(text, "{model},{held_out},{dates},{exact},{lists}")?;
    }
    files::write(&out.join("data/accuracy.csv"), text.as_bytes())?;
    let mut text = "model,weights,distance,norm,share\n".to_string();
    for row in gradients {
        let weights = if row.trained { "trained" } else { "first" };
        let (model, distance) = (row.model, row.distance);
        writeln!(text, "{model},{weights},{distance},{:.4e},{:.4e}", row.norm, row.share)?;
    }
    files::write(&out.join("data/gradients.csv"), text.as_bytes())
}
