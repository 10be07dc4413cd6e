//! Attention by one of the rungs: the host's side.

use crate::{
    Device, Error, Inputs, Rung,
    device::UNWRITTEN,
    launch::Buffer,
    precision::Numbers,
    program::{Origin, Program},
    rung::Call,
};
use ndarray::{Array, Array2, Array3, Dimension};
use ptx_sim::Report;

/// What came out.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `out` (h, n, d).
    pub out: Array3<f32>,
    /// The log-sum-exp of every row (h, n).
    pub lse: Array2<f32>,
    /// One for each kernel that was launched; none on a GPU.
    pub reports: Vec<Report>,
    /// Where the PTX comes from.
    pub origin: Origin,
    /// Whether the room behind `out` and `lse` was left alone, where there was any.
    pub stayed_inside: bool,
}

impl Outcome {
    /// What the simulator found wrong, in words. Nothing on a GPU.
    pub fn findings(&self) -> Vec<String> {
        self.reports
            .iter()
            .flat_map(|report| report.findings.iter().map(ToString::to_string))
            .collect()
    }
}

/// The first entry of an output that no thread wrote, as `[0,3,17]`.
pub fn unwritten<D: Dimension>(output: &Array<f32, D>) -> Option<String> {
    let entries = output.view().into_dyn();
    let (index, _) =
        entries.indexed_iter().find(|(_, value)| value.to_bits() == UNWRITTEN.to_bits())?;
    let axes: Vec<String> = index.as_array_view().iter().map(usize::to_string).collect();
    Some(format!("[{}]", axes.join(",")))
}

/// `softmax(q kᵀ / √d + mask) v` for all heads, with the log-sum-exp of every row, by the kernels of a rung.
///
/// Query head `head` reads key/value head `head / (h / h_kv)`. Dao et al., 2022 (arXiv:2205.14135), Algorithm 1; for the
/// split rung, the merge of §3.1 there.
///
/// # Errors
/// Sizes that do not fit together, no compiler for a width whose PTX is not committed, or a device that refuses.
pub fn attention(device: &mut Device, rung: Rung, inputs: &Inputs) -> Result<Outcome, Error> {
    let program = rung.program(inputs.sizes()?.d)?;
    attention_by(device, rung, &program, inputs, 0)
}

/// As [`attention`], with another program in place of the rung's own: kernels of the same names and parameters. Behind
/// every input lie `poison` NaNs, and as much room behind every output: a kernel that runs over an end shows it.
///
/// # Errors
/// As for [`attention`], and a program without the rung's kernels.
pub fn attention_by(
    device: &mut Device,
    rung: Rung,
    program: &Program,
    inputs: &Inputs,
    poison: usize,
) -> Result<Outcome, Error> {
    rung.takes(inputs.sizes()?)?;
    let launch = |device: &mut Device, call: &Call| rung.launch(device, program, call);
    attention_of(device, program, inputs, rung.numbers(), poison, launch)
}

/// A kernel of the reader's own that computes attention in one launch. It has the parameters of `kernels/warp.cu`.
#[derive(Clone, Debug)]
pub struct Own<'a> {
    /// Its name.
    pub entry: &'a str,
    /// Queries of a block: the grid is (⌈n/rows⌉, h).
    pub rows: usize,
    /// Threads of a block along x, y and z.
    pub block: [u32; 3],
}

/// As [`attention`], by a kernel of the reader's own.
///
/// # Errors
/// As for [`attention`], and a program without this kernel.
pub fn attention_by_own(
    device: &mut Device,
    own: &Own,
    program: &Program,
    inputs: &Inputs,
) -> Result<Outcome, Error> {
    if own.rows == 0 {
        return Err(Error::Sizes("a block of 0 queries computes nothing".into()));
    }
    attention_with(device, program, inputs, 0, |device, call| {
        let launch = call.fused(own.entry, own.rows, own.block);
        Ok(vec![device.launch(program, &launch)?])
    })
}

/// Lays out the buffers, launches what `launch` says, and reads what came out. Behind every input lie `poison` NaNs,
/// and as much room behind every output.
///
/// # Errors
/// As for [`attention`], and what `launch` refuses.
pub fn attention_with(
    device: &mut Device,
    program: &Program,
    inputs: &Inputs,
    poison: usize,
    launch: impl FnOnce(&mut Device, &Call) -> Result<Vec<Option<Report>>, Error>,
) -> Result<Outcome, Error> {
    attention_of(device, program, inputs, Numbers::F32, poison, launch)
}

/// The same with inputs of other numbers: those of bf16 are rounded to the nearest.
fn attention_of(
    device: &mut Device,
    program: &Program,
    inputs: &Inputs,
    numbers: Numbers,
    poison: usize,
    launch: impl FnOnce(&mut Device, &Call) -> Result<Vec<Option<Report>>, Error>,
) -> Result<Outcome, Error> {
    let sizes = inputs.sizes()?;
    let input = |device: &mut Device, name: &str, array: &Array3<f32>| {
        let mut values: Vec<f32> = array.iter().copied().collect();
        values.resize(values.len() + poison, f32::NAN);
        device.alloc(name, &numbers.words(values))
    };
    let (rows, entries) = (sizes.heads * sizes.n, inputs.q.len());
    let call = Call {
        q: input(device, "q", &inputs.q)?,
        k: input(device, "k", &inputs.k)?,
        v: input(device, "v", &inputs.v)?,
        out: device.alloc_unwritten("out", entries + poison)?,
        lse: device.alloc_unwritten("lse", rows + poison)?,
        sizes,
        causal: inputs.causal,
    };
    let reports = launch(device, &call)?;
    let mut stayed_inside = true;
    let mut output = |buffer: Buffer, len: usize| -> Result<Vec<f32>, Error> {
        let mut values = device.read(buffer)?;
        stayed_inside &= values[len..].iter().all(|value| value.to_bits() == UNWRITTEN.to_bits());
        values.truncate(len);
        Ok(values)
    };
    let (out, lse) = (output(call.out, entries)?, output(call.lse, rows)?);
    let misfit = |error: ndarray::ShapeError| Error::Sizes(error.to_string());
    Ok(Outcome {
        out: Array3::from_shape_vec(inputs.q.dim(), out).map_err(misfit)?,
        lse: Array2::from_shape_vec((sizes.heads, sizes.n), lse).map_err(misfit)?,
        reports: reports.into_iter().flatten().collect(),
        origin: program.origin(),
        stayed_inside,
    })
}
