//! Where an answer goes, how it is run, and how it is judged.

use super::{
    Answer, Body, Case,
    answer::outcome,
    body::{changed, replaced},
    unit::{NAME, Unit},
};
use crate::{
    Device, Error, Program, Rung, attention_by,
    launch::{Argument, Launch},
    nvrtc, rung,
};
use attn_exercise::{
    Fields, NUDGES, Refusal, cannot_be_checked, does_not_compile,
    judge::{Exact, Judge},
};
use ndarray::Array2;
use std::{
    array,
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    process,
    sync::{Arc, Mutex},
};

/// The place of an exercise's function in a kernel, and what is asked of it besides right numbers.
pub(crate) struct Gap {
    /// The function's name.
    pub item: &'static str,
    /// The kernel.
    pub rung: Rung,
    /// Changes of the kernel around the function.
    pub around: &'static [(&'static str, &'static str)],
    /// What a kernel `probe` of the check's own writes of the function, for each key and `float4` of a tile: an `int`.
    pub probe: &'static str,
    /// Refuses an answer before its numbers are looked at.
    pub first: fn(&Answer) -> Result<(), String>,
    /// Refuses an answer whose numbers are right. The second one is the reference's.
    pub then: fn(&Answer, &Answer) -> Result<(), String>,
}

impl Gap {
    /// A gap where right numbers without a finding are all that is asked.
    pub const fn new(item: &'static str, rung: Rung) -> Self {
        Gap { item, rung, around: &[], probe: "", first: |_| Ok(()), then: |_, _| Ok(()) }
    }

    /// Compiles the kernel with this answer in it, and runs it in the simulator.
    ///
    /// # Panics
    /// As [`attn_exercise`] has it, where the answer does not compile or reaches a todo.
    pub fn answer(&self, body: &Body, case: &Case) -> Answer {
        let unit = self.unit(body).unwrap_or_else(|what| cannot_be_checked(&what));
        let program = match self.compiled(body, &unit, case.sizes().d) {
            Ok(program) => program,
            Err(Error::DoesNotCompile { log }) => does_not_compile(&unit.complaint(&log)),
            Err(Error::NoNvrtc { .. }) => {
                let what = "your answer has to be compiled".into();
                cannot_be_checked(&Error::NoNvrtc { what }.to_string())
            }
            Err(Error::Ptx(error)) => cannot_be_checked(&unit.unknown(&error)),
            Err(error) => does_not_compile(&error.to_string()),
        };
        let mut device = Device::simulator();
        let came = attention_by(&mut device, self.rung, &program, &case.inputs, 0);
        let came = came.unwrap_or_else(|error| panic!("{error}"));
        let mut answer = outcome(came, &unit, &program);
        if program.module().kernel("probe").is_ok() {
            answer.places = Some(probed(&program, case.sizes().d / 4));
        }
        answer
    }

    /// Judges answers to a case: no finding, right numbers, and what this exercise asks besides. With a refusal comes what
    /// the compiler warned of.
    pub fn judge<'c>(&'static self, case: &'c Case) -> Judge<'c, Answer> {
        let reference = self.answer(&Body::Kernel, case);
        let plain = [reference.fields(), case.attention::<f32>()];
        let nudged: [_; NUDGES] = array::from_fn(|pattern| case.nudged(pattern).attention::<f64>());
        let exact = Exact::new(case.attention::<f64>(), &plain, &nudged, &case.fields());
        Box::new(move |answer| {
            let judged = || -> Result<(), Refusal> {
                (self.first)(answer)?;
                answer.is_sound()?;
                exact.agree(&answer.fields())?;
                Ok((self.then)(answer, &reference)?)
            };
            judged().map_err(|refusal| Refusal { what: answer.warned(refusal.what), ..refusal })
        })
    }

    /// The kernel with the answer in it, and the probe.
    fn unit(&self, body: &Body) -> Result<Unit, String> {
        let file = format!("kernels/{}.cu", self.rung.name());
        let source = replaced(self.rung.source().into(), self.around);
        let mut unit = match body {
            Body::Kernel => Unit::whole(&file, &source),
            Body::Changed(changes) => Unit::whole(&file, &changed(&source, changes)),
            Body::Section { id, file: path } => {
                let answers =
                    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
                Unit::with_section(&file, &source, self.item, &answers, id)?
            }
        };
        if !self.probe.is_empty() {
            unit.text += &format!(
                "extern \"C\" __global__ void probe(float* out)
{{
    const int key = threadIdx.y, four = threadIdx.x;
    out[key * FOURS + four] = {};
}}
",
                self.probe
            );
        }
        Ok(unit)
    }

    /// The program of a body. A worker asks for the same one, case after case.
    fn compiled(&self, body: &Body, unit: &Unit, d: usize) -> Result<Arc<Program>, Error> {
        static PROGRAMS: Mutex<BTreeMap<(String, usize), Arc<Program>>> =
            Mutex::new(BTreeMap::new());
        let mut programs = PROGRAMS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let key = (unit.text.clone(), d);
        if let Some(program) = programs.get(&key) {
            return Ok(program.clone());
        }
        let program = match body {
            // Its PTX is there without a compiler too.
            Body::Kernel if !nvrtc::found() => self.rung.program(d)?,
            Body::Kernel | Body::Changed(_) => compiled_once(&unit.text, &rung::definitions(d)?)?,
            Body::Section { .. } => Program::compile(NAME, &unit.text, &rung::definitions(d)?)?,
        };
        Ok(programs.entry(key).or_insert(Arc::new(program)).clone())
    }
}

/// Compiles what is known beforehand, or reads what came of it when that was done before. All known mistakes of an exercise
/// are asked for whenever an answer is wrong, and NVRTC takes a fifth of a second for each.
fn compiled_once(text: &str, definitions: &[String]) -> Result<Program, Error> {
    let mut hasher = DefaultHasher::new();
    (text, definitions).hash(&mut hasher);
    let folder = nvrtc::folder().join("compiled");
    let path = folder.join(format!("{:016x}.ptx", hasher.finish()));
    if let Ok(ptx) = fs::read_to_string(&path)
        && let Ok(program) = Program::committed(text, &ptx, definitions)
    {
        return Ok(program);
    }
    let program = Program::compile(NAME, text, definitions)?;
    // Where nothing can be kept, it is compiled again. Others may be at the same file.
    let own = path.with_extension(process::id().to_string());
    let _ = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&own, program.ptx()))
        .and_then(|()| fs::rename(&own, &path));
    Ok(program)
}

/// What the probe writes for each key of a tile and each of its `float4`: NaN where it goes wrong.
fn probed(program: &Program, fours: usize) -> Array2<f32> {
    let (keys, mut device) = (32, Device::simulator());
    let mut run = || -> Result<Option<Array2<f32>>, Error> {
        let out = device.alloc_unwritten("out", keys * fours)?;
        let launch = Launch {
            kernel: "probe",
            grid: [1, 1, 1],
            block: [fours as u32, keys as u32, 1],
            arguments: vec![Argument::Buffer(out)],
        };
        let report = device.launch(program, &launch)?;
        let is_sound = report.is_some_and(|report| report.findings.is_empty());
        Ok(Array2::from_shape_vec((keys, fours), device.read(out)?).ok().filter(|_| is_sound))
    };
    let written = run().ok().flatten();
    written.unwrap_or_else(|| Array2::from_elem((keys, fours), f32::NAN))
}
