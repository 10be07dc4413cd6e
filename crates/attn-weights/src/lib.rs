//! The values of a model's tensors, from a safetensors file that says which model it is of and where
//! it comes from.

use attn_core::random::Random;
use ndarray::{ArrayD, ArrayView1, ArrayView2, ArrayViewD, Ix1, Ix2};
use safetensors::{Dtype, SafeTensors};
use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs, io,
    path::Path,
};

/// A model whose weights are kept in a file. It is written by its name, in files and in errors.
pub trait Model: Copy + fmt::Display {
    /// The version of the files. It changes when a tensor's name, shape or meaning does.
    const FORMAT: &'static str;

    /// The tensors that the model consists of: their names and shapes. None has no axis.
    fn tensors(self) -> Vec<(String, Vec<usize>)>;

    /// The file with the weights that the course trained, which is part of the program.
    fn trained(self) -> &'static [u8];
}

/// The weights of a model of type `M`. Every tensor of [`Model::tensors`] is there, with its shape.
#[derive(Clone, Debug)]
pub struct Weights<M> {
    model: M,
    tensors: BTreeMap<String, ArrayD<f32>>,
    about: HashMap<String, String>,
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
    #[error("the weights are of version “{found}”, not “{expected}”")]
    Version {
        /// What the file says.
        found: String,
        /// The version that is read here.
        expected: &'static str,
    },
    /// The file holds another model.
    #[error("these are weights of the model “{found}”, not of {expected}")]
    OtherModel {
        /// What the file says.
        found: String,
        /// Which model was asked for.
        expected: String,
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

impl<M: Model> Weights<M> {
    /// Reads a file.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, is of another version or model, or when one of
    /// its tensors is missing, unknown, or of another shape or type. The error names the tensor
    /// and both shapes.
    pub fn read(model: M, path: &Path) -> Result<Self, WeightsError> {
        let bytes = fs::read(path)
            .map_err(|error| WeightsError::Read(path.display().to_string(), error))?;
        Weights::parse(model, &bytes)
    }

    /// Reads the contents of a file.
    ///
    /// # Errors
    /// As [`Weights::read`].
    pub fn parse(model: M, bytes: &[u8]) -> Result<Self, WeightsError> {
        let damaged =
            |error: safetensors::SafeTensorError| WeightsError::Damaged(error.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let about = header.metadata().clone().unwrap_or_default();
        let entry = |key: &str| about.get(key).cloned().unwrap_or_default();
        // Version and model first: they explain what would be wrong with the tensors.
        if entry("format") != M::FORMAT {
            return Err(WeightsError::Version { found: entry("format"), expected: M::FORMAT });
        }
        let (found, expected) = (entry("model"), model.to_string());
        if found != expected {
            return Err(WeightsError::OtherModel { found, expected });
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
        Ok(Weights { model, tensors, about })
    }

    /// The weights that the course trained; they are part of the program.
    pub fn trained(model: M) -> Self {
        Weights::parse(model, model.trained()).expect("this file is part of the program")
    }

    /// Untrained weights: normal, divided by the square root of the last axis. For tests of a
    /// forward pass that need no trained model.
    pub fn random(model: M, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let tensors = model.tensors().into_iter().map(|(name, shape)| {
            let inputs = *shape.last().expect("no tensor is a single number") as f32;
            (name, random.normal(shape) / inputs.sqrt())
        });
        Weights { model, tensors: tensors.collect(), about: HashMap::new() }
    }

    /// Which model they are of.
    pub fn model(&self) -> M {
        self.model
    }

    /// Where they come from: the `command` that trained them, its `seed` and `steps`, a fingerprint
    /// of its `data`, and what was measured. Empty if the file does not say.
    pub fn about(&self, key: &str) -> &str {
        self.about.get(key).map_or("", String::as_str)
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
