//! What every chapter hands out is compiled, with the starter and with everything solved.

use attn::{Course, Language, starter};
use attn_classroom::export::Export;
use std::{fs, path::Path, process::Command};

/// The head of a starter, and of some answers the exercises that it has.
fn only_of(starter: &str, answers: &str) -> String {
    let head = starter::sections(starter)[0].lines.start;
    let mut text: String = starter.lines().take(head).map(|line| format!("{line}\n")).collect();
    for section in starter::sections(answers) {
        if starter::sections(starter).iter().any(|it| it.id == section.id) {
            let lines = answers.lines().skip(section.lines.start).take(section.lines.len());
            text.extend(lines.map(|line| format!("{line}\n")));
        }
    }
    text
}

#[test]
fn what_every_chapter_hands_out_compiles() {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the root");
    let course = Course::load(&root).expect("the course");
    // One place for all of them, one after the other, so that cargo compiles the packages that they share once.
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("handed-out");
    let mut wrong = Vec::new();
    for chapter in course.chapters.iter().filter(|chapter| chapter.language == Language::Rust) {
        let export = Export::new(&course, &[chapter.number]).expect("it can be handed out");
        export.write_code(&place).expect("written");
        let answers = place.join(&chapter.dir).join("exercise.rs");
        let starter = fs::read_to_string(&answers).expect("the starter");
        let solved = starter::solved(&course, chapter).expect("the reference");
        let solved = only_of(&starter, &solved);
        for (what, text) in [("starter", starter), ("solved", solved)] {
            fs::write(&answers, text).expect("written");
            let output = Command::new(env!("CARGO"))
                .args(["check", "--quiet", "--offline", "--test", "check", "--package"])
                .arg(&chapter.package)
                .current_dir(&place)
                .env("CARGO_TARGET_DIR", place.join("target"))
                .env("RUSTFLAGS", "--cfg learner")
                .output()
                .expect("cargo runs");
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                wrong.push(format!("chapter {}, {what}:\n{said}", chapter.number));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
