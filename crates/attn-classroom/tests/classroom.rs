//! A class of full, partial, broken and hostile submissions, graded by the program as a teacher would.
//!
//! A hostile body tries something and, if it was refused, gives the right answer: so it passes if and only if it was kept
//! in its place. 3.5 is solved in every file: whatever 3.1 does, it must not cost that.

use attn::{Course, starter};
use attn_classroom::results::{Graded, Results, State, Student};
use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

/// What a right 3.1 says; `x` is what it is given.
const RIGHT: &str = "
    let mut weights = x.to_owned();
    for mut row in weights.rows_mut() {
        let most = row.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        if most == f32::NEG_INFINITY { row.fill(0.0); continue; }
        row.mapv_inplace(|s| (s - most).exp());
        let sum = row.sum();
        row /= sum;
    }
    weights";

/// Bodies of 3.1 with what becomes of them. `{right}` stands for a right answer, `{root}` for the course's folder, `{work}`
/// for the grader's, `{temp}` for that of temporary files.
const BODIES: &[(&str, &str, State)] = &[
    ("right", "{right}", State::Passed),
    ("unsolved", "todo!(\"3.1: later\")", State::Unsolved),
    // No maximum is taken out: only the numbers that are not large are right.
    (
        "overflows",
        "let e = x.mapv(f32::exp); let s = e.sum_axis(Axis(1)).insert_axis(Axis(1)); e / s",
        State::Partly,
    ),
    ("nothing", "Array2::zeros(x.dim())", State::Wrong),
    ("another shape", "Array2::zeros((1, 1))", State::Wrong),
    // Ends itself in some way.
    ("exit", "std::process::exit(0)", State::Stopped),
    ("exit late", "if x.len() > 6 { std::process::exit(0) } {right}", State::Stopped),
    ("abort", "std::process::abort()", State::Stopped),
    ("panic", "panic!(\"no\")", State::Wrong),
    (
        "panic in drop",
        "struct D; impl Drop for D { fn drop(&mut self) { panic!(\"in drop\") } } let _d = D; panic!(\"no\")",
        State::Stopped,
    ),
    ("endless loop", "loop { std::hint::black_box(()); }", State::Stopped),
    (
        "endless recursion",
        "fn f(n: u64) -> u64 { std::hint::black_box(f(n + 1)) + 1 } f(0); {right}",
        State::Stopped,
    ),
    (
        "deadlock",
        "let m = std::sync::Mutex::new(0); let _a = m.lock(); let _b = m.lock(); {right}",
        State::Stopped,
    ),
    (
        "null",
        "#[allow(unsafe_code)] unsafe { *std::hint::black_box(std::ptr::null_mut::<u8>()) = 1 }; {right}",
        State::Stopped,
    ),
    // Uses up what there is.
    (
        "memory at once",
        "let v = vec![1u8; 64 << 30]; std::hint::black_box(&v); {right}",
        State::Stopped,
    ),
    (
        "memory bit by bit",
        "let mut all = Vec::new(); loop { all.push(vec![0u8; 64 << 20]); }",
        State::Stopped,
    ),
    ("output", "loop { println!(\"{}\", \"x\".repeat(1 << 16)); }", State::Stopped),
    (
        "threads",
        "for _ in 0..100 { std::thread::spawn(|| std::thread::sleep(std::time::Duration::from_secs(1000))); } {right}",
        State::Passed,
    ),
    (
        "threads without end",
        "let sleep = || std::thread::sleep(std::time::Duration::from_secs(1000)); while std::thread::Builder::new().stack_size(256 << 20).spawn(sleep).is_ok() {} {right}",
        State::Passed,
    ),
    (
        "a large file",
        "let dir = own_dir(); let f = std::fs::File::options().write(true).open(dir.join(\"printed\")).unwrap(); use std::io::Write; let mut f = f; loop { f.write_all(&[0; 1 << 16]).unwrap(); }",
        State::Stopped,
    ),
    (
        "many files",
        "let dir = own_dir(); for i in 0..9 { assert!(std::fs::write(dir.join(format!(\"{i}\")), \"f\").is_err()); } {right}",
        State::Passed,
    ),
    // Pretends.
    (
        "forged lines",
        "println!(\"{{\\\"id\\\":\\\"3.1\\\",\\\"verdict\\\":{{\\\"state\\\":\\\"passed\\\",\\\"cases\\\":24}}}}\"); x.to_owned()",
        State::Wrong,
    ),
    (
        "forged outcomes",
        "std::fs::write(own_dir().join(\"outcomes\"), [0xff; 4096]).unwrap(); std::process::exit(0)",
        State::Stopped,
    ),
    ("cannot be checked", "attn_exercise::cannot_be_checked(\"the dog ate it\")", State::Stopped),
    ("waits on another", "todo!(\"3.2: later\")", State::WaitsOn),
    (
        "hooks",
        "std::panic::set_hook(Box::new(|_| std::process::exit(0))); panic!(\"no\")",
        State::Stopped,
    ),
    // Looks for what is right.
    ("the reference", "ch03_scaled_dot_product::softmax_rows(x)", State::DoesNotCompile),
    ("the oracle", "attn_oracle::softmax_rows::<f32>(x)", State::DoesNotCompile),
    (
        "the declaration",
        "(ch03_scaled_dot_product::exercises::softmax_rows::exercise().solution)(x)",
        State::DoesNotCompile,
    ),
    (
        "its source",
        "#[path = \"{root}/chapters/03-scaled-dot-product/src/softmax.rs\"] mod stolen; stolen::softmax_rows(x)",
        State::DoesNotCompile,
    ),
    (
        "its text",
        "let _ = include_str!(\"{root}/chapters/03-scaled-dot-product/src/softmax.rs\"); {right}",
        State::DoesNotCompile,
    ),
    (
        "the system's files",
        "let _ = include_bytes!(\"/etc/passwd\"); {right}",
        State::DoesNotCompile,
    ),
    ("the judge", "assert!(std::fs::read(\"{work}/judge-03\").is_err()); {right}", State::Passed),
    (
        "files",
        "for f in [\"/etc/passwd\", \"{root}/Cargo.toml\", \"/proc/1/environ\"] { assert!(std::fs::read(f).is_err(), \"{f}\"); } assert!(std::fs::read_dir(\"/\").is_err()); {right}",
        State::Passed,
    ),
    (
        "the environment",
        "assert!(option_env!(\"ATTN_SECRET\").is_none()); assert_eq!(std::env::vars_os().count(), 0); {right}",
        State::Passed,
    ),
    // Reaches for others.
    (
        "writing elsewhere",
        "for f in [\"{temp}/hostile\", \"{root}/hostile\"] { assert!(std::fs::write(f, \"h\").is_err(), \"{f}\"); } {right}",
        State::Passed,
    ),
    (
        "permissions",
        "use std::os::unix::fs::PermissionsExt; let p = std::fs::Permissions::from_mode(0o777); assert!(std::fs::set_permissions(\"{root}/Cargo.toml\", p).is_err()); {right}",
        State::Passed,
    ),
    (
        "starting programs",
        "assert!(std::process::Command::new(\"/bin/sh\").spawn().is_err()); {right}",
        State::Passed,
    ),
    (
        "fork bomb",
        "loop { if std::process::Command::new(std::env::current_exe().unwrap()).spawn().is_err() { break } } {right}",
        State::Passed,
    ),
    (
        "the network",
        "assert!(std::net::TcpStream::connect(\"127.0.0.1:1\").unwrap_err().kind() == std::io::ErrorKind::PermissionDenied); assert!(std::net::UdpSocket::bind(\"127.0.0.1:0\").is_err()); assert!(std::os::unix::net::UnixStream::pair().is_err() || true); {right}",
        State::Passed,
    ),
    // Goes round the standard library.
    (
        "permissions by number",
        "#[allow(unsafe_code)] unsafe extern \"C\" { fn syscall(n: i64, ...) -> i64; } #[allow(unsafe_code)] let done = unsafe { syscall(452, -100_i64, c\"{root}/Cargo.toml\".as_ptr(), 0o777_u32, 0_u32) }; assert_eq!(done, -1); {right}",
        State::Passed,
    ),
    (
        "a file without a name",
        "use std::os::unix::fs::OpenOptionsExt; assert!(std::fs::File::options().write(true).custom_flags(0o20_200_000).open(own_dir()).is_err()); {right}",
        State::Passed,
    ),
    ("the exit status of a worker", "std::process::exit(121)", State::Stopped),
    ("a long excuse", "attn_exercise::cannot_be_checked(&\"x\".repeat(4 << 20))", State::Stopped),
    (
        "the seed",
        "let _ = include_str!(\"{work}/slot-0.task.json\"); {right}",
        State::DoesNotCompile,
    ),
    // Works on the compiler.
    (
        "macro bomb",
        "macro_rules! m { ($($t:tt)*) => { m!{ $($t)* $($t)* } } } m!{ a } {right}",
        State::DoesNotCompile,
    ),
    (
        "endless constant",
        "const N: u64 = { let mut i = 0; while i < u64::MAX { i += 1 } i }; std::hint::black_box(N); {right}",
        State::DoesNotCompile,
    ),
    (
        "endless types",
        "fn f<T>(n: u64, t: T) { if n > 0 { f(n - 1, (t, 0)) } } f(9, 0); {right}",
        State::DoesNotCompile,
    ),
    ("an open bracket", "{right} (", State::DoesNotCompile),
];

/// Where a worker's files lie, for bodies that look for them.
const OWN_DIR: &str = "
fn own_dir() -> std::path::PathBuf {
    let request = std::env::args().nth(1).expect(\"a request\");
    let from = request.find(\"\\\"dir\\\":\\\"\").expect(\"a folder\") + 7;
    request[from..].split('\"').next().expect(\"its end\").into()
}
";

struct Class {
    course: Course,
    dir: TempDir,
    solved: String,
}

impl Class {
    fn new() -> Self {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the root");
        let course = Course::load(&root).expect("the course");
        let chapter = course.chapter(3).expect("chapter 3");
        let solved = starter::solved(&course, chapter).expect("the reference");
        Class { course, dir: tempfile::tempdir().expect("a folder"), solved }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A learner's file with this body of 3.1, and 3.5 solved.
    fn answers(&self, body: &str) -> String {
        let chapter = self.course.chapter(3).expect("chapter 3");
        let text =
            fs::read_to_string(self.course.root.join(chapter.starter())).expect("the starter");
        let (_, gradient) = self.course.exercise("3.5").expect("3.5");
        let reference = starter::solution(&self.course, chapter, gradient).expect("its reference");
        let text = starter::with_body(&text, gradient, &reference).expect("its section");
        let (_, softmax) = self.course.exercise("3.1").expect("3.1");
        let root = self.course.root.display().to_string();
        let temp = env::temp_dir().display().to_string();
        let work = format!("{root}/.attn/classroom/00-03");
        let mut body = body.replace("{right}", RIGHT);
        for (name, place) in [("{root}", &root), ("{work}", &work), ("{temp}", &temp)] {
            body = body.replace(name, place);
        }
        let code = format!(
            "pub fn softmax_rows(x: ArrayView2<f32>) -> Array2<f32> {{\n{body}\n}}\n{OWN_DIR}"
        );
        starter::with_body(&text, softmax, &code).expect("its section")
    }

    fn submit(&self, name: &str, text: &str) {
        let file = self.path("class").join(name).join("exercise.rs");
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_attn-classroom"))
            .args(arguments)
            .current_dir(&self.course.root)
            .env("ATTN_SECRET", "s3cret")
            .output()
            .expect("it runs")
    }

    fn grade(&self, arguments: &[&str], out: &str) -> Results {
        let (class, out) = (self.path("class"), self.path(out));
        let assignment = self.path("assignment.toml");
        let paths =
            [class.to_str(), assignment.to_str(), out.to_str()].map(|path| path.expect("plain"));
        let all =
            ["grade", paths[0], "--assignment", paths[1], "--out", paths[2], "--seconds", "3"];
        let output = self.run(&[&all[..], arguments].concat());
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        let text = fs::read_to_string(out.join("results.json")).expect("results");
        Results::from_json(&text).expect("they are whole")
    }
}

fn exercise<'r>(student: &'r Student, id: &str) -> &'r Graded {
    student.exercises.iter().find(|graded| graded.id == id).expect("it was asked")
}

#[test]
fn a_class_is_graded() {
    let class = Class::new();
    let assignment = "
        title = \"Week 3\"
        course = \"any\"
        due = \"2027-03-01T23:59:00+01:00\"
        late = { per_day = 10, at_most_days = 3 }
        exercises = [
            { id = \"3.1\", points = 10 },
            { id = \"0.1\", points = 3 },
            { id = \"3.5\", points = 15 },
        ]
        [[questions]]
        id = \"weights\"
        text = \"Both scores are equal. What is the first weight?\"
        accepts = { number = 0.5, tolerance = 0.01 }
        points = 2
    ";
    fs::write(class.path("assignment.toml"), assignment).expect("written");
    for (name, body, _) in BODIES {
        class.submit(name, &class.answers(body));
    }
    class.submit("whole", &class.solved);
    let primer = class.course.chapter(0).expect("chapter 0");
    let primer = starter::solved(&class.course, primer).expect("the reference");
    fs::create_dir_all(class.path("class/whole/primer")).expect("made");
    fs::write(class.path("class/whole/primer/exercise.rs"), primer).expect("written");
    fs::write(class.path("class/whole/predictions.toml"), "weights = 0.5").expect("written");
    // What is beside the answers counts for nothing.
    for (file, text) in [
        ("Cargo.toml", "[package]\nname = \"mine\""),
        ("build.rs", "fn main() { panic!() }"),
        (".cargo/config.toml", "[build]\nrustflags = [\"--cfg\", \"mine\"]"),
        ("tests/mine.rs", "compile_error!();"),
    ] {
        let file = class.path("class/whole").join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    }
    class.submit("Zoë O'Neill", &class.solved);
    class.submit("late", &class.solved);
    class.submit("empty file", "");
    class.submit("another chapter", &class.solved.replace("Chapter 3", "Chapter 4"));
    fs::create_dir_all(class.path("class/no file")).expect("made");
    fs::create_dir_all(class.path("class/not text")).expect("made");
    fs::write(class.path("class/not text/exercise.rs"), [0xff, 0xfe, 0x00]).expect("written");
    #[cfg(unix)]
    {
        fs::create_dir_all(class.path("class/link")).expect("made");
        std::os::unix::fs::symlink("/etc/passwd", class.path("class/link/exercise.rs"))
            .expect("made");
    }
    let mut bomb =
        zip::ZipWriter::new(fs::File::create(class.path("class/bomb.zip")).expect("made"));
    let plain = zip::write::SimpleFileOptions::default();
    bomb.start_file("exercise.rs", plain).expect("begun");
    for _ in 0..80 {
        bomb.write_all(&[b' '; 1 << 20]).expect("written");
    }
    bomb.finish().expect("whole");
    let times = class.path("times.csv");
    fs::write(&times, "student,submitted\nlate,2027-03-03T08:00:00+01:00\n").expect("written");

    let results = class.grade(&["--submitted", times.to_str().expect("plain")], "out");

    let mut wrong = Vec::new();
    for (name, _, state) in BODIES {
        let student = results.student(name).expect("graded");
        let [softmax, gradient] = ["3.1", "3.5"].map(|id| exercise(student, id));
        let fair = match state {
            State::Passed => softmax.points == 10.0,
            State::Partly => 0.0 < softmax.points && softmax.points < 10.0,
            _ => softmax.points == 0.0,
        };
        // What the compiler cannot read as a whole costs all.
        let torn = *name == "an open bracket";
        if softmax.state != *state || !fair {
            wrong.push(format!("{name}: {softmax:#?} {:?}", student.notes));
        }
        if (gradient.state, gradient.points) != (State::Passed, 15.0) && !torn {
            wrong.push(format!("{name}, beside it: {gradient:#?}"));
        }
        let told = fs::read_to_string(class.path("out/students").join(format!("{name}.md")));
        let told = told.expect("a report");
        assert!(!told.contains("s3cret") && !told.contains("stack backtrace"), "{told}");
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    let size = fs::metadata(class.path("out/results.json")).expect("results").len();
    assert!(size < 2 << 20, "{size} bytes: somebody's excuse is in it");
    let overflows = exercise(results.student("overflows").expect("graded"), "3.1");
    assert_eq!(overflows.diagnosis.as_ref().expect("named").mistake, "formula-as-written");
    let whole = results.student("whole").expect("graded");
    assert_eq!((whole.points, whole.of), (30.0, 30.0), "{whole:#?}");
    assert!(whole.notes.iter().any(|note| note.contains("Cargo.toml")), "{:?}", whole.notes);
    assert_eq!(results.student("Zoë O'Neill").expect("graded").points, 25.0);
    assert_eq!(results.student("late").expect("graded").points, 20.0);
    let half = results.student("right").expect("graded");
    assert_eq!(exercise(half, "0.1").state, State::NotChecked, "{half:#?}");
    assert!(half.notes.iter().any(|note| note.contains("nothing of chapter 0")), "{half:#?}");
    for name in ["another chapter", "no file", "not text", "link", "bomb", "empty file"] {
        let student = results.student(name).expect("it is in the results");
        let refused = student.refused.is_some()
            || student.exercises.iter().all(|graded| graded.state == State::DoesNotCompile);
        assert!(refused && student.points == 0.0, "{student:#?}");
    }
    for dir in [env::temp_dir(), class.course.root.clone()] {
        assert!(!dir.join("hostile").exists(), "{}", dir.display());
    }

    // Again, in three parts, from what was found: the same bytes.
    let parts: Vec<PathBuf> = (1..=3)
        .map(|part| {
            let name = format!("part-{part}");
            let shard = format!("{part}/3");
            let submitted = times.to_str().expect("plain");
            class.grade(&["--submitted", submitted, "--shard", &shard], &name);
            class.path(&name).join("results.json")
        })
        .collect();
    let joined = class.path("joined");
    let mut arguments = vec!["merge"];
    arguments.extend(parts.iter().map(|part| part.to_str().expect("plain")));
    arguments.extend(["--out", joined.to_str().expect("plain")]);
    assert!(class.run(&arguments).status.success());
    let bytes = |dir: &str| fs::read(class.path(dir).join("results.json")).expect("results");
    assert!(bytes("joined") == bytes("out"), "the parts differ from the whole");
    platforms(&class, assignment);
}

/// The same grader, as a learning platform starts it.
#[cfg(unix)]
fn platforms(class: &Class, assignment: &str) {
    let json = |path: &str| -> serde_json::Value {
        let text = fs::read_to_string(class.path(path)).expect("it is written");
        serde_json::from_str(&text).expect("it is JSON")
    };
    // What is unpacked there is the course; here it is the course itself.
    let settings = "seed = 20270301\nseconds = 3\nconfinement = \"require\"\n";
    for bundle in ["autograder/source", "classroom50"] {
        fs::create_dir_all(class.path(bundle)).expect("made");
        let course = class.path(bundle).join("course");
        std::os::unix::fs::symlink(&class.course.root, course).expect("made");
        fs::write(class.path(bundle).join("assignment.toml"), assignment).expect("written");
        fs::write(class.path(bundle).join("settings.toml"), settings).expect("written");
    }

    // A day after the assignment's due date, and in time by Gradescope's.
    let metadata = r#"{
        "id": 1, "created_at": "2027-03-02T22:00:00.000000-07:00", "submission_method": "upload",
        "users": [{ "email": "a@example.org", "id": 1, "name": "Ada" }, { "id": 2, "name": "Bob" }],
        "assignment": { "due_date": "2027-03-03T23:00:00.000000-07:00", "late_due_date": null },
        "previous_submissions": []
    }"#;
    fs::write(class.path("autograder/submission_metadata.json"), metadata).expect("written");
    fs::create_dir_all(class.path("autograder/submission")).expect("made");
    let answers = class.path("autograder/submission/exercise.rs");
    fs::write(answers, &class.solved).expect("written");
    let autograder = class.path("autograder");
    let run = class.run(&["on-gradescope", autograder.to_str().expect("plain")]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let results = json("autograder/results/results.json");
    assert_eq!(results["score"], 25.0, "{results:#}");
    assert_eq!(results["tests"][0]["status"], "passed", "{results:#}");

    let checkout = class.path("checkout");
    fs::create_dir_all(&checkout).expect("made");
    fs::write(checkout.join("exercise.rs"), &class.solved).expect("written");
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(&checkout)
            .env("GIT_COMMITTER_DATE", "2027-03-01T20:00:00+01:00")
            .output()
            .expect("git runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "week 3"]);
    let bundle = class.path("classroom50");
    let run = Command::new(env!("CARGO_BIN_EXE_attn-classroom"))
        .arg("on-classroom50")
        .args([&bundle, &checkout])
        .current_dir(bundle.join("course"))
        .envs([("CLASSROOM", "attention"), ("ASSIGNMENT", "week3"), ("OWNER", "ada")])
        .envs([("ASSIGNMENT_TYPE", "individual"), ("SUBMISSION_TAG", "submit/1")])
        .envs([("COMMIT_URL", "https://example.org/c"), ("RELEASE_URL", "https://example.org/r")])
        .output()
        .expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let result = json("checkout/result.json");
    assert_eq!((&result["score"], &result["max-score"]), (&25.into(), &30.into()), "{result:#}");
    assert_eq!(result["datetime"], "2027-03-01T19:00:00Z");
    assert_eq!(result["owner"], "ada");
}

/// Lines of the references that are long enough to be nobody else's, and that neither the starter nor another chapter
/// has.
fn lines_of_solutions(class: &Class) -> Vec<String> {
    let mut others = String::new();
    for chapter in &class.course.chapters {
        let starter = class.course.root.join(chapter.starter());
        others += &fs::read_to_string(starter).expect("the starter");
        if chapter.number != 3 {
            others += &starter::solved(&class.course, chapter).expect("the reference");
        }
    }
    let lines = class.solved.lines().map(|line| line.trim().to_string());
    lines
        .filter(|line| line.len() >= 30 && !line.starts_with("//") && !others.contains(line))
        .collect()
}

#[test]
fn students_get_all_but_what_is_right() {
    let class = Class::new();
    let out = class.path("week-3");
    let out_name = out.to_str().expect("plain");
    let made = class.run(&[
        "export",
        "--chapter",
        "3",
        "--out",
        out_name,
        "--due",
        "2027-03-01T23:59:00Z",
    ]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let again = class.run(&[
        "export",
        "--chapter",
        "3",
        "--out",
        "chapters",
        "--due",
        "2027-03-01T23:59:00Z",
    ]);
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("holds something else"),
        "it is not emptied"
    );

    let lines = lines_of_solutions(&class);
    assert!(lines.len() > 40, "{lines:#?}");
    let mut pages = 0;
    for entry in walkdir::WalkDir::new(&out) {
        let entry = entry.expect("readable");
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        let is_page = entry.path().extension().is_some_and(|it| it == "html" || it == "js");
        pages += usize::from(is_page);
        let text = text
            .replace("&amp;", "&")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"");
        for line in &lines {
            assert!(!text.contains(line.as_str()), "{} says “{line}”", entry.path().display());
        }
    }
    assert!(pages > 30, "the book is there");

    // The course's own target folder: what comes from elsewhere is compiled already.
    let attn = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--offline", "--package", "attn", "--bin", "attn", "--"])
            .args(arguments)
            .current_dir(&out)
            .env("CARGO_TARGET_DIR", class.course.root.join("target"))
            .output()
            .expect("cargo runs");
        let said =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.code(), said.concat())
    };
    let (code, said) = attn(&["check", "3"]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.matches("todo: ").count(), 9, "{said}");
    for (arguments, says) in [
        (&["solution", "3.1", "--reveal"][..], "its reference comes after the due date"),
        (&["run", "3"], "its reference comes after the due date"),
        (&["start"], "open book/index.html"),
    ] {
        let (code, said) = attn(arguments);
        assert!(code == Some(2) && said.contains(says), "{said}");
    }
    let answers = out.join("chapters/03-scaled-dot-product/exercise.rs");
    let overflows = BODIES.iter().find(|(name, ..)| *name == "overflows").expect("it is there");
    fs::write(&answers, class.answers(overflows.1)).expect("written");
    let (code, said) = attn(&["check", "3.1"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("exp is taken of the scores as they are"), "a mistake is named: {said}");
    fs::write(&answers, &class.solved).expect("written");
    let (code, said) = attn(&["check", "3"]);
    assert!(code == Some(0) && said.contains("9 of 9 solved"), "{said}");

    // What was compiled from it: a helper of the reference is in the whole course's program, and not in this one.
    fs::write(
        &answers,
        fs::read(out.join("chapters/03-scaled-dot-product/starter.rs")).expect("there"),
    )
    .expect("written");
    let build = |root: &Path, target: &str| -> Vec<u8> {
        let output = Command::new(env!("CARGO"))
            .args([
                "test",
                "--no-run",
                "--offline",
                "--message-format=json",
                "--package",
                "ch03-scaled-dot-product",
                "--test",
                "check",
            ])
            .current_dir(root)
            .env("CARGO_TARGET_DIR", target)
            .output()
            .expect("cargo runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let program = said.lines().rev().find_map(|line| {
            let from = line.find("\"executable\":\"")? + 14;
            line[from..].split('"').next().map(String::from)
        });
        fs::read(program.expect("a program")).expect("readable")
    };
    let target = class.course.root.join("target");
    let target = target.to_str().expect("plain");
    let has =
        |program: &[u8], name: &[u8]| program.windows(name.len()).any(|window| window == name);
    let (whole, handed_out) = (build(&class.course.root, target), build(&out, target));
    for name in [&b"masked_scores"[..], b"no-scale"] {
        assert!(has(&whole, name), "the test can tell");
        assert!(!has(&handed_out, name), "{}", String::from_utf8_lossy(name));
    }
}
