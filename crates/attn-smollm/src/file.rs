//! The model's file: whether it is the published one, and what is in it.

use crate::ModelError;
use candle_core::{
    Device,
    quantized::gguf_file::{Content, Value},
};
use ndarray::Array1;
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{self, Cursor},
    path::Path,
};

/// The bytes of the file.
pub const BYTES: u64 = 98_362_432;
/// Its SHA-256.
pub const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// A file in the GGUF format: what is said in it, and its tensors.
pub struct ModelFile {
    content: Content,
    bytes: Cursor<Vec<u8>>,
}

impl ModelFile {
    /// Reads the published file.
    ///
    /// # Errors
    /// When it is missing, cut short or changed.
    pub fn published(path: &Path) -> Result<Self, ModelError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                return Err(ModelError::Missing(path.into()));
            }
            Err(why) => return Err(ModelError::Unreadable { path: path.into(), why }),
        };
        if bytes.len() as u64 != BYTES {
            let (path, bytes) = (path.into(), bytes.len() as u64);
            return Err(ModelError::Length { path, bytes, wanted: BYTES });
        }
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if sum != SHA256 {
            return Err(ModelError::Checksum { path: path.into(), sum, wanted: SHA256 });
        }
        ModelFile::read(bytes)
    }

    /// Reads any file of the format.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(bytes: Vec<u8>) -> Result<Self, ModelError> {
        let mut bytes = Cursor::new(bytes);
        Ok(ModelFile { content: Content::read(&mut bytes)?, bytes })
    }

    /// What the file says under a key, if it says it in the form that `read` reads.
    pub(crate) fn said<T>(
        &self,
        key: &str,
        read: impl Fn(&Value) -> candle_core::Result<T>,
    ) -> Result<T, ModelError> {
        let value = self.content.metadata.get(key);
        let said = value.and_then(|value| read(value).ok());
        said.ok_or_else(|| ModelError::Unsaid(key.into()))
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, ModelError> {
        self.said(key, |value| value.to_vec()?.iter().map(|v| v.to_string().cloned()).collect())
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// How many numbers all tensors have.
    pub fn parameters(&self) -> usize {
        self.content.tensor_infos.values().map(|tensor| tensor.shape.elem_count()).sum()
    }

    /// The numbers of a tensor of this shape, in f32.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let info = self.content.tensor_infos.get(name);
        let info = info.ok_or_else(|| ModelError::Unsaid(format!("tensor {name}")))?;
        if info.shape.dims() != shape {
            let found = info.shape.dims().to_vec();
            return Err(ModelError::Shape { name: name.into(), found, wanted: shape.to_vec() });
        }
        // A reader of its own, so that tensors can be read side by side.
        let mut reader = Cursor::new(self.bytes.get_ref().as_slice());
        let start = self.content.tensor_data_offset;
        let tensor = info.read(&mut reader, start, &Device::Cpu)?;
        Ok(tensor.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()?)
    }

    /// A tensor with one axis.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Array1<f32>, ModelError> {
        Ok(Array1::from_vec(self.tensor(name, &[length])?))
    }
}
