//! The classroom's program: `cargo attn classroom` and `cargo attn grade` start it.

use anyhow::{Context, Result, bail};
use attn::{Course, files, program};
use attn_classroom::{
    Moment,
    assignment::{Assignment, Times},
    attempt::Task,
    confine::{self, Place},
    grade::{Grader, Settings as Grading},
    hand_out::{What, hand_out},
    platform::{self, Settings, classroom50, gradescope},
    reports::{
        self,
        difference::Difference,
        overview::{Overview, html, text},
    },
    results::Results,
    similar::{Similar, Written, similar},
    submission::{Source, Submission, Wanted, collect},
    toolchain::{CONFINED, Confined},
};
use attn_exercise::{Limits, Request};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{
    collections::BTreeSet,
    env, fs, iter,
    num::NonZero,
    path::{Path, PathBuf},
    process::{self, ExitCode},
    thread,
};

/// Hands chapters out as assignments, and grades what comes back.
#[derive(Parser)]
#[command(name = "cargo attn classroom", bin_name = "cargo attn classroom")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a workspace for students, and the assignment file to grade by
    Export {
        /// The chapter; several at once, where none calls another
        #[arg(long, required_unless_present = "assignment", conflicts_with = "assignment")]
        chapter: Vec<u32>,
        /// The folder to make; the assignment file is written beside it
        #[arg(long)]
        out: PathBuf,
        /// When it is due, such as 2027-03-01T23:59:00+01:00
        #[arg(long, required_unless_present = "assignment")]
        due: Option<Moment>,
        /// Use this assignment file, and do not write one
        #[arg(long, conflicts_with = "due")]
        assignment: Option<PathBuf>,
        /// Leave the book out, which takes minutes to build
        #[arg(long)]
        without_book: bool,
    },
    /// Grade submissions: folders, archives, or a folder of many
    Grade(Grade),
    /// Join the results of parts of a class, and write all reports
    Merge {
        /// The parts' results.json
        #[arg(required = true)]
        results: Vec<PathBuf>,
        /// The folder for the reports
        #[arg(long)]
        out: PathBuf,
    },
    /// Say which submissions share more than the starter gives
    Similar {
        /// Each a student's folder, archive or file; or one folder of many
        #[arg(required = true)]
        submissions: Vec<PathBuf>,
        /// The assignment file
        #[arg(long)]
        assignment: PathBuf,
    },
    /// Say who changed, and why, between two gradings
    Compare {
        /// The earlier results.json
        before: PathBuf,
        /// The later one
        after: PathBuf,
    },
    /// Pack the grader for a learning platform
    Autograder {
        /// The platform
        #[arg(value_enum)]
        platform: Platform,
        /// The assignment file
        #[arg(long)]
        assignment: PathBuf,
        /// The archive or folder to make
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// Say what a submission is kept away from on this system
    Probe,
    /// Try to break out of a worker's place
    #[command(hide = true)]
    BreakOut {
        /// A folder of the probe's
        dir: PathBuf,
    },
    /// Compile in an autograder what all submissions need
    #[command(hide = true)]
    WarmUp {
        /// What was packed
        bundle: PathBuf,
    },
    /// Grade the submission in Gradescope's container
    #[command(hide = true)]
    OnGradescope {
        /// Gradescope's folder
        autograder: PathBuf,
    },
    /// Grade a student's checkout in Classroom 50's job
    #[command(hide = true)]
    OnClassroom50 {
        /// What was packed
        bundle: PathBuf,
        /// The student's repository
        checkout: PathBuf,
    },
    /// Compile and try one submission
    #[command(hide = true)]
    Attempt {
        /// What is to be tried
        task: PathBuf,
        /// The file for what comes of it
        found: PathBuf,
    },
    /// Become a worker, confined to its folder
    #[command(hide = true)]
    Worker {
        /// The check program with the answers
        program: PathBuf,
        /// What it is asked
        request: String,
    },
}

#[derive(Args)]
struct Grade {
    /// Each a student's folder, archive or file; or one folder of many
    #[arg(required = true)]
    submissions: Vec<PathBuf>,
    /// The assignment file
    #[arg(long)]
    assignment: PathBuf,
    /// The folder for the results and reports
    #[arg(long)]
    out: PathBuf,
    /// A table `student,submitted`
    #[arg(long)]
    submitted: Option<PathBuf>,
    /// A table `student,due` of extensions
    #[arg(long)]
    extensions: Option<PathBuf>,
    /// Grade only the K-th of N parts, as in 3/8
    #[arg(long)]
    shard: Option<Shard>,
    /// Where submissions are compiled; machines that share the course's folder need one each
    #[arg(long)]
    work: Option<PathBuf>,
    /// How many submissions at a time; as many as there are cores, otherwise
    #[arg(long)]
    at_once: Option<usize>,
    #[command(flatten)]
    settings: Settings,
}

/// Where submissions are graded one by one, as they are handed in.
#[derive(Clone, Copy, ValueEnum)]
enum Platform {
    /// An archive to upload as the autograder
    Gradescope,
    /// A folder for the classroom's repository
    Classroom50,
}

/// A part of a class.
#[derive(Clone, Copy)]
struct Shard {
    part: usize,
    of: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once('/')
            .and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((part, of)) if (1..=of).contains(&part) => Ok(Shard { part, of }),
            _ => Err(format!("“{text}” is no part; write 3/8 for the third of eight")),
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::from(2)
        }
    }
}

/// An error with its causes, each of which is said once.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told {
        told if told.is_empty() => cause,
        told if told.contains(&cause) => told,
        told => format!("{told}: {cause}"),
    })
}

fn run() -> Result<()> {
    // Under the name cargo it becomes cargo, confined.
    if let Some(confined) = env::var_os(CONFINED)
        && env::args_os()
            .next()
            .is_some_and(|name| Path::new(&name).file_stem() == Some("cargo".as_ref()))
    {
        let confined: Confined = serde_json::from_str(&confined.to_string_lossy())?;
        return confined.become_cargo();
    }
    match Arguments::parse().command {
        Command::Export { chapter, out, due, assignment, without_book } => {
            let course = Course::find()?;
            let what = match (assignment, due) {
                (Some(file), _) => What::Assignment(Assignment::read(&file)?),
                (None, Some(due)) => What::Chapters { numbers: chapter, due },
                (None, None) => bail!("it has to be due some time: --due"),
            };
            let made = hand_out(&course, what, &out, !without_book)?;
            for (id, why) in &made.left_out {
                println!("{id} is not in it: {why}.");
            }
            println!("{} exercises are in {}.", made.exercises, out.display());
            if let Some(file) = made.assignment {
                println!("What they are worth, and when it is due: {}.", file.display());
                println!(
                    "To grade: cargo attn grade FOLDER --assignment {} --out RESULTS",
                    file.display()
                );
            }
        }
        Command::Grade(grade) => grade.run()?,
        Command::Merge { results, out } => {
            let parts = results.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
            write_reports(&Results::merge(parts)?, &out)?;
        }
        Command::Similar { submissions, assignment } => {
            let assignment = Assignment::read(&assignment)?;
            let class = collected(&submissions, &assignment, &Times::default())?;
            print!("{}", alike(&Course::find()?, &assignment, &class)?.text());
        }
        Command::Compare { before, after } => {
            let difference = Difference::between(&read(&before)?, &read(&after)?)?;
            print!("{}", difference.text());
        }
        Command::Probe => {
            let holds = confine::probe()?;
            let word = |holds: bool| if holds { "kept away" } else { "NOT kept away" };
            println!("the grader's files  {}", word(holds.files));
            println!("the network         {}", word(holds.network));
            println!("other processes     {}", word(holds.processes));
        }
        Command::BreakOut { dir } => {
            println!("{}", serde_json::to_string(&confine::break_out(&dir)?)?);
        }
        Command::Autograder { platform, assignment, out, settings } => {
            let course = Course::find()?;
            match platform {
                Platform::Gradescope => {
                    gradescope::archive(&course, &assignment, settings, &out)?;
                    println!("{} is Gradescope's autograder: upload it.", out.display());
                }
                Platform::Classroom50 => {
                    classroom50::folder(&course, &assignment, settings, &out)?;
                    println!(
                        "{} is an autograder: copy it to CLASSROOM/autograders/ASSIGNMENT.",
                        out.display()
                    );
                }
            }
        }
        Command::WarmUp { bundle } => platform::warm_up(&bundle)?,
        Command::OnGradescope { autograder } => gradescope::run(&autograder)?,
        Command::OnClassroom50 { bundle, checkout } => classroom50::run(&bundle, &checkout)?,
        Command::Attempt { task, found } => {
            let task: Task = serde_json::from_str(&fs::read_to_string(&task)?)?;
            fs::write(&found, serde_json::to_string(&task.attempt()?)?)?;
        }
        Command::Worker { program, request } => become_worker(&program, &request)?,
    }
    Ok(())
}

impl Grade {
    fn run(self) -> Result<()> {
        let course = Course::find()?;
        course.expect_whole("the grader")?;
        let assignment = Assignment::read(&self.assignment)?;
        let times = |file: &Option<PathBuf>, column: &str| -> Result<Times> {
            Ok(file.as_ref().map(|file| Times::read(file, column)).transpose()?.unwrap_or_default())
        };
        let submitted = times(&self.submitted, "submitted")?;
        let extensions = times(&self.extensions, "due")?;
        let mut submissions = collected(&self.submissions, &assignment, &submitted)?;
        if self.submitted.is_some() {
            for student in submissions.iter().filter(|it| it.submitted.is_none()) {
                eprintln!("--submitted has no time for {}; it counts as in time", student.name);
            }
        }
        for (table, times) in [("submitted", &submitted), ("extensions", &extensions)] {
            for stranger in times.strangers(submissions.iter().map(|it| it.name.as_str())) {
                eprintln!("--{table} names {stranger}, who handed nothing in");
            }
        }
        if let Some(Shard { part, of }) = self.shard {
            let mut at = 0..;
            submissions.retain(|_| at.next().is_some_and(|i: usize| i % of == part - 1));
        }
        self.settings.confinement.expect()?;
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let settings = Grading {
            seed: self.settings.seed,
            at_once: self.at_once.unwrap_or(cores).min(submissions.len().max(1)),
            limits: Limits { seconds: self.settings.seconds, ..Limits::default() },
            work: self.work,
        };
        let grader = Grader::new(&course, &assignment, settings)?;
        let results = grader.grade(&submissions, &extensions)?;
        match self.shard {
            None => {
                let alike = alike(&course, &assignment, &submissions)?;
                files::write(&self.out.join("similar.txt"), alike.text())?;
            }
            // Who copied may be in another part.
            Some(_) => eprintln!(
                "Which submissions are alike, `cargo attn classroom similar` says for all at once."
            ),
        }
        write_reports(&results, &self.out)
    }
}

fn read(file: &Path) -> Result<Results> {
    Results::from_json(&files::read(file)?).with_context(|| file.display().to_string())
}

/// Writes the results and all reports into a folder.
fn write_reports(results: &Results, out: &Path) -> Result<()> {
    let write = |name: &str, text: String| -> Result<()> { files::write(&out.join(name), text) };
    let overview = Overview::of(results);
    write("results.json", results.to_json())?;
    write("gradebook.csv", reports::csv::gradebook(results))?;
    write("junit.xml", reports::junit::xml(results))?;
    write("overview.html", html(&overview))?;
    let mut taken = BTreeSet::new();
    for student in &results.students {
        let name = file_name(&student.name, &mut taken);
        write(&format!("students/{name}.md"), reports::student::markdown(results, student))?;
        let visibility = reports::gradescope::Visibility::Visible;
        let json = reports::gradescope::results_json(student, visibility);
        write(&format!("gradescope/{name}.json"), json)?;
    }
    print!("{}", text(&overview));
    println!("\nAll of it is in {}.", out.display());
    Ok(())
}

/// Reads what was handed in.
fn collected(
    paths: &[PathBuf],
    assignment: &Assignment,
    submitted: &Times,
) -> Result<Vec<Submission>> {
    let wanted = Wanted::of(assignment.chapters());
    let sources = paths.iter().map(|path| Source::guess(path, &wanted));
    Ok(collect(&sources.collect::<Result<Vec<_>, _>>()?, &wanted, submitted)?)
}

/// Which submissions share much.
fn alike(course: &Course, assignment: &Assignment, class: &[Submission]) -> Result<Similar> {
    let mut starter = String::new();
    for number in assignment.chapters() {
        starter += &files::read(&course.root.join(course.chapter(number)?.starter()))?;
    }
    let read = class.iter().filter_map(|submission| {
        let files = submission.read.as_ref().ok()?;
        let answers: String = files.answers.values().map(String::as_str).collect();
        Some((submission.name.as_str(), answers))
    });
    let read: Vec<(&str, String)> = read.collect();
    let class: Vec<Written> =
        read.iter().map(|(student, answers)| Written { student, answers }).collect();
    Ok(similar(&starter, &class, SHARE))
}

/// From which share on two submissions are listed.
const SHARE: f64 = 0.5;

/// A student's name as a file's, on any system, and not one that is `taken`. Capitals make no difference there.
fn file_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let fits = |c: char| !c.is_control() && !r#"/\:*?"<>|"#.contains(c);
    // Systems allow 255 bytes, and an ending comes to it.
    let plain = name.chars().take(60).map(|c| if fits(c) { c } else { '_' });
    let plain: String = plain.collect();
    let plain = match plain.trim_matches(['.', ' ']) {
        "" => "_",
        plain => plain,
    };
    let others = (2..).map(|n| format!("{plain} ({n})"));
    let mut names = iter::once(plain.to_string()).chain(others);
    names.find(|name| taken.insert(name.to_lowercase())).expect("there is no end of them")
}

/// Gives up what a worker does not need, and becomes it.
fn become_worker(program: &Path, request: &str) -> Result<()> {
    let Request::Work { dir, memory, .. } = serde_json::from_str(request)? else {
        bail!("a worker is asked to work, and nothing else");
    };
    Place::of_worker(program.to_path_buf(), dir, memory).enter()?;
    let mut worker = process::Command::new(program);
    worker.arg(request).env_clear();
    program::become_it(&mut worker)?;
    Ok(())
}
