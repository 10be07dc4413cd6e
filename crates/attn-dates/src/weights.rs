//! The values of a model's tensors, from a safetensors file that says where it comes from.

use crate::Model;
use attn_core::random::Random;
use ndarray::{ArrayD, ArrayView1, ArrayView2, ArrayViewD, Ix1, Ix2};
use safetensors::{Dtype, SafeTensors};
use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::Path,
};

/// The version of the files. It changes when a tensor's name, shape or meaning does.
pub const FORMAT: &str = "attn-dates 1";

/// A model's weights. Every tensor of [`Model::tensors`] is there, with its shape.
#[derive(Clone, Debug)]
pub struct Weights {
    model: Model,
    tensors: BTreeMap<String, ArrayD<f32>>,
    about: About,
}

/// Where weights come from: the metadata of their file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The command that trained them.
    pub command: String,
    /// Its seed.
    pub seed: String,
    /// How many batches it took.
    pub steps: String,
    /// The fingerprint of the examples that it was trained on.
    pub data: String,
    /// The share of held-out lists that come out exactly right, for lists of 1 to 8 dates.
    pub accuracy: String,
}

/// Why a file does not hold a model's weights.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("{0} cannot be read: {1}")]
    Read(String, #[source] io::Error),
    /// The file is cut off or is not in the safetensors format.
    #[error("the weights are cut off or damaged: {0}")]
    Damaged(String),
    /// The file is of another version.
    #[error("the weights are of version “{found}”, not “{FORMAT}”")]
    Version {
        /// What the file says.
        found: String,
    },
    /// The file holds another model.
    #[error("these are weights of the model “{found}”, not of {expected}")]
    OtherModel {
        /// What the file says.
        found: String,
        /// Which model was asked for.
        expected: Model,
    },
    /// A tensor is missing.
    #[error("the tensor {tensor} {expected:?} is missing")]
    Missing {
        /// The tensor.
        tensor: String,
        /// The shape it should have.
        expected: Vec<usize>,
    },
    /// A tensor has another shape.
    #[error("the tensor {tensor} has shape {found:?}, not {expected:?}")]
    Shape {
        /// The tensor.
        tensor: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape it should have.
        expected: Vec<usize>,
    },
    /// A tensor's entries are of another type than `f32`.
    #[error("the tensor {tensor} has entries of type {found}, not F32")]
    Type {
        /// The tensor.
        tensor: String,
        /// The type in the file.
        found: String,
    },
    /// A tensor has an entry that is infinite or not a number.
    #[error("the tensor {tensor} has an entry that is no finite number")]
    NotFinite {
        /// The tensor.
        tensor: String,
    },
    /// The file has a tensor that the model does not know.
    #[error("the tensor {tensor} is not one of the model's")]
    Unknown {
        /// The tensor.
        tensor: String,
    },
}

impl Weights {
    /// Reads a file.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, is of another version or model, or when one of
    /// its tensors is missing, unknown, or of another shape or type. The error names the tensor
    /// and both shapes.
    pub fn read(model: Model, path: &Path) -> Result<Self, WeightsError> {
        let bytes = fs::read(path)
            .map_err(|error| WeightsError::Read(path.display().to_string(), error))?;
        Weights::parse(model, &bytes)
    }

    /// Reads the contents of a file.
    ///
    /// # Errors
    /// As [`Weights::read`].
    pub fn parse(model: Model, bytes: &[u8]) -> Result<Self, WeightsError> {
        let damaged =
            |error: safetensors::SafeTensorError| WeightsError::Damaged(error.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let none = HashMap::new();
        let metadata = header.metadata().as_ref().unwrap_or(&none);
        let entry = |key: &str| metadata.get(key).cloned().unwrap_or_default();
        // Version and model first: they explain what would be wrong with the tensors.
        if entry("format") != FORMAT {
            return Err(WeightsError::Version { found: entry("format") });
        }
        if entry("model") != model.name() {
            return Err(WeightsError::OtherModel { found: entry("model"), expected: model });
        }
        let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let mut tensors = BTreeMap::new();
        for (name, shape) in model.tensors() {
            let values = tensor(&file, &name, &shape)?;
            tensors.insert(name, values);
        }
        if let Some(name) = file.names().into_iter().find(|name| !tensors.contains_key(*name)) {
            return Err(WeightsError::Unknown { tensor: name.to_string() });
        }
        let about = About {
            command: entry("command"),
            seed: entry("seed"),
            steps: entry("steps"),
            data: entry("data"),
            accuracy: entry("accuracy"),
        };
        Ok(Weights { model, tensors, about })
    }

    /// The weights that the course trained; they are part of the program.
    pub fn trained(model: Model) -> Self {
        let bytes = match model {
            Model::Fixed => include_bytes!("../weights/gru-fixed.safetensors").as_slice(),
            Model::Dot => include_bytes!("../weights/gru-dot.safetensors"),
            Model::Additive => include_bytes!("../weights/gru-additive.safetensors"),
            Model::Transformer => include_bytes!("../weights/transformer.safetensors"),
        };
        Weights::parse(model, bytes).expect("this file is part of the program")
    }

    /// Untrained weights: normal, divided by the square root of the last axis. For tests of a
    /// forward pass that need no trained model.
    pub fn random(model: Model, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let tensors = model.tensors().into_iter().map(|(name, shape)| {
            let inputs = *shape.last().expect("no tensor is a single number") as f32;
            (name, random.normal(shape) / inputs.sqrt())
        });
        Weights { model, tensors: tensors.collect(), about: About::default() }
    }

    /// Which model they are of.
    pub fn model(&self) -> Model {
        self.model
    }

    /// Where they come from.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// All tensors by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, ArrayViewD<'_, f32>)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.view()))
    }

    /// A tensor with two axes.
    ///
    /// # Panics
    /// If [`Model::tensors`] has no matrix of this name.
    #[track_caller]
    pub fn matrix(&self, name: &str) -> ArrayView2<'_, f32> {
        let tensor = self.tensor(name).view();
        tensor.into_dimensionality::<Ix2>().unwrap_or_else(|_| panic!("{name} is no matrix"))
    }

    /// A tensor with one axis.
    ///
    /// # Panics
    /// If [`Model::tensors`] has no vector of this name.
    #[track_caller]
    pub fn vector(&self, name: &str) -> ArrayView1<'_, f32> {
        let tensor = self.tensor(name).view();
        tensor.into_dimensionality::<Ix1>().unwrap_or_else(|_| panic!("{name} is no vector"))
    }

    #[track_caller]
    fn tensor(&self, name: &str) -> &ArrayD<f32> {
        let model = self.model;
        self.tensors.get(name).unwrap_or_else(|| panic!("{model} has no tensor {name}"))
    }
}

fn tensor(file: &SafeTensors, name: &str, expected: &[usize]) -> Result<ArrayD<f32>, WeightsError> {
    let tensor = name.to_string();
    let Ok(view) = file.tensor(name) else {
        return Err(WeightsError::Missing { tensor, expected: expected.into() });
    };
    if view.shape() != expected {
        return Err(WeightsError::Shape {
            tensor,
            found: view.shape().into(),
            expected: expected.into(),
        });
    }
    if view.dtype() != Dtype::F32 {
        return Err(WeightsError::Type { tensor, found: format!("{:?}", view.dtype()) });
    }
    let (numbers, _) = view.data().as_chunks();
    let values: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if !values.iter().all(|x| x.is_finite()) {
        return Err(WeightsError::NotFinite { tensor });
    }
    Ok(ArrayD::from_shape_vec(expected, values).expect("the file's shape was checked"))
}
