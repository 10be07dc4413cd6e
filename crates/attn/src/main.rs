//! `cargo attn`: the course command.

use attn::{Course, Target, commands};
use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// Learn attention by building it. Without a command: where you are, and what comes next.
#[derive(Parser)]
#[command(name = "cargo attn", bin_name = "cargo attn", version)]
struct Arguments {
    /// Print JSON: the standing, `check`, `dev verify`, and errors
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The course: the book on localhost, with a check on every save
    Start {
        /// The first port to try
        #[arg(long, default_value_t = 3939)]
        port: u16,
        /// Do not open a browser
        #[arg(long)]
        no_open: bool,
    },
    /// Check your answers: all, a chapter's (3) or one (3.2)
    Check {
        target: Option<Target>,
        /// Check the reference instead
        #[arg(long)]
        solution: bool,
        /// Make other cases
        #[arg(long, default_value_t = attn::check::SEED)]
        seed: u64,
    },
    /// Check again on every save, until Ctrl-C
    Watch { target: Option<Target> },
    /// One case: inputs, steps, your output and the expected one
    Try {
        exercise: String,
        /// Which case
        #[arg(long, default_value_t = 1)]
        case: usize,
        /// Run the reference instead
        #[arg(long)]
        solution: bool,
        /// Of other cases
        #[arg(long, default_value_t = attn::check::SEED)]
        seed: u64,
    },
    /// The next hint
    Hint { exercise: String },
    /// The reference, once you have solved it
    Solution {
        exercise: String,
        /// Even if it is not solved
        #[arg(long)]
        reveal: bool,
    },
    /// Back to the starter, with a backup: a chapter (3) or one exercise (3.2)
    Reset { target: Target },
    /// Take over what changed in a chapter's starter, with a backup
    Update { chapter: u32 },
    /// A chapter's demonstration on real input, with --mine on your functions; `run 3 --help` says what it takes
    #[command(disable_help_flag = true)]
    Run {
        chapter: u32,
        /// Passed on to it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// A real language model answers, with --mine by your functions of chapters 3 to 6; `chat --help` says what it takes
    #[command(disable_help_flag = true)]
    Chat {
        /// Passed on to it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The engine of chapter 10 behind HTTP, as the usual clients speak it; `serve --help` says what it takes
    #[command(disable_help_flag = true)]
    Serve {
        /// Passed on to it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Your gradients of a chapter against differences of your functions
    Gradcheck {
        target: Target,
        /// Of other inputs
        #[arg(long, default_value_t = attn::check::SEED)]
        seed: u64,
    },
    /// A chapter's measurements, with a chart; `bench 8 --help` says what it takes
    #[command(disable_help_flag = true)]
    Bench {
        chapter: u32,
        /// Passed on to it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The book alone
    #[command(subcommand)]
    Book(Book),
    /// What is installed, what is missing, and what that costs
    Doctor,
    /// For teachers: a chapter as an assignment; `classroom --help` says what it takes
    #[command(disable_help_flag = true)]
    Classroom {
        /// Passed on to it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// For teachers: grade what was handed in; `grade --help` says what it takes
    #[command(disable_help_flag = true)]
    Grade {
        /// Passed on to it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// For those who write the course
    #[command(subcommand)]
    Dev(Dev),
}

#[derive(Subcommand)]
enum Book {
    /// Build it into book/book; it can be read from disk
    Build,
    /// Serve it on localhost, and build it again on every change
    Serve {
        /// The first port to try
        #[arg(long, default_value_t = 3939)]
        port: u16,
    },
    /// Fail, naming file and line, on whatever is wrong with it
    Test,
    /// Write the computed tables anew into the pages
    Tables,
}

#[derive(Subcommand)]
enum Dev {
    /// Generate every starter from its reference
    Starters {
        /// Only say which are out of date
        #[arg(long)]
        check: bool,
    },
    /// Prove every check: starters unsolved, references and right styles accepted, every regime
    /// covered, known mistakes and guarded mutants rejected
    Verify {
        /// Those of a chapter (3) or one (3.2); all, otherwise
        target: Option<Target>,
        /// With the cases of how many seeds
        #[arg(long, default_value_t = attn_exercise::SEEDS)]
        seeds: u64,
    },
    /// Lay the files of a new exercise or chapter, which compile as they are
    #[command(subcommand)]
    New(New),
    /// Pack what checks and times chapter 9's kernels on a machine with a GPU
    Gpu {
        /// The folder to make
        folder: PathBuf,
    },
    /// Compile the figures that readers play with, for the book's pages
    Play {
        /// Only compare those in the pages with their sources
        #[arg(long)]
        check: bool,
    },
    /// Compute the oracle files again, where PyTorch is installed
    Oracles {
        /// The Python to run
        #[arg(long, default_value = "python3")]
        python: String,
    },
}

#[derive(Subcommand)]
enum New {
    /// An exercise at the end of a chapter
    Exercise {
        /// The chapter's number
        chapter: u32,
        /// The function that is written: `softmax_rows`
        item: String,
    },
    /// A chapter with one exercise, joined to the workspace and the book
    Chapter {
        /// Its folder: `05-kv-cache`
        folder: String,
        /// Its title
        title: String,
    },
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(message) => {
            if message.print().is_err() {
                attn::complain(format_args!("error: it cannot be printed"));
                return ExitCode::from(2);
            }
            return u8::try_from(message.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let json = arguments.json;
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            if json {
                let said = format!("{error:#}");
                let said = anstream::adapter::strip_str(&said).to_string();
                attn::print_line(format_args!("{}", serde_json::json!({ "error": said })));
            }
            attn::complain(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Refuses what is not in the workspace that students get for an assignment.
fn expect_it_here(course: &Course, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Run { chapter, .. } => {
            course.chapter(*chapter)?.expect_reference("the demonstration")
        }
        Command::Gradcheck { target: Target::Chapter(chapter), .. } => {
            course.chapter(*chapter)?.expect_reference("the check of gradients")
        }
        Command::Check { solution: true, .. } | Command::Try { solution: true, .. } => {
            course.expect_whole("the reference")
        }
        Command::Start { .. } => course.expect_whole("the book's program"),
        Command::Book(_) => course.expect_whole("the book's program"),
        Command::Serve { .. } => course.expect_whole("the server"),
        Command::Chat { .. } => course.expect_whole("the real language model"),
        Command::Bench { .. } => course.expect_whole("the benchmarks' program"),
        Command::Classroom { .. } | Command::Grade { .. } => {
            course.expect_whole("what teachers need")
        }
        Command::Dev(_) => course.expect_whole("what authors need"),
        _ => Ok(()),
    }
}

/// Whether all is well; that is what the exit status tells.
fn run(Arguments { json, command }: Arguments) -> anyhow::Result<bool> {
    let course = Course::find()?;
    if let Some(command) = &command {
        expect_it_here(&course, command)?;
    }
    let all = |target: Option<Target>| target.unwrap_or(Target::All);
    match command {
        None => commands::status(&course, json),
        Some(Command::Check { target, solution, seed }) => {
            commands::check(&course, &all(target), solution, seed, json)
        }
        Some(Command::Watch { target }) => commands::watch(&course, &all(target)),
        Some(Command::Try { exercise, case, solution, seed }) => {
            commands::try_case(&course, &exercise, case, solution, seed)
        }
        Some(Command::Hint { exercise }) => commands::hint(&course, &exercise),
        Some(Command::Solution { exercise, reveal }) => {
            commands::solution(&course, &exercise, reveal)
        }
        Some(Command::Reset { target }) => commands::reset(&course, &target),
        Some(Command::Update { chapter }) => commands::update(&course, chapter),
        Some(Command::Run { chapter, arguments }) => commands::run(&course, chapter, &arguments),
        Some(Command::Chat { arguments }) => commands::chat(&course, &arguments),
        Some(Command::Serve { arguments }) => commands::serve(&course, &arguments),
        Some(Command::Gradcheck { target, seed }) => commands::gradcheck(&course, &target, seed),
        Some(Command::Bench { chapter, arguments }) => {
            commands::bench(&course, chapter, &arguments)
        }
        Some(Command::Classroom { arguments }) => commands::classroom(&course, &arguments),
        Some(Command::Grade { arguments }) => {
            let arguments = [vec!["grade".to_string()], arguments].concat();
            commands::classroom(&course, &arguments)
        }
        Some(Command::Start { port, no_open }) => {
            let port = port.to_string();
            let mut arguments = vec!["start", "--port", &port];
            arguments.extend(no_open.then_some("--no-open"));
            commands::book(&course, &arguments)
        }
        Some(Command::Book(Book::Build)) => commands::book(&course, &["build"]),
        Some(Command::Book(Book::Serve { port })) => {
            commands::book(&course, &["serve", "--port", &port.to_string()])
        }
        Some(Command::Book(Book::Test)) => commands::book(&course, &["test"]),
        Some(Command::Book(Book::Tables)) => commands::book(&course, &["tables"]),
        Some(Command::Doctor) => commands::doctor(&course),
        Some(Command::Dev(Dev::Starters { check })) => commands::starters(&course, check),
        Some(Command::Dev(Dev::Verify { target, seeds })) => {
            commands::verify(&course, &all(target), seeds, json)
        }
        Some(Command::Dev(Dev::New(New::Exercise { chapter, item }))) => {
            commands::new_exercise(&course, chapter, &item)
        }
        Some(Command::Dev(Dev::New(New::Chapter { folder, title }))) => {
            commands::new_chapter(&course, &folder, &title)
        }
        Some(Command::Dev(Dev::Play { check })) => {
            let check = check.then_some("--check");
            let arguments: Vec<&str> = ["play"].into_iter().chain(check).collect();
            commands::book(&course, &arguments)
        }
        Some(Command::Dev(Dev::Oracles { python })) => commands::oracles(&course, &python),
        Some(Command::Dev(Dev::Gpu { folder })) => commands::gpu(&course, &folder),
    }
}
