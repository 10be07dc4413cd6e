//! A kernel at work: a rung of the chapter, or one of your own, on random inputs.
//!
//! `cargo attn run 9 --rung tiled --causal`, or `cargo attn run 9 --kernel mine.cu --entry mine --rows 16 --block 128`

mod report;

use anyhow::{Context, Result, bail, ensure};
use ch09_flash_cuda::{
    Device, Inputs, Own, Program, Rung, Sizes, attention_by, attention_by_own,
    harness::{self, Function, Whose},
    rung,
};
use clap::Parser;
use std::{fs, io::Write, path::PathBuf, process::ExitCode};

/// Runs a kernel on a GPU or in the simulator: the result, what is wrong, and what moved.
#[derive(Parser)]
#[command(bin_name = "cargo attn run 9")]
struct Args {
    /// A rung of the chapter: naive, tiled, warp, tensor, pipelined, split or gqa
    #[arg(long, value_name = "NAME", default_value = "warp")]
    rung: String,
    /// With your functions in the rung, right or wrong, in the simulator
    #[arg(long, conflicts_with = "kernel")]
    mine: bool,
    /// A CUDA file of your own, whose kernel has the parameters of examples/mine.cu; goes with --entry
    #[arg(long, value_name = "FILE", requires = "entry", conflicts_with = "rung")]
    kernel: Option<PathBuf>,
    /// The name of your kernel, which is `extern "C"`; goes with --kernel
    #[arg(long, value_name = "NAME", requires = "kernel")]
    entry: Option<String>,
    /// Queries of a block of yours: the grid is (⌈n/rows⌉, heads)
    #[arg(long, value_name = "N", default_value_t = 16, requires = "kernel", value_parser = size, allow_negative_numbers = true)]
    rows: usize,
    /// Threads of a block of yours: x, or x,y, or x,y,z
    #[arg(
        long,
        value_name = "N",
        default_value = "128",
        value_delimiter = ',',
        requires = "kernel"
    )]
    block: Vec<u32>,
    /// Query heads
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = size, allow_negative_numbers = true)]
    heads: usize,
    /// Key/value heads [default: as many]
    #[arg(long, value_name = "N", value_parser = size, allow_negative_numbers = true)]
    kv_heads: Option<usize>,
    /// Queries of a head [default: 128, and 1 for split]
    #[arg(short, value_name = "N", value_parser = size, allow_negative_numbers = true)]
    n: Option<usize>,
    /// Keys of a head
    #[arg(short, value_name = "N", default_value_t = 128, value_parser = size, allow_negative_numbers = true)]
    m: usize,
    /// Numbers of a query, a key and a value: 64 or 128; with NVRTC also 32
    #[arg(short, value_name = "N", default_value_t = 64, value_parser = size, allow_negative_numbers = true)]
    d: usize,
    /// Query i sees the keys up to m − n + i
    #[arg(long)]
    causal: bool,
}

/// A size, from the command line.
fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| (1..=1 << 16).contains(size));
    size.ok_or("every size has to be from 1 to 65536".into())
}

/// The report, and whether all is well.
fn run(args: &Args) -> Result<(String, bool)> {
    let chosen = Rung::named(&args.rung).with_context(|| {
        let names: Vec<&str> = Rung::ALL.iter().map(|rung| rung.name()).collect();
        format!("there is no rung {}; there are {}", args.rung, names.join(", "))
    })?;
    let decodes = chosen == Rung::Split && args.kernel.is_none();
    let sizes = Sizes {
        heads: args.heads,
        kv_heads: args.kv_heads.unwrap_or(args.heads),
        n: args.n.unwrap_or(if decodes { 1 } else { 128 }),
        m: args.m,
        d: args.d,
    };
    let product = |sizes: &[usize]| sizes.iter().product::<usize>();
    // The simulator takes some 50 ns an entry; this is about a quarter of an hour.
    ensure!(
        product(&[sizes.heads, sizes.n, sizes.m]) <= 1 << 28,
        "{} scores would take the simulator too long",
        product(&[sizes.heads, sizes.n, sizes.m])
    );
    let inputs = Inputs::random(1, sizes, args.causal);
    inputs.sizes()?;
    // A kernel that nobody has checked runs where nothing can happen.
    let mut device = if args.mine { Device::simulator() } else { Device::open() };
    let mut mine = None;
    let (name, program, outcome) = match (&args.kernel, &args.entry) {
        (Some(path), Some(entry)) => {
            let source = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut definitions = rung::definitions(args.d)?;
            if !source.contains("#define MINUS_INFINITY") {
                definitions.push(rung::MINUS_INFINITY.into());
            }
            let program = Program::compile(&name, &source, &definitions)?;
            let [x, y, z] = match args.block[..] {
                [x] => [x, 1, 1],
                [x, y] => [x, y, 1],
                [x, y, z] => [x, y, z],
                _ => bail!("--block takes one to three numbers"),
            };
            let own = Own { entry, rows: args.rows, block: [x, y, z] };
            let outcome = attention_by_own(&mut device, &own, &program, &inputs)?;
            (path.display().to_string(), Some(program), outcome)
        }
        _ if args.mine => {
            let answers = fs::read_to_string(ANSWERS)
                .with_context(|| format!("{ANSWERS} cannot be read; `cargo attn` lays it"))?;
            let mine = &*mine.insert(harness::mine(chosen, &answers, sizes.d)?);
            let outcome = attention_by(&mut device, chosen, &mine.program, &inputs, 0)?;
            (format!("your {}", chosen.name()), None, outcome)
        }
        _ => {
            let program = chosen.program(args.d)?;
            let outcome = attention_by(&mut device, chosen, &program, &inputs, 0)?;
            (format!("kernels/{}.cu", chosen.name()), Some(program), outcome)
        }
    };
    let own = args.kernel.is_some();
    let (text, well) = report::report(&report::Run {
        name: &name,
        rung: (!own).then_some(chosen),
        program: program
            .as_ref()
            .or(mine.as_ref().map(|mine| &mine.program))
            .context("a program")?,
        mine: mine.as_ref(),
        inputs: &inputs,
        device: &device,
        outcome: &outcome,
    })?;
    let whose = mine.map(|mine| said(&mine.functions)).unwrap_or_default();
    Ok((whose + &text, well))
}

/// The learner's file.
const ANSWERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/exercise.cu");

/// Whose each function is, a line for each.
fn said(functions: &[Function]) -> String {
    let lines = functions.iter().map(|Function { id, item, whose }| {
        let whose = match whose {
            Whose::Yours => "Yours",
            Whose::NotSolved => "The reference's (yours is not solved yet)",
            Whose::DoesNotCompile => "The reference's (yours does not compile)",
        };
        format!("{whose}: {item} ({id})\n")
    });
    lines.collect::<String>() + "\n"
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok((text, well)) => {
            // Whoever reads this may stop early, as `head` does.
            let _ = std::io::stdout().write_all(text.as_bytes());
            match well {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
