//! Results contradict neither themselves nor their schema, and parts of them make the same whole.

mod common;

use attn_classroom::results::{MergeError, Results, ResultsError, State};
use common::{ada, bob, chen, class, dora, of};
use std::{env, fs, path::Path};

fn schema() -> String {
    let schema = schemars::schema_for!(Results);
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

#[test]
fn the_published_schema_is_of_these_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/results.json");
    if env::var("ATTN_WRITE_SCHEMA").is_ok_and(|value| value == "1") {
        fs::write(&path, schema()).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        published,
        schema(),
        "run again with ATTN_WRITE_SCHEMA=1, and commit schema/results.json"
    );
}

#[test]
fn what_is_written_follows_the_schema() {
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    let published = serde_json::from_str(&schema()).unwrap();
    compiler.add_resource("results.json", published).unwrap();
    let index = compiler.compile("results.json", &mut schemas).unwrap();
    let mut json = serde_json::to_value(class()).unwrap();
    assert!(schemas.validate(&json, index).is_ok());
    json["students"][0]["exercises"][0]["state"] = "excellent".into();
    json["students"][1]["mood"] = "good".into();
    let said = schemas.validate(&json, index).unwrap_err().to_string();
    assert!(said.contains("/students/0/exercises/0/state") && said.contains("'mood'"), "{said}");
}

#[test]
fn the_total_is_the_sum_times_the_late_factor() {
    let results = class();
    let totals: Vec<_> =
        results.students.iter().map(|s| (s.name.as_str(), s.points, s.of)).collect();
    // Bob: (8.5 + 9.82 + 0) · 0.9 = 16.488.
    let wanted = [
        ("Ada Lovelace", 32.0, 32.0),
        ("Bob, \"the builder\" <b>", 16.49, 32.0),
        ("Dora", 0.0, 32.0),
        ("陳 小明", 0.0, 32.0),
    ];
    assert_eq!(totals, wanted);
}

#[test]
fn reading_gives_back_what_was_written() {
    let results = class();
    let json = results.to_json();
    let read = Results::from_json(&json).unwrap();
    assert_eq!(read, results);
    assert_eq!(read.to_json(), json);
}

/// Points and factors that are not exact in binary survive writing and reading.
#[test]
fn every_hundredth_comes_back_as_the_same_bytes() {
    for i in 0..2000 {
        let mut ada = ada();
        ada.exercises[1].points = f64::from(i) / 100.1;
        ada.exercises[1].state = State::Partly;
        ada.late_factor = 1.0 - f64::from(i) / 3001.0;
        let json = of(vec![ada]).to_json();
        assert_eq!(Results::from_json(&json).unwrap().to_json(), json);
    }
}

#[test]
fn parts_in_any_order_are_the_same_bytes_as_one_run() {
    let whole = class().to_json();
    let parts = || vec![of(vec![dora(), ada()]), of(vec![chen()]), of(vec![bob()])];
    let read = |part: Results| Results::from_json(&part.to_json()).unwrap();
    for turn in 0..3 {
        let mut parts: Vec<_> = parts().into_iter().map(read).collect();
        parts.rotate_left(turn);
        assert_eq!(Results::merge(parts).unwrap().to_json(), whole);
    }
}

#[test]
fn a_double_or_foreign_part_is_named() {
    let says = |parts: Vec<Results>| Results::merge(parts).unwrap_err().to_string();
    assert!(matches!(Results::merge(vec![]), Err(MergeError::Nothing)));
    let twice = says(vec![of(vec![ada()]), of(vec![bob()]), of(vec![ada()])]);
    assert_eq!(twice, "Ada Lovelace is in part 1 and in part 3; grade each student once");
    let other = |change: fn(&mut Results)| {
        let mut other = of(vec![bob()]);
        change(&mut other);
        says(vec![of(vec![ada()]), other])
    };
    assert!(other(|r| r.seed = 18).contains("the seed 17, part 2 has the seed 18"));
    assert!(other(|r| r.course = "abc".into()).contains("the course 5f0c2b"));
    assert!(other(|r| r.chapters = vec![4]).contains("the chapters 3"));
    assert!(other(|r| r.assignment = "Week 4".into()).contains("the assignment Week 3"));
    let asked = other(|r| r.students[0].exercises.truncate(1));
    assert!(
        asked.contains("Ada Lovelace was asked 3.1 for 10, 3.3 for 20, weights for 2, but Bob"),
        "{asked}"
    );
}

/// What is changed by hand, or comes from a grader that errs, is not believed.
#[test]
fn contradictions_are_refused() {
    fn refused(change: impl Fn(&mut Results)) -> String {
        let mut results = class();
        change(&mut results);
        Results::from_json(&results.to_json()).expect_err("a contradiction").to_string()
    }
    let total = refused(|r| r.students[0].points = 31.0);
    assert_eq!(total, "Ada Lovelace, total: is 31 of 32, but its parts give 32 of 32");
    let unchecked = refused(|r| r.students[0].exercises[0].state = State::NotChecked);
    assert_eq!(unchecked, "Ada Lovelace, 3.1: 10 points, but it was not checked");
    let passed = refused(|r| r.students[1].exercises[0].state = State::Passed);
    assert!(
        passed.ends_with("3.1: passed, but 14 of 20 cases right in “hidden cases”"),
        "{passed}"
    );
    assert!(
        refused(|r| r.students[0].exercises[0].points = 11.0).contains("11 of 10 points cannot be")
    );
    assert!(
        refused(|r| r.students[0].exercises[0].points = -1.0).contains("-1 of 10 points cannot be")
    );
    assert!(
        refused(|r| r.students[0].exercises[0].groups[0].right = 13).contains("13 of 12 cases")
    );
    assert!(refused(|r| r.students[0].late_factor = 1.5).contains("late_factor"));
    assert!(refused(|r| r.students[0].refused = Some("no".into())).contains("refused"));
    assert!(refused(|r| r.students[0].predictions[0].answer = None).contains("not answered"));
    assert!(refused(|r| r.students[0].predictions[0].right = false).contains("not right"));
    assert!(refused(|r| r.students.swap(0, 1)).contains("not sorted"));
    assert!(refused(|r| r.students[1].name = "Ada Lovelace".into()).contains("twice"));
    assert!(refused(|r| r.format = 2).contains("format 2"));
    let infinite = Results::new(
        "a".into(),
        vec![3],
        "c".into(),
        1,
        vec![{
            let mut ada = ada();
            ada.exercises[0].of = f64::NAN;
            ada
        }],
    );
    assert!(matches!(infinite, Err(ResultsError::Contradiction { .. })));
    let unknown = class().to_json().replace("\"seed\"", "\"sead\"");
    assert!(Results::from_json(&unknown).unwrap_err().to_string().contains("sead"));
}
