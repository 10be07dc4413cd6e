//! Recorded tensors: what another program computed, kept in `oracles/` beside the script that made
//! it.

use anyhow::{Context, Result, anyhow, ensure};
use attn_exercise::judge::{Expected, close};
use ndarray::{Array, Dimension, Ix0};
use safetensors::{Dtype, SafeTensors};
use std::{collections::BTreeSet, fs, path::PathBuf};

/// A safetensors file. Its tensors are called `KIND.CASE.NAME`.
pub struct Recording {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// One case of a recording.
pub struct Case<'a> {
    tensors: SafeTensors<'a>,
    prefix: String,
}

impl Recording {
    /// Reads `oracles/FILE`.
    ///
    /// # Errors
    /// When the file is missing or is not in the safetensors format.
    pub fn read(file: &str) -> Result<Self> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("oracles").join(file);
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        let recording = Recording { path, bytes };
        recording.tensors()?;
        Ok(recording)
    }

    /// The cases of a kind, by name.
    ///
    /// # Errors
    /// When there is none, so that a test cannot pass by reading nothing.
    pub fn cases(&self, kind: &str) -> Result<Vec<(String, Case<'_>)>> {
        let tensors = self.tensors()?;
        let names = tensors.names().into_iter();
        let names: BTreeSet<&str> = names
            .filter_map(|name| name.strip_prefix(kind)?.strip_prefix('.')?.split('.').next())
            .collect();
        ensure!(!names.is_empty(), "{}: no cases of {kind}", self.path.display());
        let cases = names.into_iter().map(|name| {
            let prefix = format!("{kind}.{name}");
            let tensors = self.tensors()?;
            Ok((name.to_string(), Case { tensors, prefix }))
        });
        cases.collect()
    }

    fn tensors(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).with_context(|| self.path.display().to_string())
    }
}

impl Case<'_> {
    /// Whether the case has this tensor.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.tensor(&self.full(name)).is_ok()
    }

    /// A tensor of f32.
    ///
    /// # Errors
    /// When there is none of this name, type and number of axes.
    pub fn f32<D: Dimension>(&self, name: &str) -> Result<Array<f32, D>> {
        self.array(name, Dtype::F32, f32::from_le_bytes)
    }

    /// A tensor of f64.
    ///
    /// # Errors
    /// As for [`Case::f32`].
    pub fn f64<D: Dimension>(&self, name: &str) -> Result<Array<f64, D>> {
        self.array(name, Dtype::F64, f64::from_le_bytes)
    }

    /// A table of yes (1) and no (0).
    ///
    /// # Errors
    /// As for [`Case::f32`].
    pub fn flags<D: Dimension>(&self, name: &str) -> Result<Array<bool, D>> {
        self.array(name, Dtype::U8, |[byte]| byte != 0)
    }

    /// A single whole number.
    ///
    /// # Errors
    /// As for [`Case::f32`].
    pub fn number(&self, name: &str) -> Result<usize> {
        let number = self.array::<_, Ix0, 8>(name, Dtype::I64, i64::from_le_bytes)?;
        usize::try_from(number.into_scalar()).with_context(|| self.full(name))
    }

    fn array<T, D: Dimension, const BYTES: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        read: impl Fn([u8; BYTES]) -> T,
    ) -> Result<Array<T, D>> {
        let name = self.full(name);
        let tensor = self.tensors.tensor(&name).with_context(|| format!("no tensor {name}"))?;
        ensure!(tensor.dtype() == dtype, "{name} is {:?}, should be {dtype:?}", tensor.dtype());
        let (entries, _) = tensor.data().as_chunks::<BYTES>();
        let entries = entries.iter().map(|bytes| read(*bytes)).collect();
        let array = Array::from_shape_vec(tensor.shape(), entries)?;
        array
            .into_dimensionality()
            .with_context(|| format!("{name} has shape {:?}", tensor.shape()))
    }

    fn full(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }
}

/// Both compute in f64 from the same inputs, so only the order of summation tells them apart.
const F64_ERROR: f64 = 1e-9;

/// Refuses an f64 result that differs from torch's by more than a billionth of the largest entry.
///
/// # Errors
/// When it does, or has another shape.
pub fn same<D: Dimension>(case: &str, wide: &Array<f64, D>, torch: &Array<f64, D>) -> Result<()> {
    ensure!(wide.shape() == torch.shape(), "{case}: another shape");
    let scale = torch.fold(0.0_f64, |scale, x| scale.max(x.abs()));
    let furthest = (wide - torch).fold(0.0_f64, |most, x| most.max(x.abs()));
    ensure!(
        furthest <= F64_ERROR * scale,
        "{case}: off by {furthest:e} where the largest entry is {scale:e}"
    );
    Ok(())
}

/// Refuses an f64 oracle that is not the [`same`] as torch; then an f32 result by the rule of the judges, with torch's
/// f64 result as the exact one and that of plain `loops` as the measure.
///
/// # Errors
/// When one of the two is refused.
pub fn agree<D: Dimension>(
    case: &str,
    wide: &Array<f64, D>,
    reference: &Array<f32, D>,
    loops: &Array<f32, D>,
    torch: Array<f64, D>,
) -> Result<()> {
    same(case, wide, &torch).context("the oracle")?;
    close("out", reference, &Expected::new(torch, &[loops]))
        .map_err(|refusal| anyhow!("{case}: {refusal}"))
}
