//! `cargo attn` as a learner meets it, in a copy of the course laid into a folder of its own.

use attn::{Course, copy::copy, starter};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

/// A copy of the course, for one test at a time.
struct Copy {
    root: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

/// What a command left behind.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// Two chapters stand for all of them, so that these tests take no longer with every chapter.
const PARTS: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "rustfmt.toml",
    "book/src/SUMMARY.md",
    "book/src/primer.md",
    "book/src/primer-solutions.md",
    "chapters/00-primer",
    "chapters/03-scaled-dot-product",
    "crates/attn",
    "crates/attn-book/Cargo.toml",
    "crates/attn-core",
    "crates/attn-exercise",
    "crates/attn-oracle",
    "crates/attn-snapshot",
    "crates/attn-viz",
    "crates/one-build",
];

/// What a conversation with the real language model needs beside them.
const MODEL_PARTS: &[&str] = &[
    "chapters/04-multi-head",
    "chapters/05-kv-cache",
    "chapters/06-mqa-gqa",
    "chapters/07-mla",
    "chapters/08-flash-cpu",
    "chapters/09-flash-cuda",
    "chapters/10-paged",
    "chapters/11-linear",
    "chapters/12-sparse",
    "crates/attn-bench",
    "crates/attn-dates",
    "crates/attn-lm",
    "crates/attn-local",
    "crates/attn-serve",
    "crates/attn-smollm",
    "crates/attn-weights",
    "crates/ptx-sim",
];

/// Where everything is compiled.
fn target() -> &'static Path {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().expect("it is in the target folder")
}

static ALONE: Mutex<()> = Mutex::new(());

impl Copy {
    /// A fresh copy, without a learner's file and without progress.
    fn new() -> Self {
        Copy::with(PARTS)
    }

    /// A copy of these parts.
    fn with(parts: &[&str]) -> Self {
        let alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("course");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        copy(&source, &root, parts).expect("a copy");
        let copy = Copy { root, _alone: alone };
        copy.edit("Cargo.toml", |manifest| {
            let members = ["members = ", "default-members = "];
            let rest =
                manifest.lines().filter(|line| !members.iter().any(|list| line.starts_with(list)));
            let rest: Vec<&str> = rest.collect();
            let here = "[workspace]\nmembers = [\"chapters/*\", \"crates/*\"]\nexclude = [\"crates/attn-book\"]";
            rest.join("\n").replacen("[workspace]", here, 1)
        });
        copy
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_attn"));
        command
            .args(arguments)
            .current_dir(self.root.join("chapters"))
            .env("CARGO_TARGET_DIR", target())
            .env_remove("CARGO_INCREMENTAL")
            .env_remove("RUSTFLAGS");
        command
    }

    fn attn(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().expect("attn starts");
        Ended::from(output)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.attn(arguments);
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended}"))
    }

    /// The state of each exercise after a check of chapter 3.
    fn states(&self) -> Vec<String> {
        states(&self.json(&["check", "3", "--json"]))
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.join("chapters/03-scaled-dot-product").join(file)
    }

    fn answers(&self) -> String {
        fs::read_to_string(self.path("exercise.rs")).expect("the learner's file")
    }

    fn write_answers(&self, text: &str) {
        fs::write(self.path("exercise.rs"), text).expect("the learner's file");
    }

    /// Chapter 3's file with every exercise solved, as the reference has it.
    fn solved(&self) -> String {
        let course = Course::load(&self.root).expect("a course");
        let chapter = course.chapter(3).expect("chapter 3");
        starter::solved(&course, chapter).expect("a reference")
    }

    /// What all exercises together are worth.
    fn points(&self) -> u32 {
        let course = Course::load(&self.root).expect("a course");
        let exercises = course.chapters.iter().flat_map(|c| &c.exercises);
        exercises.map(|exercise| exercise.points).sum()
    }

    /// Edits a file of the course.
    fn edit(&self, file: &str, edit: impl Fn(String) -> String) {
        let file = self.root.join(file);
        let old = fs::read_to_string(&file).expect("a file of the course");
        let new = edit(old.clone());
        assert_ne!(old, new, "the edit changes nothing");
        fs::write(&file, new).expect("written");
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Ended {
            code: output.status.code().expect("an exit code"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "exit {}\n{}\n{}", self.code, self.out, self.err)
    }
}

/// The state of each exercise in what `check --json` prints.
fn states(checked: &Value) -> Vec<String> {
    let exercises = checked["exercises"].as_array().expect("a list");
    let state = |e: &Value| e["verdict"]["state"].as_str().expect("a state").to_string();
    exercises.iter().map(state).collect()
}

const PASSED: &str = "passed";
const UNSOLVED: &str = "unsolved";
const BROKEN: &str = "does-not-compile";
const WAITS: &str = "waits-on";
const FAILED: &str = "failed";

#[test]
fn a_newcomer_is_told_what_to_do_and_nothing_is_solved() {
    let copy = Copy::new();
    let hello = copy.attn(&[]);
    assert_eq!(hello.code, 0, "{hello}");
    let lines: Vec<&str> = hello.out.lines().collect();
    assert!(lines[2].starts_with("   0  Primer "), "{hello}");
    assert!(hello.out.contains("Next: 0.1 weighted_sum"), "{hello}");
    let status = copy.json(&["--json"]);
    assert_eq!(status["next"]["id"], "0.1");
    let file = status["next"]["file"].as_str().expect("a file");
    assert!(
        copy.root.join(file).is_file() && copy.path("exercise.rs").is_file(),
        "the file that it names is there, and every other chapter's"
    );
    assert_eq!(status["of"], copy.points());

    let check = copy.attn(&["check", "3"]);
    assert_eq!(check.code, 1, "{check}");
    assert_eq!(check.out.matches("todo: ").count(), 9, "{check}");
    assert!(check.out.contains("Next: 3.1 softmax_rows, in chapters"), "{check}");
    assert!(!check.out.contains('\u{1b}'), "no colours where nobody is watching");

    let solution = copy.attn(&["check", "3", "--solution"]);
    assert_eq!(solution.code, 0, "{solution}");
    assert!(solution.out.contains("9 of 9 solved, 140 points"), "{solution}");
    assert_eq!(copy.json(&["--json"])["points"], 0, "the reference earns nothing");
}

#[test]
fn a_solved_file_passes_and_is_remembered() {
    let copy = Copy::new();
    copy.write_answers(&copy.solved());
    let check = copy.attn(&["check", "3"]);
    assert_eq!(check.code, 0, "{check}");
    assert!(check.out.contains("Next: 0.1 weighted_sum"), "{check}");
    assert_eq!(copy.json(&["--json"])["points"], 140);
    let course = Course::load(&copy.root).expect("a course");
    for chapter in &course.chapters {
        let file = copy.root.join(chapter.answers());
        fs::write(file, starter::solved(&course, chapter).expect("a reference"))
            .expect("the learner's file");
    }
    let check = copy.attn(&["check"]);
    assert_eq!(check.code, 0, "{check}");
    let status = copy.json(&["--json"]);
    assert_eq!(status["points"], copy.points());
    assert_eq!(status["next"], Value::Null);
    assert_eq!(copy.attn(&["solution", "3.3"]).code, 0, "open after a pass");
}

#[test]
fn a_wrong_answer_is_named_and_its_case_can_be_seen() {
    let copy = Copy::new();
    copy.write_answers(&copy.solved().replace(" / (d as f32).sqrt()", ""));
    let check = copy.attn(&["check", "3.3"]);
    assert_eq!(check.code, 1, "{check}");
    assert!(check.out.contains("the scores are not divided by √d"), "{check}");
    assert!(check.out.contains("cargo attn try 3.3 --case 1"), "{check}");
    let doubtful = "It calls softmax_rows, which has not passed yet: cargo attn check 3.1";
    let its = "It calls softmax_rows";
    assert!(!check.out.contains(its), "it is right, if unchecked: {check}");
    let softmax = copy.attn(&["check", "3.1"]);
    let next = "Next: 3.2 ";
    assert!(softmax.out.contains(next), "chapter 3 first: {softmax}");
    let right = copy.answers();
    let begins = "pub fn softmax_rows(x: ArrayView2<f32>) -> Array2<f32> {";
    copy.write_answers(&right.replace(begins, &format!("{begins} return x.to_owned();")));
    let check = copy.attn(&["check", "3.3"]);
    assert!(check.out.contains(doubtful), "it was right: {check}");
    copy.write_answers(&right);
    let check = copy.attn(&["check", "3.3"]);
    assert!(!check.out.contains(its), "it is right again: {check}");
    let case = copy.attn(&["try", "3.3", "--case", "1"]);
    assert_eq!(case.code, 1, "{case}");
    for part in ["Input", "Steps", "Your output", "Expected", "should be 3.0000"] {
        assert!(case.out.contains(part), "{part}: {case}");
    }
    assert_eq!(copy.attn(&["try", "3.3", "--case", "1", "--solution"]).code, 0);
    let none = copy.attn(&["try", "3.3", "--case", "99"]);
    assert_eq!(
        (none.code, none.err.trim()),
        (2, "error: 3.3 has no case 99; they are counted from 1")
    );
}

#[test]
fn a_panic_inside_a_library_is_placed_at_the_learners_line() {
    let copy = Copy::new();
    let wrong = copy.solved().replace("weights.dot(&v)", "q.dot(&v)");
    let line = wrong.lines().position(|line| line.contains("q.dot(&v)"));
    copy.write_answers(&wrong);
    let check = copy.attn(&["check", "3.3"]);
    let place = format!("panicked at exercise.rs:{}:", line.expect("the line") + 1);
    assert!(check.out.contains(&place), "{place} {check}");
}

#[test]
fn what_does_not_compile_costs_one_exercise() {
    let copy = Copy::new();
    let solved = copy.solved();

    // A syntax error that the compiler only notices at the end of the file.
    copy.write_answers(&solved.replacen("table.clone(),", "{ table.clone(),", 1));
    assert_eq!(copy.states(), [PASSED, BROKEN, WAITS, PASSED, PASSED, WAITS, WAITS, WAITS, PASSED]);
    let check = copy.attn(&["check", "3"]);
    assert!(check.out.contains("unclosed delimiter"), "{check}");
    assert!(check.out.contains("waits on 3.2"), "{check}");

    // A type error in a helper that a later exercise calls.
    let wrong_type = solved.replace("row_max + row.mapv", "\"three\" + row.mapv");
    copy.write_answers(&wrong_type);
    assert_eq!(
        copy.states(),
        [PASSED, PASSED, BROKEN, PASSED, PASSED, WAITS, WAITS, WAITS, PASSED]
    );

    // A function that is not there, and one whose first line was changed.
    let renamed = solved
        .replace("pub fn dropout(", "pub fn dropuot(")
        .replace("pub fn softmax_backward(", "fn softmax_backward(");
    copy.write_answers(&renamed);
    assert_eq!(
        copy.states(),
        [PASSED, PASSED, PASSED, BROKEN, BROKEN, WAITS, PASSED, WAITS, PASSED]
    );
    let check = copy.attn(&["check", "3.4"]);
    assert!(check.out.contains("`dropout` is not there. Its first line:"), "{check}");
    assert!(check.out.contains("pub fn dropout(weights: ArrayView2<f32>, p: f32"), "{check}");

    // An import, which is nobody's in particular.
    copy.write_answers(&solved.replace("use ndarray::", "use nonsense::"));
    assert_eq!(copy.states(), [BROKEN; 9]);
    let check = copy.attn(&["check", "3.5"]);
    assert!(check.out.contains("unresolved import `nonsense`"), "{check}");
    assert!(check.out.contains("03-scaled-dot-product/exercise.rs:"), "{check}");
    assert_eq!(copy.answers(), solved.replace("use ndarray::", "use nonsense::"), "untouched");
}

#[test]
fn a_broken_or_missing_file_leaves_the_rest_usable() {
    let copy = Copy::new();
    let cargo = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(&copy.root)
            .env("CARGO_TARGET_DIR", target())
            .output()
            .expect("cargo starts");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "cargo {arguments:?}: {complaint}");
    };
    for answers in [None, Some("this is not Rust")] {
        if let Some(text) = answers {
            copy.write_answers(text);
        }
        cargo(&["fmt", "--all", "--check"]);
        let package = ["--package", "ch03-scaled-dot-product"];
        cargo(&[&["check", "--quiet", "--all-features", "--all-targets"], &package[..]].concat());
    }
    copy.write_answers("this is not Rust");
    assert_eq!(copy.states(), [BROKEN; 9]);
}

#[test]
fn hints_come_one_by_one_and_the_solution_after_a_pass() {
    let copy = Copy::new();
    let first = copy.attn(&["hint", "3.1"]);
    assert!(first.out.contains("1 of 3") && !first.out.contains("2 of 3"), "{first}");
    copy.attn(&["hint", "3.1"]);
    let third = copy.attn(&["hint", "3.1"]);
    assert!(third.out.contains("3 of 3") && third.out.contains("--reveal"), "{third}");
    assert_eq!(copy.attn(&["hint", "3.1"]).out, third.out, "no fourth one");

    let refused = copy.attn(&["solution", "3.1"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("not solved yet"), "{refused}");
    let revealed = copy.attn(&["solution", "3.1", "--reveal"]);
    assert!(revealed.out.contains("let row_max ="), "{revealed}");
    assert!(!revealed.out.contains("SOLUTION"), "{revealed}");
}

#[test]
fn reset_keeps_a_backup_and_spares_the_other_exercises() {
    let copy = Copy::new();
    let solved = copy.solved();
    copy.write_answers(&solved);
    copy.attn(&["check", "3.2"]);
    assert_eq!(copy.json(&["--json"])["points"], 15);
    let reset = copy.attn(&["reset", "3.2"]);
    assert_eq!(reset.code, 0, "{reset}");
    assert_eq!(copy.json(&["--json"])["points"], 0, "no longer solved");
    let again = copy.attn(&["reset", "3.2"]);
    assert!(again.out.contains("It was so already."), "{again}");
    assert_eq!(
        copy.states(),
        [PASSED, UNSOLVED, WAITS, PASSED, PASSED, WAITS, WAITS, WAITS, PASSED]
    );
    let backup = copy.root.join(".attn/backups/03/exercise.1.rs");
    assert_eq!(fs::read_to_string(backup).expect("a backup"), solved);
    copy.attn(&["reset", "3"]);
    assert_eq!(copy.states(), [UNSOLVED; 9]);
    assert!(copy.root.join(".attn/backups/03/exercise.2.rs").is_file());

    let headless = solved.replace("// ━━ 3.2", "// 3.2");
    copy.write_answers(&headless);
    let refused = copy.attn(&["reset", "3.2"]);
    assert!(refused.err.contains("has no heading “━━ 3.2 …” any more"), "{refused}");
    assert_eq!(copy.answers(), headless, "untouched");
}

#[test]
fn an_update_is_merged_or_refused_and_nothing_is_lost() {
    let copy = Copy::new();
    copy.attn(&[]);
    assert!(copy.attn(&["update", "3"]).out.contains("up to date"));
    let starter = "chapters/03-scaled-dot-product/starter.rs";
    let mine = copy.answers().replace("todo!(\"3.6", "let mine = 1;\n    todo!(\"3.6");
    copy.write_answers(&mine);

    copy.edit(starter, |text| text.replace("Softmax of each row:", "The softmax of each row:"));
    assert!(copy.attn(&[]).out.contains("cargo attn update 3"));
    let merged = copy.attn(&["update", "3"]);
    assert_eq!(merged.code, 0, "{merged}");
    let text = copy.answers();
    assert!(text.contains("The softmax of each row:") && text.contains("let mine = 1;"));

    copy.edit(starter, |text| text.replace("todo!(\"3.6", "todo!(\"3.6 anew"));
    let conflict = copy.attn(&["update", "3"]);
    assert_eq!(conflict.code, 1, "{conflict}");
    assert_eq!(copy.answers(), text, "untouched");
}

#[test]
fn what_does_not_exist_is_said_in_one_line() {
    let copy = Copy::new();
    for (arguments, complaint) in [
        (&["check", "3.99"][..], "error: there is no exercise 3.99; chapter 3 has 3.1, "),
        (&["check", "12"], "error: there is no chapter 12; open are "),
        (&["check", "40"], "error: there is no chapter 40; open are "),
        (&["hint", "softmax"], "error: “softmax” is not an exercise"),
        (&["reset", "12"], "error: there is no chapter 12"),
        (&["check", "three"], "error: invalid value 'three'"),
    ] {
        let ended = copy.attn(arguments);
        assert_eq!(ended.code, 2, "{ended}");
        assert!(ended.err.starts_with(complaint), "{ended}");
    }
    let error = copy.json(&["--json", "check", "3.99"])["error"].to_string();
    assert!(error.contains("there is no exercise 3.9"), "{error}");
    fs::create_dir_all(copy.root.join(".attn")).expect("a folder");
    fs::write(copy.root.join(".attn/progress.json"), "{ torn").expect("written");
    let damaged = copy.attn(&[]);
    assert!(damaged.err.contains("progress.json is damaged"), "{damaged}");
    assert_eq!(damaged.err.trim().lines().count(), 1, "{damaged}");
}

#[test]
fn verify_finds_what_was_planted_in_the_metadata() {
    let copy = Copy::new();
    copy.edit("chapters/03-scaled-dot-product/chapter.toml", |text| {
        let hint = text.find("  \"exp(89)").expect("the first hint of 3.1");
        let end = hint + text[hint..].find('\n').expect("its end");
        text.replacen(&text[hint..end], "  \"\",", 1)
    });
    copy.edit("chapters/03-scaled-dot-product/starter.rs", |text| text + "// edited by hand\n");
    copy.edit("chapters/03-scaled-dot-product/src/check.rs", |text| {
        text.replace("\"3.4\"", "\"3.44\"")
    });
    copy.edit("README.md", |text| {
        text.replace("**open**: 9 exercises", "**open**: 5 exercises")
            + "\nTry `cargo attn check 3.99`.\n"
    });
    let verify = copy.attn(&["dev", "verify", "--json"]);
    assert_eq!(verify.code, 1, "{verify}");
    let found: Value = serde_json::from_str(&verify.out).expect("JSON");
    let faults = found["faults"].to_string();
    for planted in [
        "README.md:",
        "there is no exercise 3.99",
        "chapter 3 has 9 exercises",
        "starter.rs is stale",
        "check.rs is stale",
        "3.1: a hint is missing",
    ] {
        assert!(faults.contains(planted), "{planted}: {faults}");
    }
    assert_eq!(copy.attn(&["dev", "starters", "--check"]).code, 1);

    copy.edit("chapters/03-scaled-dot-product/src/mask.rs", |text| {
        text.replace("// SOLUTION 3.2:", "// SOLUTION 3.3:")
    });
    let confused = copy.attn(&["dev", "starters", "--check"]);
    let complaint = "the marker says “3.3: the n×m table of who may attend to whom”";
    assert!(confused.err.contains(complaint), "{confused}");
}

#[test]
fn a_new_exercise_compiles_is_red_and_is_proven_as_it_was_laid() {
    let copy = Copy::new();
    let laid = copy.attn(&["dev", "new", "exercise", "0", "triple"]);
    assert_eq!(laid.code, 0, "{laid}");
    let again = copy.attn(&["dev", "new", "exercise", "0", "triple"]);
    assert_eq!(again.code, 2, "{again}");
    assert!(again.err.contains("chapters/00-primer/src/triple.rs exists already"), "{again}");

    let check = copy.attn(&["check", "0.3"]);
    assert!(check.out.contains("0 of 1 solved"), "{check}");
    let course = Course::load(&copy.root).expect("a course");
    let chapter = course.chapter(0).expect("chapter 0");
    let solved = starter::solved(&course, chapter).expect("a reference");
    let file = copy.root.join(chapter.answers());
    fs::write(&file, solved.replace("&x * 2.0", "&x * &x")).expect("the learner's file");
    let check = copy.attn(&["check", "0.3"]);
    assert_eq!(check.code, 1, "{check}");
    assert!(check.out.contains("the numbers are squared"), "{check}");
    fs::write(&file, solved).expect("the learner's file");
    let check = copy.attn(&["check", "0.3"]);
    assert_eq!(check.code, 0, "{check}");
    let page = fs::read_to_string(copy.root.join("book/src/primer.md")).expect("its page");
    let (tasks, rest) = page.split_once("### Task 3: ").expect("its task");
    assert!(tasks.contains("{{#exercise 0.2}}"), "{tasks}");
    assert!(rest.contains("{{#exercise 0.3}}"), "{rest}");
    let solutions = fs::read_to_string(copy.root.join("book/src/primer-solutions.md"));
    let included = "{{#include ../../chapters/00-primer/src/triple.rs:triple}}";
    assert!(solutions.expect("the page").contains(included));
    assert_verified(&copy, "00-primer", "0.3");
}

#[test]
fn a_new_chapter_compiles_and_is_proven_as_it_was_laid() {
    let copy = Copy::new();
    let laid = copy.attn(&["dev", "new", "chapter", "13-later", "Later"]);
    assert_eq!(laid.code, 0, "{laid}");
    let summary = fs::read_to_string(copy.root.join("book/src/SUMMARY.md")).expect("a summary");
    assert!(summary.contains("- [13 · Later](ch13-later.md)"), "{summary}");
    let check = copy.attn(&["check", "13"]);
    assert!(check.out.contains("0 of 1 solved"), "{check}");
    let run = copy.attn(&["run", "13"]);
    assert_eq!((run.code, run.out.trim()), (0, "[2, 4]"), "{run}");
    assert_verified(&copy, "13-later", "13.1");
}

/// `dev verify` finds nothing to say against a new exercise but what the author has yet to write.
fn assert_verified(copy: &Copy, folder: &str, id: &str) {
    let verify = copy.attn(&["dev", "verify", id, "--seeds", "1"]);
    let left = format!("✗ {id}: “The idea.” stands in chapter.toml as it was laid\n");
    assert!(verify.out.starts_with(&left) && verify.out.ends_with("\n1 fault\n"), "{verify}");
    copy.edit(&format!("chapters/{folder}/chapter.toml"), |text| {
        let text = text.replace("Say it in a few words", "Double the numbers");
        let text = text.replace("The idea.", "Twice a number?").replace("The place.", "Each one.");
        text.replace("The pseudo-code.", "y = 2x")
    });
    assert_eq!(copy.attn(&["dev", "starters"]).code, 0);
    let verify = copy.attn(&["dev", "verify", id, "--seeds", "1"]);
    assert_eq!(verify.code, 0, "{verify}");
    assert!(verify.out.starts_with("1 exercise, "), "{verify}");
    assert!(verify.out.ends_with("\n0 faults\n"), "{verify}");
}

/// `text` with a line at the beginning of the body of chapter 3's function `item`.
fn with_line(text: &str, item: &str, line: &str) -> String {
    let start = text.find(&format!("pub fn {item}(")).expect("the function");
    let body = start + text[start..].find(" {\n").expect("its body") + 3;
    format!("{}    {line}\n{}", &text[..body], &text[body..])
}

#[test]
fn a_verdict_follows_the_content_whatever_the_time() {
    let copy = Copy::new();
    let solved = copy.solved();
    let put = |text: &str, hours_ago: u64| {
        copy.write_answers(text);
        let file = fs::File::options().append(true).open(copy.path("exercise.rs"));
        let then = SystemTime::now() - Duration::from_secs(3600 * hours_ago);
        let set = file.and_then(|file| file.set_modified(then));
        set.expect("an older time");
    };
    put(&solved, 0);
    assert_eq!(copy.states(), [PASSED; 9]);
    put(&with_line(&solved, "softmax_rows", "return x.to_owned();"), 48);
    assert_eq!(copy.states()[0], FAILED, "older, and wrong");
    put(&solved, 72);
    assert_eq!(copy.states(), [PASSED; 9], "older still, and right");
    assert_eq!(copy.attn(&["try", "3.1"]).code, 0);

    // Back by the way that `reset` prints.
    copy.attn(&["reset", "3.1"]);
    assert_eq!(copy.states()[0], UNSOLVED);
    let backup = copy.root.join(".attn/backups/03/exercise.1.rs");
    fs::rename(backup, copy.path("exercise.rs")).expect("moved back");
    assert_eq!(copy.states(), [PASSED; 9]);
}

#[test]
fn what_is_left_open_costs_the_exercise_that_it_is_in() {
    let copy = Copy::new();
    let solved = copy.solved();
    for (line, says) in [
        ("println!(\"n is {n});", "unterminated double quote string"),
        ("if n > m {", "unclosed delimiter"),
        ("/* n queries", "unterminated block comment"),
    ] {
        // A later exercise has quotes too, and an error of its own.
        let text = with_line(&solved, "dropout", "println!(\"{p}\"); let p: f32 = \"half\";");
        let text = with_line(&text, "allowed", line);
        copy.write_answers(&text);
        let at = 1 + text.lines().position(|it| it.trim() == line).expect("the line");
        let checked = copy.attn(&["check", "3", "--json"]);
        let json: Value = serde_json::from_str(&checked.out).expect("JSON");
        let expected = [PASSED, BROKEN, WAITS, BROKEN, PASSED, WAITS, WAITS, WAITS, PASSED];
        assert_eq!(states(&json), expected, "{line}");
        let errors = json["exercises"][1]["verdict"]["errors"].to_string();
        assert!(errors.contains(says), "{line}: {errors}");
        let file = "chapters/03-scaled-dot-product/exercise.rs:";
        assert!(
            errors.contains(&format!("{file}{at}:")) || errors.contains(&format!("{at} |")),
            "{at}: {errors}"
        );
        for foreign in ["stub_", "ATTN_ANSWERS", "overlay", "todo!", "\\u001b"] {
            assert!(!checked.out.contains(foreign), "{foreign}: {checked}");
        }
    }

    // The imports are gone on which most functions depend, and what the learner put in their place.
    let less = solved.replace("ArrayView2, Axis, Zip, array, s};", "ArrayView2, Axis, Zip};");
    let less = less.replace("use attn_core::{Mask, ", "use attn_core::{");
    copy.write_answers(&less);
    let states = copy.states();
    assert_eq!((&*states[0], &*states[1]), (PASSED, BROKEN), "{states:?}");
}

#[test]
fn a_file_that_cannot_be_read_costs_its_own_chapter() {
    let copy = Copy::new();
    copy.write_answers(&copy.solved());
    let primer = copy.root.join("chapters/00-primer/exercise.rs");
    fs::write(&primer, b"// one\n// caf\xe9\n").expect("written");
    let says = "chapters/00-primer/exercise.rs, line 2, is not UTF-8: save as UTF-8";
    let check = copy.attn(&["check"]);
    assert_eq!(check.code, 1, "{check}");
    assert!(check.out.contains("9 of 11 solved, 140 points"), "{check}");
    assert_eq!(check.out.matches(says).count(), 1, "{check}");
    let status = copy.attn(&[]);
    assert_eq!(status.code, 1, "{status}");
    assert!(status.out.contains(says) && status.out.contains("140 of "), "{status}");
    let doctor = copy.attn(&["doctor"]);
    assert_eq!(doctor.code, 1, "{doctor}");
    let flat = doctor.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("✗ chapter 0") && flat.contains("is not UTF-8"), "{doctor}");

    fs::remove_file(&primer).expect("removed");
    fs::create_dir(&primer).expect("a folder");
    let check = copy.attn(&["check"]);
    assert!(
        check.out.contains("9 of 11 solved") && check.out.contains("it is a folder"),
        "{check}"
    );
    fs::remove_dir(&primer).expect("removed");
    if cfg!(unix) {
        let made = Command::new("mkfifo").arg(&primer).status();
        assert!(made.expect("mkfifo").success());
        let check = copy.attn(&["check"]);
        assert!(
            check.out.contains("9 of 11 solved") && check.out.contains("it is a pipe"),
            "{check}"
        );
        fs::remove_file(&primer).expect("removed");
    }
}

#[test]
fn checks_at_the_same_time_wait_for_each_other() {
    let copy = Copy::new();
    copy.write_answers(&copy.solved());
    let checks: Vec<_> = (0..3)
        .map(|_| {
            let mut command = copy.command(&["check", "3"]);
            let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("attn starts")
        })
        .collect();
    for check in checks {
        let ended = Ended::from(check.wait_with_output().expect("it ends"));
        assert_eq!(ended.code, 0, "{ended}");
    }
    let left = fs::read_dir(copy.root.join(".attn/check")).expect("a folder");
    let left: Vec<_> = left.map(|it| it.expect("an entry").file_name()).collect();
    assert_eq!(left, ["03.lock"], "no temporary files");
}

#[test]
fn what_was_printed_is_noted_even_if_the_check_is_ended() {
    let copy = Copy::new();
    copy.write_answers(&with_line(&copy.solved(), "attention_backward", "loop {}"));
    let mut check = copy.command(&["check"]).stdout(Stdio::piped()).spawn().expect("attn starts");
    let lines = BufReader::new(check.stdout.take().expect("its output")).lines();
    let mut passed = lines.map(|line| line.expect("UTF-8")).filter(|line| line.contains('✓'));
    assert!(passed.next().expect("a verdict").contains("3.1 "));
    check.kill().expect("killed");
    check.wait().expect("ended");
    assert!(copy.json(&["--json"])["points"].as_u64() >= Some(10), "3.1 is noted");
}

#[test]
fn flags_for_an_editor_or_for_lints_change_no_verdict() {
    let copy = Copy::new();
    copy.write_answers(&with_line(
        &copy.solved(),
        "dropout",
        "let p: f32 = \"half\"; let Odd = 1;",
    ));
    let mut check = copy.command(&["check", "3"]);
    let check = check
        .env("RUSTFLAGS", "--cfg learner -D warnings")
        .env("CARGO_BUILD_TARGET", "wasm32-unknown-unknown");
    let check = Ended::from(check.output().expect("attn starts"));
    assert!(check.out.contains("8 of 9 solved"), "{check}");
}

#[cfg(target_os = "linux")]
#[test]
fn where_nothing_can_be_printed_nothing_panics() {
    let copy = Copy::new();
    for arguments in [&[][..], &["check", "3"], &["--json"], &["hint", "3.1"], &["--help"]] {
        let full = || fs::File::options().write(true).open("/dev/full").expect("/dev/full");
        let ended = copy.command(arguments).stdout(full()).output().expect("attn starts");
        let ended = Ended::from(ended);
        assert_eq!(ended.code, 2, "{arguments:?}: {ended}");
        assert_eq!(ended.err.trim().lines().count(), 1, "{arguments:?}: {ended}");
        let both = copy.command(arguments).stdout(full()).stderr(full()).status();
        assert_eq!(both.expect("attn starts").code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_todo_that_names_no_exercise_is_ones_own() {
    let copy = Copy::new();
    let solved = copy.solved();
    copy.write_answers(&with_line(&solved, "allowed", "todo!(\"9.9: later\");"));
    let check = copy.attn(&["check", "3.2"]);
    assert_eq!(check.code, 1, "{check}");
    assert!(check.out.contains("todo: 9.9: later"), "{check}");
    assert!(check.out.contains("Next: 3.2 allowed"), "{check}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_without_verdicts_is_an_error() {
    let copy = Copy::new();
    let exits = "#[allow(unsafe_code)]\n#[used]\n#[unsafe(link_section = \".init_array\")]\n\
                 static EARLY: extern \"C\" fn() = { extern \"C\" fn early() { std::process::exit(0) } early };\n";
    copy.write_answers(&(copy.solved() + exits));
    let check = copy.attn(&["check", "3.1"]);
    assert_eq!(check.code, 2, "{check}");
    let says = "error: the check program ended without a verdict on 3.1";
    assert_eq!(check.err.trim(), says, "{check}");
    let kills = exits.replace("exit(0)", "abort()");
    copy.write_answers(&(copy.solved() + &kills));
    let check = copy.attn(&["check", "3.1"]);
    assert_eq!(check.code, 2, "{check}");
    assert!(check.err.contains("ended from outside, signal: 6"), "{check}");
}

/// What the compiler finds on its way to a linker; `cc` is this script.
#[cfg(target_os = "linux")]
fn with_linker(copy: &Copy, script: Option<&str>, arguments: &[&str]) -> Ended {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let tools = tempfile::tempdir().expect("a folder");
    for tool in ["cargo", "rustc"] {
        let real = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
        let real = String::from_utf8(real.expect("sh").stdout).expect("UTF-8");
        symlink(real.trim(), tools.path().join(tool)).expect("a link");
    }
    if let Some(script) = script {
        let cc = tools.path().join("cc");
        fs::write(&cc, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&cc, fs::Permissions::from_mode(0o755)).expect("executable");
    }
    let mut command = copy.command(arguments);
    command.env("PATH", tools.path()).env_remove("CARGO");
    Ended::from(command.output().expect("attn starts"))
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_linker_says_is_said_and_what_is_broken_is_mended() {
    let copy = Copy::new();
    let mark = copy.root.join("linked-once");
    let fails = "echo 'undefined hidden symbol: anon.0.llvm' >&2; exit 1";
    let once = format!(
        "PATH=/usr/local/bin:/usr/bin:/bin\nif [ ! -e '{0}' ]; then touch '{0}'; {fails}; fi\nexec cc \"$@\"",
        mark.display()
    );
    copy.write_answers(&copy.solved());
    let check = with_linker(&copy, Some(&once), &["check", "3.1"]);
    assert!(mark.exists(), "the linker was asked: {check}");
    assert_eq!(check.code, 0, "mended by itself: {check}");

    copy.write_answers(&(copy.solved() + "// again\n"));
    let check = with_linker(&copy, Some(fails), &["check", "3.1"]);
    assert_eq!(check.code, 2, "{check}");
    assert!(check.err.contains("undefined hidden symbol"), "{check}");
    let check = with_linker(&copy, None, &["check", "3.1"]);
    assert_eq!(check.code, 2, "{check}");
    assert!(check.err.contains("linker `cc` not found"), "{check}");

    // The learner's own fault: it is no error of the course's.
    let nowhere = "#[allow(unsafe_code)]\npub fn mine() { unsafe extern \"C\" { fn nowhere(); } unsafe { nowhere() } }\n";
    copy.write_answers(&with_line(
        &(copy.solved() + nowhere),
        "softmax_rows",
        "if x.len() > 100_000 { mine() }",
    ));
    assert_eq!(copy.states(), [BROKEN; 9]);
    let check = copy.attn(&["check", "3.1"]);
    assert!(check.out.contains("nowhere"), "{check}");
}

/// What `run 3 --mine` prints of whose the functions are, and the demonstration after it.
fn whose(run: &Ended) -> (&str, &str) {
    run.out.split_once("\n\n").unwrap_or_else(|| panic!("{run}"))
}

#[test]
fn a_demonstration_runs_on_the_learners_functions() {
    let copy = Copy::new();
    let the_references = copy.attn(&["run", "3"]);
    assert_eq!(the_references.code, 0, "{the_references}");
    copy.write_answers(&copy.solved());
    let all = "softmax_rows (3.1), allowed (3.2), attention (3.3), softmax_backward (3.5), \
               attention_backward (3.6)";
    let mine = copy.attn(&["run", "3", "--mine"]);
    assert_eq!(mine.code, 0, "{mine}");
    let (unchecked, shown) = whose(&mine);
    let unwrapped = |text: &str| text.replace('\n', " ");
    assert_eq!(
        unwrapped(unchecked),
        format!("Yours (its last check, if any, did not pass): {all}")
    );
    assert_eq!(shown, the_references.out, "both are right");

    let hint = "See it at work: cargo attn run 3 --mine\n";
    for (id, says) in
        [("3.4", false), ("3.1", true), ("3.2", true), ("3.3", true), ("3.5", true), ("3.6", true)]
    {
        let check = copy.attn(&["check", id]);
        assert_eq!((check.code, check.out.contains(hint)), (0, says), "{id}: {check}");
    }
    let checked = copy.attn(&["run", "3", "--mine"]);
    assert_eq!(unwrapped(whose(&checked).0), format!("Yours (right when last checked): {all}"));

    // A wrong one is run as it is.
    copy.write_answers(&copy.solved().replace(" / (d as f32).sqrt()", ""));
    let wrong = copy.attn(&["run", "3", "--mine"]);
    assert_eq!(wrong.code, 0, "{wrong}");
    let line = |of: &str| {
        let line = of.lines().find(|line| line.contains("attention, scale 4"));
        line.expect("the line of attention").to_string()
    };
    assert_ne!(line(&wrong.out), line(&the_references.out));
    let check = copy.attn(&["check", "3.3"]);
    assert!(check.code == 1 && !check.out.contains(hint), "{check}");

    // What is not ours is passed on.
    let help = copy.attn(&["run", "3", "--mine", "--help"]);
    assert!(help.code == 0 && help.out.contains("--target"), "{help}");
    let refused = copy.attn(&["run", "3", "--mine", "--nonsense"]);
    assert!(refused.code == 2 && refused.err.contains("--nonsense"), "{refused}");
    let data = copy.root.join("few.csv");
    fs::write(&data, "a,b\n1,2\n2,1\n3,5\n4,4\n5,3\n").expect("written");
    let data = data.to_string_lossy().into_owned();
    let table = copy.attn(&["run", "3", "--data", &data, "--mine", "--scale", "2"]);
    assert!(table.out.contains("5 rows, 2 columns\nPredicts b from"), "{table}");
    assert!(table.out.contains("attention, scale 2 "), "{table}");
    let nothing = copy.attn(&["run", "0", "--mine"]);
    assert!(nothing.code == 2 && nothing.err.contains("calls no exercise"), "{nothing}");
}

#[test]
fn what_cannot_be_run_is_the_references_in_a_demonstration() {
    let copy = Copy::new();
    let the_references = copy.attn(&["run", "3"]).out;
    copy.attn(&[]);
    let unsolved = copy.attn(&["run", "3", "--mine"]);
    let gradients = "softmax_backward (3.5), attention_backward (3.6)";
    let all = format!("softmax_rows (3.1), allowed (3.2), attention (3.3), {gradients}");
    let expected = format!("The reference's (yours is not solved yet): {all}");
    let (said, shown) = whose(&unsolved);
    assert_eq!((said.replace('\n', " "), shown), (expected, &*the_references));

    // The reference in its place calls what is the learner's.
    let starter = copy.answers();
    let begins = "pub fn softmax_rows(x: ArrayView2<f32>) -> Array2<f32> {";
    let even = format!("{begins}\n    return Array2::from_elem(x.dim(), 1.0 / x.ncols() as f32);");
    copy.write_answers(&starter.replace(begins, &even));
    let partly = copy.attn(&["run", "3", "--mine"]);
    let expected = "Yours (its last check, if any, did not pass): softmax_rows (3.1)\n\
                    The reference's (yours is not solved yet): allowed (3.2), attention (3.3), ";
    let said = whose(&partly).0.replace('\n', " ");
    assert_eq!(said, format!("{expected}{gradients}").replace('\n', " "), "{partly}");
    let line = |name: &str| {
        let line = partly.out.lines().find(|line| line.contains(name)).expect(name);
        line.split_whitespace().rev().nth(1).expect("an error").to_string()
    };
    assert_eq!(line("attention, scale 4"), line("the mean of all"), "{partly}");

    // What does not compile, and what waits on it.
    let broken = with_line(&copy.solved(), "allowed", "if n > m {");
    copy.write_answers(&with_line(&broken, "dropout", "let p: f32 = \"half\";"));
    let run = copy.attn(&["run", "3", "--mine"]);
    let expected = format!(
        "Yours (its last check, if any, did not pass): softmax_rows (3.1), attention (3.3), {gradients} \
         The reference's (yours does not compile): allowed (3.2)"
    );
    let (said, shown) = whose(&run);
    assert_eq!((said.replace('\n', " "), shown), (expected, &*the_references), "{run}");
    let renamed = copy.solved().replace("pub fn attention(", "pub fn atention(");
    copy.write_answers(&renamed);
    let run = copy.attn(&["run", "3", "--mine"]);
    assert!(run.out.contains("(yours does not compile): attention (3.3)"), "{run}");
    copy.write_answers("this is not Rust");
    let run = copy.attn(&["run", "3", "--mine"]);
    assert_eq!(run.code, 0, "{run}");
    assert!(run.out.contains("(yours does not compile): softmax_rows (3.1), allowed"), "{run}");
    assert!(run.out.ends_with(&the_references), "{run}");
}

#[test]
fn gradients_are_checked_against_differences_of_the_learners_functions() {
    let copy = Copy::new();
    copy.write_answers(&copy.solved());
    let right = copy.attn(&["gradcheck", "3"]);
    assert_eq!(right.code, 0, "{right}");
    assert!(right.out.contains("attention_backward (3.6) of attention (3.3), causal"), "{right}");
    assert!(right.out.contains("dq       4×3      ✓") && !right.out.contains('✗'), "{right}");
    let again = copy.attn(&["gradcheck", "3.6"]);
    assert_eq!(again.out, right.out);
    assert_ne!(copy.attn(&["gradcheck", "3", "--seed", "9"]).out, right.out);

    // A gradient that has forgotten the scale.
    let solved = copy.solved();
    let forgotten =
        solved.replacen("let d_products = d_scores * scale;", "let d_products = d_scores;", 1);
    assert_ne!(forgotten, solved);
    copy.write_answers(&forgotten);
    let wrong = copy.attn(&["gradcheck", "3"]);
    assert_eq!(wrong.code, 1, "{wrong}");
    for part in wrong.out.split("\n\n") {
        let is_wrong = part.starts_with("attention_backward (3.6)");
        for line in part.lines().filter(|line| line.starts_with("  d")) {
            assert_eq!(line.contains('✗'), is_wrong && !line.contains("dv"), "{wrong}");
        }
    }
    assert!(wrong.out.contains("cargo attn check"), "{wrong}");

    let none = copy.attn(&["gradcheck", "0"]);
    assert!(none.code == 2 && none.err.contains("chapter 0 has no gradients"), "{none}");
}

#[test]
fn what_goes_wrong_in_a_demonstration_is_one_line() {
    let copy = Copy::new();
    let solved = copy.solved();
    let cases = [
        ("panic!(\"at {n}\")", "attention (3.3) panicked at exercise.rs:LINE: at 68\n"),
        (
            "drop(q.dot(&v))",
            "attention (3.3) panicked at exercise.rs:LINE: ndarray: inputs 68 × 4 and 274 × 274",
        ),
        ("rest()", "attention (3.3) is half written: its todo was reached, “the rest”\n"),
        (
            "loop { std::hint::black_box(0); }",
            "attention (3.3) was still running after 2 seconds and was stopped",
        ),
        ("drop(down(0))", "attention (3.3) overflowed the stack"),
        (
            "drop(std::hint::black_box(vec![1_u8; 3 << 30]))",
            "attention (3.3) asked for more than 2 GiB of memory\n",
        ),
        ("std::process::exit(0)", "attention (3.3) ended the program (exit code 0)"),
        (
            "return Output { out: Array2::zeros((n, 9)), lse: Array1::zeros(n) }",
            "The demonstration could not go on with what your functions gave: columns of out 9 ≠ value width 274\n",
        ),
    ];
    // A function of its own: where one has two panics, the compiler may make one of them.
    let down = "fn down(n: u64) -> u64 { std::hint::black_box([n; 99]); down(n + 1) + 1 }\n\
                #[inline(never)] fn rest() { todo!(\"the rest\") }";
    let mut arms =
        format!("let n = q.nrows();\n{down}\nmatch std::env::var(\"CASE\").as_deref() {{\n");
    for (code, _) in &cases {
        arms += &format!("Ok({code:?}) => {{\n{code}\n}}\n");
    }
    arms += "_ => {}\n}";
    copy.write_answers(&with_line(&solved, "attention", &arms));
    let text = copy.answers();
    for (code, says) in cases {
        let line = 1 + text.lines().position(|it| it == code).expect("the line");
        let mut run = copy.command(&["run", "3", "--mine"]);
        let run = run.env("ATTN_DEMONSTRATION_SECONDS", "2").env("CASE", code).output();
        let run = Ended::from(run.expect("attn starts"));
        assert_eq!(run.code, 1, "{code}: {run}");
        assert!(run.err.starts_with(&says.replace("LINE", &line.to_string())), "{says}: {run}");
        assert_eq!(run.err.lines().count(), 1, "{code}: {run}");
    }
    // The reference that stands in for a missing answer has no line in the learner's file.
    copy.attn(&["reset", "3"]);
    let starter = copy.answers();
    let begins = "pub fn softmax_rows(x: ArrayView2<f32>) -> Array2<f32> {";
    copy.write_answers(
        &starter.replace(begins, &format!("{begins}\n    return Array2::zeros((1, 1));")),
    );
    let run = copy.attn(&["run", "3", "--mine"]);
    let says = "The reference's attention (3.3) could not go on with what your functions gave: ";
    assert!(run.code == 1 && run.err.starts_with(says), "{run}");
    let left = fs::read_dir(copy.root.join(".attn/demonstration")).expect("a folder");
    let left: Vec<_> = left.map(|it| it.expect("an entry").file_name()).collect();
    assert_eq!(left, ["03.lock"], "no temporary files");
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_of_a_demonstration_is_left_running() {
    let copy = Copy::new();
    let here = copy.root.join("chapters").canonicalize().expect("where the command is run");
    let running = |what: &str| {
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        // Other tests run it, too, elsewhere.
        let own = processes
            .filter(|it| fs::read_link(it.path().join("cwd")).is_ok_and(|folder| folder == here));
        let lines = own.filter_map(|it| fs::read_to_string(it.path().join("cmdline")).ok());
        lines.filter(|line| line.replace('\0', " ").trim_end().ends_with(what)).count()
    };
    let spawns = "std::process::Command::new(\"sleep\").arg(\"98765\").spawn().unwrap(); loop { std::hint::black_box(0); }";
    copy.write_answers(&with_line(&copy.solved(), "attention", spawns));
    let mut run = copy.command(&["run", "3", "--mine"]);
    let run =
        Ended::from(run.env("ATTN_DEMONSTRATION_SECONDS", "2").output().expect("attn starts"));
    assert!(run.err.contains("was stopped"), "{run}");
    assert_eq!((running("sleep 98765"), running("examples/lookup")), (0, 0), "{run}");

    // Whoever asked for it is ended from outside.
    let mut run = copy.command(&["run", "3", "--mine"]).spawn().expect("attn starts");
    let wait_for = |count: usize| {
        let begun = std::time::Instant::now();
        while running("sleep 98765") != count || running("examples/lookup") != count {
            assert!(begun.elapsed() < Duration::from_secs(30), "{count} are waited for");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for(1);
    run.kill().expect("killed");
    run.wait().expect("ended");
    wait_for(0);
}

/// Asks the real language model one question after another.
fn asked(copy: &Copy, questions: &str, case: &str) -> Ended {
    let mut chat = copy.command(&["chat", "--mine", "--temperature", "0"]);
    let chat = chat.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    chat.env("ATTN_DEMONSTRATION_SECONDS", "5").env("CASE", case);
    let mut chat = chat.spawn().expect("attn starts");
    let mut stdin = chat.stdin.take().expect("it is piped");
    stdin.write_all(questions.as_bytes()).expect("it reads");
    drop(stdin);
    Ended::from(chat.wait_with_output().expect("it ends"))
}

#[test]
fn a_conversation_goes_on_whatever_a_learners_function_does() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.attn/smollm2");
    let model = std::env::var_os("ATTN_SMOLLM").map_or(model, PathBuf::from);
    if !model.is_dir() && std::env::var_os("ATTN_REQUIRE_SMOLLM").is_none() {
        eprintln!("skipped: SmolLM2 is not there");
        return;
    }
    let copy = Copy::with(&[PARTS, MODEL_PARTS].concat());
    let course = Course::load(&copy.root).expect("a course");
    let write = |number: u32, edit: &dyn Fn(String) -> String| {
        let chapter = course.chapter(number).expect("a chapter");
        let solved = starter::solved(&course, chapter).expect("a reference");
        fs::write(copy.root.join(chapter.answers()), edit(solved)).expect("written");
    };
    let question = "What is the capital of France?\n";
    let paris = "> What is the capital of France?\nThe capital of France is Paris.\n";
    for number in [3, 4, 6] {
        write(number, &|solved| solved);
    }
    let right = asked(&copy, &format!("{question}\nAnd of Italy?\n"), "");
    assert_eq!(right.code, 0, "{right}");
    assert!(right.out.contains(paris) && right.out.contains("Rome"), "{right}");
    let whose = |ended: &Ended| {
        let text = ended.out.replace('\n', " ");
        let (yours, rest) = text.split_once("The reference's (yours ").expect("both kinds");
        (yours.to_string(), rest.to_string())
    };
    let (yours, rest) = whose(&right);
    assert!(yours.contains("rope (4.4)") && rest.contains("append (5.2)"), "{right}");
    assert!(!right.err.contains("gives something else"), "{right}");

    // What goes wrong ends a reply, and the next question is answered like the first. All three are
    // compiled once.
    let begins = "pub fn merge_heads(x: ArrayView3<f32>) -> Array2<f32> {\n";
    let wrong = "    match std::env::var(\"CASE\").as_deref() {\n\
                 _ if x.dim().1 <= 60 => {}\n\
                 Ok(\"panic\") => panic!(\"at {}\", x.dim().1),\n\
                 Ok(\"exit\") => std::process::exit(0),\n\
                 _ => loop { std::hint::black_box(0); },\n}\n";
    write(4, &|solved| solved.replace(begins, &format!("{begins}{wrong}")));
    let long = format!("What is the capital of{}?\n", " France, I mean of France".repeat(9));
    for (case, says) in [
        ("panic", "merge_heads (4.2) panicked at exercise.rs:"),
        ("exit", "merge_heads (4.2) ended the program (exit code 0)"),
        ("loop", "merge_heads (4.2) was still running after 5 seconds"),
    ] {
        let ended = asked(&copy, &format!("{long}{question}"), case);
        assert_eq!(ended.code, 0, "{case}: {ended}");
        assert!(ended.err.contains(says), "{case}: {ended}");
        assert!(ended.err.contains("without this question"), "{case}: {ended}");
        assert!(ended.out.contains("Paris"), "{case}, the second reply: {ended}");
    }

    // What is wrong without a word is named after the reply.
    write(4, &|solved| solved.replace("(start + ", "(1 + start + "));
    let wrong = asked(&copy, question, "");
    assert!(wrong.out.contains(paris), "only differences of positions count: {wrong}");
    assert!(wrong.err.contains("rope (4.4) gives something else than the reference"), "{wrong}");
    assert_eq!(wrong.err.matches("gives something else").count(), 1, "{wrong}");

    // What does not compile is the reference's, and costs no other chapter's functions.
    write(4, &|solved| solved.replace(begins, &format!("{begins}    let n: u8 = x;\n")));
    write(6, &|_| "this is not Rust".into());
    let broken = asked(&copy, question, "");
    assert!(broken.out.contains(paris), "{broken}");
    let (yours, rest) = whose(&broken);
    assert!(yours.contains("rope (4.4)") && rest.contains("merge_heads (4.2)"), "{broken}");
    assert!(rest.contains("grouped_decode (6.3)"), "{broken}");
}
