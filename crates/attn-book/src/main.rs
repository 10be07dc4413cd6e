//! The book's program: builds, tests and serves it, and answers a plain `mdbook`.

use anyhow::{Context, Result, bail};
use attn_book::{
    Build, Live, Registry,
    play::Compared,
    server::{Course, NoCourse, Server, Site, watch},
};
use clap::{Parser, Subcommand};
use std::{
    convert::Infallible,
    env, fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Instant,
};

/// Builds, tests and serves the book. Without a command, answers mdBook's preprocessor protocol.
#[derive(Parser)]
struct Options {
    /// The folder of book.toml; found from the current folder upwards if not given.
    #[arg(long, global = true)]
    book: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Build the book into book/book.
    Build,
    /// Fail, naming file and line, on whatever is wrong with the book.
    Test,
    /// Serve the book on localhost with the course in it: exercises are checked on every save.
    Start {
        /// The first port to try.
        #[arg(long, default_value_t = 3939)]
        port: u16,
        /// Do not open a browser.
        #[arg(long)]
        no_open: bool,
    },
    /// Serve the book on localhost, without the course, and rebuild it on every change.
    Serve {
        /// The first port to try.
        #[arg(long, default_value_t = 3939)]
        port: u16,
    },
    /// Write the computed tables anew into the pages.
    Tables,
    /// Fail if a plain mdBook, which knows only book.toml, gives other pages than the built ones.
    #[command(hide = true)]
    Plain,
    /// Compile the figures that readers play with, for the pages.
    Play {
        /// Only compare those in the pages with their sources.
        #[arg(long)]
        check: bool,
    },
    /// Tell mdBook whether a renderer wants this preprocessor.
    #[command(hide = true)]
    Supports {
        /// mdBook's name for it.
        renderer: String,
    },
}

fn main() -> ExitCode {
    // Without the backtrace that `RUST_BACKTRACE` adds: the places that matter here are in the
    // book.
    run().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(io::stderr)
        .without_time()
        .with_target(false)
        .init();
    let book = || find(options.book.as_deref());
    match options.command {
        None if io::stdin().is_terminal() => {
            bail!("see attn-book --help; without a command, mdBook talks to it")
        }
        None => {
            attn_book::protocol(Registry::of_the_course(), io::stdin().lock(), io::stdout().lock())?
        }
        Some(Command::Supports { renderer }) if renderer == "html" => (),
        Some(Command::Supports { .. }) => return Ok(ExitCode::FAILURE),
        Some(Command::Build) => drop(build(&builder(book()?))?),
        Some(Command::Test) => test(&book()?)?,
        Some(Command::Start { port, no_open }) => match start(builder(book()?), port, !no_open)? {},
        Some(Command::Serve { port }) => match serve(builder(book()?), port)? {},
        Some(Command::Plain) => plain(&book()?)?,
        Some(Command::Play { check }) => play(&book()?, check)?,
        Some(Command::Tables) => tables(&book()?.join("src"))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The book's folder, absolute: given, or the nearest from here upwards.
fn find(given: Option<&Path>) -> Result<PathBuf> {
    let here = env::current_dir()?;
    let around = here.ancestors().flat_map(|folder| [folder.to_path_buf(), folder.join("book")]);
    let candidates: Vec<PathBuf> =
        given.map_or_else(|| around.collect(), |book| vec![here.join(book)]);
    let found = candidates.into_iter().find(|folder| folder.join("book.toml").is_file());
    found.context("there is no book.toml here, nor in a folder above")
}

fn builder(book: PathBuf) -> Build {
    Build { book, registry: Registry::of_the_course(), strict: true, progress: show }
}

fn build(build: &Build) -> Result<PathBuf> {
    let start = Instant::now();
    let folder = build.run()?;
    let took = start.elapsed().as_secs_f64();
    finish(&format!("the book is built, in {took:.1} s: {}", folder.join("index.html").display()));
    Ok(folder)
}

fn test(book: &Path) -> Result<()> {
    let start = Instant::now();
    show("checking the pages, their code, links, figures and numbers");
    let scratch = tempfile::tempdir()?;
    let report = attn_book::check(book, &Registry::of_the_course(), scratch.path())?;
    let took = start.elapsed().as_secs_f64();
    finish(&format!("{} pages, {} problems, in {took:.1} s", report.pages, report.problems.len()));
    report.verdict()
}

fn plain(book: &Path) -> Result<()> {
    let start = Instant::now();
    let scratch = tempfile::tempdir()?;
    let files = attn_book::compare_with_plain(book, scratch.path())?;
    let took = start.elapsed().as_secs_f64();
    finish(&format!("a plain mdBook gives the same {files} files, in {took:.1} s"));
    Ok(())
}

fn play(book: &Path, check: bool) -> Result<()> {
    show("compiling the figures that readers play with");
    let said = match check {
        false => {
            let (path, size) = attn_book::play::write(book)?;
            format!("{} is written, {} KB", path.display(), size.div_ceil(1000))
        }
        true => match attn_book::play::compare(book)? {
            Compared::Same => "the figures that readers play with are up to date".into(),
            Compared::Elsewhere(path) => format!(
                "another compiler made those in the pages, so their bytes were not compared; {} is new",
                path.display()
            ),
            Compared::Skipped(missing) => {
                format!("SKIPPED: the figures that readers play with were not compiled: {missing}")
            }
        },
    };
    finish(&said);
    Ok(())
}

fn start(builder: Build, port: u16, open: bool) -> Result<Infallible> {
    let root = builder.book.parent().context("the book is in no folder")?;
    let live = Arc::new(Live::new(attn::Course::load(root)?)?);
    let site = Arc::new(Site::new(build(&builder)?));
    let server = bind(&site, live.clone(), port)?;
    if open && opener::open_browser(server.url()).is_err() {
        finish("no browser was found; open that address in one");
    }
    thread::spawn(move || watch(&builder, &site, finish));
    thread::spawn(move || live.watch());
    server.run()
}

fn bind(site: &Arc<Site>, course: Arc<dyn Course>, port: u16) -> Result<Server> {
    let server = Server::bind(site.clone(), course, port)?;
    let url = server.url();
    if port != 0 && server.port() != port {
        finish(&format!("port {port} is taken, perhaps by another `cargo attn start`"));
    }
    finish(&format!("read it at {url} (Ctrl-C ends this)"));
    Ok(server)
}

fn serve(builder: Build, port: u16) -> Result<Infallible> {
    let site = Arc::new(Site::new(build(&builder)?));
    let server = bind(&site, Arc::new(NoCourse), port)?;
    thread::spawn(move || watch(&builder, &site, finish));
    server.run()
}

fn tables(src: &Path) -> Result<()> {
    let registry = Registry::of_the_course();
    for entry in fs::read_dir(src).with_context(|| src.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            tables(&path)?;
        } else if path.extension().is_some_and(|e| e == "md") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let new = attn_book::rewrite_tables(&text, &registry);
            if new != text {
                fs::write(&path, new).with_context(|| path.display().to_string())?;
                finish(&format!("{}: tables written anew", path.display()));
            }
        }
    }
    Ok(())
}

/// What is being done just now: one line that the next one replaces, or, into a file, one line
/// each.
fn show(text: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[2Kbook: {text}");
    } else {
        eprintln!("book: {text}");
    }
}

/// What was done.
fn finish(text: &str) {
    show(text);
    if io::stderr().is_terminal() {
        eprintln!();
    }
}
