//! Each report against a small class: as it looks, as a consumer reads it, and what it must not say.

mod common;

use attn_classroom::{
    reports::{
        classroom50::{Identity, result_json},
        csv::gradebook,
        difference::Difference,
        gradescope::{Visibility, results_json},
        junit,
        overview::{Overview, html, text},
        student::markdown,
    },
    results::{Group, Results, State, Student},
};
use common::{SECRET, ada, bob, chen, class, dora, of};
use serde_json::Value;
use std::collections::BTreeSet;

const BOB: &str = "Bob, \"the builder\" <b>";
const CHEN: &str = "陳 小明";

fn identity() -> Identity {
    Identity {
        classroom: "attention".into(),
        assignment: "week3".into(),
        assignment_type: "individual".into(),
        owner: "ada".into(),
        submission: "submit/2027-03-01T19-00-00Z-a1b2c3d".into(),
        commit: "https://example.org/commit/a1b2c3d".into(),
        release: "https://example.org/releases/1".into(),
        review: String::new(),
        datetime: "2027-03-01T19:00:00Z".into(),
    }
}

fn named<'a>(results: &'a Results, name: &str) -> &'a Student {
    results.student(name).unwrap()
}

#[test]
fn snapshots_are_compared() {
    attn_snapshot::assert_compared();
}

/// All that is written of these results.
fn everything(results: &Results) -> Vec<String> {
    let empty = of(vec![]);
    let mut all = vec![gradebook(results), junit::xml(results)];
    all.push(text(&Overview::of(results)));
    all.push(html(&Overview::of(results)));
    all.push(Difference::between(&empty, results).unwrap().text());
    for s in &results.students {
        all.push(results_json(s, Visibility::Visible));
        all.push(result_json(s, &identity()).unwrap());
        all.push(markdown(results, s));
    }
    all
}

#[test]
fn no_report_holds_what_is_private() {
    assert!(class().to_json().contains(SECRET), "the results do hold it");
    for report in everything(&class()) {
        assert!(!report.contains(SECRET), "{report}");
    }
}

#[test]
fn visible_checks_are_never_called_all_checks() {
    let results = class();
    assert!(named(&results, BOB).exercises[0].is_visibly_right());
    for report in [
        results_json(named(&results, BOB), Visibility::Visible),
        markdown(&results, named(&results, BOB)),
    ] {
        assert!(
            report.contains("All visible checks pass. 14 of 20 hidden checks pass."),
            "{report}"
        );
    }
    for report in everything(&results) {
        assert!(!report.to_lowercase().contains("all checks pass"), "{report}");
    }
}

#[test]
fn a_backtrace_or_a_colour_reaches_no_student() {
    let mut student = ada();
    let panic = "panicked: index 7\nstack backtrace:\n   0: hidden::case_9\n";
    student.exercises[0].says =
        format!("\u{1b}[1;31merror\u{1b}[0m: no\r\n\tindented\u{7}\n{panic}");
    let results = of(vec![student]);
    for report in everything(&results) {
        for not in ["hidden::case_9", "backtrace", "\u{1b}", "\\u001b", "[1;31m", "\u{7}"] {
            assert!(!report.contains(not), "{not:?} in {report}");
        }
    }
    assert!(
        markdown(&results, &results.students[0])
            .contains("error: no\n    indented\npanicked: index 7\n")
    );
}

#[test]
fn what_was_not_checked_is_a_pass_nowhere() {
    let results = of(vec![chen(), dora()]);
    let xml = junit::xml(&results);
    let doc = roxmltree::Document::parse(&xml).unwrap();
    let of_state = |s: &Student, i: usize| s.exercises[i].state;
    for s in &results.students {
        let gradescope: Value =
            serde_json::from_str(&results_json(s, Visibility::Visible)).unwrap();
        let fifty: Value = serde_json::from_str(&result_json(s, &identity()).unwrap()).unwrap();
        let suite =
            doc.descendants().find(|n| n.attribute("name") == Some(s.name.as_str())).unwrap();
        let cases: Vec<_> = suite.children().filter(|n| n.has_tag_name("testcase")).collect();
        for i in (0..2).filter(|&i| of_state(s, i) == State::NotChecked) {
            assert_eq!(gradescope["tests"][i]["status"], "failed");
            assert_eq!(gradescope["tests"][i]["score"], 0.0);
            assert!(
                gradescope["tests"][i]["output"]
                    .as_str()
                    .unwrap()
                    .starts_with("This was not checked.")
            );
            assert_eq!(fifty["tests"][i]["passed"], false);
            assert!(cases[i].children().any(|n| n.has_tag_name("skipped")), "{xml}");
            assert!(!cases[i].children().any(|n| n.has_tag_name("failure")), "{xml}");
        }
    }
    assert_eq!(
        Overview::of(&results).exercises[1].count(State::NotChecked),
        1,
        "the refused one is counted as such"
    );
    assert_eq!(Overview::of(&results).exercises[1].count(State::Passed), 0);
}

// ── The gradebook ──

#[test]
fn the_gradebook_looks_like_this() {
    insta::assert_snapshot!("gradebook", gradebook(&class()));
}

#[test]
fn a_spreadsheet_reads_the_gradebook_back() {
    let mut mallory = ada();
    mallory.name = "=HYPERLINK(\"http://x\")".into();
    let results = of(vec![bob(), chen(), dora(), mallory]);
    let written = gradebook(&results);
    let mut reader = csv::Reader::from_reader(written.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let wanted = [
        "student",
        "submitted",
        "3.1 (10)",
        "3.3 (20)",
        "weights (2)",
        "before lateness",
        "late factor",
        "total",
        "of",
        "due",
        "state",
    ];
    assert_eq!(columns, wanted);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), results.students.len());
    for (row, s) in rows.iter().zip(&results.students) {
        assert_eq!(row[7].parse::<f64>().unwrap(), s.points);
        assert!(!row[0].starts_with('='), "a spreadsheet computes {:?}", &row[0]);
    }
    assert_eq!(&rows[0][0], "'=HYPERLINK(\"http://x\")");
    assert_eq!((&rows[1][0], &rows[1][6]), (BOB, "0.9"));
    assert_eq!((&rows[3][3], &rows[3][10]), ("", "not checked: 3.3"));
    assert_eq!(&rows[2][10], "nothing could be graded: there is no exercise.rs in it");
}

#[test]
fn a_gradebook_of_nobody_is_a_header() {
    assert_eq!(
        gradebook(&of(vec![])),
        "student,submitted,before lateness,late factor,total,of,due,state\n"
    );
}

// ── Gradescope ──

/// The fields of the published format, at the top and of a test.
const TOP: [&str; 10] = [
    "score",
    "execution_time",
    "output",
    "output_format",
    "test_output_format",
    "test_name_format",
    "visibility",
    "stdout_visibility",
    "extra_data",
    "tests",
];
const TEST: [&str; 11] = [
    "score",
    "max_score",
    "status",
    "name",
    "name_format",
    "number",
    "output",
    "output_format",
    "tags",
    "visibility",
    "extra_data",
];

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn gradescope_finds_the_fields_that_it_knows() {
    let results = class();
    for s in &results.students {
        let json: Value =
            serde_json::from_str(&results_json(s, Visibility::AfterPublished)).unwrap();
        assert!(keys(&json).is_subset(&BTreeSet::from(TOP)), "{json}");
        assert_eq!(json["score"], s.points);
        assert_eq!(json["stdout_visibility"], "hidden");
        let tests = json["tests"].as_array().unwrap();
        assert_eq!(tests.len(), 3);
        let max: f64 = tests.iter().map(|test| test["max_score"].as_f64().unwrap()).sum();
        assert_eq!(max, s.of);
        for test in tests {
            assert!(keys(test).is_subset(&BTreeSet::from(TEST)), "{test}");
            assert!(
                test["score"].is_f64() && test["name"].is_string() && test["number"].is_string()
            );
            assert!(["passed", "failed"].contains(&test["status"].as_str().unwrap()));
            assert_eq!(test["visibility"], "after_published");
        }
    }
    let visible = results_json(named(&results, BOB), Visibility::Visible);
    assert_eq!(visible.matches("\"visibility\": \"visible\"").count(), 3);
    assert!(
        results_json(named(&results, BOB), Visibility::AfterDueDate).contains("\"after_due_date\"")
    );
}

#[test]
fn gradescope_is_told_this() {
    let results = class();
    insta::assert_snapshot!(
        "gradescope_bob",
        results_json(named(&results, BOB), Visibility::Visible)
    );
    insta::assert_snapshot!(
        "gradescope_dora",
        results_json(named(&results, "Dora"), Visibility::Visible)
    );
}

// ── Classroom 50 ──

#[test]
fn classroom_50_finds_the_contract_kept() {
    let wanted = [
        "schema",
        "classroom",
        "assignment",
        "assignment_type",
        "owner",
        "submission",
        "commit",
        "release",
        "review",
        "datetime",
        "score",
        "max-score",
        "tests",
    ];
    let results = class();
    for s in &results.students {
        let json: Value = serde_json::from_str(&result_json(s, &identity()).unwrap()).unwrap();
        assert_eq!(keys(&json), BTreeSet::from(wanted));
        assert_eq!(json["schema"], "classroom50/result/v1");
        assert_eq!(json["review"], json["commit"]);
        let tests = json["tests"].as_array().unwrap();
        let sum = |key: &str| {
            tests.iter().map(|test| test[key].as_u64().expect("a whole number")).sum::<u64>()
        };
        assert_eq!(json["score"], sum("score"));
        assert_eq!(json["max-score"], sum("max-score"));
        for test in tests {
            assert!(test["passed"].is_boolean() && !test["test-name"].as_str().unwrap().is_empty());
            assert!(test["score"].as_u64() <= test["max-score"].as_u64());
        }
    }
    // 8.5 and 9.82 points: a part never looks like the whole.
    let json: Value =
        serde_json::from_str(&result_json(named(&results, BOB), &identity()).unwrap()).unwrap();
    assert_eq!(json["score"], 17);
    assert_eq!(json["tests"][0]["score"], 8);
}

#[test]
fn classroom_50_counts_whole_points() {
    let mut ada = ada();
    ada.exercises[0].of = 9.5;
    ada.exercises[0].points = 9.5;
    let said = result_json(&of(vec![ada]).students[0], &identity()).unwrap_err().to_string();
    assert_eq!(
        said,
        "3.1 is worth 9.5 points, but Classroom 50 counts whole points; change the assignment"
    );
}

// ── JUnit ──

#[test]
fn junit_is_read_back() {
    let results = class();
    let xml = junit::xml(&results);
    let doc = roxmltree::Document::parse(&xml).unwrap();
    let root = doc.root_element();
    let count =
        |node: roxmltree::Node, key: &str| node.attribute(key).unwrap().parse::<usize>().unwrap();
    let counts = |node| ["tests", "failures", "errors", "skipped"].map(|key| count(node, key));
    // Bob: two exercises and a prediction; Chen: one error, two skipped; Dora: all three skipped.
    assert_eq!(counts(root), [12, 3, 1, 5]);
    let suites: Vec<_> = root.children().filter(|n| n.has_tag_name("testsuite")).collect();
    let found: Vec<_> =
        suites.iter().map(|suite| (suite.attribute("name").unwrap(), counts(*suite))).collect();
    let wanted = [
        ("Ada Lovelace", [3, 0, 0, 0]),
        (BOB, [3, 3, 0, 0]),
        ("Dora", [3, 0, 0, 3]),
        (CHEN, [3, 0, 1, 2]),
    ];
    assert_eq!(found, wanted);
    // The crate's own reader, too.
    let again = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!(again.test_suites.len(), 4);
    insta::assert_snapshot!("junit", xml);
}

// ── For a student ──

#[test]
fn a_student_is_told_this() {
    let results = class();
    insta::assert_snapshot!("student_ada", markdown(&results, named(&results, "Ada Lovelace")));
    insta::assert_snapshot!("student_bob", markdown(&results, named(&results, BOB)));
    insta::assert_snapshot!("student_chen", markdown(&results, named(&results, CHEN)));
    insta::assert_snapshot!("student_dora", markdown(&results, named(&results, "Dora")));
}

/// What a student writes cannot become markup in the page of whoever reads it.
#[test]
fn markdown_and_html_of_a_student_stay_text() {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let evil = "<script>x</script> [a](javascript:b) ![i](j) `c` *d* __e__ &amp; | # f";
    let mut student = bob();
    student.name = evil.into();
    student.notes = vec![format!("ignored 1 other file: {evil}"), "- g\n\n# h".into()];
    student.predictions[0].answer = Some(evil.into());
    student.exercises[0].says = format!("```\n````\n{evil}\n</code>");
    let results = of(vec![student]);
    let report = markdown(&results, &results.students[0]);
    let (mut headings, mut text) = (0, String::new());
    for event in Parser::new_ext(&report, Options::all()) {
        match event {
            Event::Html(_) | Event::InlineHtml(_) => panic!("{event:?} in {report}"),
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::Strong) => {
                panic!("{event:?} in {report}")
            }
            Event::Start(Tag::Heading { .. }) => headings += 1,
            Event::Text(part) => text += &part,
            _ => {}
        }
    }
    assert_eq!(headings, 4, "{report}");
    assert!(text.contains("- g  # h"), "a note of several lines stays one: {text}");
    // In the name, a note, the code block and the answer; what looks like an entity stays as it is, too.
    assert_eq!(text.matches(evil).count(), 4, "{text}");
}

#[test]
fn what_comes_into_the_page_stays_text() {
    let evil = "<script>\"x\"</script> &amp;";
    let mut student = bob();
    student.name = evil.into();
    student.exercises[0].title = evil.into();
    student.exercises[1].diagnosis.as_mut().unwrap().when = evil.into();
    student.exercises[1].diagnosis.as_mut().unwrap().mistake = evil.into();
    let results = Results::new(evil.into(), vec![3], "5f0c2b".into(), 17, vec![student]).unwrap();
    let page = html(&Overview::of(&results));
    assert!(!page.contains("<script"), "{page}");
    let doc = roxmltree::Document::parse(page.strip_prefix("<!doctype html>\n").unwrap()).unwrap();
    let texts: Vec<&str> =
        doc.descendants().filter_map(|n| n.is_text().then(|| n.text()).flatten()).collect();
    assert_eq!(texts.iter().filter(|text| text.contains(evil)).count(), 8, "{texts:?}");
}

// ── The class ──

#[test]
fn the_overview_looks_like_this() {
    insta::assert_snapshot!("overview", text(&Overview::of(&class())));
}

#[test]
fn the_overview_counts() {
    let mut eve = bob();
    eve.name = "Eve".into();
    let mut fay = bob();
    fay.name = "Fay".into();
    fay.exercises[1].diagnosis.as_mut().unwrap().mistake = "a-rarer-one".into();
    let overview = Overview::of(&of(vec![ada(), bob(), chen(), dora(), eve, fay]));
    assert_eq!((overview.students, overview.refused, overview.graded()), (6, 1, 5));
    assert_eq!(
        overview.exercises[0].states,
        [(State::Passed, 1), (State::Partly, 3), (State::DoesNotCompile, 1)]
    );
    let made: Vec<_> =
        overview.mistakes.iter().map(|m| (m.times, m.id.as_str(), m.mistake.as_str())).collect();
    assert_eq!(made, [(2, "3.3", "no-scale"), (1, "3.3", "a-rarer-one")]);
    assert_eq!(overview.median, Some(16.49));
}

#[test]
fn the_overview_fits_80_columns() {
    let mut student = bob();
    student.exercises[0].title =
        "A title that is far too long for the table, and 陳小明 on top".into();
    student.exercises[1].diagnosis.as_mut().unwrap().when =
        "the scores are not divided by √d, ".repeat(5) + "or so it seems";
    let mut wide = chen();
    wide.exercises[0].title =
        "A title that is far too long for the table, and 陳小明 on top".into();
    wide.exercises[1].title = "陳小明".repeat(9);
    for students in [vec![student], vec![wide], vec![], vec![dora()]] {
        let title = "a ".repeat(100);
        let results = Results::new(title, vec![3], "5f0c2b".into(), 17, students).unwrap();
        let text = text(&Overview::of(&results));
        for line in text.lines() {
            let width = textwrap::core::display_width(line);
            assert!(width <= 80, "{width}: {line}");
        }
    }
}

#[test]
fn the_page_needs_no_other_file_and_has_an_alternative() {
    for results in [class(), of(vec![]), of(vec![ada()])] {
        let page = html(&Overview::of(&results));
        let document = page.strip_prefix("<!doctype html>\n").unwrap();
        let doc =
            roxmltree::Document::parse(document).unwrap_or_else(|error| panic!("{error}\n{page}"));
        for node in doc.descendants().filter(|n| n.is_element()) {
            let name = node.tag_name().name();
            assert!(!["script", "link", "img", "iframe"].contains(&name), "{name}");
            assert!(node.attribute("href").is_none() && node.attribute("src").is_none());
        }
    }
    let page = html(&Overview::of(&class()));
    let doc = roxmltree::Document::parse(page.strip_prefix("<!doctype html>\n").unwrap()).unwrap();
    let alternatives: Vec<_> = doc
        .descendants()
        .filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "desc")))
        .collect();
    let alternatives: Vec<_> = alternatives.iter().filter_map(roxmltree::Node::text).collect();
    assert_eq!(
        alternatives,
        ["3.1 was passed by 1 of 3. 3.3 was passed by 1 of 3.", "no-scale in 3.3: 1."]
    );
    let cells: Vec<_> =
        doc.descendants().filter(|n| n.has_tag_name("td")).filter_map(|n| n.text()).collect();
    assert!(cells.contains(&"1 passed, 1 partly right, 1 does not compile"), "{cells:?}");
    for says in ["late: 90 % count", "nothing could be graded: there is no exercise.rs in it"] {
        assert!(cells.contains(&says), "{cells:?}");
    }
    assert!(cells.contains(&"the scores are not divided by √d"), "{cells:?}");
}

// ── Two gradings ──

#[test]
fn a_difference_looks_like_this() {
    let mut better = bob();
    better.exercises[0].state = State::Passed;
    better.exercises[0].points = 10.0;
    better.exercises[0].groups[1] = Group { right: 20, ..better.exercises[0].groups[1].clone() };
    better.exercises[1].diagnosis = None;
    better.late_factor = 1.0;
    better.submitted = None;
    better.predictions[0].answer = None;
    let mut read = dora();
    read.refused = None;
    let mut eve = ada();
    eve.name = "Eve".into();
    let after = Results::new(
        "Week 3".into(),
        vec![3],
        "5f0c2b".into(),
        18,
        vec![better, read, chen(), eve],
    )
    .unwrap();
    let difference = Difference::between(&class(), &after).unwrap();
    assert_eq!(difference.unchanged, 1);
    assert_eq!(difference.students[1].by(), 3.33);
    insta::assert_snapshot!("difference", difference.text());
}

#[test]
fn no_difference_is_none() {
    let difference = Difference::between(&class(), &class()).unwrap();
    assert_eq!(difference.text(), "0 changed, 4 did not\n");
}

#[test]
fn another_set_of_exercises_is_a_difference_and_another_assignment_is_an_error() {
    let mut short = ada();
    short.exercises.truncate(1);
    let difference = Difference::between(&of(vec![ada()]), &of(vec![short])).unwrap();
    assert_eq!(difference.students[0].why, ["3.3: 20 of 20, passed → not asked"]);
    let other = Results::new("Week 4".into(), vec![4], "5f0c2b".into(), 17, vec![]).unwrap();
    let said = Difference::between(&class(), &other).unwrap_err().to_string();
    assert_eq!(said, "these are two assignments: “Week 3, chapter 3” and “Week 4, chapter 4”");
}
