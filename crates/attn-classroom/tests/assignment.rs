//! The assignment file: what it means, and what is said of one that is wrong.

use attn_classroom::{
    Moment,
    assignment::{Accepts, Assignment, Late, Times},
};

const RIGHT: &str = r#"
title = "Week 3"
course = "5f0c2b"
due = 2027-03-01T23:59:00+01:00
late = { per_day = 10, at_most_days = 3 }
hints = false

[[exercises]]
id = "3.1"
points = 10

[[exercises]]
id = "3.3"
points = 12.5

[[questions]]
id = "weights"
text = "What is the first weight?"
accepts = { number = 0.5, tolerance = 0.01 }
points = 2

[[questions]]
id = "axis"
text = "Along which axis?"
accepts = ["the last", "axis 1"]
points = 1
"#;

fn right() -> Assignment {
    Assignment::parse("week3.toml", RIGHT).unwrap()
}

fn moment(text: &str) -> Moment {
    text.parse().unwrap()
}

#[test]
fn everything_is_read() {
    let a = right();
    assert_eq!((a.title.as_str(), a.chapters(), a.course.as_str()), ("Week 3", vec![3], "5f0c2b"));
    assert_eq!(a.due, moment("2027-03-01T22:59:00Z"));
    assert_eq!(a.late, Late::Accepted { per_day: 10.0, at_most_days: 3 });
    assert!(!a.hints);
    assert_eq!(a.exercises[1].points, 12.5);
    assert_eq!(a.questions[1].accepts, Accepts::Texts(vec!["the last".into(), "axis 1".into()]));
    assert_eq!(a.of(), 25.5);
}

#[test]
fn what_is_written_is_read_again() {
    let none = RIGHT.replace("{ per_day = 10, at_most_days = 3 }", "\"none\"");
    for text in [RIGHT, &none] {
        let a = Assignment::parse("a.toml", text).unwrap();
        assert_eq!(Assignment::parse("b.toml", &toml::to_string(&a).unwrap()).unwrap(), a);
    }
}

#[test]
fn hints_and_questions_may_be_left_out() {
    let text = RIGHT.split("[[questions]]").next().unwrap().replace("hints =", "# hints =");
    let a = Assignment::parse("a.toml", &text).unwrap();
    assert_eq!((a.hints, a.questions.len()), (true, 0));
}

/// Each change makes the file wrong in one place; what is said names the file, the key and what to write.
#[test]
fn what_is_wrong_is_named() {
    let cases = [
        (
            "title = \"Week 3\"",
            "titel = \"Week 3\"",
            &["unknown field `titel`", "`title`"] as &[&str],
        ),
        ("title = \"Week 3\"", "", &["missing field `title`"]),
        ("title = \"Week 3\"", "title = \" \"", &["title is empty", "Write what"]),
        ("\"5f0c2b\"", "\"\"", &["course is empty", "fingerprint"]),
        (
            "2027-03-01T23:59:00+01:00",
            "2027-03-01T23:59:00",
            &["due", "time zone", "2027-03-01T23:59:00+01:00"],
        ),
        ("2027-03-01T23:59:00+01:00", "2027-03-01", &["due", "time zone"]),
        ("2027-03-01T23:59:00+01:00", "\"next Monday\"", &["“next Monday”", "time zone"]),
        ("2027-03-01T23:59:00+01:00", "\"2027-02-30T00:00:00Z\"", &["2027-02-30"]),
        (
            "{ per_day = 10, at_most_days = 3 }",
            "\"never\"",
            &["late is \"never\"", "write \"none\""],
        ),
        ("{ per_day = 10, at_most_days = 3 }", "{ per_day = 10 }", &["at_most_days"]),
        ("per_day = 10,", "per_day = 10, per_week = 3,", &["per_week", "`per_day`"]),
        ("per_day = 10", "per_day = 110", &["late.per_day is 110", "from 0 to 100"]),
        ("per_day = 10", "per_day = nan", &["late.per_day is NaN"]),
        ("at_most_days = 3", "at_most_days = 0", &["late.at_most_days is 0", "late = \"none\""]),
        ("at_most_days = 3", "at_most_days = -1", &["late"]),
        ("hints = false", "hints = 5", &["hints"]),
        ("id = \"3.3\"", "id = \"softmax\"", &["exercises[1].id is “softmax”", "such as 3.1"]),
        ("id = \"3.3\"", "id = \"3.x\"", &["exercises[1].id is “3.x”"]),
        ("id = \"3.3\"", "id = \"3.1\"", &["exercises[1].id is “3.1” a second time"]),
        ("points = 12.5", "points = 0", &["exercises[1].points is 0", "above 0"]),
        ("points = 12.5", "points = -3", &["exercises[1].points is -3"]),
        ("points = 12.5", "points = inf", &["exercises[1].points is inf"]),
        ("points = 12.5", "points = 12.505", &["exercises[1].points is 12.505", "two decimals"]),
        ("id = \"axis\"", "id = \"weights\"", &["questions[1].id is “weights” a second time"]),
        ("[\"the last\", \"axis 1\"]", "[]", &["questions[1].accepts is empty"]),
        ("[\"the last\", \"axis 1\"]", "[\"\"]", &["questions[1].accepts holds an empty answer"]),
        ("[\"the last\", \"axis 1\"]", "7", &["accepts is 7", "tolerance"]),
        ("tolerance = 0.01", "tolerance = -1", &["questions[0].accepts", "tolerance -1"]),
        ("tolerance = 0.01", "tolerence = 1", &["tolerence"]),
    ];
    for (from, to, wanted) in cases {
        assert!(RIGHT.contains(from), "{from}");
        let text = RIGHT.replacen(from, to, 1);
        let said = Assignment::parse("week3.toml", &text).expect_err(to).to_string();
        assert!(said.starts_with("week3.toml"), "{to}: {said}");
        for wanted in wanted {
            assert!(said.contains(wanted), "{to}: “{wanted}” is not in: {said}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let said = Assignment::read("no/such.toml".as_ref()).unwrap_err().to_string();
    assert!(said.starts_with("no/such.toml cannot be read"), "{said}");
}

#[test]
fn a_day_that_has_begun_counts() {
    let factor = |submitted: &str| right().late_factor(&right().due, &moment(submitted));
    assert_eq!(factor("2027-02-01T00:00:00Z"), 1.0);
    assert_eq!(factor("2027-03-01T22:59:00Z"), 1.0, "the due moment itself is in time");
    assert_eq!(factor("2027-03-01T22:59:00.000000001Z"), 0.9);
    assert_eq!(factor("2027-03-02T23:59:00+01:00"), 0.9);
    assert_eq!(factor("2027-03-02T23:59:01+01:00"), 0.8);
    assert_eq!(factor("2027-03-04T22:59:00Z"), 0.7);
    assert_eq!(factor("2027-03-04T22:59:01Z"), 0.0);
    assert_eq!(factor("2028-03-04T22:59:01Z"), 0.0);
}

#[test]
fn no_factor_is_below_zero_and_none_is_none() {
    let steep = Assignment::parse("a", &RIGHT.replace("per_day = 10", "per_day = 60")).unwrap();
    assert_eq!(steep.late_factor(&steep.due, &moment("2027-03-03T12:00:00Z")), 0.0);
    let none =
        Assignment::parse("a", &RIGHT.replace("{ per_day = 10, at_most_days = 3 }", "\"none\""))
            .unwrap();
    assert_eq!(none.late_factor(&none.due, &none.due), 1.0);
    assert_eq!(none.late_factor(&none.due, &moment("2027-03-01T22:59:01Z")), 0.0);
}

#[test]
fn answers_are_compared_as_people_mean_them() {
    let a = right();
    let number = |answer| a.questions[0].accepts.is_right(answer);
    assert!(number("0.5") && number(" .509 ") && number("5e-1"));
    assert!(!number("0.52") && !number("half") && !number("") && !number("NaN") && !number("inf"));
    let text = |answer| a.questions[1].accepts.is_right(answer);
    assert!(text("The  Last") && text(" axis 1\n"));
    assert!(!text("last") && !text(""));
}

#[test]
fn an_extension_is_found_under_the_students_name() {
    // As a spreadsheet saves it: a byte order mark, CRLF, quotes. The é is one character here.
    let csv = "\u{feff}student,due\r\n\"Lovelace, Ada\",2027-03-08T23:59:00+01:00\r\nRen\u{e9},2027-03-09T00:00:00Z\r\n";
    let extensions = Times::parse("ext.csv", "due", csv.as_bytes()).unwrap();
    let due = extensions.of("Lovelace, Ada").unwrap();
    assert_eq!(due.to_string(), "2027-03-08T23:59:00+01:00");
    assert_eq!(right().late_factor(due, &moment("2027-03-08T20:00:00Z")), 1.0);
    // And two here, as some systems name folders.
    assert!(extensions.of("Rene\u{301}").is_some());
    assert!(extensions.of("Bob").is_none());
    assert_eq!(extensions.strangers(["Rene\u{301}", "Bob"]), ["Lovelace, Ada"]);
}

#[test]
fn a_table_of_times_that_is_wrong_is_named() {
    let said = |csv: &str| Times::parse("ext.csv", "due", csv.as_bytes()).unwrap_err().to_string();
    let columns = said("name,due\n");
    assert_eq!(
        columns,
        "ext.csv: the columns are “name,due”. Its first line has to be: student,due"
    );
    assert!(said("student;due\n").contains("first line has to be: student,due"));
    let time = said("student,due\nAda,2027-03-08T23:59:00Z\nBob,8 March\n");
    assert!(time.starts_with("ext.csv, line 3, student Bob: “8 March” is not a date"), "{time}");
    let twice = said("student,due\nAda,2027-03-08T23:59:00Z\nAda ,2027-03-08T23:59:00Z\n");
    assert!(twice.contains("line 3: Ada stands here a second time"), "{twice}");
    assert!(said("student,due\n,2027-03-08T23:59:00Z\n").contains("line 2: the student is empty"));
    assert!(said("student,due\nAda,2027-03-08T23:59:00Z,3\n").starts_with("ext.csv: CSV error"));
    assert!(said("").contains("first line has to be"));
}
