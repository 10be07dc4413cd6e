//! What is printed about a run.

use anyhow::Result;
use ch09_flash_cuda::{
    Device, Inputs, Outcome, Program, Rung,
    harness::Mine,
    precision::{Numbers, expected},
    program::Origin,
    ptxas,
    traffic::Traffic,
    unwritten,
};
use ndarray::{Array, Dimension};
use ptx_sim::{Counts, Report};
use std::fmt::Write;

/// A run and what it was of.
pub struct Run<'a> {
    pub name: &'a str,
    /// `None` for a kernel of the reader's own.
    pub rung: Option<Rung>,
    pub program: &'a Program,
    /// With the learner's functions in it.
    pub mine: Option<&'a Mine>,
    pub inputs: &'a Inputs,
    pub device: &'a Device,
    pub outcome: &'a Outcome,
}

/// The report; and whether the result is right, nothing was found and every block ran to its end.
pub fn report(run: &Run) -> Result<(String, bool)> {
    let mut text = String::new();
    let sizes = run.inputs.sizes()?;
    writeln!(
        text,
        "{}   {}, {}, n = {}, m = {}, d = {}, {}",
        run.name,
        counted(sizes.heads as u64, "query head"),
        counted(sizes.kv_heads as u64, "key/value head"),
        sizes.n,
        sizes.m,
        sizes.d,
        if run.inputs.causal { "causal" } else { "no mask" }
    )?;
    let origin = match run.outcome.origin {
        Origin::Nvrtc => "compiled by NVRTC just now",
        Origin::Committed => "committed beside the kernel, since NVRTC is not installed",
    };
    writeln!(text, "  PTX       {origin}\n  ran       {}", run.device.words())?;
    for warning in warnings(run.program) {
        writeln!(text, "  warning   {warning}")?;
    }
    let numbers = run.rung.map_or(Numbers::F32, Rung::numbers);
    let wrong = wrong(numbers, run.inputs, run.outcome)?;
    match &wrong {
        Ok(worst) => writeln!(text, "  result    right; the largest error is {worst:.0e}")?,
        Err(what) => writeln!(text, "  result    WRONG: {}", what.join("\n            "))?,
    }
    findings(&mut text, run)?;
    let stated = run.rung.map(|rung| Traffic::of(rung, sizes, run.inputs.causal));
    for (at, report) in run.outcome.reports.iter().enumerate() {
        counts(&mut text, report, stated.as_ref().map(|stated| stated[at]))?;
        lines(&mut text, report, run)?;
        if report.completed {
            bounds(&mut text, report)?;
        }
    }
    registers(&mut text, run.program)?;
    let completed = run.outcome.reports.iter().all(|report| report.completed);
    let well = wrong.is_ok() && run.outcome.findings().is_empty() && completed;
    Ok((text, well))
}

/// The compiler's warnings of a kernel of the reader's own, without the lines that they quote.
fn warnings(program: &Program) -> impl Iterator<Item = &str> {
    program.warnings().lines().filter(|line| line.contains("): warning "))
}

/// The largest error of both outputs; or what is wrong with each. Inputs of bf16 count as the kernel sees them.
fn wrong(numbers: Numbers, inputs: &Inputs, outcome: &Outcome) -> Result<Result<f64, Vec<String>>> {
    let exact = expected(numbers, &numbers.rounded(inputs))?;
    let judged = [
        compared("out", &outcome.out, &exact.out, &exact.out_allowed),
        compared("lse", &outcome.lse, &exact.lse, &exact.lse_allowed),
    ];
    let wrong: Vec<String> = judged.iter().filter_map(|one| one.clone().err()).collect();
    Ok(match wrong.is_empty() {
        true => Ok(judged.into_iter().flatten().fold(0.0, f64::max)),
        false => Err(wrong),
    })
}

/// The largest error of an output; or what is wrong with it.
fn compared<D: Dimension>(
    name: &str,
    got: &Array<f32, D>,
    exact: &Array<f64, D>,
    allowed: &Array<f64, D>,
) -> Result<f64, String> {
    let mut worst = 0.0_f64;
    let mut wrong = None;
    let mut wrongs = 0;
    let entries = got.view().into_dyn();
    for ((at, value), (want, allowed)) in entries.indexed_iter().zip(exact.iter().zip(allowed)) {
        let value = f64::from(*value);
        let error = if value == *want { 0.0 } else { (value - want).abs() };
        worst = worst.max(error);
        let right = error <= *allowed;
        if !right {
            wrongs += 1;
            let at = format!("{:?}", at.as_array_view().to_vec()).replace(' ', "");
            wrong.get_or_insert(format!(
                "{name}{at} is {value:.6}, should be {want:.6} (allowed error {allowed:.0e})"
            ));
        }
    }
    let of = got.len();
    match (unwritten(got), wrong) {
        (Some(at), _) => {
            Err(format!("{name}{at} was never written; {wrongs} of {of} entries are wrong"))
        }
        (None, Some(wrong)) => Err(format!("{wrong}; {wrongs} of {of} entries are wrong")),
        (None, None) => Ok(worst),
    }
}

fn findings(text: &mut String, run: &Run) -> Result<()> {
    let outcome = run.outcome;
    let found = outcome.findings();
    if outcome.reports.is_empty() {
        return Ok(writeln!(
            text,
            "  findings  a GPU reports none, and no counts: the simulator does"
        )?);
    }
    if found.is_empty() {
        return Ok(writeln!(text, "  findings  none")?);
    }
    writeln!(text, "  findings")?;
    for finding in found.iter().take(20) {
        match run.mine {
            Some(mine) => writeln!(text, "    {}", mine.in_words(finding))?,
            None => writeln!(text, "    {finding}")?,
        }
    }
    if found.len() > 20 {
        writeln!(text, "    … and {} more", found.len() - 20)?;
    }
    Ok(())
}

fn counts(text: &mut String, report: &Report, stated: Option<Traffic>) -> Result<()> {
    let Counts { instructions, flops, tensor_flops, read_bytes, written_bytes, barriers, .. } =
        report.total;
    writeln!(
        text,
        "\n{}: {}, {} of warps, {} FLOP, {}",
        report.kernel,
        counted(report.blocks, "block"),
        counted(instructions, "instruction"),
        grouped(flops),
        counted(barriers, "barrier")
    )?;
    if tensor_flops > 0 {
        writeln!(text, "  tensor cores    {} FLOP besides", grouped(tensor_flops))?;
    }
    if !report.completed {
        writeln!(
            text,
            "  cut off         a block had to stop, and those after it were not started"
        )?;
    }
    let closed = match stated {
        Some(stated) if stated == Traffic::counted(report) => ", as the closed form says",
        Some(_) => ", which the closed form does not say",
        None => "",
    };
    writeln!(
        text,
        "  global memory   {} bytes read, {} written{closed}",
        grouped(read_bytes),
        grouped(written_bytes)
    )?;
    writeln!(
        text,
        "                  {} sectors, {:.2}× the fewest",
        grouped(report.total.sectors),
        report.uncoalesced()
    )?;
    writeln!(
        text,
        "  shared memory   {} wavefronts, {:.2}× the fewest",
        grouped(report.total.wavefronts),
        report.bank_conflicts()
    )?;
    Ok(())
}

/// The lines that move something, with what they move.
fn lines(text: &mut String, report: &Report, run: &Run) -> Result<()> {
    writeln!(text, "\n  line      read   written  sectors     (×)  wavefronts   (×)")?;
    let source: Vec<&str> = run.program.source().lines().collect();
    let ratio = |actual: u64, ideal: u64| match ideal {
        0 => String::new(),
        _ => format!("{:.2}", actual as f64 / ideal as f64),
    };
    for (line, counts) in &report.lines {
        if counts.sectors + counts.wavefronts == 0 {
            continue;
        }
        let line = line.unwrap_or(0);
        // Of a learner's rung, the lines of the learner's file have a number.
        let number = match run.mine {
            Some(mine) => mine.own_line(line).map(|line| line.to_string()).unwrap_or_default(),
            None => line.to_string(),
        };
        let code = source.get((line as usize).wrapping_sub(1)).map_or("", |code| code.trim());
        writeln!(
            text,
            "  {number:>4} {:>9} {:>9} {:>8} {:>7} {:>11} {:>5}   {}",
            grouped(counts.read_bytes),
            grouped(counts.written_bytes),
            grouped(counts.sectors),
            ratio(counts.sectors, counts.ideal_sectors),
            grouped(counts.wavefronts),
            ratio(counts.wavefronts, counts.ideal_wavefronts),
            code.chars().take(70).collect::<String>()
        )?;
    }
    Ok(())
}

fn bounds(text: &mut String, report: &Report) -> Result<()> {
    writeln!(
        text,
        "\n  At least this long, by a model of five resources at their peak; no measured speed:"
    )?;
    for device in ptx_sim::Device::KNOWN {
        // What its instructions are called there is more than this GPU knows.
        if report.total.tensor_flops > 0 && device.architecture < 80 {
            continue;
        }
        let (seconds, resource) = device.bound(report).limit();
        writeln!(text, "    {:<12} {:>8.2} µs, for {resource}", device.name, seconds * 1e6)?;
    }
    Ok(())
}

fn registers(text: &mut String, program: &Program) -> Result<()> {
    let Some(tool) = ptxas::find() else {
        return Ok(writeln!(
            text,
            "\nptxas, which would tell the registers, is not installed: see cargo attn doctor"
        )?);
    };
    writeln!(text)?;
    for kernel in ptxas::resources_of(&tool, program.ptx())? {
        writeln!(
            text,
            "{} on an A100, says ptxas: {} registers a thread, {} bytes of shared memory a block, {} bytes spilled",
            kernel.name, kernel.registers, kernel.shared, kernel.spills
        )?;
    }
    Ok(())
}

/// “1 block”, “65,536 blocks”.
fn counted(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(n))
}

/// 65,536.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or(""))
        .collect();
    groups.join(",")
}
