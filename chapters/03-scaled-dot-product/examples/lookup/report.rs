//! What is printed: at most 80 columns.

use super::{
    Args,
    kernel::{Kernel, chosen_scale, effective_rows, largest_weight, mean, nearest, rmse},
    learn::learn,
    rows::{drawing, one_row},
    split::Split,
    table::Table,
};
use anyhow::{Result, ensure};
use std::fmt::Write;

/// Each four times the last: the kernel's width halves.
const SCALES: [f32; 9] = [1.0 / 64.0, 1.0 / 16.0, 0.25, 1.0, 4.0, 16.0, 64.0, 256.0, 1024.0];

/// Where learning begins: all rows count nearly alike.
const FIRST_SCALE: f32 = 0.1;

/// The whole demonstration.
pub fn report(table: &Table, args: &Args) -> Result<String> {
    let target = match &args.target {
        Some(name) => table.column(name)?,
        None => table.columns.len() - 1,
    };
    let split = Split::new(table, target, args.hold_out, args.seed)?;
    let n = split.held_out.len();
    ensure!(
        (1..=n).contains(&args.row),
        "--row {}: the held-out rows are numbered 1 to {n}",
        args.row
    );
    if let Some(steps) = args.learn {
        let scale = args.scale.unwrap_or(FIRST_SCALE);
        let learned = learn(table, target, &split, scale, steps);
        return Ok([about(table, target, &split, args), learned].join("\n"));
    }
    let scale = args.scale.unwrap_or_else(|| chosen_scale(&split, &SCALES));
    let kernel = Kernel::new(&split, scale);
    let weights = kernel.weights();
    let parts = [
        about(table, target, &split, args),
        errors(&table.columns[target], &split, &kernel, scale),
        scales(&split),
        one_row(table, target, &split, &weights, args.row - 1),
        drawing(&split, &weights, args.row - 1),
    ];
    Ok(parts.join("\n"))
}

fn about(table: &Table, target: usize, split: &Split, args: &Args) -> String {
    let source = match args.data {
        Some(_) => "",
        None => "Penguins of the Palmer Archipelago (Horst, Hill & Gorman 2020, CC0)\n",
    };
    format!(
        "{source}{}: {} rows, {} columns\n\
         Predicts {} from the rest: {} rows held out (seed {}),\n\
         looked up in the {} that remain. Measurements count by their distance, each\n\
         column scaled to mean 0 and variance 1 over those.\n",
        table.file,
        table.rows.nrows(),
        table.columns.len(),
        table.columns[target],
        split.held_out.len(),
        args.seed,
        split.train.len(),
    )
}

fn errors(target: &str, split: &Split, kernel: &Kernel, scale: f32) -> String {
    let lines = [
        ("the mean of all".to_string(), mean(split)),
        ("the nearest row".to_string(), nearest(split)),
        (format!("attention, scale {scale}"), kernel.predict(split)),
    ];
    let unit = unit(target);
    let mut text = "Root mean squared error over the held-out rows\n".to_string();
    for (name, predicted) in lines {
        let error = short(rmse(split, &predicted));
        text += format!("  {name:<24}{error:>9} {unit}").trim_end();
        text.push('\n');
    }
    text
}

/// The unit that a column's name ends in, as in `body_mass_g`.
pub fn unit(column: &str) -> &str {
    const UNITS: [&str; 18] = [
        "mm", "cm", "m", "km", "g", "kg", "t", "ms", "s", "min", "h", "l", "ml", "k", "c", "w",
        "usd", "eur",
    ];
    match column.rsplit_once('_') {
        Some((_, end)) if UNITS.contains(&end.to_lowercase().as_str()) => end,
        _ => "",
    }
}

fn scales(split: &Split) -> String {
    let mut text = "   scale      error  largest weight  rows that share the weight\n".to_string();
    for scale in SCALES {
        let kernel = Kernel::new(split, scale);
        let weights = kernel.weights();
        let name = match scale {
            s if s < 1.0 => format!("1/{}", 1.0 / s),
            s => s.to_string(),
        };
        let _ = writeln!(
            text,
            "{name:>8}  {:>9}  {:>14.3}  {:>10.1} of {}",
            short(rmse(split, &kernel.predict(split))),
            largest_weight(&weights),
            effective_rows(&weights),
            split.train.len()
        );
    }
    text + "A small scale makes all rows alike: the mean. A large one leaves a single row:\n\
            the nearest neighbour. Without --scale the one is taken with which the known\n\
            rows predict each other best; the held-out rows have no say in it.\n"
}

/// Four significant digits or the whole number, whichever is longer; in scientific notation if it
/// is very long.
pub fn short(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e8).contains(&size) => format!("{x:.2e}"),
        size => {
            let digits = (3 - size.log10().floor() as i32).max(0) as usize;
            let text = format!("{x:.digits$}");
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').into(),
                false => text,
            }
        }
    }
}
