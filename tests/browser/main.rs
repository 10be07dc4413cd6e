//! The book as a reader meets it: `cargo attn start` in a copy of the course, read in a real
//! browser. Skipped where no Chromium is found, unless `ATTN_REQUIRE_BROWSER=1` demands one.
//!
//! After each test, the console must hold no error, and no request may have left this machine.

mod boxes;
mod cdp;
mod chromium;
mod course;
mod journal;
mod live;
mod page;
mod playing;
mod reading;
mod server;
mod watch;
mod widths;

use anyhow::{Result, ensure};
use chromium::Chromium;
use course::Copy;
use libtest_mimic::{Arguments, Failed, Trial};
use page::Page;
use server::Server;
use std::{
    env,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

/// What all tests share. What is declared first is ended first.
pub struct World {
    server: Server,
    chromium: Chromium,
    course: Copy,
}

type Test = fn(&World) -> Result<()>;

/// In this order: the first ones are done when the exercises are being compiled for the first time.
const TESTS: [(&str, Test); 19] = [
    ("a_complaint_would_be_noticed", watch::a_complaint_would_be_noticed),
    ("mathematics_is_drawn", reading::mathematics_is_drawn),
    ("figures_are_drawn_and_named", reading::figures_are_drawn_and_named),
    ("fonts_come_from_the_site", reading::fonts_come_from_the_site),
    ("search_finds", reading::search_finds),
    ("the_theme_switches", reading::the_theme_switches),
    ("a_page_opened_from_disk_can_be_read", reading::a_page_opened_from_disk_can_be_read),
    ("no_page_is_wider_than_the_window", widths::no_page_is_wider_than_the_window),
    (
        "played_figures_say_what_the_functions_say",
        playing::played_figures_say_what_the_functions_say,
    ),
    (
        "played_figures_with_a_wrong_number_are_noticed",
        playing::played_figures_with_a_wrong_number_are_noticed,
    ),
    ("played_figures_can_be_moved", playing::played_figures_can_be_moved),
    (
        "played_figures_stand_still_without_scripts",
        playing::played_figures_stand_still_without_scripts,
    ),
    ("played_figures_and_the_first_paint", playing::played_figures_and_the_first_paint),
    ("nothing_is_solved_at_first", live::nothing_is_solved_at_first),
    ("a_save_is_judged_at_once", live::a_save_is_judged_at_once),
    ("what_does_not_compile_says_so", live::what_does_not_compile_says_so),
    ("hints_come_one_by_one", live::hints_come_one_by_one),
    ("a_reset_asks_and_keeps_a_backup", live::a_reset_asks_and_keeps_a_backup),
    ("the_keyboard_suffices", live::the_keyboard_suffices),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // There is one learner and one browser.
    arguments.test_threads = Some(1);
    let found = chromium::find();
    let skipped = found.is_err();
    let program = match found {
        Ok(program) => program,
        Err(why) if env::var_os("ATTN_REQUIRE_BROWSER").is_some_and(|set| set == "1") => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
        Err(why) => {
            eprintln!("skipped: {why}");
            Default::default()
        }
    };
    // Made by the first test that runs, so that `--list` starts nothing.
    let world: Arc<Mutex<Option<World>>> = Arc::default();
    let trials = TESTS.map(|(name, test)| {
        let (world, program) = (world.clone(), program.clone());
        let trial = Trial::test(name, move || {
            let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
            run(&mut world, &program, test).map_err(|error| Failed::from(format!("{error:#}")))
        });
        trial.with_ignored_flag(skipped)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.into());
    // Ends the server and the browser; a panic in a test came no further than its trial.
    drop(world.lock().unwrap_or_else(PoisonError::into_inner).take());
    conclusion.exit_code()
}

fn run(world: &mut Option<World>, program: &Path, test: Test) -> Result<()> {
    let world = match world {
        Some(world) => world,
        None => world.insert(World::new(program)?),
    };
    world.chromium.forget_events();
    test(world)?;
    let complaints = journal::complaints(&world.chromium.events());
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}

impl World {
    fn new(program: &Path) -> Result<Self> {
        let course = Copy::lay()?;
        Ok(World { server: Server::start(&course)?, chromium: Chromium::start(program)?, course })
    }

    fn url(&self, page: &str) -> String {
        format!("{}{page}", self.server.url)
    }

    /// A new tab with the page of chapter 3.
    fn chapter(&self) -> Result<Page<'_>> {
        Page::open(&self.chromium, &self.url(course::PAGE))
    }
}
