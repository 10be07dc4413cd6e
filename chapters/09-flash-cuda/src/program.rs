//! A kernel's text and the PTX that came of it.

use crate::{
    Error,
    arrays::{Array, shared_arrays},
    nvrtc::{self, Compiled},
};
use ptx_sim::Module;

/// A CUDA file, compiled.
pub struct Program {
    source: String,
    ptx: String,
    module: Module,
    arrays: Vec<Array>,
    origin: Origin,
    warnings: String,
}

/// Where PTX comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Compiled just now.
    Nvrtc,
    /// Committed beside the kernel, because there is no NVRTC.
    Committed,
}

impl Program {
    /// Compiles a CUDA file; `name` is what messages call it.
    ///
    /// # Errors
    /// No NVRTC, CUDA that does not compile, or PTX that the simulator does not understand.
    pub fn compile(name: &str, source: &str, definitions: &[String]) -> Result<Self, Error> {
        let Compiled { ptx, warnings } = nvrtc::compile(name, source, definitions)?;
        let program = Self::new(source, ptx, definitions, Origin::Nvrtc)?;
        Ok(Program { warnings, ..program })
    }

    /// A CUDA file whose PTX is given.
    ///
    /// # Errors
    /// PTX that the simulator does not understand.
    pub fn committed(source: &str, ptx: &str, definitions: &[String]) -> Result<Self, Error> {
        Self::new(source, ptx.into(), definitions, Origin::Committed)
    }

    fn new(
        source: &str,
        ptx: String,
        definitions: &[String],
        origin: Origin,
    ) -> Result<Self, Error> {
        let module = Module::parse(&ptx)?;
        let arrays = shared_arrays(source, definitions);
        Ok(Program { source: source.into(), ptx, module, arrays, origin, warnings: String::new() })
    }

    /// The CUDA text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The PTX.
    pub fn ptx(&self) -> &str {
        &self.ptx
    }

    /// The PTX, read.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Its shared arrays.
    pub fn arrays(&self) -> &[Array] {
        &self.arrays
    }

    /// What the compiler warned of, in its own words; empty if of nothing.
    pub fn warnings(&self) -> &str {
        &self.warnings
    }

    /// Where the PTX comes from.
    pub fn origin(&self) -> Origin {
        self.origin
    }
}
