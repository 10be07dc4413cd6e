//! A run that is not over yet, as a file.

use crate::{
    adam::{Adam, Values},
    files,
    net::Net,
    run::Run,
};
use anyhow::{Context, Result, bail, ensure};
use safetensors::{Dtype, SafeTensors};
use std::{collections::HashMap, fs, io::ErrorKind, path::Path};

const FORMAT: &str = "attn-train checkpoint 2";
const PARTS: [&str; 3] = ["weights", "first", "second"];
const LOSSES: &str = "losses";

/// Where a run stands: its weights, the optimiser's means, and the losses of the steps it has taken.
pub struct Checkpoint {
    /// The model so far.
    pub net: Net,
    /// The optimiser.
    pub adam: Adam,
    /// The loss of each step that has been taken, in nats per character.
    pub losses: Vec<f32>,
}

impl Checkpoint {
    /// The beginning of a run.
    pub fn start(run: &Run) -> Result<Self> {
        let net = Net::new(run.model, run.seed)?;
        let adam = Adam::new(&net);
        Ok(Checkpoint { net, adam, losses: Vec::new() })
    }

    /// How many steps have been taken.
    pub fn done(&self) -> u64 {
        self.losses.len() as u64
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the file cannot be written; the one before it stays.
    pub fn save(&self, run: &Run, path: &Path) -> Result<()> {
        let weights: Values = self.net.values()?;
        let mut tensors = Vec::new();
        for (part, values) in PARTS.iter().zip([&weights, &self.adam.first, &self.adam.second]) {
            for (name, values) in values {
                tensors.push((format!("{part}.{name}"), vec![values.len()], &values[..]));
            }
        }
        tensors.push((LOSSES.to_string(), vec![self.losses.len()], &self.losses));
        let metadata = [("format", FORMAT.to_string()), ("run", run.describe())];
        files::write(path, &files::safetensors(&tensors, &metadata)?)
    }

    /// Reads the checkpoint of a run; none if there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or is of another run.
    pub fn load(run: &Run, path: &Path) -> Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes.with_context(|| format!("{} cannot be read", path.display()))?,
        };
        let checkpoint = Checkpoint::parse(run, &bytes).with_context(|| {
            format!(
                "{}: the run cannot go on from here; give the options it was begun with, or \
                 remove the file to begin anew",
                path.display()
            )
        })?;
        Ok(Some(checkpoint))
    }

    fn parse(run: &Run, bytes: &[u8]) -> Result<Self> {
        let damaged = "the checkpoint is damaged";
        let (_, header) = SafeTensors::read_metadata(bytes).context(damaged)?;
        let file = SafeTensors::deserialize(bytes).context(damaged)?;
        let none = HashMap::new();
        let metadata = header.metadata().as_ref().unwrap_or(&none);
        let entry = |key: &str| metadata.get(key).map_or("", String::as_str);
        ensure!(entry("format") == FORMAT, "this is no checkpoint of this version");
        if entry("run") != run.describe() {
            bail!("it is of another run: {}, not {}", entry("run"), run.describe());
        }
        let numbers = |name: &str| -> Result<Vec<f32>> {
            let view = file.tensor(name).with_context(|| damaged)?;
            ensure!(view.dtype() == Dtype::F32, "{name} is of {:?}, not F32", view.dtype());
            let (numbers, _) = view.data().as_chunks();
            Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        };
        let losses = numbers(LOSSES)?;
        let done = losses.len() as u64;
        ensure!(done <= run.steps, "it is beyond the run: step {done} of {}", run.steps);
        let part = |part: &str| -> Result<Values> {
            let values = run.model.tensors().into_iter().map(|(name, shape)| {
                let full = format!("{part}.{name}");
                let (values, expected) = (numbers(&full)?, shape.iter().product::<usize>());
                let found = values.len();
                ensure!(found == expected, "{full} has {found} numbers, not {expected}");
                Ok((name, values))
            });
            values.collect()
        };
        let [weights, first, second] = PARTS.map(part);
        Ok(Checkpoint {
            net: Net::from_values(run.model, weights?)?,
            adam: Adam { first: first?, second: second? },
            losses,
        })
    }
}
