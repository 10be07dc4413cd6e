//! What is printed: at most 80 columns.

use super::{Args, functions::FUNCTIONS};
use anyhow::{Context, Result};
use ch10_paged::{
    beside::{Difference, compare},
    comparison::{BUDGET, PLACES, Policy, Report, TRACE, serve as serve_trace},
    engine::{Decoder, Engine, Lm},
    functions::{Functions, REFERENCE},
    saving::{Kind, LENGTHS, SIZE, WIDTHS, prompts, saved},
    trace::trace,
};
use std::{io::Write, thread, time::Duration};

/// The whole demonstration.
pub fn serve(args: &Args, lm: Lm, live: bool, to: &mut impl Write) -> Result<()> {
    if cfg!(overlay) {
        let (differences, calls) = compare(FUNCTIONS);
        say(&differences, calls, to)?;
    }
    let (_, every, seed) = TRACE;
    let arrivals = trace(args.requests, every, seed);
    let prompts: usize = arrivals.iter().map(|arrival| arrival.prompt.len()).sum();
    let outputs: usize = arrivals.iter().map(|arrival| arrival.output).sum();
    writeln!(
        to,
        "{} requests arrive, one every {every} steps on average; {prompts} characters of\n\
         prompts, {outputs} to be written. The memory has room for {PLACES} tokens, a step\n\
         computes up to {BUDGET}.",
        args.requests
    )?;
    writeln!(to, "\nThe pool in blocks of {}: one letter per block, by who holds it", args.size)?;
    let mut printed = Ok(());
    let paged = serve_trace(
        lm.clone(),
        &arrivals,
        (Policy::Paged(args.size), PLACES, BUDGET),
        FUNCTIONS,
        |step, engine| {
            if printed.is_ok() {
                printed = show(step, engine, live, to);
            }
        },
    );
    printed?;
    if live {
        writeln!(to)?;
    }
    let paged = paged.context("the engine stopped")?;
    let mut reports = Vec::new();
    for policy in [Policy::Maximum, Policy::PowerOfTwo, Policy::Oracle] {
        // What these do is not asked for in an exercise, but for the counting.
        let by = Functions { waste: FUNCTIONS.waste, ..REFERENCE };
        let report = serve_trace(lm.clone(), &arrivals, (policy, PLACES, BUDGET), by, |_, _| ())?;
        reports.push(report);
    }
    reports.push(paged);
    tables(&reports, to)?;
    sharing(&lm, args.requests, to)?;
    conclude(&reports, to)
}

/// Which of somebody's functions are wrong, and how it shows first.
pub fn say(differences: &[Difference], calls: usize, to: &mut impl Write) -> Result<()> {
    writeln!(to, "Beside the reference's, in small pools: {calls} calls were compared.")?;
    if differences.is_empty() {
        writeln!(to, "All of them gave the same answers.")?;
    }
    for Difference { id, item, asked, what, got, wanted } in differences {
        writeln!(to, "✗ {item} ({id}) gives another answer, the first time here:")?;
        for (name, said) in [("asked", asked.as_str()), (what, got), ("should be", wanted)] {
            for line in wrapped(&format!("{name}: {said}")) {
                writeln!(to, "  {line}")?;
            }
        }
    }
    writeln!(to)?;
    Ok(())
}

/// Lines of at most 76 characters, of which the first few are shown.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("one at least");
        if !line.is_empty() && line.chars().count() + word.chars().count() >= 76 {
            lines.push(word.chars().take(76).collect());
        } else {
            *line += if line.is_empty() { "" } else { " " };
            *line += word;
        }
    }
    if lines.len() > 4 {
        lines.truncate(4);
        lines.push("…".into());
    }
    lines
}

/// What the memory was used for, and what came of it.
fn tables(reports: &[Report], to: &mut impl Write) -> Result<()> {
    writeln!(to, "\nWhat the memory was used for while somebody waited")?;
    writeln!(to, "a text gets      tokens  reserved  internal      free")?;
    for report in reports {
        let shares =
            [report.waste.tokens, report.waste.reserved, report.waste.internal, report.waste.free];
        let [tokens, reserved, internal, free] = shares.map(|share| 100.0 * share);
        let name = report.policy.name();
        writeln!(
            to,
            "{name:<16} {tokens:>5.1}%    {reserved:>5.1}%    {internal:>5.1}%    {free:>5.1}%"
        )?;
    }
    writeln!(to, "\nWhat came of it")?;
    writeln!(to, "a text gets      texts at once   steps   first token after")?;
    for report in reports {
        let first = mean(report.first.iter().map(|&steps| steps as f64), report.first.len());
        let (name, running) = (report.policy.name(), report.running);
        writeln!(to, "{name:<16} {running:>13.1}  {:>6}   {first:>11.1} steps", report.steps)?;
    }
    Ok(())
}

/// What texts of one prompt save.
fn sharing(lm: &Lm, requests: usize, to: &mut impl Write) -> Result<()> {
    let (prompt, most) = LENGTHS;
    writeln!(
        to,
        "\nWhat sharing saves: texts of {most} characters behind a prompt of {prompt}, blocks of {SIZE}\n\
         texts of a prompt     samples     beam search"
    )?;
    let prompts = prompts(requests.div_ceil(32));
    for width in WIDTHS {
        let [samples, beams] = [Kind::Samples, Kind::Beams].map(|kind| {
            saved(lm, &prompts, (kind, width), FUNCTIONS).context("the engine stopped")
        });
        writeln!(to, "{width:>17}  {:>9.1}%  {:>13.1}%", 100.0 * samples?, 100.0 * beams?)?;
    }
    Ok(())
}

/// Whether all wrote the same, what the engine did for it, and how long it took.
fn conclude(reports: &[Report], to: &mut impl Write) -> Result<()> {
    let [alone, .., paged] = reports else { return Ok(()) };
    let metrics = paged.metrics;
    let times =
        |count: usize| if count == 1 { "1 time".to_string() } else { format!("{count} times") };
    writeln!(
        to,
        "\nIn blocks, a request had to give way {}, and {} evicted.",
        times(metrics.preempted),
        match metrics.evicted {
            1 => "1 kept block was".to_string(),
            count => format!("{count} kept blocks were"),
        }
    )?;
    match alone.texts.iter().find(|(id, text)| paged.texts.get(id) != Some(text)) {
        None => writeln!(to, "All four have written the same {} characters.", metrics.written)?,
        Some((id, _)) => writeln!(to, "The texts of request {id} differ.")?,
    }
    writeln!(to, "\nIn time, on this machine")?;
    writeln!(to, "a text gets      tokens/s   first token after")?;
    for report in reports {
        let first = mean(report.first_seconds.iter().copied(), report.first_seconds.len());
        let rate = report.metrics.written as f64 / report.seconds;
        writeln!(to, "{:<16} {rate:>8.0}   {:>14.0} ms", report.policy.name(), 1e3 * first)?;
    }
    Ok(())
}

fn mean(numbers: impl Iterator<Item = f64>, count: usize) -> f64 {
    numbers.sum::<f64>() / count.max(1) as f64
}

/// A line per sixteen steps; on a terminal a line that changes.
fn show<D: Decoder>(
    step: usize,
    engine: &Engine<D>,
    live: bool,
    to: &mut impl Write,
) -> Result<()> {
    if !live && step % 16 != 1 {
        return Ok(());
    }
    let total = engine.pool().blocks.total();
    let mut blocks = vec!['.'; total];
    for (id, table) in engine.tables() {
        for &block in &table.blocks {
            let letter = char::from(if id % 52 < 26 {
                b'a' + (id % 26) as u8
            } else {
                b'A' + (id % 26) as u8
            });
            blocks[block] = if blocks[block] == '.' { letter } else { '*' };
        }
    }
    let used = blocks.iter().filter(|&&block| block != '.').count();
    // 64 fit into a line; of a larger pool the first ones are shown.
    let shown: String = blocks.iter().take(64).collect();
    let line = format!("{step:>5}  {shown} {:>3}%", 100 * used / total);
    if live {
        write!(to, "\r{line}\x1b[K")?;
        to.flush()?;
        thread::sleep(Duration::from_millis(12));
    } else {
        writeln!(to, "{line}")?;
    }
    Ok(())
}
